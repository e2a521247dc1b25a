import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import type { Elements } from '../../src/store/elements.js';
import { Store } from '../../src/store/store.js';
import { NO_EXPIRE, TYPE_HASH } from '../../src/store/types.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Collections under keys of a store, held against maps of maps. */
class Model {
  readonly store: Store;
  readonly prng: Prng;
  readonly maps = new Map<string, Map<string, string>>();

  constructor(seed: number, clusterMode: boolean) {
    this.prng = new Prng(seed);
    this.store = new Store({ databases: 2, clusterMode, random: this.prng });
  }

  get db() {
    return this.store.databases[0];
  }

  elements(key: string): Elements | undefined {
    const k = bytes(key);
    const ref = this.db.find(k, 0, k.length);
    return ref === 0 ? undefined : (this.db.object(ref) as Elements);
  }

  make(key: string): Elements {
    const k = bytes(key);
    const elements = this.db.newElements();
    this.db.putObject(TYPE_HASH, 1, k, 0, k.length, elements, NO_EXPIRE);
    this.maps.set(key, new Map());
    return elements;
  }

  text(long: boolean): string {
    const length = long ? this.prng.below(70_000) : this.prng.below(40);
    return String.fromCharCode(97 + this.prng.below(26)).repeat(length);
  }

  step(): void {
    const { prng, maps } = this;
    const key = `key${prng.below(4)}`;
    const elements = this.elements(key) ?? this.make(key);
    const map = maps.get(key)!;
    const member = `${prng.below(400)}${prng.below(50) === 0 ? this.text(true) : ''}`;
    const m = bytes(member);
    const dice = prng.below(100);
    if (dice < 60) {
      const value = this.text(prng.below(100) === 0);
      const v = bytes(value);
      expect(elements.put(m, 0, m.length, v, 0, v.length)).toBe(!map.has(member));
      map.set(member, value);
    } else if (dice < 95) {
      const ref = elements.find(m, 0, m.length);
      expect(ref !== 0).toBe(map.delete(member));
      if (ref !== 0) elements.delete(ref);
    } else if (dice < 97) {
      const k = bytes(key);
      this.db.deleteKey(k, 0, k.length);
      maps.delete(key);
    } else if (dice < 99) {
      const other = `copy${prng.below(3)}`;
      const k = bytes(key);
      const o = bytes(other);
      this.db.copyTo(this.db.find(k, 0, k.length), this.db, o, 0, o.length, NO_EXPIRE);
      maps.set(other, new Map(map));
    } else if (prng.below(20) === 0) {
      this.store.clear();
      maps.clear();
    }
    if (prng.below(3) === 0) this.store.step(1 + prng.below(3));
    if (prng.below(4) === 0) this.store.defragmenter.step(1 + prng.below(20));
  }

  check(): void {
    this.store.verify();
    expect(this.db.size).toBe(this.maps.size);
    for (const [key, map] of this.maps) {
      const elements = this.elements(key)!;
      const found = new Map<string, string>();
      elements.forEach((ref) => {
        const k = elements.readKey(ref);
        const v = elements.readValue(ref);
        found.set(
          Buffer.from(k.buf.subarray(k.start, k.end)).toString('latin1'),
          Buffer.from(v.buf.subarray(v.start, v.end)).toString('latin1'),
        );
      });
      expect(found).toEqual(map);
      expect(elements.count).toBe(map.size);
    }
  }
}

describe('the elements of large collections', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`agree with maps over a random history, seed ${seed}`, () => {
      const model = new Model(seed, seed % 2 === 0);
      for (let i = 0; i < 12; i++) {
        for (let n = 0; n < 800; n++) model.step();
        model.check();
      }
      model.store.clear();
      model.store.defragmenter.stop();
      while (model.store.step(100)) {}
      model.store.verify();
      expect(model.store.allocatedBytes()).toBe(0);
    });
  }

  it('grow from a small table to a large one and back without losing any', () => {
    const model = new Model(5, false);
    const elements = model.make('key');
    for (let i = 0; i < 60_000; i++) elements.put(bytes(`m${i}`), 0, `m${i}`.length, bytes('v'), 0, 1);
    model.store.verify();
    for (let i = 0; i < 60_000; i++) expect(elements.find(bytes(`m${i}`), 0, `m${i}`.length)).not.toBe(0);
    for (let i = 0; i < 59_990; i++) elements.delete(elements.find(bytes(`m${i}`), 0, `m${i}`.length));
    while (elements.step(100)) {}
    expect(elements.count).toBe(10);
    model.store.verify();
  });

  it('cost nothing at once when the key is deleted: they are freed in slices', () => {
    const model = new Model(6, true);
    const elements = model.make('key');
    for (let i = 0; i < 10_000; i++) elements.put(bytes(`m${i}`), 0, `m${i}`.length, bytes('v'), 0, 1);
    const before = model.store.allocatedBytes();
    model.db.deleteKey(bytes('key'), 0, 3);
    expect(model.store.allocatedBytes()).toBeGreaterThan(before - 1000);
    model.store.verify();
    model.make('other').put(bytes('a'), 0, 1, bytes('b'), 0, 1);
    let steps = 0;
    while (model.store.step(10)) steps++;
    expect(steps).toBeGreaterThan(50);
    model.store.verify();
    expect(model.store.allocatedBytes()).toBeLessThan(1000);
  });

  it('move together when most of them are gone', () => {
    const model = new Model(8, true);
    const elements = model.make('key');
    for (let i = 0; i < 50_000; i++) elements.put(bytes(`m${i}`), 0, `m${i}`.length, bytes('value'), 0, 5);
    for (let i = 0; i < 50_000; i++) if (i % 5 !== 0) elements.delete(elements.find(bytes(`m${i}`), 0, `m${i}`.length));
    const { defragmenter } = model.store;
    expect(defragmenter.wastedPercent).toBeGreaterThan(250);
    while (defragmenter.step(100)) {}
    expect(defragmenter.wastedPercent).toBeLessThan(100);
    model.store.verify();
    for (let i = 0; i < 50_000; i += 5) expect(elements.find(bytes(`m${i}`), 0, `m${i}`.length)).not.toBe(0);
  });

  it('small ones take little: a table of eight buckets', () => {
    const model = new Model(7, false);
    const empty = model.store.usedBytes();
    const elements = model.make('key');
    elements.put(bytes('a'), 0, 1, bytes('b'), 0, 1);
    expect(model.store.usedBytes() - empty).toBeLessThan(1000);
    expect(elements.elementBytes).toBeLessThan(200);
  });
});
