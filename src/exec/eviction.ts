/**
 * maxmemory: keeps what is stored below the limit by removing keys, in the order that maxmemory-policy asks for.
 *
 * Asked before every request while a limit is set. When memory is over it, keys are evicted at once, but for no longer than
 * maxmemory-eviction-tenacity allows (0.5 ms by default) a batch of requests. What is left to do then goes on in slices
 * between other work; meanwhile each further request of the batch makes as much room as the one before has taken, so
 * memory does not grow. A batch that has spent two slices goes on without, as long as memory has not grown far by that: code that
 * runs for the first time is some fifty times slower. Requests are refused only when nothing can be evicted.
 */
import { SavedRange } from '../base/copy.js';
import type { ServerPort } from '../commands/context.js';
import type { Values } from '../config/directives.js';
import type { ReplyWriter } from '../resp/replyWriter.js';
import { idleSeconds, lfuCounter } from '../store/accessClock.js';
import type { Database } from '../store/database.js';
import type { ByteCount, Ref } from '../store/types.js';
import { EvictionPool } from './evictionPool.js';
import type { LatencyMonitor } from './latency.js';
import type { PauseState } from './pause.js';

/** There is room: the request may run. Also while slices are still making it. */
export const ROOM = 0;
/** Over the limit, and nothing can be evicted. */
export const NO_ROOM = 1;

/** A batch does not evict for longer than so many slices ... */
const BATCH_SLICES_MAX = 2;
/** ... unless memory has grown by so much while it was over the limit. */
const GROWTH_MAX_BYTES = 1 << 20;
const KEYS_PER_CLOCK_READ = 8;
/** So often chance may find only keys that must stay before there is no room. */
const FRUITLESS_MAX = 50;
/** One look for victims serves so many evictions: their waits for memory overlap, which are most of what an eviction takes. */
const EVICTIONS_PER_LOOK = 4;
/** Buckets of cleared tables that are freed in place of one key. */
const RECLAIM_UNITS = 8;

type Policy = Values['maxmemory-policy'];

/** What eviction needs of the executor. */
export interface EvictionHost {
  readonly server: ServerPort;
  readonly loading: boolean;
  /** This server follows a master. */
  readonly following: boolean;
  readonly pause: PauseState;
  readonly latency: LatencyMonitor;
  readonly reply: ReplyWriter;
  /** Removes an entry, whose key is buf[start, end), for good and tells everybody. The range must not be store memory. */
  evict(db: Database, ref: Ref, buf: Uint8Array, start: number, end: number): void;
}

export class Eviction {
  /** maxmemory is set. */
  limited = false;
  /** The policy counts how often keys are used, and not when. */
  lfu = false;
  lfuLogFactor = 0;
  lfuDecayMinutes = 0;
  /** Buffers of clients: limited together with the data. */
  readonly clientBuffers: ByteCount = { bytesUsed: 0 };
  /** Called when slices have to follow; without it, nothing runs between requests. */
  onBehind: (() => void) | undefined;

  /** What a server without data and clients takes: maxmemory limits used_memory, which starts with that. */
  readonly baseBytes: number;

  readonly #host: EvictionHost;
  readonly #pool = new EvictionPool();
  readonly #key = new SavedRange();
  #limitBytes = 0;
  #policy: Policy = 'noeviction';
  /** Keys with an expire time are the only ones to be evicted. */
  #expiring = false;
  #samples = 0;
  #sliceUs = 0;
  #nowMs = 0;
  #nextDb = 0;
  /** So many evictions take their victims from the pool as it is. */
  #looksSpared = 0;
  /** Time that this batch of requests has spent on evictions. */
  #spentUs = 0;
  /** What memory was down to when the time of the batch was used up. */
  #floorBytes = 0;
  /** The least memory since it has been over the limit. */
  #leastBytes = Number.POSITIVE_INFINITY;

  constructor(host: EvictionHost) {
    this.#host = host;
    this.baseBytes = host.reply.buf.length;
    const { config } = host.server;
    const refresh = (): void => this.#configure();
    config.onChange('maxmemory', refresh);
    config.onChange('maxmemory-policy', refresh);
    config.onChange('maxmemory-samples', refresh);
    config.onChange('maxmemory-eviction-tenacity', refresh);
    config.onChange('lfu-log-factor', refresh);
    config.onChange('lfu-decay-time', refresh);
    this.#configure();
  }

