/** Commands that take the first or last members: ZPOPMIN ZPOPMAX ZMPOP, and waiting BZPOPMIN BZPOPMAX BZMPOP. */
import { MUST_BE_POSITIVE, SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { TYPE_ZSET } from '../../store/types.js';
import { timeoutSeconds } from '../blocking.js';
import { EMPTY_ARRAY } from '../collectionKey.js';
import {
  type ArgumentDoc,
  BLOCKING,
  FAST,
  index,
  type KeySpec,
  keynum,
  MOVABLEKEYS,
  NOSCRIPT,
  range,
  WRITE,
} from '../command.js';
import type { CommandContext } from '../context.js';
import type { Command } from '../define.js';
import { KEY, KEYS, oneKey, token } from '../generic/declare.js';
import { closeShrunk, zsetCommand, zsetToShrink } from './declare.js';
import { integerArgument } from './ranges.js';

const NO_KEYS = 'ERR numkeys should be greater than 0';
const NO_COUNT = 'ERR count should be greater than 0';

/** How popped elements are replied. */
const FLAT = 0;
const NESTED = 1;

/** Replies and removes `count` elements from one end of the open sorted set of key argument i, the end first. */
function popElements(ctx: CommandContext, i: number, least: boolean, count: number, form: number): void {
  const { reply, zsets } = ctx;
  const { editor } = zsets;
  const { zset } = editor;
  const total = zset.count;
  zset.seek(least ? 0 : total - 1);
  for (let left = count; ; ) {
    if (form === NESTED) reply.array(2);
    reply.view(zset.member());
    reply.double(zset.score);
    if (--left === 0) break;
    if (least) zset.next();
    else zset.previous();
  }
  editor.removeRange(least ? 0 : total - count, count);
  closeShrunk(ctx, i, least ? 'zpopmin' : 'zpopmax', count);
}

function runPop(ctx: CommandContext, least: boolean): void {
  const { reply } = ctx;
  if (ctx.argc > 3) return reply.error(SYNTAX);
  let count = 1;
  if (ctx.argc === 3) {
    count = integerArgument(ctx, 2, MUST_BE_POSITIVE);
    if (Number.isNaN(count)) return;
    if (count < 0) return reply.error(MUST_BE_POSITIVE);
  }
  const editor = zsetToShrink(ctx, 1, EMPTY_ARRAY);
  if (editor === undefined) return;
  if (count === 0) return reply.array(0);
  const taken = Math.min(count, editor.count);
  // Without a count the only pair is not wrapped, not even in RESP3.
  const nested = ctx.argc === 3 && reply.protocol !== 2;
  reply.array(nested ? taken : taken * 2);
  popElements(ctx, 1, least, taken, nested ? NESTED : FLAT);
}

// ---------------------------------------------------------------- the first of several sorted sets that is there

/**
 * The first of the key arguments from `first` to `last` that is there, its sorted set being open; before all others the one
 * that woke the command. 0 when there is none, NaN when it holds something else, which has been replied.
 */
function firstZset(ctx: CommandContext, first: number, last: number): number {
  const { db, zsets } = ctx;
  const woken = ctx.wokenBy(first, last);
  const ref = woken < 0 ? 0 : ctx.lookupWrite(woken);
  if (ref !== 0 && db.type(ref) === TYPE_ZSET) {
    zsets.edit(db, ref);
    return woken;
  }
  for (let i = first; i <= last; i++) {
    const found = ctx.lookupWrite(i);
    if (found === 0) continue;
    if (db.type(found) === TYPE_ZSET) {
      zsets.edit(db, found);
      return i;
    }
    ctx.reply.error(WRONGTYPE);
    return Number.NaN;
  }
  return 0;
}

function runBlockingPop(ctx: CommandContext, least: boolean): void {
  const lastKey = ctx.argc - 2;
  const timeoutMs = timeoutSeconds(ctx, ctx.argc - 1);
  if (timeoutMs === undefined) return;
  const i = firstZset(ctx, 1, lastKey);
  if (Number.isNaN(i)) return;
  if (i === 0) return ctx.waitForKeys({ type: TYPE_ZSET, firstKey: 1, lastKey, timeoutMs, nothing: 'array' });
  ctx.reply.array(3);
  ctx.reply.bulk(ctx.buf, ctx.start[i], ctx.end[i]);
  if (ctx.propagating) ctx.propagateAs([least ? 'ZPOPMIN' : 'ZPOPMAX', ctx.argCopy(i)]);
  popElements(ctx, i, least, 1, FLAT);
}

/** Argument i as an integer above 0; NaN when it is none, which has been replied. */
function positive(ctx: CommandContext, i: number, error: string): number {
  const value = integerArgument(ctx, i, error);
  if (!(value < 1)) return value;
  ctx.reply.error(error);
  return Number.NaN;
}

/** ZMPOP and, with `timeoutMs`, BZMPOP; `numKeysArg` is the argument with the number of keys. */
function popFromFirst(ctx: CommandContext, numKeysArg: number, timeoutMs: number | undefined): void {
  const { argc, reply } = ctx;
  const numKeys = positive(ctx, numKeysArg, NO_KEYS);
  if (Number.isNaN(numKeys)) return;
  const firstKey = numKeysArg + 1;
  const sideAt = firstKey + numKeys;
  if (sideAt >= argc) return reply.error(SYNTAX);
  const least = ctx.argIs(sideAt, 'min');
  if (!least && !ctx.argIs(sideAt, 'max')) return reply.error(SYNTAX);
  let count = 1;
  if (argc > sideAt + 1) {
    if (argc < sideAt + 3 || !ctx.argIs(sideAt + 1, 'count')) return reply.error(SYNTAX);
    count = positive(ctx, sideAt + 2, NO_COUNT);
    if (Number.isNaN(count)) return;
    if (argc > sideAt + 3) return reply.error(SYNTAX);
  }
  const lastKey = sideAt - 1;
  const i = firstZset(ctx, firstKey, lastKey);
  if (Number.isNaN(i)) return;
  if (i === 0) {
    if (timeoutMs === undefined) return reply.nilArray();
    return ctx.waitForKeys({ type: TYPE_ZSET, firstKey, lastKey, timeoutMs, nothing: 'array' });
  }
  const taken = Math.min(count, ctx.zsets.editor.count);
  reply.array(2);
  reply.bulk(ctx.buf, ctx.start[i], ctx.end[i]);
  reply.array(taken);
  if (ctx.propagating) ctx.propagateAs([least ? 'ZPOPMIN' : 'ZPOPMAX', ctx.argCopy(i), String(taken)]);
  popElements(ctx, i, least, taken, NESTED);
}

function runBlockingPopFromFirst(ctx: CommandContext): void {
  const timeoutMs = timeoutSeconds(ctx, 1);
  if (timeoutMs !== undefined) popFromFirst(ctx, 2, timeoutMs);
}

// ---------------------------------------------------------------- declarations

const ACCESS = 'RW access delete';
const TIMEOUT: ArgumentDoc = { name: 'timeout', type: 'double' };
const NUMKEYS: ArgumentDoc = { name: 'numkeys', type: 'integer' };
const SIDE: ArgumentDoc = { name: 'where', type: 'oneof', arguments: [token('min'), token('max')] };
const COUNT: ArgumentDoc = { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] };

