/** The slow log and the latency monitor as the commands SLOWLOG and LATENCY see them. */

/** One slow call. */
export interface SlowCall {
  /** Counts up from 0, also over SLOWLOG RESET. */
  readonly id: number;
  /** When it ended, seconds since the epoch. */
  readonly atSeconds: number;
  readonly durationUs: number;
  /** Shortened: at most 32 arguments of 128 bytes, with a note of what is left out. */
  readonly args: readonly Uint8Array[];
  readonly peerAddress: string;
  readonly clientName: string;
}

export interface SlowLogPort {
  readonly length: number;
  /** The newest `count`, newest first. */
  newest(count: number): Iterable<SlowCall>;
  clear(): void;
}

/** The worst latency of a second in which an event was over latency-monitor-threshold. */
export interface LatencySample {
  readonly atSeconds: number;
  readonly latencyMs: number;
}

/** What is known of one event: its last samples, oldest first, at least one. */
export interface LatencySeries {
  readonly samples: readonly LatencySample[];
  /** Since the last reset. */
  readonly worstMs: number;
}

export interface LatencyPort {
  /** By the names of their events. */
  readonly series: ReadonlyMap<string, LatencySeries>;
  /** Forgets an event; false when there was nothing to forget. */
  reset(event: string): boolean;
}
