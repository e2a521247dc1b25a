/** Integer fields, against BigInt arithmetic over strings of '0' and '1'. */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../../src/base/prng.js';
import { ByteView } from '../../../src/store/types.js';
import { addToField, readField, setToField, writeField } from '../../../src/types/bitmap/field.js';

const OPERANDS = [0n, 1n, -1n, 127n, -128n, 2n ** 31n, -(2n ** 48n), 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n];

function viewOf(bytes: Uint8Array): ByteView {
  return new ByteView().set(bytes, new DataView(bytes.buffer), 0, bytes.length);
}

/** As commands hand them over: a BigInt only where a number would lose digits. */
function operandOf(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

describe('a field of a bitmap', () => {
  it('is read and written whatever its width and place, and nothing else is', () => {
    const random = new Prng(1);
    const bytes = Uint8Array.from({ length: 40 }, () => random.below(256));
    let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    for (let round = 0; round < 5000; round++) {
      const signed = random.below(2) === 0;
      const width = 1 + random.below(signed ? 64 : 63);
      const offset = random.below(bits.length - width + 1);
      const pattern = BigInt(`0b${bits.slice(offset, offset + width)}`);
      const expected = signed ? BigInt.asIntN(width, pattern) : pattern;
      const type = { signed, bits: width };
      expect(BigInt(readField(viewOf(bytes), offset, type))).toBe(expected);

      const drawn = (BigInt(random.nextU32()) << 32n) | BigInt(random.nextU32());
      const value = signed ? BigInt.asIntN(width, drawn) : BigInt.asUintN(width, drawn);
      writeField(viewOf(bytes), offset, type, width <= 48 ? Number(value) : value);
      const written = BigInt.asUintN(width, drawn).toString(2).padStart(width, '0');
      bits = bits.slice(0, offset) + written + bits.slice(offset + width);
      expect([...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')).toBe(bits);
    }
  });

  it('reads zeros behind the end of the string', () => {
    const view = viewOf(Uint8Array.of(0xff, 0xff));
    expect(readField(view, 12, { signed: false, bits: 8 })).toBe(0xf0);
    expect(readField(view, 16, { signed: true, bits: 64 })).toBe(0n);
    expect(readField(view, 2 ** 32, { signed: false, bits: 5 })).toBe(0);
  });

  it('wraps, saturates and refuses as exact arithmetic does', () => {
    const random = new Prng(3);
    for (let round = 0; round < 5000; round++) {
      const signed = random.below(2) === 0;
      const bits = 1 + random.below(signed ? 64 : 63);
      const type = { signed, bits };
      const max = (1n << BigInt(signed ? bits - 1 : bits)) - 1n;
      const min = signed ? -max - 1n : 0n;
      const drawn = (BigInt(random.nextU32()) << 32n) | BigInt(random.nextU32());
      const held = signed ? BigInt.asIntN(bits, drawn) : BigInt.asUintN(bits, drawn);
      const by = (OPERANDS[random.below(OPERANDS.length)] as bigint) * (random.below(2) === 0 ? 1n : -1n);
      const sum = held + by;
      const fits = sum >= min && sum <= max;
      const before = bits <= 48 ? Number(held) : held;
      const operand = operandOf(by);
      const wrapped = signed ? BigInt.asIntN(bits, sum) : BigInt.asUintN(bits, sum);
      expect(BigInt(addToField(type, before, operand, 'wrap') as number)).toBe(wrapped);
      const limit = sum > max ? max : min;
      expect(BigInt(addToField(type, before, operand, 'sat') as number)).toBe(fits ? sum : limit);
      expect(addToField(type, before, operand, 'fail') === undefined).toBe(!fits);
      const set = signed ? BigInt.asIntN(bits, by) : BigInt.asUintN(bits, by);
      expect(BigInt(setToField(type, operand, 'wrap') as number)).toBe(set);
    }
  });
});
