import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.js';
import {
  ALLOW_AUTO,
  ALLOW_ENDS,
  ID_INVALID,
  ID_WHOLE,
  ID_WITHOUT_SEQUENCE,
  MISSING_IS_MAX,
  StreamId,
} from '../../../src/types/stream/id.js';
import { difference } from '../../../src/types/stream/nodeFormat.js';
import { countRadixNodes } from '../../../src/types/stream/radix.js';
import { idOf } from './model.js';

const MAX = (1n << 64n) - 1n;

function parse(text: string, allowed = 0): [number, string] {
  const bytes = Buffer.from(text, 'latin1');
  const id = new StreamId();
  return [id.parse(bytes, 0, bytes.length, allowed), id.toString()];
}

describe('an id', () => {
  it.each([
    ['0', '0-0'],
    ['1-2', '1-2'],
    ['1700000000000-5', '1700000000000-5'],
    ['999999999999999-999999999999999', '999999999999999-999999999999999'],
    ['9007199254740993-4294967296', '9007199254740993-4294967296'],
    ['18446744073709551615-18446744073709551615', '18446744073709551615-18446744073709551615'],
    [' 7-+3', '7-3'],
    ['1--05', '1-18446744073709551611'],
    ['5-6\x00-7', '5-6'],
  ])('is read from %j', (text, expected) => {
    expect(parse(text)).toEqual([ID_WHOLE, expected]);
  });

  it.each(['', '-', '+', '*', 'a', '1-', '-1', '1-a', '1-2-3', '1-*', '1-2 ', '18446744073709551616', '1--5', '\x00'])(
    'is not read from %j',
    (text) => {
      expect(parse(text)[0]).toBe(ID_INVALID);
    },
  );

  it('may be an end, lack its sequence, or leave it to the server, where that is allowed', () => {
    expect(parse('-', ALLOW_ENDS)).toEqual([ID_WHOLE, '0-0']);
    expect(parse('+', ALLOW_ENDS)).toEqual([ID_WHOLE, `${MAX}-${MAX}`]);
    expect(parse('5', MISSING_IS_MAX)).toEqual([ID_WHOLE, `5-${MAX}`]);
    expect(parse('5-*', ALLOW_AUTO)).toEqual([ID_WITHOUT_SEQUENCE, '5-0']);
    expect(parse('10000000000000000000-*', ALLOW_AUTO)).toEqual([ID_WITHOUT_SEQUENCE, '10000000000000000000-0']);
  });

  it('is ordered, incremented and decremented as one number of 128 bits', () => {
    const random = new Prng(1);
    const word = (): bigint => {
      const edges = [0n, 1n, 0xffffffffn, 0x100000000n, 1n << 63n, MAX, MAX - 1n];
      const edge = edges[random.below(10)];
      return edge ?? (BigInt(random.nextU32()) << 32n) | BigInt(random.nextU32());
    };
    const whole = (id: StreamId): bigint => {
      const [ms, seq] = id.toString().split('-') as [string, string];
      return (BigInt(ms) << 64n) | BigInt(seq);
    };
    for (let i = 0; i < 3000; i++) {
      const [a, b] = [idOf(word(), word()), idOf(word(), word())];
      const order = whole(a) < whole(b) ? -1 : whole(a) > whole(b) ? 1 : 0;
      expect(Math.sign(a.compare(b))).toBe(order);
      const diff = difference(a.msHigh, a.msLow, b.msHigh, b.msLow);
      expect(BigInt(diff)).toBe(BigInt.asIntN(64, (whole(a) >> 64n) - (whole(b) >> 64n)));
      const before = whole(a);
      expect(a.increment()).toBe(before !== (1n << 128n) - 1n);
      expect(whole(a)).toBe(BigInt.asUintN(128, before + 1n));
      a.decrement();
      expect(whole(a)).toBe(before);
    }
  });
});

describe('the nodes of Redis’s radix tree', () => {
  const count = (...ids: [number | bigint, number][]): number =>
    countRadixNodes((visit) => {
      for (const [ms, seq] of ids) visit(idOf(ms, seq));
    });

  it('are counted as XINFO STREAM shows them', () => {
    expect(count()).toBe(1);
    expect(count([1, 1])).toBe(2);
    expect(count([0, 1], [0, 2])).toBe(4);
    expect(count([0, 1], [0, 2], [0, 256])).toBe(7);
    expect(count([0, 1], [1n << 56n, 1])).toBe(5);
  });
});
