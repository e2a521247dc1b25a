import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.js';
import { formatStoredScore, parseDouble, parseScore } from '../../../src/types/zset/score.js';

function parsed(text: string): number {
  const bytes = Buffer.from(`<${text}>`, 'latin1');
  return parseScore(bytes, 1, bytes.length - 1);
}

describe('scores', () => {
  it('are read as strtod reads them', () => {
    const cases: readonly (readonly [string, number])[] = [
      ['0', 0],
      ['-0', -0],
      ['+5', 5],
      ['.5', 0.5],
      ['5.', 5],
      ['-1.25', -1.25],
      ['007', 7],
      ['1e3', 1000],
      ['1E-2', 0.01],
      ['123456789012345', 123456789012345],
      ['1234567890123456789', 1234567890123456800],
      ['0.000000000000001', 1e-15],
      ['0x10', 16],
      ['-0x1p3', -8],
      ['0x.8', 0.5],
      ['0x0', 0],
      ['0e9', 0],
      ['5e-324', 5e-324],
      ['1.7976931348623157e308', Number.MAX_VALUE],
      ['inf', Number.POSITIVE_INFINITY],
      ['-Infinity', Number.NEGATIVE_INFINITY],
    ];
    for (const [text, value] of cases) expect([text, parsed(text)]).toEqual([text, value]);
  });

  it('are refused when they are something else, or beyond what a double holds', () => {
    const bad = [
      '',
      ' ',
      ' 1',
      '1 ',
      '+',
      '-',
      '.',
      '1..2',
      '1e',
      'e1',
      '0x',
      '0xg',
      'nan',
      'abc',
      '1_0',
      '1\0',
      '--1',
    ];
    for (const text of [...bad, '1e400', '-1e400', '1e-400', '0x1p9999', '0x1p-9999', '(1', 'in', 'infin']) {
      expect([text, parsed(text)]).toEqual([text, Number.NaN]);
    }
    expect(parseDouble('1e400')).toBe(Number.POSITIVE_INFINITY);
    expect(parseDouble('1e-400')).toBe(0);
  });

  it('are read the short way as JavaScript reads them', () => {
    const prng = new Prng(3);
    for (let i = 0; i < 20_000; i++) {
      const digits = String(prng.below(10 ** (1 + prng.below(9)))) + (prng.below(2) === 0 ? '' : prng.below(1e6));
      const at = prng.below(digits.length + 1);
      const text = `${prng.below(2) === 0 ? '-' : ''}${digits.slice(0, at)}.${digits.slice(at)}`;
      expect([text, parsed(text)]).toEqual([text, Number(text)]);
    }
  });

  it('are printed by ZSCAN with 17 digits', () => {
    const cases: readonly (readonly [number, string])[] = [
      [0.1, '0.10000000000000001'],
      [3, '3'],
      [-2.5, '-2.5'],
      [1e16, '10000000000000000'],
      [1e17, '1e+17'],
      [1e-5, '1.0000000000000001e-05'],
      [0.0001, '0.0001'],
      [1.5e300, '1.5000000000000001e+300'],
      [123456789.123, '123456789.123'],
      [-0, '-0'],
      [Number.NEGATIVE_INFINITY, '-inf'],
    ];
    for (const [score, text] of cases) expect(formatStoredScore(score)).toBe(text);
  });
});
