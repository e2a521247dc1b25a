/** A string or integer as a listpack stores it: what is put into one, or looked for in one. Reused, so it makes no garbage. */
import { parseInt64, parseSafeInt } from '../../base/bytes.js';
import { Copier } from '../../base/copy.js';
import { backlenBytes, INT_13, INT_16, INT_24, INT_32, INT_64, STRING_12, STRING_32, writeBacklen } from './format.js';

const NO_BYTES = new Uint8Array(0);
/** Shorter texts are safe integers or none. */
const LONGEST_SAFE_TEXT = 15;

export class ListpackElement {
  /** The bytes, unless it was given as an integer. */
  buf: Uint8Array = NO_BYTES;
  start = 0;
  end = 0;
  isInt = false;
  /** The value of an integer; not exact when {@link wide} is set. */
  int = 0;
  /** The value of an integer beyond 2^53. */
  wide: bigint | undefined;
  /** Bytes that it takes in a listpack. */
  size = 0;
  private content = 0;
  private readonly copier = new Copier();

  /** buf[start, end): an integer when the bytes are the canonical text of one. */
  set(buf: Uint8Array, start: number, end: number): this {
    this.buf = buf;
    this.start = start;
    this.end = end;
    const length = end - start;
    const value = parseSafeInt(buf, start, end);
    if (!Number.isNaN(value)) return this.measureInt(value);
    if (length > LONGEST_SAFE_TEXT && length <= 20) {
      const wide = parseInt64(buf, start, end);
      if (wide !== undefined) return this.measureWide(wide);
    }
    this.isInt = false;
    this.wide = undefined;
    this.content = length + (length < 64 ? 1 : length < 4096 ? 2 : 5);
    this.size = this.content + backlenBytes(this.content);
    return this;
  }

  /** A safe integer. */
  setInt(value: number): this {
    this.buf = NO_BYTES;
    this.start = 0;
    // No string is so short: nothing but an integer equals it.
    this.end = -1;
    return this.measureInt(value);
  }

  /** Any signed 64-bit integer. */
  setInt64(value: bigint): this {
    const small = Number(value);
    if (Number.isSafeInteger(small)) return this.setInt(small);
    this.setInt(0);
    return this.measureWide(value);
  }

  private measureInt(value: number): this {
    this.isInt = true;
    this.int = value;
    this.wide = undefined;
    this.content = intBytes(value);
    this.size = this.content + 1;
    return this;
  }

  private measureWide(value: bigint): this {
    this.isInt = true;
    this.int = Number(value);
    this.wide = value;
    this.content = 9;
    this.size = 10;
    return this;
  }

  /** Writes {@link size} bytes at `at`. `data` is the DataView of `buf`, which must not hold the element's own bytes. */
  write(buf: Uint8Array, data: DataView, at: number): void {
    const { content } = this;
    if (this.isInt) {
      if (this.wide === undefined) writeIntElement(buf, data, at, this.int, content);
      else {
        buf[at] = INT_64;
        data.setBigInt64(at + 1, this.wide, true);
      }
      buf[at + content] = content;
      return;
    }
    const length = this.end - this.start;
    const head = content - length;
    if (head === 1) buf[at] = 0x80 | length;
    else if (head === 2) {
      buf[at] = STRING_12 | (length >> 8);
      buf[at + 1] = length & 0xff;
    } else {
      buf[at] = STRING_32;
      data.setUint32(at + 1, length, true);
    }
    this.copier.copy(buf, data, at + head, this.buf, this.start, this.end);
    writeBacklen(buf, at + content, content);
  }
}

/** Bytes of encoding and data of an integer. */
function intBytes(value: number): number {
  if (value >= 0 && value <= 127) return 1;
  if (value >= -4096 && value <= 4095) return 2;
  if (value >= -32768 && value <= 32767) return 3;
  if (value >= -8388608 && value <= 8388607) return 4;
  return value >= -2147483648 && value <= 2147483647 ? 5 : 9;
}

function writeIntElement(buf: Uint8Array, data: DataView, at: number, value: number, content: number): void {
  if (content === 1) {
    buf[at] = value;
  } else if (content === 2) {
    buf[at] = INT_13 | ((value >> 8) & 31);
    buf[at + 1] = value & 0xff;
  } else if (content === 3) {
    buf[at] = INT_16;
    data.setInt16(at + 1, value, true);
  } else if (content === 4) {
    buf[at] = INT_24;
    data.setInt16(at + 1, value, true);
    buf[at + 3] = (value >> 16) & 0xff;
  } else if (content === 5) {
    buf[at] = INT_32;
    data.setInt32(at + 1, value, true);
  } else {
    buf[at] = INT_64;
    data.setInt32(at + 1, value, true);
    data.setInt32(at + 5, Math.floor(value / 4294967296), true);
  }
}
