/**
 * One database, as commands see it. How entries are kept is told in keyspace.ts.
 *
 * Ownership: references and views die at the next write of any database of the store. The bytes handed to a writing method
 * may lie inside the store (a view from readValue or readKey), but must then be passed as the view has them, not as a
 * subarray.
 *
 * The store knows no clock: an expired entry is there until somebody deletes it.
 *
 * While a snapshot takes the entries (tableCut.ts), every writing method first has it take those that it may change. What
 * changes the object behind an entry's handle asks for that itself: {@link Database.keep}.
 */
import { assert } from '../base/assert.js';
import { decimalLength, parseSafeInt, writeInt } from '../base/bytes.js';
import type { Blocks } from './blocks.js';
import { Elements } from './elements.js';
import {
  ENCODING_SHIFT,
  EXPIRE_UNITS,
  EXPIRES,
  HANDLE,
  SLOT_UNITS,
  TYPE_MASK,
  TYPE_SHIFT,
  VALUE_LENGTH_MASK,
} from './entry.js';
import { ExpiryWheel } from './expiry.js';
import { Keyspace } from './keyspace.js';
import type { StoredObject } from './objects.js';
import { randomEntry, Sampler } from './sampling.js';
import { SEGMENT_SHIFT } from './segments.js';
import { UNIT_BYTES } from './sizeClass.js';
import { SlotIndex } from './slots.js';
import { Table } from './table.js';
import { TableCut } from './tableCut.js';
import {
  type ByteView,
  type Cut,
  ENCODING_DEFAULT,
  ENCODING_RAW,
  type ExpireAtMs,
  type HiddenKeys,
  NO_EXPIRE,
  type Ref,
  TYPE_STRING,
} from './types.js';

/** Any of these in word 1: no string of the default encoding inside its entry (there type and encoding are 0). */
const NOT_PLAIN = HANDLE | (TYPE_MASK << TYPE_SHIFT) | (3 << ENCODING_SHIFT);

/** Half of a string's length, an eighth of a small collection's. */
const GROWING_RESERVE_SHIFT = 1;
const COLLECTION_RESERVE_SHIFT = 3;

/** How many keys of one slot of the wheel are compared to find the next to expire. */
const NEAREST_LOOKS = 16;

export class Database extends Keyspace {
  /** Cluster mode: what lies here that belongs to others. */
  hidden: HiddenKeys | undefined;
  private readonly sampler = new Sampler(this.words);
  private readonly isExpiring = (ref: Ref): boolean => (this.word1(ref) & EXPIRES) !== 0;

  /** How many keys there are that clients can reach. */
  get visibleSize(): number {
    return this.hidden === undefined ? this.size : this.size - this.hidden.count();
  }

  /** Whether clients can reach the key. */
  isVisible(ref: Ref): boolean {
    return this.hidden === undefined || !this.hidden.hides(ref);
  }

  /** Whether the key may make room for others. */
  mayGo(ref: Ref): boolean {
    return this.hidden === undefined || !this.hidden.keeps(ref);
  }

  /** Begins a snapshot of this moment: `take` gets every entry once, some of them when they are about to change. */
  beginCut(take: (ref: Ref) => void): TableCut {
    const { table } = this;
    const cut = new TableCut(table, this.words, take);
    this.memory.cuts++;
    cut.onEnd = () => {
      this.memory.cuts--;
    };
    return cut;
  }

  /** The same as {@link keep} for a key that may not be there yet. */
  private keepKey(buf: Uint8Array, start: number, end: number): void {
    const { cut } = this.table;
    if (cut !== undefined) cut.beforeWrite(this.hasher.hash(buf, start, end));
  }

  /** Makes the key a string with this value and expire time (NO_EXPIRE for none), whatever it was before. */
  put(kbuf: Uint8Array, ks: number, ke: number, vbuf: Uint8Array, vs: number, ve: number, expireAtMs: ExpireAtMs): Ref {
    this.keepKey(kbuf, ks, ke);
    const old = this.find(kbuf, ks, ke);
    if (old !== 0) return this.overwrite(old, TYPE_STRING, ENCODING_DEFAULT, vbuf, vs, ve, expireAtMs);
    return this.add(TYPE_STRING, ENCODING_DEFAULT, kbuf, ks, ke, vbuf, vs, ve, expireAtMs);
  }

