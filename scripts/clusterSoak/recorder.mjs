/** A cluster client that writes all the time, remembers every write that was acknowledged and when, and reads all back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

const WRITERS = 8;
/** Between two writes of one writer: the disk of the machine should last. */
const PAUSE_MS = 10;
const READ_BATCH = 500;
/** The cluster client can forget a command that waits for a node that goes: then nobody would ever answer. */
const ANSWER_PATIENCE_MS = 10_000;

/** @typedef {{ key: string, sentMs: number, ackedMs: number }} Write */

export class Recorder {
  /** @type {Write[]} */
  #unread = [];
  /** @type {Write[]} */
  #read = [];
  #cluster;
  #next = 0;
  #stopped = false;
  #writers;
  #lastAckMs = performance.now();
  longestGapMs = 0;

  /** @param {{ host: string, port: number }[]} nodes */
  constructor(nodes) {
    this.#cluster = new Redis.Cluster(nodes, {
      clusterRetryStrategy: () => 100,
      retryDelayOnFailover: 50,
      retryDelayOnClusterDown: 100,
      maxRedirections: 100,
      slotsRefreshTimeout: 1000,
      slotsRefreshInterval: 2000,
      redisOptions: { maxRetriesPerRequest: 0, connectTimeout: 1000, commandTimeout: 2000 },
    });
    // Each failure is met by the writer's own next try.
    this.#cluster.on('error', () => undefined);
    this.#writers = Array.from({ length: WRITERS }, () => this.#write());
  }

  get acknowledged() {
    return this.#unread.length + this.#read.length;
  }

  /** Each key is written once, with itself as value: what is not there was lost. */
  async #write() {
    while (!this.#stopped) {
      const key = `key:${this.#next++}`;
      const sentMs = performance.now();
      try {
        await inTime(this.#cluster.set(key, key));
        const ackedMs = performance.now();
        this.longestGapMs = Math.max(this.longestGapMs, ackedMs - this.#lastAckMs);
        this.#lastAckMs = ackedMs;
        this.#unread.push({ key, sentMs, ackedMs });
      } catch {
        // Not acknowledged: it may be there or not.
      }
      await sleep(PAUSE_MS);
    }
  }

  /** Waits for so many more acknowledged writes. @param {number} count @param {number} patienceMs */
  async progress(count, patienceMs) {
    const wanted = this.acknowledged + count;
    const deadline = performance.now() + patienceMs;
    while (this.acknowledged < wanted) {
      if (performance.now() > deadline) throw new Error(`no ${count} writes were acknowledged within ${patienceMs} ms`);
      await sleep(20);
    }
  }

  /** Reads what was written since the last call; answers the writes that are not there. */
  async check() {
    const writes = this.#unread.splice(0);
    const lost = await this.#missing(writes);
    const gone = new Set(lost);
    for (const write of writes) if (!gone.has(write)) this.#read.push(write);
    return lost;
  }

  /** Reads everything once more. */
  async checkAll() {
    this.#stopped = true;
    await Promise.all(this.#writers);
    return [...(await this.check()), ...(await this.#missing(this.#read))];
  }

  /** @param {Write[]} writes */
  async #missing(writes) {
    /** @type {Write[]} */
    const lost = [];
    for (let at = 0; at < writes.length; at += READ_BATCH) {
      const batch = writes.slice(at, at + READ_BATCH);
      const values = await Promise.all(batch.map(({ key }) => this.#get(key)));
      for (const [i, write] of batch.entries()) if (values[i] !== write.key) lost.push(write);
    }
    return lost;
  }

  /** @param {string} key */
  async #get(key) {
    for (let tries = 1; ; tries++) {
      try {
        return await inTime(this.#cluster.get(key));
      } catch (error) {
        if (tries === 100) throw error;
        await sleep(100);
      }
    }
  }

  close() {
    this.#stopped = true;
    this.#cluster.disconnect();
  }
}

/** @template T @param {Promise<T>} answer @returns {Promise<T>} */
async function inTime(answer) {
  const over = new AbortController();
  const late = sleep(ANSWER_PATIENCE_MS, undefined, { signal: over.signal }).then(() => {
    throw new Error(`no answer within ${ANSWER_PATIENCE_MS} ms`);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    late.catch(() => undefined);
    over.abort();
  }
}
