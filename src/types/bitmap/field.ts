/**
 * BITFIELD: integers of 1 to 64 bits anywhere in a string, the most significant bit first.
 *
 *   u5 at offset 6   | 0 1 2 3 4 5 6 7 | 8 9 . . . . . . |
 *                                 [value, bit 6 to 10]
 *
 * Up to {@link NARROW_BITS} bits plain numbers are exact, which is what counters use; wider fields and operands go by BigInt.
 */
import type { ByteView } from '../../store/types.js';

/** i1 to i64 or u1 to u63. */
export interface FieldType {
  readonly signed: boolean;
  readonly bits: number;
}

/** What becomes of a result that does not fit: it wraps around, stays at the limit, or is not stored. */
export type Overflow = 'wrap' | 'sat' | 'fail';

const NARROW_BITS = 48;
/** A narrow value and an operand up to this make an exact sum. */
const NARROW_OPERAND = 2 ** 51;

/** What a field holds. Bits behind the end of the string are 0. */
export function readField(view: ByteView, offset: number, { signed, bits }: FieldType): number | bigint {
  if (bits <= NARROW_BITS) {
    const value = readBits(view, offset, bits);
    return signed && value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
  }
  const high = readBits(view, offset, bits - 32);
  const value = (BigInt(high) << 32n) | BigInt(readBits(view, offset + bits - 32, 32));
  return signed ? BigInt.asIntN(bits, value) : value;
}

/** Writes a value that fits the field, which must lie in the string. */
export function writeField(view: ByteView, offset: number, { bits }: FieldType, value: number | bigint): void {
  if (typeof value === 'number') return writeBits(view, offset, bits, value < 0 ? value + 2 ** bits : value);
  const pattern = BigInt.asUintN(bits, value);
  if (bits <= NARROW_BITS) return writeBits(view, offset, bits, Number(pattern));
  writeBits(view, offset, bits - 32, Number(pattern >> 32n));
  writeBits(view, offset + bits - 32, 32, Number(pattern & 0xffffffffn));
}

/** `value + by` as the field holds it; undefined when it does not fit and is to fail. */
export function addToField(
  type: FieldType,
  value: number | bigint,
  by: number | bigint,
  overflow: Overflow,
): number | bigint | undefined {
  if (typeof value === 'number' && isNarrow(by)) return fitNarrow(type, value + by, overflow);
  return fitWide(type, BigInt(value) + BigInt(by), overflow);
}

/** `value` as the field holds it when it is set to it; undefined when it does not fit and is to fail. */
export function setToField(type: FieldType, value: number | bigint, overflow: Overflow): number | bigint | undefined {
  const { signed, bits } = type;
  // Redis takes what it sets an unsigned field to as unsigned: negative numbers are too great, not too small.
  if (!signed && value < 0) return fitWide(type, BigInt.asUintN(64, BigInt(value)), overflow);
  if (bits <= NARROW_BITS && isNarrow(value)) return fitNarrow(type, value, overflow);
  const exact = BigInt(value);
  // And the distance of the smallest integers from a field's maximum overflows there, which makes them too great as well.
  const tooFar = signed && bits < 64 && maxOf(type) - exact > 0x7fffffffffffffffn;
  return tooFar && overflow === 'sat' ? maxOf(type) : fitWide(type, exact, overflow);
}

function isNarrow(value: number | bigint): value is number {
  return typeof value === 'number' && Math.abs(value) <= NARROW_OPERAND;
}

function fitNarrow({ signed, bits }: FieldType, value: number, overflow: Overflow): number | undefined {
  const max = 2 ** (signed ? bits - 1 : bits) - 1;
  const min = signed ? -max - 1 : 0;
  if (value >= min && value <= max) return value;
  if (overflow === 'fail') return undefined;
  if (overflow === 'sat') return value > max ? max : min;
  // Scaling by a power of two is exact, so this is the true remainder.
  const size = 2 ** bits;
  const pattern = value - Math.floor(value / size) * size;
  return pattern > max ? pattern - size : pattern;
}

function maxOf({ signed, bits }: FieldType): bigint {
  return (1n << BigInt(signed ? bits - 1 : bits)) - 1n;
}

function fitWide(type: FieldType, value: bigint, overflow: Overflow): bigint | undefined {
  const max = maxOf(type);
  const min = type.signed ? -max - 1n : 0n;
  if (value >= min && value <= max) return value;
  if (overflow === 'fail') return undefined;
  if (overflow === 'sat') return value > max ? max : min;
  return type.signed ? BigInt.asIntN(type.bits, value) : BigInt.asUintN(type.bits, value);
}

/** Up to 48 bits as an unsigned number. */
function readBits({ buf, start, end }: ByteView, offset: number, bits: number): number {
  let value = 0;
  let at = start + Math.floor(offset / 8);
  let skipped = offset % 8;
  for (let left = bits; left > 0; at++) {
    const taken = Math.min(8 - skipped, left);
    const byte = at < end ? buf[at] : 0;
    value = value * (1 << taken) + ((byte >> (8 - skipped - taken)) & ((1 << taken) - 1));
    left -= taken;
    skipped = 0;
  }
  return value;
}

function writeBits({ buf, start }: ByteView, offset: number, bits: number, value: number): void {
  let at = start + Math.floor(offset / 8);
  let skipped = offset % 8;
  for (let left = bits; left > 0; at++) {
    const taken = Math.min(8 - skipped, left);
    left -= taken;
    const mask = (1 << taken) - 1;
    const shift = 8 - skipped - taken;
    const part = Math.floor(value / 2 ** left) % (mask + 1);
    buf[at] = (buf[at] & ~(mask << shift)) | (part << shift);
    skipped = 0;
  }
}
