/** Scores as clients write them: what C's strtod reads, under the conditions that Redis puts on it. */
import { equalsIgnoreCase, latin1 } from '../../base/bytes.js';
import { formatDouble } from '../../base/doubles.js';

const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;

/** So many digits, and powers of ten up to 10^22, are exact as doubles: their quotient is rounded once. */
const EXACT_DIGITS = 15;
const POWERS_OF_TEN = Float64Array.from({ length: EXACT_DIGITS + 1 }, (_, i) => Number(`1e${i}`));

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;
const HEXADECIMAL = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i;
/** The number that is written, however small, is not zero. */
const NOT_ZERO = /^[+-]?(?:0x[0.]*[1-9a-f]|[0.]*[1-9])/i;

/**
 * The number that buf[start, end) spells, as ZADD and its kind take it: finite or infinite, but neither too large nor too small
 * for a double. NaN when it is none.
 */
export function parseScore(buf: Uint8Array, start: number, end: number): number {
  const easy = parseShortDecimal(buf, start, end);
  if (!Number.isNaN(easy)) return easy;
  if (equalsIgnoreCase(buf, start, end, '+inf') || equalsIgnoreCase(buf, start, end, 'inf')) return Infinity;
  if (equalsIgnoreCase(buf, start, end, '-inf')) return -Infinity;
  const text = latin1(buf, start, end);
  const value = parseDouble(text);
  const outOfRange = value === 0 ? NOT_ZERO.test(text) : !Number.isFinite(value) && !INFINITE.test(text);
  return outOfRange ? Number.NaN : value;
}

/** Digits with perhaps a sign and a point, few enough to be exact, without a string; NaN for everything else. */
export function parseShortDecimal(buf: Uint8Array, start: number, end: number): number {
  let i = start;
  const first = buf[i];
  if (first === MINUS || first === PLUS) i++;
  if (end - i > EXACT_DIGITS + 1) return Number.NaN;
  let digits = 0;
  let value = 0;
  let point = -1;
  for (; i < end; i++) {
    const digit = buf[i] - ZERO;
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digits++;
    } else if (buf[i] === POINT && point < 0) point = digits;
    else return Number.NaN;
  }
  if (digits === 0 || digits > EXACT_DIGITS) return Number.NaN;
  if (point >= 0) value /= POWERS_OF_TEN[digits - point];
  return first === MINUS ? -value : value;
}

/** What strtod makes of the whole text, too large numbers being infinite and too small ones zero. NaN when it reads no such. */
export function parseDouble(text: string): number {
  if (DECIMAL.test(text)) return Number(text);
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const hexadecimal = HEXADECIMAL.exec(text);
  if (hexadecimal === null) return Number.NaN;
  const [, sign, whole, fraction = '', exponent = '0'] = hexadecimal;
  if (whole.length + fraction.length === 0) return Number.NaN;
  const size = scale(Number(BigInt(`0x${whole}${fraction}`)), Number(exponent) - 4 * fraction.length);
  return sign === '-' ? -size : size;
}

/** mantissa * 2^exponent, in steps that neither overflow nor vanish before the end. */
function scale(mantissa: number, exponent: number): number {
  let value = mantissa;
  let left = Math.max(-5000, Math.min(5000, exponent));
  for (; left > 1000; left -= 1000) value *= 2 ** 1000;
  for (; left < -1000; left += 1000) value *= 2 ** -1000;
  return value * 2 ** left;
}

/** A score as ZSCAN prints it: 17 digits, without the zeros at their end (C's %.17g). */
export function formatStoredScore(score: number): string {
  if (!Number.isFinite(score) || score === 0) return formatDouble(score);
  const [digits, exponent] = score.toExponential(16).split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 17) return withoutZeros(score.toPrecision(17));
  const size = String(Math.abs(power)).padStart(2, '0');
  return `${withoutZeros(digits)}e${power < 0 ? '-' : '+'}${size}`;
}

function withoutZeros(digits: string): string {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
}
