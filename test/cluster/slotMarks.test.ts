import { describe, expect, it } from 'vitest';
import { keySlot, SLOT_COUNT } from '../../src/base/crc16.js';
import { Prng } from '../../src/base/prng.js';
import { Propagation } from '../../src/exec/propagation.js';
import { SlotDropper } from '../../src/server/slotDropper.js';
import { isMark, SlotMarks } from '../../src/server/slotMarks.js';
import { Store } from '../../src/store/store.js';
import { NO_EXPIRE } from '../../src/store/types.js';

describe('the mark of a slot that is on its way here', () => {
  it('is a key in that slot, and in no other', () => {
    const marks = new SlotMarks();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const key = marks.key(slot);
      if (keySlot(key, 0, key.length) !== slot || !isMark(key, 0, key.length)) throw new Error(`slot ${slot}`);
    }
    const key = Buffer.from('shoal:import');
    expect(isMark(key, 0, key.length)).toBe(false);
  });

  it('goes last when the slot is emptied, in whatever order the keys came', () => {
    const marks = new SlotMarks();
    const db = new Store({ databases: 1, clusterMode: true, random: new Prng(1) }).databases[0];
    const slot = keySlot(Buffer.from('a'), 0, 1);
    const mark = marks.key(slot);
    const keys = ['{a}1', '{a}2', mark, '{a}3'].map((key) => Buffer.from(key));
    for (const key of keys) db.put(key, 0, key.length, key, 0, key.length, NO_EXPIRE);
    expect(marks.isMarked(db, slot)).toBe(true);
    const removed: string[] = [];
    const dropper = new SlotDropper({
      db,
      executor: {
        removed: (_db, key) => removed.push(Buffer.from(key).toString('latin1')),
        propagation: new Propagation(),
      },
      marks,
      monotonicUs: () => 0,
      isServed: () => false,
      later: (callback) => callback(),
    });
    dropper.drop([slot]);
    expect(removed).toHaveLength(4);
    expect(removed.at(-1)).toBe(mark.toString('latin1'));
    expect(marks.isMarked(db, slot)).toBe(false);
  });
});
