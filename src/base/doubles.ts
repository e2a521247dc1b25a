/**
 * Doubles as Redis 7.2 prints them in replies and stores them in listpacks: the shortest digits that read back the same.
 *
 *   integers up to 2^62                 all digits        17179869184  100000000000000000
 *   digits and up to seven zeros        all digits        12345678901234567000000
 *   few decimals, or less than 10^4     decimal point     0.000125  123.45678901
 *   all others                          exponent          1.2345678901e+5  1e-7  1.5e+300
 */
import { writeInt } from './bytes.js';

/** Larger integers are not printed digit by digit. */
export const LARGEST_PLAIN_INTEGER = 2 ** 62;
/** So many digits of a decimal number survive being made a double. */
const EXACT_LIMIT = 1e15;
const POWERS_OF_TEN = [1, 10, 100, 1e3, 1e4, 1e5, 1e6] as const;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;

export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  if (Object.is(value, -0)) return '-0';
  if (Number.isSafeInteger(value)) return String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size <= LARGEST_PLAIN_INTEGER) return BigInt(value).toString();
  return (value < 0 ? '-' : '') + placePoint(size.toExponential());
}

/** `d.ddde+x`, the shortest digits there are, in the form that Redis chooses for them. */
function placePoint(shortest: string): string {
  const e = shortest.indexOf('e');
  const digits = shortest.slice(0, e).replace('.', '');
  const exponent = Number(shortest.slice(e + 1));
  // The value is the digits as an integer, times ten to the power of `shift`.
  const shift = exponent - (digits.length - 1);
  if (shift >= 0 && Math.abs(exponent) < digits.length + 7) return digits + '0'.repeat(shift);
  if (shift < 0 && (shift > -7 || Math.abs(exponent) < 4)) {
    if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
    return `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
  }
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`;
  return `${mantissa}e${exponent < 0 ? '' : '+'}${exponent}`;
}

/**
 * Writes the text of {@link formatDouble} at `at`, 25 bytes at the most; returns the offset behind it. Makes no garbage for
 * safe integers and for numbers of up to 15 digits with up to six decimals.
 */
export function writeDouble(buf: Uint8Array, at: number, value: number): number {
  if (Number.isSafeInteger(value) && (value !== 0 || !Object.is(value, -0))) return writeInt(buf, at, value);
  const size = Math.abs(value);
  for (let decimals = 1; decimals < POWERS_OF_TEN.length; decimals++) {
    const power = POWERS_OF_TEN[decimals];
    const digits = Math.round(size * power);
    if (digits >= EXACT_LIMIT) break;
    // Both are exact, so the quotient is the double that these digits are read as; no shorter text can be.
    if (digits !== 0 && digits / power === size) return writeDecimals(buf, at, value < 0, digits, power);
  }
  const text = formatDouble(value);
  for (let i = 0; i < text.length; i++) buf[at + i] = text.charCodeAt(i);
  return at + text.length;
}

function writeDecimals(buf: Uint8Array, at: number, negative: boolean, digits: number, power: number): number {
  if (negative) buf[at++] = MINUS;
  const whole = Math.floor(digits / power);
  at = writeInt(buf, at, whole);
  buf[at++] = POINT;
  let rest = digits - whole * power;
  for (let place = power / 10; place >= 1; place /= 10) {
    const digit = Math.floor(rest / place);
    buf[at++] = ZERO + digit;
    rest -= digit * place;
  }
  return at;
}
