/**
 * The entries of one database and the three structures that point at them: the table that finds them, the wheel that knows
 * when they expire, and in cluster mode the lists of the slots.
 *
 *   key bytes --> hash --> Table ------+
 *   clock --> ExpiryWheel -------------+--> reference --> entry in the arena (entry.ts)
 *   slot --> SlotIndex ----------------+
 *
 * An entry moves when its value outgrows its block and when it gains or loses an expire time. Whoever moves one does it by
 * {@link Keyspace.reallocate}, which tells all three.
 *
 * Invariants: the table, and in cluster mode the slot lists, hold every entry; the wheel holds those whose header says that
 * they expire; the old block of a moved entry is freed only after its bytes have been copied, so what callers hand in may
 * lie inside the store.
 */
import { keySlot } from '../base/crc16.js';
import type { Random } from '../base/prng.js';
import {
  ENCODING_SHIFT,
  type EntryReader,
  EXPIRES,
  HANDLE,
  INLINE_VALUE_MAX,
  LRU_MASK,
  TYPE_MASK,
  TYPE_SHIFT,
  VALUE_LENGTH_MASK,
} from './entry.js';
import { ExpiryWheel } from './expiry.js';
import { type Hasher, SHORT_KEY_MAX } from './hash.js';
import { LastKey } from './lastKey.js';
import { HANDLE_AREA_BYTES, type Memory } from './memory.js';
import { capacityFor, type ElementRanges, LargeBytes, type ObjectTable, type StoredObject } from './objects.js';
import { SEGMENT_SHIFT, UNIT_MASK } from './segments.js';
import { SlotIndex } from './slots.js';
import { Table } from './table.js';
import { ByteView, CACHED_ENTRIES, ENCODING_RAW, type ExpireAtMs, NO_EXPIRE, type Ref } from './types.js';

/** Blocks up to this size are never thought too large for their value. */
const SMALL_BLOCK_BYTES = 64;

export class Keyspace {
  readonly index: number;
  protected table: Table;
  protected wheel: ExpiryWheel;
  protected slots: SlotIndex | undefined;
  protected readonly memory: Memory;
  protected readonly words: Int32Array[];
  protected readonly reader: EntryReader;
  protected readonly objects: ObjectTable;
  protected readonly hasher: Hasher;
  protected readonly random: Random;
  protected readonly valueView = new ByteView();
  protected readonly keyView = new ByteView();
  protected readonly last: LastKey;
  /** The hash of the key that was looked up last. */
  protected hash = 0;
  protected moved: Ref = 0;

  constructor(index: number, memory: Memory, random: Random, clusterMode: boolean) {
    this.index = index;
    this.memory = memory;
    this.words = memory.arena.words;
    this.reader = memory.reader;
    this.objects = memory.objects;
    this.hasher = memory.hasher;
    this.last = new LastKey(memory.arena.segments);
    this.random = random;
    this.table = new Table(index, this.reader, this.hasher, memory.pool);
    this.wheel = new ExpiryWheel(memory.arena.segments, memory.expireDistance, memory.pool);
    this.slots = clusterMode ? new SlotIndex(this.words) : undefined;
    // Those of a cleared database are replaced by new ones: the count stays.
    memory.pool.bytesUsed += this.slots?.bytesUsed ?? 0;
  }

  /** Number of keys, the expired ones that nobody deleted yet included. */
  get size(): number {
    return this.table.count;
  }

  /** Number of keys with an expire time. */
  get expires(): number {
    return this.wheel.count;
  }

  /** Mean time to live of the keys with an expire time, milliseconds; 0 when there is none. */
  avgTtlMs(nowMs: number): number {
    return this.wheel.averageTtlMs(nowMs);
  }

  /** The entry of the key buf[start, end), expired or not; 0 when there is none. */
  find(buf: Uint8Array, start: number, end: number): Ref {
    const { last, table } = this;
    if (last.is(buf, start, end)) {
      this.hash = last.hash;
      return last.ref;
    }
    const hash = this.hasher.hash(buf, start, end);
    this.hash = hash;
    const length = end - start;
    const ref = length <= SHORT_KEY_MAX ? table.find(hash, length) : table.findLong(hash, buf, start, end);
    if (ref !== 0) last.set(ref, buf, start, end, hash);
    return ref;
  }

