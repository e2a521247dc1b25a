/**
 * What all databases of one server share: the arena, the large objects, the hash key, and the tables that wait to be freed.
 * Also the only place that allocates, fills and frees the blocks of entries (layout: entry.ts).
 */

import { Copier } from '../base/copy.js';
import { Arena } from './arena.js';
import { Blocks } from './blocks.js';
import { ChunkPool } from './buckets.js';
import {
  ELEMENTS,
  ENCODING_SHIFT,
  EntryReader,
  EXPIRE_UNITS,
  EXPIRES,
  HANDLE,
  HEADER_BYTES,
  INLINE_KEY_MAX,
  isElement,
  KEY_LENGTH_SHIFT,
  LONG_KEY,
  ownerWord,
  SLOT_UNITS,
  TYPE_SHIFT,
} from './entry.js';
import { Fetcher } from './fetching.js';
import { Graveyard } from './graveyard.js';
import { Hasher, SHORT_KEY_MAX } from './hash.js';
import { LargeBytes, ObjectTable } from './objects.js';
import { Released } from './released.js';
import { MAX_SEGMENTS, SEGMENT_SHIFT, UNIT_MASK } from './segments.js';
import { CLASS_UNITS, classOf, MAX_BLOCK_UNITS, UNIT_SHIFT } from './sizeClass.js';
import type { Table } from './table.js';
import { ByteView, type Ref, StoreFullError } from './types.js';

/** What a handle takes in an entry: itself, and the bytes to the next word. */
export const HANDLE_AREA_BYTES = 7;

/** A value of more pieces counts as one that is not freed at once, as Redis has it. */
const FREED_AT_ONCE = 64;

/** So many blocks are freed in the time that a bucket takes. */
const BLOCKS_PER_UNIT = 8;

/** Shorter values are copied out of a buffer on offer. */
const ADOPT_FROM_BYTES = 256 << 10;

export class Memory {
  /** A buffer that its owner has no more use for: a large value that lies in it may stay there. */
  offered: Buffer | undefined;
  /** A buffer that its owner would give away as a whole for a request that lies in it. */
  spare: Buffer | undefined;
  readonly arena: Arena;
  readonly released = new Released();
  readonly objects = new ObjectTable(this.released);
  readonly blocks: Blocks;
  readonly reader: EntryReader;
  readonly hasher: Hasher;
  readonly fetcher: Fetcher;
  readonly pool = new ChunkPool();
  /** Bucket memory of the tables of large collections; counts their index. */
  readonly elementPool = new ChunkPool();
  /** Elements of the collections that are alive. */
  elementCount = 0;
  /** Tables whose entries a snapshot is taking (tableCut.ts). */
  cuts = 0;
  /** Values that are being read and that no key holds yet: what they have in the store must stay. */
  loose = 0;
  /** Where collections show the key and the value of an element. */
  readonly elementKey = new ByteView();
  readonly elementValue = new ByteView();
  readonly copier = new Copier();
  /** Units between the expire time and the header. */
  readonly expireDistance: number;
  private readonly words: Int32Array[];
  private readonly slotUnits: number;
  readonly graveyard = new Graveyard((ref) => this.freeEntry(ref));

  constructor(k0: number, k1: number, clusterMode: boolean, maxSegments = MAX_SEGMENTS) {
    this.arena = new Arena(maxSegments);
    this.words = this.arena.words;
    this.blocks = new Blocks(this.arena, this.objects);
    this.fetcher = new Fetcher(this.words);
    this.reader = new EntryReader(this.arena, this.objects);
    this.hasher = new Hasher(k0, k1);
    this.slotUnits = clusterMode ? SLOT_UNITS : 0;
    this.expireDistance = EXPIRE_UNITS + this.slotUnits;
  }

