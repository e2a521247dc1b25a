/**
 * The best victims seen so far, sorted, the best last. What one look finds too late for this eviction serves the next ones,
 * so that a few samples an eviction come close to the true order of all keys.
 *
 *   score    | 3 | 8 | 8 | 21 |
 *   ref      | a | b | c | d  |  with the hash of its key and its database: enough to ask the index whether it still lives
 *
 * Invariants: scores ascend; no entry is listed twice.
 */
import { assert } from '../base/assert.js';
import type { Ref } from '../store/types.js';

const PLACES = 16;

export class EvictionPool {
  size = 0;
  private readonly scores = new Float64Array(PLACES);
  private readonly refs = new Int32Array(PLACES);
  private readonly hashes = new Int32Array(PLACES);
  private readonly databases = new Int32Array(PLACES);

  // The candidate that take() took out.
  ref: Ref = 0;
  hash = 0;
  database = 0;
  score = 0;

  /** Whether an entry with this score would be kept: only then is its hash worth computing. */
  wants(score: number): boolean {
    return this.size < PLACES || score > this.scores[0];
  }

  /** Enters an entry that {@link wants} wanted. */
  offer(score: number, ref: Ref, hash: number, database: number): void {
    if (this.lists(ref, database)) return;
    const full = this.size === PLACES;
    let at = full ? 0 : this.size++;
    if (full) {
      // The worst goes.
      while (at + 1 < PLACES && this.scores[at + 1] < score) this.move(at + 1, at++);
    } else {
      while (at > 0 && this.scores[at - 1] >= score) this.move(at - 1, at--);
    }
    this.scores[at] = score;
    this.refs[at] = ref;
    this.hashes[at] = hash;
    this.databases[at] = database;
  }

  /** Takes the best candidate out; it may have died or been used in the meantime. False when there is none. */
  take(): boolean {
    if (this.size === 0) return false;
    const at = --this.size;
    this.score = this.scores[at];
    this.ref = this.refs[at];
    this.hash = this.hashes[at];
    this.database = this.databases[at];
    return true;
  }

  clear(): void {
    this.size = 0;
  }

  private lists(ref: Ref, database: number): boolean {
    for (let i = 0; i < this.size; i++) if (this.refs[i] === ref && this.databases[i] === database) return true;
    return false;
  }

  private move(from: number, to: number): void {
    this.scores[to] = this.scores[from];
    this.refs[to] = this.refs[from];
    this.hashes[to] = this.hashes[from];
    this.databases[to] = this.databases[from];
  }

  verify(): void {
    for (let i = 1; i < this.size; i++) {
      assert(this.scores[i - 1] <= this.scores[i], 'the pool is sorted');
      for (let j = 0; j < i; j++) {
        assert(this.refs[i] !== this.refs[j] || this.databases[i] !== this.databases[j], 'an entry is listed once');
      }
    }
  }
}
