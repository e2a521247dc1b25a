import { describe, expect, it } from 'vitest';
import { INT64_MAX, INT64_MIN } from '../../src/base/bytes.js';
import { highWord, int64, int64OfWords, lowWord } from '../../src/base/int64.js';
import { Prng } from '../../src/base/prng.js';

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const BORDERS = [
  0n,
  1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  SAFE,
  SAFE + 1n,
  SAFE + 2n,
  SAFE + 3n,
  INT64_MAX,
].flatMap((value) => [value, -value, -value - 1n]);

function randomInt64(random: Prng): bigint {
  const bits = (BigInt(random.nextU32()) << 32n) | BigInt(random.nextU32());
  return BigInt.asIntN(64, bits) >> BigInt(random.below(64));
}

const random = new Prng(20261126);
const VALUES = [...BORDERS, INT64_MIN, ...Array.from({ length: 2000 }, () => randomInt64(random))];

describe('64-bit integers', () => {
  it('are numbers exactly while they are safe integers', () => {
    for (const value of VALUES) {
      const isSafe = value <= SAFE && value >= -SAFE;
      expect(int64(value)).toBe(isSafe ? Number(value) : value);
    }
  });

  it('come back from their words', () => {
    for (const value of VALUES) {
      const [high, low] = [highWord(int64(value)), lowWord(int64(value))];
      expect([high | 0, low | 0]).toEqual([high, low]);
      expect(int64OfWords(high, low)).toBe(int64(value));
    }
  });

  it('compare and print as the integers they are', () => {
    for (let i = 0; i < VALUES.length; i++) {
      const [a, b] = [VALUES[i], VALUES[(i * 7 + 1) % VALUES.length]] as [bigint, bigint];
      expect(int64(a) < int64(b)).toBe(a < b);
      expect(int64(a) <= int64(b)).toBe(a <= b);
      expect(int64(a) === int64(b)).toBe(a === b);
      expect(String(int64(a))).toBe(a.toString());
    }
  });
});
