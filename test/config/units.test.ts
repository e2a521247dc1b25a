import { describe, expect, it } from 'vitest';
import { formatMemory, parseCanonicalInteger, parseCInteger, parseMemory, parseOctal } from '../../src/config/units.js';

describe('parseMemory', () => {
  it.each([
    ['0', 0n],
    ['64', 64n],
    ['64b', 64n],
    ['1k', 1000n],
    ['1kb', 1024n],
    ['1M', 1000000n],
    ['1MB', 1048576n],
    ['2g', 2000000000n],
    ['2Gb', 2147483648n],
    ['', 0n],
    ['mb', 0n],
    ['18446744073709551616', 18446744073709551615n],
    ['-1', undefined],
    ['1.5gb', undefined],
    ['1tb', undefined],
    [' 1', undefined],
    ['1 kb', undefined],
  ])('%j is %s bytes', (text, bytes) => {
    expect(parseMemory(text)).toBe(bytes);
  });

  it('reads back what formatMemory writes', () => {
    for (const bytes of [0n, 1n, 1000n, 1024n, 1536n, 3n << 20n, 5n << 30n, (1n << 63n) + 1n]) {
      expect(parseMemory(formatMemory(bytes))).toBe(bytes);
    }
    expect(formatMemory(3n << 20n)).toBe('3mb');
  });
});

describe('the readings of an integer', () => {
  it('are strict where Redis is: no plus, no leading zero, no space', () => {
    expect(['0', '-5', '9223372036854775807'].map(parseCanonicalInteger)).toEqual([0n, -5n, 9223372036854775807n]);
    for (const text of ['', '-', '-0', '01', '+1', ' 1', '1 ', '9223372036854775808']) {
      expect(parseCanonicalInteger(text), text).toBeUndefined();
    }
  });

  it('are lax where it uses strtoll, and stop at the ends of the range', () => {
    expect(['', ' +05', '-3', '99999999999999999999'].map(parseCInteger)).toEqual([0n, 5n, -3n, (1n << 63n) - 1n]);
    expect(['5x', '-', '1 ', '0x10'].map(parseCInteger)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('are octal for permissions', () => {
    expect(['755', '0755', ''].map(parseOctal)).toEqual([0o755n, 0o755n, 0n]);
    expect(['8', '7777777777777777777777'].map(parseOctal)).toEqual([undefined, undefined]);
  });
});
