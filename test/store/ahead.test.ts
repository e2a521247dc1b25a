import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { AHEAD, CACHED_ENTRIES, NO_EXPIRE, TYPE_SET } from '../../src/store/types.js';
import { newStore } from './model.js';

/** Keys of several lengths, one behind the other in one buffer, as in a pipeline. */
function ranges(keys: readonly string[]): { buf: Buffer; starts: Int32Array; ends: Int32Array } {
  const buf = Buffer.from(keys.join(' '), 'latin1');
  const starts = new Int32Array(keys.length);
  const ends = new Int32Array(keys.length);
  let at = 0;
  keys.forEach((key, i) => {
    starts[i] = at;
    ends[i] = at + key.length;
    at += key.length + 1;
  });
  return { buf, starts, ends };
}

describe('keys that are fetched ahead', () => {
  for (const seed of [1, 2, 3]) {
    it(`are found as without, whatever is asked, written and deleted in between, seed ${seed}`, () => {
      const prng = new Prng(seed);
      const store = newStore(seed);
      const db = store.databases[0];
      const held = new Map<string, string>();
      const anyKey = (): string => {
        const key = `key${prng.below(3000)}`;
        return prng.below(10) === 0 ? key.padEnd(200 + prng.below(200), '.') : key;
      };
      for (let batch = 0; batch < 2000; batch++) {
        const keys = Array.from({ length: 1 + prng.below(AHEAD) }, anyKey);
        const { buf, starts, ends } = ranges(keys);
        const step = 1 + prng.below(2);
        db.fetchAhead(buf, starts, ends, 0, step, Math.ceil(keys.length / step));
        keys.forEach((key, i) => {
          // Some are passed over, some asked for twice, and others than those that were announced come in between.
          if (prng.below(8) === 0) return;
          const ref = db.find(buf, starts[i], ends[i]);
          expect(ref !== 0, key).toBe(held.has(key));
          if (prng.below(4) === 0) {
            const other = Buffer.from(anyKey(), 'latin1');
            expect(db.find(other, 0, other.length) !== 0).toBe(held.has(other.toString('latin1')));
          }
          if (prng.below(3) === 0 && db.deleteKey(buf, starts[i], ends[i])) held.delete(key);
          else if (prng.below(2) === 0) {
            db.put(buf, starts[i], ends[i], Buffer.from(key), 0, key.length, NO_EXPIRE);
            held.set(key, key);
          }
        });
        store.forgetAhead();
        buf.fill('x');
      }
      store.verify();
      expect(db.size).toBe(held.size);
    });
  }

  it('are found as without among the elements of a collection', () => {
    const prng = new Prng(9);
    const store = newStore(9);
    const db = store.databases[0];
    const key = Buffer.from('collection');
    const elements = db.newElements();
    db.putObject(TYPE_SET, 1, key, 0, key.length, elements, NO_EXPIRE);
    const held = new Set<string>();
    // More than caches hold: below that nothing is fetched.
    for (let i = 0; i < CACHED_ENTRIES + 5000; i++) {
      const member = Buffer.from(`m${i}`);
      elements.put(member, 0, member.length, member, 0, 0);
      held.add(`m${i}`);
    }
    for (let batch = 0; batch < 500; batch++) {
      const members = Array.from({ length: AHEAD }, () => `m${prng.below(40_000)}`);
      const { buf, starts, ends } = ranges(['collection', ...members]);
      const none = new Int32Array(AHEAD);
      const named = { nextStart: starts.subarray(1), nextEnd: ends.subarray(1), lastStart: none, lastEnd: none };
      db.fetchElements(buf, 0, key.length, { ...named, count: AHEAD });
      members.forEach((member, i) => {
        const [start, end] = [starts[i + 1] as number, ends[i + 1] as number];
        expect(db.find(buf, 0, key.length)).not.toBe(0);
        const ref = elements.find(buf, start, end);
        expect(ref !== 0, member).toBe(held.has(member));
        if (ref !== 0) {
          elements.delete(ref);
          held.delete(member);
        } else {
          elements.add(buf, start, end, buf, start, start);
          held.add(member);
        }
      });
      store.forgetAhead();
      buf.fill('x');
    }
    store.verify();
    expect(elements.count).toBe(held.size);
  });
});
