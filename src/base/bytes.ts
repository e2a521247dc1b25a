/** Byte-range helpers shared by every layer. A range is (buf, start, end), end exclusive. */

const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;
/** A safe integer is less than 2^31 of these. */
const LOW_HALF = 10_000_000;
const LOW_HALF_DIGITS = 7;

export const INT64_MAX = 9223372036854775807n;
export const INT64_MIN = -9223372036854775808n;

/** True when both ranges hold the same bytes. */
export function equalBytes(a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number): boolean {
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) if (a[i] !== b[j]) return false;
  return true;
}

/** Order of two ranges as memcmp has it, the shorter first when one is a prefix: negative, 0 or positive. */
export function compareBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const n = Math.min(aEnd - aStart, bEnd - bStart);
  for (let i = 0; i < n; i++) {
    const diff = a[aStart + i] - b[bStart + i];
    if (diff !== 0) return diff;
  }
  return aEnd - aStart - (bEnd - bStart);
}

/**
 * The integer that the range spells in Redis's canonical form (no sign but a leading '-', no leading zero, no space),
 * as long as it is a safe integer. NaN otherwise; then {@link parseInt64} tells whether it is a larger 64-bit integer.
 */
export function parseSafeInt(buf: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length === 0 || length > 17) return Number.NaN;
  let i = start;
  const negative = buf[i] === MINUS;
  if (negative) i++;
  if (i === end) return Number.NaN;
  let c = buf[i];
  if (c === ZERO) return length === 1 ? 0 : Number.NaN;
  let value = 0;
  for (; i < end; i++) {
    c = buf[i];
    if (c < ZERO || c > NINE) return Number.NaN;
    value = value * 10 + (c - ZERO);
  }
  if (value > Number.MAX_SAFE_INTEGER) return Number.NaN;
  return negative ? -value : value;
}

/** The signed 64-bit integer that the range spells in canonical form; undefined when it spells none. */
export function parseInt64(buf: Uint8Array, start: number, end: number): bigint | undefined {
  const length = end - start;
  if (length === 0 || length > 20) return undefined;
  let i = start;
  const negative = buf[i] === MINUS;
  if (negative) i++;
  if (i === end) return undefined;
  if (buf[i] === ZERO) return length === 1 ? 0n : undefined;
  for (let j = i; j < end; j++) if (buf[j] < ZERO || buf[j] > NINE) return undefined;
  const value = BigInt(latin1(buf, start, end));
  return value > INT64_MAX || value < INT64_MIN ? undefined : value;
}

/** Writes the decimal text of a safe integer at `at`; returns the offset behind it. Makes no garbage. */
export function writeInt(buf: Uint8Array, at: number, value: number): number {
  if (value < 0) {
    buf[at++] = MINUS;
    value = -value;
  }
  if (value <= 0x7fffffff) return writeDigits(buf, at, value, decimalLength(value));
  // Two halves that are small integers: divisions of those are several times cheaper than those of doubles.
  const high = Math.floor(value / LOW_HALF);
  at = writeDigits(buf, at, high, decimalLength(high));
  return writeDigits(buf, at, value - high * LOW_HALF, LOW_HALF_DIGITS);
}

/** Writes the last `digits` digits of a non-negative 32-bit integer, zeros before it where it has fewer. */
function writeDigits(buf: Uint8Array, at: number, value: number, digits: number): number {
  let rest = value | 0;
  for (let i = at + digits - 1; i >= at; i--) {
    const quotient = (rest / 10) | 0;
    buf[i] = ZERO + (rest - quotient * 10);
    rest = quotient;
  }
  return at + digits;
}

/** How many decimal digits a non-negative safe integer has. */
export function decimalLength(value: number): number {
  if (value < 10) return 1;
  if (value < 100) return 2;
  if (value < 1000) return 3;
  if (value < 10000) return 4;
  if (value < 100000) return 5;
  let digits = 5;
  let limit = 100000;
  while (value >= limit) {
    limit *= 10;
    digits++;
  }
  return digits;
}

/** The range as a string, one character a byte. Lossless; compare, index and log with it. */
export function latin1(buf: Uint8Array, start: number, end: number): string {
  return asBuffer(buf).toString('latin1', start, end);
}

/** The range decoded as UTF-8. For people's eyes only: invalid bytes are lost. */
export function utf8(buf: Uint8Array, start: number, end: number): string {
  return asBuffer(buf).toString('utf8', start, end);
}

/** The bytes of a string with one character a byte. */
export function fromLatin1(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** True when the range, with ASCII letters folded, equals `lower` (lower-case ASCII). */
export function equalsIgnoreCase(buf: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    let c = buf[start + i];
    if (c >= 0x41 && c <= 0x5a) c |= 0x20;
    if (c !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/** The same memory as a Buffer, without a copy. */
export function asBuffer(buf: Uint8Array): Buffer {
  return Buffer.isBuffer(buf) ? buf : Buffer.from(buf.buffer, buf.byteOffset, buf.byteLength);
}
