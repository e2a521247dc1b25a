/** WAIT and WAITAOF: how many replicas have acknowledged the writes so far, and where they are on disk. */
import { MUST_BE_POSITIVE, NOT_AN_INTEGER } from '../../resp/errors.js';
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
  const acked = replication.acks.countAcked(replication.offset);
  if (acked >= replicas || !ctx.mayBlock) return ctx.reply.integer(acked);
  replication.acks.wait(ctx.client, Number(replicas), Number(timeoutMs));
}

const NOT_ON_A_REPLICA =
  'ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not ' +
  'propagated.';
const LOCAL_RANGE = 'ERR value is out of range, value must between 0 and 1';

function runWaitAof(ctx: CommandContext): void {
  const { replication } = ctx.server;
  const local = ctx.argInt64(1);
  if (local === undefined) return ctx.reply.error(NOT_AN_INTEGER);
  if (local !== 0n && local !== 1n) return ctx.reply.error(LOCAL_RANGE);
  const replicas = ctx.argInt64(2);
  if (replicas === undefined || replicas < 0n) return ctx.reply.error(MUST_BE_POSITIVE);
  const timeoutMs = ctx.argInt64(3);
  if (timeoutMs === undefined) return ctx.reply.error(TIMEOUT_NO_INTEGER);
  if (timeoutMs < 0n) return ctx.reply.error(TIMEOUT_NEGATIVE);
  if (replication.master !== undefined) return ctx.reply.error(NOT_ON_A_REPLICA);
  replication.acks.waitForDisk(ctx.client, {
    local: local === 1n,
    replicas: Number(replicas),
    timeoutMs: Number(timeoutMs),
    mayBlock: ctx.mayBlock,
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
  command({
    name: 'waitaof',
    arity: 4,
    group: 'generic',
    since: '7.2.0',
    flags: NOSCRIPT,
    acl: ['connection'],
    complexity: 'O(1)',
    summary: 'Waits until the writes of this connection are on disk, here and on a number of replicas.',
    arguments: [
      { name: 'numlocal', type: 'integer' },
      { name: 'numreplicas', type: 'integer' },
      { name: 'timeout', type: 'integer' },
    ],
    tips: ['request_policy:all_shards', 'response_policy:agg_min'],
    run: runWaitAof,
  }),
];
