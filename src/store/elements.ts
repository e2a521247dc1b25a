/**
 * The elements of one large collection: the members of a set, the fields and values of a hash, the members and scores of a
 * sorted set. The same table and the same entries as the keyspace itself, without expire times and slots.
 *
 *   entry of the key --> handle --> Elements --> Table --> reference --> entry (entry.ts): member | value
 *
 * The entries lie in the store's arena beside all others, so a collection costs no memory that it does not use, and what one
 * collection gives back another may take. A collection that is dropped costs nothing at once: its table waits in the
 * graveyard (memory.ts) and is freed in slices.
 *
 * Invariants: the table holds each element, once; blockBytes is the sum of their blocks and of what their handles lead to;
 * memory.elementCount counts the elements of all collections that are alive.
 */
import type { Random } from '../base/prng.js';
import { ELEMENTS, HANDLE, HASH_MASK, INLINE_VALUE_MAX, LONG_KEY, VALUE_LENGTH_MASK } from './entry.js';
import { SHORT_KEY_MAX } from './hash.js';
import { HANDLE_AREA_BYTES, type Memory } from './memory.js';
import type { StoredObject } from './objects.js';
import { randomEntry } from './sampling.js';
import { SEGMENT_SHIFT, UNIT_MASK } from './segments.js';
import { Table } from './table.js';
import { TableCut } from './tableCut.js';
import { ByteView, CACHED_ENTRIES, ENCODING_DEFAULT, type Ref, TYPE_STRING } from './types.js';

/** What the JavaScript objects of a collection take: this one, its table and their arrays. */
const OBJECT_BYTES = 480;

/** Blocks up to this size are never thought too large for their value. */
const SMALL_BLOCK_BYTES = 64;

export class Elements implements StoredObject {
  readonly bytesUsed = OBJECT_BYTES;
  private readonly memory: Memory;
  private readonly words: Int32Array[];
  private readonly table: Table;
  private blockBytes = 0;
  private released = false;
  /** The hash of the last key that was looked for. */
  private soughtHash = 0;

  /** See {@link Database.newElements}. */
  constructor(memory: Memory) {
    this.memory = memory;
    this.words = memory.arena.words;
    this.table = new Table(ELEMENTS, memory.reader, memory.hasher, memory.elementPool);
  }

  get count(): number {
    return this.table.count;
  }

  /** So many elements will come to this empty collection: its table is at once as large as it will be. */
  reserve(count: number): void {
    this.table.expect(count);
    this.table.expect(0);
  }

  get indexBytes(): number {
    return this.table.bytesUsed;
  }

  get elementBytes(): number {
    return this.blockBytes + this.table.bytesUsed;
  }

  /** The element whose key is buf[start, end); 0 when there is none. A reference dies at the next write to the collection. */
  find(buf: Uint8Array, start: number, end: number): Ref {
    const hash = this.memory.hasher.hash(buf, start, end);
    const length = end - start;
    this.soughtHash = hash;
    return length <= SHORT_KEY_MAX ? this.table.find(hash, length) : this.table.findLong(hash, buf, start, end);
  }

  /** Adds the element buf[start, end), which is not there, with a value. The ranges may lie in the store. Throws StoreFullError. */
  add(buf: Uint8Array, start: number, end: number, vbuf: Uint8Array, vs: number, ve: number): Ref {
    this.soughtHash = this.memory.hasher.hash(buf, start, end);
    return this.addSought(buf, start, end, vbuf, vs, ve);
  }

  /** The same when that very range was looked for in vain just now, no other key of the store since: it is not hashed again. */
  addSought(buf: Uint8Array, start: number, end: number, vbuf: Uint8Array, vs: number, ve: number): Ref {
    const { memory } = this;
    const { cut } = this.table;
    if (cut !== undefined) {
      cut.beforeWrite(this.soughtHash);
      // That may have read other keys.
      this.soughtHash = memory.hasher.hash(buf, start, end);
    }
    const length = ve - vs;
    const handle = length > INLINE_VALUE_MAX ? memory.addLarge(vbuf, vs, ve) : 0;
    const area = handle === 0 ? length : HANDLE_AREA_BYTES;
    let ref: Ref;
    try {
      ref = memory.create(ELEMENTS, TYPE_STRING, ENCODING_DEFAULT, buf, start, end, area, false);
    } catch (error) {
      if (handle !== 0) memory.objects.remove(handle);
      throw error;
    }
    if (handle === 0) this.writeInline(ref, vbuf, vs, ve);
    else this.writeHandle(ref, handle);
    this.words[ref >>> SEGMENT_SHIFT][(ref & UNIT_MASK) << 1] |= this.soughtHash & HASH_MASK;
    this.table.insert(this.soughtHash, ref);
    memory.elementCount++;
    this.blockBytes += this.bytesOf(ref);
    return ref;
  }

  /** Gives the element buf[start, end) a value, whether it was there or not. Answers whether it is new. */
  put(buf: Uint8Array, start: number, end: number, vbuf: Uint8Array, vs: number, ve: number): boolean {
    const ref = this.find(buf, start, end);
    if (ref === 0) this.addSought(buf, start, end, vbuf, vs, ve);
    else this.setValue(ref, vbuf, vs, ve);
    return ref === 0;
  }

