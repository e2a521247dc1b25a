import type { Elements } from '../../store/elements.js';
import type { Ref } from '../../store/types.js';

const SCORE_BYTES = 8;

/** Scores by member, without an order: elements whose values are doubles of 8 bytes, little-endian. */
export class ScoreTable {
  readonly elements: Elements;
  private readonly scoreBytes = new Uint8Array(SCORE_BYTES);
  private readonly scoreData = new DataView(this.scoreBytes.buffer);

  constructor(elements: Elements) {
    this.elements = elements;
  }

  find(buf: Uint8Array, start: number, end: number): Ref {
    return this.elements.find(buf, start, end);
  }

  /** Adds a member that is not there. Its bytes may lie in the store. Throws StoreFullError. */
  add(score: number, buf: Uint8Array, start: number, end: number): Ref {
    this.scoreData.setFloat64(0, score, true);
    return this.elements.add(buf, start, end, this.scoreBytes, 0, SCORE_BYTES);
  }

  /** The same when {@link find} has just looked for it. */
  addSought(score: number, buf: Uint8Array, start: number, end: number): Ref {
    this.scoreData.setFloat64(0, score, true);
    return this.elements.addSought(buf, start, end, this.scoreBytes, 0, SCORE_BYTES);
  }

  get(ref: Ref): number {
    return this.elements.doubleAt(ref);
  }

  set(ref: Ref, score: number): void {
    this.elements.setDouble(ref, score);
  }
}
