/**
 * Zipmaps: what Redis before version 2.6 kept small hashes in. Read from files of those versions.
 *
 *   | count 1 | field length | field | value length | free 1 | value | free bytes | ... | 0xff |
 *
 *   length   1 byte up to 253, or 254 and 4 bytes little endian for what is longer, and only for that
 */
import type { RdbString } from './rdbInput.js';

const END = 0xff;
const LONG_LENGTH = 254;

/** Walks a zipmap once and trusts none of its bytes. */
export class Zipmap {
  private readonly buf: Uint8Array;
  private readonly data: DataView;
  private readonly last: number;
  private readonly statedCount: number;
  private at: number;
  private count = 0;
  private broken: boolean;

  constructor({ buf, data, start, end }: RdbString) {
    this.buf = buf;
    this.data = data;
    this.last = end - 1;
    this.at = start + 1;
    this.broken = end - start < 2 || buf[end - 1] !== END;
    this.statedCount = this.broken ? 0 : buf[start];
  }

  /** True once all pairs have been read and everything around them was right. */
  get isWhole(): boolean {
    if (this.broken || this.at !== this.last) return false;
    return this.statedCount >= LONG_LENGTH || this.statedCount === this.count;
  }

  /** Reads the next pair; false at the end, or where it cannot go on. */
  next(field: RdbString, value: RdbString): boolean {
    if (this.broken || this.at >= this.last) return false;
    if (this.read(field, false) && this.read(value, true)) {
      this.count++;
      return true;
    }
    this.broken = true;
    return false;
  }

  private read(into: RdbString, withFree: boolean): boolean {
    let length = this.at < this.last ? this.buf[this.at++] : END;
    if (length === END) return false;
    if (length === LONG_LENGTH) {
      if (this.at + 4 > this.last) return false;
      length = this.data.getUint32(this.at, true);
      if (length < LONG_LENGTH) return false;
      this.at += 4;
    }
    let free = 0;
    if (withFree) {
      if (this.at >= this.last) return false;
      free = this.buf[this.at++];
    }
    if (this.at + length + free > this.last) return false;
    into.set(this.buf, this.data, this.at, this.at + length);
    this.at += length + free;
    return true;
  }
}
