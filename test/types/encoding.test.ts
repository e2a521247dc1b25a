import { describe, expect, it } from 'vitest';
import { ENCODING_DEFAULT, ENCODING_RAW } from '../../src/store/types.js';
import { ENCODING_EMBSTR, isSharedInteger, stringEncoding } from '../../src/types/string/encoding.js';

function encodingOf(text: string, mark = ENCODING_DEFAULT): string {
  // Padded, so that a range is really used as one.
  const buf = Buffer.from(`7${text}7`, 'latin1');
  return stringEncoding(buf, 1, buf.length - 1, mark);
}

function isShared(text: string): boolean {
  const buf = Buffer.from(`7${text}7`, 'latin1');
  return isSharedInteger(buf, 1, buf.length - 1);
}

describe('string encoding', () => {
  for (const text of ['0', '1', '-1', '9999', '9007199254740993', '9223372036854775807', '-9223372036854775808']) {
    it(`${text} is int`, () => expect(encodingOf(text)).toBe('int'));
  }

  for (const text of [
    '',
    '-',
    '-0',
    '00',
    '+1',
    ' 1',
    '1 ',
    '1.0',
    '9223372036854775808',
    '-9223372036854775809',
    '99999999999999999999',
    'x'.repeat(44),
  ]) {
    it(`${JSON.stringify(text)} is embstr`, () => expect(encodingOf(text)).toBe('embstr'));
  }

  it('more than 44 bytes are raw', () => expect(encodingOf('x'.repeat(45))).toBe('raw'));

  it('a value changed in place is raw, whatever it holds', () => {
    expect(encodingOf('1', ENCODING_RAW)).toBe('raw');
    expect(encodingOf('', ENCODING_RAW)).toBe('raw');
  });
});

describe('the encoding of a computed result', () => {
  it('is never int', () => {
    expect(encodingOf('3', ENCODING_EMBSTR)).toBe('embstr');
    expect(encodingOf('3'.repeat(45), ENCODING_EMBSTR)).toBe('raw');
  });
});

describe('shared integers', () => {
  it('are those from 0 to 9999', () => {
    expect(isShared('0')).toBe(true);
    expect(isShared('9999')).toBe(true);
    expect(isShared('10000')).toBe(false);
    expect(isShared('-1')).toBe(false);
    expect(isShared('a')).toBe(false);
    expect(isShared('01')).toBe(false);
  });
});