  /** Makes the key a value of any type whose bytes are given. */
  putTyped(
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
    this.keepKey(kbuf, ks, ke);
    const old = this.find(kbuf, ks, ke);
    if (old !== 0) return this.overwrite(old, type, encoding, vbuf, vs, ve, expireAtMs);
    return this.add(type, encoding, kbuf, ks, ke, vbuf, vs, ve, expireAtMs);
  }

  /** Makes the key a value of any type that lives in an object. */
  putObject(
    type: number,
    encoding: number,
    kbuf: Uint8Array,
    ks: number,
    ke: number,
    object: StoredObject,
    expireAtMs: ExpireAtMs,
  ): Ref {
    this.keepKey(kbuf, ks, ke);
    const handle = this.objects.add(object);
    try {
      return this.putHandle(type, encoding, kbuf, ks, ke, handle, expireAtMs);
    } catch (error) {
      this.objects.remove(handle);
      throw error;
    }
  }

  /** Replaces the value by a string; the expire time stays. */
  setValue(ref: Ref, vbuf: Uint8Array, vs: number, ve: number): Ref {
    this.keep(ref);
    return this.overwrite(ref, TYPE_STRING, ENCODING_DEFAULT, vbuf, vs, ve, this.expireAtMs(ref));
  }

  /**
   * Adds to the integer that a string spells, right where its digits stand. Answers the sum; NaN, with nothing changed, when it is
   * not as simple as that: no safe integer, a sign, another number of digits, another kind of value.
   */
  addInPlace(ref: Ref, by: number): number {
    const word1 = this.word1(ref);
    if ((word1 & NOT_PLAIN) !== 0) return Number.NaN;
    const bytes = this.memory.arena.segments.bytes[ref >>> SEGMENT_SHIFT];
    const start = this.reader.valueAt(ref);
    const length = word1 & VALUE_LENGTH_MASK;
    const value = parseSafeInt(bytes, start, start + length);
    const sum = value + by;
    const fits = value >= 0 && sum >= 0 && sum <= Number.MAX_SAFE_INTEGER && decimalLength(sum) === length;
    if (!fits) return Number.NaN;
    this.keep(ref);
    writeInt(bytes, start, sum);
    return sum;
  }

  /**
   * Changes the length of a string: what fits of it stays, new bytes are zero; growing again and again costs no more than
   * in proportion to what is added. Answers the value, to be written from `writeFrom` to `writeTo` (the rest may be on its
   * way to a client); the entry may have moved to {@link lastRef}.
   */
  resizeValue(ref: Ref, newLength: number, writeFrom = 0, writeTo = newLength): ByteView {
    const value = this.resizeBytes(ref, newLength, writeFrom, writeTo, GROWING_RESERVE_SHIFT);
    this.setEncoding(this.moved, ENCODING_RAW);
    return value;
  }

  /**
   * The same for the bytes of any type; type and encoding stay. The reserve of a value that grows is its length shifted
   * right by `reserveShift`: small collections are many and seldom grow much.
   */
  resizeBytes(
    ref: Ref,
    newLength: number,
    writeFrom = 0,
    writeTo = newLength,
    reserveShift = COLLECTION_RESERVE_SHIFT,
  ): ByteView {
    this.keep(ref);
    this.moved =
      (this.word1(ref) & HANDLE) !== 0
        ? this.resizeLarge(ref, newLength, writeFrom, writeTo)
        : this.resizeInline(ref, newLength, reserveShift);
    return this.readValue(this.moved);
  }

  /** Elements for a large collection of this store; whoever drops them without giving them to a key releases them. */
  newElements(): Elements {
    return new Elements(this.memory);
  }

  /** A value is being built aside over several commands: nothing of it may go, whatever becomes of all keys, until the result is called. */
  pinLoose(): () => void {
    const { memory } = this;
    memory.loose++;
    return () => {
      memory.loose--;
    };
  }

  /** Memory for values of this store that lay out their bytes themselves. */
  get blocks(): Blocks {
    return this.memory.blocks;
  }

  /** An object that is a key's value changed its {@link StoredObject.bytesUsed}. */
  adjustObject(delta: number): void {
    this.objects.adjust(delta);
  }

  /** Where resizeValue or resizeBytes left the entry. */
  get lastRef(): Ref {
    return this.moved;
  }

  /** Adds or changes the expire time. */
  setExpire(ref: Ref, expireAtMs: ExpireAtMs): Ref {
    if (expireAtMs === NO_EXPIRE) return this.persist(ref);
    this.keep(ref);
    if ((this.word1(ref) & EXPIRES) !== 0) {
      this.wheel.update(ref, expireAtMs);
      return ref;
    }
    const moved = this.reallocateWhole(ref, true);
    this.wheel.insert(moved, expireAtMs);
    return moved;
  }

