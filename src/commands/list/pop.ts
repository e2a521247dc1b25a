/** Commands that take elements out: LPOP RPOP LMPOP, waiting BLPOP BRPOP BLMPOP, and LREM LTRIM. */
import { MUST_BE_POSITIVE, SYNTAX, WRONGTYPE, wrongArity } from '../../resp/errors.js';
import { TYPE_LIST } from '../../store/types.js';
import { timeoutSeconds } from '../blocking.js';
import { BLOCKING, FAST, index, type KeySpec, keynum, MOVABLEKEYS, NOSCRIPT, range, WRITE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, KEYS, oneKey } from '../generic/declare.js';
import {
  closeShrunk,
  ELEMENT,
  HEAD,
  integerArgument,
  NO_SIDE,
  openWrite,
  replyNil,
  replyZero,
  sideArgument,
  sideDoc,
  TIMEOUT,
} from './declare.js';

/** Replies an array of `count` elements from one end, the end first, and takes them out. The list is open. */
function popRange(ctx: CommandContext, i: number, atHead: boolean, count: number): void {
  const { lists, reply } = ctx;
  reply.array(count);
  lists.seek(atHead ? 0 : -1);
  for (let left = count; ; ) {
    reply.view(lists.text());
    if (--left === 0) break;
    if (atHead) lists.next();
    else lists.previous();
  }
  lists.removeRange(atHead ? 0 : lists.length - count, count);
  ctx.markDirty(count);
  closeShrunk(ctx, i, atHead ? 'lpop' : 'rpop');
}

/** Replies the element at one end and takes it out. The list is open. */
function popOne(ctx: CommandContext, i: number, atHead: boolean): void {
  const { lists } = ctx;
  lists.seek(atHead ? 0 : -1);
  ctx.reply.view(lists.text());
  lists.remove(false);
  ctx.markDirty(1);
  closeShrunk(ctx, i, atHead ? 'lpop' : 'rpop');
}

function runPop(ctx: CommandContext, atHead: boolean): void {
  if (ctx.argc > 3) return ctx.reply.error(wrongArity(atHead ? 'lpop' : 'rpop'));
  let count = -1;
  if (ctx.argc === 3) {
    count = integerArgument(ctx, 2, MUST_BE_POSITIVE);
    if (Number.isNaN(count)) return;
    if (count < 0) return ctx.reply.error(MUST_BE_POSITIVE);
  }
  const lists = openWrite(ctx, 1, count < 0 ? replyNil : ({ reply }) => reply.nilArray());
  if (lists === undefined) return;
  if (count < 0) popOne(ctx, 1, atHead);
  else if (count === 0) ctx.reply.array(0);
  else popRange(ctx, 1, atHead, Math.min(count, lists.length));
}

// ---------------------------------------------------------------- the first of several lists that has something

/**
 * The first of the key arguments from `first` to `last` that is there, its list being open: the one that woke the command before
 * all others. 0 when there is none, NaN when it holds something else, which has been replied.
 */
function firstList(ctx: CommandContext, first: number, last: number): number {
  const woken = ctx.wokenBy(first, last);
  if (woken >= 0) {
    const ref = ctx.lookupWrite(woken);
    if (ref !== 0 && ctx.db.type(ref) === TYPE_LIST) {
      ctx.lists.open(ctx.db, ref);
      return woken;
    }
  }
  for (let i = first; i <= last; i++) {
    const ref = ctx.lookupWrite(i);
    if (ref === 0) continue;
    if (ctx.db.type(ref) === TYPE_LIST) {
      ctx.lists.open(ctx.db, ref);
      return i;
    }
    ctx.reply.error(WRONGTYPE);
    return Number.NaN;
  }
  return 0;
}

