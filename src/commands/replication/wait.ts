/** WAIT: how many replicas have acknowledged the writes so far. */
import { NOT_AN_INTEGER } from '../../resp/errors.js';
import { NOSCRIPT } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';

const TIMEOUT_NO_INTEGER = 'ERR timeout is not an integer or out of range';
const TIMEOUT_NEGATIVE = 'ERR timeout is negative';

const ON_A_REPLICA =
  'ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to ' +
  'be writable (which is not the default) writes to replicas are just local and are not propagated.';

function runWait(ctx: CommandContext): void {
  const { replication } = ctx.server;
  if (replication.master !== undefined) return ctx.reply.error(ON_A_REPLICA);
  const replicas = ctx.argInt64(1);
  if (replicas === undefined) return ctx.reply.error(NOT_AN_INTEGER);
  const timeoutMs = ctx.argInt64(2);
  if (timeoutMs === undefined) return ctx.reply.error(TIMEOUT_NO_INTEGER);
  if (timeoutMs < 0n) return ctx.reply.error(TIMEOUT_NEGATIVE);
  const acked = replication.countAcked(replication.offset);
  if (acked >= replicas || !ctx.mayBlock) return ctx.reply.integer(acked);
  replication.wait(ctx.client, Number(replicas), Number(timeoutMs));
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