  /**
   * Says that keys of one buffer will be asked for soon, in this order: `count` of them (AHEAD at the most), every `step`-th
   * of the ranges from `first` on. Hashes them and loads what finding them will need, all misses of the processor's caches
   * at once. Holds until the store's forgetAhead(); the buffer must not change before.
   */
  fetchAhead(buf: Uint8Array, starts: Int32Array, ends: Int32Array, first: number, step: number, count: number): void {
    if (this.table.count <= CACHED_ENTRIES) return;
    this.hasher.hashAhead(buf, starts, ends, first, step, count);
    this.memory.fetcher.fetch(this.table, this.hasher.aheadHash, count);
  }

  /**
   * The same for elements of one large collection, whose names are in ranges of the same buffer as the key. False when the key
   * holds nothing of that kind, or no names follow it.
   */
  fetchElements(buf: Uint8Array, keyStart: number, keyEnd: number, ranges: ElementRanges): boolean {
    const ref = this.find(buf, keyStart, keyEnd);
    const object = ref === 0 ? undefined : this.object(ref);
    if (object?.fetchAhead === undefined) return false;
    const { nextStart, nextEnd, lastStart, lastEnd, count } = ranges;
    if (nextEnd[0] === 0) return false;
    if (object.isNamedLast === true) object.fetchAhead(buf, lastStart, lastEnd, count);
    else object.fetchAhead(buf, nextStart, nextEnd, count);
    return true;
  }

  /** False while the processor's caches hold all that finding a key or an element needs. */
  get isWorthFetching(): boolean {
    return this.table.count > CACHED_ENTRIES || this.memory.elementCount > CACHED_ENTRIES;
  }

  type(ref: Ref): number {
    return (this.word1(ref) >>> TYPE_SHIFT) & TYPE_MASK;
  }

  /** The two bits beside the type (types.ts). */
  encoding(ref: Ref): number {
    return this.word1(ref) >>> ENCODING_SHIFT;
  }

  /** Whether OBJECT ENCODING calls the string `raw` whatever its bytes are. */
  forcedRaw(ref: Ref): boolean {
    return this.encoding(ref) === ENCODING_RAW;
  }

  /** NO_EXPIRE when the key lives for ever. */
  expireAtMs(ref: Ref): ExpireAtMs {
    return (this.word1(ref) & EXPIRES) === 0 ? NO_EXPIRE : this.wheel.timeOf(ref);
  }

  /** Whether the key's time is over. */
  isDue(ref: Ref, nowMs: number): boolean {
    return (this.word1(ref) & EXPIRES) !== 0 && this.wheel.isDue(ref, nowMs);
  }

  /** The 24 bits of LRU time or LFU counter. */
  getLru(ref: Ref): number {
    return this.words[ref >>> SEGMENT_SHIFT][(ref & UNIT_MASK) << 1] & LRU_MASK;
  }

  setLru(ref: Ref, value: number): void {
    const words = this.words[ref >>> SEGMENT_SHIFT];
    const at = (ref & UNIT_MASK) << 1;
    const word0 = words[at];
    // Most often the time is still the same second: a cache line that is not written need not go back to memory.
    if ((word0 & LRU_MASK) !== (value & LRU_MASK)) words[at] = (word0 & ~LRU_MASK) | (value & LRU_MASK);
  }

  keyLength(ref: Ref): number {
    return this.reader.keyLength(ref);
  }

  valueLength(ref: Ref): number {
    const word1 = this.word1(ref);
    if ((word1 & HANDLE) === 0) return word1 & VALUE_LENGTH_MASK;
    return this.objects.large(this.reader.handle(ref)).length;
  }

  readKey(ref: Ref): ByteView {
    return this.reader.readKey(ref, this.keyView);
  }

  /** The bytes of a string, or of any value that lies inside its entry. */
  readValue(ref: Ref): ByteView {
    return this.reader.readValue(ref, this.valueView);
  }

  /** The same, to write to: the length stays. */
  writableValue(ref: Ref): ByteView {
    this.keep(ref);
    if ((this.word1(ref) & HANDLE) !== 0) this.resizeLarge(ref, this.valueLength(ref), 0, this.valueLength(ref));
    return this.reader.readValue(ref, this.valueView);
  }

  /** The value of an entry that holds a handle; undefined when the value lies inside the entry. */
  object(ref: Ref): StoredObject | undefined {
    return (this.word1(ref) & HANDLE) === 0 ? undefined : this.objects.get(this.reader.handle(ref));
  }

