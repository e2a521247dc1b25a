/**
 * Requests as clients send them: RESP arrays of bulk strings, or inline commands (one line, words quoted as in redis.conf).
 * Pure: bytes in, argument ranges out. It never copies a request and never keeps the caller's buffer; a request that is
 * not whole yet leaves its state in the parser, which goes on where it stopped when more bytes have come.
 *
 *   buffer   ...done...│*3␍␊$3␍␊SET␍␊$1␍␊k␍␊$1000␍␊vvvvvvv│
 *                      ^ start of the request      ^ pos  ^ end
 *
 * The bytes of an unfinished request may move between calls (a connection compacts its buffer): then {@link rebase}.
 */
import { splitArgs } from '../base/splitArgs.js';
import type { ArgVector } from './argVector.js';

/** A whole request is in the vector. */
export const REQUEST = 0;
/** More bytes are needed. */
export const INCOMPLETE = 1;
/** An empty request (`*0`, an empty line) was passed over; there may be more behind it. */
export const EMPTY = 2;
/** The stream is broken; {@link RequestParser.error} says how. Nothing after it can be understood. */
export const PROTOCOL_ERROR = 3;
export type ParseResult = typeof REQUEST | typeof INCOMPLETE | typeof EMPTY | typeof PROTOCOL_ERROR;

/** The longest inline request, and the longest line of a count (PROTO_INLINE_MAX_SIZE of Redis). */
const INLINE_MAX_BYTES = 64 * 1024;
const INT32_MAX = 0x7fffffff;
const UNAUTHENTICATED_MAX_ARGS = 10;
const UNAUTHENTICATED_MAX_BULK_BYTES = 16 * 1024;

const CR = 0x0d;
const LF = 0x0a;
const STAR = 0x2a;
const DOLLAR = 0x24;
const MINUS = 0x2d;
const ZERO = 0x30;
const SPACE = 0x20;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;

/** Below every count that can be spelled. */
const NOT_A_NUMBER = Number.NEGATIVE_INFINITY;

export class RequestParser {
  /** Where the next byte to look at is, in the buffer of the last call. */
  pos = 0;
  /** How many bytes must be in the buffer, from {@link pos}, before parsing again can get anywhere. 1 when unknown. */
  needBytes = 1;
  /** The text behind `-ERR Protocol error: `. */
  error = '';
  /** Clients that have not authenticated may only send small requests. */
  authenticated = true;

  /** Arguments still to come; 0 between requests. */
  #argsLeft = 0;
  /** Length of the bulk string being read; -1 when its header has not come yet. */
  #bulkBytes = -1;

  /** True inside a request that is not whole yet. */
  get midRequest(): boolean {
    return this.#argsLeft > 0;
  }

  /** Says that the bytes of the buffer moved by `delta`. */
  rebase(delta: number): void {
    this.pos += delta;
  }

  /**
   * Reads one request from buf[pos, end). `maxBulkBytes` is proto-max-bulk-len. On REQUEST, `args` holds the ranges.
   * On INCOMPLETE in the middle of an array, `args` holds those read so far and must come back unchanged (but shifted as
   * the buffer was) with the next call.
   */
  parse(buf: Uint8Array, end: number, args: ArgVector, maxBulkBytes: number): ParseResult {
    this.needBytes = 1;
    if (this.#argsLeft === 0) {
      if (this.pos >= end) return this.#incomplete(1);
      args.argc = 0;
      if (buf[this.pos] !== STAR) return this.#inline(buf, end, args);
      if (this.#plain(buf, end, args)) return REQUEST;
      args.argc = 0;
      const result = this.#arrayHeader(buf, end);
      if (result !== REQUEST) return result;
    }
    return this.#bulks(buf, end, args, maxBulkBytes);
  }

  /**
   * Nearly every request: all there, fewer than ten arguments of fewer than a hundred bytes. False when it is another one; then
   * nothing has happened but to `args`.
   */
  #plain(buf: Uint8Array, end: number, args: ArgVector): boolean {
    let at = this.pos;
    const argc = buf[at + 1] - ZERO;
    if (at + 4 > end || argc < 1 || argc > 9 || buf[at + 2] !== CR) return false;
    at += 4;
    for (let i = 0; i < argc; i++) {
      if (at + 5 > end || buf[at] !== DOLLAR) return false;
      let length = buf[at + 1] - ZERO;
      if (length < 0 || length > 9) return false;
      if (buf[at + 2] === CR) at += 4;
      else {
        const digit = buf[at + 2] - ZERO;
        if (length === 0 || digit < 0 || digit > 9 || buf[at + 3] !== CR) return false;
        length = length * 10 + digit;
        at += 5;
      }
      if (at + length + 2 > end) return false;
      args.push(at, at + length);
      at += length + 2;
    }
    args.buf = buf;
    this.pos = at;
    return true;
  }