  /** Gives an element another value, in place where it fits well; answers where the element is then. Throws StoreFullError. */
  setValue(ref: Ref, vbuf: Uint8Array, vs: number, ve: number): Ref {
    const { memory } = this;
    this.keep(ref);
    const length = ve - vs;
    if ((this.word1(ref) & HANDLE) === 0 && this.fits(ref, length)) {
      this.writeInline(ref, vbuf, vs, ve);
      return ref;
    }
    const handle = length > INLINE_VALUE_MAX ? memory.addLarge(vbuf, vs, ve) : 0;
    const keyArea = memory.reader.keyAreaBytes(ref);
    let moved: Ref;
    try {
      moved = memory.allocateFor(ELEMENTS, keyArea, handle === 0 ? length : HANDLE_AREA_BYTES, false);
    } catch (error) {
      if (handle !== 0) memory.objects.remove(handle);
      throw error;
    }
    const at = (moved & UNIT_MASK) << 1;
    const words = this.words[moved >>> SEGMENT_SHIFT];
    words[at] = this.words[ref >>> SEGMENT_SHIFT][(ref & UNIT_MASK) << 1];
    words[at + 1] = this.word1(ref) & ~(HANDLE | VALUE_LENGTH_MASK);
    memory.copyPayload(ref, moved, keyArea);
    if (handle === 0) this.writeInline(moved, vbuf, vs, ve);
    else this.writeHandle(moved, handle);
    this.table.replace(ref, moved);
    this.blockBytes += this.bytesOf(moved) - this.bytesOf(ref);
    memory.freeValue(ref);
    memory.freeBlock(ref);
    return moved;
  }

  delete(ref: Ref): void {
    this.keep(ref);
    this.blockBytes -= this.bytesOf(ref);
    this.table.remove(ref);
    this.memory.freeEntry(ref);
    this.memory.elementCount--;
  }

  /** Begins a snapshot of this moment, see {@link Database.beginCut}; the elements stay until it ends, also without a key. */
  beginCut(take: (ref: Ref) => void): TableCut {
    const { memory, table } = this;
    const cut = new TableCut(table, this.words, take);
    memory.cuts++;
    cut.onEnd = () => {
      memory.cuts--;
      if (this.released) memory.buryElements(table);
    };
    return cut;
  }

  /** The same for the element that was number i of those that {@link fetchDeletions} was told of last; any other takes longer. */
  deleteFetched(ref: Ref, i: number): void {
    this.table.holds(this.memory.fetcher.hashes[i], ref);
    this.delete(ref);
  }

  /** The element's value is about to change, see {@link Database.keep}. */
  keep(ref: Ref): void {
    const { cut } = this.table;
    if (cut !== undefined) cut.beforeWrite(this.table.hashOf(ref));
  }

  /** The element's key. The view is shared by all collections of the store: it dies at the next read of a key. */
  readKey(ref: Ref): ByteView {
    return this.memory.reader.readKey(ref, this.memory.elementKey);
  }

  /** The element's value; likewise. */
  readValue(ref: Ref): ByteView {
    return this.memory.reader.readValue(ref, this.memory.elementValue);
  }

  /** A value that is a double of 8 bytes, little-endian. */
  doubleAt(ref: Ref): number {
    const { arena, reader } = this.memory;
    return arena.segments.data[ref >>> SEGMENT_SHIFT].getFloat64(reader.valueAt(ref), true);
  }

  setDouble(ref: Ref, value: number): void {
    const { arena, reader } = this.memory;
    this.keep(ref);
    arena.segments.data[ref >>> SEGMENT_SHIFT].setFloat64(reader.valueAt(ref), value, true);
  }

  /** Key and value into views of the caller's own. */
  readBoth(ref: Ref, key: ByteView, value: ByteView): void {
    this.memory.reader.readKey(ref, key);
    this.memory.reader.readValue(ref, value);
  }

  keyLength(ref: Ref): number {
    return this.memory.reader.keyLength(ref);
  }

  valueLength(ref: Ref): number {
    const word1 = this.word1(ref);
    if ((word1 & HANDLE) === 0) return word1 & VALUE_LENGTH_MASK;
    return this.memory.objects.large(this.memory.reader.handle(ref)).length;
  }

  /**
   * One step of a scan, as {@link Database.scan}: cursors are integers below 2^32, an element that is there from the first
   * to the last step is visited at least once. The visit may delete the element it is given and must write nothing else.
   */
  scan(cursor: number, visit: (ref: Ref) => void): number {
    return this.table.scan(cursor, visit);
  }

  forEach(visit: (ref: Ref) => void): void {
    this.table.forEach(visit);
  }

  /** An element, each with the same probability; 0 when there is none. */
  random(random: Random): Ref {
    return randomEntry(this.table, random);
  }

  clone(): Elements {
    const copy = new Elements(this.memory);
    const key = new ByteView();
    const value = new ByteView();
    this.forEach((ref) => {
      this.readBoth(ref, key, value);
      copy.add(key.buf, key.start, key.end, value.buf, value.start, value.end);
    });
    return copy;
  }

