/** Commands that move an element from one list to another: LMOVE RPOPLPUSH, and waiting BLMOVE BRPOPLPUSH. */
import { WRONGTYPE } from '../../resp/errors.js';
import { TYPE_LIST } from '../../store/types.js';
import { timeoutSeconds } from '../blocking.js';
import { type ArgumentDoc, BLOCKING, DENYOOM, NOSCRIPT, WRITE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { twoKeys } from '../generic/declare.js';
import { closeShrunk, HEAD, NO_SIDE, sideArgument, sideDoc, TIMEOUT } from './declare.js';
import { pushElement } from './push.js';

/**
 * Moves an element from the list of argument 1 to that of argument 2. False when the first list is absent; else something has
 * been replied.
 */
function moveElement(ctx: CommandContext, fromHead: boolean, toHead: boolean): boolean {
  const { db, lists, reply } = ctx;
  const source = ctx.lookupWrite(1);
  if (source === 0) return false;
  if (db.type(source) !== TYPE_LIST) {
    reply.error(WRONGTYPE);
    return true;
  }
  const target = ctx.lookupWrite(2);
  if (target !== 0 && db.type(target) !== TYPE_LIST) {
    reply.error(WRONGTYPE);
    return true;
  }
  // Looking the target up may have removed it: it was expired.
  lists.open(db, ctx.peek(1)).seek(fromHead ? 0 : -1);
  const element = lists.take();
  reply.bulk(element.buf, element.start, element.end);
  // Into the target first: only that can fail for want of memory. In one and the same list the element is for a moment twice.
  pushElement(ctx, 2, element, toHead);
  lists.open(db, ctx.peek(1));
  const { length } = lists;
  const pushedBefore = source === target && fromHead === toHead;
  if (fromHead) lists.removeRange(pushedBefore ? 1 : 0, 1);
  else lists.removeRange(pushedBefore ? length - 2 : length - 1, 1);
  ctx.markDirty(1);
  closeShrunk(ctx, 1, fromHead ? 'lpop' : 'rpop');
  return true;
}

function runMove(ctx: CommandContext): void {
  const from = sideArgument(ctx, 3);
  if (from === NO_SIDE) return;
  const to = sideArgument(ctx, 4);
  if (to === NO_SIDE) return;
  if (!moveElement(ctx, from === HEAD, to === HEAD)) ctx.reply.nil();
}

function runRotate(ctx: CommandContext): void {
  if (!moveElement(ctx, false, true)) ctx.reply.nil();
}

function runBlockingMove(ctx: CommandContext): void {
  const from = sideArgument(ctx, 3);
  if (from === NO_SIDE) return;
  const to = sideArgument(ctx, 4);
  if (to !== NO_SIDE) moveOrWait(ctx, from === HEAD, to === HEAD, 5);
}

function moveOrWait(ctx: CommandContext, fromHead: boolean, toHead: boolean, timeoutArg: number): void {
  const timeoutMs = timeoutSeconds(ctx, timeoutArg);
  if (timeoutMs === undefined) return;
  if (!moveElement(ctx, fromHead, toHead)) {
    // Unlike the others this one answers a missing value when it may not wait, and a missing array when it waited in vain.
    if (!ctx.mayBlock) return ctx.reply.nil();
    return ctx.waitForKeys({ type: TYPE_LIST, firstKey: 1, lastKey: 1, timeoutMs, nothing: 'array' });
  }
  if (!ctx.propagating) return;
  const keys = [ctx.argCopy(1), ctx.argCopy(2)];
  if (timeoutArg === 3) ctx.propagateAs(['RPOPLPUSH', ...keys]);
  else ctx.propagateAs(['LMOVE', ...keys, fromHead ? 'left' : 'right', toHead ? 'left' : 'right']);
}

const SOURCE: ArgumentDoc = { name: 'source', type: 'key', keySpecIndex: 0 };
const DESTINATION: ArgumentDoc = { name: 'destination', type: 'key', keySpecIndex: 1 };
const SIDES: readonly ArgumentDoc[] = [sideDoc('wherefrom'), sideDoc('whereto')];

const COMMON = {
  group: 'list',
  acl: ['list'],
  keys: twoKeys('RW ACCESS DELETE', 'RW INSERT'),
  complexity: 'O(1)',
} as const;

export const moveCommands: readonly Command[] = [
  command({
    ...COMMON,
    name: 'lmove',
    arity: 5,
    since: '6.2.0',
    flags: WRITE | DENYOOM,
    summary: 'Moves an element from one end of a list to an end of another.',
    arguments: [SOURCE, DESTINATION, ...SIDES],
    run: runMove,
  }),
  command({
    ...COMMON,
    name: 'rpoplpush',
    arity: 3,
    since: '1.2.0',
    flags: WRITE | DENYOOM,
    summary: 'Moves the last element of a list to the head of another.',
    docFlags: ['deprecated'],
    deprecatedSince: '6.2.0',
    replacedBy: '`LMOVE` with the `RIGHT` and `LEFT` arguments',
    arguments: [SOURCE, DESTINATION],
    run: runRotate,
  }),
  command({
    ...COMMON,
    name: 'blmove',
    arity: 6,
    since: '6.2.0',
    flags: WRITE | DENYOOM | NOSCRIPT | BLOCKING,
    summary: 'Moves an element from one end of a list to an end of another; waits for one if there is none.',
    arguments: [SOURCE, DESTINATION, ...SIDES, TIMEOUT],
    run: runBlockingMove,
  }),
  command({
    ...COMMON,
    name: 'brpoplpush',
    arity: 4,
    since: '2.2.0',
    flags: WRITE | DENYOOM | NOSCRIPT | BLOCKING,
    summary: 'Moves the last element of a list to the head of another; waits for one if there is none.',
    docFlags: ['deprecated'],
    deprecatedSince: '6.2.0',
    replacedBy: '`BLMOVE` with the `RIGHT` and `LEFT` arguments',
    history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
    arguments: [SOURCE, DESTINATION, TIMEOUT],
    run: (ctx) => moveOrWait(ctx, false, true, 3),
  }),
];
