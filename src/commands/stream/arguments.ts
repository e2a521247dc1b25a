/** Ids and numbers in the arguments of stream commands. A function that answers false or undefined has replied the error. */
import { NOT_AN_INTEGER } from '../../resp/errors.js';
import { ALLOW_ENDS, ID_INVALID, MISSING_IS_MAX, type StreamId } from '../../types/stream/id.js';
import type { CommandContext } from '../context.js';

export const INVALID_ID = 'ERR Invalid stream ID specified as stream command argument';
const INVALID_START = 'ERR invalid start ID for the interval';
const INVALID_END = 'ERR invalid end ID for the interval';

const PARENTHESIS = 0x28;

/** Argument i as an id; `allowed` as in StreamId.parse. */
export function idArgument(ctx: CommandContext, i: number, id: StreamId, allowed = 0): boolean {
  if (id.parse(ctx.buf, ctx.start[i], ctx.end[i], allowed) !== ID_INVALID) return true;
  ctx.reply.error(INVALID_ID);
  return false;
}

/** Argument i as the least id of a range, `(` for the one behind it. */
export function fromArgument(ctx: CommandContext, i: number, id: StreamId): boolean {
  return boundArgument(ctx, i, id, 0, INVALID_START, increment);
}

/** Argument i as the greatest id of a range, `(` for the one before it. */
export function toArgument(ctx: CommandContext, i: number, id: StreamId): boolean {
  return boundArgument(ctx, i, id, MISSING_IS_MAX, INVALID_END, decrement);
}

const increment = (id: StreamId): boolean => id.increment();
const decrement = (id: StreamId): boolean => id.decrement();

function boundArgument(
  ctx: CommandContext,
  i: number,
  id: StreamId,
  missing: number,
  error: string,
  step: (id: StreamId) => boolean,
): boolean {
  const start = ctx.start[i];
  if (ctx.argLength(i) < 2 || ctx.buf[start] !== PARENTHESIS) return idArgument(ctx, i, id, ALLOW_ENDS | missing);
  if (id.parse(ctx.buf, start + 1, ctx.end[i], missing) === ID_INVALID) {
    ctx.reply.error(INVALID_ID);
    return false;
  }
  if (step(id)) return true;
  ctx.reply.error(error);
  return false;
}

/** Argument i as a 64-bit integer, rounded beyond 2^53; undefined when it is none. */
export function integerArgument(ctx: CommandContext, i: number, error = NOT_AN_INTEGER): number | undefined {
  const value = ctx.argInt(i);
  if (!Number.isNaN(value)) return value;
  const wide = ctx.argInt64(i);
  if (wide === undefined) ctx.reply.error(error);
  return wide === undefined ? undefined : Number(wide);
}
