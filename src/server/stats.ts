import type { Stats } from '../commands/context.js';

export function newStats(): Stats {
  return {
    connectionsReceived: 0,
    commandsProcessed: 0,
    netInputBytes: 0,
    netOutputBytes: 0,
    rejectedConnections: 0,
    expiredKeys: 0,
    expiredTimeCapReached: 0,
    expireCycleCpuMs: 0,
    evictedKeys: 0,
    evictedClients: 0,
    keyspaceHits: 0,
    keyspaceMisses: 0,
    totalErrorReplies: 0,
    unexpectedErrorReplies: 0,
    readsProcessed: 0,
    writesProcessed: 0,
    clientOutputBufferLimitDisconnections: 0,
    clientQueryBufferLimitDisconnections: 0,
    aclAccessDeniedAuth: 0,
    syncFull: 0,
    syncPartialOk: 0,
    syncPartialErr: 0,
    evictionExceededUs: 0,
    evictionExceededSinceUs: -1,
    peakMemoryBytes: 0,
    errors: new Map(),
  };
}

/** CONFIG RESETSTAT. */
export function resetStats(stats: Stats): void {
  const { peakMemoryBytes } = stats;
  stats.errors.clear();
  Object.assign(stats, newStats(), { errors: stats.errors, peakMemoryBytes });
}

const SAMPLES = 16;

/** Rates of the last seconds from samples taken ten times a second, as INFO's instantaneous_* fields. */
export class Rates {
  readonly #ops: number[] = [];
  readonly #input: number[] = [];
  readonly #output: number[] = [];
  #last: { nowMs: number; ops: number; input: number; output: number } | undefined;

  sample(nowMs: number, stats: Stats): void {
    const now = { nowMs, ops: stats.commandsProcessed, input: stats.netInputBytes, output: stats.netOutputBytes };
    const last = this.#last;
    this.#last = now;
    if (last === undefined || nowMs <= last.nowMs) return;
    const perSecond = 1000 / (nowMs - last.nowMs);
    push(this.#ops, Math.max(0, now.ops - last.ops) * perSecond);
    push(this.#input, Math.max(0, now.input - last.input) * perSecond);
    push(this.#output, Math.max(0, now.output - last.output) * perSecond);
  }

  current(): { opsPerSec: number; inputKbps: number; outputKbps: number } {
    return {
      opsPerSec: Math.round(mean(this.#ops)),
      inputKbps: mean(this.#input) / 1024,
      outputKbps: mean(this.#output) / 1024,
    };
  }
}

function push(samples: number[], value: number): void {
  samples.push(value);
  if (samples.length > SAMPLES) samples.shift();
}

function mean(samples: readonly number[]): number {
  return samples.length === 0 ? 0 : samples.reduce((sum, value) => sum + value, 0) / samples.length;
}
