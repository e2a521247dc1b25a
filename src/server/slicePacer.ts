/**
 * Lets long work go on in slices between the requests: less than a millisecond each, and while requests come, no more than a share of
 * the time altogether.
 */
import type { Clock } from '../base/clock.js';
import type { Stats } from '../commands/context.js';

const SLICE_US = 800;
/** A shorter one is not worth a call. */
const MIN_SLICE_US = 50;
/** The share of work that nobody waits for. */
const SHARE = 1 / 4;

/**
 * How long the next slice may take.
 *
 *   time     | requests     | slice | requests | slice |          | slice | ...
 *   budget    + share         -       + share    -       no request: free, but as short as the quiet has been so far
 *
 * The requests may do some of the work themselves: that counts, and what goes beyond the share is a debt which later slices, or quiet,
 * pay. Debts only come from work that has been done, so it gets on in any case.
 */
export class SliceBudget {
  readonly #share: number;
  /** Of slices, what they may take in addition; below 0 when requests have done more than the share. The first one begins at once. */
  #budgetUs = MIN_SLICE_US;
  #quietSinceUs = 0;

  /** `share`: below 1. */
  constructor(share: number) {
    this.#share = share;
  }

  /**
   * In microseconds, 0 for no slice now. `endedUs` is when the last slice ended, `isServing` whether requests have come since,
   * `sharedUs` how long they worked for us.
   */
  next(nowUs: number, endedUs: number, isServing: boolean, sharedUs = 0): number {
    const elapsedUs = nowUs - endedUs;
    if (!isServing) {
      this.#budgetUs = Math.min(0, this.#budgetUs + elapsedUs);
      return Math.min(SLICE_US, Math.max(MIN_SLICE_US, nowUs - this.#quietSinceUs));
    }
    const share = this.#share;
    // A share of all time is this much of the time beside the slices.
    this.#budgetUs = Math.min(SLICE_US, this.#budgetUs + (share * elapsedUs - sharedUs) / (1 - share));
    const sliceUs = this.#budgetUs < MIN_SLICE_US ? 0 : this.#budgetUs;
    this.#budgetUs -= sliceUs;
    this.#quietSinceUs = nowUs + sliceUs;
    return sliceUs;
  }
}

export class SlicePacer {
  readonly #clock: Clock;
  readonly #stats: Stats;
  readonly #budget = new SliceBudget(SHARE);
  #sliceUs = SLICE_US;
  #beganUs: number;

  constructor(clock: Clock, stats: Stats) {
    this.#clock = clock;
    this.#stats = stats;
    this.#beganUs = clock.monotonicUs();
  }

  /** Waits for the next slice when this one is over. To be awaited after each bit of work. */
  async pause(): Promise<void> {
    let endedUs = this.#clock.monotonicUs();
    if (endedUs - this.#beganUs < this.#sliceUs) return;
    do {
      const commands = this.#stats.commandsProcessed;
      await new Promise(setImmediate);
      this.#beganUs = this.#clock.monotonicUs();
      this.#sliceUs = this.#budget.next(this.#beganUs, endedUs, this.#stats.commandsProcessed !== commands);
      endedUs = this.#beganUs;
    } while (this.#sliceUs === 0);
  }
}