function runBlockingPop(ctx: CommandContext, atHead: boolean): void {
  const last = ctx.argc - 2;
  const timeoutMs = timeoutSeconds(ctx, ctx.argc - 1);
  if (timeoutMs === undefined) return;
  const i = firstList(ctx, 1, last);
  if (Number.isNaN(i)) return;
  if (i === 0) return ctx.waitForKeys({ type: TYPE_LIST, firstKey: 1, lastKey: last, timeoutMs, nothing: 'array' });
  ctx.reply.array(2);
  ctx.reply.bulk(ctx.buf, ctx.start[i], ctx.end[i]);
  if (ctx.propagating) ctx.propagateAs([atHead ? 'LPOP' : 'RPOP', ctx.argCopy(i)]);
  popOne(ctx, i, atHead);
}

/** LMPOP and, with `waiting`, BLMPOP; `numKeysArg` is the argument with the number of keys. */
function popFromFirst(ctx: CommandContext, numKeysArg: number, waiting: boolean): void {
  const numKeys = positive(ctx, numKeysArg, 'ERR numkeys should be greater than 0');
  if (Number.isNaN(numKeys)) return;
  const firstKey = numKeysArg + 1;
  const sideAt = firstKey + numKeys;
  if (sideAt >= ctx.argc) return ctx.reply.error(SYNTAX);
  const side = sideArgument(ctx, sideAt);
  if (side === NO_SIDE) return;
  let count = 1;
  if (ctx.argc > sideAt + 1) {
    if (ctx.argc !== sideAt + 3 || !ctx.argIs(sideAt + 1, 'count')) return ctx.reply.error(SYNTAX);
    count = positive(ctx, sideAt + 2, 'ERR count should be greater than 0');
    if (Number.isNaN(count)) return;
  }
  const timeoutMs = waiting ? timeoutSeconds(ctx, 1) : 0;
  if (timeoutMs === undefined) return;
  const lastKey = sideAt - 1;
  const i = firstList(ctx, firstKey, lastKey);
  if (Number.isNaN(i)) return;
  if (i === 0) {
    if (!waiting) return ctx.reply.nilArray();
    return ctx.waitForKeys({ type: TYPE_LIST, firstKey, lastKey, timeoutMs, nothing: 'array' });
  }
  const taken = Math.min(count, ctx.lists.length);
  ctx.reply.array(2);
  ctx.reply.bulk(ctx.buf, ctx.start[i], ctx.end[i]);
  if (ctx.propagating) ctx.propagateAs([side === HEAD ? 'LPOP' : 'RPOP', ctx.argCopy(i), String(taken)]);
  popRange(ctx, i, side === HEAD, taken);
}

/** Argument i as an integer above 0; NaN when the error was replied. */
function positive(ctx: CommandContext, i: number, error: string): number {
  const value = integerArgument(ctx, i, error);
  if (!(value < 1)) return value;
  ctx.reply.error(error);
  return Number.NaN;
}

// ---------------------------------------------------------------- LREM, LTRIM

function runRemove(ctx: CommandContext): void {
  const count = integerArgument(ctx, 2);
  if (Number.isNaN(count)) return;
  const lists = openWrite(ctx, 1, replyZero);
  if (lists === undefined) return;
  const wanted = lists.element.set(ctx.buf, ctx.start[3], ctx.end[3]);
  const backward = count < 0;
  const most = count === 0 ? lists.length : Math.abs(count);
  let removed = 0;
  for (let more = lists.seek(backward ? -1 : 0); more && removed < most; ) {
    if (lists.at.equals(wanted)) {
      removed++;
      more = lists.remove(backward);
    } else {
      more = backward ? lists.previous() : lists.next();
    }
  }
  if (removed > 0) {
    ctx.markDirty(removed);
    closeShrunk(ctx, 1, 'lrem');
  }
  ctx.reply.integer(removed);
}

function runTrim(ctx: CommandContext): void {
  let from = integerArgument(ctx, 2);
  if (Number.isNaN(from)) return;
  let to = integerArgument(ctx, 3);
  if (Number.isNaN(to)) return;
  const lists = openWrite(ctx, 1, ({ reply }) => reply.ok());
  if (lists === undefined) return;
  const { length } = lists;
  if (from < 0) from = Math.max(0, from + length);
  if (to < 0) to += length;
  const kept = Math.max(0, Math.min(to, length - 1) - from + 1);
  if (kept === 0) from = length;
  lists.removeRange(from + kept, length - from - kept);
  lists.removeRange(0, from);
  ctx.markDirty(length - kept);
  closeShrunk(ctx, 1, 'ltrim');
  ctx.reply.ok();
}

