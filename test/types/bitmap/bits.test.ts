/** Counting, searching and combining bits, against strings of '0' and '1'. */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.js';
import { ByteView } from '../../../src/store/types.js';
import { countOnes, findBit } from '../../../src/types/bitmap/bits.js';
import { type BitOperation, combine } from '../../../src/types/bitmap/operate.js';

/** Bytes at an odd place of a larger buffer full of ones, which must not be looked at. */
function viewOf(bytes: Uint8Array): ByteView {
  const around = Buffer.alloc(bytes.length + 16, 0xff);
  around.set(bytes, 5);
  return new ByteView().set(around, new DataView(around.buffer, around.byteOffset), 5, 5 + bytes.length);
}

function randomBytes(random: Prng, length: number): Uint8Array {
  const kind = random.below(3);
  return Uint8Array.from({ length }, () => {
    if (kind === 0) return random.below(256);
    // Long runs of one byte, so that words are skipped.
    const rare = random.below(40) === 0 ? random.below(256) : 0;
    return kind === 1 ? rare : 0xff ^ rare;
  });
}

function text(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
}

describe('bits of a string', () => {
  it('are counted and found in any range', () => {
    const random = new Prng(1);
    for (let round = 0; round < 3000; round++) {
      const bytes = randomBytes(random, 1 + random.below(150));
      const bits = text(bytes);
      const view = viewOf(bytes);
      const first = random.below(bits.length);
      const last = first + random.below(bits.length - first);
      const part = bits.slice(first, last + 1);
      expect(countOnes(view, first, last)).toBe(part.replaceAll('0', '').length);
      for (const bit of [0, 1]) {
        const at = part.indexOf(String(bit));
        expect(findBit(view, first, last, bit)).toBe(at < 0 ? -1 : first + at);
      }
    }
  });

  it('are counted, found and combined in strings of many chunks', () => {
    const bytes = new Uint8Array(300_001);
    const at = 8 * 250_000 + 3;
    bytes[250_000] = 0x80 >> 3;
    expect(findBit(viewOf(bytes), 5, bytes.length * 8 - 1, 1)).toBe(at);
    expect(findBit(viewOf(bytes), 5, at - 1, 1)).toBe(-1);
    expect(findBit(viewOf(bytes), at + 1, bytes.length * 8 - 1, 1)).toBe(-1);
    expect(countOnes(viewOf(bytes), 0, bytes.length * 8 - 1)).toBe(1);
    const inverse = new Uint8Array(300_001);
    combine('not', inverse, new DataView(inverse.buffer), viewOf(bytes));
    expect(findBit(viewOf(inverse), 0, bytes.length * 8 - 1, 0)).toBe(at);
    expect(countOnes(viewOf(inverse), 1, bytes.length * 8 - 2)).toBe(bytes.length * 8 - 3);
    combine('and', inverse, new DataView(inverse.buffer), viewOf(inverse.slice(0, 200_000)));
    expect(countOnes(viewOf(inverse), 0, bytes.length * 8 - 1)).toBe(200_000 * 8);
    combine('xor', inverse, new DataView(inverse.buffer), viewOf(inverse.slice()));
    expect(countOnes(viewOf(inverse), 0, bytes.length * 8 - 1)).toBe(0);
    combine('or', inverse, new DataView(inverse.buffer), viewOf(bytes));
    expect(Buffer.compare(inverse, bytes)).toBe(0);
  });

  it('are combined as if the shorter string ended in zeros', () => {
    const random = new Prng(2);
    const rules: Record<BitOperation, (a: number, b: number) => number> = {
      and: (a, b) => a & b,
      or: (a, b) => a | b,
      xor: (a, b) => a ^ b,
      not: (_, b) => ~b & 0xff,
    };
    for (let round = 0; round < 500; round++) {
      for (const operation of ['and', 'or', 'xor', 'not'] as const) {
        const target = randomBytes(random, 1 + random.below(40));
        const length = operation === 'not' ? target.length : random.below(target.length + 1);
        const source = randomBytes(random, length);
        const rule = rules[operation];
        const beyond = operation === 'and' ? 0 : undefined;
        const expected = target.map((byte, i) => (i < length ? rule(byte, source[i]) : (beyond ?? byte)));
        combine(operation, target, new DataView(target.buffer), viewOf(source));
        expect(target).toEqual(expected);
      }
    }
  });
});
