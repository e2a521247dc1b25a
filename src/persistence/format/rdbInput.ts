/**
 * Reads the elements of the RDB format from bytes that come from outside. Whatever is asked for that is not there, or not whole,
 * sets `failed`, once and for all; what is answered from then on means nothing, and counts are 0 so that loops end.
 */
import { latin1, writeInt } from '../../base/bytes.js';
import { type Int64, int64OfWords } from '../../base/int64.js';
import { decompressLzf, LZF_MAX_RATIO } from '../../base/lzf.js';
import { MAX_BYTES } from '../../store/types.js';
import { ENCODED, ENCODED_INT8, ENCODED_INT16, ENCODED_INT32, ENCODED_LZF, LENGTH_32, LENGTH_64 } from './rdbFormat.js';

const INITIAL_BYTES = 64;
/** Elements that differ from each other are seldom shorter; a place in a table takes seven bytes. */
const ELEMENT_BYTES_USUAL = 8;
/** Memory that grew beyond this is not kept for shorter strings. */
const KEEP_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

/** A string that was read: buf[start, end), until the next one is read into the same object. */
export class RdbString {
  buf: Uint8Array;
  data: DataView;
  start = 0;
  end = 0;
  private own = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  private ownData = dataOf(this.own);

  constructor() {
    this.buf = this.own;
    this.data = this.ownData;
  }

  get length(): number {
    return this.end - this.start;
  }

  set(buf: Uint8Array, data: DataView, start: number, end: number): void {
    this.buf = buf;
    this.data = data;
    this.start = start;
    this.end = end;
  }

  /** One character a byte. */
  latin1(): string {
    return latin1(this.buf, this.start, this.end);
  }

  /** Makes the string the text of an integer. */
  setInteger(value: number | bigint): void {
    const own = this.allocate(INITIAL_BYTES);
    this.end = typeof value === 'number' ? writeInt(own, 0, value) : own.write(value.toString(), 'latin1');
  }

  /** Makes the string one of `length` bytes in memory of its own, which the caller writes. */
  allocate(length: number): Buffer {
    if (this.own.length < length || this.own.length > Math.max(length, KEEP_BYTES)) {
      this.own = Buffer.allocUnsafeSlow(Math.max(length, INITIAL_BYTES));
      this.ownData = dataOf(this.own);
    }
    this.set(this.own, this.ownData, 0, length);
    return this.own;
  }
}

export class RdbInput {
  failed = false;
  /** Looks for damage that only shows in the whole of a value: `sanitize-dump-payload`. */
  sanitizing = false;
  protected buf: Uint8Array = NOTHING;
  protected data = dataOf(this.buf);
  protected at = 0;
  protected end = 0;
  private isEncoded = false;

  open(buf: Uint8Array, start: number, end: number): this {
    if (buf !== this.buf) this.data = dataOf(buf);
    this.buf = buf;
    this.at = start;
    this.end = end;
    this.failed = false;
    return this;
  }

  /** Lets go of the bytes. */
  close(): void {
    this.open(NOTHING, 0, 0);
  }

  /** Bytes that have not been read. */
  get left(): number {
    return this.end - this.at;
  }

  fail(): void {
    this.failed = true;
    this.at = this.end;
  }

  /** Fails because there is not as much as was announced. */
  protected failShort(): void {
    this.fail();
  }

  byte(): number {
    return this.take(1) ? this.buf[this.at - 1] : 0;
  }

  /** A number of things that take a byte each at least: more than bytes are left is a failure. 0 after one. */
  count(): number {
    const count = this.countUpTo(Number.MAX_SAFE_INTEGER);
    if (count <= this.left) return count;
    this.failShort();
    return 0;
  }

  /** For how many of so many elements room is made at once: bytes that claim to be many short ones get no more than they are. */
  expected(count: number): number {
    return Math.max(1, Math.min(count, Math.floor(this.left / ELEMENT_BYTES_USUAL)));
  }

  /** A safe integer. */
  number(): number {
    return this.countUpTo(Number.MAX_SAFE_INTEGER);
  }

