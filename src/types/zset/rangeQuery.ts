import type { Ordered } from './ordered.js';
import type { Place } from './place.js';

export const BY_RANK = 0;
export const BY_SCORE = 1;
export const BY_MEMBER = 2;
export type RangeKind = typeof BY_RANK | typeof BY_SCORE | typeof BY_MEMBER;

/** What ZRANGE and its kind ask for. What is not settled yet is undefined: it is then by rank, and from the low end. */
export class RangeQuery {
  kind: RangeKind | undefined;
  reverse: boolean | undefined;
  withScores = false;
  offset = 0;
  /** As given: negative for no limit. */
  limit = -1;
  /** The ends of a range by rank, as given: negative ones count from the other end. */
  firstRank = 0;
  lastRank = 0;
  /** The ends of other ranges, the low one first. */
  readonly from: Place;
  readonly to: Place;

  constructor(from: Place, to: Place) {
    this.from = from;
    this.to = to;
  }

  reset(kind: RangeKind | undefined, reverse: boolean | undefined): this {
    this.kind = kind;
    this.reverse = reverse;
    this.withScores = false;
    this.offset = 0;
    this.limit = -1;
    return this;
  }

  /** Puts the cursor on the range's first element, when reversed on its last; answers how many there are. */
  begin(zset: Ordered): number {
    const isByRank = this.kind === undefined || this.kind === BY_RANK;
    if (this.reverse === true) return isByRank ? this.beginRanks(zset, true) : this.beginReversed(zset);
    if (isByRank) return this.beginRanks(zset, false);
    // A negative offset skips everything.
    if (this.offset < 0 || !zset.seekBehind(this.from, this.offset)) return 0;
    return zset.countTo(this.to, this.limit < 0 ? Number.POSITIVE_INFINITY : this.limit);
  }

  private beginRanks(zset: Ordered, reverse: boolean): number {
    const { count } = zset;
    const first = Math.max(0, this.firstRank < 0 ? this.firstRank + count : this.firstRank);
    const last = Math.min(count - 1, this.lastRank < 0 ? this.lastRank + count : this.lastRank);
    if (first > last) return 0;
    zset.seek(reverse ? count - 1 - first : first);
    return last + 1 - first;
  }

  private beginReversed(zset: Ordered): number {
    const { offset, limit } = this;
    const skipped = offset < 0 ? Number.POSITIVE_INFINITY : offset;
    const first = zset.countBefore(this.from);
    const behind = zset.countBefore(this.to) - skipped;
    const count = Math.min(behind - first, limit < 0 ? Number.POSITIVE_INFINITY : limit);
    if (count <= 0) return 0;
    zset.seek(behind - 1);
    return count;
  }
}
