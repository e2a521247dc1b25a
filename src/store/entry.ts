/**
 * The layout of an entry: one block of the arena that holds a key, its value and its bookkeeping.
 *
 *                                   reference
 *                                       v
 *   +---------------------+-------------+-----------------+------------+-----+- - - -+-------+
 *   | expire time | links | slot links  | word 0 | word 1 | long key?  | key | pad?  | value |
 *   |   8 bytes   |   8   |      8      |   4    |   4    |     4      |     |       |       |
 *   +---------------------+-------------+-----------------+------------+-----+- - - -+-------+
 *     with an expire time   cluster mode
 *
 *   word 0   31 owner 24 | 23 LRU or LFU; of an element: the low bits of its hash 0
 *   word 1   31 encoding 30 | 29 long key | 28 handle | 27 expires | 26 type 24 | 23 key length 16 | 15 value length 0
 *
 * Owner: the number of the database, its low 7 bits (for whoever looks at memory), or ELEMENTS. The elements of large collections
 * (elements.ts) have the same layout, the member or field as the key, but neither links nor expire time.
 * What only some entries have lies before the reference, so a lookup finds a short key always at the same place.
 * Long key: key length does not fit 8 bits. The word holds it (>= 0) or, inverted, the handle of a key that has memory of its own.
 * Handle: the value is a handle, in the first aligned word behind the key.
 * The links: word 0 next, word 1 previous; 0 at the ends.
 */
import type { Arena } from './arena.js';
import type { Hasher } from './hash.js';
import type { LargeBytes, ObjectTable } from './objects.js';
import { SEGMENT_SHIFT, UNIT_MASK } from './segments.js';
import { ByteView, type Ref } from './types.js';

export const OWNER_SHIFT = 24;
/** Owner of the elements of collections. Alone in having the top bit, by which {@link isElement} knows them. */
export const ELEMENTS = 0x80;
const DATABASE_MASK = 0x7f;
export const LRU_MASK = 0xffffff;
/** The bits of its hash that an element remembers, so that it is found in its table, and split off, without a look at its key. */
export const HASH_MASK = 0xffffff;

export const TYPE_SHIFT = 24;
export const TYPE_MASK = 7;
export const EXPIRES = 1 << 27;
export const HANDLE = 1 << 28;
export const LONG_KEY = 1 << 29;
export const ENCODING_SHIFT = 30;
export const KEY_LENGTH_SHIFT = 16;
export const VALUE_LENGTH_MASK = 0xffff;
/** The bits of word 1 by which two short keys can be told apart. */
export const KEY_BITS = LONG_KEY | (0xff << KEY_LENGTH_SHIFT);

export const HEADER_BYTES = 8;
export const EXPIRE_UNITS = 2;
export const SLOT_UNITS = 1;

/** Longer values get memory of their own. */
export const INLINE_VALUE_MAX = 0xffff;
/** Longer keys get memory of their own. */
export const INLINE_KEY_MAX = 0x7fff;

/** The first word of a new entry. */
export function ownerWord(owner: number): number {
  return (owner === ELEMENTS ? ELEMENTS : owner & DATABASE_MASK) << OWNER_SHIFT;
}

/** Whether a first word is that of a collection's element. */
export function isElement(word0: number): boolean {
  return word0 < 0;
}

/** Reads entries. One for all tables that share an arena. */
export class EntryReader {
  readonly arena: Arena;
  readonly words: Int32Array[];
  readonly objects: ObjectTable;
  private readonly view = new ByteView();

  constructor(arena: Arena, objects: ObjectTable) {
    this.arena = arena;
    this.words = arena.words;
    this.objects = objects;
  }

  keyLength(ref: Ref): number {
    const words = this.words[ref >>> SEGMENT_SHIFT];
    const at = (ref & UNIT_MASK) << 1;
    const word1 = words[at + 1];
    if ((word1 & LONG_KEY) === 0) return (word1 >>> KEY_LENGTH_SHIFT) & 0xff;
    const length = words[at + 2];
    return length >= 0 ? length : this.objects.large(~length).length;
  }

