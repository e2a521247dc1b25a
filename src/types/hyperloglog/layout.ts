/**
 * A HyperLogLog is a string of Redis's own layout, bit for bit:
 *
 *   | "HYLL" | encoding | unused | cached count    | registers ...
 *   |   4    |    1     |   3    | 8 little endian |
 *                                  the top bit set: not valid
 *
 * The registers are 16384 numbers, `dense` (6 bits each, dense.ts) or `sparse` (run lengths, sparse.ts).
 */
import type { DataRange } from '../../base/copy.js';
import { COUNT_MAX, INDEX_BITS } from './pattern.js';

export const REGISTERS = 1 << INDEX_BITS;
export const HEADER_BYTES = 16;
export const DENSE = 0;
export const SPARSE = 1;
/** A dense value: a header and 16384 times 6 bits. */
export const DENSE_BYTES = HEADER_BYTES + (REGISTERS * 6) / 8;

const MAGIC = 0x4c4c5948;
const ENCODING_AT = 4;
const COUNT_AT = 8;
const INVALID = 0x80;

/** The value that counts nothing: one run of 16384 zeros, and 0 as a valid cached count. */
export const EMPTY_VALUE = Uint8Array.of(0x48, 0x59, 0x4c, 0x4c, SPARSE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xff);

/** Histograms of registers have a place for every number that 6 bits can spell. */
export const HISTOGRAM_SIZE = 64;
/** Counts that are estimated from; greater ones are in no register that an element has set. */
export const MAX_COUNT = COUNT_MAX;

/** True when the string has a header, and the length of its encoding. The registers are not looked at. */
export function isHyperLogLog({ data, start, end }: DataRange): boolean {
  if (end - start < HEADER_BYTES || data.getUint32(start, true) !== MAGIC) return false;
  const encoding = data.getUint8(start + ENCODING_AT);
  return encoding === DENSE ? end - start === DENSE_BYTES : encoding === SPARSE;
}

export function encodingOf({ buf, start }: DataRange): number {
  return buf[start + ENCODING_AT];
}

export function setEncoding(data: DataView, start: number, encoding: number): void {
  data.setUint8(start + ENCODING_AT, encoding);
}

/** The count of the last time; -1 when registers have changed since. A BigInt beyond the safe integers. */
export function cachedCount({ data, start }: DataRange): number | bigint {
  const high = data.getInt32(start + COUNT_AT + 4, true);
  if (high < 0) return -1;
  const low = data.getUint32(start + COUNT_AT, true);
  return high < 0x200000 ? high * 0x100000000 + low : (BigInt(high) << 32n) | BigInt(low);
}

/** Keeps the count for the next time; one that is no positive 64-bit integer comes out as not valid. */
export function cacheCount({ data, start }: DataRange, count: number): void {
  data.setUint32(start + COUNT_AT, count >>> 0, true);
  data.setUint32(start + COUNT_AT + 4, Math.floor(count / 0x100000000), true);
}

/** The registers have changed. */
export function invalidateCount({ buf, start }: DataRange): void {
  buf[start + COUNT_AT + 7] |= INVALID;
}
