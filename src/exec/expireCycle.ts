/**
 * Reclaims keys whose time is over without waiting for somebody to touch them, in slices so short that no client notices:
 * a slice runs at most SLICE_US, and slices together take at most a quarter of the time (more with active-expire-effort).
 */
import { SavedRange } from '../base/copy.js';
import type { Executor } from './executor.js';

const SLICE_US = 800;
const KEYS_PER_CLOCK_READ = 32;

export class ExpireCycle {
  readonly #executor: Executor;
  readonly #key = new SavedRange();
  #lastDb = 0;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** One slice. Answers true when due keys remain, so that the caller comes back soon. */
  run(): boolean {
    const { latency, loading, server } = this.#executor;
    this.#executor.nowMs = server.clock.nowMs();
    if (this.#executor.writableReplica) this.#executor.ownExpires.sweep(this.#executor);
    // The files that are read, or the master, say themselves when a key went; and CLIENT PAUSE keeps all data as it is.
    if (loading || !this.#executor.mayExpire) return false;
    const beganUs = latency.begin();
    const dueLeft = this.#slice();
    latency.end('expire-cycle', beganUs);
    return dueLeft;
  }

  #slice(): boolean {
    const { server } = this.#executor;
    const { databases } = server.store;
    const startUs = server.clock.monotonicUs();
    const nowMs = server.clock.nowMs();
    let work = 0;
    for (let n = 0; n < databases.length; n++) {
      const db = databases[this.#lastDb % databases.length];
      while (db.expires > 0) {
        const ref = db.nextExpired(nowMs);
        if (ref === 0 && !db.expiryBehind(nowMs)) break;
        if (ref !== 0) {
          const length = this.#key.save(db.readKey(ref));
          this.#executor.expire(db, ref, this.#key.buf, 0, length);
        }
        if (++work % KEYS_PER_CLOCK_READ === 0 && server.clock.monotonicUs() - startUs > SLICE_US) {
          server.stats.expiredTimeCapReached++;
          server.stats.expireCycleCpuMs += (server.clock.monotonicUs() - startUs) / 1000;
          return true;
        }
      }
      this.#lastDb = (this.#lastDb + 1) % databases.length;
    }
    server.stats.expireCycleCpuMs += (server.clock.monotonicUs() - startUs) / 1000;
    return false;
  }
}
