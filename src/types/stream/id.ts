/**
 * The id of a stream entry: `<ms>-<seq>`, two unsigned 64-bit numbers.
 *
 *   msHigh | msLow | seqHigh | seqLow      each a signed 32-bit word
 *
 * An id is a box to be filled again and again; whoever keeps one copies it.
 */
import { latin1 } from '../../base/bytes.js';
import { compareWords, highWord, parseLoosely, wordsToNumber, writeWords } from './uint64.js';

/** What {@link StreamId.parse} finds. */
export const ID_INVALID = 0;
export const ID_WHOLE = 1;
/** `<ms>-*`: the sequence number is for the server to choose. */
export const ID_WITHOUT_SEQUENCE = 2;

// How strict to be, bits for {@link StreamId.parse}.
/** `-` and `+` are the least and the greatest id. */
export const ALLOW_ENDS = 1;
/** `<ms>-*` is allowed. */
export const ALLOW_AUTO = 2;
/** A missing sequence number is the greatest, not 0. */
export const MISSING_IS_MAX = 4;

/** Redis copies an id to a buffer of this size first. */
const MAX_TEXT_BYTES = 127;
/** Two numbers of twenty digits and what parts them. */
export const ID_TEXT_BYTES = 41;

export const MINUS = 0x2d;
const PLUS = 0x2b;
const STAR = 0x2a;

export class StreamId {
  msHigh = 0;
  msLow = 0;
  seqHigh = 0;
  seqLow = 0;

  copy(other: StreamId): this {
    return this.set(other.msHigh, other.msLow, other.seqHigh, other.seqLow);
  }

  set(msHigh: number, msLow: number, seqHigh: number, seqLow: number): this {
    this.msHigh = msHigh;
    this.msLow = msLow;
    this.seqHigh = seqHigh;
    this.seqLow = seqLow;
    return this;
  }

  setMin(): this {
    return this.set(0, 0, 0, 0);
  }

  setMax(): this {
    return this.set(-1, -1, -1, -1);
  }

  /** `ms`-0 */
  setMs(ms: number): this {
    return this.set(highWord(ms), ms | 0, 0, 0);
  }

  /** The id in four words of an array. */
  read(words: Int32Array, at: number): this {
    return this.set(words[at], words[at + 1], words[at + 2], words[at + 3]);
  }

  write(words: Int32Array, at: number): void {
    words[at] = this.msHigh;
    words[at + 1] = this.msLow;
    words[at + 2] = this.seqHigh;
    words[at + 3] = this.seqLow;
  }

  get isZero(): boolean {
    return (this.msHigh | this.msLow | this.seqHigh | this.seqLow) === 0;
  }

  get isMax(): boolean {
    return (this.msHigh & this.msLow & this.seqHigh & this.seqLow) === -1;
  }

  /** Negative, 0 or positive. */
  compare(other: StreamId): number {
    if (this.msLow !== other.msLow || this.msHigh !== other.msHigh) {
      return compareWords(this.msHigh, this.msLow, other.msHigh, other.msLow);
    }
    return compareWords(this.seqHigh, this.seqLow, other.seqHigh, other.seqLow);
  }

  /** The same against four words of an array. */
  compareAt(words: Int32Array, at: number): number {
    const ms = compareWords(this.msHigh, this.msLow, words[at], words[at + 1]);
    return ms !== 0 ? ms : compareWords(this.seqHigh, this.seqLow, words[at + 2], words[at + 3]);
  }

  hasSameMs(other: StreamId): boolean {
    return this.msLow === other.msLow && this.msHigh === other.msHigh;
  }

  /** Rounded where it is beyond 2^53. */
  get ms(): number {
    return wordsToNumber(this.msHigh, this.msLow);
  }

  get isLastOfMs(): boolean {
    return (this.seqHigh & this.seqLow) === -1;
  }

  /** The next id. False when there is none: it is then 0-0. */
  increment(): boolean {
    this.seqLow = (this.seqLow + 1) | 0;
    if (this.seqLow !== 0) return true;
    this.seqHigh = (this.seqHigh + 1) | 0;
    if (this.seqHigh !== 0) return true;
    this.msLow = (this.msLow + 1) | 0;
    if (this.msLow !== 0) return true;
    this.msHigh = (this.msHigh + 1) | 0;
    return this.msHigh !== 0;
  }

