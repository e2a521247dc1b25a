/** Ranges as arguments: by rank, by score, by member. */
import { latin1 } from '../../base/bytes.js';
import { NOT_AN_INTEGER } from '../../resp/errors.js';
import type { Place } from '../../types/zset/place.js';
import { parseDouble, parseScore } from '../../types/zset/score.js';
import type { CommandContext } from '../context.js';

const NO_FLOAT = 'ERR min or max is not a float';
const NO_RANGE_ITEM = 'ERR min or max not valid string range item';

const OPEN_PARENTHESIS = 0x28;
const OPEN_BRACKET = 0x5b;
const PLUS = 0x2b;
const MINUS = 0x2d;

/** Argument i as a 64-bit integer, rounded to a double; NaN when it is none, which has then been replied. */
export function integerArgument(ctx: CommandContext, i: number, error = NOT_AN_INTEGER): number {
  const value = ctx.argInt(i);
  if (!Number.isNaN(value)) return value;
  const exact = ctx.argInt64(i);
  if (exact !== undefined) return Number(exact);
  ctx.reply.error(error);
  return Number.NaN;
}

/** Puts the ends of a range of scores into `ctx.zsets.from` and `to`; false when they are no good, which has been replied. */
export function scoreRange(ctx: CommandContext, min: number, max: number): boolean {
  const { from, to } = ctx.zsets;
  const isRange = setScoreEnd(ctx, min, from, true) && setScoreEnd(ctx, max, to, false);
  if (!isRange) ctx.reply.error(NO_FLOAT);
  return isRange;
}

/** The same for a range of members. */
export function memberRange(ctx: CommandContext, min: number, max: number): boolean {
  const { from, to } = ctx.zsets;
  const isRange = setMemberEnd(ctx, min, from, true) && setMemberEnd(ctx, max, to, false);
  if (!isRange) ctx.reply.error(NO_RANGE_ITEM);
  return isRange;
}

function setScoreEnd(ctx: CommandContext, i: number, place: Place, isMin: boolean): boolean {
  const { buf } = ctx;
  let start = ctx.start[i];
  const end = ctx.end[i];
  const excluded = start < end && buf[start] === OPEN_PARENTHESIS;
  if (excluded) start++;
  let score = parseScore(buf, start, end);
  if (Number.isNaN(score)) score = looseScore(latin1(buf, start, end));
  if (Number.isNaN(score)) return false;
  place.ofScore(score, excluded === isMin);
  return true;
}

/**
 * What strtod makes of a text, unlike in ZADD: nothing is 0, blanks may stand before it, what follows a NUL is not looked at,
 * and what a double cannot hold is infinite or 0. NaN when the whole is no number.
 */
function looseScore(text: string): number {
  const nul = text.indexOf('\0');
  const shown = nul < 0 ? text : text.slice(0, nul);
  return shown === '' ? 0 : parseDouble(shown.replace(/^[ \t-\r]+/, ''));
}

function setMemberEnd(ctx: CommandContext, i: number, place: Place, isMin: boolean): boolean {
  const { buf } = ctx;
  const start = ctx.start[i];
  const end = ctx.end[i];
  if (start === end) return false;
  const first = buf[start];
  if (first === OPEN_PARENTHESIS || first === OPEN_BRACKET) {
    place.ofMember(buf, start + 1, end, (first === OPEN_PARENTHESIS) === isMin);
    return true;
  }
  // As a C string: nothing may follow the sign.
  const isAlone = end - start === 1 || buf[start + 1] === 0;
  if (!isAlone || (first !== PLUS && first !== MINUS)) return false;
  place.ofEnd(first === PLUS);
  return true;
}
