import { describe, expect, it } from 'vitest';
import { NO_EXPIRE } from '../../../src/store/types.js';
import { HASH_LISTPACK, HASH_TABLE, HashEditor } from '../../../src/types/hash/hash.js';
import { Bench, bytes, expectFair, KEY, textOf } from '../collectionHarness.js';

const LIMITS = { 'hash-max-listpack-entries': 30, 'hash-max-listpack-value': 40 };

class HashBench extends Bench {
  readonly hash = new HashEditor(this.config);
  readonly model = new Map<string, string>();

  open(): HashEditor {
    return this.ref === 0 ? this.hash.begin(this.db) : this.hash.open(this.db, this.ref);
  }

  close(): void {
    if (this.hash.isAside && this.hash.count > 0) this.hash.store(KEY, 0, KEY.length, 123456);
    else if (this.hash.isAside) this.hash.discard();
    else if (this.hash.count === 0) this.db.delete(this.hash.ref);
    if (this.prng.below(8) === 0) this.store.verify();
  }

  set(field: string, value: string): boolean {
    const f = bytes(field);
    const v = bytes(`-${value}-`);
    this.model.set(field, value);
    return this.hash.set(f, 0, f.length, v, 1, v.length - 1);
  }

  get(field: string): string | undefined {
    const f = bytes(field);
    const value = this.hash.get(f, 0, f.length);
    return value === undefined ? undefined : textOf(value);
  }

  pairs(): [string, string][] {
    const found: [string, string][] = [];
    this.hash.walk((position) => {
      const field = this.hash.keyAt(position);
      const value = this.hash.valueAt(position);
      return found.push([textOf(field), textOf(value)]) > 0;
    });
    return found;
  }

  check(): void {
    const { hash, model } = this;
    hash.verify();
    expect(hash.count).toBe(model.size);
    expect(this.pairs().sort()).toEqual([...model].sort());
    if (!hash.isLarge) expect(hash.count).toBeLessThanOrEqual(LIMITS['hash-max-listpack-entries']);
  }

  step(): void {
    const { prng, model } = this;
    const hash = this.open();
    for (let i = prng.below(4); i >= 0; i--) {
      const field = this.text();
      const f = bytes(field);
      switch (prng.below(5)) {
        case 0:
        case 1:
          {
            const isNew = !model.has(field);
            expect(this.set(field, this.text())).toBe(isNew);
          }
          break;
        case 2:
          if (hash.count > 0) expect(hash.delete(f, 0, f.length)).toBe(model.delete(field));
          break;
        case 3:
          expect(this.get(field)).toBe(model.get(field));
          break;
        default:
          if (hash.count === 0) break;
          {
            const position = hash.random(prng);
            const drawn = textOf(hash.keyAt(position));
            expect(textOf(hash.valueAt(position))).toBe(model.get(drawn));
            if (prng.below(2) === 0) break;
            hash.deleteAt(position);
            model.delete(drawn);
          }
      }
    }
    this.check();
    this.close();
  }
}

describe('a hash', () => {
  it('holds what a Map holds, small and large', () => {
    const seen = new Set<number>();
    for (let seed = 1; seed <= 15; seed++) {
      const bench = new HashBench(seed, LIMITS);
      for (let step = 0; step < 150; step++) {
        bench.step();
        if (bench.ref === 0) continue;
        seen.add(bench.db.encoding(bench.ref));
        expect(bench.db.expireAtMs(bench.ref)).toBe(123456);
      }
    }
    expect([...seen].sort()).toEqual([HASH_LISTPACK, HASH_TABLE]);
  });

  it.each([
    ['many fields', (bench: HashBench) => Array.from({ length: 31 }, (_, i) => bench.set(`f${i}`, 'v'))],
    ['a long field', (bench: HashBench) => bench.set('f'.repeat(41), 'v')],
    ['a long value', (bench: HashBench) => bench.set('f', 'v'.repeat(41))],
    ['many fields to come', (bench: HashBench) => bench.hash.expect(31)],
  ])('is large with %s, and stays so', (_title, grow) => {
    const bench = new HashBench(1, LIMITS);
    bench.open();
    bench.set('0', '1');
    expect(bench.hash.isLarge).toBe(false);
    bench.close();
    bench.open();
    grow(bench);
    expect(bench.hash.isLarge).toBe(true);
    bench.check();
    for (const field of [...bench.model.keys()].slice(1)) bench.hash.delete(bytes(field), 0, field.length);
    bench.close();
    expect(bench.open().isLarge).toBe(true);
    expect(bench.get('0')).toBe('1');
  });

  it('is small with as much as may be', () => {
    const bench = new HashBench(1, LIMITS);
    bench.open();
    for (let i = 10; i < 40; i++) bench.set(`f${'x'.repeat(37)}${i}`, 'v'.repeat(40));
    expect(bench.hash.isLarge).toBe(false);
    bench.check();
    bench.close();
  });

  it('keeps its fields in the order in which they came while it is small', () => {
    const bench = new HashBench(1, LIMITS);
    bench.open();
    for (const field of ['b', '7', 'a', '-1']) bench.set(field, field);
    bench.set('7', 'changed');
    expect(bench.pairs().map(([field]) => field)).toEqual(['b', '7', 'a', '-1']);
  });

  it('shows a field and its value together, integers as well', () => {
    const bench = new HashBench(1, LIMITS);
    bench.open();
    bench.set('12', '34');
    const f = bytes('12');
    bench.hash.find(f, 0, 2);
    const field = bench.hash.keyAt(bench.hash.position);
    const value = bench.hash.valueAt(bench.hash.position);
    expect([textOf(field), textOf(value)]).toEqual(['12', '34']);
  });

  it.each([
    ['small', 10],
    ['large', 31],
  ])('picks fields of a %s one by chance, each alike', (_form, fields) => {
    const bench = new HashBench(5, LIMITS);
    bench.open();
    for (let i = 0; i < fields; i++) bench.set(`f${i}`, `v${i}`);
    bench.hash.store(KEY, 0, KEY.length, NO_EXPIRE);
    bench.open();
    const counts = new Map([...bench.model.keys()].map((field) => [field, 0]));
    const count = (position: number): void => {
      const field = textOf(bench.hash.keyAt(position));
      counts.set(field, (counts.get(field) as number) + 1);
    };
    for (let i = 0; i < 1000 * fields; i++) count(bench.hash.random(bench.prng));
    expect(expectFair([...counts.values()])).toBeUndefined();
    for (const field of counts.keys()) counts.set(field, 0);
    for (let i = 0; i < 5000; i++) bench.hash.sample(7, bench.prng, count);
    expect(expectFair([...counts.values()])).toBeUndefined();
  });
});
