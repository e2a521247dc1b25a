/** XCLAIM and XAUTOCLAIM: pending entries change hands. */
import { cString, SYNTAX } from '../../resp/errors.js';
import type { Consumer, Group } from '../../types/stream/group.js';
import { ID_INVALID, StreamId } from '../../types/stream/id.js';
import type { Stream } from '../../types/stream/stream.js';
import { FAST, WRITE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey } from '../generic/declare.js';
import { fromArgument, idArgument, integerArgument } from './arguments.js';
import { CONSUMER, COUNT, GROUP, ID, IDS, MIN_IDLE_TIME, optionalToken, START, STREAM } from './declare.js';
import { consumerAsking, settle } from './key.js';
import { groupOf } from './pending.js';
import { propagateClaim, propagateGroupId } from './propagate.js';
import { arrayFrom, replyEntryOf, replyId } from './replies.js';

const KEY_ARG = 1;
const GROUP_ARG = 2;
const CONSUMER_ARG = 3;
const MIN_IDLE_ARG = 4;

const COUNT_TOO_SMALL = 'ERR COUNT must be > 0';
const COUNT_TOO_LARGE = 'ERR Insufficient memory, failed allocating transient memory, COUNT too high.';

/** Redis keeps room for so many ids, of 16 bytes each. */
const MAX_COUNT = 2 ** 63 / 16;
/** More than that is more memory than any machine gives Redis for them. */
const MAX_COUNT_ALLOCATED = 2 ** 40;
const DEFAULT_COUNT = 100;
/** XAUTOCLAIM looks at this many times as many entries as it may claim. */
const ATTEMPTS_FACTOR = 10;

/** What XCLAIM is to do with each entry. */
interface Claim {
  minIdleMs: number;
  /** Undefined: now. Any 64-bit integer. */
  deliveredAtMs: bigint | undefined;
  /** Negative: not given. */
  retryCount: bigint;
  force: boolean;
  justId: boolean;
}

/** A claim under way. */
interface Claiming {
  readonly stream: Stream;
  readonly group: Group;
  readonly consumer: Consumer;
  readonly deliveredAtMs: number;
  readonly claim: Claim;
}

function minIdleArgument(ctx: CommandContext, name: string): number | undefined {
  const ms = integerArgument(ctx, MIN_IDLE_ARG, `ERR Invalid min-idle-time argument for ${name}`);
  return ms === undefined ? undefined : Math.max(0, ms);
}

// -------------------------------------------------------------------- XCLAIM

function runClaim(ctx: CommandContext): void {
  const found = groupOf(ctx, ctx.lookupChange(KEY_ARG));
  if (found === undefined) return;
  const [stream, group] = found;
  const minIdleMs = minIdleArgument(ctx, 'XCLAIM');
  if (minIdleMs === undefined) return;
  const claim: Claim = { minIdleMs, deliveredAtMs: undefined, retryCount: -1n, force: false, justId: false };
  const { streams: tools, buf, start, end } = ctx;
  let idsEnd = 5;
  while (idsEnd < ctx.argc && tools.idAt(idsEnd).parse(buf, start[idsEnd], end[idsEnd], 0) !== ID_INVALID) idsEnd++;
  const lastId = tools.id.setMin();
  for (let i = idsEnd; i < ctx.argc; ) {
    const taken = parseOption(ctx, claim, lastId, i);
    if (taken === 0) return;
    i += taken;
  }
  ctx.propagateNothing();
  let toPropagate = lastId.compare(group.lastId) > 0;
  if (toPropagate) group.lastId.copy(lastId);
  const consumer = consumerAsking(ctx, group, CONSUMER_ARG, KEY_ARG);
  const claiming = { stream, group, consumer, deliveredAtMs: deliveryTime(ctx, claim), claim };
  const { reply } = ctx;
  const at = reply.length;
  const dirtyBefore = ctx.server.dirty;
  let claimed = 0;
  for (let i = 5; i < idsEnd; i++) if (claimOne(ctx, claiming, tools.idAt(i))) claimed++;
  arrayFrom(ctx, at, claimed);
  // A claim that was propagated carries the last id.
  if (ctx.server.dirty !== dirtyBefore) toPropagate = false;
  if (toPropagate) {
    if (ctx.propagating) propagateGroupId(ctx, KEY_ARG, GROUP_ARG, group);
    ctx.markDirty(1);
  }
  settle(ctx, stream);
}

