/** WAIT: how many replicas have acknowledged the writes so far. */
import { NOT_AN_INTEGER } from '../../resp/errors.js';
import { NOSCRIPT } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';

const TIMEOUT_NO_INTEGER = 'ERR timeout is not an integer or out of range';
const TIMEOUT_NEGATIVE = 'ERR timeout is negative';

const UNBLOCKED = 'UNBLOCKED client unblocked via CLIENT UNBLOCK';

/** There are no replicas yet, so asking for any waits in vain until the time is over. */
function runWait(ctx: CommandContext): void {
  const replicas = ctx.argInt64(1);
  if (replicas === undefined) return ctx.reply.error(NOT_AN_INTEGER);
  const timeoutMs = ctx.argInt64(2);
  if (timeoutMs === undefined) return ctx.reply.error(TIMEOUT_NO_INTEGER);
  if (timeoutMs < 0n) return ctx.reply.error(TIMEOUT_NEGATIVE);
  if (replicas <= 0n || !ctx.mayBlock) return ctx.reply.integer(0);
  ctx.server.clients.block(ctx.client, Number(timeoutMs), (reply, how) => {
    if (how === 'timeout') reply.integer(0);
    else reply.error(UNBLOCKED);
  });
}

export const waitCommands: readonly Command[] = [
  command({
    name: 'wait',
    arity: 3,
    group: 'generic',
    since: '3.0.0',
    flags: NOSCRIPT,
    acl: ['connection'],
    complexity: 'O(1)',
    summary: 'Waits until the writes of this connection have reached a number of replicas.',
    arguments: [
      { name: 'numreplicas', type: 'integer' },
      { name: 'timeout', type: 'integer' },
    ],
    tips: ['request_policy:all_shards', 'response_policy:agg_min'],
    run: runWait,
  }),
];
