/** The promise of HSCAN and SSCAN: an element that is there from the first step to the last is returned. */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { Harness } from '../net/harness.js';
import { textOf } from '../support/notation.js';
import type { Reply } from '../support/resp.js';

const ELEMENTS = 3000;
const KINDS = [
  ['SSCAN', 'SADD', 'SREM', []],
  ['HSCAN', 'HSET', 'HDEL', ['v']],
] as const;

describe.each(KINDS)('%s', (scan, add, remove, value) => {
  /** A server with ELEMENTS elements under `k`, and a walk over them between whose steps something is done. */
  function filled() {
    const harness = new Harness();
    const stream = harness.connect();
    const call = (...args: string[]): Reply => harness.call(stream, ...args);
    const stays = Array.from({ length: ELEMENTS }, (_, i) => `stays:${i}`).sort();
    for (const element of stays) call(add, 'k', element, ...value);
    const walk = (options: string[], between: () => void = () => {}): string[] => {
      const found: string[] = [];
      let cursor = '0';
      do {
        const reply = call(scan, 'k', cursor, ...options);
        const [next, items] = reply.type === 'array' ? reply.items : [];
        const texts = items?.type === 'array' ? items.items.map(textOf) : [];
        found.push(...texts.filter((_, i) => i % (value.length + 1) === 0));
        cursor = textOf(next);
        between();
      } while (cursor !== '0');
      return found;
    };
    return { call, stays, walk };
  }

  it.each(['1', '10', '1000', '1000000'])('returns every element with COUNT %s', (count) => {
    const { stays, walk } = filled();
    const found = walk(['COUNT', count]);
    expect([...new Set(found)].sort()).toEqual(stays);
  });

  it('returns every element that MATCH lets through', () => {
    const { stays, walk } = filled();
    const found = walk(['MATCH', 'stays:*7', 'COUNT', '30']);
    expect([...new Set(found)].sort()).toEqual(stays.filter((element) => element.endsWith('7')));
  });

  it('returns every element that stays while thousands of others come and go', () => {
    const { call, stays, walk } = filled();
    const random = new Prng(7);
    let made = 0;
    const found = walk(['COUNT', '20'], () => {
      for (let i = 0; i < 60; i++) {
        // First the collection grows to several times its size, then it shrinks again.
        const isGrowing = made < 3 * ELEMENTS;
        if (isGrowing) call(add, 'k', `goes:${made++}`, ...value);
        else call(remove, 'k', `goes:${random.below(made)}`);
      }
    });
    const there = new Set(found);
    expect(stays.filter((element) => !there.has(element))).toEqual([]);
  });

  it('answers a small collection whole, even when it is not small any more at the next step', () => {
    const harness = new Harness();
    const stream = harness.connect();
    harness.call(stream, add, 'k', 'a', ...value);
    const reply = harness.call(stream, scan, 'k', '0', 'COUNT', '1');
    expect(reply.type === 'array' && textOf(reply.items[0])).toBe('0');
  });
});
