import { describe, expect, it } from 'vitest';
import { Copier } from '../../src/base/copy.js';
import { Prng } from '../../src/base/prng.js';
import { Arena } from '../../src/store/arena.js';
import { Hasher } from '../../src/store/hash.js';
import { Released } from '../../src/store/released.js';
import { CLASS_COUNT, CLASS_UNITS, classOf, MAX_BLOCK_UNITS } from '../../src/store/sizeClass.js';

describe('hash', () => {
  it('is HalfSipHash-1-3', () => {
    // Independent of the loops of the implementation: one round after the other on explicit state.
    const key = Buffer.from('0123456789abcdefXYZ');
    for (let length = 0; length <= key.length; length++) {
      const hasher = new Hasher(0x03020100, 0x07060504);
      expect(hasher.hash(key, 0, length) >>> 0).toBe(reference(key.subarray(0, length), 0x03020100, 0x07060504));
    }
  });

  it('is the same from bytes at any offset and from words', () => {
    const random = new Prng(1);
    const hasher = new Hasher(random.nextU32(), random.nextU32());
    const buf = Buffer.alloc(400);
    for (let i = 0; i < buf.length; i++) buf[i] = random.below(256);
    for (let length = 0; length <= 255; length++) {
      const expected = hasher.hash(buf, 0, length);
      const words = new Int32Array(80).fill(-1);
      Buffer.from(words.buffer).set(buf.subarray(0, length), 8);
      expect(hasher.hashWords(words, 2, length)).toBe(expected);
      for (const offset of [1, 2, 3, 7]) {
        const moved = Buffer.alloc(400, 0xee);
        moved.set(buf.subarray(0, length), offset);
        expect(hasher.hash(moved, offset, offset + length)).toBe(expected);
      }
    }
  });

  it('spreads similar keys evenly, and differently for each hash key', () => {
    const buckets = 1024;
    const count = 100 * buckets;
    for (const seed of [1, 2]) {
      const hasher = new Hasher(seed, 77);
      const low = new Int32Array(buckets);
      const high = new Int32Array(256);
      for (let i = 0; i < count; i++) {
        const key = Buffer.from(`user:${i}`);
        const hash = hasher.hash(key, 0, key.length);
        low[hash & (buckets - 1)]++;
        high[hash >>> 24]++;
      }
      // Chi-squared: mean = degrees of freedom, standard deviation = sqrt(2 * degrees).
      expect(chiSquared(low, count)).toBeLessThan(1023 + 6 * Math.sqrt(2 * 1023));
      expect(chiSquared(high, count)).toBeLessThan(255 + 6 * Math.sqrt(2 * 255));
    }
    const key = Buffer.from('key');
    expect(new Hasher(1, 2).hash(key, 0, 3)).not.toBe(new Hasher(1, 3).hash(key, 0, 3));
  });
});

describe('size classes', () => {
  it('hold what is asked for with at most an eighth to spare', () => {
    for (let units = 1; units <= MAX_BLOCK_UNITS; units++) {
      const size = CLASS_UNITS[classOf(units)];
      if (size < units || size - units > units / 8) expect.fail(`${units} units get ${size}`);
    }
    expect(classOf(MAX_BLOCK_UNITS)).toBe(CLASS_COUNT - 1);
    for (let cls = 0; cls < CLASS_COUNT; cls++) expect(classOf(CLASS_UNITS[cls])).toBe(cls);
  });
});