  /** Bytes that the key costs: its block, what its handles lead to, its place in the index. */
  bytesOf(ref: Ref): number {
    let bytes = this.memory.blockBytes(ref) + Math.round(this.table.bytesUsed / this.table.count);
    const key = this.reader.keyHandle(ref);
    if (key !== 0) bytes += this.objects.get(key).bytesUsed;
    const object = this.object(ref);
    return object === undefined ? bytes : bytes + object.bytesUsed + (object.elementBytes ?? 0);
  }

  /** The entry, or the object that it holds, is about to change: a snapshot that has not taken it does so now. */
  keep(ref: Ref): void {
    const { cut } = this.table;
    if (cut !== undefined) cut.beforeWrite(this.reader.hash(ref, this.hasher));
  }

  protected word1(ref: Ref): number {
    return this.words[ref >>> SEGMENT_SHIFT][((ref & UNIT_MASK) << 1) + 1];
  }

  protected setWord1(ref: Ref, word1: number): void {
    this.words[ref >>> SEGMENT_SHIFT][((ref & UNIT_MASK) << 1) + 1] = word1;
  }

  setEncoding(ref: Ref, encoding: number): void {
    this.setWord1(ref, (this.word1(ref) & ~(3 << ENCODING_SHIFT)) | (encoding << ENCODING_SHIFT));
  }

  /** Enters a new entry, complete but for its links, into table, wheel and slots. */
  protected link(ref: Ref, kbuf: Uint8Array, ks: number, ke: number, expireAtMs: ExpireAtMs): void {
    if (this.slots !== undefined) this.slots.insert(ref, keySlot(kbuf, ks, ke));
    if (expireAtMs !== NO_EXPIRE) this.wheel.insert(ref, expireAtMs);
    this.table.insert(this.hash, ref);
  }

  protected unlink(ref: Ref): void {
    this.last.forget();
    this.table.remove(ref);
    if (this.slots !== undefined) this.slots.remove(ref, this.slotOf(ref));
    if ((this.word1(ref) & EXPIRES) !== 0) this.wheel.remove(ref);
  }

  slotOf(ref: Ref): number {
    const key = this.readKey(ref);
    return keySlot(key.buf, key.start, key.end);
  }

  /** Adds a key that was just looked for and not found. */
  protected add(
    type: number,
    encoding: number,
    kbuf: Uint8Array,
    ks: number,
    ke: number,
    vbuf: Uint8Array,
    vs: number,
    ve: number,
    expireAtMs: ExpireAtMs,
  ): Ref {
    const length = ve - vs;
    if (length > INLINE_VALUE_MAX) {
      const handle = this.memory.addLarge(vbuf, vs, ve);
      try {
        return this.addHandle(type, encoding, kbuf, ks, ke, handle, expireAtMs);
      } catch (error) {
        this.objects.remove(handle);
        throw error;
      }
    }
    const expires = expireAtMs !== NO_EXPIRE;
    const ref = this.memory.create(this.table.ownerId, type, encoding, kbuf, ks, ke, length, expires);
    this.writeInline(ref, vbuf, vs, ve);
    this.link(ref, kbuf, ks, ke, expireAtMs);
    return ref;
  }

  /** The same for a value that has a handle. */
  protected addHandle(
    type: number,
    encoding: number,
    kbuf: Uint8Array,
    ks: number,
    ke: number,
    handle: number,
    expireAtMs: ExpireAtMs,
  ): Ref {
    const expires = expireAtMs !== NO_EXPIRE;
    const owner = this.table.ownerId;
    const ref = this.memory.create(owner, type, encoding, kbuf, ks, ke, HANDLE_AREA_BYTES, expires);
    this.writeHandle(ref, handle);
    this.link(ref, kbuf, ks, ke, expireAtMs);
    return ref;
  }

  protected putHandle(
    type: number,
    encoding: number,
    kbuf: Uint8Array,
    ks: number,
    ke: number,
    handle: number,
    expireAtMs: ExpireAtMs,
  ): Ref {
    const old = this.find(kbuf, ks, ke);
    if (old === 0) return this.addHandle(type, encoding, kbuf, ks, ke, handle, expireAtMs);
    return this.overwriteHandle(old, type, encoding, handle, expireAtMs);
  }

