import { describe, expect, it } from 'vitest';
import { NO_EXPIRE } from '../../../src/store/types.js';
import { ZSET_SKIPLIST } from '../../../src/types/zset/encoding.js';
import { Place } from '../../../src/types/zset/place.js';
import { bytes, inOrder, text, ZsetModel } from './model.js';

const SMALL = { entries: 1e9, valueBytes: 1e9 };
const LARGE = { entries: 0, valueBytes: 64 };
const USUAL = { entries: 128, valueBytes: 64 };

/** How scores come, and how many members there may be. */
const SHAPES = [
  { name: 'whole scores', score: (n: number) => n, members: 400 },
  { name: 'few scores, so that members decide', score: (n: number) => n % 3, members: 2000 },
  { name: 'one score', score: () => 0, members: 3000 },
  { name: 'fractions', score: (n: number) => n / 8 - 20, members: 300 },
  { name: 'infinities', score: (n: number) => (n % 5 === 0 ? Infinity : n % 5 === 1 ? -Infinity : n), members: 300 },
];

function member(model: ZsetModel, members: number): string {
  const n = model.prng.below(members);
  if (n % 97 === 0) return `a long one ${'x'.repeat(n % 400)}`;
  // Many that begin alike, some of them the beginning of others, in bytes of either half of their range.
  if (n % 3 === 0) return `element:${String(n).padStart(12, '0')}${n % 2 === 0 ? '' : 'more'}`;
  if (n % 7 === 0) return `alike${'\0'.repeat(n % 6)}${String.fromCharCode(n % 256).repeat(n % 4)}`;
  return n % 2 === 0 ? `m${n}` : String(n);
}

function check(model: ZsetModel): void {
  model.store.verify();
  const sorted = model.sorted();
  expect(model.walk(false)).toEqual(sorted);
  expect(model.walk(true)).toEqual(sorted.toReversed());
  const zset = model.open();
  expect(zset?.count ?? 0).toBe(sorted.length);
  if (zset === undefined) return;
  for (let i = 0; i < 20; i++) {
    const rank = model.prng.below(sorted.length);
    const [wanted, score] = sorted[rank] as [string, number];
    const m = bytes(wanted);
    zset.seek(rank);
    expect([text(zset), zset.score]).toEqual([wanted, score]);
    expect(zset.rankOf(m, 0, m.length)).toBe(rank);
    expect(zset.score).toBe(score);
    expect(zset.scoreOf(m, 0, m.length)).toBe(score);
    const place = new Place();
    expect(zset.countBefore(place.ofScore(score, false))).toBe(sorted.findIndex((pair) => pair[1] === score));
    expect(zset.countBefore(place.ofScore(score, true))).toBe(sorted.findLastIndex((pair) => pair[1] === score) + 1);
    expect(zset.countBefore(place.ofElement(score, m, 0, m.length))).toBe(rank);
    const other = bytes(member(model, 1e6));
    const before = sorted.filter((pair) => inOrder(pair, [other.toString('latin1'), score]) < 0).length;
    expect(zset.countBefore(place.ofElement(score, other, 0, other.length))).toBe(before);
    const skipped = model.prng.below(3);
    expect(zset.seekBehind(place.ofElement(score, m, 0, m.length), skipped)).toBe(rank + skipped < sorted.length);
    if (rank + skipped >= sorted.length) continue;
    const most = model.prng.below(200);
    const [, end] = sorted[model.prng.below(sorted.length)] as [string, number];
    const within = sorted.slice(rank + skipped).filter((pair) => pair[1] <= end).length;
    expect(zset.countTo(new Place().ofScore(end, true), most)).toBe(Math.min(most, within));
    expect([text(zset), zset.score]).toEqual(sorted[rank + skipped]);
  }
}

for (const [title, limits, steps] of [
  ['as a listpack', SMALL, 400],
  ['as an object', LARGE, 6000],
  ['from one to the other', USUAL, 3000],
] as const) {
  describe(`a sorted set ${title}`, () => {
    for (const { name, score, members } of SHAPES) {
      it(`does what a map and a sort do: ${name}`, () => {
        for (let seed = 1; seed <= 2; seed++) {
          const model = new ZsetModel(seed, limits);
          // Grows and shrinks in waves.
          for (let step = 0; step < steps; step++) {
            const growing = Math.floor(step / (steps / 5)) % 2 === 0;
            const dice = model.prng.below(100);
            if (dice < (growing ? 85 : 15)) model.set(member(model, members), score(model.prng.below(1000)));
            else if (dice < 97) {
              const gone = member(model, members);
              const there = model.map.has(gone);
              expect(model.delete(gone)).toBe(there);
            } else if (model.map.size > 0) {
              const rank = model.prng.below(model.map.size);
              const most = model.map.size - rank;
              model.removeRange(rank, 1 + model.prng.below(growing ? Math.min(3, most) : most));
            }
            if (step % 8 === 0) model.store.defragmenter.step(5);
            if (step % (steps / 20) === 0) check(model);
          }
          check(model);
        }
      });
    }
  });
}

describe('a large sorted set', () => {
  it('grows in order, forward and backward, and is emptied from both ends', () => {
    for (const direction of [1, -1]) {
      const model = new ZsetModel(1, LARGE);
      for (let i = 0; i < 20_000; i++) model.set(`m${i}`, direction * i);
      model.store.verify();
      const bytesFull = model.db.object(model.find())!.bytesUsed;
      // 16 bytes an element in leaves that are nearly full.
      expect(bytesFull).toBeLessThan(20_000 * 21);
      model.removeRange(0, 9000);
      model.store.verify();
      model.removeRange(2000, 9000);
      check(model);
      expect(model.db.object(model.find())!.bytesUsed).toBeLessThan(bytesFull * 0.6);
      model.removeRange(0, 2000);
      expect(model.find()).toBe(0);
      model.store.verify();
    }
  });

  it('is copied', () => {
    const model = new ZsetModel(7, USUAL);
    for (let i = 0; i < 500; i++) model.set(`m${i}`, i % 10);
    const copy = bytes('copy');
    const ref = model.db.copyTo(model.find(), model.db, copy, 0, copy.length, NO_EXPIRE);
    expect(model.db.encoding(ref)).toBe(ZSET_SKIPLIST);
    const pairs = model.walk(false);
    model.removeRange(0, 500);
    const zset = model.reader.open(model.db, model.db.find(copy, 0, copy.length));
    const copied: [string, number][] = [];
    zset.seek(0);
    do copied.push([text(zset), zset.score]);
    while (zset.next());
    expect(copied).toEqual(pairs);
    model.store.verify();
  });
});

describe('the elements of a large sorted set', () => {
  it('move when memory is defragmented, and keep their order', () => {
    const model = new ZsetModel(3, LARGE);
    for (let i = 0; i < 30_000; i++) model.set(`m${i}`, model.prng.below(500));
    for (let i = 0; i < 30_000; i++) if (model.prng.below(6) > 0) model.delete(`m${i}`);
    const { defragmenter } = model.store;
    expect(defragmenter.wastedPercent).toBeGreaterThan(200);
    while (defragmenter.step(100)) {}
    expect(defragmenter.wastedPercent).toBeLessThan(80);
    check(model);
    for (let i = 0; i < 2000; i++) model.set(`m${i}`, model.prng.below(500));
    check(model);
  }, 30_000);
});
