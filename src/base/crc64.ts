/**
 * The CRC64 that ends RDB files and dumped values: the polynomial of Jones, reflected, beginning with 0.
 *
 * The sum is kept in two 32-bit halves, for BigInt would make garbage. Eight bytes are taken at a time: table n says what a byte does
 * to the sum when n more bytes follow it. Long ranges go through WebAssembly (crc64Words.ts).
 */
import { Crc64Words } from './crc64Words.js';

/** A range from this length on is worth the way into WebAssembly, and an instance of the module. */
const WORDS_FROM_BYTES = 4096;

/** 0xad93d23594c935a9 with its bits in reverse order. */
const POLYNOMIAL_LOW = 0xac4bc9b5 | 0;
const POLYNOMIAL_HIGH = 0x95ac9329 | 0;

const LOW = new Int32Array(8 * 256);
const HIGH = new Int32Array(8 * 256);

for (let byte = 0; byte < 256; byte++) {
  let low = byte;
  let high = 0;
  for (let bit = 0; bit < 8; bit++) {
    const out = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (out === 0) continue;
    low ^= POLYNOMIAL_LOW;
    high ^= POLYNOMIAL_HIGH;
  }
  LOW[byte] = low;
  HIGH[byte] = high;
}
for (let i = 256; i < LOW.length; i++) {
  const before = i - 256;
  const out = LOW[before] & 0xff;
  LOW[i] = ((LOW[before] >>> 8) | (HIGH[before] << 24)) ^ LOW[out];
  HIGH[i] = (HIGH[before] >>> 8) ^ HIGH[out];
}

export class Crc64 {
  /** The sum so far. */
  low = 0;
  high = 0;
  /** Undefined until a range is long; null when there is no WebAssembly. */
  private words: Crc64Words | null | undefined;

  reset(): this {
    this.low = 0;
    this.high = 0;
    return this;
  }

  /** Adds buf[start, end). */
  update(buf: Uint8Array, start: number, end: number): this {
    if (end - start < WORDS_FROM_BYTES) return this.add(buf, start, end);
    if (this.words === undefined) this.words = Crc64Words.make(LOW, HIGH) ?? null;
    return this.add(buf, this.words === null ? start : this.words.update(this, buf, start, end), end);
  }

  private add(buf: Uint8Array, start: number, end: number): this {
    let { low, high } = this;
    let at = start;
    for (; at + 8 <= end; at += 8) {
      low ^= buf[at] | (buf[at + 1] << 8) | (buf[at + 2] << 16) | (buf[at + 3] << 24);
      high ^= buf[at + 4] | (buf[at + 5] << 8) | (buf[at + 6] << 16) | (buf[at + 7] << 24);
      const a = 0x700 | (low & 0xff);
      const b = 0x600 | ((low >>> 8) & 0xff);
      const c = 0x500 | ((low >>> 16) & 0xff);
      const d = 0x400 | (low >>> 24);
      const e = 0x300 | (high & 0xff);
      const f = 0x200 | ((high >>> 8) & 0xff);
      const g = 0x100 | ((high >>> 16) & 0xff);
      const h = high >>> 24;
      low = LOW[a] ^ LOW[b] ^ LOW[c] ^ LOW[d] ^ LOW[e] ^ LOW[f] ^ LOW[g] ^ LOW[h];
      high = HIGH[a] ^ HIGH[b] ^ HIGH[c] ^ HIGH[d] ^ HIGH[e] ^ HIGH[f] ^ HIGH[g] ^ HIGH[h];
    }
    for (; at < end; at++) {
      const byte = (low ^ buf[at]) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ LOW[byte];
      high = (high >>> 8) ^ HIGH[byte];
    }
    this.low = low;
    this.high = high;
    return this;
  }

  /** Writes the eight bytes of the sum, the lowest first. */
  write(buf: Uint8Array, at: number): void {
    for (let i = 0; i < 4; i++) {
      buf[at + i] = this.low >>> (8 * i);
      buf[at + 4 + i] = this.high >>> (8 * i);
    }
  }

  /** Whether the eight bytes at `at` are the sum. */
  equals(buf: Uint8Array, at: number): boolean {
    for (let i = 0; i < 4; i++) {
      if (buf[at + i] !== ((this.low >>> (8 * i)) & 0xff)) return false;
      if (buf[at + 4 + i] !== ((this.high >>> (8 * i)) & 0xff)) return false;
    }
    return true;
  }
}
