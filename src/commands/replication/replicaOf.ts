/** REPLICAOF, SLAVEOF and ROLE. */
import { ADMIN, type ArgumentDoc, FAST, LOADING, NO_ASYNC_LOADING, NOSCRIPT, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { command } from '../define.js';
import type { MasterFacts } from '../replicationPort.js';

const INVALID_PORT = 'ERR Invalid master port';

const MASTER: ArgumentDoc = {
  name: 'args',
  type: 'oneof',
  arguments: [
    {
      name: 'host-port',
      type: 'block',
      arguments: [
        { name: 'host', type: 'string' },
        { name: 'port', type: 'integer' },
      ],
    },
    {
      name: 'no-one',
      type: 'block',
      arguments: [
        { name: 'no', type: 'pure-token', token: 'NO' },
        { name: 'one', type: 'pure-token', token: 'ONE' },
      ],
    },
  ],
};

const COMMON = {
  arity: 3,
  group: 'server',
  flags: ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING,
  complexity: 'O(1)',
  summary: 'Makes the server follow a master, or be one itself.',
  arguments: [MASTER],
  run: runReplicaOf,
} as const;

export const replicaOf = command({ ...COMMON, name: 'replicaof', since: '5.0.0' });

export const slaveOf = command({
  ...COMMON,
  name: 'slaveof',
  since: '1.0.0',
  docFlags: ['deprecated'],
  deprecatedSince: '5.0.0',
  replacedBy: '`REPLICAOF`',
});

function runReplicaOf(ctx: CommandContext): void {
  const { reply, server } = ctx;
  const { replication } = server;
  if (server.cluster !== undefined) return reply.error('ERR REPLICAOF not allowed in cluster mode.');
  if (replication.failoverState !== 'no-failover') {
    return reply.error('ERR REPLICAOF not allowed while failing over.');
  }
  if (ctx.argIs(1, 'no') && ctx.argIs(2, 'one')) {
    if (replication.master !== undefined) {
      replication.promote();
      server.log('notice', `MASTER MODE enabled (user request from '${ctx.client.peerAddress}')`);
    }
    return reply.ok();
  }
  const host = ctx.argText(1);
  const port = ctx.argInt(2);
  if (!(port >= 0 && port <= 65535)) return reply.error(INVALID_PORT);
  const { master } = replication;
  if (master !== undefined && master.host.toLowerCase() === host.toLowerCase() && master.port === port) {
    return reply.simple('OK Already connected to specified master');
  }
  replication.follow({ host, port });
  server.log('notice', `REPLICAOF ${host}:${port} enabled (user request from '${ctx.client.peerAddress}')`);
  reply.ok();
}

export const role = command({
  name: 'role',
  arity: 1,
  group: 'server',
  since: '2.8.12',
  flags: NOSCRIPT | LOADING | STALE | FAST,
  acl: ['admin', 'dangerous'],
  complexity: 'O(1)',
  summary: 'Answers the part of the server in replication.',
  run(ctx) {
    const { master } = ctx.server.replication;
    if (master === undefined) roleOfMaster(ctx);
    else roleOfReplica(ctx, master);
  },
});

function roleOfMaster({ reply, server }: CommandContext): void {
  const { replicaFacts, offset } = server.replication;
  const online = replicaFacts.filter(({ state }) => state === 'online');
  reply.array(3);
  reply.text('master');
  reply.integer(offset);
  reply.array(online.length);
  for (const { host, port, ackedOffset } of online) {
    reply.array(3);
    reply.text(host);
    reply.text(String(port));
    reply.text(String(ackedOffset));
  }
}

function roleOfReplica({ reply }: CommandContext, { host, port, state, offset }: MasterFacts): void {
  reply.array(5);
  reply.text('slave');
  reply.text(host);
  reply.integer(port);
  reply.text(state);
  reply.integer(state === 'connected' ? offset : -1);
}
