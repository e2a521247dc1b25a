/**
 * Bitmaps: strings seen as arrays of bits, the most significant bit of each byte first.
 *
 *   byte   |        0        |        1        | ...
 *   bit    | 0 1 2 3 4 5 6 7 | 8 9 ...
 *          ^ 0x80          ^ 0x01
 *
 * Ranges of bits are inclusive at both ends and lie inside the string. A view's `data` allows any alignment, so words are
 * read four bytes at a time from wherever the string begins.
 */
import { CHUNK_BYTES, Chunk } from '../../base/chunk.js';
import type { DataRange } from '../../base/copy.js';

/** How many bits of a word are set. */
function onesOf(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/**
 * How many bits of data[start, end) are set. Eight words at a time go through a tree of carry-save adders (Harley and
 * Seal), so that only one word in eight has its bits counted.
 */
function onesOfBytes(data: DataView, start: number, end: number): number {
  let ones = 0;
  let twos = 0;
  let fours = 0;
  let eighths = 0;
  let i = start;
  for (; i + 32 <= end; i += 32) {
    const w0 = data.getInt32(i, true);
    const w1 = data.getInt32(i + 4, true);
    const w2 = data.getInt32(i + 8, true);
    const w3 = data.getInt32(i + 12, true);
    const w4 = data.getInt32(i + 16, true);
    const w5 = data.getInt32(i + 20, true);
    const w6 = data.getInt32(i + 24, true);
    const w7 = data.getInt32(i + 28, true);
    // Each line adds two words to a running sum; what is carried has twice the weight.
    let half = ones ^ w0;
    const carryA = (ones & w0) | (half & w1);
    ones = half ^ w1;
    half = ones ^ w2;
    const carryB = (ones & w2) | (half & w3);
    ones = half ^ w3;
    half = ones ^ w4;
    const carryC = (ones & w4) | (half & w5);
    ones = half ^ w5;
    half = ones ^ w6;
    const carryD = (ones & w6) | (half & w7);
    ones = half ^ w7;
    half = twos ^ carryA;
    const carryE = (twos & carryA) | (half & carryB);
    twos = half ^ carryB;
    half = twos ^ carryC;
    const carryF = (twos & carryC) | (half & carryD);
    twos = half ^ carryD;
    half = fours ^ carryE;
    eighths += onesOf((fours & carryE) | (half & carryF));
    fours = half ^ carryF;
  }
  let count = 8 * eighths + 4 * onesOf(fours) + 2 * onesOf(twos) + onesOf(ones);
  for (; i < end; i++) count += onesOf(data.getUint8(i));
  return count;
}

/** How many bits from bit `first` to bit `last` are set. */
export function countOnes(view: DataRange, first: number, last: number): number {
  const { data } = view;
  const from = view.start + Math.floor(first / 8);
  const to = view.start + Math.floor(last / 8);
  const before = data.getUint8(from) & outsideLeft(first);
  const behind = data.getUint8(to) & outsideRight(last);
  const inBytes = to - from < CHUNK_BYTES ? onesOfBytes(data, from, to + 1) : onesOfLong(view.buf, from, to + 1);
  return inBytes - onesOf(before) - onesOf(behind);
}

function onesOfLong(buf: Uint8Array, start: number, end: number): number {
  const chunk = new Chunk();
  let count = 0;
  for (let at = start; at < end; at += CHUNK_BYTES) count += onesOfBytes(chunk.data, 0, chunk.load(buf, at, end));
  return count;
}

/** The bits of a byte that lie before bit `first`, which is in it. */
function outsideLeft(first: number): number {
  return 0xff & ~(0xff >> (first % 8));
}

/** The bits of a byte that lie behind bit `last`, which is in it. */
function outsideRight(last: number): number {
  return 0x7f >> (last % 8);
}

/** The first bit from `first` to `last` that is `bit` (0 or 1); -1 when there is none. */
export function findBit(view: DataRange, first: number, last: number, bit: number): number {
  const { data, start } = view;
  // Where all bits are the others, a byte looks like this.
  const dull = bit === 1 ? 0 : 0xff;
  let at = start + Math.floor(first / 8);
  const end = start + Math.floor(last / 8) + 1;
  let found = (data.getUint8(at) ^ dull) & ~outsideLeft(first);
  if (found === 0) {
    at++;
    at = end - at <= CHUNK_BYTES ? skipDull(data, at, end, dull) : skipLong(view.buf, at, end, dull);
    if (at === end) return -1;
    found = data.getUint8(at) ^ dull;
  }
  const bitFound = (at - start) * 8 + Math.clz32(found) - 24;
  return bitFound > last ? -1 : bitFound;
}

/** The first byte of data[start, end) that is not `dull`, which is 0 or 255; `end` when there is none. */
function skipDull(data: DataView, start: number, end: number, dull: number): number {
  const dullWord = dull === 0 ? 0 : -1;
  let i = start;
  while (i + 4 <= end && data.getInt32(i, true) === dullWord) i += 4;
  while (i < end && data.getUint8(i) === dull) i++;
  return i;
}

function skipLong(buf: Uint8Array, start: number, end: number, dull: number): number {
  const chunk = new Chunk();
  for (let at = start; at < end; at += CHUNK_BYTES) {
    const length = chunk.load(buf, at, end);
    const found = skipDull(chunk.data, 0, length, dull);
    if (found < length) return at + found;
  }
  return end;
}
