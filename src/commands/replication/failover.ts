/** FAILOVER: a planned change of the master. */
import * as errors from '../../resp/errors.js';
import { ADMIN, NOSCRIPT, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { command } from '../define.js';
import type { FailoverOptions, MasterAddress } from '../replicationPort.js';

export const failover = command({
  name: 'failover',
  arity: -1,
  group: 'server',
  since: '6.2.0',
  flags: ADMIN | NOSCRIPT | STALE,
  complexity: 'O(1)',
  summary: 'Lets a replica take over, once it has everything.',
  arguments: [
    {
      name: 'target',
      type: 'block',
      token: 'TO',
      flags: ['optional'],
      arguments: [
        { name: 'host', type: 'string' },
        { name: 'port', type: 'integer' },
        { name: 'force', type: 'pure-token', token: 'FORCE', flags: ['optional'] },
      ],
    },
    { name: 'abort', type: 'pure-token', token: 'ABORT', flags: ['optional'] },
    { name: 'milliseconds', type: 'integer', token: 'TIMEOUT', flags: ['optional'] },
  ],
  run(ctx) {
    const { reply, server } = ctx;
    if (server.cluster !== undefined) {
      return reply.error('ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.');
    }
    if (ctx.argc === 2 && ctx.argIs(1, 'abort')) {
      if (server.replication.abortFailover()) return reply.ok();
      return reply.error('ERR No failover in progress.');
    }
    const options = parseOptions(ctx);
    const error = typeof options === 'string' ? options : server.replication.failover(options);
    if (error === undefined) reply.ok();
    else reply.error(error);
  },
});

/** What was asked for, or the error reply. */
function parseOptions(ctx: CommandContext): FailoverOptions | string {
  let target: MasterAddress | undefined;
  let force = false;
  let timeoutMs = 0;
  for (let i = 1; i < ctx.argc; i++) {
    if (ctx.argIs(i, 'timeout') && i + 1 < ctx.argc && timeoutMs === 0) {
      timeoutMs = ctx.argInt(++i);
      if (Number.isNaN(timeoutMs)) return errors.NOT_AN_INTEGER;
      if (timeoutMs <= 0) return 'ERR FAILOVER timeout must be greater than 0';
    } else if (ctx.argIs(i, 'to') && i + 2 < ctx.argc && target === undefined) {
      const port = ctx.argInt(i + 2);
      if (Number.isNaN(port)) return errors.NOT_AN_INTEGER;
      target = { host: ctx.argText(i + 1), port };
      i += 2;
    } else if (ctx.argIs(i, 'force') && !force) {
      force = true;
    } else {
      return errors.SYNTAX;
    }
  }
  return { target, force, timeoutMs };
}
