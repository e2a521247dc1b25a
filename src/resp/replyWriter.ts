/**
 * Replies in RESP2 or RESP3, written into one growing buffer. The writer is shared by all clients of a server: a batch of
 * requests is answered into it, then the connection takes the bytes and the writer starts again at 0.
 *
 * Long values are not copied: the writer borrows them, and whoever takes the bytes takes them as well.
 *
 *   buf     │ +OK␍␊$600000␍␊ │ ␍␊:1␍␊ │
 *                            ^ loans[0].at: here go the 600000 bytes
 *
 * A reply that grows beyond what its client may have is not kept: from then on what is written only overwrites what was
 * written since. Whoever takes the bytes asks {@link ReplyWriter.overflowed}; commands whose replies have no bound do, too.
 */
import { decimalLength, writeInt } from '../base/bytes.js';
import { copyWords, type DataRange, fillFrom, WORDWISE_MAX } from '../base/copy.js';
import { writeDouble } from '../base/doubles.js';
import type { Lease, Parcel } from '../base/lease.js';

const CR = 0x0d;
const LF = 0x0a;
const INITIAL_BYTES = 64 * 1024;
/** A buffer that grew beyond this is not kept for the next batch. */
const KEEP_BYTES = 1024 * 1024;
/** No buffer becomes larger. */
const MAX_BYTES = 2 ** 31;

/** Values from this length on are lent, not copied: a copy would cost more than the system calls that this saves. */
const LEND_FROM_BYTES = 256 * 1024;

const TYPE_ARRAY = 0x2a; // *
const TYPE_BULK = 0x24; // $
const TYPE_INTEGER = 0x3a; // :
const TYPE_SIMPLE = 0x2b; // +
const TYPE_ERROR = 0x2d; // -
const TYPE_MAP = 0x25; // %
const TYPE_SET = 0x7e; // ~
const TYPE_PUSH = 0x3e; // >
const TYPE_DOUBLE = 0x2c; // ,
const TYPE_BIG_NUMBER = 0x28; // (
const TYPE_VERBATIM = 0x3d; // =

/** Lines up to this length are written a character at a time. */
const SHORT_TEXT = 24;

/** What a double takes at the most, with its type or length and line breaks. */
const DOUBLE_BYTES = 40;

const OK = Buffer.from('+OK\r\n');
const NULL_BULK = Buffer.from('$-1\r\n');
const NULL_ARRAY = Buffer.from('*-1\r\n');
const NULL_RESP3 = Buffer.from('_\r\n');

/** A long value whose bytes belong at position `at` of the replies. Whoever has it must release the parcel. */
export interface Loan {
  readonly at: number;
  readonly parcel: Parcel;
}

export class ReplyWriter {
  buf: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  /** The same memory as `buf`. */
  #data = dataOf(this.buf);
  /** Values to be sent from where they are, by their position. */
  #loans: Loan[] = [];
  #lentBytes = 0;
  #length = 0;
  /** Where writing goes on whenever the room is used up; -1 while nothing has been lost. */
  #overflowAt = -1;
  /** How many bytes may stand here for the client being answered. Asked when the buffer has to grow beyond a MiB. */
  maxBytes: () => number = () => MAX_BYTES;
  /** For {@link moveBefore}: mostly the header of an array. */
  #aside = Buffer.allocUnsafeSlow(64);
  /** 2 or 3: of the client being answered. */
  protocol = 2;
  /** Error replies written so far, ever. The executor reads it to see whether a command failed. */
  errorCount = 0;
  /** The last error written. */
  lastError = '';

  /** Bytes written since the last {@link reset}, without loans. Can be set back: what was written behind is forgotten. */
  get length(): number {
    return this.#length;
  }

