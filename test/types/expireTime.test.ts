import { describe, expect, it } from 'vitest';
import { INT64_MAX } from '../../src/base/bytes.js';
import { Prng } from '../../src/base/prng.js';
import { expireAtFromInt64, expireAtText, expireAtToInt64 } from '../../src/types/expireTime.js';

describe('expire times', () => {
  it('are kept exactly up to 2^53 milliseconds', () => {
    for (const atMs of [0n, 1n, 1795373420267n, 2n ** 53n - 1n, 2n ** 53n]) {
      expect(expireAtToInt64(expireAtFromInt64(atMs))).toBe(atMs);
    }
  });

  it('come back as they went in when given in seconds, up to 2^62 milliseconds', () => {
    const random = new Prng(20260803);
    const limitSeconds = 2n ** 62n / 1000n;
    for (let i = 0; i < 2000; i++) {
      const seconds = ((BigInt(random.nextU32()) << 32n) | BigInt(random.nextU32())) % limitSeconds;
      expect(expireAtToInt64(expireAtFromInt64(seconds * 1000n))).toBe(seconds * 1000n);
    }
  });

  it('the greatest ones come back as they went in', () => {
    expect(expireAtToInt64(expireAtFromInt64(INT64_MAX))).toBe(INT64_MAX);
    expect(expireAtToInt64(expireAtFromInt64(9223372036854775000n))).toBe(9223372036854775000n);
  });

  it('are written as the integer they stand for', () => {
    expect(expireAtText(1795373420267)).toBe('1795373420267');
    expect(expireAtText(expireAtFromInt64(INT64_MAX))).toBe('9223372036854775807');
    expect(expireAtText(expireAtFromInt64(9223372036854775000n))).toBe('9223372036854775000');
  });
});