  /** Gives a key another value and expire time, in place when it fits well. */
  protected overwrite(
    old: Ref,
    type: number,
    encoding: number,
    vbuf: Uint8Array,
    vs: number,
    ve: number,
    expireAtMs: ExpireAtMs,
  ): Ref {
    const length = ve - vs;
    if (length > INLINE_VALUE_MAX) return this.overwriteLarge(old, type, encoding, vbuf, vs, ve, expireAtMs);
    const expires = expireAtMs !== NO_EXPIRE;
    const word1 = this.word1(old);
    let ref = old;
    if ((word1 & HANDLE) === 0 && ((word1 & EXPIRES) !== 0) === expires && this.fits(old, length)) {
      this.writeInline(old, vbuf, vs, ve);
    } else {
      ref = this.reallocate(old, length, expires);
      this.memory.freeValue(old);
      this.setWord1(ref, this.word1(ref) & ~HANDLE);
      this.writeInline(ref, vbuf, vs, ve);
      this.memory.freeBlock(old);
    }
    this.setKind(ref, type, encoding);
    if (expires) this.setTime(ref, word1, expireAtMs);
    return ref;
  }

  /** The same with a value that needs memory of its own: that of the old value when it fits well. */
  private overwriteLarge(
    old: Ref,
    type: number,
    encoding: number,
    vbuf: Uint8Array,
    vs: number,
    ve: number,
    expireAtMs: ExpireAtMs,
  ): Ref {
    const length = ve - vs;
    const large = this.object(old);
    const fits = large instanceof LargeBytes && !this.memory.wouldAdopt(vbuf, vs, ve) && large.takes(length);
    if (fits && ((this.word1(old) & EXPIRES) !== 0) === (expireAtMs !== NO_EXPIRE)) {
      this.memory.copier.copy(large.bytes, large.data, 0, vbuf, vs, ve);
      large.overwritten(length);
      this.setKind(old, type, encoding);
      if (expireAtMs !== NO_EXPIRE) this.wheel.update(old, expireAtMs);
      return old;
    }
    const handle = this.memory.addLarge(vbuf, vs, ve);
    try {
      return this.overwriteHandle(old, type, encoding, handle, expireAtMs);
    } catch (error) {
      this.objects.remove(handle);
      throw error;
    }
  }

  protected overwriteHandle(old: Ref, type: number, encoding: number, handle: number, expireAtMs: ExpireAtMs): Ref {
    const expires = expireAtMs !== NO_EXPIRE;
    const word1 = this.word1(old);
    let ref = old;
    if ((word1 & HANDLE) !== 0 && ((word1 & EXPIRES) !== 0) === expires) {
      this.memory.freeValue(old);
    } else {
      ref = this.reallocate(old, HANDLE_AREA_BYTES, expires);
      this.memory.freeValue(old);
      this.memory.freeBlock(old);
    }
    this.writeHandle(ref, handle);
    this.setKind(ref, type, encoding);
    if (expires) this.setTime(ref, word1, expireAtMs);
    return ref;
  }

  protected setKind(ref: Ref, type: number, encoding: number): void {
    const kept = this.word1(ref) & ~((TYPE_MASK << TYPE_SHIFT) | (3 << ENCODING_SHIFT));
    this.setWord1(ref, kept | (type << TYPE_SHIFT) | (encoding << ENCODING_SHIFT));
  }

  /** `before` is word 1 of the entry that `ref` replaced. */
  protected setTime(ref: Ref, before: number, expireAtMs: ExpireAtMs): void {
    if ((before & EXPIRES) !== 0) this.wheel.update(ref, expireAtMs);
    else this.wheel.insert(ref, expireAtMs);
  }

  /** Whether a value of this length can lie in the entry's block, and does not waste more than half of it. */
  protected fits(ref: Ref, length: number): boolean {
    const room = this.memory.payloadBytes(ref) - this.reader.keyAreaBytes(ref);
    const block = this.memory.blockBytes(ref);
    return length <= room && length <= INLINE_VALUE_MAX && (block <= SMALL_BLOCK_BYTES || (room - length) * 2 <= block);
  }

  protected writeInline(ref: Ref, vbuf: Uint8Array, vs: number, ve: number): void {
    const segment = ref >>> SEGMENT_SHIFT;
    const { bytes, data } = this.memory.arena.segments;
    this.memory.copier.copy(bytes[segment], data[segment], this.reader.valueAt(ref), vbuf, vs, ve);
    this.setWord1(ref, (this.word1(ref) & ~VALUE_LENGTH_MASK) | (ve - vs));
  }

