import { describe, expect, it } from 'vitest';
import { latin1, writeInt } from '../../src/base/bytes.js';
import { Prng } from '../../src/base/prng.js';

function textOf(value: number): string {
  const buf = new Uint8Array(24);
  return latin1(buf, 3, writeInt(buf, 3, value));
}

describe('the text of an integer', () => {
  it('is right at every change of its length', () => {
    for (let power = 1; power <= 1e15; power *= 10) {
      for (const value of [power - 1, power, power + 1, -power, 1 - power])
        expect(textOf(value)).toBe(String(value || 0));
    }
  });

  it('is right at the limits of 32 bits and of safe integers', () => {
    for (const value of [0x7fffffff, 0x80000000, 0xffffffff, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      for (const each of [value, -value]) expect(textOf(each)).toBe(String(each));
    }
  });

  it('is right for any', () => {
    const random = new Prng(5);
    for (let i = 0; i < 20_000; i++) {
      const value = (random.below(2 ** 21) * 2 ** 32 + random.below(2 ** 30)) % 10 ** random.below(17);
      expect(textOf(value)).toBe(String(value));
    }
  });
});