  #configure(): void {
    const { values } = this.#host.server.config;
    const policy = values['maxmemory-policy'];
    if (policy !== this.#policy) this.#pool.clear();
    this.#policy = policy;
    this.#limitBytes = values.maxmemory;
    this.#expiring = policy.startsWith('volatile-');
    this.#samples = values['maxmemory-samples'];
    this.#sliceUs = sliceUs(values['maxmemory-eviction-tenacity']);
    this.lfuLogFactor = values['lfu-log-factor'];
    this.lfuDecayMinutes = values['lfu-decay-time'];
    this.limited = values.maxmemory > 0;
    this.lfu = policy.endsWith('-lfu');
    if (this.onBehind !== undefined && this.over) this.onBehind();
  }

  /**
   * What maxmemory limits, bytes: data, clients' buffers and the backlog, which has an end, but not what the AOF and slow replicas
   * have not taken yet, which evicting makes grow.
   */
  get usedBytes(): number {
    const { store, replication } = this.#host.server;
    const backlogBytes = replication.buffers.bytesUsed - replication.buffers.heldForReplicasBytes;
    return store.usedBytes() + this.clientBuffers.bytesUsed + backlogBytes + this.baseBytes;
  }

  /** Whether memory is over the limit. */
  get over(): boolean {
    return this.limited && this.usedBytes > this.#limitBytes;
  }

  /** A new batch of requests: it may spend the time of a slice. */
  beginBatch(): void {
    this.#spentUs = 0;
  }

  /** Makes room for a request, within the time that its batch has. */
  makeRoom(): typeof ROOM | typeof NO_ROOM {
    if (!this.over || !this.#mayEvict()) {
      this.#endExceeded();
      return ROOM;
    }
    const bytes = this.usedBytes;
    if (bytes < this.#leastBytes) this.#leastBytes = bytes;
    if (this.#spentUs >= this.#sliceUs * BATCH_SLICES_MAX && bytes < this.#leastBytes + GROWTH_MAX_BYTES) {
      this.onBehind?.();
      return ROOM;
    }
    const inTime = this.#spentUs === 0 || this.#spentUs < this.#sliceUs;
    const target = inTime ? this.#limitBytes : Math.max(this.#limitBytes, this.#floorBytes);
    const { clock } = this.#host.server;
    const startUs = clock.monotonicUs();
    const possible = this.#evict(target, startUs);
    const tookUs = clock.monotonicUs() - startUs;
    this.#spentUs += tookUs;
    this.#host.latency.add('eviction-cycle', tookUs);
    this.#floorBytes = inTime ? this.usedBytes : Math.min(this.#floorBytes, this.usedBytes);
    if (!this.over) {
      this.#endExceeded();
      return ROOM;
    }
    this.#beginExceeded(startUs);
    if (possible) this.onBehind?.();
    return possible ? ROOM : NO_ROOM;
  }

  /** Goes on evicting for the time of one slice; what is left then asks for the next by {@link onBehind}. */
  slice(): void {
    this.beginBatch();
    this.makeRoom();
  }

  #beginExceeded(nowUs: number): void {
    const { stats } = this.#host.server;
    if (stats.evictionExceededSinceUs < 0) stats.evictionExceededSinceUs = nowUs;
  }

