/**
 * Commands on their way into an append-only file: a growing byte buffer to which whole commands are appended as RESP
 * arrays of bulk strings, and from whose front written bytes are dropped.
 *
 *   bytes  | *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n ... |      free      |
 *          0                                                       length          capacity
 *
 * Between two calls of command() the caller has to append exactly the arguments that it announced.
 * Appending makes no garbage as long as the buffer is large enough.
 */
import { decimalLength, writeInt } from '../../base/bytes.js';

const STAR = 0x2a;
const DOLLAR = 0x24;
const ZERO = 0x30;
const CR = 0x0d;
const LF = 0x0a;

const INITIAL_BYTES = 64 * 1024;
/** A buffer that a burst has blown up beyond this is given back once it is empty. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
/** `*` or `$`, a length of up to 10 digits and CRLF. */
const HEADER_BYTES_MAX = 13;
/** A safe integer in decimal, with its sign. */
const INTEGER_BYTES_MAX = 17;
/** Of one argument beside its own bytes: its header and the CRLF behind it. */
const ARGUMENT_OVERHEAD_MAX = HEADER_BYTES_MAX + 2;
/** From this length on, the fixed cost of a native copy is paid back. */
const NATIVE_COPY_MIN = 96;

export class AofBuffer {
  /** Only [0, length) is meant. Replaced when it grows: do not keep it. */
  bytes: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  length = 0;

  /** A whole command whose arguments are the ranges [start[i], end[i]) of `buf`. */
  args(buf: Uint8Array, start: Int32Array, end: Int32Array, argc: number): void {
    let most = HEADER_BYTES_MAX;
    for (let i = 0; i < argc; i++) most += end[i] - start[i] + ARGUMENT_OVERHEAD_MAX;
    this.reserve(most);
    let at = writeHeader(this.bytes, this.length, STAR, argc);
    for (let i = 0; i < argc; i++) at = writeArgument(this.bytes, at, buf, start[i], end[i]);
    this.length = at;
  }

  /** Opens a command of `argc` arguments. They follow by bulk(), text() and integer(). */
  command(argc: number): void {
    this.reserve(HEADER_BYTES_MAX);
    this.length = writeHeader(this.bytes, this.length, STAR, argc);
  }

  /** An argument that is a range of bytes. */
  bulk(buf: Uint8Array, start: number, end: number): void {
    this.reserve(end - start + ARGUMENT_OVERHEAD_MAX);
    this.length = writeArgument(this.bytes, this.length, buf, start, end);
  }

  /** An argument given as a string with one byte a character. */
  text(latin1: string): void {
    this.reserve(latin1.length + ARGUMENT_OVERHEAD_MAX);
    const at = writeHeader(this.bytes, this.length, DOLLAR, latin1.length);
    for (let i = 0; i < latin1.length; i++) this.bytes[at + i] = latin1.charCodeAt(i);
    this.length = writeLineEnd(this.bytes, at + latin1.length);
  }

  /** An argument that is the decimal text of a safe integer. */
  integer(value: number): void {
    this.reserve(INTEGER_BYTES_MAX + ARGUMENT_OVERHEAD_MAX);
    const count = value < 0 ? 1 + decimalLength(-value) : decimalLength(value);
    const at = writeHeader(this.bytes, this.length, DOLLAR, count);
    this.length = writeLineEnd(this.bytes, writeInt(this.bytes, at, value));
  }

  /** Opens an argument of `length` bytes. They follow by raw(), and the line's end behind them. */
  header(length: number): void {
    this.reserve(HEADER_BYTES_MAX);
    this.length = writeHeader(this.bytes, this.length, DOLLAR, length);
  }

  /** Bytes as they are: parts of commands that were written elsewhere. */
  raw(buf: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    this.bytes.set(buf.subarray(start, end), this.length);
    this.length += end - start;
  }

  /** An annotation between two commands: those that follow were run in this second. */
  timestamp(seconds: number): void {
    const line = Buffer.from(`#TS:${seconds}\r\n`, 'latin1');
    this.reserve(line.length);
    this.bytes.set(line, this.length);
    this.length += line.length;
  }

  /** Drops `count` bytes from the front: they are in the file. */
  consume(count: number): void {
    if (count < this.length) {
      this.bytes.copyWithin(0, count, this.length);
      this.length -= count;
      return;
    }
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  private reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}

/** `$length`, the bytes and the line ends. Like the next two, expects room, and gives the offset behind what it wrote. */
function writeArgument(out: Buffer, at: number, buf: Uint8Array, start: number, end: number): number {
  const length = end - start;
  at = writeHeader(out, at, DOLLAR, length);
  if (length < NATIVE_COPY_MIN) {
    for (let i = start; i < end; i++) out[at++] = buf[i];
  } else {
    out.set(buf.subarray(start, end), at);
    at += length;
  }
  return writeLineEnd(out, at);
}

function writeHeader(out: Buffer, at: number, kind: number, count: number): number {
  out[at++] = kind;
  if (count < 10) out[at++] = ZERO + count;
  else at = writeInt(out, at, count);
  return writeLineEnd(out, at);
}

function writeLineEnd(out: Buffer, at: number): number {
  out[at] = CR;
  out[at + 1] = LF;
  return at + 2;
}
