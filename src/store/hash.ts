/**
 * HalfSipHash-1-3 (Aumasson and Bernstein): a keyed 32-bit hash made for tables that strangers fill. Without the key, which
 * each server draws at its start, nobody can choose keys that fall into one bucket; the cheaper multiply hashes have
 * collisions that hold for every seed. About 25 ns for a 16-byte key.
 *
 * The same hash is computed from a key in a receive buffer (any alignment) and from a key inside an entry (8-byte aligned,
 * read by words). The former leaves the key's words behind, so that the comparison with an entry and the copy into a new
 * one take a word at a time too:
 *
 *   key  a b c d | e f g h | i j        words   [dcba] [hgfe] [..ji]      fullWords 2, tailMask 0x0000ffff
 */
import { endianness } from 'node:os';
import { assert } from '../base/assert.js';
import { AHEAD } from './types.js';

/** Keys up to this long leave their words behind; their length fits the entry header. */
export const SHORT_KEY_MAX = 255;

/** What a short key takes, with a word of zeros behind it. */
const KEY_WORDS = ((SHORT_KEY_MAX + 3) >> 2) + 1;

assert(endianness() === 'LE', 'the store reads memory by little-endian words');

export class Hasher {
  /** The words of the last short key hashed by {@link hash}, from {@link wordsAt} on; the last one is padded with zeros. */
  readonly words = new Int32Array(KEY_WORDS * (AHEAD + 1));
  /** Keys hashed ahead have their words in places of their own, all others in the first. */
  wordsAt = 0;
  fullWords = 0;
  /** Which bits of the word behind the full ones belong to the key; 0 when its length is a multiple of four. */
  tailMask = 0;

  readonly aheadHash = new Int32Array(AHEAD);
  private aheadBuf: Uint8Array | undefined;
  private aheadCount = 0;
  private aheadAt = 0;
  private readonly aheadStart = new Int32Array(AHEAD);
  private readonly aheadEnd = new Int32Array(AHEAD);
  private viewed: Uint8Array = new Uint8Array(0);
  private view = new DataView(this.viewed.buffer);
  private readonly k0: number;
  private readonly k1: number;

  constructor(k0: number, k1: number) {
    this.k0 = k0 | 0;
    this.k1 = k1 | 0;
  }

  /**
   * Hashes keys of one buffer that will be asked for soon, in this order, into {@link aheadHash}: `count` of them, every
   * `step`-th of the ranges from `first` on. Holds until {@link forgetAhead}; the buffer must not change before.
   */
  hashAhead(buf: Uint8Array, starts: Int32Array, ends: Int32Array, first: number, step: number, count: number): void {
    this.aheadBuf = undefined;
    for (let i = 0, at = first; i < count; i++, at += step) {
      this.aheadHash[i] = this.hashTo((i + 1) * KEY_WORDS, buf, starts[at], ends[at]);
      this.aheadStart[i] = starts[at];
      this.aheadEnd[i] = ends[at];
    }
    this.aheadBuf = buf;
    this.aheadCount = count;
    this.aheadAt = 0;
  }

  /** The bytes of the buffer change: what was hashed ahead is void. */
  forgetAhead(): void {
    this.aheadBuf = undefined;
  }

  /** The number of a key among those hashed ahead, whose words are then left behind as {@link hash} does; -1 if it is not. */
  private takeAhead(start: number, end: number): number {
    let i = this.aheadAt;
    while (i < this.aheadCount && this.aheadStart[i] < start) i++;
    this.aheadAt = i;
    if (i === this.aheadCount || this.aheadStart[i] !== start || this.aheadEnd[i] !== end) return -1;
    this.wordsAt = (i + 1) * KEY_WORDS;
    this.fullWords = (end - start) >> 2;
    this.tailMask = tailMaskOf(end - start);
    return i;
  }

  /** Keys come from few buffers: four bytes in one load are worth keeping a view of the last. */
  private viewOf(buf: Uint8Array): DataView {
    this.viewed = buf;
    this.view = new DataView(buf.buffer, buf.byteOffset, buf.length);
    return this.view;
  }

  /** The hash of the key buf[start, end) as a signed 32-bit integer. */
  hash(buf: Uint8Array, start: number, end: number): number {
    if (buf === this.aheadBuf) {
      const i = this.takeAhead(start, end);
      if (i >= 0) return this.aheadHash[i];
    }
    return this.hashTo(0, buf, start, end);
  }

  /** The same, leaving the words of a short key behind from words[wordsAt] on. */
  private hashTo(wordsAt: number, buf: Uint8Array, start: number, end: number): number {
    const data = buf === this.viewed ? this.view : this.viewOf(buf);
    const length = end - start;
    const words = this.words;
    const keep = length <= SHORT_KEY_MAX;
    let v0 = this.k0;
    let v1 = this.k1;
    let v2 = this.k0 ^ 0x6c796765;
    let v3 = this.k1 ^ 0x74656462;
    const n = length >> 2;
    let at = start;
    for (let i = 0; i < n; i++, at += 4) {
      const m = data.getInt32(at, true);
      if (keep) words[wordsAt + i] = m;
      v3 ^= m;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= m;
    }
    let tail = 0;
    for (let shift = 0; at < end; at++, shift += 8) tail |= buf[at] << shift;
    if (keep) {
      words[wordsAt + n] = tail;
      this.wordsAt = wordsAt;
      this.fullWords = n;
      this.tailMask = tailMaskOf(length);
    }
    return finish(v0, v1, v2, v3, tail | (length << 24));
  }

  /** The same hash of a short key that starts at words[index]. The bytes behind it may hold anything. */
  hashWords(words: Int32Array, index: number, length: number): number {
    let v0 = this.k0;
    let v1 = this.k1;
    let v2 = this.k0 ^ 0x6c796765;
    let v3 = this.k1 ^ 0x74656462;
    const n = length >> 2;
    for (let i = 0; i < n; i++) {
      const m = words[index + i];
      v3 ^= m;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= m;
    }
    const mask = tailMaskOf(length);
    const tail = mask === 0 ? 0 : words[index + n] & mask;
    return finish(v0, v1, v2, v3, tail | (length << 24));
  }
}

/** Which bits of a key's last word belong to it; 0 when its length is a multiple of four. */
function tailMaskOf(length: number): number {
  return (1 << ((length & 3) << 3)) - 1;
}

/** The last word, which carries the length, and the three finishing rounds. */
function finish(a: number, b: number, c: number, d: number, last: number): number {
  let v0 = a;
  let v1 = b;
  let v2 = c;
  let v3 = d ^ last;
  for (let round = 0; round < 4; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (round === 0) {
      v0 ^= last;
      v2 ^= 0xff;
    }
  }
  return v1 ^ v3;
}

/** The 32 bits of a hash in opposite order. */
export function reverseBits(value: number): number {
  let v = value;
  v = ((v >>> 1) & 0x55555555) | ((v & 0x55555555) << 1);
  v = ((v >>> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >>> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  v = ((v >>> 8) & 0x00ff00ff) | ((v & 0x00ff00ff) << 8);
  return (v >>> 16) | (v << 16);
}
