import { describe, expect, it } from 'vitest';
import { NO_EXPIRE, type Ref } from '../../../src/store/types.js';
import { SetAlgebra } from '../../../src/types/set/algebra.js';
import { SET_INTSET, type SetEditor, SetEditors } from '../../../src/types/set/set.js';
import { Bench, bytes, textOf } from '../collectionHarness.js';

const LIMITS = { 'set-max-intset-entries': 20, 'set-max-listpack-entries': 12, 'set-max-listpack-value': 30 };

class AlgebraBench extends Bench {
  readonly sets = new SetEditors(this.config);
  readonly algebra = new SetAlgebra(this.sets);

  /** A set of any size and form under a key. */
  make(name: string): Set<string> {
    const model = new Set<string>();
    const set = this.sets.at(0).beginAs(this.db, SET_INTSET);
    for (let i = this.prng.below(4) === 0 ? 80 : this.prng.below(10); i >= 0; i--) {
      const text = this.text();
      set.add(bytes(text), 0, text.length);
      model.add(text);
    }
    set.store(bytes(name), 0, name.length, NO_EXPIRE);
    return model;
  }
}

function membersOf(set: SetEditor): string[] {
  const found: string[] = [];
  set.walk((position) => found.push(textOf(set.keyAt(position))) > 0);
  set.verify();
  set.discard();
  return found.sort();
}

describe('intersection, union and difference', () => {
  it('come out as they do with Sets, whatever the forms of the operands', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const bench = new AlgebraBench(seed, LIMITS);
      const { db, algebra, prng } = bench;
      const models = Array.from({ length: 1 + prng.below(4) }, (_, i) => bench.make(`set ${i}`));
      const refs: Ref[] = models.map((_, i) => db.find(bytes(`set ${i}`), 0, 5));
      // Now and then an operand that is not there, or one that is there twice.
      const chosen = models.map((_, i) => (prng.below(8) === 0 ? -1 : prng.below(8) === 0 ? 0 : i));
      const sets = chosen.map((i) => (i < 0 ? new Set<string>() : (models[i] as Set<string>)));
      const operands = { db, refs: chosen.map((i) => (i < 0 ? 0 : (refs[i] as Ref))) };
      const [first, ...rest] = sets as [Set<string>, ...Set<string>[]];

      const common = [...first].filter((member) => rest.every((set) => set.has(member))).sort();
      const found: string[] = [];
      algebra.intersect(operands, (position) => found.push(textOf(algebra.walker.keyAt(position))) > 0);
      expect(found.sort()).toEqual(common);
      expect(membersOf(algebra.gatherCommon(operands))).toEqual(common);
      expect(membersOf(algebra.unite(operands))).toEqual([...new Set(sets.flatMap((set) => [...set]))].sort());
      const difference = [...first].filter((member) => rest.every((set) => !set.has(member))).sort();
      expect(membersOf(algebra.subtract(operands))).toEqual(difference);
      bench.store.verify();
    }
  });

  it('stop when enough was seen', () => {
    const bench = new AlgebraBench(3, LIMITS);
    bench.make('a');
    let visits = 0;
    bench.algebra.intersect({ db: bench.db, refs: [bench.db.find(bytes('a'), 0, 1)] }, () => ++visits < 2);
    expect(visits).toBe(2);
  });
});
