import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { addLongDouble, formatLongDouble, parseLongDouble } from '../../src/types/string/longDouble.js';

/** What INCRBYFLOAT makes of the two texts. */
function sum(a: string, b: string): string {
  const x = parseLongDouble(a);
  const y = parseLongDouble(b);
  if (x === undefined || y === undefined) return 'invalid';
  if (x === 'infinite' || y === 'infinite') return 'infinite';
  const result = addLongDouble(x, y);
  return result === 'infinite' ? result : formatLongDouble(result);
}

/** Recorded from strtold, an 80-bit addition and printf("%.17Lf") of a C program on x86-64. */
const RECORDED: readonly (readonly [a: string, b: string, sum: string])[] = [
  ['3.0', '1.1', '4.1'],
  ['10.5', '0.1', '10.6'],
  ['0.1', '0.2', '0.3'],
  ['1', '-1', '0'],
  ['-0.0', '-0.0', '0'],
  ['5.0e3', '2.0e2', '5200'],
  ['3', '1.000000000000000005', '4.00000000000000001'],
  ['1.1', '-1.1', '0'],
  ['-0.000000000000000001', '0', '0'],
  ['0.000000000000000005', '0', '0'],
  ['0.000000000000000015', '0', '0.00000000000000002'],
  ['0.000000000000000025', '0', '0.00000000000000002'],
  ['1.00000000000000000250', '0', '1'],
  ['9223372036854775807', '1', '9223372036854775808'],
  ['18446744073709551615', '1', '18446744073709551616'],
  ['18446744073709551616', '1', '18446744073709551616'],
  ['36893488147419103232', '1', '36893488147419103232'],
  ['36893488147419103233', '0', '36893488147419103232'],
  ['123456789012345678901234567890', '0.5', '123456789012345678899921813504'],
  ['1e30', '1', '1000000000000000000024696061952'],
  ['1e-17', '1e-17', '0.00000000000000002'],
  ['1e-30', '-1e-30', '0'],
  ['1e4932', '1e4932', 'infinite'],
  ['1.19e4932', '1', 'invalid'],
  ['-1.19e4932', '1', 'invalid'],
  ['3.65e-4951', '0', '0'],
  ['1.9e-4951', '0', '0'],
  ['1.8e-4951', '0', 'invalid'],
  ['1e-99999999999', '0', 'invalid'],
  ['0e99999999999', '0', '0'],
  ['0e-99999999999', '7', '7'],
  ['1e99999999999', '0', 'invalid'],
  ['0x10', '1', '17'],
  ['0X1.8p1', '0.25', '3.25'],
  ['0x.8', '0', '0.5'],
  ['-0x1p-3', '1', '0.875'],
  ['0x1p16384', '0', 'invalid'],
  ['0x1p-16445', '0', '0'],
  ['0x1p-16446', '0', 'invalid'],
  ['0x1.8p-16446', '0', '0'],
  ['0x', '0', 'invalid'],
  ['0x.p1', '0', 'invalid'],
  ['0x1p', '0', 'invalid'],
  ['0x1.00000000000000018p0', '0', '1'],
  ['inf', '1', 'infinite'],
  ['-Infinity', 'inf', 'infinite'],
  ['nan', '1', 'invalid'],
  ['nan(1)', '1', 'invalid'],
  ['infinit', '1', 'invalid'],
  ['.', '0', 'invalid'],
  ['.5', '5.', '5.5'],
  ['+7', '-7.25', '-0.25'],
  ['-.5e1', '5', '0'],
  ['1e', '0', 'invalid'],
  ['1e+', '0', 'invalid'],
  [' 1', '0', 'invalid'],
  ['1 ', '0', 'invalid'],
  ['1\n', '0', 'invalid'],
  ['1e5x', '0', 'invalid'],
  ['--1', '0', 'invalid'],
  ['', '0', 'invalid'],
  ['1,5', '0', 'invalid'],
];

describe('long double', () => {
  for (const [a, b, want] of RECORDED) {
    it(`${JSON.stringify(a)} + ${JSON.stringify(b)} is ${want}`, () => {
      expect(sum(a, b)).toBe(want);
    });
  }

  it('prints the largest values in full', () => {
    const text = sum('1.18e4932', '1');
    expect(text).toHaveLength(4933);
    expect(text.startsWith('118000000000000000000065281291809369920269043714016047172983')).toBe(true);
  });

  it('takes texts of up to 5119 bytes', () => {
    expect(sum('7'.padStart(5119, '0'), '1')).toBe('8');
    expect(sum('7'.padStart(5120, '0'), '1')).toBe('invalid');
  });

  it('reads back what it printed, as long as 17 decimals hold it', () => {
    const random = new Prng(20260801);
    for (let i = 0; i < 5000; i++) {
      const decimals = random.below(9);
      const a = (random.below(2 ** 32) - 2 ** 31) * 10 ** -decimals;
      const b = (random.below(2 ** 32) - 2 ** 31) * 10 ** -random.below(9);
      const text = sum(a.toFixed(decimals), b.toFixed(8));
      expect(sum(text, '0')).toBe(text);
    }
  });

  it('adds integers of up to 63 bits exactly', () => {
    const random = new Prng(7);
    for (let i = 0; i < 5000; i++) {
      const a = BigInt.asIntN(62, (BigInt(random.nextU32()) << 32n) | BigInt(random.nextU32()));
      const b =
        BigInt.asIntN(62, (BigInt(random.nextU32()) << 32n) | BigInt(random.nextU32())) >> BigInt(random.below(60));
      expect(sum(a.toString(), b.toString())).toBe((a + b).toString());
    }
  });
});
