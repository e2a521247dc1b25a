/**
 * `activedefrag`: gives the store's defragmenter its share of the time while more memory is wasted than the active-defrag-*
 * thresholds allow. The share grows with the waste, from active-defrag-cycle-min to -max percent.
 */
import type { ServerPort } from '../commands/context.js';
import type { LatencyMonitor } from './latency.js';

/** A slice at a share of a quarter; a larger share gets longer slices, up to the limit. */
const QUARTER_SLICE_US = 800;
const MAX_SLICE_US = 1000;
const UNITS_PER_CLOCK_READ = 16;
/** Between runs: one that could not bring the waste down is not repeated at once. */
const REST_MS = 1000;

export class DefragCycle {
  readonly #server: ServerPort;
  readonly #latency: LatencyMonitor;
  #restUntilMs = 0;

  constructor(server: ServerPort, latency: LatencyMonitor) {
    this.#server = server;
    this.#latency = latency;
  }

  /** One slice. Answers true when the run goes on, so that the caller comes back soon. */
  run(): boolean {
    const { clock, config, store } = this.#server;
    const { defragmenter } = store;
    if (!config.values.activedefrag) {
      if (defragmenter.isRunning) this.#end();
      return false;
    }
    if (!defragmenter.isRunning) {
      if (clock.nowMs() < this.#restUntilMs || !this.#isWorthwhile()) return false;
    }
    const percent = this.#sharePercent();
    defragmenter.sharePercent = percent;
    const startUs = clock.monotonicUs();
    const untilUs = startUs + Math.min(MAX_SLICE_US, (QUARTER_SLICE_US * 3 * percent) / (100 - percent));
    while (defragmenter.step(UNITS_PER_CLOCK_READ) && clock.monotonicUs() < untilUs);
    const tookUs = clock.monotonicUs() - startUs;
    defragmenter.activeUs += tookUs;
    this.#latency.add('active-defrag-cycle', tookUs);
    if (!defragmenter.isRunning) this.#end();
    return defragmenter.isRunning;
  }

  #end(): void {
    const { clock, store } = this.#server;
    store.defragmenter.stop();
    store.defragmenter.sharePercent = 0;
    this.#restUntilMs = clock.nowMs() + REST_MS;
  }

  #isWorthwhile(): boolean {
    const { values } = this.#server.config;
    const { wastedBytes, wastedPercent } = this.#server.store.defragmenter;
    return (
      wastedBytes >= values['active-defrag-ignore-bytes'] && wastedPercent >= values['active-defrag-threshold-lower']
    );
  }

  #sharePercent(): number {
    const { values } = this.#server.config;
    const lower = values['active-defrag-threshold-lower'];
    const upper = Math.max(lower + 1, values['active-defrag-threshold-upper']);
    const min = values['active-defrag-cycle-min'];
    const max = Math.max(min, values['active-defrag-cycle-max']);
    const { wastedPercent } = this.#server.store.defragmenter;
    const part = Math.min(1, Math.max(0, (wastedPercent - lower) / (upper - lower)));
    return Math.round(min + part * (max - min));
  }
}
