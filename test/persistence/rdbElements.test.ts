/** The elements of the RDB format: checksum, compression, lengths and strings. */
import { describe, expect, it, vi } from 'vitest';
import { Crc64 } from '../../src/base/crc64.js';
import { decompressLzf, LzfCompressor } from '../../src/base/lzf.js';
import { Prng } from '../../src/base/prng.js';
import { dataOf, RdbInput, RdbString } from '../../src/persistence/format/rdbInput.js';
import { RdbOutput } from '../../src/persistence/format/rdbOutput.js';

/** Text that repeats itself more or less, or noise. */
function sample(random: Prng, length: number): Buffer {
  const words = Array.from({ length: 1 + random.below(20) }, () => random.nextU32().toString(36));
  const noise = random.below(4);
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    if (noise > random.below(6)) bytes[at++] = random.below(256);
    else at += bytes.write(words[random.below(words.length)] as string, at, 'latin1');
  }
  return bytes;
}

describe('CRC64', () => {
  it('is that of Jones', () => {
    const sum = Buffer.alloc(8);
    const text = Buffer.from('123456789');
    new Crc64().update(text, 0, text.length).write(sum, 0);
    expect(sum.reverse().toString('hex')).toBe('e9c6d914c4b8d9ca');
  });

  it('comes out the same in whatever pieces it is fed', () => {
    const random = new Prng(1);
    const bytes = sample(random, 1000);
    const whole = new Crc64().update(bytes, 0, bytes.length);
    for (let round = 0; round < 200; round++) {
      const crc = new Crc64();
      let at = 0;
      while (at < bytes.length) {
        const next = Math.min(bytes.length, at + random.below(50));
        crc.update(bytes, at, next);
        at = next;
      }
      expect([crc.low, crc.high]).toEqual([whole.low, whole.high]);
    }
  });

  it('of long ranges is that of their parts, wherever they lie', () => {
    const random = new Prng(3);
    const bytes = sample(random, 300_000);
    for (let round = 0; round < 40; round++) {
      const start = random.below(100);
      const end = bytes.length - random.below(round % 2 === 0 ? 100 : 290_000);
      const pieces = new Crc64();
      for (let at = start; at < end; at += 1000) pieces.update(bytes, at, Math.min(end, at + 1000));
      const whole = new Crc64().update(bytes, start, end);
      expect([whole.low, whole.high]).toEqual([pieces.low, pieces.high]);
    }
  });

  it('needs no WebAssembly', () => {
    const bytes = sample(new Prng(4), 10_000);
    const whole = new Crc64().update(bytes, 0, bytes.length);
    vi.stubGlobal('WebAssembly', undefined);
    const without = new Crc64().update(bytes, 0, bytes.length);
    vi.unstubAllGlobals();
    expect([without.low, without.high]).toEqual([whole.low, whole.high]);
  });
});

describe('LZF', () => {
  it('gives back what it was given', () => {
    const random = new Prng(2);
    const lzf = new LzfCompressor();
    let saved = 0;
    for (let round = 0; round < 2000; round++) {
      const bytes = sample(random, random.below(round % 50 === 0 ? 40_000 : 300));
      const out = Buffer.alloc(bytes.length + 10, 0xee);
      const limit = random.below(bytes.length + 1);
      lzf.compress(dataOf(bytes), 0, bytes.length, out, 0, limit);
      expect(out.subarray(limit).every((byte) => byte === 0xee)).toBe(true);
      const end = lzf.compress(dataOf(bytes), 0, bytes.length, out, 0, bytes.length);
      if (end < 0) continue;
      saved += bytes.length - end;
      const back = Buffer.alloc(bytes.length);
      expect(decompressLzf(dataOf(out), 0, end, dataOf(back), 0, back.length)).toBe(true);
      expect(Buffer.compare(back, bytes)).toBe(0);
      expect(decompressLzf(dataOf(out), 0, end, dataOf(back), 0, back.length - 1)).toBe(false);
    }
    expect(saved).toBeGreaterThan(100_000);
  });

  it('never reads or writes outside, whatever it is given', () => {
    const random = new Prng(3);
    for (let round = 0; round < 5000; round++) {
      const bytes = Buffer.from(Array.from({ length: random.below(60) }, () => random.below(256)));
      const guarded = Buffer.alloc(200, 0xee);
      decompressLzf(dataOf(bytes), 0, bytes.length, dataOf(guarded.subarray(0, 150)), 0, 100);
      expect(guarded.subarray(100).every((byte) => byte === 0xee)).toBe(true);
    }
  });
});

describe('elements of the RDB format', () => {
  it('are read as they were written', () => {
    const random = new Prng(4);
    for (const compressing of [true, false]) {
      const out = new RdbOutput();
      out.compressing = compressing;
      const strings: Buffer[] = [];
      const texts = [
        '',
        '0',
        '-1',
        '127',
        '-129',
        '32768',
        '2147483647',
        '-2147483648',
        '2147483648',
        '007',
        '-0',
        '+1',
      ];
      for (const text of texts) strings.push(Buffer.from(text));
      for (let i = 0; i < 300; i++) strings.push(sample(random, random.below(i % 20 === 0 ? 20_000 : 100)));
      const counts = [0, 1, 63, 64, 16383, 16384, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER];
      const wide = [0n, 5n, 0xffffffffn, 1n << 40n, (1n << 63n) - 1n, -1n];
      const doubles = [0, -0, 1.5, Number.NEGATIVE_INFINITY, 5e-324];
      for (const each of counts) out.count(each);
      for (const each of wide) out.countBig(each);
      for (const each of doubles) out.double(each);
      for (const each of [0, 1_700_000_000_000, -5]) out.time(each);
      for (const each of strings) out.string(each, 0, each.length);

      const input = new RdbInput().open(out.buf, 0, out.length);
      for (const each of counts) expect(input.number()).toBe(each);
      for (const each of wide) expect(input.count64()).toBe(BigInt.asUintN(64, each));
      for (const each of doubles) expect(input.double()).toBe(each);
      for (const each of [0, 1_700_000_000_000, -5]) expect(input.time()).toBe(each);
      const text = new RdbString();
      for (const each of strings) {
        input.string(text);
        expect(text.latin1()).toBe(each.toString('latin1'));
      }
      expect(input.failed).toBe(false);
      expect(input.left).toBe(0);
    }
  });

  it('that are cut short fail, and stay failed', () => {
    const out = new RdbOutput();
    const words = Buffer.from('again and again and again and again');
    out.string(words, 0, words.length);
    const text = new RdbString();
    for (let end = 0; end < out.length; end++) {
      const input = new RdbInput().open(out.buf, 0, end);
      input.string(text);
      expect(input.failed).toBe(true);
      expect(input.count()).toBe(0);
      expect(input.byte()).toBe(0);
    }
  });
});
