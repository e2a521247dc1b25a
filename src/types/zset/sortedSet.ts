/**
 * A large sorted set, OBJECT ENCODING `skiplist`: its elements by member, and their order.
 *
 *   member --> Elements --> entry: member | score (8 bytes, little-endian)
 *                             ^
 *   rank, score --> OrderedIndex: score, reference
 *
 * Invariants: the index holds every element once, with the score that its entry has; -0 and 0 are the same place.
 */
import type { Random } from '../../base/prng.js';
import type { Elements } from '../../store/elements.js';
import type { StoredObject } from '../../store/objects.js';
import { AHEAD, type ByteView, CACHED_ENTRIES, type Ref } from '../../store/types.js';
import type { Ordered } from './ordered.js';
import { OrderedIndex } from './orderedIndex.js';
import { Place } from './place.js';
import { ScoreTable } from './scoreTable.js';

/** This object, the index and the pool of its nodes, with their arrays. */
const OBJECT_BYTES = 1100;
/** Runs of elements are removed in portions of this size: no more than a leaf of the index has. */
const RUN_MAX = 64;

export class SortedSet implements StoredObject, Ordered {
  /** ZADD, ZSCORE, ZRANK name a member last. */
  readonly isNamedLast = true;
  /** Members, with their scores as values of 8 bytes; for whoever saves them. */
  readonly elements: Elements;
  private readonly scores: ScoreTable;
  private readonly index: OrderedIndex;
  private readonly place = new Place();
  /** So many elements are fetched at a time for those who pop them one by one, and so many of them were popped. */
  private fetched = 0;
  private popped = 0;

  /** Over elements that are empty, or whose values are scores already. */
  constructor(elements: Elements) {
    this.elements = elements;
    this.scores = new ScoreTable(elements);
    this.index = new OrderedIndex(elements);
    elements.forEach((ref) => {
      this.order(ref);
    });
  }

  get bytesUsed(): number {
    return OBJECT_BYTES + this.elements.bytesUsed + this.index.bytesUsed;
  }

  get elementBytes(): number {
    return this.elements.elementBytes;
  }

  get indexBytes(): number {
    return this.elements.indexBytes;
  }

  get count(): number {
    return this.elements.count;
  }

  // ---------------------------------------------------------------- reading

  /** The element with this member; 0 when there is none. */
  find(buf: Uint8Array, start: number, end: number): Ref {
    return this.elements.find(buf, start, end);
  }

  scoreOf(buf: Uint8Array, start: number, end: number): number {
    const ref = this.elements.find(buf, start, end);
    return ref === 0 ? Number.NaN : this.storedScore(ref);
  }

  /** The score of an element. */
  storedScore(ref: Ref): number {
    return this.scores.get(ref);
  }

  /** The member of an element: dies at the next call of any collection of the store. */
  storedMember(ref: Ref): ByteView {
    return this.elements.readKey(ref);
  }

  rankOf(buf: Uint8Array, start: number, end: number): number {
    const ref = this.elements.find(buf, start, end);
    if (ref === 0) return -1;
    return this.index.seekPlace(this.place.ofOwn(this.storedScore(ref), buf, start, end));
  }

  countBefore(place: Place): number {
    return this.index.seekPlace(place);
  }

  seekBehind(place: Place, skipped: number): boolean {
    return this.index.seekBehind(place, skipped);
  }

  countTo(place: Place, most: number): number {
    return this.index.countTo(place, most);
  }

  fetchRun(count: number): void {
    if (this.count > CACHED_ENTRIES) this.index.fetchRun(count);
  }

  seek(rank: number): void {
    if (rank === 0) this.index.seekFirst();
    else this.index.seek(rank);
  }

  next(): boolean {
    return this.index.next();
  }

  previous(): boolean {
    return this.index.previous();
  }

  get score(): number {
    return this.index.score;
  }

