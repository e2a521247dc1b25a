/**
 * Walks a listpack (format.ts) forward and backward. One object is opened on one listpack after the other and makes no garbage.
 *
 *   cursor.open(buf, data, start, end);
 *   while (cursor.next()) if (cursor.isInt) ... cursor.int; else ... cursor.buf[cursor.from, cursor.to)
 *
 * It stands on an element, before the first, or at the end. Like every view it dies when what lies under it changes; an
 * editor (editable.ts) is a cursor that stays right across its own edits.
 */
import { equalBytes, writeInt } from '../../base/bytes.js';
import { ByteView } from '../../store/types.js';
import type { ListpackElement } from './element.js';
import {
  backlenBytes,
  COUNT_UNKNOWN,
  EMPTY_BYTES,
  END,
  HEADER_BYTES,
  INT_13,
  INT_16,
  INT_24,
  INT_32,
  INT_64,
  readBacklen,
  STRING_12,
  STRING_32,
} from './format.js';

const NOTHING = new Uint8Array([EMPTY_BYTES, 0, 0, 0, 0, 0, END]);
const NOTHING_DATA = new DataView(NOTHING.buffer);
/** The longest text of a 64-bit integer. */
const INT_TEXT_BYTES = 20;

export class ListpackCursor {
  // The listpack.
  buf: Uint8Array = NOTHING;
  data: DataView = NOTHING_DATA;
  start = 0;
  end = EMPTY_BYTES;

  // The element it stands on.
  /** Where it begins and where the next one does, in `buf`. */
  at = HEADER_BYTES;
  after = HEADER_BYTES;
  isInt = false;
  /** The value of an integer; not exact when {@link isWide}. */
  int = 0;
  /** The integer is beyond 2^53: ask {@link wide}. */
  isWide = false;
  /** The bytes of a string: buf[from, to). */
  from = 0;
  to = 0;

  private view: ByteView | undefined;
  private intText: Uint8Array | undefined;
  private intTextData: DataView = NOTHING_DATA;

  /** Stands before the first element. */
  open(buf: Uint8Array, data: DataView, start: number, end: number): this {
    this.buf = buf;
    this.data = data;
    this.start = start;
    this.end = end;
    this.at = start + HEADER_BYTES;
    this.after = this.at;
    return this;
  }

  openView(view: ByteView): this {
    return this.open(view.buf, view.data, view.start, view.end);
  }

  /** Bytes of the whole listpack. */
  get byteLength(): number {
    return this.end - this.start;
  }

  /** Number of elements. O(1) below 65535 elements. */
  get count(): number {
    const stated = this.data.getUint16(this.start + 4, true);
    return stated !== COUNT_UNKNOWN ? stated : this.countFrom(this.start + HEADER_BYTES);
  }

  get isEmpty(): boolean {
    return this.end - this.start === EMPTY_BYTES;
  }

  /** Where it stands, from the beginning of the listpack: what {@link moveTo} takes. Stays when the listpack moves. */
  get offset(): number {
    return this.at - this.start;
  }

  /** The index of the element it stands on. O(n). */
  index(): number {
    const { offset } = this;
    let index = 0;
    for (this.rewind(); this.next() && this.offset < offset; ) index++;
    return index;
  }

  /** Goes back before the first element. */
  rewind(): this {
    this.at = this.start + HEADER_BYTES;
    this.after = this.at;
    return this;
  }

  /** Goes behind the last element. */
  toEnd(): this {
    this.at = this.end - 1;
    this.after = this.at;
    return this;
  }

  /** Steps forward; false at the end. */
  next(): boolean {
    const at = this.after;
    const { buf } = this;
    const first = buf[at];
    this.at = at;
    if (first < 0x80) {
      this.isInt = true;
      this.isWide = false;
      this.int = first;
      this.after = at + 2;
    } else if (first < INT_13) {
      this.isInt = false;
      this.from = at + 1;
      this.to = at + 1 + (first & 63);
      this.after = this.to + 1;
    } else if (first === END) return false;
    else this.loadLong(first, at);
    return true;
  }

  /** Steps backward; false when there is no element before: it then stands before the first. */
  previous(): boolean {
    const { at } = this;
    if (at === this.start + HEADER_BYTES) {
      this.after = at;
      return false;
    }
    const content = readBacklen(this.buf, at - 1);
    this.after = at - content - backlenBytes(content);
    return this.next();
  }

  first(): boolean {
    return this.rewind().next();
  }

  last(): boolean {
    return this.toEnd().previous();
  }

  /** Goes to the element with this index, from 0; negative ones count from the end (-1 is the last). False when there is none. */
  seek(index: number): boolean {
    const stated = this.data.getUint16(this.start + 4, true);
    if (stated !== COUNT_UNKNOWN) {
      if (index >= stated || index < -stated) return false;
      if (index > stated >> 1) index -= stated;
      else if (index < -((stated >> 1) + 1)) index += stated;
    }
    if (index >= 0) {
      this.rewind();
      for (; index >= 0; index--) if (!this.next()) return false;
    } else {
      this.toEnd();
      for (; index < 0; index++) if (!this.previous()) return false;
    }
    return true;
  }