  set length(length: number) {
    this.#length = length;
    if (length <= this.#overflowAt) this.#overflowAt = -1;
    while (this.#loans.length > 0 && this.#loans[this.#loans.length - 1].at > length) {
      const { parcel } = this.#loans.pop() as Loan;
      this.#lentBytes -= parcel.length;
      parcel.release();
    }
  }

  /** Bytes of replies, with loans. */
  get totalBytes(): number {
    return this.#length + this.#lentBytes;
  }

  /** Bytes of replies from position `from` on, with loans. */
  bytesFrom(from: number): number {
    let bytes = this.#length - from;
    for (let i = this.#loans.length - 1; i >= 0 && this.#loans[i].at > from; i--) bytes += this.#loans[i].parcel.length;
    return bytes;
  }

  /** A reply was longer than allowed: it is not whole. Until {@link length} is set back to before it. */
  get overflowed(): boolean {
    return this.#overflowAt >= 0;
  }

  get hasLoans(): boolean {
    return this.#loans.length > 0;
  }

  /** Hands the loans to the caller, who releases them. */
  takeLoans(): readonly Loan[] {
    const taken = this.#loans;
    this.#loans = [];
    this.#lentBytes = 0;
    return taken;
  }

  /** Forgets what was written. A buffer that became very large is let go. */
  reset(): void {
    this.#length = 0;
    if (this.buf.length > KEEP_BYTES) this.#use(Buffer.allocUnsafeSlow(INITIAL_BYTES));
  }

  /** Hands the buffer to the caller for good (its first `length` bytes are the replies) and starts with a new one. */
  detach(): Buffer {
    const taken = this.buf;
    this.#use(Buffer.allocUnsafeSlow(INITIAL_BYTES));
    this.#length = 0;
    return taken;
  }

  /** `+OK` */
  ok(): void {
    const at = this.#reserve(5);
    const buf = this.buf;
    buf[at] = TYPE_SIMPLE;
    buf[at + 1] = OK[1];
    buf[at + 2] = OK[2];
    buf[at + 3] = CR;
    buf[at + 4] = LF;
  }

  /** A simple string: one line of ASCII. */
  simple(text: string): void {
    this.#line(TYPE_SIMPLE, text);
  }

  /** An error; `text` begins with its code (`ERR ...`). Line breaks become spaces, as in Redis. */
  error(text: string): void {
    this.errorCount++;
    this.lastError = text;
    this.#line(TYPE_ERROR, /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, ' ') : text);
  }

  /** A safe integer. */
  integer(value: number): void {
    if (value >= 0 && value <= 9) {
      const at = this.#reserve(4);
      this.buf[at] = TYPE_INTEGER;
      this.buf[at + 1] = 0x30 + value;
      this.buf[at + 2] = CR;
      this.buf[at + 3] = LF;
      return;
    }
    this.#header(TYPE_INTEGER, value);
  }

  /** A 64-bit integer. */
  bigInteger(value: bigint): void {
    this.#line(TYPE_INTEGER, value.toString());
  }

  /** A bulk string: the bytes buf[start, end). */
  bulk(buf: Uint8Array, start: number, end: number): void {
    const length = end - start;
    let at = this.#reserve(length + 24);
    const out = this.buf;
    out[at++] = TYPE_BULK;
    at = writeInt(out, at, length);
    out[at++] = CR;
    out[at++] = LF;
    if (length <= 48) for (let i = start; i < end; i++) out[at++] = buf[i];
    else {
      out.set(buf.subarray(start, end), at);
      at += length;
    }
    out[at++] = CR;
    out[at++] = LF;
    this.#length = at;
  }

  /** A bulk string of a value in the store: the same as {@link bulk}, the fastest way out of shared memory. */
  view(value: DataRange): void {
    const { start } = value;
    const length = value.end - start;
    if (length >= LEND_FROM_BYTES && value.lease !== undefined) return this.#borrow(value, value.lease);
    let at = this.#reserve(length + 24);
    const out = this.buf;
    out[at++] = TYPE_BULK;
    at = writeInt(out, at, length);
    out[at++] = CR;
    out[at++] = LF;
    if (length > WORDWISE_MAX) fillFrom(out, at, value.buf, start, value.end);
    else copyWords(this.#data, at, value.data, start, length);
    at += length;
    out[at++] = CR;
    out[at++] = LF;
    this.#length = at;
  }

  #borrow({ buf, start, end }: DataRange, lease: Lease): void {
    this.#header(TYPE_BULK, end - start);
    this.#lentBytes += end - start;
    this.#loans.push({ at: this.#length, parcel: lease.lend(buf as Buffer, start, end) });
    const at = this.#reserve(2);
    this.buf[at] = CR;
    this.buf[at + 1] = LF;
  }

  /** A bulk string of a whole array of bytes. */
  bytes(value: Uint8Array): void {
    this.bulk(value, 0, value.length);
  }

  /** A bulk string; `text` is encoded as UTF-8. */
  text(text: string): void {
    const length = Buffer.byteLength(text);
    this.#header(TYPE_BULK, length);
    const at = this.#reserve(length + 2);
    this.buf.write(text, at, 'utf8');
    this.buf[at + length] = CR;
    this.buf[at + length + 1] = LF;
  }

  /** A bulk string with one byte a character: what came from bytes goes back unchanged. */
  latin1(text: string): void {
    this.#header(TYPE_BULK, text.length);
    const at = this.#reserve(text.length + 2);
    this.buf.write(text, at, 'latin1');
    this.buf[at + text.length] = CR;
    this.buf[at + text.length + 1] = LF;
  }

  /** A bulk string that spells an integer. */
  bulkInteger(value: number): void {
    const digits = value < 0 ? decimalLength(-value) + 1 : decimalLength(value);
    this.#header(TYPE_BULK, digits);
    const at = this.#reserve(digits + 2);
    const end = writeInt(this.buf, at, value);
    this.buf[end] = CR;
    this.buf[end + 1] = LF;
  }

  /** The missing value: `$-1` in RESP2, `_` in RESP3. */
  nil(): void {
    this.raw(this.protocol === 2 ? NULL_BULK : NULL_RESP3);
  }

  /** The missing array: `*-1` in RESP2, `_` in RESP3. */
  nilArray(): void {
    this.raw(this.protocol === 2 ? NULL_ARRAY : NULL_RESP3);
  }

  /** Opens an array of `count` elements. */
  array(count: number): void {
    this.#header(TYPE_ARRAY, count);
  }

  /** Opens a map of `count` pairs: a flat array in RESP2. */
  map(count: number): void {
    if (this.protocol === 2) this.#header(TYPE_ARRAY, count * 2);
    else this.#header(TYPE_MAP, count);
  }

  /** Opens a set of `count` elements: an array in RESP2. */
  set(count: number): void {
    this.#header(this.protocol === 2 ? TYPE_ARRAY : TYPE_SET, count);
  }

  /** Opens a push message of `count` elements: an array in RESP2. */
  push(count: number): void {
    this.#header(this.protocol === 2 ? TYPE_ARRAY : TYPE_PUSH, count);
  }

  /** `#t`/`#f` in RESP3, 1 or 0 in RESP2. */
  boolean(value: boolean): void {
    if (this.protocol === 2) this.integer(value ? 1 : 0);
    else this.#line(0x23, value ? 't' : 'f');
  }

  /** A double: a bulk string in RESP2. */
  double(value: number): void {
    const at = this.#reserve(DOUBLE_BYTES);
    const { buf } = this;
    // In RESP2 its length goes before it, of one digit or two.
    let from = at + 1;
    if (this.protocol === 2) from += 4;
    else buf[at] = TYPE_DOUBLE;
    let end = writeDouble(buf, from, value);
    if (this.protocol === 2) {
      const length = end - from;
      buf[at] = TYPE_BULK;
      const text = writeInt(buf, at + 1, length) + 2;
      buf[text - 2] = CR;
      buf[text - 1] = LF;
      if (text !== from) for (let i = 0; i < length; i++) buf[text + i] = buf[from + i];
      end = text + length;
    }
    buf[end] = CR;
    buf[end + 1] = LF;
    this.#length = end + 2;
  }

  /** A big number: a bulk string in RESP2. */
  bigNumber(digits: string): void {
    if (this.protocol === 2) this.latin1(digits);
    else this.#line(TYPE_BIG_NUMBER, digits);
  }

  /** Text with a three-letter format such as `txt`: a bulk string in RESP2. */
  verbatim(format: string, text: string): void {
    if (this.protocol === 2) return this.text(text);
    const length = Buffer.byteLength(text);
    this.#header(TYPE_VERBATIM, length + 4);
    const at = this.#reserve(length + 6);
    this.buf.write(`${format}:`, at, 'latin1');
    this.buf.write(text, at + 4, 'utf8');
    this.buf[at + 4 + length] = CR;
    this.buf[at + 5 + length] = LF;
  }

  /** Puts what was written from `middle` on before what was written from `at` on, of which nothing is on loan. */
  moveBefore(at: number, middle: number): void {
    const { buf } = this;
    const length = this.#length - middle;
    if (length > this.#aside.length) this.#aside = Buffer.allocUnsafeSlow(length);
    const aside = this.#aside;
    for (let i = 0; i < length; i++) aside[i] = buf[middle + i];
    buf.copyWithin(at + length, at, middle);
    for (let i = 0; i < length; i++) buf[at + i] = aside[i];
  }

  /** Bytes that are already RESP. */
  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.buf.set(bytes, at);
  }

  /** Writes `type`, a decimal number and CR LF. */
  #header(type: number, value: number): void {
    const at = this.#reserve(24);
    const buf = this.buf;
    buf[at] = type;
    const end = writeInt(buf, at + 1, value);
    buf[end] = CR;
    buf[end + 1] = LF;
    this.#length = end + 2;
  }

  #line(type: number, text: string): void {
    // Error texts quote arguments, which are bytes: one character a byte keeps them as they came.
    const { length } = text;
    const at = this.#reserve(length + 3);
    const { buf } = this;
    buf[at] = type;
    // A call of the runtime costs more than a few characters.
    if (length <= SHORT_TEXT) for (let i = 0; i < length; i++) buf[at + 1 + i] = text.charCodeAt(i);
    else buf.write(text, at + 1, 'latin1');
    buf[at + 1 + length] = CR;
    buf[at + 2 + length] = LF;
  }

  /** Makes room for `bytes` more, counts them as written and returns where they go. */
  #reserve(bytes: number): number {
    if (this.#length + bytes > this.buf.length) this.#makeRoom(bytes);
    const at = this.#length;
    this.#length = at + bytes;
    return at;
  }

  /** Grows the buffer, or gives up what stands behind the place of the overflow. */
  #makeRoom(bytes: number): void {
    const needed = this.#length + bytes;
    if (this.#overflowAt < 0) {
      if (needed <= KEEP_BYTES || needed <= Math.min(this.maxBytes(), MAX_BYTES)) {
        return this.#grow(Math.min(Math.max(needed, this.buf.length * 2), MAX_BYTES));
      }
      this.#overflowAt = this.#length;
    }
    this.#length = this.#overflowAt;
    if (this.#length + bytes > this.buf.length) this.#grow(this.#length + bytes);
  }

  #grow(capacity: number): void {
    const grown = Buffer.allocUnsafeSlow(capacity);
    grown.set(this.buf.subarray(0, this.#length));
    this.#use(grown);
  }

  #use(buf: Buffer): void {
    this.buf = buf;
    this.#data = dataOf(buf);
  }
}

function dataOf(buf: Buffer): DataView {
  return new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
}