  #arrayHeader(buf: Uint8Array, end: number): ParseResult {
    const lineEnd = this.#lineEnd(buf, end);
    if (lineEnd < 0) {
      if (end - this.pos > INLINE_MAX_BYTES) return this.#fail('too big mbulk count string');
      return this.#incomplete(1);
    }
    const count = parseCount(buf, this.pos + 1, lineEnd);
    if (count === NOT_A_NUMBER || count > INT32_MAX) return this.#fail('invalid multibulk length');
    if (count > UNAUTHENTICATED_MAX_ARGS && !this.authenticated) return this.#fail('unauthenticated multibulk length');
    this.pos = lineEnd + 2;
    if (count <= 0) return EMPTY;
    this.#argsLeft = count;
    this.#bulkBytes = -1;
    return REQUEST;
  }

  #bulks(buf: Uint8Array, end: number, args: ArgVector, maxBulkBytes: number): ParseResult {
    while (this.#argsLeft > 0) {
      if (this.#bulkBytes < 0) {
        const result = this.#bulkHeader(buf, end, maxBulkBytes);
        if (result !== REQUEST) return result;
      }
      const valueEnd = this.pos + this.#bulkBytes;
      if (valueEnd + 2 > end) return this.#incomplete(this.#bulkBytes + 2);
      args.push(this.pos, valueEnd);
      this.pos = valueEnd + 2;
      this.#bulkBytes = -1;
      this.#argsLeft--;
    }
    args.buf = buf;
    return REQUEST;
  }

  #bulkHeader(buf: Uint8Array, end: number, maxBulkBytes: number): ParseResult {
    const lineEnd = this.#lineEnd(buf, end);
    if (lineEnd < 0) {
      if (end - this.pos > INLINE_MAX_BYTES) return this.#fail('too big bulk count string');
      return this.#incomplete(1);
    }
    if (buf[this.pos] !== DOLLAR) {
      return this.#fail(`expected '$', got '${String.fromCharCode(buf[this.pos])}'`);
    }
    const length = parseCount(buf, this.pos + 1, lineEnd);
    if (length === NOT_A_NUMBER || length < 0 || length > maxBulkBytes) return this.#fail('invalid bulk length');
    if (length > UNAUTHENTICATED_MAX_BULK_BYTES && !this.authenticated) {
      return this.#fail('unauthenticated bulk length');
    }
    this.#bulkBytes = length;
    this.pos = lineEnd + 2;
    return REQUEST;
  }

  /** The offset of the CR that ends the line at `pos`, its LF present; -1 when it has not come yet. */
  #lineEnd(buf: Uint8Array, end: number): number {
    for (let i = this.pos; i < end - 1; i++) if (buf[i] === CR) return i;
    return -1;
  }

  #inline(buf: Uint8Array, end: number, args: ArgVector): ParseResult {
    let newline = this.pos;
    while (newline < end && buf[newline] !== LF) newline++;
    if (newline === end) {
      if (end - this.pos > INLINE_MAX_BYTES) return this.#fail('too big inline request');
      return this.#incomplete(1);
    }
    const lineEnd = newline > this.pos && buf[newline - 1] === CR ? newline - 1 : newline;
    if (pushPlainWords(buf, this.pos, lineEnd, args)) {
      this.pos = newline + 1;
      args.buf = buf;
      return args.argc === 0 ? EMPTY : REQUEST;
    }
    args.argc = 0;
    const line = Buffer.from(buf.buffer, buf.byteOffset + this.pos, lineEnd - this.pos).toString('latin1');
    const words = splitArgs(line);
    if (words === undefined) return this.#fail('unbalanced quotes in request');
    this.pos = newline + 1;
    if (words.length === 0) return EMPTY;
    // Quotes and escapes change the bytes, so an inline request gets a buffer of its own: people type these.
    const own = Buffer.from(words.join(''), 'latin1');
    let at = 0;
    for (const word of words) {
      args.push(at, at + word.length);
      at += word.length;
    }
    args.buf = own;
    return REQUEST;
  }

  #incomplete(needBytes: number): ParseResult {
    this.needBytes = needBytes;
    return INCOMPLETE;
  }

  #fail(text: string): ParseResult {
    this.error = text;
    return PROTOCOL_ERROR;
  }
}

/** Words between spaces, as nearly every inline request is. False when anything else is in the line. */
function pushPlainWords(buf: Uint8Array, start: number, end: number, args: ArgVector): boolean {
  let wordStart = -1;
  for (let i = start; i < end; i++) {
    const c = buf[i];
    if (c === SPACE) {
      if (wordStart >= 0) args.push(wordStart, i);
      wordStart = -1;
    } else if (c < SPACE || c === DOUBLE_QUOTE || c === SINGLE_QUOTE) {
      return false;
    } else if (wordStart < 0) {
      wordStart = i;
    }
  }
  if (wordStart >= 0) args.push(wordStart, end);
  return true;
}

/** A decimal count as Redis reads it (no sign but '-', no leading zeros); NOT_A_NUMBER otherwise. */
function parseCount(buf: Uint8Array, start: number, end: number): number {
  let i = start;
  const negative = i < end && buf[i] === MINUS;
  if (negative) i++;
  if (i === end || end - i > 18) return NOT_A_NUMBER;
  if (buf[i] === ZERO && (end - i > 1 || negative)) return NOT_A_NUMBER;
  let value = 0;
  for (; i < end; i++) {
    const digit = buf[i] - ZERO;
    if (digit < 0 || digit > 9) return NOT_A_NUMBER;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}
