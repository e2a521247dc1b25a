/** XREAD and XREADGROUP. */
import { cString, SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { type Ref, TYPE_STREAM } from '../../store/types.js';
import type { Consumer, Group } from '../../types/stream/group.js';
import type { Stream } from '../../types/stream/stream.js';
import { timeoutMilliseconds } from '../blocking.js';
import { BLOCKING, type KeySpec, keyword, MOVABLEKEYS, READONLY, range, WRITE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { KEYS } from '../generic/declare.js';
import { idArgument, integerArgument } from './arguments.js';
import { countRead } from './counters.js';
import { CONSUMER, COUNT, GROUP, IDS, optionalToken, STREAM } from './declare.js';
import { consumerAsking, settle } from './key.js';
import { propagateClaim, propagateConsumer, propagateGroupId } from './propagate.js';
import { arrayFrom, replyEntry, replyEntryOf, replyId, replyRange } from './replies.js';

const GROUP_IN_XREAD = 'ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.';
const NOACK_IN_XREAD = 'ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.';
const NO_GROUP_OPTION = 'ERR Missing GROUP option for XREADGROUP';
const newestInGroup = (id: string): string =>
  `ERR The ${id} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying ` +
  `a proper ID, or use the > ID to get new messages. The ${id} ID would just return an empty result set.`;
const UNREAD_WITHOUT_GROUP =
  'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.';

const DOLLAR = 0x24;
const PLUS = 0x2b;
const GREATER = 0x3e;

/** What the arguments ask for. */
interface Request {
  /** 0: all. */
  count: number;
  /** Undefined: does not wait. */
  timeoutMs: number | undefined;
  noAck: boolean;
  /** The arguments with the group and the consumer; 0 in XREAD. */
  groupArg: number;
  /** The first key, and how many there are; their ids follow. */
  keysArg: number;
  streams: number;
}

/** Reads the arguments. Undefined when they are no good, which has then been replied. */
function parseRequest(ctx: CommandContext, forGroup: boolean): Request | undefined {
  const request: Request = { count: 0, timeoutMs: undefined, noAck: false, groupArg: 0, keysArg: 0, streams: 0 };
  for (let i = 1; i < ctx.argc && request.keysArg === 0; i++) {
    const more = ctx.argc - i - 1;
    if (more > 0 && ctx.argIs(i, 'block')) {
      request.timeoutMs = timeoutMilliseconds(ctx, ++i);
      if (request.timeoutMs === undefined) return undefined;
    } else if (more > 0 && ctx.argIs(i, 'count')) {
      const count = integerArgument(ctx, ++i);
      if (count === undefined) return undefined;
      request.count = Math.max(0, count);
    } else if (more > 0 && ctx.argIs(i, 'streams')) {
      request.keysArg = i + 1;
      request.streams = more / 2;
      if (more % 2 !== 0) return fail(ctx, unbalanced(ctx, forGroup));
    } else if (more > 1 && ctx.argIs(i, 'group')) {
      if (!forGroup) return fail(ctx, GROUP_IN_XREAD);
      request.groupArg = i + 1;
      i += 2;
    } else if (ctx.argIs(i, 'noack')) {
      if (!forGroup) return fail(ctx, NOACK_IN_XREAD);
      request.noAck = true;
    } else return fail(ctx, SYNTAX);
  }
  if (request.keysArg === 0) return fail(ctx, SYNTAX);
  return forGroup && request.groupArg === 0 ? fail(ctx, NO_GROUP_OPTION) : request;
}

function unbalanced(ctx: CommandContext, forGroup: boolean): string {
  const last = forGroup ? '>' : '$';
  return (
    `ERR Unbalanced '${ctx.command.fullName}' list of streams: ` +
    `for each stream key an ID or '${last}' must be specified.`
  );
}

function fail(ctx: CommandContext, error: string): undefined {
  ctx.reply.error(error);
  return undefined;
}

function runRead(ctx: CommandContext, forGroup: boolean): void {
  const request = parseRequest(ctx, forGroup);
  if (request === undefined || !resolveIds(ctx, request)) return;
  const { reply } = ctx;
  const { keysArg, streams } = request;
  if (forGroup) ctx.propagateNothing();
  const at = reply.length;
  let served = 0;
  for (let i = 0; i < streams; i++) {
    const ref = forGroup ? ctx.lookupChange(keysArg + i) : ctx.lookupRead(keysArg + i);
    if (ref === 0) continue;
    const stream = ctx.db.object(ref) as Stream;
    if (forGroup ? serveGroup(ctx, request, stream, i) : serve(ctx, request, stream, i)) served++;
  }
  if (served > 0) {
    const end = reply.length;
    if (reply.protocol === 2) reply.array(served);
    else reply.map(served);
    reply.moveBefore(at, end);
  } else if (request.timeoutMs === undefined) reply.nilArray();
  else wait(ctx, request, forGroup);
}

function wait(ctx: CommandContext, { keysArg, streams, timeoutMs = 0 }: Request, forGroup: boolean): void {
  for (let i = 0; i < streams; i++) {
    const idArg = keysArg + streams + i;
    // What is the newest when the wait begins.
    if (isByte(ctx, idArg, DOLLAR)) ctx.pinArgument(idArg, Buffer.from(ctx.streams.idAt(i).toString()));
  }
  const lastKey = keysArg + streams - 1;
  ctx.waitForKeys({
    type: TYPE_STREAM,
    firstKey: keysArg,
    lastKey,
    timeoutMs,
    nothing: 'array',
    wakeWhenGone: forGroup,
  });
}

/**
 * The ids behind which to read, into the tools; the greatest id stands for `>`. False when an id, a key or a group is no good,
 * which has then been replied.
 */
function resolveIds(ctx: CommandContext, { keysArg, streams, groupArg }: Request): boolean {
  for (let i = 0; i < streams; i++) {
    const ref: Ref = ctx.lookupRead(keysArg + i);
    if (ref !== 0 && ctx.db.type(ref) !== TYPE_STREAM) return refuse(ctx, WRONGTYPE);
    const stream = ref === 0 ? undefined : (ctx.db.object(ref) as Stream);
    if (groupArg !== 0 && !stream?.groups.has(ctx.argText(groupArg))) {
      const [key, group] = [cString(ctx.argText(keysArg + i)), cString(ctx.argText(groupArg))];
      return refuse(ctx, `NOGROUP No such key '${key}' or consumer group '${group}' in XREADGROUP with GROUP option`);
    }
    const idArg = keysArg + streams + i;
    const id = ctx.streams.idAt(i);
    if (isByte(ctx, idArg, DOLLAR)) {
      if (groupArg !== 0) return refuse(ctx, newestInGroup('$'));
      if (stream === undefined) id.setMin();
      else id.copy(stream.lastId);
    } else if (isByte(ctx, idArg, PLUS)) {
      // Redis 7.4: the last entry there is, or the first to come.
      if (groupArg !== 0) return refuse(ctx, newestInGroup('+'));
      if (stream === undefined) id.setMin();
      else if (stream.length === 0) id.copy(stream.lastId);
      else ctx.streams.editor.lastLivingId(stream, id).decrement();
    } else if (isByte(ctx, idArg, GREATER)) {
      if (groupArg === 0) return refuse(ctx, UNREAD_WITHOUT_GROUP);
      id.setMax();
    } else if (!idArgument(ctx, idArg, id)) return false;
  }
  return true;
}

function isByte(ctx: CommandContext, i: number, byte: number): boolean {
  return ctx.argLength(i) === 1 && ctx.buf[ctx.start[i]] === byte;
}

function refuse(ctx: CommandContext, error: string): false {
  ctx.reply.error(error);
  return false;
}

/** Replies the name of stream i: what comes before its entries. */
function replyName(ctx: CommandContext, { keysArg }: Request, i: number): void {
  const { reply, buf, start, end } = ctx;
  if (reply.protocol === 2) reply.array(2);
  reply.bulk(buf, start[keysArg + i], end[keysArg + i]);
}

/** XREAD of stream i; false, and no reply, when it has nothing new. */
function serve(ctx: CommandContext, request: Request, stream: Stream, i: number): boolean {
  const { editor, from, to } = ctx.streams;
  const after = ctx.streams.idAt(i);
  if (stream.length === 0 || editor.lastLivingId(stream, to).compare(after) <= 0) return false;
  replyName(ctx, request, i);
  from.copy(after).increment();
  replyRange(ctx, stream, from, to.setMax(), request.count, false);
  return true;
}

/** XREADGROUP of stream i; false, and no reply, when it has nothing new for the group. */
function serveGroup(ctx: CommandContext, request: Request, stream: Stream, i: number): boolean {
  const { editor, from, to } = ctx.streams;
  const { keysArg, groupArg, noAck } = request;
  const group = stream.groups.get(ctx.argText(groupArg)) as Group;
  const after = ctx.streams.idAt(i);
  const fromHistory = !after.isMax;
  const isNew = !group.consumers.has(ctx.argText(groupArg + 1));
  const consumer = consumerAsking(ctx, group, groupArg + 1, keysArg + i);
  if (isNew && noAck && ctx.propagating) propagateConsumer(ctx, keysArg + i, groupArg, groupArg + 1);
  const hasNew = stream.length > 0 && editor.lastLivingId(stream, to).compare(group.lastId) > 0;
  if (fromHistory || hasNew) {
    replyName(ctx, request, i);
    from.copy(fromHistory ? after : group.lastId).increment();
    if (fromHistory) replyHistory(ctx, request, stream, group, consumer);
    else deliver(ctx, request, stream, group, consumer, keysArg + i);
    ctx.markDirty(1);
  }
  settle(ctx, stream);
  return fromHistory || hasNew;
}

/** Entries that the consumer got before, from the tools' `from` on. */
function replyHistory(ctx: CommandContext, { count }: Request, stream: Stream, group: Group, consumer: Consumer): void {
  const { from, id } = ctx.streams;
  const { reply } = ctx;
  const { pending } = group;
  const at = reply.length;
  let replied = 0;
  for (let more = consumer.pending.seek(from); more; more = consumer.pending.next()) {
    consumer.pending.id(id);
    if (replyEntryOf(ctx, stream, id)) {
      pending.find(id);
      pending.deliveredAtMs = ctx.nowMs;
      pending.countDelivery();
    } else {
      // It was deleted, but the consumer has not acknowledged it.
      reply.array(2);
      replyId(ctx, id);
      reply.nilArray();
    }
    if (++replied === count) break;
  }
  arrayFrom(ctx, at, replied);
}

/** Entries that nobody got yet, from the tools' `from` on. */
function deliver(
  ctx: CommandContext,
  { count, noAck, groupArg }: Request,
  stream: Stream,
  group: Group,
  consumer: Consumer,
  keyArg: number,
): void {
  const { reader, from, to } = ctx.streams;
  const { reply } = ctx;
  const { id } = reader;
  const at = reply.length;
  let replied = 0;
  reader.open(stream, from, to.setMax(), false);
  while (reader.next()) {
    countRead(stream, group, id);
    group.lastId.copy(id);
    replyEntry(ctx);
    if (!noAck) {
      group.deliver(id, consumer, ctx.nowMs);
      consumer.activeAtMs = ctx.nowMs;
      if (ctx.propagating) propagateClaim(ctx, keyArg, groupArg, group, id);
    }
    if (++replied === count) break;
  }
  if (noAck && replied > 0 && ctx.propagating) propagateGroupId(ctx, keyArg, groupArg, group);
  arrayFrom(ctx, at, replied);
}

function streamKeys(startFrom: number): readonly KeySpec[] {
  return [{ begin: keyword('STREAMS', startFrom), find: range(-1, 1, 2), access: 'RO access' }];
}

const BLOCK = { name: 'milliseconds', type: 'integer', token: 'BLOCK', flags: ['optional'] } as const;
const STREAMS = { name: 'streams', type: 'block', token: 'STREAMS', arguments: [KEYS, IDS] } as const;

export const readCommands: readonly Command[] = [
  command({
    ...STREAM,
    name: 'xread',
    arity: -4,
    since: '5.0.0',
    flags: READONLY | BLOCKING | MOVABLEKEYS,
    keys: streamKeys(1),
    complexity: 'O(N) for each stream with N entries replied.',
    summary: 'Replies the entries of streams behind given ids; can wait for them.',
    arguments: [COUNT, BLOCK, STREAMS],
    run: (ctx) => runRead(ctx, false),
  }),
  command({
    ...STREAM,
    name: 'xreadgroup',
    arity: -7,
    since: '5.0.0',
    flags: WRITE | BLOCKING | MOVABLEKEYS,
    keys: streamKeys(4),
    complexity: 'O(M) for each stream with M entries replied.',
    summary: 'Replies what a group has not read yet, or what a consumer of it has not acknowledged; can wait for it.',
    arguments: [
      { name: 'group_consumer', type: 'block', token: 'GROUP', arguments: [GROUP, CONSUMER] },
      COUNT,
      BLOCK,
      optionalToken('noack'),
      STREAMS,
    ],
    run: (ctx) => runRead(ctx, true),
  }),
];
