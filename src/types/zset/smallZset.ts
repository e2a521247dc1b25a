/**
 * A small sorted set, OBJECT ENCODING `listpack`: members and scores in the order of the set.
 *
 *   | member | score | member | score | ...
 *
 * Members are strings or integers as in any listpack; scores are integers where they are whole, else their text. A score of -0
 * becomes 0, as in Redis. Every search looks through the list from its beginning.
 */
import { LARGEST_PLAIN_INTEGER, writeDouble } from '../../base/doubles.js';
import { ByteView } from '../../store/types.js';
import { BufferListpack } from '../listpack/bufferListpack.js';
import type { EditableListpack } from '../listpack/editable.js';
import { ListpackElement } from '../listpack/element.js';
import type { Ordered } from './ordered.js';
import { BEFORE, BEHIND, Place, UNDECIDED } from './place.js';
import { parseScore } from './score.js';

const SCORE_TEXT_BYTES = 32;

export class SmallZset implements Ordered {
  /** Of the element under the cursor. */
  score = 0;
  private list: EditableListpack = new BufferListpack();
  private view = new ByteView();
  /** Where the member is that was found last. */
  private foundAt = 0;
  /** Where {@link seekBehind} put the cursor. */
  private rank = 0;
  private readonly place = new Place();
  private readonly memberElement = new ListpackElement();
  private readonly scoreElement = new ListpackElement();
  private readonly scoreText = new Uint8Array(SCORE_TEXT_BYTES);
  /** Where a member and its score are put together, to go into the list at once. */
  private pair = new Uint8Array(128);
  private pairData = new DataView(this.pair.buffer);

  /** Works on this list from now on. */
  open(list: EditableListpack): this {
    this.list = list;
    return this;
  }

  get count(): number {
    return this.list.count >> 1;
  }

  // ---------------------------------------------------------------- reading

  /** The score of a member; NaN when it is none. What is found can then be rescored or deleted. */
  scoreOf(buf: Uint8Array, start: number, end: number): number {
    const { list } = this;
    if (!list.rewind().find(this.memberElement.set(buf, start, end), 1)) return Number.NaN;
    this.foundAt = list.offset;
    list.next();
    return this.scoreHere();
  }

  rankOf(buf: Uint8Array, start: number, end: number): number {
    const { list } = this;
    const wanted = this.memberElement.set(buf, start, end);
    list.rewind();
    for (let rank = 0; list.next(); rank++) {
      const found = list.equals(wanted);
      list.next();
      if (!found) continue;
      this.score = this.scoreHere();
      return rank;
    }
    return -1;
  }

  countBefore(place: Place): number {
    const { list } = this;
    let rank = 0;
    for (list.rewind(); list.next(); rank++) {
      const member = list.offset;
      list.next();
      let side: number = place.sideOf(this.scoreHere());
      if (side === UNDECIDED) {
        list.moveTo(member);
        const { buf, start, end } = list.text();
        side = place.isAfter(buf, start, end) ? BEFORE : BEHIND;
        if (side === BEFORE) list.next();
      } else if (side === BEHIND) list.moveTo(member);
      if (side === BEHIND) break;
    }
    return rank;
  }

  seekBehind(place: Place, skipped: number): boolean {
    this.rank = this.countBefore(place) + skipped;
    if (this.rank >= this.count) return false;
    this.seek(this.rank);
    return true;
  }

  countTo(place: Place, most: number): number {
    const counted = Math.max(0, Math.min(most, this.countBefore(place) - this.rank));
    this.seek(this.rank);
    return counted;
  }

  /** They lie together. */
  fetchRun(): void {}

  seek(rank: number): void {
    this.list.seek(2 * rank);
    this.load();
  }

  next(): boolean {
    if (!this.list.next()) return false;
    this.load();
    return true;
  }

  previous(): boolean {
    const { list } = this;
    // It stands on a score; the one before belongs to the previous member.
    list.previous();
    if (!list.previous()) return false;
    list.previous();
    this.load();
    return true;
  }

  member(): ByteView {
    return this.view;
  }

  /** From a member to its score, both being noted. */
  private load(): void {
    this.view = this.list.text();
    this.list.next();
    this.score = this.scoreHere();
  }

  private scoreHere(): number {
    const { list } = this;
    if (list.isInt) return list.isWide ? Number(list.wide) : list.int;
    return parseScore(list.buf, list.from, list.to);
  }

  // ---------------------------------------------------------------- writing: bytes must not lie in the list itself

  /** Adds a member that is not there. */
  add(score: number, buf: Uint8Array, start: number, end: number): void {
    this.memberElement.set(buf, start, end);
    this.setScore(score);
    this.insertPair(score, buf, start, end);
  }

  /** Adds a member that belongs behind all others. */
  append(score: number, buf: Uint8Array, start: number, end: number): void {
    this.memberElement.set(buf, start, end);
    this.setScore(score);
    this.list.toEnd();
    this.putPair();
  }

  /** Gives the member that {@link scoreOf} has found, whose bytes these are, another score. */
  rescore(score: number, buf: Uint8Array, start: number, end: number): void {
    this.setScore(score);
    if (this.staysInPlace(score)) {
      this.list.replace(this.scoreElement);
    } else {
      this.deleteFound();
      this.insertPair(score, buf, start, end);
    }
  }

  /** Removes the member that {@link scoreOf} has found. */
  deleteFound(): void {
    this.list.moveTo(this.foundAt);
    this.list.removeRange(2);
  }

  /** Removes the `count` elements from a rank on. */
  removeRange(rank: number, count: number): void {
    if (this.list.seek(2 * rank)) this.list.removeRange(2 * count);
  }

  /** Whether the member that was found keeps its neighbours with this score; the list then stands on its old one. */
  private staysInPlace(score: number): boolean {
    const { list } = this;
    list.moveTo(this.foundAt);
    if (list.previous() && this.scoreHere() >= score) return false;
    list.moveTo(this.foundAt);
    list.next();
    if (list.next()) {
      list.next();
      if (this.scoreHere() <= score) return false;
    }
    list.moveTo(this.foundAt);
    return list.next();
  }

  private insertPair(score: number, buf: Uint8Array, start: number, end: number): void {
    this.countBefore(this.place.ofElement(score, buf, start, end));
    this.putPair();
  }

  /** Puts both elements before the member that the list stands on. */
  private putPair(): void {
    const { memberElement, scoreElement } = this;
    const size = memberElement.size + scoreElement.size;
    if (this.pair.length < size) {
      this.pair = new Uint8Array(2 * size);
      this.pairData = new DataView(this.pair.buffer);
    }
    memberElement.write(this.pair, this.pairData, 0);
    scoreElement.write(this.pair, this.pairData, memberElement.size);
    this.list.insertEncoded(this.pair, 0, size, 2);
  }

  private setScore(score: number): void {
    const { scoreElement } = this;
    if (Number.isSafeInteger(score)) scoreElement.setInt(score + 0);
    else if (Number.isInteger(score) && Math.abs(score) <= LARGEST_PLAIN_INTEGER) scoreElement.setInt64(BigInt(score));
    else scoreElement.set(this.scoreText, 0, writeDouble(this.scoreText, 0, score));
  }
}
