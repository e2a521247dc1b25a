/**
 * Short, on a clock that is moved: what is found of a Zipf load, beside a model of Redis's approximation (five samples by
 * chance an eviction, a pool of sixteen). `bench/hitrate.mjs` compares with a real redis-server for longer.
 */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { idleSeconds, lfuCounter, lfuInitial, lfuTouched, lruSeconds } from '../../src/store/accessClock.js';
import { Harness } from '../net/harness.js';
import { encodeRequest } from '../support/resp.js';

const UNIVERSE = 10_000;
const KEPT = 1000;
const REQUESTS = 60_000;
const MS_PER_REQUEST = 2;
const VALUE = 'v'.repeat(100);
const START_MS = 1_700_000_000_000;

/** Ranks with the probability rank^-0.9. */
function zipf(random: Prng): () => number {
  const cumulative = new Float64Array(UNIVERSE);
  let sum = 0;
  for (let rank = 0; rank < UNIVERSE; rank++) {
    sum += (rank + 1) ** -0.9;
    cumulative[rank] = sum;
  }
  return () => {
    const wanted = random.nextFloat() * sum;
    let low = 0;
    for (let high = UNIVERSE - 1; low < high; ) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Hits among the second half of the requests. */
function hitRate(seed: number, request: (rank: number, nowMs: number) => boolean): number {
  const next = zipf(new Prng(seed));
  let hits = 0;
  for (let i = 0; i < REQUESTS; i++) {
    if (request(next(), START_MS + i * MS_PER_REQUEST) && i >= REQUESTS / 2) hits++;
  }
  return hits / (REQUESTS / 2);
}

function ours(seed: number, policy: string): number {
  const harness = new Harness({ 'maxmemory-policy': policy });
  const client = harness.connect();
  const expiry = policy.startsWith('volatile') ? ['EX', '100000'] : [];
  const { store, config, executor } = harness.server;
  const limit = (bytes: number): void => {
    config.set([['maxmemory', String(Math.round(bytes))]], { isLocal: true, isLoading: false });
  };
  let bytesPerKey = 0;
  return hitRate(seed, (rank) => {
    harness.clock.advance(MS_PER_REQUEST);
    // As many keys as the model has, whatever each takes.
    const { size } = store.databases[0];
    if (size === KEPT && bytesPerKey === 0) {
      bytesPerKey = store.usedBytes() / KEPT;
      limit(executor.eviction.usedBytes);
    } else if (bytesPerKey > 0 && size !== KEPT) {
      limit(executor.eviction.usedBytes + (KEPT - size) * bytesPerKey);
    }
    client.takeReplies();
    client.receive(encodeRequest(['GET', `key:${rank}`]));
    const found = client.text.startsWith(`$${VALUE.length}`);
    if (!found) client.receive(encodeRequest(['SET', `key:${rank}`, VALUE, ...expiry]));
    return found;
  });
}

/** Redis's approximation, told in a few lines. */
function model(seed: number, lfu: boolean): number {
  const random = new Prng(seed + 1000);
  const bits = new Map<number, number>();
  const keys: number[] = [];
  let pool: { key: number; score: number }[] = [];
  const evict = (score: (key: number) => number): number => {
    for (;;) {
      for (let i = 0; i < 5; i++) {
        const key = keys[random.below(keys.length)] as number;
        if (pool.every((candidate) => candidate.key !== key)) pool.push({ key, score: score(key) });
      }
      pool = pool.sort((a, b) => b.score - a.score).slice(0, 16);
      for (let best = pool.shift(); best !== undefined; best = pool.shift()) {
        if (bits.delete(best.key)) return keys.indexOf(best.key);
      }
    }
  };
  return hitRate(seed, (rank, nowMs) => {
    const score = (key: number): number => {
      const now = bits.get(key) ?? 0;
      return lfu ? -lfuCounter(now, nowMs, 1) : idleSeconds(now, nowMs);
    };
    const before = bits.get(rank);
    if (before !== undefined) {
      bits.set(rank, lfu ? lfuTouched(before, nowMs, 1, 10, random) : lruSeconds(nowMs));
      return true;
    }
    if (keys.length < KEPT) keys.push(rank);
    else keys[evict(score)] = rank;
    bits.set(rank, lfu ? lfuInitial(nowMs) : lruSeconds(nowMs));
    return false;
  });
}

describe('the hit rate under a Zipf load', () => {
  it.each(['allkeys-lru', 'allkeys-lfu', 'volatile-lru', 'volatile-lfu'])(
    'of %s is not below that of Redis',
    (policy) => {
      // Measured: the two differ by less than half a point in either direction from seed to seed.
      expect(ours(7, policy)).toBeGreaterThan(model(7, policy.endsWith('lfu')) - 0.01);
    },
  );
});
