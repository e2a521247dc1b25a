/** The options that SET and GETEX share. */
import type { ExpireAtMs } from '../../store/types.js';
import type { CommandContext } from '../context.js';
import { expireAtArgument } from '../generic/expireTime.js';

export const NX = 1 << 0;
export const XX = 1 << 1;
export const GET = 1 << 2;
export const KEEPTTL = 1 << 3;
export const PERSIST = 1 << 4;
export const EX = 1 << 5;
export const PX = 1 << 6;
export const EXAT = 1 << 7;
export const PXAT = 1 << 8;

export const EXPIRES = EX | PX | EXAT | PXAT;
/** What says something about the expire time: only one kind of these may be given. */
const TTL_OPTIONS = EXPIRES | KEEPTTL | PERSIST;

export const SET_OPTIONS = NX | XX | GET | KEEPTTL | EXPIRES;
export const GETEX_OPTIONS = PERSIST | EXPIRES;

/** The syntax is wrong. */
export const MALFORMED = -1;

const OPTION_BITS = 9;
const OPTION_MASK = (1 << OPTION_BITS) - 1;

/**
 * Reads the options from argument `from` on. The result packs the bits and, when there is one, the argument with the
 * time ({@link timeArgument}); MALFORMED when the syntax is wrong. `allowed` are the options the command has.
 */
export function parseOptions(ctx: CommandContext, from: number, allowed: number): number {
  let options = 0;
  let time = 0;
  for (let i = from; i < ctx.argc; i++) {
    const option = optionAt(ctx, i) & allowed;
    if (option === 0) return MALFORMED;
    if (option === NX && (options & XX) !== 0) return MALFORMED;
    if (option === XX && (options & NX) !== 0) return MALFORMED;
    if ((option & TTL_OPTIONS) !== 0 && (options & TTL_OPTIONS & ~option) !== 0) return MALFORMED;
    options |= option;
    if ((option & EXPIRES) !== 0) {
      time = ++i;
      if (time === ctx.argc) return MALFORMED;
    }
  }
  return options | (time << OPTION_BITS);
}

/** The argument that holds the time, of a result of {@link parseOptions}. */
export function timeArgument(options: number): number {
  return options >> OPTION_BITS;
}

/** The option bits alone. */
export function optionBits(options: number): number {
  return options & OPTION_MASK;
}

/** The expire time that the options ask for, ms; NaN when it is no good, which has then been replied. */
export function expireAtOption(ctx: CommandContext, options: number): ExpireAtMs {
  const baseMs = (options & (EX | PX)) !== 0 ? ctx.nowMs : 0;
  return expireAtArgument(ctx, timeArgument(options), (options & (EX | EXAT)) !== 0, baseMs);
}

function optionAt(ctx: CommandContext, i: number): number {
  switch (ctx.argLength(i)) {
    case 2:
      if (ctx.argIs(i, 'ex')) return EX;
      if (ctx.argIs(i, 'px')) return PX;
      if (ctx.argIs(i, 'nx')) return NX;
      return ctx.argIs(i, 'xx') ? XX : 0;
    case 3:
      return ctx.argIs(i, 'get') ? GET : 0;
    case 4:
      if (ctx.argIs(i, 'pxat')) return PXAT;
      return ctx.argIs(i, 'exat') ? EXAT : 0;
    case 7:
      if (ctx.argIs(i, 'keepttl')) return KEEPTTL;
      return ctx.argIs(i, 'persist') ? PERSIST : 0;
    default:
      return 0;
  }
}
