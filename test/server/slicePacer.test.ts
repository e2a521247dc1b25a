/** How long work beside serving may take at a time. */
import { describe, expect, it } from 'vitest';
import { SliceBudget } from '../../src/server/slicePacer.js';

const SHARE = 0.4;

/** Rounds of requests that take `servedUs`, of which `sharedUs` are our work; slices between. Answers our share of the time. */
function shareOf(rounds: number, servedUs: number, sharedUs: number): number {
  const budget = new SliceBudget(SHARE);
  let nowUs = 0;
  let ours = 0;
  for (let i = 0; i < rounds; i++) {
    const endedUs = nowUs;
    nowUs += servedUs;
    const sliceUs = budget.next(nowUs, endedUs, true, sharedUs);
    expect(sliceUs).toBeLessThanOrEqual(800);
    nowUs += sliceUs;
    ours += sharedUs + sliceUs;
  }
  return ours / nowUs;
}

describe('slices between requests', () => {
  it.each([
    [20, 0],
    [300, 0],
    [300, 60],
    [1000, 390],
  ])('of %i µs, in which %i are our work, take the rest of the share', (servedUs, sharedUs) => {
    expect(shareOf(1000, servedUs, sharedUs)).toBeCloseTo(SHARE, 1);
  });

  it('are left out while the requests do more than the share, and until that is made up for', () => {
    const budget = new SliceBudget(SHARE);
    expect(budget.next(1000, 0, true, 900)).toBe(0);
    expect(budget.next(2000, 1000, true, 0)).toBe(0);
    const firstUs = 50;
    expect(budget.next(3000, 2000, true, 0)).toBeCloseTo(firstUs + (3000 * SHARE - 900) / (1 - SHARE));
  });

  it('begin at once', () => {
    expect(new SliceBudget(SHARE).next(1000, 1000, true)).toBe(50);
  });

  it('are as long as it has been quiet, up to the longest', () => {
    const budget = new SliceBudget(SHARE);
    let nowUs = 10_000 + budget.next(10_000, 9700, true);
    const lengths: number[] = [];
    for (let i = 0; i < 7; i++) {
      const sliceUs = budget.next(nowUs, nowUs, false);
      lengths.push(sliceUs);
      nowUs += sliceUs;
    }
    expect(lengths).toEqual([50, 50, 100, 200, 400, 800, 800]);
  });

  it('of a server that nobody uses are the longest from the beginning', () => {
    expect(new SliceBudget(SHARE).next(5000, 5000, false)).toBe(800);
  });
});
