/**
 * Looks ahead in a pipeline for the first keys of the requests to come, so that the store can fetch what they need from memory
 * all at once instead of one after the other. A guess and nothing more: it understands requests as clients write them, takes
 * the first argument for a key, and stops at whatever looks otherwise; the parser alone decides what a request is.
 */
import { equalBytes } from '../base/bytes.js';

const STAR = 0x2a;
const DOLLAR = 0x24;
const CR = 0x0d;
const ZERO = 0x30;

/** Where fields and members mostly are: behind the key. */
const MEMBER_ARG = 2;

/** Requests that are looked at together: enough for the memory's own queue, few enough to stay in the first-level cache. */
export const PEEK_REQUESTS = 16;

export class KeyPeek {
  buf: Uint8Array = new Uint8Array(0);
  readonly start = new Int32Array(PEEK_REQUESTS);
  readonly end = new Int32Array(PEEK_REQUESTS);
  /** How many keys were found. */
  count = 0;
  /** The argument behind each key, or nothing (0, 0): perhaps a field or a member. */
  readonly nextStart = new Int32Array(PEEK_REQUESTS);
  readonly nextEnd = new Int32Array(PEEK_REQUESTS);
  /** The last argument, when it lies behind the key: where sorted sets are given members. */
  readonly lastStart = new Int32Array(PEEK_REQUESTS);
  readonly lastEnd = new Int32Array(PEEK_REQUESTS);
  /** All keys are the same one. */
  oneKey = false;
  #pos = 0;

  /** Looks at the requests from buf[pos] on. Answers where the first one begins that was not looked at. */
  look(buf: Uint8Array, pos: number, end: number): number {
    this.buf = buf;
    this.count = 0;
    this.oneKey = true;
    let at = pos;
    for (let i = 0; i < PEEK_REQUESTS; i++) {
      const next = this.#request(buf, at, end);
      if (next < 0) break;
      at = next;
    }
    return at;
  }

  /** Passes over one request and remembers its first argument; -1 when it is not plainly there as a whole. */
  #request(buf: Uint8Array, at: number, end: number): number {
    if (at + 4 > end || buf[at] !== STAR) return -1;
    const argc = this.#number(buf, at + 1, end);
    if (argc < 1) return -1;
    let keyStart = 0;
    let keyEnd = 0;
    let nextStart = 0;
    let nextEnd = 0;
    let lastStart = 0;
    let lastEnd = 0;
    for (let i = 0; i < argc; i++) {
      if (this.#pos >= end || buf[this.#pos] !== DOLLAR) return -1;
      const length = this.#number(buf, this.#pos + 1, end);
      if (length < 0) return -1;
      if (i === 1) {
        keyStart = this.#pos;
        keyEnd = keyStart + length;
      } else if (i >= MEMBER_ARG) {
        lastStart = this.#pos;
        lastEnd = lastStart + length;
        if (i === MEMBER_ARG) {
          nextStart = lastStart;
          nextEnd = lastEnd;
        }
      }
      this.#pos += length + 2;
      if (this.#pos > end) return -1;
    }
    if (argc > 1) {
      this.nextStart[this.count] = nextStart;
      this.nextEnd[this.count] = nextEnd;
      this.lastStart[this.count] = lastStart;
      this.lastEnd[this.count] = lastEnd;
      this.start[this.count] = keyStart;
      this.end[this.count++] = keyEnd;
      if (this.oneKey && this.count > 1) this.oneKey = this.#isFirstKey(buf, keyStart, keyEnd);
    }
    return this.#pos;
  }

  #isFirstKey(buf: Uint8Array, start: number, end: number): boolean {
    return end - start === this.end[0] - this.start[0] && equalBytes(buf, start, end, buf, this.start[0]);
  }

  /** The digits from `at` to the end of their line; leaves the position behind it. -1 when they are none, or many. */
  #number(buf: Uint8Array, at: number, end: number): number {
    let value = 0;
    let i = at;
    for (; i < end && i < at + 8; i++) {
      const digit = buf[i] - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (i === at || i + 2 > end || buf[i] !== CR) return -1;
    this.#pos = i + 2;
    return value;
  }
}
