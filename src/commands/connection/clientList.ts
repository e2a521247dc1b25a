/** CLIENT LIST and CLIENT INFO. */
import * as errors from '../../resp/errors.js';
import { ADMIN, LOADING, NOSCRIPT, STALE } from '../command.js';
import type { ClientPort, CommandContext } from '../context.js';
import { command } from '../define.js';
import { oneOf } from '../generic/declare.js';
import { clientLine, clientType, clientTypeByName } from './clientLine.js';

export const clientInfo = command({
  name: 'info',
  arity: 2,
  group: 'connection',
  since: '6.2.0',
  flags: NOSCRIPT | LOADING | STALE,
  acl: ['connection'],
  complexity: 'O(1)',
  summary: 'Describes the connection in one line.',
  tips: ['nondeterministic_output'],
  run(ctx) {
    replyLines(ctx, [ctx.client]);
  },
});

export const clientList = command({
  name: 'list',
  arity: -2,
  group: 'connection',
  since: '2.4.0',
  flags: ADMIN | NOSCRIPT | LOADING | STALE,
  acl: ['connection'],
  complexity: 'O(N) where N is the number of client connections',
  summary: 'Describes the connections, one line each.',
  history: [
    ['2.8.12', 'Field `id`.'],
    ['5.0.0', 'Filter `TYPE`.'],
    ['6.0.0', 'Field `user`.'],
    ['6.2.0', 'Fields `argv-mem`, `tot-mem`, `laddr` and `redir`, filter `ID`.'],
    ['7.0.0', 'Fields `resp`, `multi-mem`, `rbs` and `rbp`.'],
    ['7.0.3', 'Field `ssub`.'],
    ['7.2.0', 'Fields `lib-name` and `lib-ver`.'],
  ],
  arguments: [
    oneOf('normal_master_replica_pubsub', ['normal', 'master', 'replica', 'pubsub'], {
      token: 'TYPE',
      since: '5.0.0',
      flags: ['optional'],
    }),
    {
      name: 'id',
      type: 'block',
      token: 'ID',
      since: '6.2.0',
      flags: ['optional'],
      arguments: [{ name: 'client-id', type: 'integer', flags: ['multiple'] }],
    },
  ],
  tips: ['nondeterministic_output'],
  run(ctx) {
    if (ctx.argc === 2) replyLines(ctx, ctx.server.clients.all());
    else if (ctx.argc === 4 && ctx.argIs(2, 'type')) listOfType(ctx, ctx.argText(3));
    else if (ctx.argc > 3 && ctx.argIs(2, 'id')) listOfIds(ctx);
    else ctx.reply.error(errors.SYNTAX);
  },
});

function listOfType(ctx: CommandContext, name: string): void {
  const type = clientTypeByName(name);
  if (type === undefined) return ctx.reply.error(`ERR Unknown client type '${name}'`);
  replyLines(
    ctx,
    [...ctx.server.clients.all()].filter((client) => clientType(client) === type),
  );
}

function listOfIds(ctx: CommandContext): void {
  const found: ClientPort[] = [];
  for (let i = 3; i < ctx.argc; i++) {
    if (ctx.argInt64(i) === undefined) return ctx.reply.error('ERR Invalid client ID');
    const client = ctx.server.clients.byId(ctx.argInt(i));
    if (client !== undefined) found.push(client);
  }
  replyLines(ctx, found);
}

function replyLines(ctx: CommandContext, clients: Iterable<ClientPort>): void {
  let text = '';
  for (const client of clients) text += `${clientLine(ctx, client)}\n`;
  ctx.reply.verbatim('txt', text);
}
