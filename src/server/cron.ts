/** Work by the clock: expiry, the index's growth, idle clients, AOF syncs, rates. */

import type { ServerPort } from '../commands/context.js';
import type { Executor } from '../exec/executor.js';
import { ExpireCycle } from '../exec/expireCycle.js';
import type { Aof } from './aof.js';
import type { Clients } from './clients.js';
import type { Rates } from './stats.js';

/** Units of background work of the store a slice; a slice stays well below a millisecond. */
const STORE_UNITS = 256;
/** While work remains, slices follow each other with this pause, so that they take a quarter of the time at most. */
const BEHIND_PAUSE_MS = 3;
const RATE_SAMPLE_MS = 100;

/** What the clock drives. */
export interface CronHost extends ServerPort {
  readonly executor: Executor;
  readonly aof: Aof;
  readonly clients: Clients;
  readonly rateMeter: Rates;
  checkMemory(): void;
  refreshGates(): void;
}

export class Cron {
  readonly #server: CronHost;
  readonly #expireCycle: ExpireCycle;
  #timer: NodeJS.Timeout | undefined;
  #behindTimer: NodeJS.Timeout | undefined;
  #lastSampleMs = 0;
  #lastSecondMs = 0;

  constructor(server: CronHost) {
    this.#server = server;
    this.#expireCycle = new ExpireCycle(server.executor);
  }

  start(): void {
    this.#schedule();
    this.#server.config.onChange('hz', () => this.#schedule());
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#behindTimer);
    this.#timer = undefined;
    this.#behindTimer = undefined;
  }

  #schedule(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), Math.max(2, 1000 / this.#server.config.values.hz));
  }

  #tick(): void {
    const server = this.#server;
    const nowMs = server.clock.nowMs();
    this.#background();
    server.checkMemory();
    server.refreshGates();
    // Expired keys were propagated, and everysec has its second: also when no client says anything.
    server.aof.flush();
    if (nowMs - this.#lastSampleMs >= RATE_SAMPLE_MS) {
      this.#lastSampleMs = nowMs;
      server.rateMeter.sample(nowMs, server.stats);
    }
    if (nowMs - this.#lastSecondMs >= 1000) {
      this.#lastSecondMs = nowMs;
      server.clients.closeIdle();
      server.stats.peakMemoryBytes = Math.max(server.stats.peakMemoryBytes, server.store.usedBytes());
    }
  }

  #background(): void {
    const server = this.#server;
    const dueLeft = server.activeExpire && this.#expireCycle.run();
    const storeLeft = server.store.step(STORE_UNITS);
    if (!dueLeft && !storeLeft) return;
    if (this.#behindTimer !== undefined || this.#timer === undefined) return;
    this.#behindTimer = setTimeout(() => {
      this.#behindTimer = undefined;
      this.#background();
    }, BEHIND_PAUSE_MS);
  }
}
