import { expect, it } from 'vitest';
import { CACHED_ENTRIES } from '../../../src/store/types.js';
import { Place } from '../../../src/types/zset/place.js';
import { bytes, type Pair, text, ZsetModel } from './model.js';

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

it('elements are taken from the front in rows of any length, with each way to look at and change the set between', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const model = new ZsetModel(seed, { entries: 0, valueBytes: 64 });
    const { prng } = model;
    for (let round = 0; round < 48; round++) {
      const room = seed % 2 === 0 ? 90 : 500;
      while (model.map.size < room) model.set(`element:${prng.below(100_000)}`, prng.below(seed > 2 ? 3 : 400));
      const left = model.sorted();
      for (let row = prng.below(prng.below(2) === 0 ? 20 : 200); row > 0 && left.length > 1; row--) {
        const zset = model.open();
        zset?.seek(0);
        expect(zset === undefined ? undefined : [text(zset), zset.score]).toEqual(left[0]);
        expect(zset?.previous()).toBe(false);
        model.edit((editor) => editor.removeRange(0, 1));
        model.map.delete((left.shift() as Pair)[0]);
      }
      const [member, score] = left[prng.below(left.length)] as Pair;
      const m = bytes(member);
      const zset = model.open();
      if (zset === undefined) throw new Error('the set is there');
      const way = round % 8;
      if (way === 0) expect(model.walk(false)).toEqual(left);
      else if (way === 1) expect(model.walk(true)).toEqual(left.toReversed());
      else if (way === 2) expect(zset.rankOf(m, 0, m.length)).toBe(left.findIndex(([other]) => other === member));
      else if (way === 3) expect(model.delete(member)).toBe(true);
      else if (way === 4) model.set(member, score + prng.below(40));
      else if (way === 5) model.removeRange(0, prng.below(left.length) + 1);
      else if (way === 6) while (model.store.defragmenter.step(50)) {}
      else {
        const behind = left.findIndex((pair) => pair[1] >= score);
        expect(zset.seekBehind(new Place().ofScore(score, false), 0)).toBe(true);
        expect([text(zset), zset.score]).toEqual(left[behind]);
      }
      model.store.verify();
      expect(model.walk(false)).toEqual(model.sorted());
    }
  }
}, 60_000);
