import type { ByteView } from '../../store/types.js';
import type { Place } from './place.js';

/** A sorted set as those see it who read it, whatever its encoding. Views and cursor die at the next write. */
export interface Ordered {
  readonly count: number;
  /** The score of a member; NaN when it is none. */
  scoreOf(buf: Uint8Array, start: number, end: number): number;
  /** How many elements lie before a member, -1 when it is none; {@link score} is then its score. */
  rankOf(buf: Uint8Array, start: number, end: number): number;
  /** How many elements lie before a place. */
  countBefore(place: Place): number;

  /** Puts the cursor on the element that lies `skipped` elements behind a place; false when there is none. */
  seekBehind(place: Place, skipped: number): boolean;
  /** After {@link seekBehind}: how many elements from the cursor on, which stays, lie before a place; `most` at the most. */
  countTo(place: Place, most: number): number;
  /** The next `count` elements will be read: what they need is fetched from memory together. */
  fetchRun(count: number): void;

  /** Puts the cursor on the element with this rank, which exists. */
  seek(rank: number): void;
  /** Moves it; false at the end, from where it must be put somewhere again. */
  next(): boolean;
  previous(): boolean;
  /** The score of the element under the cursor. */
  readonly score: number;
  /** Its member: dies at the next call of any sorted set of the store. */
  member(): ByteView;
}