function countedKeys(at: number): readonly KeySpec[] {
  return [{ begin: index(at), find: keynum(0, 1, 1), access: ACCESS }];
}

function popCommand(name: string, which: string, least: boolean): Command {
  return zsetCommand({
    name,
    arity: -2,
    since: '5.0.0',
    flags: WRITE | FAST,
    keys: oneKey(ACCESS),
    complexity: 'O(log(N)*M) with N members in the sorted set, of which M are taken.',
    summary: `Replies and removes the members of a sorted set with the ${which} scores.`,
    arguments: [KEY, { name: 'count', type: 'integer', flags: ['optional'] }],
    run: (ctx) => runPop(ctx, least),
  });
}

function blockingPopCommand(name: string, which: string, least: boolean): Command {
  return zsetCommand({
    name,
    arity: -3,
    since: '5.0.0',
    flags: WRITE | FAST | NOSCRIPT | BLOCKING,
    keys: [{ begin: index(1), find: range(-2, 1), access: ACCESS }],
    complexity: 'O(log(N)) with N members in the sorted set.',
    summary: `Replies and removes the member with the ${which} score of the first sorted set there is, or waits for one.`,
    history: [['6.0.0', 'The timeout may have a fraction.']],
    arguments: [KEYS, TIMEOUT],
    run: (ctx) => runBlockingPop(ctx, least),
  });
}

export const popCommands: readonly Command[] = [
  popCommand('zpopmin', 'lowest', true),
  popCommand('zpopmax', 'highest', false),
  blockingPopCommand('bzpopmin', 'lowest', true),
  blockingPopCommand('bzpopmax', 'highest', false),
  zsetCommand({
    name: 'zmpop',
    arity: -4,
    since: '7.0.0',
    flags: WRITE | MOVABLEKEYS,
    keys: countedKeys(1),
    complexity: 'O(K) + O(M*log(N)) with K keys and N members in the sorted set, of which M are taken.',
    summary: 'Replies and removes the first or last members of the first sorted set there is.',
    arguments: [NUMKEYS, KEYS, SIDE, COUNT],
    run: (ctx) => popFromFirst(ctx, 1, undefined),
  }),
  zsetCommand({
    name: 'bzmpop',
    arity: -5,
    since: '7.0.0',
    flags: WRITE | BLOCKING | MOVABLEKEYS,
    keys: countedKeys(2),
    complexity: 'O(K) + O(M*log(N)) with K keys and N members in the sorted set, of which M are taken.',
    summary: 'Replies and removes the first or last members of the first sorted set there is, or waits for one.',
    arguments: [TIMEOUT, NUMKEYS, KEYS, SIDE, COUNT],
    run: runBlockingPopFromFirst,
  }),
];