  /** Removes the expire time. */
  persist(ref: Ref): Ref {
    if ((this.word1(ref) & EXPIRES) === 0) return ref;
    this.keep(ref);
    return this.reallocateWhole(ref, false);
  }

  delete(ref: Ref): void {
    this.keep(ref);
    this.unlink(ref);
    this.memory.freeEntry(ref);
  }

  deleteKey(buf: Uint8Array, start: number, end: number): boolean {
    const ref = this.find(buf, start, end);
    if (ref === 0) return false;
    this.delete(ref);
    return true;
  }

  /** Copies the value, of any type, to a key of `target` (which may be this database), whatever that key was before. */
  copyTo(ref: Ref, target: Database, kbuf: Uint8Array, ks: number, ke: number, expireAtMs: ExpireAtMs): Ref {
    if (target === this && this.find(kbuf, ks, ke) === ref) return ref;
    const object = this.object(ref);
    if (object !== undefined) {
      return target.putObject(this.type(ref), this.encoding(ref), kbuf, ks, ke, object.clone(), expireAtMs);
    }
    const value = this.readValue(ref);
    return target.putTyped(
      this.type(ref),
      this.encoding(ref),
      kbuf,
      ks,
      ke,
      value.buf,
      value.start,
      value.end,
      expireAtMs,
    );
  }

  /** Moves the value to a key of `target`, whatever that was before; it keeps its expire time and its LRU or LFU bits. */
  moveTo(ref: Ref, target: Database, kbuf: Uint8Array, ks: number, ke: number): Ref {
    if (target === this && this.find(kbuf, ks, ke) === ref) return ref;
    const type = this.type(ref);
    const encoding = this.encoding(ref);
    const expireAtMs = this.expireAtMs(ref);
    this.keep(ref);
    target.keepKey(kbuf, ks, ke);
    let moved: Ref;
    if ((this.word1(ref) & HANDLE) !== 0) {
      moved = target.putHandle(type, encoding, kbuf, ks, ke, this.reader.handle(ref), expireAtMs);
      this.setWord1(ref, this.word1(ref) & ~HANDLE);
    } else {
      const value = this.readValue(ref);
      moved = target.putTyped(type, encoding, kbuf, ks, ke, value.buf, value.start, value.end, expireAtMs);
    }
    target.setLru(moved, this.getLru(ref));
    this.delete(ref);
    return moved;
  }

  /** Gives the entry another key, whatever that was before. */
  rename(ref: Ref, kbuf: Uint8Array, ks: number, ke: number): Ref {
    return this.moveTo(ref, this, kbuf, ks, ke);
  }

  /** Removes all keys. Their memory is given back by the store's step(), or at once when no other database has keys. */
  clear(): void {
    const dead = this.table;
    this.last.forget();
    this.table = new Table(dead.ownerId, this.reader, this.hasher, this.memory.pool);
    this.wheel.discard();
    this.wheel = new ExpiryWheel(this.memory.arena.segments, this.memory.expireDistance, this.memory.pool);
    if (this.slots !== undefined) this.slots = new SlotIndex(this.words);
    if (dead.cut === undefined) this.memory.graveyard.bury(dead, dead.count);
    else this.buryAfterCut(dead, dead.cut);
    this.memory.discardIfDead();
  }

  /** Gives up a spare database with all that it has. It is of no use afterwards. */
  dispose(): void {
    this.clear();
    this.memory.pool.bytesUsed -= this.slots?.bytesUsed ?? 0;
    this.slots = undefined;
  }

  /** A snapshot still takes the entries: their memory is given back when it has. */
  private buryAfterCut(dead: Table, cut: Cut): void {
    const { onEnd } = cut;
    cut.onEnd = () => {
      onEnd?.();
      this.memory.graveyard.bury(dead, dead.count);
    };
  }

  /** So many keys in all will come, or no more (0): see Table. */
  expect(keys: number): void {
    this.table.expect(keys);
  }

  /** SWAPDB: exchanges the contents of two databases. */
  exchange(other: Database): void {
    const { table, wheel, slots } = this;
    this.last.forget();
    other.last.forget();
    this.table = other.table;
    this.wheel = other.wheel;
    this.slots = other.slots;
    other.table = table;
    other.wheel = wheel;
    other.slots = slots;
  }

