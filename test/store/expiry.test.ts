import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.js';
import { Prng } from '../../src/base/prng.js';
import type { Database } from '../../src/store/database.js';
import { type ExpireAtMs, NO_EXPIRE } from '../../src/store/types.js';
import { farTime, find, keyIn, newStore, put, remove } from './model.js';

const START = 1_700_000_000_123;

/** Deletes all that is due; answers the keys. Stops a loop that does not end. */
function expireDue(db: Database, nowMs: number): string[] {
  const due: string[] = [];
  let idleCalls = 0;
  for (;;) {
    const ref = db.nextExpired(nowMs);
    if (ref !== 0) {
      due.push(keyIn(db, ref));
      db.delete(ref);
    } else if (!db.expiryBehind(nowMs)) {
      return due;
    } else if (++idleCalls > 100_000) {
      expect.fail('expiry never catches up');
    }
  }
}

describe('active expiry', () => {
  it('finds a key at its millisecond and not before', () => {
    const db = newStore(1).databases[0];
    for (const ttl of [1, 2, 255, 256, 257, 65_535, 65_536, 10_000_000, 2 ** 24, 2 ** 32 + 5, 2 ** 41]) {
      const clock = new ManualClock(START);
      expect(expireDue(db, clock.nowMs())).toEqual([]);
      put(db, `k${ttl}`, 'v', START + ttl);
      clock.advance(ttl - 1);
      expect(expireDue(db, clock.nowMs())).toEqual([]);
      clock.advance(1);
      expect(expireDue(db, clock.nowMs())).toEqual([`k${ttl}`]);
      expect(db.size).toBe(0);
      // The next round starts in the past of this one: a fresh wheel.
      db.clear();
    }
  });

  it('answers the same key until it is deleted', () => {
    const db = newStore(1).databases[0];
    put(db, 'k', 'v', START);
    const ref = db.nextExpired(START);
    expect(ref).not.toBe(0);
    expect(db.nextExpired(START)).toBe(ref);
    db.delete(ref);
    expect(db.nextExpired(START)).toBe(0);
  });

  it('finds keys that were already due when they were written', () => {
    const db = newStore(1).databases[0];
    put(db, 'later', 'v', START + 50_000);
    expect(expireDue(db, START + 10_000)).toEqual([]);
    put(db, 'past', 'v', START - 5);
    put(db, 'zero', 'v', 0);
    expect(expireDue(db, START + 10_000).sort()).toEqual(['past', 'zero']);
  });

  it('keeps expire times far beyond any calendar', () => {
    const store = newStore(1);
    const db = store.databases[0];
    put(db, 'far', 'v', Number.MAX_SAFE_INTEGER);
    put(db, 'near', 'v', START + 1);
    expect(expireDue(db, START + 1)).toEqual(['near']);
    expect(db.expireAtMs(find(db, 'far'))).toBe(Number.MAX_SAFE_INTEGER);
    expect(expireDue(db, 2 ** 50)).toEqual([]);
    store.verify();
    expect(expireDue(db, Number.MAX_SAFE_INTEGER)).toEqual(['far']);
  });

  it('keeps expire times beyond 2^53 to the millisecond', () => {
    const store = newStore(1);
    const db = store.databases[0];
    const times = [2 ** 53 - 1, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n + 1n, 2n ** 63n - 2n, 2n ** 63n - 1n];
    for (let shift = 0; shift < 2; shift++) {
      // The second time each takes the time of its neighbour.
      const keyOf = (i: number): string => `k${(i + shift) % times.length}`;
      for (const [i, atMs] of times.entries()) {
        if (shift === 0) put(db, keyOf(i), 'v', atMs);
        else db.setExpire(find(db, keyOf(i)), atMs);
      }
      for (const [i, atMs] of times.entries()) expect(db.expireAtMs(find(db, keyOf(i)))).toBe(atMs);
      store.verify();
    }
    expect(expireDue(db, Number.MAX_SAFE_INTEGER)).toEqual(['k1']);
    for (const key of ['k0', 'k2', 'k3', 'k4', 'k5']) db.persist(find(db, key));
    expect(db.expires).toBe(0);
    expect(db.avgTtlMs(START)).toBe(0);
    store.verify();
  });

  it('tells which of two neighbours beyond 2^53 is the nearer one', () => {
    const db = newStore(1).databases[0];
    const far = 2n ** 62n;
    for (const [first, later] of [
      [far + 1n, far + 2n],
      [far + 2n ** 32n - 1n, far + 2n ** 32n],
      [far + 2n ** 31n - 1n, far + 2n ** 31n],
    ]) {
      for (const [a, b] of [
        [first, later],
        [later, first],
      ]) {
        put(db, 'a', 'v', a);
        put(db, 'b', 'v', b);
        expect(keyIn(db, db.nearestToExpire(START))).toBe(a === first ? 'a' : 'b');
      }
    }
  });

  it('does not lose a key when the clock goes back', () => {
    const store = newStore(1);
    const db = store.databases[0];
    expect(expireDue(db, START)).toEqual([]);
    put(db, 'other', 'v', START + 10_000_000);
    expect(expireDue(db, START + 5000)).toEqual([]);
    const back = START - 60_000;
    put(db, 'k', 'v', back + 100);
    put(db, 'soon', 'v', back + 50);
    expect(expireDue(db, back + 50)).toEqual(['soon']);
    expect(expireDue(db, back + 99)).toEqual([]);
    expect(expireDue(db, back + 100)).toEqual(['k']);
    store.verify();
  });

  it('does a bounded amount of work a call when very many keys share a slot', () => {
    const store = newStore(2);
    const db = store.databases[0];
    db.nextExpired(START);
    const count = 5000;
    // All within one slot of the wheel that is hours wide, none due.
    const from = Math.ceil((START + 20_000_000) / 2 ** 24) * 2 ** 24;
    for (let i = 0; i < count; i++) put(db, `k${i}`, 'v', from + 1_000_000 + i);
    let calls = 1;
    while (db.nextExpired(from + 10) === 0 && db.expiryBehind(from + 10)) calls++;
    expect(calls).toBeGreaterThan(count / 64 - 2);
    expect(db.size).toBe(count);
    store.verify();
    expect(expireDue(db, from + 2_000_000).length).toBe(count);
  });

  it('tells the mean time to live', () => {
    const db = newStore(3).databases[0];
    expect(db.avgTtlMs(START)).toBe(0);
    put(db, 'a', 'v', START + 1000);
    put(db, 'b', 'v', START + 3000);
    put(db, 'c', 'v');
    expect(db.avgTtlMs(START)).toBe(2000);
    expect(db.avgTtlMs(START + 500)).toBe(1500);
    db.persist(find(db, 'b'));
    expect(db.avgTtlMs(START)).toBe(1000);
    expect(db.expires).toBe(1);
  });

  for (const seed of [1, 2, 3, 4]) {
    it(`agrees with a sorted list over a random history, seed ${seed}`, () => {
      const random = new Prng(seed);
      const clusterMode = seed % 2 === 0;
      const store = newStore(seed, clusterMode);
      const db = store.databases[0];
      const clock = new ManualClock(START);
      const times = new Map<string, ExpireAtMs>();
      for (let round = 0; round < 400; round++) {
        for (let i = random.below(20); i > 0; i--) {
          const key = `k${random.below(2000)}`;
          const ttl = Math.floor(2 ** (random.nextFloat() * 34));
          const dice = random.below(20);
          const atMs = dice < 2 ? NO_EXPIRE : dice === 2 ? farTime(random) : clock.nowMs() + ttl;
          if (random.below(8) === 0) {
            remove(db, key);
            times.delete(key);
            continue;
          }
          const ref = find(db, key);
          if (ref !== 0 && random.below(2) === 0) db.setExpire(ref, atMs);
          else put(db, key, 'v'.repeat(random.below(60)), atMs);
          times.set(key, atMs);
        }
        clock.advance(Math.floor(2 ** (random.nextFloat() * (round % 40 === 0 ? 36 : 20))));
        const due = [...times].filter(([, atMs]) => atMs !== NO_EXPIRE && atMs <= clock.nowMs()).map(([key]) => key);
        if (random.below(3) === 0) {
          // Only a part of the work, as a loop that ran out of time leaves it.
          db.nextExpired(clock.nowMs());
          store.verify();
          continue;
        }
        expect(expireDue(db, clock.nowMs()).sort()).toEqual(due.sort());
        for (const key of due) times.delete(key);
        if (round % 20 === 0) store.verify();
      }
      expect(db.size).toBe(times.size);
      store.verify();
    });
  }
});