/** Reads the option at argument i; answers how many arguments it takes, 0 when it is no good, which has then been replied. */
function parseOption(ctx: CommandContext, claim: Claim, lastId: StreamId, i: number): number {
  const more = i + 1 < ctx.argc;
  if (ctx.argIs(i, 'force')) claim.force = true;
  else if (ctx.argIs(i, 'justid')) claim.justId = true;
  else if (more && ctx.argIs(i, 'lastid')) return idArgument(ctx, i + 1, lastId) ? 2 : 0;
  else if (more && ctx.argIs(i, 'idle')) {
    const idleMs = numberOption(ctx, i, 'IDLE');
    if (idleMs === undefined) return 0;
    claim.deliveredAtMs = BigInt.asIntN(64, BigInt(ctx.nowMs) - idleMs);
    return 2;
  } else if (more && ctx.argIs(i, 'time')) {
    claim.deliveredAtMs = numberOption(ctx, i, 'TIME');
    return claim.deliveredAtMs === undefined ? 0 : 2;
  } else if (more && ctx.argIs(i, 'retrycount')) {
    const count = numberOption(ctx, i, 'RETRYCOUNT');
    if (count === undefined) return 0;
    claim.retryCount = count;
    return 2;
  } else {
    ctx.reply.error(`ERR Unrecognized XCLAIM option '${cString(ctx.argText(i))}'`);
    return 0;
  }
  return 1;
}

function numberOption(ctx: CommandContext, i: number, name: string): bigint | undefined {
  const value = ctx.argInt64(i + 1);
  if (value === undefined) ctx.reply.error(`ERR Invalid ${name} option argument for XCLAIM`);
  return value;
}

/** Clients may compute times by clocks of their own: what makes no sense is taken as now. */
function deliveryTime({ nowMs }: CommandContext, { deliveredAtMs }: Claim): number {
  if (deliveredAtMs === undefined || deliveredAtMs < 0n || deliveredAtMs > BigInt(nowMs)) return nowMs;
  return Number(deliveredAtMs);
}

/** Claims one entry and replies it; false when it is not to be had. */
function claimOne(ctx: CommandContext, claiming: Claiming, id: StreamId): boolean {
  const { stream, group, consumer, claim } = claiming;
  const { pending } = group;
  const isPending = pending.find(id);
  if (!ctx.streams.editor.has(stream, id)) {
    if (isPending) forget(ctx, group, id);
    return false;
  }
  if (!isPending) {
    if (!claim.force) return false;
    group.deliver(id, consumer, ctx.nowMs);
  } else if (isTooFresh(ctx, group, claim.minIdleMs)) return false;
  take(ctx, claiming, id);
  return true;
}

function isTooFresh(ctx: CommandContext, { pending }: Group, minIdleMs: number): boolean {
  return minIdleMs > 0 && ctx.nowMs - pending.deliveredAtMs < minIdleMs;
}

/** Gives the entry on which `group.pending` stands to the consumer, and replies it. */
function take(ctx: CommandContext, { stream, group, consumer, deliveredAtMs, claim }: Claiming, id: StreamId): void {
  const { pending } = group;
  group.assign(id, consumer);
  pending.deliveredAtMs = deliveredAtMs;
  if (claim.retryCount >= 0n) pending.deliveries = claim.retryCount;
  else if (!claim.justId) pending.countDelivery();
  if (claim.justId) replyId(ctx, id);
  else replyEntryOf(ctx, stream, id);
  consumer.activeAtMs = ctx.nowMs;
  if (ctx.propagating) propagateClaim(ctx, KEY_ARG, GROUP_ARG, group, id);
  ctx.markDirty(1);
}

/** The entry on which `group.pending` stands is no more in the stream: nobody has it to acknowledge. Goes to the next. */
function forget(ctx: CommandContext, group: Group, id: StreamId): boolean {
  if (ctx.propagating) propagateClaim(ctx, KEY_ARG, GROUP_ARG, group, id);
  ctx.markDirty(1);
  return group.forget(id);
}

// -------------------------------------------------------------------- XAUTOCLAIM