  /** Whether buf[start, end) is the key. For long keys; short ones are compared by words (table.ts). */
  isKey(ref: Ref, buf: Uint8Array, start: number, end: number): boolean {
    if (this.keyLength(ref) !== end - start) return false;
    const key = this.readKey(ref, this.view);
    return Buffer.compare(key.buf.subarray(key.start, key.end), buf.subarray(start, end)) === 0;
  }

  /** Bytes between the header and the end of the key. */
  keyAreaBytes(ref: Ref): number {
    const words = this.words[ref >>> SEGMENT_SHIFT];
    const at = (ref & UNIT_MASK) << 1;
    const word1 = words[at + 1];
    if ((word1 & LONG_KEY) === 0) return (word1 >>> KEY_LENGTH_SHIFT) & 0xff;
    const length = words[at + 2];
    return length >= 0 ? 4 + length : 4;
  }

  /** Offset of an inline value in the bytes of its segment. */
  valueAt(ref: Ref): number {
    return ((ref & UNIT_MASK) << 3) + HEADER_BYTES + this.keyAreaBytes(ref);
  }

  /** Index of the handle among the words of its segment. */
  handleAt(ref: Ref): number {
    return (this.valueAt(ref) + 3) >>> 2;
  }

  /** The handle of a value that has one. */
  handle(ref: Ref): number {
    return this.words[ref >>> SEGMENT_SHIFT][this.handleAt(ref)];
  }

  /** The same for any value: 0 when it lies inside the entry. */
  valueHandle(ref: Ref): number {
    const word1 = this.words[ref >>> SEGMENT_SHIFT][((ref & UNIT_MASK) << 1) + 1];
    return (word1 & HANDLE) === 0 ? 0 : this.handle(ref);
  }

  /** The handle of a key that has memory of its own; 0 when it has none. */
  keyHandle(ref: Ref): number {
    const words = this.words[ref >>> SEGMENT_SHIFT];
    const at = (ref & UNIT_MASK) << 1;
    return (words[at + 1] & LONG_KEY) !== 0 && words[at + 2] < 0 ? ~words[at + 2] : 0;
  }

  /** Points `view` at the key. */
  readKey(ref: Ref, view: ByteView): ByteView {
    const segment = ref >>> SEGMENT_SHIFT;
    const start = ((ref & UNIT_MASK) << 3) + HEADER_BYTES;
    const { bytes, data } = this.arena.segments;
    const word1 = this.words[segment][(start >> 2) - 1];
    if ((word1 & LONG_KEY) === 0) {
      return view.set(bytes[segment], data[segment], start, start + ((word1 >>> KEY_LENGTH_SHIFT) & 0xff));
    }
    const length = this.words[segment][start >> 2];
    if (length >= 0) return view.set(bytes[segment], data[segment], start + 4, start + 4 + length);
    return wholeOf(this.objects.large(~length), view);
  }

  /** Points `view` at the value: a string, or any inline value. */
  readValue(ref: Ref, view: ByteView): ByteView {
    const segment = ref >>> SEGMENT_SHIFT;
    const word1 = this.words[segment][((ref & UNIT_MASK) << 1) + 1];
    if ((word1 & HANDLE) !== 0) return wholeOf(this.objects.large(this.handle(ref)), view);
    const start = this.valueAt(ref);
    const { bytes, data } = this.arena.segments;
    return view.set(bytes[segment], data[segment], start, start + (word1 & VALUE_LENGTH_MASK));
  }

  /** The hash of the entry's key. */
  hash(ref: Ref, hasher: Hasher): number {
    const segment = ref >>> SEGMENT_SHIFT;
    const words = this.words[segment];
    const at = (ref & UNIT_MASK) << 1;
    const word1 = words[at + 1];
    if ((word1 & LONG_KEY) === 0) return hasher.hashWords(words, at + 2, (word1 >>> KEY_LENGTH_SHIFT) & 0xff);
    const length = words[at + 2];
    if (length < 0) {
      const key = this.objects.large(~length);
      return hasher.hash(key.bytes, 0, key.length);
    }
    const start = (at + 3) << 2;
    return hasher.hash(this.arena.segments.bytes[segment], start, start + length);
  }
}

function wholeOf(large: LargeBytes, view: ByteView): ByteView {
  view.set(large.bytes, large.data, 0, large.length);
  view.lease = large.lease;
  return view;
}
