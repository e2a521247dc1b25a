import { expect, it } from 'vitest';
import { CACHED_ENTRIES } from '../../../src/store/types.js';
import { type Pair, text, ZsetModel } from './model.js';

it('elements of a set that no cache holds are popped one by one, others coming and going meanwhile', () => {
  const model = new ZsetModel(4, { entries: 0, valueBytes: 64 });
  for (let n = 0; n < CACHED_ENTRIES + 1500; n++) model.set(`element:${n}`, (n * 7919) % 5003);
  const left: Pair[] = model.sorted();
  for (let n = 0; n < 2000; n++) {
    const fromFront = n % 7 !== 0;
    const zset = model.open();
    zset?.seek(fromFront ? 0 : left.length - 1);
    expect(zset === undefined ? undefined : [text(zset), zset.score]).toEqual(fromFront ? left.shift() : left.pop());
    model.edit((editor) => editor.removeRange(fromFront ? 0 : left.length, 1));
    if (n % 13 === 0) {
      const next = left.splice(1, 1)[0] as Pair;
      expect(model.delete(next[0])).toBe(true);
    }
    if (n % 40 === 0) {
      const least: Pair = [`least:${n}`, -1];
      model.set(...least);
      left.unshift(least);
    }
    if (n % 250 === 0) model.store.verify();
  }
  expect(model.walk(false)).toEqual(left);
  model.store.verify();
});
