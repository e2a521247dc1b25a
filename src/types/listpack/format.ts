/**
 * The listpack: a sequence of strings and integers in one run of bytes, exactly as Redis lays it out in memory and in RDB files.
 *
 *   +-------------+---------+---------+- - -+---------+------+
 *   | total bytes |  count  | element |     | element | 0xff |
 *   |  4, LE      |  2, LE  |         |     |         |      |
 *   +-------------+---------+---------+- - -+---------+------+
 *
 *   element:  encoding | data | backlen
 *
 *   0vvvvvvv                      integer 0 to 127
 *   10llllll  bytes               string below 64 bytes
 *   110vvvvv  vvvvvvvv            integer, 13 bits, signed, high bits first
 *   1110llll  llllllll  bytes     string below 4096 bytes, high bits of the length first
 *   11110000  4 bytes LE  bytes   longer string
 *   11110001 .. 11110100          integer of 2, 3, 4, 8 bytes, signed, LE
 *
 *   backlen: the length of encoding and data in groups of seven bits, high group first; every byte but the first has its top
 *   bit set. It is read from its end, so the list can be walked backward.
 *
 * Invariants: a string that is the canonical text of a 64-bit integer is stored as that integer; an integer takes the
 * shortest form that holds it; count 65535 means "count them".
 *
 * A listpack may lie anywhere: it is named by (buf, data, start, end), `data` being the DataView of the memory of `buf`.
 * cursor.ts walks it, element.ts encodes what goes into it, editable.ts changes it.
 */

export const HEADER_BYTES = 6;
/** A listpack without elements. */
export const EMPTY_BYTES = HEADER_BYTES + 1;
export const END = 0xff;
/** The value of the count field that stands for "more than it can say". */
export const COUNT_UNKNOWN = 0xffff;

export const INT_13 = 0xc0;
export const STRING_12 = 0xe0;
export const STRING_32 = 0xf0;
export const INT_16 = 0xf1;
export const INT_24 = 0xf2;
export const INT_32 = 0xf3;
export const INT_64 = 0xf4;

/** Redis refuses to let one listpack grow beyond this. */
export const MAX_LISTPACK_BYTES = 1 << 30;

/** Bytes that the backlen of an element with so many bytes of encoding and data takes. */
export function backlenBytes(length: number): number {
  if (length <= 127) return 1;
  // Redis compares with < from here on: one length of each size takes a byte more than it needs.
  if (length < 16383) return 2;
  if (length < 2097151) return 3;
  if (length < 268435455) return 4;
  return 5;
}

/** Writes a backlen at `at`; answers the offset behind it. */
export function writeBacklen(buf: Uint8Array, at: number, length: number): number {
  const bytes = backlenBytes(length);
  for (let i = bytes - 1; i > 0; i--) {
    buf[at + i] = (length & 127) | 128;
    length = Math.floor(length / 128);
  }
  buf[at] = length;
  return at + bytes;
}

/** Reads the backlen whose last byte is at `at`. Nonsense (not negative) when there is none. */
export function readBacklen(buf: Uint8Array, at: number): number {
  let byte = buf[at];
  if (byte < 128) return byte;
  let value = byte & 127;
  let factor = 128;
  for (let i = 1; i < 5 && byte >= 128; i++) {
    byte = buf[at - i];
    value += (byte & 127) * factor;
    factor *= 128;
  }
  return value;
}

/** Bytes of encoding and data of the element at `at`; -1 when there is no element. Looks at no more than five bytes. */
export function contentBytes(buf: Uint8Array, data: DataView, at: number): number {
  const first = buf[at];
  if (first < 0x80) return 1;
  if (first < INT_13) return 1 + (first & 63);
  if (first < STRING_12) return 2;
  if (first < STRING_32) return 2 + (((first & 15) << 8) | buf[at + 1]);
  if (first === STRING_32) return 5 + data.getUint32(at + 1, true);
  if (first === INT_16) return 3;
  if (first === INT_24) return 4;
  if (first === INT_32) return 5;
  return first === INT_64 ? 9 : -1;
}

/** Writes a listpack without elements at `start`: {@link EMPTY_BYTES}. */
export function writeEmpty(buf: Uint8Array, start: number): void {
  buf.fill(0, start, start + HEADER_BYTES);
  buf[start] = EMPTY_BYTES;
  buf[start + HEADER_BYTES] = END;
}

/**
 * Whether the bytes are a listpack, for what comes from outside. With `deep` every element is looked at; only then is it
 * safe to walk it.
 */
export function validate(buf: Uint8Array, data: DataView, start: number, end: number, deep: boolean): boolean {
  const length = end - start;
  if (length < EMPTY_BYTES || data.getUint32(start, true) !== length || buf[end - 1] !== END) return false;
  if (!deep) return true;
  const last = end - 1;
  let at = start + HEADER_BYTES;
  let count = 0;
  for (; at < last; count++) {
    // A longer head would reach beyond the end; four bytes more than that are not there to be read.
    if (buf[at] === STRING_32 && at + 5 > last) return false;
    const content = contentBytes(buf, data, at);
    if (content < 0) return false;
    const next = at + content + backlenBytes(content);
    if (next > last || readBacklen(buf, next - 1) !== content) return false;
    at = next;
  }
  const stated = data.getUint16(start + 4, true);
  return at === last && (stated === COUNT_UNKNOWN || stated === count);
}
