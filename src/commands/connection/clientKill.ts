/** CLIENT KILL in its two forms: an address alone, or filters that must all fit. */
import * as errors from '../../resp/errors.js';
import { ADMIN, LOADING, NOSCRIPT, STALE } from '../command.js';
import type { ClientPort, CommandContext } from '../context.js';
import { command } from '../define.js';
import { type ClientType, clientType, clientTypeByName } from './clientLine.js';

/** There are no others yet. */
const DEFAULT_USER = 'default';

interface KillFilter {
  id?: number;
  addr?: string;
  laddr?: string;
  user?: string;
  type?: ClientType;
  skipMe: boolean;
}

export const clientKill = command({
  name: 'kill',
  arity: -3,
  group: 'connection',
  since: '2.4.0',
  flags: ADMIN | NOSCRIPT | LOADING | STALE,
  acl: ['connection'],
  complexity: 'O(N) where N is the number of client connections',
  summary: 'Closes connections.',
  history: [
    ['2.8.12', 'The form with filters.'],
    ['2.8.12', 'Filter `ID`.'],
    ['3.2.0', 'Type `master`.'],
    ['5.0.0', 'Type `replica` in place of `slave`, which goes on working.'],
    ['6.2.0', 'Filter `LADDR`.'],
  ],
  arguments: [
    {
      name: 'filter',
      type: 'oneof',
      arguments: [
        { name: 'ip:port', type: 'string', deprecatedSince: '2.8.12' },
        {
          name: 'new-format',
          type: 'oneof',
          flags: ['multiple'],
          arguments: [
            { name: 'client-id', type: 'integer', token: 'ID', since: '2.8.12', flags: ['optional'] },
            {
              name: 'normal_master_slave_pubsub',
              type: 'oneof',
              token: 'TYPE',
              since: '2.8.12',
              flags: ['optional'],
              arguments: [
                { name: 'normal', type: 'pure-token', token: 'NORMAL' },
                { name: 'master', type: 'pure-token', token: 'MASTER', since: '3.2.0' },
                { name: 'slave', type: 'pure-token', token: 'SLAVE' },
                { name: 'replica', type: 'pure-token', token: 'REPLICA', since: '5.0.0' },
                { name: 'pubsub', type: 'pure-token', token: 'PUBSUB' },
              ],
            },
            { name: 'username', type: 'string', token: 'USER', flags: ['optional'] },
            { name: 'ip:port', type: 'string', token: 'ADDR', flags: ['optional'] },
            { name: 'ip:port', type: 'string', token: 'LADDR', since: '6.2.0', flags: ['optional'] },
            { name: 'yes/no', type: 'string', token: 'SKIPME', flags: ['optional'] },
          ],
        },
      ],
    },
  ],
  run(ctx) {
    const addressOnly = ctx.argc === 3;
    // The old form may hit the very connection that asks.
    const filter = addressOnly ? { addr: ctx.argText(2), skipMe: false } : parseFilter(ctx);
    if (typeof filter === 'string') return ctx.reply.error(filter);
    const victims = [...ctx.server.clients.all()].filter((client) => fits(ctx, filter, client));
    for (const client of victims) if (client !== ctx.client) client.kill();
    if (!addressOnly) ctx.reply.integer(victims.length);
    else if (victims.length > 0) ctx.reply.ok();
    else ctx.reply.error('ERR No such client');
    if (victims.includes(ctx.client)) ctx.client.closeAfterReply();
  },
});

function fits(ctx: CommandContext, filter: KillFilter, client: ClientPort): boolean {
  if (filter.addr !== undefined && client.peerAddress !== filter.addr) return false;
  if (filter.laddr !== undefined && client.localAddress !== filter.laddr) return false;
  if (filter.type !== undefined && clientType(client) !== filter.type) return false;
  if (filter.id !== undefined && client.id !== filter.id) return false;
  if (filter.user !== undefined && client.user !== filter.user) return false;
  return !(filter.skipMe && client === ctx.client);
}

/** The filters from argument 2 on, or the error reply. */
function parseFilter(ctx: CommandContext): KillFilter | string {
  const filter: KillFilter = { skipMe: true };
  for (let i = 2; i < ctx.argc; i += 2) {
    if (i + 1 === ctx.argc) return errors.SYNTAX;
    const error = parseOption(ctx, i, filter);
    if (error !== undefined) return error;
  }
  return filter;
}

/** Notes the option in argument `i` with its value in the next one; the error reply when it is none. */
function parseOption(ctx: CommandContext, i: number, filter: KillFilter): string | undefined {
  const value = ctx.argText(i + 1);
  switch (ctx.argText(i).toLowerCase()) {
    case 'id':
      filter.id = Number(ctx.argInt64(i + 1) ?? 0n);
      return filter.id > 0 ? undefined : 'ERR client-id should be greater than 0';
    case 'type': {
      const type = clientTypeByName(value);
      if (type === undefined) return `ERR Unknown client type '${value}'`;
      filter.type = type;
      return undefined;
    }
    case 'addr':
      filter.addr = value;
      return undefined;
    case 'laddr':
      filter.laddr = value;
      return undefined;
    case 'user':
      filter.user = value;
      return value === DEFAULT_USER ? undefined : `ERR No such user '${value}'`;
    case 'skipme':
      if (!ctx.argIs(i + 1, 'yes') && !ctx.argIs(i + 1, 'no')) return errors.SYNTAX;
      filter.skipMe = ctx.argIs(i + 1, 'yes');
      return undefined;
    default:
      return errors.SYNTAX;
  }
}
