import { describe, expect, it } from 'vitest';
import { NO_EXPIRE } from '../../../src/store/types.js';
import { SET_INTSET, SET_LISTPACK, SET_TABLE, SetEditor } from '../../../src/types/set/set.js';
import { Bench, bytes, expectFair, KEY, textOf } from '../collectionHarness.js';

const LIMITS = { 'set-max-intset-entries': 40, 'set-max-listpack-entries': 20, 'set-max-listpack-value': 30 };

class SetBench extends Bench {
  readonly set = new SetEditor(this.config);
  readonly model = new Set<string>();

  /** The set under the key, or a new one aside. */
  open(): SetEditor {
    return this.ref === 0 ? this.set.beginAs(this.db, SET_INTSET) : this.set.open(this.db, this.ref);
  }

  close(): void {
    if (this.set.isAside && this.set.count > 0) this.set.store(KEY, 0, KEY.length, 123456);
    else if (this.set.isAside) this.set.discard();
    else if (this.set.count === 0) this.db.delete(this.set.ref);
    if (this.prng.below(8) === 0) this.store.verify();
  }

  add(text: string): boolean {
    const member = bytes(text);
    this.model.add(text);
    return this.set.add(member, 0, member.length);
  }

  members(): string[] {
    const found: string[] = [];
    this.set.walk((position) => found.push(textOf(this.set.keyAt(position))) > 0);
    return found;
  }

  /** The form the set must have by the sizes that it has come through. */
  check(): void {
    const { set, model } = this;
    set.verify();
    expect(set.count).toBe(model.size);
    expect(this.members().sort()).toEqual([...model].sort());
    if (set.encoding === SET_INTSET) expect(set.count).toBeLessThanOrEqual(LIMITS['set-max-intset-entries']);
    if (set.encoding === SET_LISTPACK) expect(set.count).toBeLessThanOrEqual(LIMITS['set-max-listpack-entries']);
  }

  step(): void {
    const { prng, model } = this;
    const set = this.open();
    for (let i = prng.below(4); i >= 0; i--) {
      const text = this.text();
      const member = bytes(text);
      const wasThere = model.has(text);
      switch (prng.below(6)) {
        case 0:
        case 1:
        case 2:
          expect(this.add(text)).toBe(!wasThere);
          break;
        case 3:
          if (set.count === 0) break;
          expect(set.delete(member, 0, member.length)).toBe(model.delete(text));
          break;
        case 4:
          expect(set.find(member, 0, member.length)).toBe(wasThere);
          break;
        default:
          if (set.count === 0) break;
          for (let deletions = prng.below(3); deletions >= 0 && set.count > 0; deletions--) {
            const position = set.random(prng);
            expect(model.delete(textOf(set.keyAt(position)))).toBe(true);
            set.deleteAt(position);
          }
      }
    }
    this.check();
    this.close();
  }
}

