/**
 * Ziplists: what Redis before version 7 kept small collections in. Read from files and payloads of those versions.
 *
 *   | bytes 4 | tail 4 | count 2 | entry | entry | ... | 0xff |          numbers little endian
 *
 *   entry    | bytes of the entry before: 1, or 254 and 4 | encoding | string |
 *
 *   encoding 00llllll                          a string of so many bytes
 *            01llllll llllllll                 the same, the high bits first
 *            10...... and 4 bytes              the same, the high byte first
 *            11000000 11010000 11100000        an integer of 2, 4 or 8 bytes
 *            11110000 11111110                 an integer of 3 bytes or 1
 *            1111iiii                          the integer i - 1, 0 to 12
 */
import type { BufferListpack } from '../../types/listpack/bufferListpack.js';
import { ListpackElement } from '../../types/listpack/element.js';
import { RdbString } from './rdbInput.js';

const HEADER_BYTES = 10;
const END = 0xff;
const LONG_PREVIOUS = 254;
const COUNT_UNKNOWN = 0xffff;

const INT_16 = 0xc0;
const INT_32 = 0xd0;
const INT_64 = 0xe0;
const INT_24 = 0xf0;
const INT_8 = 0xfe;
const IMMEDIATE_FIRST = 0xf1;
const IMMEDIATE_LAST = 0xfd;

/** Walks a ziplist once, from its first entry to its last, and trusts none of its bytes. */
export class Ziplist {
  private readonly buf: Uint8Array;
  private readonly data: DataView;
  private readonly last: number;
  private readonly statedCount: number;
  private readonly tailAt: number;
  private at: number;
  private entryAt: number;
  private previousBytes = 0;
  private count = 0;
  private broken = false;

  constructor({ buf, data, start, end }: RdbString) {
    this.buf = buf;
    this.data = data;
    this.last = end - 1;
    this.at = start + HEADER_BYTES;
    this.entryAt = this.at;
    this.broken = end - start <= HEADER_BYTES || data.getUint32(start, true) !== end - start || buf[end - 1] !== END;
    this.tailAt = this.broken ? 0 : start + data.getUint32(start + 4, true);
    this.statedCount = this.broken ? 0 : data.getUint16(start + 8, true);
  }

  /** True once all entries have been read and everything in and around them was right. */
  get isWhole(): boolean {
    if (this.broken || this.at !== this.last || this.tailAt !== this.entryAt) return false;
    return this.statedCount === COUNT_UNKNOWN || this.statedCount === this.count;
  }

  /** Reads the next entry as bytes; false at the end, or where it cannot go on. */
  next(into: RdbString): boolean {
    if (this.broken || this.at >= this.last) return false;
    const from = this.at;
    if (!this.skipPrevious() || !this.readEntry(into)) {
      this.broken = true;
      return false;
    }
    this.entryAt = from;
    this.previousBytes = this.at - from;
    this.count++;
    return true;
  }

  /** Whether so many bytes lie before the end mark. */
  private has(bytes: number): boolean {
    return this.at + bytes <= this.last;
  }

  private skipPrevious(): boolean {
    let stated = this.buf[this.at];
    if (stated < LONG_PREVIOUS) this.at++;
    else {
      if (stated !== LONG_PREVIOUS || !this.has(5)) return false;
      stated = this.data.getUint32(this.at + 1, true);
      this.at += 5;
    }
    return stated === this.previousBytes && this.has(1);
  }

  private readEntry(into: RdbString): boolean {
    const { buf, data } = this;
    const first = buf[this.at];
    if (first >= INT_16) return this.readInteger(first, into);
    let length = first & 63;
    if (first < 0x40) this.at++;
    else if (first < 0x80) {
      if (!this.has(2)) return false;
      length = (length << 8) | buf[this.at + 1];
      this.at += 2;
    } else {
      if (!this.has(5)) return false;
      length = data.getUint32(this.at + 1);
      this.at += 5;
    }
    if (!this.has(length)) return false;
    into.set(buf, data, this.at, this.at + length);
    this.at += length;
    return true;
  }

  private readInteger(encoding: number, into: RdbString): boolean {
    const { data } = this;
    this.at++;
    if (encoding >= IMMEDIATE_FIRST && encoding <= IMMEDIATE_LAST) {
      into.setInteger(encoding - IMMEDIATE_FIRST);
      return true;
    }
    const width = widthOf(encoding);
    if (width === 0 || !this.has(width)) return false;
    const { at } = this;
    this.at += width;
    if (width === 1) into.setInteger(data.getInt8(at));
    else if (width === 2) into.setInteger(data.getInt16(at, true));
    else if (width === 3) into.setInteger(data.getUint16(at, true) + data.getInt8(at + 2) * 0x10000);
    else if (width === 4) into.setInteger(data.getInt32(at, true));
    else into.setInteger(data.getBigInt64(at, true));
    return true;
  }
}

function widthOf(encoding: number): number {
  switch (encoding) {
    case INT_8:
      return 1;
    case INT_16:
      return 2;
    case INT_24:
      return 3;
    case INT_32:
      return 4;
    case INT_64:
      return 8;
    default:
      return 0;
  }
}

/** Makes `target` a listpack of the entries of the ziplist `text`. False when that is none. */
export function convertZiplist(text: RdbString, target: BufferListpack): boolean {
  const list = new Ziplist(text);
  const entry = new RdbString();
  const element = new ListpackElement();
  target.empty();
  while (list.next(entry)) target.append(element.set(entry.buf, entry.start, entry.end));
  return list.isWhole;
}
