import { describe, expect, it } from 'vitest';
import { keySlot } from '../../src/base/crc16.js';
import { Prng } from '../../src/base/prng.js';
import type { Database } from '../../src/store/database.js';
import { Store } from '../../src/store/store.js';
import { NO_EXPIRE } from '../../src/store/types.js';

function fill(db: Database, prefix: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const key = Buffer.from(`${prefix}:${i}`);
    db.put(key, 0, key.length, key, 0, key.length, i % 3 === 0 ? 1_000_000 + i : NO_EXPIRE);
  }
}

function has(db: Database, text: string): boolean {
  const key = Buffer.from(text);
  return db.find(key, 0, key.length) !== 0;
}

function drain(store: Store): void {
  for (let i = 0; i < 2 * store.databases.length; i++) while (store.step(1000)) {}
}

describe('data that is built beside the databases', () => {
  it('takes their place, slots and expire times with it, and the old data goes', () => {
    const store = new Store({ databases: 1, clusterMode: true, random: new Prng(1) });
    const [db] = store.databases;
    fill(db, 'old', 1000);
    const spare = store.spare();
    fill(spare[0], 'new', 2000);
    expect(db.size).toBe(1000);
    store.adopt(spare);
    for (const each of spare) each.dispose();
    expect([db.size, spare[0].size]).toEqual([2000, 0]);
    expect([has(db, 'new:7'), has(db, 'old:7')]).toEqual([true, false]);
    const key = Buffer.from('new:7');
    expect(db.slotKeyCount(keySlot(key, 0, key.length))).toBeGreaterThan(0);
    expect(db.expires).toBe(667);
    drain(store);
    store.verify();
  });

  it('is given up without a trace, while the databases go on and are cleared', () => {
    const store = new Store({ databases: 2, clusterMode: false, random: new Prng(1) });
    fill(store.databases[0], 'old', 1000);
    drain(store);
    const before = store.usedBytes();
    const spare = store.spare();
    fill(spare[0], 'new', 500);
    store.clear();
    expect(has(spare[0], 'new:7')).toBe(true);
    fill(store.databases[0], 'old', 1000);
    for (const each of spare) each.dispose();
    drain(store);
    expect(store.usedBytes()).toBe(before);
    expect(has(store.databases[0], 'old:7')).toBe(true);
    store.verify();
  });

  it('leaves a snapshot under way the data that it began with', () => {
    const store = new Store({ databases: 1, clusterMode: false, random: new Prng(1) });
    const [db] = store.databases;
    fill(db, 'old', 1000);
    const seen = new Set<string>();
    const cut = db.beginCut((ref) => {
      // Whose entry it is does not matter: key and value are the entry's own.
      const { buf, start, end } = db.readKey(ref);
      seen.add(Buffer.from(buf.subarray(start, end)).toString());
    });
    cut.step();
    const spare = store.spare();
    fill(spare[0], 'new', 500);
    store.adopt(spare);
    for (const each of spare) each.dispose();
    fill(db, 'newer', 500);
    while (cut.step()) {}
    cut.end();
    expect(seen.size).toBe(1000);
    expect([...seen].every((key) => key.startsWith('old:'))).toBe(true);
    drain(store);
    store.verify();
  });
});
