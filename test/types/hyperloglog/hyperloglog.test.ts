/** HyperLogLogs in the store, against plain arrays of registers. That their bytes are Redis's is what the specs compare. */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.js';
import type { Database } from '../../../src/store/database.js';
import { ENCODING_RAW, NO_EXPIRE, TYPE_STRING } from '../../../src/store/types.js';
import {
  CHANGED,
  CORRUPT,
  HyperLogLogEditor,
  mergeRegisters,
  UNCHANGED,
} from '../../../src/types/hyperloglog/editor.js';
import { estimate } from '../../../src/types/hyperloglog/estimate.js';
import {
  DENSE_BYTES,
  EMPTY_VALUE,
  HISTOGRAM_SIZE,
  isHyperLogLog,
  REGISTERS,
} from '../../../src/types/hyperloglog/layout.js';
import { INDEX_BITS, INDEX_MASK, patternOf } from '../../../src/types/hyperloglog/pattern.js';
import { newStore } from '../../store/model.js';

const KEY = Buffer.from('key');

function newValue(db: Database, sparseMaxBytes: number, value: Uint8Array = EMPTY_VALUE): HyperLogLogEditor {
  const ref = db.putTyped(TYPE_STRING, ENCODING_RAW, KEY, 0, KEY.length, value, 0, value.length, NO_EXPIRE);
  return new HyperLogLogEditor(db, ref, sparseMaxBytes);
}

function registersOf(db: Database, editor: HyperLogLogEditor): Uint8Array | undefined {
  const registers = new Uint8Array(REGISTERS);
  const value = db.readValue(editor.ref);
  return isHyperLogLog(value) && mergeRegisters(registers, value) ? registers : undefined;
}

/** MurmurHash64A by its definition. */
function hash(bytes: Uint8Array): bigint {
  const multiplier = 0xc6a4a7935bd1e995n;
  const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
  let h = 0xadc83b19n ^ u64(BigInt(bytes.length) * multiplier);
  const whole = bytes.length - (bytes.length % 8);
  for (let at = 0; at < bytes.length; at += 8) {
    let key = 0n;
    for (let i = Math.min(bytes.length, at + 8) - 1; i >= at; i--) key = (key << 8n) | BigInt(bytes[i] as number);
    if (at < whole) {
      key = u64(key * multiplier);
      key = u64((key ^ (key >> 47n)) * multiplier);
    }
    h = u64((h ^ key) * multiplier);
  }
  h = u64((h ^ (h >> 47n)) * multiplier);
  return h ^ (h >> 47n);
}

describe('the pattern of an element', () => {
  it('is that of its 64-bit hash', () => {
    const random = new Prng(7);
    for (let round = 0; round < 4000; round++) {
      const bytes = Uint8Array.from({ length: random.below(40) }, () => random.below(256));
      const expected = hash(bytes);
      const pattern = patternOf(Buffer.concat([Buffer.from('abc'), bytes]), 3, 3 + bytes.length);
      expect(pattern & INDEX_MASK).toBe(Number(expected & 0x3fffn));
      const rest = (expected >> 14n) | (1n << 50n);
      expect(pattern >>> INDEX_BITS).toBe(rest.toString(2).length - rest.toString(2).lastIndexOf('1'));
    }
  });
});

describe('a HyperLogLog in the store', () => {
  it('holds the greatest count of each register, sparse or dense', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = new Prng(seed);
      const db = newStore(seed).databases[0] as Database;
      const editor = newValue(db, [0, 60, 3000, 40_000][seed % 4] as number);
      const model = new Uint8Array(REGISTERS);
      // Near each other, so that runs of values meet; or anywhere.
      const spread = [40, 2000, REGISTERS][seed % 3] as number;
      for (let step = 1; step <= 3000; step++) {
        const index = random.below(spread);
        const count = 1 + random.below(random.below(300) === 0 ? 51 : 4);
        const expected = count > (model[index] as number) ? CHANGED : UNCHANGED;
        expect(editor.raise(index, count)).toBe(expected);
        model[index] = Math.max(model[index] as number, count);
        if (step % 100 !== 0) continue;
        expect(Buffer.compare(registersOf(db, editor) ?? Buffer.alloc(0), model)).toBe(0);
        if (step === 2900) expect(editor.toDense()).toBe(true);
      }
      expect(db.valueLength(editor.ref)).toBe(DENSE_BYTES);
      expect(registersOf(db, editor)).toEqual(model);
    }
  });

  it('changes whatever runs another server has written', () => {
    const random = new Prng(5);
    for (let round = 0; round < 300; round++) {
      const runs: number[] = [];
      const model: number[] = [];
      while (model.length < REGISTERS) {
        const left = REGISTERS - model.length;
        const value = random.below(33);
        const long = random.below(3) === 0;
        const length = Math.min(left, 1 + random.below(value > 0 ? 4 : long ? 3000 : 64));
        if (value > 0) runs.push(0x80 | ((value - 1) << 2) | (length - 1));
        else if (long) runs.push(0x40 | ((length - 1) >> 8), (length - 1) & 255);
        else runs.push(length - 1);
        for (let i = 0; i < length; i++) model.push(value);
      }
      const db = newStore(round).databases[0] as Database;
      const editor = newValue(db, 70_000, Uint8Array.from([...EMPTY_VALUE.subarray(0, 16), ...runs]));
      for (let step = 0; step < 20; step++) {
        const index = random.below(REGISTERS);
        const count = 1 + random.below(32);
        expect(editor.raise(index, count)).toBe(count > (model[index] as number) ? CHANGED : UNCHANGED);
        model[index] = Math.max(model[index] as number, count);
      }
      expect(Buffer.compare(registersOf(db, editor) ?? Buffer.alloc(0), Uint8Array.from(model))).toBe(0);
    }
  });

  it('tells runs that do not cover all registers', () => {
    const forged = [[], [0], [0x7f, 0xfe], [0x7f, 0xff, 0], [0x7f], [0x83, 0x7f, 0xfc]];
    for (const runs of forged) {
      const db = newStore(1).databases[0] as Database;
      const editor = newValue(db, 3000, Uint8Array.from([...EMPTY_VALUE.subarray(0, 16), ...runs]));
      expect(registersOf(db, editor)).toBeUndefined();
      expect(editor.toDense()).toBe(false);
      if (runs.length < 2) expect(editor.raise(100, 1)).toBe(CORRUPT);
    }
  });
});

describe('the estimate', () => {
  it('is within five standard errors', () => {
    const histogramOf = (registers: Uint8Array): Int32Array => {
      const histogram = new Int32Array(HISTOGRAM_SIZE);
      for (const register of registers) histogram[register]++;
      return histogram;
    };
    const registers = new Uint8Array(REGISTERS);
    expect(estimate(histogramOf(registers))).toBe(0);
    for (let n = 1; n <= 200_000; n++) {
      const bytes = Buffer.from(`element ${n}`);
      const pattern = patternOf(bytes, 0, bytes.length);
      const index = pattern & INDEX_MASK;
      registers[index] = Math.max(registers[index] as number, pattern >>> INDEX_BITS);
      if (![1, 10, 100, 1000, 10_000, 50_000, 200_000].includes(n)) continue;
      expect(Math.abs(estimate(histogramOf(registers)) - n)).toBeLessThanOrEqual(Math.ceil(n * 5 * 0.0082));
    }
  });

  it('of forged registers is no number of elements', () => {
    const histogram = new Int32Array(HISTOGRAM_SIZE);
    histogram[63] = REGISTERS;
    expect(estimate(histogram)).toBe(-(2 ** 63));
  });
});
