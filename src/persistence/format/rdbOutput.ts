/** Writes the elements of the RDB format, one after the other, into a buffer that grows. */
import { parseSafeInt } from '../../base/bytes.js';
import { copyWords, type DataRange, fillFrom, WORDWISE_MAX } from '../../base/copy.js';
import { highWord, type Int64, lowWord } from '../../base/int64.js';
import { LzfCompressor } from '../../base/lzf.js';
import {
  ENCODED_INT8,
  ENCODED_INT16,
  ENCODED_INT32,
  ENCODED_LZF,
  LENGTH_14,
  LENGTH_32,
  LENGTH_64,
} from './rdbFormat.js';

const INITIAL_BYTES = 1024;
/** A buffer that grew beyond this is not kept. */
const KEEP_BYTES = 1024 * 1024;
/** The longest text of a 32-bit integer. */
const INT32_TEXT_MAX = 11;
/** Shorter strings are not worth compressing. */
const COMPRESS_FROM_BYTES = 21;
/** Compression must save as much as that. */
const MIN_SAVED_BYTES = 4;
/** Longer strings may lie in memory that grows, which is slow to read piece by piece: compression works on a copy. */
const DIRECT_MAX_BYTES = 64 * 1024;
/** A mark and two lengths. */
const LZF_HEADER_MAX = 19;

export class RdbOutput {
  /** What was written is buf[0, length). */
  buf: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  length = 0;
  private data = dataOf(this.buf);
  /** `rdbcompression` */
  compressing = true;
  private readonly lzf = new LzfCompressor();

  /** Forgets what was written. */
  reset(): this {
    this.length = 0;
    if (this.buf.length > KEEP_BYTES) this.use(Buffer.allocUnsafeSlow(INITIAL_BYTES));
    return this;
  }

  byte(value: number): void {
    this.reserve(1);
    this.buf[this.length++] = value;
  }

  /** Bytes as they are. */
  bytes(buf: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    if (end > start) fillFrom(this.buf, this.length, buf, start, end);
    this.length += end - start;
  }

  /** A length or count: a safe integer, not negative. */
  count(value: number): void {
    this.reserve(9);
    this.length = writeLength(this.buf, this.length, value);
  }

  /** An unsigned 64-bit number, given as two words. */
  count64(high: number, low: number): void {
    if (high === 0) return this.count(low >>> 0);
    this.reserve(9);
    this.buf[this.length] = LENGTH_64;
    this.buf.writeInt32BE(high, this.length + 1);
    this.buf.writeInt32BE(low, this.length + 5);
    this.length += 9;
  }

  /** A 64-bit number; a negative one is taken for unsigned. */
  countBig(value: bigint): void {
    this.count64(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value)));
  }

  /** A time in ms since the epoch, in eight bytes. */
  time(ms: Int64): void {
    this.reserve(8);
    this.buf.writeInt32LE(lowWord(ms), this.length);
    this.buf.writeInt32LE(highWord(ms), this.length + 4);
    this.length += 8;
  }

  double(value: number): void {
    this.reserve(8);
    this.buf.writeDoubleLE(value, this.length);
    this.length += 8;
  }

  /** A string: as an integer if it spells a small one, compressed if that pays. */
  string(buf: Uint8Array, start: number, end: number): void {
    if (this.encoded(buf, undefined, start, end)) return;
    this.count(end - start);
    this.bytes(buf, start, end);
  }

  /** A string of `length` bytes that has been compressed: as it is, whatever `rdbcompression` says. */
  compressedString(buf: Uint8Array, start: number, end: number, length: number): void {
    this.reserve(LZF_HEADER_MAX);
    this.buf[this.length++] = ENCODED_LZF;
    this.length = writeLength(this.buf, this.length, end - start);
    this.length = writeLength(this.buf, this.length, length);
    this.bytes(buf, start, end);
  }

  /** The same; a short one is copied without garbage. */
  view({ buf, data, start, end }: DataRange): void {
    const length = end - start;
    if (length > DIRECT_MAX_BYTES) return this.string(buf, start, end);
    if (this.encoded(buf, data, start, end)) return;
    this.count(length);
    if (length > WORDWISE_MAX) return this.bytes(buf, start, end);
    this.reserve(length);
    copyWords(this.data, this.length, data, start, length);
    this.length += length;
  }

  /** False when it is neither a small integer nor worth compressing; then nothing was written. */
  private encoded(buf: Uint8Array, data: DataView | undefined, start: number, end: number): boolean {
    const length = end - start;
    if (length <= INT32_TEXT_MAX) {
      const value = parseSafeInt(buf, start, end);
      if (value !== (value | 0)) return false;
      this.integer(value);
      return true;
    }
    return this.compressing && length >= COMPRESS_FROM_BYTES && this.compressed(buf, data, start, end);
  }

  /** A string with one byte a character. */
  latin1(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    this.string(bytes, 0, bytes.length);
  }

  private integer(value: number): void {
    this.reserve(5);
    const { buf, length } = this;
    if (value >= -128 && value <= 127) {
      buf[length] = ENCODED_INT8;
      this.length = buf.writeInt8(value, length + 1);
    } else if (value >= -32768 && value <= 32767) {
      buf[length] = ENCODED_INT16;
      this.length = buf.writeInt16LE(value, length + 1);
    } else {
      buf[length] = ENCODED_INT32;
      this.length = buf.writeInt32LE(value, length + 1);
    }
  }

  /** False when compression does not pay; then nothing was written. Without `data`, the view of `buf`, it works on a copy. */
  private compressed(buf: Uint8Array, data: DataView | undefined, start: number, end: number): boolean {
    const length = end - start;
    this.reserve(LZF_HEADER_MAX + length * 2);
    const out = this.buf;
    const body = this.length + LZF_HEADER_MAX;
    const limit = body + length - MIN_SAVED_BYTES;
    const copyAt = body + length;
    if (data === undefined) out.set(buf.subarray(start, end), copyAt);
    const bodyEnd =
      data === undefined
        ? this.lzf.compress(this.data, copyAt, copyAt + length, out, body, limit)
        : this.lzf.compress(data, start, end, out, body, limit);
    if (bodyEnd < 0) return false;
    out[this.length++] = ENCODED_LZF;
    this.length = writeLength(out, this.length, bodyEnd - body);
    this.length = writeLength(out, this.length, length);
    out.copyWithin(this.length, body, bodyEnd);
    this.length += bodyEnd - body;
    return true;
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buf.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buf.length * 2));
    this.buf.copy(grown, 0, 0, this.length);
    this.use(grown);
  }

  private use(buf: Buffer): void {
    this.buf = buf;
    this.data = dataOf(buf);
  }
}

function dataOf(buf: Buffer): DataView {
  return new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
}

function writeLength(buf: Buffer, at: number, value: number): number {
  if (value < 64) {
    buf[at] = value;
    return at + 1;
  }
  if (value < 16384) {
    buf[at] = LENGTH_14 | (value >> 8);
    buf[at + 1] = value;
    return at + 2;
  }
  if (value <= 0xffffffff) {
    buf[at] = LENGTH_32;
    return buf.writeUInt32BE(value, at + 1);
  }
  buf[at] = LENGTH_64;
  buf.writeUInt32BE(Math.floor(value / 4294967296), at + 1);
  return buf.writeUInt32BE(value >>> 0, at + 5);
}