  /**
   * One step of SCAN: visits the entries of one bucket, answers the next cursor, 0 at the end. Cursors are integers below
   * 2^32, 0 starts. A key that is there from the first to the last step is visited at least once. The visit may delete the
   * entry it is given and must write nothing else.
   */
  scan(cursor: number, visit: (ref: Ref) => void): number {
    return this.table.scan(cursor, visit);
  }

  /** Visits every entry under the rules of {@link scan}. */
  forEach(visit: (ref: Ref) => void): void {
    this.table.forEach(visit);
  }

  /** A random entry, each with the same probability; 0 when there is none. */
  randomRef(): Ref {
    return randomEntry(this.table, this.random);
  }

  /**
   * Finds about `wanted` entries by chance, one at least if there is any; with `expiring`, only entries that have an expire
   * time. Answers how many; {@link sampled} names them until the next write.
   */
  sample(wanted: number, expiring: boolean): number {
    if (!expiring) return this.sampler.any(this.table, wanted, this.random);
    return this.sampler.expiring(this.table, this.wheel, wanted, this.random, this.isExpiring);
  }

  sampled(i: number): Ref {
    return this.sampler.found[i];
  }

  /** The entry that expires first, or one that expires at about the same time; 0 when none does. */
  nearestToExpire(nowMs: number): Ref {
    const due = this.wheel.nextDue(nowMs);
    return due !== 0 ? due : this.wheel.nearest(NEAREST_LOOKS);
  }

  /** How many entries are due and not deleted yet, counted up to `limit`. */
  countExpired(nowMs: number, limit: number): number {
    return this.wheel.countDue(nowMs, limit);
  }

  /** What {@link holds} wants to know of an entry. */
  hashOf(ref: Ref): number {
    return this.reader.hash(ref, this.hasher);
  }

  /** Whether the reference, which may have died since its hash was asked for, still names an entry (see table.ts). */
  holds(hash: number, ref: Ref): boolean {
    return this.table.holds(hash, ref);
  }

  /** Cluster mode: how many keys a slot has. O(1). */
  slotKeyCount(slot: number): number {
    return this.slots === undefined ? 0 : this.slots.count(slot);
  }

  /** Cluster mode: the first key of a slot; 0 when there is none. */
  slotFirst(slot: number): Ref {
    return this.slots === undefined ? 0 : this.slots.first(slot);
  }

  /** Cluster mode: the next key of the same slot. Ask before deleting the entry. */
  slotNext(ref: Ref): Ref {
    return this.slots === undefined ? 0 : this.slots.next(ref);
  }

  /**
   * A key that is due, whose deletion is the caller's: it is answered again until then. 0 when a bounded amount of work
   * found none; then {@link expiryBehind} tells whether to call again.
   */
  nextExpired(nowMs: number): Ref {
    return this.wheel.nextDue(nowMs);
  }

  expiryBehind(nowMs: number): boolean {
    return this.wheel.isBehind(nowMs);
  }

  /** Background work on the index: up to `units` buckets, about a microsecond each. Answers whether more remains. */
  step(units: number): boolean {
    return this.table.step(units);
  }

  /** Bytes of index, wheel and slot lists. What of them lies in the entries is not counted. */
  get indexBytes(): number {
    return this.tableBytes + this.wheel.bytesUsed + (this.slots?.bytesUsed ?? 0);
  }

  /** Bytes of the table that finds the keys. */
  get tableBytes(): number {
    return this.table.bytesUsed;
  }

  /** Bytes that expire times take: the wheel, and time and links in each entry that has one. */
  get expiryBytes(): number {
    return this.wheel.bytesUsed + this.wheel.count * EXPIRE_UNITS * UNIT_BYTES;
  }

  /** Bytes of the slots' lists, with the links in each entry; 0 outside cluster mode. */
  get slotBytes(): number {
    return this.slots === undefined ? 0 : this.slots.bytesUsed + this.size * SLOT_UNITS * UNIT_BYTES;
  }

  /** Checks the three structures against each other and visits every entry. */
  verify(visit: (ref: Ref) => void): void {
    let expires = 0;
    this.table.verify((ref) => {
      if (this.expireAtMs(ref) !== NO_EXPIRE) expires++;
      visit(ref);
    });
    assert(expires === this.wheel.count, `${expires} entries expire, the wheel has ${this.wheel.count}`);
    this.wheel.verify((ref) => this.expireAtMs(ref));
    this.slots?.verify(this.size, (ref) => this.slotOf(ref));
  }
}
