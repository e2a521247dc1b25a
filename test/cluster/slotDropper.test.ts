import { describe, expect, it } from 'vitest';
import { keySlot } from '../../src/base/crc16.js';
import { Prng } from '../../src/base/prng.js';
import { Propagation } from '../../src/exec/propagation.js';
import { SlotDropper } from '../../src/server/slotDropper.js';
import { SlotMarks } from '../../src/server/slotMarks.js';
import { Store } from '../../src/store/store.js';
import { NO_EXPIRE } from '../../src/store/types.js';

const SLOT = keySlot(Buffer.from('a'), 0, 1);
const OTHER = keySlot(Buffer.from('b'), 0, 1);

function setUp() {
  const store = new Store({ databases: 1, clusterMode: true, random: new Prng(1) });
  const db = store.databases[0];
  const put = (tag: string, count: number): void => {
    for (let i = 0; i < count; i++) {
      const key = Buffer.from(`{${tag}}${i}`);
      db.put(key, 0, key.length, key, 0, key.length, NO_EXPIRE);
    }
  };
  const served = new Set<number>();
  const removed: string[] = [];
  const callbacks: (() => void)[] = [];
  const marks = new SlotMarks();
  const propagation = new Propagation();
  const said: string[] = [];
  propagation.add({ feed: (_dbIndex, args) => said.push(args.text(0)) });
  let nowUs = 0;
  const dropper = new SlotDropper({
    db,
    executor: { removed: (_db, key) => removed.push(Buffer.from(key).toString('latin1')), propagation },
    marks,
    // Each look at the clock finds half a slice gone.
    monotonicUs: () => (nowUs += 500),
    isServed: (slot) => served.has(slot),
    later: (callback) => callbacks.push(callback),
  });
  const turn = (): boolean => {
    const callback = callbacks.shift();
    callback?.();
    return callback !== undefined;
  };
  return { store, db, put, served, removed, said, marks, dropper, turn };
}

describe('the keys of lost slots', () => {
  it('are deleted a slice at a time, each announced, and nothing else is', () => {
    const { store, db, put, removed, said, marks, dropper, turn } = setUp();
    put('a', 1000);
    put('b', 10);
    dropper.drop([SLOT]);
    // From the first moment on it is marked, also in the files and on replicas.
    expect(db.slotKeyCount(SLOT)).toBe(1001);
    expect(marks.isMarked(db, SLOT)).toBe(true);
    expect(said).toEqual(['SET']);
    turn();
    const left = db.slotKeyCount(SLOT);
    expect(left).toBeLessThan(1000);
    expect(left).toBeGreaterThan(800);
    let turns = 1;
    while (turn()) turns++;
    expect(turns).toBeGreaterThan(10);
    expect(db.slotKeyCount(SLOT)).toBe(0);
    expect(new Set(removed).size).toBe(1001);
    expect(removed.at(-1)).toBe(marks.key(SLOT).toString('latin1'));
    expect(db.slotKeyCount(OTHER)).toBe(10);
    store.verify();
  });

  it('are all gone before the slot is served again', () => {
    const { db, put, served, dropper, turn } = setUp();
    put('a', 1000);
    put('b', 1000);
    dropper.drop([SLOT, OTHER]);
    turn();
    served.add(SLOT);
    dropper.ownersChanged();
    expect(db.slotKeyCount(SLOT)).toBe(0);
    expect(db.slotKeyCount(OTHER)).toBe(1001);
    put('a', 5);
    while (turn()) {}
    expect(db.slotKeyCount(SLOT)).toBe(5);
    expect(db.slotKeyCount(OTHER)).toBe(0);
  });
});
