/**
 * Unsigned 64-bit numbers as two signed 32-bit words, so that ids of entries make no garbage: such words are small integers
 * to V8, a bigint is an object.
 */
import { writeInt } from '../../base/bytes.js';

const WORD = 4294967296;
/** High words below this make safe integers. */
const SAFE_HIGH = 1 << 21;
const UINT64_MAX = (1n << 64n) - 1n;
const INT64_MIN = -(1n << 63n);

export function compareWords(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  if (aHigh !== bHigh) return aHigh >>> 0 < bHigh >>> 0 ? -1 : 1;
  if (aLow !== bLow) return aLow >>> 0 < bLow >>> 0 ? -1 : 1;
  return 0;
}

/** The high word of a safe integer; the low one is `value | 0`. Two's complement for negative ones. */
export function highWord(value: number): number {
  return Math.floor(value / WORD) | 0;
}

/** The number, rounded where it is beyond 2^53. */
export function wordsToNumber(high: number, low: number): number {
  return (high >>> 0) * WORD + (low >>> 0);
}

export function wordsToBigInt(high: number, low: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** Writes the decimal text at `at`; answers the offset behind it. Free of garbage below 2^53. */
export function writeWords(buf: Uint8Array, at: number, high: number, low: number): number {
  if (high >= 0 && high < SAFE_HIGH) return writeInt(buf, at, high * WORD + (low >>> 0));
  const digits = wordsToBigInt(high, low).toString();
  for (let i = 0; i < digits.length; i++) buf[at++] = digits.charCodeAt(i);
  return at;
}

/**
 * The number that a text spells, in all the ways in which C's strtoull takes one; undefined when it spells none. Negative numbers
 * wrap around there, but Redis refuses those in canonical form before it asks strtoull.
 */
export function parseLoosely(text: string): bigint | undefined {
  const match = /^[ \t\n\v\f\r]*([+-]?)(\d+)$/.exec(text);
  if (match === null) return undefined;
  const value = BigInt(match[2]);
  if (value > UINT64_MAX) return undefined;
  if (match[1] !== '-') return value;
  if (/^-[1-9]/.test(text) && -value >= INT64_MIN) return undefined;
  return BigInt.asUintN(64, -value);
}
