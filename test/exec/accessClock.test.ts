import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { idleSeconds, lfuCounter, lfuInitial, lfuTouched, lruSeconds } from '../../src/store/accessClock.js';

const NOW_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;
const LRU_PERIOD_MS = 2 ** 24 * 1000;
const DECAY_MINUTES = 1;
const LOG_FACTOR = 10;

describe('the LRU clock', () => {
  it('counts seconds in 24 bits', () => {
    expect(lruSeconds(NOW_MS)).toBe(1_700_000_000 % 2 ** 24);
    expect(lruSeconds(LRU_PERIOD_MS - 1)).toBe(2 ** 24 - 1);
    expect(lruSeconds(LRU_PERIOD_MS)).toBe(0);
  });

  it('tells how long a key was idle', () => {
    const then = lruSeconds(NOW_MS);
    expect(idleSeconds(then, NOW_MS)).toBe(0);
    expect(idleSeconds(then, NOW_MS + 999)).toBe(0);
    expect(idleSeconds(then, NOW_MS + 61_000)).toBe(61);
  });

  it('tells it across the end of its 24 bits as well, within a second as Redis does', () => {
    const end = Math.ceil(NOW_MS / LRU_PERIOD_MS) * LRU_PERIOD_MS;
    const idle = idleSeconds(lruSeconds(end - 5000), end + 5000);
    expect(Math.abs(idle - 10)).toBeLessThanOrEqual(1);
  });
});

describe('the LFU counter', () => {
  it('starts at five, in 24 bits', () => {
    expect(lfuInitial(NOW_MS) & 0xff).toBe(5);
    expect(lfuInitial(NOW_MS)).toBeLessThan(2 ** 24);
    expect(lfuCounter(lfuInitial(NOW_MS), NOW_MS, 1)).toBe(5);
  });

  it('loses one for each period without an access, down to nothing', () => {
    const bits = lfuInitial(NOW_MS);
    expect(lfuCounter(bits, NOW_MS + MINUTE_MS, 1)).toBe(4);
    expect(lfuCounter(bits, NOW_MS + 3 * MINUTE_MS, 1)).toBe(2);
    expect(lfuCounter(bits, NOW_MS + 4 * MINUTE_MS, 2)).toBe(3);
    expect(lfuCounter(bits, NOW_MS + 100 * MINUTE_MS, 1)).toBe(0);
    expect(lfuCounter(bits, NOW_MS + 100 * MINUTE_MS, 0)).toBe(5);
  });

  it('grows with every access while it is small', () => {
    const random = new Prng(3);
    let bits = lfuInitial(NOW_MS);
    bits = lfuTouched(bits, NOW_MS, DECAY_MINUTES, LOG_FACTOR, random);
    expect(lfuCounter(bits, NOW_MS, 1)).toBe(6);
  });

  it('grows ever slower, as the table of Redis has it', () => {
    // redis.conf: with factor 10, about 10 after 100 hits, 18 after 1000, 142 after 100 000, 255 after a million.
    const counterAfter = (hits: number): number => {
      const random = new Prng(hits);
      let bits = lfuInitial(NOW_MS);
      for (let i = 0; i < hits; i++) bits = lfuTouched(bits, NOW_MS, DECAY_MINUTES, LOG_FACTOR, random);
      return lfuCounter(bits, NOW_MS, 1);
    };
    expect(Math.abs(counterAfter(100) - 10)).toBeLessThanOrEqual(4);
    expect(Math.abs(counterAfter(1000) - 18)).toBeLessThanOrEqual(6);
    expect(Math.abs(counterAfter(100_000) - 142)).toBeLessThanOrEqual(15);
    expect(counterAfter(1_000_000)).toBe(255);
  });

  it('stays within a byte and keeps the minute of the access', () => {
    const random = new Prng(9);
    let bits = (lfuInitial(NOW_MS) & ~0xff) | 255;
    bits = lfuTouched(bits, NOW_MS, DECAY_MINUTES, LOG_FACTOR, random);
    expect(bits & 0xff).toBe(255);
    expect(bits >> 8).toBe(Math.floor(NOW_MS / MINUTE_MS) & 0xffff);
  });

  it('decays across the end of its 16 bits of minutes', () => {
    const period = 2 ** 16 * MINUTE_MS;
    const end = Math.ceil(NOW_MS / period) * period;
    expect(lfuCounter(lfuInitial(end - MINUTE_MS), end + MINUTE_MS, 1)).toBeLessThanOrEqual(4);
  });
});
