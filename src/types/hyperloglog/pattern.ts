/**
 * What an element means to a HyperLogLog: the register that it belongs to and the number that it wants to see there.
 *
 *   hash   | 63 ........................... 14 | 13 ........ 0 |
 *                 count: position of the lowest      index of the
 *                 set bit, from 1                    register
 *
 * The hash is MurmurHash64A (Austin Appleby, public domain) with the seed that Redis uses: other servers find the same
 * registers. 64-bit numbers are pairs of 32-bit halves here, because BigInt would make garbage.
 */

const SEED = 0xadc83b19 | 0;
/** The multiplier 0xc6a4a7935bd1e995 in halves, and the low half in quarters. */
const M_HIGH = 0xc6a4a793 | 0;
const M_LOW = 0x5bd1e995;
const M_LOW_1 = 0x5bd1;
const M_LOW_0 = 0xe995;

export const INDEX_BITS = 14;
export const INDEX_MASK = (1 << INDEX_BITS) - 1;
/** The greatest count: no bit of the hash is set. */
export const COUNT_MAX = 64 - INDEX_BITS + 1;

/** The high half of the product of a number in halves and the multiplier; its low half is `Math.imul(low, M_LOW)`. */
function productHigh(high: number, low: number): number {
  const low0 = low & 0xffff;
  const low1 = low >>> 16;
  const middle = low1 * M_LOW_0 + ((low0 * M_LOW_0) >>> 16);
  const carried = (middle & 0xffff) + low0 * M_LOW_1;
  const top = low1 * M_LOW_1 + (middle >>> 16) + (carried >>> 16);
  return (top + Math.imul(low, M_HIGH) + Math.imul(high, M_LOW)) | 0;
}

function word(buf: Uint8Array, at: number): number {
  return buf[at] | (buf[at + 1] << 8) | (buf[at + 2] << 16) | (buf[at + 3] << 24);
}

/** Index and count of the element buf[start, end), the count above the index ({@link INDEX_BITS}). */
export function patternOf(buf: Uint8Array, start: number, end: number): number {
  const length = end - start;
  let high = productHigh(0, length);
  let low = Math.imul(length, M_LOW) ^ SEED;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    let keyLow = word(buf, at);
    let keyHigh = word(buf, at + 4);
    keyHigh = productHigh(keyHigh, keyLow);
    keyLow = Math.imul(keyLow, M_LOW);
    // Shifted right by 47, only bits of the high half are left.
    keyLow ^= keyHigh >>> 15;
    keyHigh = productHigh(keyHigh, keyLow);
    keyLow = Math.imul(keyLow, M_LOW);
    low ^= keyLow;
    high = productHigh(high ^ keyHigh, low);
    low = Math.imul(low, M_LOW);
  }
  if (at < end) {
    for (let shift = 0; at < end; at++, shift += 8) {
      if (shift < 32) low ^= buf[at] << shift;
      else high ^= buf[at] << (shift - 32);
    }
    high = productHigh(high, low);
    low = Math.imul(low, M_LOW);
  }
  low ^= high >>> 15;
  high = productHigh(high, low);
  low = Math.imul(low, M_LOW);
  low ^= high >>> 15;
  return (low & INDEX_MASK) | (countOf(high, low) << INDEX_BITS);
}

/** The position of the lowest set bit above the index, from 1. */
function countOf(high: number, low: number): number {
  const rest = low >>> INDEX_BITS;
  if (rest !== 0) return trailingZeros(rest) + 1;
  return high === 0 ? COUNT_MAX : 32 - INDEX_BITS + trailingZeros(high) + 1;
}

function trailingZeros(value: number): number {
  return 31 - Math.clz32(value & -value);
}
