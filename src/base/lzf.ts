/**
 * LZF, the compression of RDB files and of the inner nodes of long lists (format by Marc Lehmann's liblzf): literals, and
 * references to what came before.
 *
 *   000lllll                     l + 1 literal bytes follow (1 to 32)
 *   lllooooo oooooooo            l + 2 bytes (3 to 8) from o + 1 bytes back (1 to 8192)
 *   111ooooo llllllll oooooooo   l + 9 bytes (9 to 264)
 */

import { copyWords } from './copy.js';

/** A short string uses the beginning of the table only, which then stays in the first-level cache. */
const MAX_HASH_BITS = 14;
const MIN_HASH_BITS = 10;
const MAX_LITERALS = 32;
const MAX_DISTANCE = 8192;
const MIN_MATCH = 3;
const MAX_MATCH = 264;
/** What a match takes at the most. */
const MATCH_BYTES = 3;
/** Bytes are looked at in words, of which three bytes count. */
const LOADED_BYTES = 4;
const THREE_BYTES = 0xffffff;
/** After so many places (a power of two) without a match every second is looked at, after twice as many every third. */
const MISSES_SHIFT = 5;
/** No compressed byte stands for more bytes than this. */
export const LZF_MAX_RATIO = MAX_MATCH / 2;
/** After so many bytes it is told whether compression pays: of noise there is no end. */
const TRIAL_BYTES = 256 * 1024;
const TRIAL_MIN_SAVED_BYTES = TRIAL_BYTES / 64;
/** Beyond this the table of places begins anew. */
const BASE_MAX = 0x3fffffff;

export class LzfCompressor {
  /** For the hash of three bytes: where they were seen last, plus {@link base}. What is not greater is of an earlier call. */
  private readonly seen = new Int32Array(1 << MAX_HASH_BITS);
  private base = 0;

  /**
   * Writes data[start, end) compressed to out[at, limit); answers the offset behind it, -1 when it does not fit or, in the first
   * part of a long string, saves next to nothing. The two ranges may not overlap.
   */
  compress(data: DataView, start: number, end: number, out: Uint8Array, at: number, limit: number): number {
    const { seen } = this;
    const base = this.nextBase(end - start);
    const shift = hashShift(end - start);
    const lastMatch = end - LOADED_BYTES;
    let trialEnd = start + TRIAL_BYTES;
    let literalsFrom = start;
    let to = at;
    let misses = 0;
    let i = start;
    while (i <= lastMatch) {
      if (i >= trialEnd) {
        if (to - at + i - literalsFrom > TRIAL_BYTES - TRIAL_MIN_SAVED_BYTES) return -1;
        trialEnd = end;
      }
      const loaded = data.getInt32(i, true);
      const hash = hashOf(loaded, shift);
      const place = start + seen[hash] - base;
      seen[hash] = base + i - start;
      if (place < start || i - place > MAX_DISTANCE || ((data.getInt32(place, true) ^ loaded) & THREE_BYTES) !== 0) {
        i += 1 + (misses++ >> MISSES_SHIFT);
        continue;
      }
      misses = 0;
      const longest = Math.min(MAX_MATCH, end - i);
      let length = MIN_MATCH;
      while (length < longest && data.getUint8(place + length) === data.getUint8(i + length)) length++;
      to = writeLiterals(data, literalsFrom, i, out, to, limit - MATCH_BYTES);
      if (to < 0) return -1;
      to = writeMatch(i - place, length, out, to);
      const behind = i + length;
      // What follows may continue from the end of this match.
      i = behind - 2;
      for (; i < behind && i <= lastMatch; i++) seen[hashOf(data.getInt32(i, true), shift)] = base + i - start;
      i = behind;
      literalsFrom = i;
    }
    return writeLiterals(data, literalsFrom, end, out, to, limit);
  }

  private nextBase(length: number): number {
    if (this.base > BASE_MAX - length) {
      this.seen.fill(0);
      this.base = 0;
    }
    const base = this.base + 1;
    this.base += length + 1;
    return base;
  }
}

/** The first three of four bytes that were loaded. */
function hashOf(loaded: number, shift: number): number {
  return Math.imul(loaded & THREE_BYTES, 0x9e3779b1) >>> shift;
}

/** Leaves as many bits of a hash as a string of that length needs for its places. */
function hashShift(length: number): number {
  return Math.clz32(Math.min(Math.max(length * 2, 1 << (MIN_HASH_BITS - 1)), 1 << (MAX_HASH_BITS - 1)));
}

/** Writes data[from, end) as literals to out[to, limit); answers the offset behind them, -1 when they do not fit. */
function writeLiterals(data: DataView, from: number, end: number, out: Uint8Array, to: number, limit: number): number {
  const bytes = end - from;
  if (to + bytes + Math.ceil(bytes / MAX_LITERALS) > limit) return -1;
  while (from < end) {
    const length = Math.min(MAX_LITERALS, end - from);
    out[to++] = length - 1;
    for (let i = 0; i < length; i++) out[to++] = data.getUint8(from++);
  }
  return to;
}

/** Takes {@link MATCH_BYTES} at the most. */
function writeMatch(distance: number, length: number, out: Uint8Array, to: number): number {
  const offset = distance - 1;
  const code = length - 2;
  if (code < 7) {
    out[to++] = (code << 5) | (offset >> 8);
  } else {
    out[to++] = (7 << 5) | (offset >> 8);
    out[to++] = code - 7;
  }
  out[to++] = offset;
  return to;
}

/** Writes what src[start, end) stands for to out[from, to), which lies elsewhere. False when that is not exactly what comes out. */
export function decompressLzf(
  src: DataView,
  start: number,
  end: number,
  out: DataView,
  from: number,
  to: number,
): boolean {
  let at = from;
  let i = start;
  while (i < end) {
    const control = src.getUint8(i++);
    if (control < MAX_LITERALS) {
      const literals = control + 1;
      if (i + literals > end || at + literals > to) return false;
      copyWords(out, at, src, i, literals);
      i += literals;
      at += literals;
      continue;
    }
    let copied = (control >> 5) + 2;
    if (copied === 9) copied += i < end ? src.getUint8(i++) : 0;
    if (i >= end) return false;
    const place = at - (((control & 31) << 8) | src.getUint8(i++)) - 1;
    if (place < from || at + copied > to) return false;
    repeat(out, place, at, copied);
    at += copied;
  }
  return at === to;
}

/** Writes what lies from `place` on once more at `at`: what is being written may be part of it. */
function repeat(out: DataView, place: number, at: number, length: number): void {
  let i = 0;
  if (at - place >= 4) for (; i + 4 <= length; i += 4) out.setInt32(at + i, out.getInt32(place + i, true), true);
  for (; i < length; i++) out.setUint8(at + i, out.getUint8(place + i));
}
