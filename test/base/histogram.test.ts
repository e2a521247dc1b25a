import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/base/histogram.js';
import { Prng } from '../../src/base/prng.js';

describe('a histogram of durations', () => {
  it('knows nothing at first', () => {
    expect(new Histogram().percentile(50)).toBe(0);
  });

  it('names the duration that everything took', () => {
    const histogram = new Histogram();
    histogram.record(0.02, 7);
    expect(histogram.total).toBe(7);
    expect(histogram.percentile(1)).toBe(0.02);
    expect(histogram.percentile(100)).toBe(0.02);
  });

  it('keeps durations that are too long in its last bucket', () => {
    const histogram = new Histogram();
    histogram.record(1e12, 1);
    expect(histogram.percentile(50)).toBeGreaterThan(60e6);
  });

  it.each([1, 2, 3])('is right to 4 %% for random durations (seed %i)', (seed) => {
    const random = new Prng(seed);
    const histogram = new Histogram();
    const values = Array.from({ length: 5000 }, () => 2 ** (random.nextFloat() * 25) / 10);
    for (const value of values) histogram.record(value, 1);
    values.sort((a, b) => a - b);
    for (const percent of [1, 50, 90, 99, 99.9]) {
      const exact = values[Math.ceil((values.length * percent) / 100) - 1];
      const found = histogram.percentile(percent);
      expect(Math.abs(found - exact) / exact).toBeLessThan(0.04);
    }
  });
});
