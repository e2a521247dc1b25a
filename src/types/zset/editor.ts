/**
 * Changes one sorted set after the other, whatever its encoding, and finds the encoding it needs.
 *
 *   editor.open(db, ref, limits);            ref 0: the key is absent
 *   editor.set(...), editor.remove(...)      as many as there are
 *   editor.close(key)                        always: only then the key holds the outcome
 *
 * A set that outgrows the listpack becomes an object at once; nothing ever makes it a listpack again.
 */
import type { Database } from '../../store/database.js';
import { NO_EXPIRE, type Ref, TYPE_ZSET } from '../../store/types.js';
import { BufferListpack } from '../listpack/bufferListpack.js';
import { EntryListpack } from '../listpack/entryListpack.js';
import { MAX_LISTPACK_BYTES } from '../listpack/format.js';
import { ZSET_LISTPACK, ZSET_SKIPLIST, type ZsetLimits } from './encoding.js';
import type { Ordered } from './ordered.js';
import { SmallZset } from './smallZset.js';
import { SortedSet } from './sortedSet.js';

/** Conditions of {@link ZsetEditor.set}. */
export const ONLY_NEW = 1;
export const ONLY_OLD = 2;
export const ONLY_GREATER = 4;
export const ONLY_LESS = 8;
/** The score is added to the old one. */
export const INCREMENT = 16;

/** What {@link ZsetEditor.set} did. */
export const REFUSED = 0;
/** The member has this score already. */
export const SAME = 1;
export const UPDATED = 2;
export const ADDED = 3;
/** The sum is not a number; nothing has changed. */
export const NOT_A_NUMBER = 4;

export type SetOutcome = typeof REFUSED | typeof SAME | typeof UPDATED | typeof ADDED | typeof NOT_A_NUMBER;

export class ZsetEditor {
  /** The score that the member of the last {@link set} has now, unless it was refused. */
  score = 0;
  private db!: Database;
  private ref: Ref = 0;
  private limits!: ZsetLimits;
  private readonly entryList = new EntryListpack();
  private readonly newList = new BufferListpack();
  private readonly small = new SmallZset();
  private large: SortedSet | undefined;
  /** Bytes that {@link large} took when it was opened as the key's value; 0 when it is not that yet. */
  private bytesBefore = 0;

  /** Begins with the sorted set at `ref`, or with none. */
  open(db: Database, ref: Ref, limits: ZsetLimits): void {
    this.db = db;
    this.ref = ref;
    this.limits = limits;
    this.large = undefined;
    this.bytesBefore = 0;
    if (ref === 0) this.small.open(this.newList.empty());
    else if (db.encoding(ref) === ZSET_LISTPACK) this.small.open(this.entryList.openEntry(db, ref));
    else {
      this.large = db.object(ref) as SortedSet;
      this.bytesBefore = this.large.bytesUsed;
    }
  }

  /** The sorted set for reading, until the next change. */
  get zset(): Ordered {
    return this.large ?? this.small;
  }

  get count(): number {
    return this.zset.count;
  }

  /** Gives a member a score, under conditions. Its bytes must not lie in this sorted set. Throws StoreFullError. */
  set(score: number, buf: Uint8Array, start: number, end: number, conditions: number): SetOutcome {
    const ref = this.large === undefined ? 0 : this.large.find(buf, start, end);
    let current = Number.NaN;
    if (this.large === undefined) current = this.small.scoreOf(buf, start, end);
    else if (ref !== 0) current = this.large.storedScore(ref);

    if (Number.isNaN(current)) {
      if ((conditions & ONLY_OLD) !== 0) return REFUSED;
      this.add(score, buf, start, end);
      this.score = score;
      return ADDED;
    }
    if ((conditions & ONLY_NEW) !== 0) return REFUSED;
    const wanted = (conditions & INCREMENT) === 0 ? score : score + current;
    if (Number.isNaN(wanted)) return NOT_A_NUMBER;
    if ((conditions & ONLY_LESS) !== 0 && wanted >= current) return REFUSED;
    if ((conditions & ONLY_GREATER) !== 0 && wanted <= current) return REFUSED;
    this.score = wanted;
    if (wanted === current) return SAME;
    if (this.large === undefined) this.small.rescore(wanted, buf, start, end);
    else this.large.rescore(ref, current, wanted, buf, start, end);
    return UPDATED;
  }