  #endExceeded(): void {
    this.#leastBytes = Number.POSITIVE_INFINITY;
    const { stats, clock } = this.#host.server;
    if (stats.evictionExceededSinceUs < 0) return;
    stats.evictionExceededUs += clock.monotonicUs() - stats.evictionExceededSinceUs;
    stats.evictionExceededSinceUs = -1;
  }

  /** Data that is being loaded is not thinned out, nor the master's; and CLIENT PAUSE keeps all data as it is. */
  #mayEvict(): boolean {
    const { loading, following, pause, server } = this.#host;
    if (following && server.config.values['replica-ignore-maxmemory']) return false;
    return !loading && !pause.activeAt(server.clock.nowMs());
  }

  /** Evicts until memory is down to `targetBytes` or a slice's time is over. False when nothing could be evicted. */
  #evict(targetBytes: number, startUs: number): boolean {
    if (this.#policy === 'noeviction') return this.#reclaim(targetBytes, startUs);
    const { server } = this.#host;
    this.#nowMs = server.clock.nowMs();
    for (let keys = 0; this.usedBytes > targetBytes; keys++) {
      // Also behind the first one, which is slow when its code is new.
      const readsClock = keys === 1 || (keys > 0 && keys % KEYS_PER_CLOCK_READ === 0);
      if (readsClock && server.clock.monotonicUs() - startUs >= this.#sliceUs) break;
      // What FLUSHALL left behind goes before anything that lives.
      if (!server.store.reclaim(RECLAIM_UNITS) && !this.#evictOne()) return false;
    }
    return true;
  }

  /** Without evictions: only what was cleared and is not freed yet gives room. */
  #reclaim(targetBytes: number, startUs: number): boolean {
    const { store, clock } = this.#host.server;
    while (store.reclaim(RECLAIM_UNITS)) {
      if (this.usedBytes <= targetBytes || clock.monotonicUs() - startUs >= this.#sliceUs) return true;
    }
    return this.usedBytes <= targetBytes;
  }

  #evictOne(): boolean {
    switch (this.#policy) {
      case 'allkeys-random':
      case 'volatile-random':
        return this.#evictAny();
      case 'volatile-ttl':
        return this.#evictNearestToExpire();
      default:
        return this.#evictLeastUseful();
    }
  }

  #evictAny(): boolean {
    const { databases } = this.#host.server.store;
    for (let n = 0; n < databases.length; n++) {
      const db = databases[this.#nextDb++ % databases.length];
      for (let tries = 0; tries < FRUITLESS_MAX; tries++) {
        const found = this.#expiring ? db.sample(1, true) : db.size;
        if (found === 0) break;
        const ref = this.#expiring ? db.sampled(0) : db.randomRef();
        if (db.mayGo(ref)) return this.#remove(db, ref);
      }
    }
    return false;
  }

  #evictNearestToExpire(): boolean {
    let best: Database | undefined;
    let bestRef = 0;
    for (const db of this.#host.server.store.databases) {
      if (db.expires === 0) continue;
      const ref = db.nearestToExpire(this.#nowMs);
      if (best !== undefined && best.expireAtMs(bestRef) <= db.expireAtMs(ref)) continue;
      best = db;
      bestRef = ref;
    }
    if (best === undefined) return false;
    return best.mayGo(bestRef) ? this.#remove(best, bestRef) : this.#evictAny();
  }

  #evictLeastUseful(): boolean {
    const { databases } = this.#host.server.store;
    const pool = this.#pool;
    if (this.#looksSpared > 0) this.#looksSpared--;
    else if (!this.#fillPool()) return false;
    let looksLeft = FRUITLESS_MAX;
    do {
      while (pool.take()) {
        const { ref, score } = pool;
        const db = databases[pool.database];
        if (!db.holds(pool.hash, ref) || (this.#expiring && db.expireAtMs(ref) < 0)) continue;
        // Used since it was looked at: others are better victims now.
        if (this.#score(db, ref) < score || !db.mayGo(ref)) continue;
        return this.#remove(db, ref);
      }
    } while (--looksLeft > 0 && this.#fillPool());
    return false;
  }

  /** Looks at some more keys of each database, enough for several evictions. False when there is none that could be evicted. */
  #fillPool(): boolean {
    this.#looksSpared = EVICTIONS_PER_LOOK - 1;
    const pool = this.#pool;
    const { server } = this.#host;
    let seen = 0;
    for (const db of server.store.databases) {
      if ((this.#expiring ? db.expires : db.size) === 0) continue;
      const found = db.sample(this.#samples * EVICTIONS_PER_LOOK, this.#expiring);
      // From a random one on: among equals the first is kept, and a bucket's first places are where new keys go.
      let at = server.random.below(Math.max(1, found));
      for (let i = 0; i < found; i++) {
        const ref = db.sampled(at);
        if (++at === found) at = 0;
        const score = this.#score(db, ref);
        if (pool.wants(score)) pool.offer(score, ref, db.hashOf(ref), db.index);
      }
      seen += found;
    }
    return seen > 0;
  }

  /** How good a victim the key is; the highest goes first. */
  #score(db: Database, ref: Ref): number {
    const bits = db.getLru(ref);
    return this.lfu ? -lfuCounter(bits, this.#nowMs, this.lfuDecayMinutes) : idleSeconds(bits, this.#nowMs);
  }

  #remove(db: Database, ref: Ref): true {
    const length = this.#key.save(db.readKey(ref));
    this.#host.evict(db, ref, this.#key.buf, 0, length);
    return true;
  }
}

/** How long one slice may take, microseconds: by Redis's scale, 100 means without end. */
function sliceUs(tenacity: number): number {
  if (tenacity <= 10) return 50 * tenacity;
  if (tenacity < 100) return 500 * 1.15 ** (tenacity - 10);
  return Number.POSITIVE_INFINITY;
}