  /** The id before. False when there is none: it is then the greatest. */
  decrement(): boolean {
    this.seqLow = (this.seqLow - 1) | 0;
    if (this.seqLow !== -1) return true;
    this.seqHigh = (this.seqHigh - 1) | 0;
    if (this.seqHigh !== -1) return true;
    this.msLow = (this.msLow - 1) | 0;
    if (this.msLow !== -1) return true;
    this.msHigh = (this.msHigh - 1) | 0;
    return this.msHigh !== -1;
  }

  /** Writes `<ms>-<seq>` at `at`: {@link ID_TEXT_BYTES} at most. Answers the offset behind it. */
  writeText(buf: Uint8Array, at: number): number {
    at = writeWords(buf, at, this.msHigh, this.msLow);
    buf[at++] = MINUS;
    return writeWords(buf, at, this.seqHigh, this.seqLow);
  }

  toString(): string {
    const text = new Uint8Array(ID_TEXT_BYTES);
    return latin1(text, 0, this.writeText(text, 0));
  }

  /** Reads buf[start, end). When it is no id, this one is anything. */
  parse(buf: Uint8Array, start: number, end: number, allowed: number): number {
    if (end - start > MAX_TEXT_BYTES) return ID_INVALID;
    if (end - start === 1 && (buf[start] === MINUS || buf[start] === PLUS)) {
      if ((allowed & ALLOW_ENDS) === 0) return ID_INVALID;
      if (buf[start] === MINUS) this.setMin();
      else this.setMax();
      return ID_WHOLE;
    }
    let at = start;
    let value = 0;
    // Thirteen digits are a time in ms for the next 250 years; longer numbers are rare.
    for (; at < end && at - start < 15 && isDigit(buf[at]); at++) value = value * 10 + (buf[at] - 0x30);
    if (at === start || (at < end && buf[at] !== MINUS)) return this.parseRare(buf, start, end, allowed);
    this.msHigh = highWord(value);
    this.msLow = value | 0;
    if (at === end) return this.missSequence(allowed);
    const seqStart = ++at;
    if (at === end - 1 && buf[at] === STAR && (allowed & ALLOW_AUTO) !== 0) return this.leaveSequence();
    for (value = 0; at < end && at - seqStart < 15 && isDigit(buf[at]); at++) value = value * 10 + (buf[at] - 0x30);
    if (at === seqStart || at < end) return this.parseRare(buf, start, end, allowed);
    this.seqHigh = highWord(value);
    this.seqLow = value | 0;
    return ID_WHOLE;
  }

  /** Whatever else Redis takes: it reads both numbers with strtoull, up to a NUL. */
  private parseRare(buf: Uint8Array, start: number, end: number, allowed: number): number {
    const nul = buf.subarray(start, end).indexOf(0);
    const whole = latin1(buf, start, nul < 0 ? end : start + nul);
    if (nul >= 0 && (whole === '-' || whole === '+')) return this.parse(buf, start, start + nul, allowed);
    const dash = whole.indexOf('-');
    const ms = parseLoosely(dash < 0 ? whole : whole.slice(0, dash));
    if (ms === undefined) return ID_INVALID;
    this.msHigh = Number(ms >> 32n) | 0;
    this.msLow = Number(ms & 0xffffffffn) | 0;
    if (dash < 0) return this.missSequence(allowed);
    const text = whole.slice(dash + 1);
    if (text === '*' && (allowed & ALLOW_AUTO) !== 0) return this.leaveSequence();
    const seq = parseLoosely(text);
    if (seq === undefined) return ID_INVALID;
    this.seqHigh = Number(seq >> 32n) | 0;
    this.seqLow = Number(seq & 0xffffffffn) | 0;
    return ID_WHOLE;
  }

  private missSequence(allowed: number): number {
    this.seqHigh = (allowed & MISSING_IS_MAX) === 0 ? 0 : -1;
    this.seqLow = this.seqHigh;
    return ID_WHOLE;
  }

  private leaveSequence(): number {
    this.seqHigh = 0;
    this.seqLow = 0;
    return ID_WITHOUT_SEQUENCE;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
