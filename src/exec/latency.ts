/**
 * The latency monitor: for each event that was slower than latency-monitor-threshold, its worst latency of each second in
 * which it was, of the last 160 such seconds.
 */
import type { Clock } from '../base/clock.js';
import type { LatencyPort, LatencySample, LatencySeries } from '../commands/server/monitoringPorts.js';
import type { Config } from '../config/config.js';

const SAMPLES_MAX = 160;

/** {@link LatencyMonitor.begin} while the monitor is off. */
const NOT_MEASURED = -1;

interface Series extends LatencySeries {
  readonly samples: LatencySample[];
  worstMs: number;
}

export class LatencyMonitor implements LatencyPort {
  readonly series = new Map<string, Series>();
  readonly #config: Config;
  readonly #clock: Clock;

  constructor(config: Config, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  /** Begins to measure an event. Reads the clock only when somebody wants to know. */
  begin(): number {
    return this.#config.values['latency-monitor-threshold'] > 0 ? this.#clock.monotonicUs() : NOT_MEASURED;
  }

  /** Ends what {@link begin} began. */
  end(event: string, beganUs: number): void {
    if (beganUs !== NOT_MEASURED) this.add(event, this.#clock.monotonicUs() - beganUs);
  }

  /** Keeps the duration of an event if it is over the threshold. */
  add(event: string, durationUs: number): void {
    const thresholdMs = this.#config.values['latency-monitor-threshold'];
    const latencyMs = Math.floor(durationUs / 1000);
    if (thresholdMs === 0 || latencyMs < thresholdMs) return;
    const atSeconds = Math.floor(this.#clock.nowMs() / 1000);
    let series = this.series.get(event);
    if (series === undefined) {
      series = { samples: [], worstMs: 0 };
      this.series.set(event, series);
    }
    series.worstMs = Math.max(series.worstMs, latencyMs);
    const { samples } = series;
    const last = samples[samples.length - 1];
    if (last?.atSeconds !== atSeconds) samples.push({ atSeconds, latencyMs });
    else if (last.latencyMs < latencyMs) samples[samples.length - 1] = { atSeconds, latencyMs };
    if (samples.length > SAMPLES_MAX) samples.shift();
  }

  reset(event: string): boolean {
    return this.series.delete(event);
  }
}