  protected writeHandle(ref: Ref, handle: number): void {
    this.words[ref >>> SEGMENT_SHIFT][this.reader.handleAt(ref)] = handle;
    this.setWord1(ref, (this.word1(ref) & ~VALUE_LENGTH_MASK) | HANDLE);
  }

  /**
   * Moves the entry to a block with `valueArea` bytes for its value, with or without an expire time. Header and key go
   * along; the value does not. The old block stays readable until the caller frees it. An entry that gains an expire time
   * is not on the wheel yet.
   */
  protected reallocate(old: Ref, valueArea: number, expires: boolean): Ref {
    const keyArea = this.reader.keyAreaBytes(old);
    const ref = this.memory.allocate(keyArea, valueArea, expires);
    const before = this.word1(old);
    this.words[ref >>> SEGMENT_SHIFT][(ref & UNIT_MASK) << 1] =
      this.words[old >>> SEGMENT_SHIFT][(old & UNIT_MASK) << 1];
    this.setWord1(ref, expires ? before | EXPIRES : before & ~EXPIRES);
    this.memory.copyPayload(old, ref, keyArea);
    this.last.forget();
    this.table.replace(old, ref);
    if (this.slots !== undefined) this.slots.relocate(old, ref, this.slotOf(old));
    if ((before & EXPIRES) !== 0) {
      if (expires) this.wheel.relocate(old, ref);
      else this.wheel.remove(old);
    }
    return ref;
  }

  /** Moves the entry with its value, to give it or take from it the room for an expire time. */
  protected reallocateWhole(old: Ref, expires: boolean): Ref {
    const word1 = this.word1(old);
    const valueArea = (word1 & HANDLE) === 0 ? word1 & VALUE_LENGTH_MASK : HANDLE_AREA_BYTES;
    const ref = this.reallocate(old, valueArea, expires);
    this.memory.copyPayload(old, ref, this.reader.keyAreaBytes(old) + valueArea);
    this.memory.freeBlock(old);
    return ref;
  }

  /**
   * Moves the entry to another page when its own is being evacuated (defrag.ts). Answers whether it did. Throws
   * StoreFullError, nothing being changed.
   */
  leavePage(ref: Ref): boolean {
    if (!this.memory.arena.isLeaving(ref)) return false;
    this.reallocateWhole(ref, (this.word1(ref) & EXPIRES) !== 0);
    return true;
  }

  protected resizeInline(ref: Ref, newLength: number, reserveShift: number): Ref {
    const value = this.readValue(ref);
    const length = value.length;
    if (this.fits(ref, newLength)) {
      this.setWord1(ref, (this.word1(ref) & ~VALUE_LENGTH_MASK) | newLength);
      if (newLength > length) value.buf.fill(0, value.end, value.start + newLength);
      return ref;
    }
    const expires = (this.word1(ref) & EXPIRES) !== 0;
    const kept = Math.min(length, newLength);
    if (newLength > INLINE_VALUE_MAX) {
      const large = new LargeBytes(kept, capacityFor(newLength));
      this.memory.copier.copy(large.bytes, large.data, 0, value.buf, value.start, value.start + kept);
      large.resize(newLength, kept, newLength);
      const moved = this.reallocate(ref, HANDLE_AREA_BYTES, expires);
      this.writeHandle(moved, this.objects.add(large));
      this.memory.freeBlock(ref);
      return moved;
    }
    const area = newLength > length ? Math.min(newLength + (newLength >> reserveShift), INLINE_VALUE_MAX) : newLength;
    const moved = this.reallocate(ref, area, expires);
    this.writeInline(moved, value.buf, value.start, value.start + kept);
    this.setWord1(moved, (this.word1(moved) & ~VALUE_LENGTH_MASK) | newLength);
    const grown = this.readValue(moved);
    if (newLength > length) grown.buf.fill(0, grown.start + length, grown.end);
    this.memory.freeBlock(ref);
    return moved;
  }

  protected resizeLarge(ref: Ref, newLength: number, writeFrom: number, writeTo: number): Ref {
    const large = this.objects.large(this.reader.handle(ref));
    const before = large.bytesUsed;
    large.resize(newLength, writeFrom, writeTo);
    this.objects.adjust(large.bytesUsed - before);
    return ref;
  }
}
