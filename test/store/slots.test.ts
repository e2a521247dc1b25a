import { describe, expect, it } from 'vitest';
import { keySlot } from '../../src/base/crc16.js';
import { bytes, checkAll, type Model, newStore, put } from './model.js';

describe('one huge hash tag', () => {
  it('is emptied key by key while other slots and defragmentation go on', () => {
    const store = newStore(1, true);
    const db = store.databases[0];
    const model: Model = new Map();
    const add = (key: string): void => {
      const value = Buffer.from(`value of ${key}`);
      put(db, key, value);
      model.set(key, { value, expireAtMs: -1, raw: false });
    };
    for (let i = 0; i < 30_000; i++) add(`{huge}${i}`);
    for (let i = 0; i < 3000; i++) add(`other${i}`);
    const tag = bytes('huge');
    const slot = keySlot(tag, 0, tag.length);
    const others = db.size - db.slotKeyCount(slot);
    for (let round = 0; db.slotKeyCount(slot) > 0; round++) {
      for (let i = 0; i < 700 && db.slotFirst(slot) !== 0; i++) {
        const ref = db.slotFirst(slot);
        const { buf, start, end } = db.readKey(ref);
        model.delete(Buffer.from(buf.subarray(start, end)).toString('latin1'));
        db.delete(ref);
      }
      store.defragmenter.step(100);
      store.step(10);
      add(`later${round}`);
    }
    const laters = [...model.keys()].filter((key) => key.startsWith('later')).length;
    expect(db.size).toBe(others + laters);
    checkAll(store, [model], true);
  });
});