describe('a set', () => {
  it('holds what a Set holds, in each of its forms', () => {
    const seen = new Set<number>();
    for (let seed = 1; seed <= 15; seed++) {
      const bench = new SetBench(seed, LIMITS);
      for (let step = 0; step < 120; step++) {
        bench.step();
        if (bench.ref !== 0) {
          seen.add(bench.db.encoding(bench.ref));
          expect(bench.db.expireAtMs(bench.ref)).toBe(123456);
        }
      }
    }
    expect([...seen].sort()).toEqual([SET_INTSET, SET_LISTPACK, SET_TABLE]);
  });

  it.each([
    ['the first text makes an intset a listpack', ['1', '2', 'x'], SET_LISTPACK],
    ['too long a text makes it a table', ['1', '2', 'x'.repeat(31)], SET_TABLE],
    ['too many integers make it a table', Array.from({ length: 41 }, (_, i) => String(i)), SET_TABLE],
    ['as many as may be leave it an intset', Array.from({ length: 40 }, (_, i) => String(i)), SET_INTSET],
    ['a text is too much for an intset with many', [...Array(20).keys(), 'x'].map(String), SET_TABLE],
    ['but not for one with fewer', [...Array(19).keys(), 'x'].map(String), SET_LISTPACK],
    ['too many members make a listpack a table', ['x', ...Array(20).keys()].map(String), SET_TABLE],
    ['too long a member makes a listpack a table', ['x', 'y'.repeat(31)], SET_TABLE],
  ])('%s', (_title, texts, encoding) => {
    const bench = new SetBench(1, LIMITS);
    bench.open();
    for (const text of texts) bench.add(text);
    expect(bench.set.encoding).toBe(encoding);
    bench.check();
    bench.close();
    bench.open();
    expect(bench.set.encoding).toBe(encoding);
    bench.check();
  });

  it('begins in the form that suits what is expected', () => {
    const { set, db } = new SetBench(1, LIMITS);
    const begun = (text: string, members: number) => set.beginFor(db, bytes(text), 0, text.length, members).encoding;
    expect(begun('1', 40)).toBe(SET_INTSET);
    expect(begun('1', 41)).toBe(SET_TABLE);
    expect(begun('x', 20)).toBe(SET_LISTPACK);
    expect(begun('x', 21)).toBe(SET_TABLE);
    set.discard();
  });

  it('that was built aside and let go gives its memory back', () => {
    const bench = new SetBench(1, LIMITS);
    bench.set.beginAs(bench.db, SET_TABLE);
    for (let i = 0; i < 1000; i++) bench.add(`member ${i}`);
    bench.set.discard();
    while (bench.store.step(1000));
    expect(bench.store.allocatedBytes()).toBe(0);
  });

  it('of integers aside becomes an intset again, any other does not', () => {
    const bench = new SetBench(1, LIMITS);
    bench.set.beginAs(bench.db, SET_LISTPACK);
    for (const text of ['3', '-70000', '12']) bench.add(text);
    bench.set.becomeIntset();
    expect(bench.set.encoding).toBe(SET_INTSET);
    expect(bench.members()).toEqual(['-70000', '3', '12']);
    bench.set.beginAs(bench.db, SET_TABLE);
    for (const text of ['3', 'x', '12']) bench.set.add(bytes(text), 0, text.length);
    bench.set.becomeIntset();
    expect(bench.set.encoding).toBe(SET_TABLE);
    bench.set.discard();
  });
});

describe('chance', () => {
  const FORMS = [
    ['an intset', SET_INTSET, ''],
    ['a listpack', SET_LISTPACK, 'm'],
    ['a table', SET_TABLE, 'm'],
  ] as const;

  it.each(FORMS)('picks every member of %s alike', (_form, encoding, prefix) => {
    const bench = new SetBench(7, {});
    bench.set.beginAs(bench.db, encoding);
    for (let i = 0; i < 12; i++) bench.add(`${prefix}${i}`);
    bench.set.store(KEY, 0, KEY.length, NO_EXPIRE);
    bench.open();
    const counts = new Map([...bench.model].map((member) => [member, 0]));
    const count = (position: number): void => {
      const member = textOf(bench.set.keyAt(position));
      counts.set(member, (counts.get(member) as number) + 1);
    };
    for (let i = 0; i < 24_000; i++) count(bench.set.random(bench.prng));
    expect(expectFair([...counts.values()])).toBeUndefined();

    // Few are drawn, many are chosen on a walk.
    for (const wanted of [1, 3, 4, 7, 11]) {
      for (const member of counts.keys()) counts.set(member, 0);
      for (let i = 0; i < 4000; i++) {
        const picked = new Set<number>();
        bench.set.sample(wanted, bench.prng, (position) => {
          picked.add(position);
          count(position);
        });
        expect(picked.size).toBe(wanted);
      }
      expect(expectFair([...counts.values()])).toBeUndefined();
    }
  });
});
