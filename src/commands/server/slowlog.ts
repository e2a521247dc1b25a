/** SLOWLOG: the calls that took longer than slowlog-log-slower-than. */
import { ADMIN, LOADING, STALE } from '../command.js';
import { parseIntArgument } from '../connection/arguments.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { helpSubcommand, unknownSubcommandOrArity } from '../introspection/help.js';
import type { SlowCall } from './monitoringPorts.js';

const COMMON = { group: 'server', since: '2.2.12', flags: ADMIN | LOADING | STALE } as const;
const COUNT_DEFAULT = 10;

const slowlogGet = command({
  ...COMMON,
  name: 'get',
  arity: -2,
  complexity: 'O(N) where N is the number of entries returned',
  summary: 'Answers the newest entries: id, time, microseconds, arguments, address and name of the client.',
  history: [['4.0.0', 'Address and name of the client.']],
  arguments: [{ name: 'count', type: 'integer', flags: ['optional'] }],
  tips: ['request_policy:all_nodes', 'nondeterministic_output'],
  run(ctx) {
    const { reply, server } = ctx;
    if (ctx.argc > 3) return reply.error(unknownSubcommandOrArity(ctx));
    const count = ctx.argc === 3 ? parseCount(ctx) : COUNT_DEFAULT;
    if (count === undefined) return;
    reply.array(Math.min(count, server.slowLog.length));
    for (const call of server.slowLog.newest(count)) replyCall(ctx, call);
  },
});

/** -1 stands for all. Undefined after an error reply. */
function parseCount(ctx: CommandContext): number | undefined {
  const refusal = 'ERR count should be greater than or equal to -1';
  const count = parseIntArgument(ctx, 2, refusal);
  if (count === undefined) return undefined;
  if (count >= 0) return count;
  if (count === -1) return ctx.server.slowLog.length;
  ctx.reply.error(refusal);
  return undefined;
}

function replyCall({ reply }: CommandContext, call: SlowCall): void {
  reply.array(6);
  reply.integer(call.id);
  reply.integer(call.atSeconds);
  reply.integer(call.durationUs);
  reply.array(call.args.length);
  for (const arg of call.args) reply.bytes(arg);
  reply.latin1(call.peerAddress);
  reply.latin1(call.clientName);
}

const slowlogLen = command({
  ...COMMON,
  name: 'len',
  arity: 2,
  complexity: 'O(1)',
  summary: 'Answers how many entries there are.',
  tips: ['request_policy:all_nodes', 'response_policy:agg_sum', 'nondeterministic_output'],
  run(ctx) {
    ctx.reply.integer(ctx.server.slowLog.length);
  },
});

const slowlogReset = command({
  ...COMMON,
  name: 'reset',
  arity: 2,
  complexity: 'O(N) where N is the number of entries in the slowlog',
  summary: 'Removes all entries.',
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  run(ctx) {
    ctx.server.slowLog.clear();
    ctx.reply.ok();
  },
});

const HELP: readonly string[] = [
  'GET [<count>]',
  '    The newest <count> entries (10 by default, -1 for all). Each is made of',
  '    id, time, microseconds, arguments, address and name of the client.',
  'LEN',
  '    How many entries there are.',
  'RESET',
  '    Remove all entries.',
];

const slowlogHelp = helpSubcommand({ group: 'server', since: '6.2.0' }, HELP);

export const slowlog: Command = command({
  name: 'slowlog',
  arity: -2,
  group: 'server',
  since: '2.2.12',
  flags: 0,
  complexity: 'Depends on subcommand.',
  summary: 'Commands about calls that took long.',
  subcommands: [slowlogGet, slowlogHelp, slowlogLen, slowlogReset],
});
