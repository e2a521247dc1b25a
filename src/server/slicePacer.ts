/**
 * Lets long work go on in slices between the requests: less than a millisecond each, and while requests come, a quarter of the time
 * altogether.
 */
import type { Clock } from '../base/clock.js';
import type { Stats } from '../commands/context.js';

const SLICE_US = 800;
/** A slice while requests come: so much of the time that they were served before it, but not less than is worth a call. */
const SHARE_OF_SERVING = 1 / 3;
const MIN_SLICE_US = 50;

/** How long the next slice may take. `servedUs`: how long ago the last one ended. */
export function sliceUs(isServing: boolean, servedUs: number): number {
  return isServing ? Math.min(SLICE_US, Math.max(MIN_SLICE_US, servedUs * SHARE_OF_SERVING)) : SLICE_US;
}

export class SlicePacer {
  readonly #clock: Clock;
  readonly #stats: Stats;
  #sliceUs = SLICE_US;
  #beganUs: number;

  constructor(clock: Clock, stats: Stats) {
    this.#clock = clock;
    this.#stats = stats;
    this.#beganUs = clock.monotonicUs();
  }

  /** Waits for the next slice when this one is over. To be awaited after each bit of work. */
  async pause(): Promise<void> {
    const endedUs = this.#clock.monotonicUs();
    if (endedUs - this.#beganUs < this.#sliceUs) return;
    const commands = this.#stats.commandsProcessed;
    await new Promise(setImmediate);
    this.#beganUs = this.#clock.monotonicUs();
    this.#sliceUs = sliceUs(this.#stats.commandsProcessed !== commands, this.#beganUs - endedUs);
  }
}
