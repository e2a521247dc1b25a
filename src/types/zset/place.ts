/**
 * A place between the elements of a sorted set: what one looks for. All elements before it come first in the order of the set,
 * so the number of them is the rank of the first one behind it.
 */
import { compareBytes } from '../../base/bytes.js';

const NOTHING = new Uint8Array(0);

/** Where an element with a given score lies. */
export const BEFORE = -1;
export const BEHIND = 1;
/** Its member decides: ask {@link Place.isAfter}. */
export const UNDECIDED = 0;

export class Place {
  score = 0;
  /** What an element of this very score is. */
  sameScore: typeof BEFORE | typeof BEHIND | typeof UNDECIDED = UNDECIDED;
  /** Scores do not matter. */
  byMember = false;
  /** The element with this very member lies before the place. */
  private inclusive = false;
  /** The set has the member, or is about to: it begins as all of them do. */
  isOwn = false;
  buf: Uint8Array = NOTHING;
  start = 0;
  end = 0;

  /** Where the element with this score and member is, or belongs. */
  ofElement(score: number, buf: Uint8Array, start: number, end: number): this {
    this.score = score;
    this.sameScore = UNDECIDED;
    this.byMember = false;
    this.inclusive = false;
    this.isOwn = false;
    return this.setMember(buf, start, end);
  }

  /** The same of an element that the set has or is about to have. */
  ofOwn(score: number, buf: Uint8Array, start: number, end: number): this {
    this.ofElement(score, buf, start, end);
    this.isOwn = true;
    return this;
  }

  /** Before or behind all elements with this score. */
  ofScore(score: number, behind: boolean): this {
    this.score = score;
    this.sameScore = behind ? BEFORE : BEHIND;
    this.byMember = false;
    return this;
  }

  /** Before or behind all elements. */
  ofEnd(behind: boolean): this {
    return this.ofScore(behind ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY, behind);
  }

  /** Before or behind the element with this member, in a set where all scores are the same. */
  ofMember(buf: Uint8Array, start: number, end: number, behind: boolean): this {
    this.byMember = true;
    this.inclusive = behind;
    this.isOwn = false;
    return this.setMember(buf, start, end);
  }

  private setMember(buf: Uint8Array, start: number, end: number): this {
    this.buf = buf;
    this.start = start;
    this.end = end;
    return this;
  }

  sideOf(score: number): typeof BEFORE | typeof BEHIND | typeof UNDECIDED {
    if (this.byMember) return UNDECIDED;
    if (score < this.score) return BEFORE;
    if (score > this.score) return BEHIND;
    return this.sameScore;
  }

  /** Whether the place is behind the element with this member, whose score left that open. */
  isAfter(buf: Uint8Array, start: number, end: number): boolean {
    const order = compareBytes(buf, start, end, this.buf, this.start, this.end);
    return this.inclusive ? order <= 0 : order < 0;
  }
}
