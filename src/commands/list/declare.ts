/** What the commands of lists share: opening the key, positions, ends, and their argument descriptions. */
import { NOT_AN_INTEGER, SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { TYPE_LIST } from '../../store/types.js';
import type { Lists } from '../../types/list/lists.js';
import type { ArgumentDoc } from '../command.js';
import { type CommandContext, EVENT_GENERIC, EVENT_LIST } from '../context.js';
import { token } from '../generic/declare.js';

export const ELEMENT: ArgumentDoc = { name: 'element', type: 'string' };
export const ELEMENTS: ArgumentDoc = { ...ELEMENT, flags: ['multiple'] };
export const TIMEOUT: ArgumentDoc = { name: 'timeout', type: 'double' };

/** LEFT or RIGHT. */
export function sideDoc(name: string): ArgumentDoc {
  return { name, type: 'oneof', arguments: [token('left'), token('right')] };
}

/** The list of key argument i, for reading. Undefined when it is absent (`replyAbsent` was called) or holds something else. */
export function openRead(
  ctx: CommandContext,
  i: number,
  replyAbsent: (ctx: CommandContext) => void,
): Lists | undefined {
  const ref = ctx.lookupRead(i);
  return opened(ctx, ref, replyAbsent);
}

/** The same for changing it. */
export function openWrite(
  ctx: CommandContext,
  i: number,
  replyAbsent: (ctx: CommandContext) => void,
): Lists | undefined {
  const ref = ctx.lookupWrite(i);
  return opened(ctx, ref, replyAbsent);
}

function opened(ctx: CommandContext, ref: number, replyAbsent: (ctx: CommandContext) => void): Lists | undefined {
  if (ref === 0) {
    replyAbsent(ctx);
    return undefined;
  }
  if (ctx.db.type(ref) !== TYPE_LIST) {
    ctx.reply.error(WRONGTYPE);
    return undefined;
  }
  return ctx.lists.open(ctx.db, ref);
}

export const replyNil = ({ reply }: CommandContext): void => reply.nil();
export const replyZero = ({ reply }: CommandContext): void => reply.integer(0);
export const replyEmpty = ({ reply }: CommandContext): void => reply.array(0);

/** Argument i as an integer, rounded beyond 2^53: a place in a list or a number of elements. NaN when the error was replied. */
export function integerArgument(ctx: CommandContext, i: number, error = NOT_AN_INTEGER): number {
  const value = ctx.argInt(i);
  if (!Number.isNaN(value)) return value;
  const wide = ctx.argInt64(i);
  if (wide === undefined) ctx.reply.error(error);
  return wide === undefined ? Number.NaN : Number(wide);
}

export const HEAD = 1;
export const TAIL = 2;
/** Neither LEFT nor RIGHT: the error has been replied. */
export const NO_SIDE = 0;

/** Which end of a list argument i names. */
export function sideArgument(ctx: CommandContext, i: number): typeof HEAD | typeof TAIL | typeof NO_SIDE {
  if (ctx.argIs(i, 'left')) return HEAD;
  if (ctx.argIs(i, 'right')) return TAIL;
  ctx.reply.error(SYNTAX);
  return NO_SIDE;
}

/**
 * Ends a command that took elements from the list of key argument i: balances the books, publishes the event, and `del` if
 * none is left.
 */
export function closeShrunk(ctx: CommandContext, i: number, event: string): void {
  const gone = ctx.lists.close(true);
  ctx.touched(i, EVENT_LIST, event);
  if (gone) ctx.touched(i, EVENT_GENERIC, 'del');
}