function runAutoClaim(ctx: CommandContext): void {
  const { from } = ctx.streams;
  // Redis looks first and reads its arguments then: a miss counts even if they are no good.
  const ref = ctx.lookupChange(KEY_ARG);
  const minIdleMs = minIdleArgument(ctx, 'XAUTOCLAIM');
  if (minIdleMs === undefined || !fromArgument(ctx, 5, from)) return;
  const claim: Claim = { minIdleMs, deliveredAtMs: undefined, retryCount: -1n, force: false, justId: false };
  let count = DEFAULT_COUNT;
  for (let i = 6; i < ctx.argc; i++) {
    if (ctx.argIs(i, 'justid')) claim.justId = true;
    else if (ctx.argIs(i, 'count') && i + 1 < ctx.argc) {
      const given = integerArgument(ctx, ++i, COUNT_TOO_SMALL);
      if (given === undefined) return;
      if (given < 1 || given >= MAX_COUNT) return ctx.reply.error(COUNT_TOO_SMALL);
      count = given;
    } else return ctx.reply.error(SYNTAX);
  }
  const found = groupOf(ctx, ref);
  if (found === undefined) return;
  if (count > MAX_COUNT_ALLOCATED) return ctx.reply.error(COUNT_TOO_LARGE);
  const [stream, group] = found;
  ctx.propagateNothing();
  const consumer = consumerAsking(ctx, group, CONSUMER_ARG, KEY_ARG);
  claimFrom(ctx, { stream, group, consumer, deliveredAtMs: ctx.nowMs, claim }, from, count);
  settle(ctx, stream);
}

/** Claims up to `count` entries from the id `from` on, and replies where to go on, the entries, and the ids of deleted ones. */
function claimFrom(ctx: CommandContext, claiming: Claiming, from: StreamId, count: number): void {
  const { stream, group, claim } = claiming;
  const { pending } = group;
  const { reply } = ctx;
  const { editor, id } = ctx.streams;
  const deleted: StreamId[] = [];
  let attempts = count * ATTEMPTS_FACTOR;
  let left = count;
  let claimed = 0;
  const at = reply.length;
  let more = pending.seek(from);
  while (attempts > 0 && left > 0 && more) {
    attempts--;
    pending.id(id);
    if (!editor.has(stream, id)) {
      deleted.push(new StreamId().copy(id));
      more = forget(ctx, group, id);
      left--;
      continue;
    }
    if (!isTooFresh(ctx, group, claim.minIdleMs)) {
      take(ctx, claiming, id);
      claimed++;
      left--;
    }
    more = pending.next();
  }
  arrayFrom(ctx, at, claimed);
  const entriesEnd = reply.length;
  if (more) pending.id(id);
  else id.setMin();
  replyId(ctx, id);
  reply.moveBefore(at, entriesEnd);
  reply.array(deleted.length);
  for (const each of deleted) replyId(ctx, each);
  arrayFrom(ctx, at, 3);
}

export const claimCommands: readonly Command[] = [
  command({
    ...STREAM,
    name: 'xclaim',
    arity: -6,
    since: '5.0.0',
    flags: WRITE | FAST,
    keys: oneKey('RW update'),
    complexity: 'O(log N) with N entries pending in the group.',
    summary: 'Makes a consumer the owner of pending entries, as if they had been delivered to it.',
    arguments: [
      KEY,
      GROUP,
      CONSUMER,
      MIN_IDLE_TIME,
      IDS,
      { name: 'ms', type: 'integer', token: 'IDLE', flags: ['optional'] },
      { name: 'unix-time-milliseconds', type: 'unix-time', token: 'TIME', flags: ['optional'] },
      { name: 'count', type: 'integer', token: 'RETRYCOUNT', flags: ['optional'] },
      optionalToken('force'),
      optionalToken('justid'),
      { ...ID, token: 'LASTID', flags: ['optional'] },
    ],
    tips: ['nondeterministic_output'],
    run: runClaim,
  }),
  command({
    ...STREAM,
    name: 'xautoclaim',
    arity: -6,
    since: '6.2.0',
    flags: WRITE | FAST,
    keys: oneKey('RW delete'),
    complexity: 'O(1) with a small COUNT.',
    summary: 'Makes a consumer the owner of entries that have been pending for too long.',
    history: [['7.0.0', 'Replies also the ids of deleted entries, which are not pending any more.']],
    arguments: [KEY, GROUP, CONSUMER, MIN_IDLE_TIME, START, COUNT, optionalToken('justid')],
    tips: ['nondeterministic_output'],
    run: runAutoClaim,
  }),
];
