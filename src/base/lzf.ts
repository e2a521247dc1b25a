/**
 * LZF, the compression of RDB files and of the inner nodes of long lists (format by Marc Lehmann's liblzf): literals, and
 * references to what came before.
 *
 *   000lllll                     l + 1 literal bytes follow (1 to 32)
 *   lllooooo oooooooo            l + 2 bytes (3 to 8) from o + 1 bytes back (1 to 8192)
 *   111ooooo llllllll oooooooo   l + 9 bytes (9 to 264)
 */

import { copyWords } from './copy.js';

const HASH_BITS = 14;
const MAX_LITERALS = 32;
const MAX_DISTANCE = 8192;
const MIN_MATCH = 3;
const MAX_MATCH = 264;
/** No compressed byte stands for more bytes than this. */
export const LZF_MAX_RATIO = MAX_MATCH / 2;
/** After so many bytes it is told whether compression pays: of noise there is no end. */
const TRIAL_BYTES = 256 * 1024;
const TRIAL_MIN_SAVED_BYTES = TRIAL_BYTES / 64;
/** Beyond this the table of places begins anew. */
const BASE_MAX = 0x3fffffff;

export class LzfCompressor {
  /** For the hash of three bytes: where they were seen last, plus {@link base}. What is not greater is of an earlier call. */
  private readonly seen = new Int32Array(1 << HASH_BITS);
  private base = 0;
  private out: Uint8Array = new Uint8Array(0);
  private at = 0;
  private limit = 0;

  /**
   * Writes buf[start, end) compressed to out[at, limit); answers the offset behind it, -1 when it does not fit or, in the first
   * part of a long string, saves next to nothing. The two ranges may not overlap.
   */
  compress(buf: Uint8Array, start: number, end: number, out: Uint8Array, at: number, limit: number): number {
    this.out = out;
    this.at = at;
    this.limit = limit;
    const { seen } = this;
    const base = this.nextBase(end - start);
    let literalsFrom = start;
    let i = start;
    const lastMatch = end - MIN_MATCH;
    let trialEnd = start + TRIAL_BYTES;
    while (i <= lastMatch) {
      if (i >= trialEnd) {
        const unwritten = i - literalsFrom;
        if (this.at - at + unwritten > TRIAL_BYTES - TRIAL_MIN_SAVED_BYTES) return -1;
        trialEnd = end;
      }
      const hash = hashOf(buf, i);
      const place = start + seen[hash] - base;
      seen[hash] = base + i - start;
      if (place < start || i - place > MAX_DISTANCE || !startsAlike(buf, place, i)) {
        i++;
        continue;
      }
      let length = MIN_MATCH;
      const longest = Math.min(MAX_MATCH, end - i);
      while (length < longest && buf[place + length] === buf[i + length]) length++;
      if (!this.writeLiterals(buf, literalsFrom, i) || !this.writeMatch(i - place, length)) return -1;
      const behind = i + length;
      // What follows may continue from the end of this match.
      i = behind - 2;
      for (; i < behind && i <= lastMatch; i++) seen[hashOf(buf, i)] = base + i - start;
      i = behind;
      literalsFrom = i;
    }
    return this.writeLiterals(buf, literalsFrom, end) ? this.at : -1;
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

  private writeLiterals(buf: Uint8Array, from: number, to: number): boolean {
    const { out } = this;
    while (from < to) {
      const length = Math.min(MAX_LITERALS, to - from);
      if (this.at + 1 + length > this.limit) return false;
      out[this.at++] = length - 1;
      for (let i = 0; i < length; i++) out[this.at++] = buf[from++];
    }
    return true;
  }

  private writeMatch(distance: number, length: number): boolean {
    const { out } = this;
    if (this.at + 3 > this.limit) return false;
    const offset = distance - 1;
    const code = length - 2;
    if (code < 7) {
      out[this.at++] = (code << 5) | (offset >> 8);
    } else {
      out[this.at++] = (7 << 5) | (offset >> 8);
      out[this.at++] = code - 7;
    }
    out[this.at++] = offset;
    return true;
  }
}

function hashOf(buf: Uint8Array, at: number): number {
  const three = buf[at] | (buf[at + 1] << 8) | (buf[at + 2] << 16);
  return Math.imul(three, 0x9e3779b1) >>> (32 - HASH_BITS);
}

function startsAlike(buf: Uint8Array, a: number, b: number): boolean {
  return buf[a] === buf[b] && buf[a + 1] === buf[b + 1] && buf[a + 2] === buf[b + 2];
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