  member(): ByteView {
    return this.elements.readKey(this.index.ref);
  }

  /** One step of a scan: see {@link Elements.scan}. */
  scan(cursor: number, visit: (ref: Ref) => void): number {
    return this.elements.scan(cursor, visit);
  }

  /** An element by chance, each with the same probability; 0 when there is none. */
  random(random: Random): Ref {
    return this.elements.random(random);
  }

  // ---------------------------------------------------------------- writing

  /** Adds a member that is not there. Its bytes may lie in the store. Throws StoreFullError. */
  add(score: number, buf: Uint8Array, start: number, end: number): void {
    const ref = this.scores.add(score, buf, start, end);
    this.index.add(ref, this.place.ofOwn(score, buf, start, end));
  }

  /** The same when {@link find} has just looked for it. */
  addSought(score: number, buf: Uint8Array, start: number, end: number): void {
    const ref = this.scores.addSought(score, buf, start, end);
    this.index.add(ref, this.place.ofOwn(score, buf, start, end));
  }

  /** Gives the element with this member, whose score is `old`, another one. The member's bytes must not lie in the store. */
  rescore(ref: Ref, old: number, score: number, buf: Uint8Array, start: number, end: number): void {
    const { index, place } = this;
    index.seekElement(place.ofOwn(old, buf, start, end), ref);
    if (!index.rescore(score)) {
      index.removeRun(1);
      index.insert(ref, place.ofOwn(score, buf, start, end));
    }
    this.scores.set(ref, score);
  }

  delete(ref: Ref): void {
    const { buf, start, end } = this.elements.readKey(ref);
    this.index.seekElement(this.place.ofOwn(this.storedScore(ref), buf, start, end), ref);
    this.index.removeRun(1);
    this.elements.delete(ref);
  }

  /** Removes the `count` elements from a rank on; they exist. */
  removeRange(rank: number, count: number): void {
    const { index, elements } = this;
    if (count === 1) {
      this.seek(rank);
      if (++this.popped >= this.fetched) this.fetchDeletions();
      const { ref } = index;
      if (rank === 0) index.takeFirst();
      else index.removeRun(1);
      return elements.deleteFetched(ref, this.popped);
    }
    const refs = new Int32Array(Math.min(count, RUN_MAX));
    for (let left = count; left > 0; ) {
      index.seek(rank);
      const length = index.runLength(left);
      for (let i = 0; i < length; i++) refs[i] = index.refInRun(i);
      // The index compares members until it has let the elements go.
      index.removeRun(length);
      for (let i = 0; i < length; i++) elements.delete(refs[i]);
      left -= length;
    }
  }

  /** Elements are popped one by one: the next ones wait for memory all at once. */
  private fetchDeletions(): void {
    this.popped = 0;
    this.fetched = this.count > CACHED_ENTRIES ? this.index.fetchDeletions(AHEAD) : 0;
  }

  /** Enters an element, whose value is its score, into the index. */
  private order(ref: Ref): void {
    const { buf, start, end } = this.elements.readKey(ref);
    const score = this.storedScore(ref);
    this.index.add(ref, this.place.ofOwn(score, buf, start, end));
  }

  // ---------------------------------------------------------------- StoredObject

  clone(): SortedSet {
    return new SortedSet(this.elements.clone());
  }

  release(): void {
    this.elements.release();
  }

  fetchAhead(buf: Uint8Array, starts: Int32Array, ends: Int32Array, count: number): void {
    this.elements.fetchAhead(buf, starts, ends, count);
  }

  relocate(cursor: number): number {
    return this.elements.relocate(cursor, (from, to) => {
      const { buf, start, end } = this.elements.readKey(to);
      this.index.relocate(this.place.ofOwn(this.storedScore(to), buf, start, end), from, to);
    });
  }

  verify(visit: (ref: Ref) => void): void {
    this.elements.verify(visit);
    this.index.verify();
  }
}