describe('arena', () => {
  for (const seed of [1, 2, 3]) {
    it(`keeps random blocks apart and whole, seed ${seed}`, () => {
      const random = new Prng(seed);
      const arena = new Arena();
      const released = new Released();
      const live = new Map<number, { cls: number; mark: number }>();
      const wordsOf = (block: number): Int32Array => arena.words[block >>> 19];
      const check = (block: number): void => {
        const { cls, mark } = live.get(block)!;
        const words = wordsOf(block);
        const at = (block & 0x7ffff) << 1;
        if (words[at] !== mark || words[at + 2 * CLASS_UNITS[cls] - 1] !== mark) expect.fail('a block was overwritten');
      };
      for (let round = 0; round < 12; round++) {
        const growing = round % 3 !== 2;
        const maxUnits = [8, 40, 600, MAX_BLOCK_UNITS][round % 4];
        for (let i = 0; i < 1500; i++) {
          if (random.below(10) < (growing ? 8 : 1)) {
            const cls = classOf(1 + random.below(maxUnits >> (maxUnits > 1000 ? random.below(6) : 0)));
            const block = arena.allocate(cls);
            if (live.has(block)) expect.fail('a block was handed out twice');
            const mark = random.nextU32() | 0;
            live.set(block, { cls, mark });
            const at = (block & 0x7ffff) << 1;
            wordsOf(block)[at] = mark;
            wordsOf(block)[at + 2 * CLASS_UNITS[cls] - 1] = mark;
            expect(arena.classAt(block)).toBe(cls);
          } else if (live.size > 0) {
            const block = [...live.keys()][random.below(Math.min(live.size, 500))];
            check(block);
            arena.free(block);
            live.delete(block);
          }
          if (random.below(100) === 0) arena.trim(released);
        }
        for (const block of live.keys()) check(block);
        arena.verify(new Set(live.keys()));
      }
      for (const block of live.keys()) arena.free(block);
      arena.verify(new Set());
      expect(arena.usedBytes).toBe(0);
      while (arena.trim(released));
      arena.verify(new Set());
    });
  }

  it('gives a released page to any other class and a released segment to any other kind', () => {
    const arena = new Arena(1);
    for (const cls of [0, 40, 80, 103, 5]) {
      const blocks: number[] = [];
      for (;;) {
        try {
          blocks.push(arena.allocate(cls));
        } catch {
          break;
        }
      }
      expect(blocks.length * CLASS_UNITS[cls] * 8).toBeGreaterThan(3_000_000);
      arena.verify(new Set(blocks));
      for (const block of blocks) arena.free(block);
      // The last page of a class is kept for its next block; here nobody would come.
      arena.reset();
      arena.verify(new Set());
    }
  });
});

describe('copying', () => {
  it('is exact for every length, alignment and overlap', () => {
    const copier = new Copier();
    const random = new Prng(3);
    for (let i = 0; i < 3000; i++) {
      const length = random.below(i % 10 === 0 ? 5000 : 300);
      const source = Buffer.alloc(length + 16);
      for (let j = 0; j < source.length; j++) source[j] = random.below(256);
      const target = Buffer.from(new SharedArrayBuffer(length + 32)).fill(0xaa);
      const [from, at] = [random.below(9), random.below(9)];
      const expected = Buffer.alloc(length + 32, 0xaa);
      source.copy(expected, at, from, from + length);
      const data = new DataView(target.buffer);
      copier.copy(target, data, at, source, from, from + length);
      if (!target.equals(expected)) expect.fail(`length ${length}, ${from} to ${at}`);
      const overlap = Buffer.from(target);
      overlap.copyWithin(at + 3, at, at + length);
      copier.copy(target, data, at + 3, target, at, at + length);
      if (!target.equals(overlap)) expect.fail(`overlap, length ${length}`);
    }
  });
});

function chiSquared(observed: Int32Array, count: number): number {
  const expected = count / observed.length;
  return observed.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
}

/** The definition of HalfSipHash-1-3 with BigInt arithmetic. */
function reference(key: Buffer, k0: number, k1: number): number {
  const mask = 0xffffffffn;
  const v = [BigInt(k0), BigInt(k1), BigInt(k0) ^ 0x6c796765n, BigInt(k1) ^ 0x74656462n];
  const rotate = (x: bigint, n: bigint): bigint => ((x << n) | (x >> (32n - n))) & mask;
  const mix = (a: number, b: number, n: bigint): void => {
    v[a] = (v[a] + v[b]) & mask;
    v[b] = rotate(v[b], n) ^ v[a];
  };
  const round = (): void => {
    mix(0, 1, 5n);
    v[0] = rotate(v[0], 16n);
    mix(2, 3, 8n);
    mix(0, 3, 7n);
    mix(2, 1, 13n);
    v[2] = rotate(v[2], 16n);
  };
  const padded = Buffer.alloc((Math.floor(key.length / 4) + 1) * 4);
  key.copy(padded);
  padded[padded.length - 1] = key.length;
  for (let i = 0; i < padded.length; i += 4) {
    const word = BigInt(padded.readUInt32LE(i));
    v[3] ^= word;
    round();
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  for (let i = 0; i < 3; i++) round();
  return Number(v[1] ^ v[3]);
}