  fetchAhead(buf: Uint8Array, starts: Int32Array, ends: Int32Array, count: number): void {
    if (this.table.count <= CACHED_ENTRIES) return;
    this.memory.hasher.hashAhead(buf, starts, ends, 0, 1, count);
    this.memory.fetcher.fetch(this.table, this.memory.hasher.aheadHash, count);
  }

  /** The elements that items[from, from + count) name will be read soon: their waits for memory overlap. */
  fetchEntries(items: Int32Array, from: number, count: number): void {
    this.memory.fetcher.fetchEntries(items, from, count);
  }

  /** The same when they will be deleted: their buckets are looked at, too. AHEAD of them at the most. */
  fetchDeletions(items: Int32Array, from: number, count: number): void {
    const { table } = this;
    const { fetcher } = this.memory;
    fetcher.fetchEntries(items, from, count);
    const { hashes } = fetcher;
    for (let i = 0; i < count; i++) hashes[i] = table.hashOf(items[from + i]);
    fetcher.fetchBuckets(table, hashes, count);
  }

  /** Lets all elements go; the collection is of no use afterwards. */
  release(): void {
    this.released = true;
    if (this.table.cut === undefined) this.memory.buryElements(this.table);
  }

  /** See {@link StoredObject.relocate}. `moved` is told of each element that has another reference now. */
  relocate(cursor: number, moved?: (from: Ref, to: Ref) => void): number {
    if (this.released) return 0;
    return this.table.scan(cursor, (ref) => {
      if (!this.memory.arena.isLeaving(ref)) return;
      const to = this.move(ref);
      moved?.(ref, to);
      this.memory.freeBlock(ref);
    });
  }

  /** Copies an element to another block and makes the table point there. The old block is the caller's to free. */
  private move(ref: Ref): Ref {
    const { memory } = this;
    const keyArea = memory.reader.keyAreaBytes(ref);
    const word1 = this.word1(ref);
    const valueArea = (word1 & HANDLE) === 0 ? word1 & VALUE_LENGTH_MASK : HANDLE_AREA_BYTES;
    const to = memory.allocateFor(ELEMENTS, keyArea, valueArea, false);
    const words = this.words[to >>> SEGMENT_SHIFT];
    const at = (to & UNIT_MASK) << 1;
    words[at] = this.words[ref >>> SEGMENT_SHIFT][(ref & UNIT_MASK) << 1];
    words[at + 1] = word1;
    memory.copyPayload(ref, to, keyArea + valueArea);
    this.table.replace(ref, to);
    this.blockBytes += memory.blockBytes(to) - memory.blockBytes(ref);
    return to;
  }

  /** Background work: the index of a collection that has shrunk. Answers whether more remains. */
  step(units: number): boolean {
    return this.table.step(units);
  }

  verify(visit: (ref: Ref) => void): void {
    let bytes = 0;
    this.table.verify((ref) => {
      bytes += this.bytesOf(ref);
      visit(ref);
    });
    if (bytes !== this.blockBytes) throw new Error(`elements take ${bytes} bytes, counted ${this.blockBytes}`);
  }

  /** What an element takes: its block, and what its handles lead to. */
  private bytesOf(ref: Ref): number {
    const { reader, objects } = this.memory;
    let bytes = this.memory.blockBytes(ref);
    if ((this.word1(ref) & (HANDLE | LONG_KEY)) === 0) return bytes;
    const key = reader.keyHandle(ref);
    const value = reader.valueHandle(ref);
    if (key !== 0) bytes += objects.get(key).bytesUsed;
    if (value !== 0) bytes += objects.get(value).bytesUsed;
    return bytes;
  }

  private word1(ref: Ref): number {
    return this.words[ref >>> SEGMENT_SHIFT][((ref & UNIT_MASK) << 1) + 1];
  }

  private fits(ref: Ref, length: number): boolean {
    if (length === (this.word1(ref) & VALUE_LENGTH_MASK)) return true;
    const room = this.memory.payloadBytes(ref) - this.memory.reader.keyAreaBytes(ref);
    const block = this.memory.blockBytes(ref);
    return length <= room && length <= INLINE_VALUE_MAX && (block <= SMALL_BLOCK_BYTES || (room - length) * 2 <= block);
  }

  private writeInline(ref: Ref, vbuf: Uint8Array, vs: number, ve: number): void {
    const segment = ref >>> SEGMENT_SHIFT;
    const { arena, copier, reader } = this.memory;
    copier.copy(arena.segments.bytes[segment], arena.segments.data[segment], reader.valueAt(ref), vbuf, vs, ve);
    this.words[segment][((ref & UNIT_MASK) << 1) + 1] = (this.word1(ref) & ~VALUE_LENGTH_MASK) | (ve - vs);
  }

  private writeHandle(ref: Ref, handle: number): void {
    const words = this.words[ref >>> SEGMENT_SHIFT];
    words[this.memory.reader.handleAt(ref)] = handle;
    words[((ref & UNIT_MASK) << 1) + 1] |= HANDLE;
  }
}
