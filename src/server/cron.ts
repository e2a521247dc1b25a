/** Work by the clock: expiry, the index's growth, idle clients, AOF syncs, rates. */

import type { ServerPort } from '../commands/context.js';
import { DefragCycle } from '../exec/defragCycle.js';
import type { Executor } from '../exec/executor.js';
import { ExpireCycle } from '../exec/expireCycle.js';
import type { Aof } from './aof.js';
import type { Clients } from './clients.js';
import type { Ending } from './ending.js';
import type { Migrations } from './migrations.js';
import type { Rdb } from './rdb.js';
import type { Replication } from './replication.js';
import type { SlotMoves } from './slotMoves.js';
import type { Rates } from './stats.js';

/** Units of background work of the store a slice; a slice stays well below a millisecond. */
const STORE_UNITS = 256;
/** How long a slice takes at most, about. */
const SLICE_MS = 0.8;
const RATE_SAMPLE_MS = 100;

/** What the clock drives. */
export interface CronHost extends ServerPort {
  readonly executor: Executor;
  readonly aof: Aof;
  readonly rdb: Rdb;
  readonly clients: Clients;
  readonly replication: Replication;
  readonly ending: Ending;
  readonly migrations: Migrations;
  readonly slotMoves: SlotMoves;
  readonly rateMeter: Rates;
  refreshGates(): void;
}

export class Cron {
  readonly #server: CronHost;
  readonly #expireCycle: ExpireCycle;
  readonly #defragCycle: DefragCycle;
  #timer: NodeJS.Timeout | undefined;
  #behindTimer: NodeJS.Timeout | undefined;
  #evicting: NodeJS.Immediate | undefined;
  #lastSampleMs = 0;
  #lastSecondMs = 0;

  constructor(server: CronHost) {
    this.#server = server;
    this.#expireCycle = new ExpireCycle(server.executor);
    this.#defragCycle = new DefragCycle(server, server.executor.latency);
  }

  start(): void {
    this.#schedule();
    this.#server.executor.eviction.onBehind = () => {
      this.#evicting ??= setImmediate(() => this.#evict());
    };
    this.#server.config.onChange('hz', () => this.#schedule());
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#behindTimer);
    clearImmediate(this.#evicting);
    this.#server.executor.eviction.onBehind = undefined;
    this.#timer = undefined;
    this.#behindTimer = undefined;
    this.#evicting = undefined;
  }

  /** One slice a round of the event loop, so that requests are served in between. */
  #evict(): void {
    this.#evicting = undefined;
    this.#server.executor.eviction.slice();
    this.#server.clients.serveBlocked();
    this.#server.aof.flush();
  }

  #schedule(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), Math.max(2, 1000 / this.#server.config.values.hz));
  }

  #tick(): void {
    const server = this.#server;
    const nowMs = server.clock.nowMs();
    if (!server.cronPaused) this.#background();
    server.refreshGates();
    server.clients.serveBlocked();
    // Expired keys were propagated, and everysec has its second: also when no client says anything.
    server.aof.flush();
    if (server.cronPaused) return;
    // A rewrite that waits begins before a save that waits, as in Redis.
    server.aof.tick();
    server.rdb.tick();
    server.replication.tick();
    server.ending.look();
    if (nowMs - this.#lastSampleMs >= RATE_SAMPLE_MS) {
      this.#lastSampleMs = nowMs;
      server.rateMeter.sample(nowMs, server.stats);
    }
    if (nowMs - this.#lastSecondMs >= 1000) {
      this.#lastSecondMs = nowMs;
      server.clients.closeIdle();
      server.migrations.tick();
      server.slotMoves.tick();
      server.clients.closeSlowReaders();
      server.executor.redirectBlocked();
      server.stats.peakMemoryBytes = Math.max(server.stats.peakMemoryBytes, server.usedMemoryBytes());
    }
  }

  #background(): void {
    const server = this.#server;
    const dueLeft = server.activeExpire && this.#expireCycle.run();
    const storeLeft = server.store.step(STORE_UNITS);
    // One slice after the other would be a long one: what can wait, waits.
    const isBehind = dueLeft || storeLeft || this.#defragCycle.run();
    if (!isBehind) return;
    if (this.#behindTimer !== undefined || this.#timer === undefined) return;
    this.#behindTimer = setTimeout(() => {
      this.#behindTimer = undefined;
      this.#background();
    }, this.#pauseMs());
  }

  /** While work remains, slices follow each other with a pause that leaves them a quarter of the time, or more with effort. */
  #pauseMs(): number {
    const percent = 25 + 2 * (this.#server.config.values['active-expire-effort'] - 1);
    return Math.max(1, Math.round(SLICE_MS * (100 / percent - 1)));
  }
}