  /** Goes to the element at an {@link offset}; false when that is the end. */
  moveTo(offset: number): boolean {
    this.after = this.start + offset;
    return this.next();
  }

  /** Steps over `n` elements and onto the one behind them: skip(0) is next(). False when the end comes first. */
  skip(n: number): boolean {
    for (; n > 0; n--) if (!this.next()) return false;
    return this.next();
  }

  /**
   * Steps to the next element that equals `wanted`, looking at one and passing over `skipped`: with 1, at the keys of a list of
   * pairs. False at the end.
   */
  find(wanted: ListpackElement, skipped: number): boolean {
    for (;;) {
      if (!this.next()) return false;
      if (this.equals(wanted)) return true;
      for (let i = 0; i < skipped; i++) if (!this.next()) return false;
    }
  }

  /** Whether the element has the same value. */
  equals(wanted: ListpackElement): boolean {
    if (!this.isInt) {
      // An integer never equals a string of a proper listpack, but others' may hold one as text.
      return (
        this.to - this.from === wanted.end - wanted.start &&
        equalBytes(this.buf, this.from, this.to, wanted.buf, wanted.start)
      );
    }
    if (!wanted.isInt || this.int !== wanted.int) return false;
    return this.isWide ? this.wide === wanted.wide : wanted.wide === undefined;
  }

  /** Whether the element's text is buf[start, end). */
  isText(buf: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (!this.isInt) return this.to - this.from === length && equalBytes(buf, start, end, this.buf, this.from);
    const text = this.text();
    return text.length === length && equalBytes(buf, start, end, text.buf, text.start);
  }

  /** The integer, whatever its size. */
  get wide(): bigint {
    return this.isWide ? this.data.getBigInt64(this.at + 1, true) : BigInt(this.int);
  }

  /**
   * The element as bytes, integers as their decimal text. The view is the cursor's own: it lasts until the next call, or until
   * the listpack changes. Free of garbage, but for integers beyond 2^53.
   */
  text(): ByteView {
    this.view ??= new ByteView();
    if (!this.isInt) return this.view.set(this.buf, this.data, this.from, this.to);
    if (this.intText === undefined) {
      // Not a pooled Buffer: its DataView must have the same offsets.
      this.intText = new Uint8Array(INT_TEXT_BYTES);
      this.intTextData = new DataView(this.intText.buffer);
    }
    return this.view.set(this.intText, this.intTextData, 0, this.writeText(this.intText, 0));
  }

  /** Writes the text of an integer at `at`; answers the offset behind it. */
  private writeText(buf: Uint8Array, at: number): number {
    if (!this.isWide) return writeInt(buf, at, this.int);
    const digits = this.wide.toString();
    for (let i = 0; i < digits.length; i++) buf[at + i] = digits.charCodeAt(i);
    return at + digits.length;
  }

  /** Makes `element` the element it stands on. A string's bytes stay where they are: it dies with the listpack. */
  load(element: ListpackElement): ListpackElement {
    if (!this.isInt) return element.set(this.buf, this.from, this.to);
    return this.isWide ? element.setInt64(this.wide) : element.setInt(this.int);
  }

  private countFrom(at: number): number {
    const { at: wasAt, after } = this;
    let count = 0;
    this.after = at;
    while (this.next()) count++;
    this.after = wasAt;
    if (after !== wasAt) this.next();
    this.at = wasAt;
    this.after = after;
    return count;
  }

  private loadLong(first: number, at: number): void {
    const { data } = this;
    if (first < STRING_12) {
      // 13 bits, of which the highest is the sign.
      this.setInt((((first << 27) >> 27) << 8) | this.buf[at + 1], at + 3);
    } else if (first < STRING_32) {
      this.setString(at + 2, ((first & 15) << 8) | this.buf[at + 1]);
    } else if (first === STRING_32) {
      this.setString(at + 5, data.getUint32(at + 1, true));
    } else if (first === INT_16) {
      this.setInt(data.getInt16(at + 1, true), at + 4);
    } else if (first === INT_24) {
      this.setInt((data.getInt8(at + 3) << 16) | data.getUint16(at + 1, true), at + 5);
    } else if (first === INT_32) {
      this.setInt(data.getInt32(at + 1, true), at + 6);
    } else {
      const value = data.getInt32(at + 5, true) * 4294967296 + data.getUint32(at + 1, true);
      this.setInt(value, at + 10);
      this.isWide = first === INT_64 && !Number.isSafeInteger(value);
    }
  }

  private setInt(value: number, after: number): void {
    this.isInt = true;
    this.isWide = false;
    this.int = value;
    this.after = after;
  }

  private setString(from: number, length: number): void {
    this.isInt = false;
    this.from = from;
    this.to = from + length;
    const content = this.to - this.at;
    this.after = this.to + backlenBytes(content);
  }
}