  /** Adds a member that {@link set} has just looked for. */
  private add(score: number, buf: Uint8Array, start: number, end: number): void {
    if (this.large !== undefined) return this.large.addSought(score, buf, start, end);
    if (this.fitsSmall(end - start)) return this.small.add(score, buf, start, end);
    this.large = enlarged(this.db, this.small);
    this.large.add(score, buf, start, end);
  }

  /** Whether a further member of this length leaves it a listpack. */
  private fitsSmall(length: number): boolean {
    const { entries, valueBytes } = this.limits;
    const list = this.ref === 0 ? this.newList : this.entryList;
    return length <= valueBytes && this.small.count < entries && list.byteLength + length <= MAX_LISTPACK_BYTES;
  }

  /** Removes a member; false when it is none. */
  remove(buf: Uint8Array, start: number, end: number): boolean {
    if (this.large === undefined) {
      if (Number.isNaN(this.small.scoreOf(buf, start, end))) return false;
      this.small.deleteFound();
      return true;
    }
    const ref = this.large.find(buf, start, end);
    if (ref !== 0) this.large.delete(ref);
    return ref !== 0;
  }

  /** Removes the `count` elements from a rank on; they exist. */
  removeRange(rank: number, count: number): void {
    if (this.large === undefined) this.small.removeRange(rank, count);
    else this.large.removeRange(rank, count);
  }

  /**
   * Makes the outcome the value of the key buf[start, end), whose expire time stays; an empty one removes it. Answers its entry,
   * 0 when there is none. Throws StoreFullError.
   */
  close(buf: Uint8Array, start: number, end: number): Ref {
    const { db, large, ref } = this;
    if (large === undefined) {
      const old = ref === 0 ? 0 : this.entryList.ref;
      if (this.small.count === 0) return remove(db, old);
      if (ref !== 0) return old;
      const { buf: bytes, start: from, end: to } = this.newList;
      return db.putTyped(TYPE_ZSET, ZSET_LISTPACK, buf, start, end, bytes, from, to, NO_EXPIRE);
    }
    if (this.bytesBefore === 0) {
      const expireAtMs = ref === 0 ? NO_EXPIRE : db.expireAtMs(this.entryList.ref);
      return db.putObject(TYPE_ZSET, ZSET_SKIPLIST, buf, start, end, large, expireAtMs);
    }
    db.adjustObject(large.bytesUsed - this.bytesBefore);
    return large.count === 0 ? remove(db, ref) : ref;
  }
}

function remove(db: Database, ref: Ref): Ref {
  if (ref !== 0) db.delete(ref);
  return 0;
}

/** The same set in the form for large ones. Throws StoreFullError. */
function enlarged(db: Database, small: SmallZset): SortedSet {
  const large = new SortedSet(db.newElements());
  try {
    const { count } = small;
    if (count > 0) small.seek(0);
    for (let i = 0; i < count; i++) {
      if (i > 0) small.next();
      const { buf, start, end } = small.member();
      large.add(small.score, buf, start, end);
    }
  } catch (error) {
    large.release();
    throw error;
  }
  return large;
}

/**
 * Makes a sorted set that no key holds the value of the key buf[start, end), without an expire time, in the encoding that
 * suits its size; the set itself is given away. Answers the entry. Throws StoreFullError.
 */
export function putResult(
  db: Database,
  buf: Uint8Array,
  start: number,
  end: number,
  set: SortedSet,
  limits: ZsetLimits,
): Ref {
  const list = set.count <= limits.entries ? listOf(set, limits.valueBytes) : undefined;
  if (list === undefined) return db.putObject(TYPE_ZSET, ZSET_SKIPLIST, buf, start, end, set, NO_EXPIRE);
  set.release();
  return db.putTyped(TYPE_ZSET, ZSET_LISTPACK, buf, start, end, list.buf, list.start, list.end, NO_EXPIRE);
}

/** The set, which is not empty, as a listpack; undefined when a member is too long for one. */
function listOf(set: SortedSet, valueBytes: number): BufferListpack | undefined {
  const list = new BufferListpack();
  const small = new SmallZset().open(list);
  set.seek(0);
  do {
    const { buf, start, end } = set.member();
    if (end - start > valueBytes || list.byteLength + end - start > MAX_LISTPACK_BYTES) return undefined;
    small.append(set.score, buf, start, end);
  } while (set.next());
  return list;
}
