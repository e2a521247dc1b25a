import { performance } from 'node:perf_hooks';

/** Where time comes from. Handed in by the composition root, so that tests and the simulator can move it. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Monotonic clock, microseconds since an arbitrary start. Used for durations only. */
  monotonicUs(): number;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicUs: () => performance.now() * 1000,
};

/** A clock that only moves when told to. */
export class ManualClock implements Clock {
  #nowMs: number;
  #elapsedUs = 0;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicUs(): number {
    return this.#elapsedUs;
  }

  /** Moves both the wall clock and the monotonic clock forward. */
  advance(ms: number): void {
    this.#nowMs += ms;
    this.#elapsedUs += ms * 1000;
  }
}