  /** A block for an entry of a database with so many bytes behind its header; nothing of it is filled in. */
  allocate(keyArea: number, valueArea: number, expires: boolean): Ref {
    return this.allocateBlock(this.slotUnits + (expires ? EXPIRE_UNITS : 0), keyArea + valueArea);
  }

  private allocateBlock(prefix: number, payload: number): Ref {
    const units = prefix + ((HEADER_BYTES + payload + 7) >> UNIT_SHIFT);
    if (units > MAX_BLOCK_UNITS) throw new StoreFullError('an entry larger than the largest block');
    return (this.arena.allocate(classOf(units)) + prefix) | 0;
  }

  /** A block for an entry of any owner. */
  allocateFor(owner: number, keyArea: number, valueArea: number, expires: boolean): Ref {
    if (owner === ELEMENTS) return this.allocateBlock(0, keyArea + valueArea);
    return this.allocate(keyArea, valueArea, expires);
  }

  /** Gives the block back. What its handles lead to stays. */
  freeBlock(ref: Ref): void {
    this.arena.free(this.blockOf(ref));
  }

  /** Frees the entry and all that it holds. */
  freeEntry(ref: Ref): void {
    this.freeValue(ref);
    const key = this.reader.keyHandle(ref);
    if (key !== 0) this.objects.remove(key);
    this.freeBlock(ref);
  }

  /** Frees what the value's handle leads to, if it has one. */
  freeValue(ref: Ref): void {
    if ((this.words[ref >>> SEGMENT_SHIFT][((ref & UNIT_MASK) << 1) + 1] & HANDLE) === 0) return;
    const handle = this.reader.handle(ref);
    if ((this.objects.get(handle).pieces ?? 0) > FREED_AT_ONCE) this.graveyard.freedValues++;
    this.objects.remove(handle);
  }

  /** The first unit of an entry's block. */
  blockOf(ref: Ref): number {
    const words = this.words[ref >>> SEGMENT_SHIFT];
    const at = (ref & UNIT_MASK) << 1;
    if (isElement(words[at])) return ref;
    return (ref - this.slotUnits - ((words[at + 1] & EXPIRES) === 0 ? 0 : EXPIRE_UNITS)) | 0;
  }

  /** Bytes of the block that an entry occupies. */
  blockBytes(ref: Ref): number {
    return CLASS_UNITS[this.arena.classAt(ref)] << UNIT_SHIFT;
  }

  /** Bytes of the block behind the header, whether used or not. */
  payloadBytes(ref: Ref): number {
    const prefix = ref - this.blockOf(ref);
    return this.blockBytes(ref) - (prefix << UNIT_SHIFT) - HEADER_BYTES;
  }

  /**
   * A new entry with header and key: the key of buf[start, end), which has just been hashed. Its value is empty; links and
   * expire time are the caller's.
   */
  create(
    owner: number,
    type: number,
    encoding: number,
    buf: Uint8Array,
    start: number,
    end: number,
    valueArea: number,
    expires: boolean,
  ): Ref {
    const length = end - start;
    const flags = (type << TYPE_SHIFT) | (encoding << ENCODING_SHIFT) | (expires ? EXPIRES : 0);
    if (length > SHORT_KEY_MAX) return this.createLong(owner, flags, buf, start, end, valueArea, expires);
    const ref = this.allocateFor(owner, length, valueArea, expires);
    const words = this.words[ref >>> SEGMENT_SHIFT];
    const at = (ref & UNIT_MASK) << 1;
    words[at] = ownerWord(owner);
    words[at + 1] = flags | (length << KEY_LENGTH_SHIFT);
    const { words: key, wordsAt, fullWords: full, tailMask } = this.hasher;
    for (let i = 0; i < full; i++) words[at + 2 + i] = key[wordsAt + i];
    if (tailMask !== 0) words[at + 2 + full] = key[wordsAt + full];
    return ref;
  }

