import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import type { Database } from '../../src/store/database.js';
import { keyIn, newStore, put, remove } from './model.js';

/** Walks with SCAN while `between` changes the database after every step; answers what was visited. */
function scanAll(db: Database, between: () => void): Map<string, number> {
  const seen = new Map<string, number>();
  let cursor = 0;
  do {
    cursor = db.scan(cursor, (ref) => {
      const key = keyIn(db, ref);
      seen.set(key, (seen.get(key) ?? 0) + 1);
    });
    if (!Number.isInteger(cursor) || cursor < 0 || cursor >= 2 ** 32) expect.fail(`cursor ${cursor}`);
    between();
  } while (cursor !== 0);
  return seen;
}

describe('SCAN', () => {
  it('visits each key exactly once while nothing changes', () => {
    for (const count of [0, 1, 2, 9, 10, 100, 1000, 12_345]) {
      const store = newStore(count);
      const db = store.databases[0];
      for (let i = 0; i < count; i++) put(db, `key:${i}`, 'v');
      const seen = scanAll(db, () => {});
      expect(seen.size).toBe(count);
      expect([...seen.values()].every((times) => times === 1)).toBe(true);
    }
  });

  it('ends on any cursor, also one that it never gave out', () => {
    const db = newStore(5).databases[0];
    for (let i = 0; i < 500; i++) put(db, `key:${i}`, 'v');
    const random = new Prng(5);
    for (let i = 0; i < 200; i++) {
      let cursor = random.nextU32();
      let steps = 0;
      while (cursor !== 0 && steps++ < 1000) cursor = db.scan(cursor, () => {});
      expect(cursor).toBe(0);
    }
  });

  it('lets the visit delete the entry it is given', () => {
    const store = newStore(6);
    const db = store.databases[0];
    for (let i = 0; i < 5000; i++) put(db, `key:${i}`, 'v');
    const seen = new Set<string>();
    db.forEach((ref) => {
      seen.add(keyIn(db, ref));
      db.delete(ref);
    });
    expect(seen.size).toBe(5000);
    expect(db.size).toBe(0);
    store.verify();
  });

  // Each history: some keys stay all along, others come and go between the steps, in bursts that make the table grow or
  // shrink several times during one walk.
  for (const part of [0, 1, 2, 3]) {
    it(`returns what was there all along, histories ${part * 250} to ${part * 250 + 249}`, () => {
      for (let seed = part * 250; seed < part * 250 + 250; seed++) history(seed);
    });
  }

  it('returns what was there all along while a large table is emptied and refilled', () => {
    const store = newStore(11);
    const db = store.databases[0];
    const stay = new Set<string>();
    for (let i = 0; i < 30_000; i++) {
      put(db, `k${i}`, 'v');
      if (i % 50 === 0) stay.add(`k${i}`);
    }
    let at = 0;
    let adding = false;
    const seen = scanAll(db, () => {
      for (let n = 0; n < 40; n++) {
        at = (at + 1) % 30_000;
        if (at === 0) adding = !adding;
        if (stay.has(`k${at}`)) continue;
        if (adding) put(db, `k${at}`, 'w');
        else remove(db, `k${at}`);
      }
      store.step(5);
    });
    for (const key of stay) if (!seen.has(key)) expect.fail(`seed 11: ${key} was not returned`);
    store.verify();
  });
});

function history(seed: number): void {
  const random = new Prng(seed);
  const store = newStore(seed + 100_000);
  const db = store.databases[0];
  const stay = 1 + random.below(120);
  for (let i = 0; i < stay; i++) put(db, `stay:${i}`, 'v');
  const passing: string[] = [];
  let next = 0;
  const add = (count: number): void => {
    for (let i = 0; i < count; i++) {
      passing.push(`pass:${next}`);
      put(db, `pass:${next++}`, 'v');
    }
  };
  const drop = (count: number): void => {
    for (let i = 0; i < count && passing.length > 0; i++) remove(db, passing.pop()!);
  };
  add(random.below(400));
  let growing = random.below(2) === 0;
  let steps = 0;
  const seen = scanAll(db, () => {
    if (random.below(8) === 0) growing = !growing;
    // Growth must not outrun the walk for ever.
    if (growing && steps++ < 150) add(random.below(40));
    else drop(random.below(60));
    if (random.below(3) === 0) store.step(random.below(6));
  });
  for (let i = 0; i < stay; i++) if (!seen.has(`stay:${i}`)) expect.fail(`seed ${seed}: stay:${i} was not returned`);
  if (seed % 10 === 0) store.verify();
}
