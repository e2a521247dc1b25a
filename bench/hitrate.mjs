/**
 * How many reads of a cache find their key, ours beside redis-server's: the same requests in the same order and at the same
 * pace, the same number of keys kept. Popularity follows Zipf's law; a key that is missed is written.
 *
 *   node bench/hitrate.mjs [--seconds 60] [--rate 8000] [--keys 20000] [--universe 200000] [--skew 0.9]
 *                          [--policies allkeys-lru,allkeys-lfu,volatile-lru] [--ours redis]
 *                          [--seed 1] [--seeds 5]     so many runs one after another, with the seeds from --seed on
 *
 * Redis notes the time of a use in seconds, so what is kept has to be replaced in many of them: the pace is slow on purpose.
 * Memory per key differs between the two, so maxmemory follows the number of keys on each side, a step a second.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { ServerPool } from './servers.mjs';
import { ratio, ratioWithRange } from './statistics.mjs';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '8000' },
    keys: { type: 'string', default: '20000' },
    universe: { type: 'string', default: '200000' },
    skew: { type: 'string', default: '0.9' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    policies: { type: 'string', default: 'allkeys-lru,allkeys-lfu,volatile-lru' },
    ours: { type: 'string', default: fileURLToPath(new URL('../bin/shoal-server', import.meta.url)) },
  },
});
const SECONDS = Number(options.seconds);
const RATE = Number(options.rate);
const POLICIES = options.policies.split(',');
const KEPT = Number(options.keys);
const UNIVERSE = Number(options.universe);
const VALUE = 'x'.repeat(100);
const BATCHES_PER_SECOND = 50;
const BATCH = Math.round(RATE / BATCHES_PER_SECOND);

/** A small generator (mulberry32): the same numbers for both sides. @param {number} seed */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
}

/** Ranks with the probability rank^-skew. @param {() => number} random */
function zipf(random) {
  const cumulative = new Float64Array(UNIVERSE);
  let sum = 0;
  for (let rank = 0; rank < UNIVERSE; rank++) {
    sum += (rank + 1) ** -Number(options.skew);
    cumulative[rank] = sum;
  }
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = UNIVERSE - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** One server with one policy under the load. */
class Cache {
  hits = 0;
  reads = 0;
  keptSum = 0;
  keptCount = 0;
  bytesPerKey = 0;
  limit = 0;

  /** @param {string} name @param {string} policy @param {number} port */
  constructor(name, policy, port) {
    this.name = name;
    this.policy = policy;
    this.client = new Redis(port, '127.0.0.1');
    this.expiry = policy.startsWith('volatile') ? ['EX', '1000000'] : [];
  }

  /** Fills it with as many keys as it is to keep, and sets the limit there. @param {number[]} ranks */
  async prepare(ranks) {
    const before = await this.usedBytes();
    await this.write(ranks);
    const used = await this.usedBytes();
    this.bytesPerKey = (used - before) / ranks.length;
    this.limit = used;
    await this.client.config('SET', 'maxmemory', String(Math.round(used)));
    await this.client.config('SET', 'maxmemory-policy', this.policy);
  }

  async usedBytes() {
    return Number(/used_memory:(\d+)/.exec(await this.client.info('memory'))?.[1]);
  }

  /** @param {number[]} ranks */
  async write(ranks) {
    const pipeline = this.client.pipeline();
    for (const rank of ranks) pipeline.call('SET', `key:${rank}`, VALUE, ...this.expiry);
    await pipeline.exec();
  }

  /** Reads the keys, writes what was not there. @param {number[]} ranks @param {boolean} counted */
  async serve(ranks, counted) {
    const pipeline = this.client.pipeline();
    for (const rank of ranks) pipeline.get(`key:${rank}`);
    const replies = (await pipeline.exec()) ?? [];
    const missed = ranks.filter((_, i) => replies[i][1] === null);
    if (counted) {
      this.reads += ranks.length;
      this.hits += ranks.length - missed.length;
    }
    if (missed.length > 0) await this.write([...new Set(missed)]);
  }

  /** @param {boolean} counted */
  async keepCount(counted) {
    const kept = await this.client.dbsize();
    this.limit += ((KEPT - kept) * this.bytesPerKey) / 2;
    await this.client.config('SET', 'maxmemory', String(Math.round(this.limit)));
    if (!counted) return;
    this.keptSum += kept;
    this.keptCount++;
  }
}

const sides = [
  { name: 'ours', command: options.ours === 'redis' ? ['redis-server'] : [process.execPath, options.ours] },
  { name: 'redis', command: ['redis-server'] },
];

/**
 * Every policy on both sides under the same requests, on fresh servers.
 * @param {number} seed
 */
async function run(seed) {
  const pool = new ServerPool({ cores: undefined, tmp: undefined });
  const next = zipf(generator(seed));
  /** @type {Cache[]} */
  const caches = [];
  try {
    for (const policy of POLICIES) {
      for (const side of sides) {
        const server = await pool.start(side, ['--save', '', '--appendonly', 'no']);
        caches.push(new Cache(side.name, policy, server.port));
      }
    }
    const first = new Set();
    while (first.size < KEPT) first.add(next());
    for (const cache of caches) await cache.prepare([...first]);
    const batches = SECONDS * BATCHES_PER_SECOND;
    const startMs = performance.now();
    for (let batch = 0; batch < batches; batch++) {
      const counted = batch > batches / 2;
      const ranks = Array.from({ length: BATCH }, next);
      await Promise.all(caches.map((cache) => cache.serve(ranks, counted)));
      if (batch % BATCHES_PER_SECOND === 0) await Promise.all(caches.map((cache) => cache.keepCount(counted)));
      const aheadMs = ((batch + 1) * 1000) / BATCHES_PER_SECOND - (performance.now() - startMs);
      if (aheadMs > 0) await sleep(aheadMs);
    }
    console.log(`seed ${seed}: took ${((performance.now() - startMs) / 1000).toFixed(0)} s for ${SECONDS} s of load`);
  } finally {
    for (const { client } of caches) client.disconnect();
    await pool.stopAll();
  }
  return caches;
}

/** @type {Map<string, (number | null)[]>} */
const ratios = new Map(POLICIES.map((policy) => [policy, []]));
for (let seed = Number(options.seed); seed < Number(options.seed) + Number(options.seeds); seed++) {
  const caches = await run(seed);
  for (const { name, policy, hits, reads, keptSum, keptCount } of caches) {
    const rate = ((100 * hits) / reads).toFixed(2);
    console.log(
      `${policy.padEnd(14)} ${name.padEnd(6)} hit rate ${rate} %, ${Math.round(keptSum / keptCount)} keys kept`,
    );
  }
  for (const policy of POLICIES) {
    const [ours, redis] = caches.filter((cache) => cache.policy === policy);
    ratios.get(policy)?.push(ratio(ours.hits / ours.reads, redis.hits / redis.reads));
  }
}
console.log('ours / redis, median (min..max) over the seeds:');
for (const [policy, of] of ratios) console.log(`${policy.padEnd(14)} ${ratioWithRange(of, 4)}`);
