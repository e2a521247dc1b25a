/**
 * Signed 64-bit integers that are nearly always small: a number while it is a safe integer, a bigint beyond. Either compares
 * with the other exactly (<, <=), equal ones are ===, and String() writes both in full.
 */

export type Int64 = number | bigint;

const WORD = 2 ** 32;

export function int64(value: bigint): Int64 {
  const rounded = Number(value);
  return Number.isSafeInteger(rounded) ? rounded : value;
}

/** The integer of two words; the sign is the upper one's. */
export function int64OfWords(high: number, low: number): Int64 {
  const rounded = high * WORD + (low >>> 0);
  return Number.isSafeInteger(rounded) ? rounded : (BigInt(high) << 32n) | BigInt(low >>> 0);
}

/** The upper word of an integer, signed. */
export function highWord(value: Int64): number {
  return typeof value === 'number' ? Math.floor(value / WORD) | 0 : Number(value >> 32n);
}

/** The lower word of an integer, as a signed one. */
export function lowWord(value: Int64): number {
  return typeof value === 'number' ? value | 0 : Number(BigInt.asIntN(32, value));
}