  /** An unsigned 64-bit number. */
  count64(): bigint {
    const first = this.byte();
    if (first !== LENGTH_64) {
      this.at -= this.failed ? 0 : 1;
      return BigInt(this.countUpTo(0xffffffff));
    }
    return this.take(8) ? this.data.getBigUint64(this.at - 8) : 0n;
  }

  /** A time in ms since the epoch. */
  time(): Int64 {
    if (!this.take(8)) return 0;
    return int64OfWords(this.data.getInt32(this.at - 4, true), this.data.getInt32(this.at - 8, true));
  }

  /** A time in seconds since the epoch. */
  seconds(): number {
    return this.take(4) ? this.data.getInt32(this.at - 4, true) : 0;
  }

  double(): number {
    return this.take(8) ? this.data.getFloat64(this.at - 8, true) : 0;
  }

  /** A double as text with its length before it, as very old versions have it. NaN when it is no number. */
  textDouble(): number {
    const length = this.byte();
    if (length === 255) return Number.NEGATIVE_INFINITY;
    if (length === 254) return Number.POSITIVE_INFINITY;
    if (length === 253 || !this.take(length)) return Number.NaN;
    const text = String.fromCharCode(...this.buf.subarray(this.at - length, this.at)).trim();
    return text === '' ? Number.NaN : Number(text);
  }

  /** So many bytes as they are. */
  raw(length: number, into: RdbString): void {
    if (this.take(length)) into.set(this.buf, this.data, this.at - length, this.at);
    else into.allocate(0);
  }

  string(into: RdbString): void {
    const length = this.lengthOrMark();
    if (!this.isEncoded) return this.raw(length, into);
    switch (length) {
      case ENCODED_INT8:
        return this.integer(1, into);
      case ENCODED_INT16:
        return this.integer(2, into);
      case ENCODED_INT32:
        return this.integer(4, into);
      case ENCODED_LZF:
        return this.compressed(into);
      default:
        this.fail();
        into.allocate(0);
    }
  }

  private integer(width: number, into: RdbString): void {
    let value = 0;
    if (this.take(width)) {
      const at = this.at - width;
      if (width === 1) value = this.data.getInt8(at);
      else value = width === 2 ? this.data.getInt16(at, true) : this.data.getInt32(at, true);
    }
    into.setInteger(value);
  }

  private compressed(into: RdbString): void {
    const packed = this.countUpTo(MAX_BYTES);
    const length = this.countUpTo(MAX_BYTES);
    if (length > packed * LZF_MAX_RATIO || !this.take(packed)) {
      this.fail();
      into.allocate(0);
      return;
    }
    into.allocate(length);
    if (!decompressLzf(this.data, this.at - packed, this.at, into.data, 0, length)) this.fail();
  }

  private countUpTo(max: number): number {
    const count = this.lengthOrMark();
    if (!this.isEncoded && count <= max) return count;
    this.fail();
    return 0;
  }

  /** A length; with {@link isEncoded}, the mark of a string that has none. Lengths beyond 2^53 are rounded. */
  private lengthOrMark(): number {
    const first = this.byte();
    this.isEncoded = (first & ENCODED) === ENCODED;
    if (this.isEncoded || first < 64) return first;
    if (first < LENGTH_32) return ((first & 63) << 8) | this.byte();
    if (first === LENGTH_32) return this.take(4) ? this.data.getUint32(this.at - 4) : 0;
    if (first === LENGTH_64) return this.take(8) ? Number(this.data.getBigUint64(this.at - 8)) : 0;
    this.fail();
    return 0;
  }

  /**
   * Sees to it that so many bytes lie from {@link at} on; false when there are not so many. Those that lie there now must stay as
   * they are where they are, for strings that were read are ranges of them.
   */
  protected refill(_bytes: number): boolean {
    return false;
  }

  /** Steps over so many bytes; false when they are not there. */
  private take(bytes: number): boolean {
    if (bytes > this.end - this.at && !this.refill(bytes)) {
      this.failShort();
      return false;
    }
    this.at += bytes;
    return true;
  }
}

export function dataOf(buf: Uint8Array): DataView {
  return new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
}