// ---------------------------------------------------------------- declarations

function popCommand(name: string, side: string, atHead: boolean): Command {
  return command({
    name,
    arity: -2,
    group: 'list',
    since: '1.0.0',
    flags: WRITE | FAST,
    acl: ['list'],
    keys: oneKey('RW ACCESS DELETE'),
    complexity: 'O(N) with N elements returned.',
    summary: `Returns the ${side} elements of a list and takes them out.`,
    history: [['6.2.0', 'Added the `count` argument.']],
    arguments: [KEY, { name: 'count', type: 'integer', since: '6.2.0', flags: ['optional'] }],
    run: (ctx) => runPop(ctx, atHead),
  });
}

function blockingPopCommand(name: string, side: string, atHead: boolean): Command {
  return command({
    name,
    arity: -3,
    group: 'list',
    since: '2.0.0',
    flags: WRITE | NOSCRIPT | BLOCKING,
    acl: ['list'],
    keys: [{ begin: index(1), find: range(-2, 1), access: 'RW ACCESS DELETE' }],
    complexity: 'O(N) with N keys.',
    summary: `Takes the ${side} element out of the first list that has one; waits for one if there is none.`,
    history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
    arguments: [KEYS, TIMEOUT],
    run: (ctx) => runBlockingPop(ctx, atHead),
  });
}

const COUNT_OPTION = { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] } as const;
const NUM_KEYS = { name: 'numkeys', type: 'integer' } as const;

function countedKeys(at: number): readonly KeySpec[] {
  return [{ begin: index(at), find: keynum(0, 1, 1), access: 'RW ACCESS DELETE' }];
}

export const popCommands: readonly Command[] = [
  popCommand('lpop', 'first', true),
  popCommand('rpop', 'last', false),
  blockingPopCommand('blpop', 'first', true),
  blockingPopCommand('brpop', 'last', false),
  command({
    name: 'lmpop',
    arity: -4,
    group: 'list',
    since: '7.0.0',
    flags: WRITE | MOVABLEKEYS,
    acl: ['list'],
    keys: countedKeys(1),
    complexity: 'O(N+M) with N keys and M elements returned.',
    summary: 'Takes elements out of the first list that has any.',
    arguments: [NUM_KEYS, KEYS, sideDoc('where'), COUNT_OPTION],
    run: (ctx) => popFromFirst(ctx, 1, false),
  }),
  command({
    name: 'blmpop',
    arity: -5,
    group: 'list',
    since: '7.0.0',
    flags: WRITE | BLOCKING | MOVABLEKEYS,
    acl: ['list'],
    keys: countedKeys(2),
    complexity: 'O(N+M) with N keys and M elements returned.',
    summary: 'Takes elements out of the first list that has any; waits for one if there is none.',
    arguments: [TIMEOUT, NUM_KEYS, KEYS, sideDoc('where'), COUNT_OPTION],
    run: (ctx) => popFromFirst(ctx, 2, true),
  }),
  command({
    name: 'lrem',
    arity: 4,
    group: 'list',
    since: '1.0.0',
    flags: WRITE,
    acl: ['list'],
    keys: oneKey('RW DELETE'),
    complexity: 'O(N) with N elements in the list.',
    summary: 'Takes out elements that equal a value.',
    arguments: [KEY, { name: 'count', type: 'integer' }, ELEMENT],
    run: runRemove,
  }),
  command({
    name: 'ltrim',
    arity: 4,
    group: 'list',
    since: '1.0.0',
    flags: WRITE,
    acl: ['list'],
    keys: oneKey('RW DELETE'),
    complexity: 'O(N) with N elements taken out.',
    summary: 'Takes out all elements but those of a range.',
    arguments: [KEY, { name: 'start', type: 'integer' }, { name: 'stop', type: 'integer' }],
    run: runTrim,
  }),
];