  private createLong(
    owner: number,
    flags: number,
    buf: Uint8Array,
    start: number,
    end: number,
    valueArea: number,
    expires: boolean,
  ): Ref {
    const length = end - start;
    const inline = length <= INLINE_KEY_MAX;
    const ref = this.allocateFor(owner, inline ? 4 + length : 4, valueArea, expires);
    const segment = ref >>> SEGMENT_SHIFT;
    const words = this.words[segment];
    const at = (ref & UNIT_MASK) << 1;
    words[at] = ownerWord(owner);
    words[at + 1] = flags | LONG_KEY;
    const { bytes, data } = this.arena.segments;
    if (inline) {
      words[at + 2] = length;
      this.copier.copy(bytes[segment], data[segment], (at + 3) << 2, buf, start, end);
      return ref;
    }
    try {
      words[at + 2] = ~this.addLarge(buf, start, end);
    } catch (error) {
      this.freeBlock(ref);
      throw error;
    }
    return ref;
  }

  /** Whether a range is most of the buffer on offer, so that keeping this memory is better than copying it. */
  wouldAdopt(buf: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    return buf === this.offered && length >= ADOPT_FROM_BYTES && length * 8 >= buf.length * 7;
  }

  /** Puts a range into memory of its own; answers its handle. */
  addLarge(buf: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (this.offered !== undefined && this.wouldAdopt(buf, start, end)) {
      const own = this.offered.subarray(start, end);
      this.offered = undefined;
      return this.objects.add(new LargeBytes(length, length, own));
    }
    const large = new LargeBytes(length, length);
    this.copier.copy(large.bytes, large.data, 0, buf, start, end);
    return this.objects.add(large);
  }

  /** Copies the first `length` bytes behind the header from one entry to another. */
  copyPayload(from: Ref, to: Ref, length: number): void {
    const source = this.words[from >>> SEGMENT_SHIFT];
    const target = this.words[to >>> SEGMENT_SHIFT];
    const sourceAt = ((from & UNIT_MASK) << 1) + 2;
    const targetAt = ((to & UNIT_MASK) << 1) + 2;
    const count = (length + 3) >> 2;
    if (count > 64) target.set(source.subarray(sourceAt, sourceAt + count), targetAt);
    else for (let i = 0; i < count; i++) target[targetAt + i] = source[sourceAt + i];
  }

  /** Takes over the elements of a collection that no key holds any more; {@link reap} frees them in slices. */
  buryElements(table: Table): void {
    this.elementCount -= table.count;
    this.graveyard.bury(table, 1);
  }

  /** After a database was cleared: if nothing else is alive, all memory goes back without a look at each entry. */
  discardIfDead(): void {
    const { graveyard } = this;
    if (this.cuts + this.blocks.watched + this.loose > 0 || graveyard.isEmpty) return;
    if (graveyard.entryCount + this.elementCount + this.blocks.arenaBlocks !== this.arena.usedBlocks) return;
    graveyard.discard();
    this.elementCount = 0;
    this.elementPool.bytesUsed = 0;
    this.objects.reset();
    this.blocks.reset();
    this.arena.reset();
  }

  /** Frees up to `units` buckets of buried tables, then blocks of dropped values, then spare memory. Answers whether more remains. */
  reap(units: number): boolean {
    if (this.graveyard.isEmpty) {
      if (this.blocks.reap(units * BLOCKS_PER_UNIT) || this.arena.trim(this.released)) return true;
      this.released.collect();
      return false;
    }
    this.graveyard.drain(units);
    return true;
  }

  /** Whether tables or blocks wait to be freed. */
  get reaping(): boolean {
    return !this.graveyard.isEmpty || this.blocks.isReaping;
  }

  /** Bytes of all that is kept: entries, objects and the index. A few additions, so that it may be asked at every command. */
  get bytesUsed(): number {
    const { arena, objects, blocks, pool, elementPool } = this;
    return arena.usedBytes + objects.bytesUsed + blocks.bytesUsed + pool.bytesUsed + elementPool.bytesUsed;
  }
}
