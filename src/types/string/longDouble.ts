/**
 * The arithmetic of INCRBYFLOAT: x87 80-bit extended precision, as C's `long double` has it on x86-64. A double would
 * give other digits: 3.0 + 1.1 must be 4.1, and 17 decimals are printed.
 *
 *   value = significand * 2^exponent      |significand| <= 2^64, exponent >= -16445
 *
 * Each operation is exact in big integers and then rounded once, half to even, as the hardware does.
 */

/** A finite value. The sign of a zero is not kept: nobody can see it. */
export interface LongDouble {
  readonly significand: bigint;
  readonly exponent: number;
}

/** What the text or the sum stands for: a value, an infinity, or undefined (no number, or out of range). */
export type LongDoubleResult = LongDouble | 'infinite' | undefined;

const PRECISION_BITS = 64;
/** The exponent of the last bit of the smallest denormal number. */
const MIN_EXPONENT = -16445;
/** Values from 2^16384 on are infinite. */
const OVERFLOW_EXPONENT = 16384;
/** Decimal exponents outside of this are certain to overflow or underflow: no need to compute powers so large. */
const MAX_DECIMAL_EXPONENT = 5000;
/** Longer texts are no numbers for Redis. */
const MAX_TEXT_BYTES = 5 * 1024 - 1;
const PRINTED_DECIMALS = 17;
const TEN_TO_DECIMALS = 10n ** BigInt(PRINTED_DECIMALS);

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const HEXADECIMAL = /^([+-]?)0x([\da-f]*)(?:\.([\da-f]*))?(?:p([+-]?\d+))?$/i;
const INFINITE = /^[+-]?inf(inity)?$/i;

/**
 * Reads a text as `strtold` does: decimal or hexadecimal, or an infinity. Undefined for anything else, NaN included, and
 * for numbers too large or too small to be represented.
 */
export function parseLongDouble(text: string): LongDoubleResult {
  if (text.length === 0 || text.length > MAX_TEXT_BYTES) return undefined;
  if (INFINITE.test(text)) return 'infinite';
  const decimal = DECIMAL.exec(text);
  if (decimal !== null) return fromDecimal(decimal[1], decimal[2], decimal[3] ?? '', decimal[4] ?? '0');
  const hex = HEXADECIMAL.exec(text);
  if (hex !== null) return fromHexadecimal(hex[1], hex[2], hex[3] ?? '', hex[4] ?? '0');
  return undefined;
}

/** The sum, rounded once. */
export function addLongDouble(a: LongDouble, b: LongDouble): LongDouble | 'infinite' {
  const exponent = Math.min(a.exponent, b.exponent);
  const sum = (a.significand << BigInt(a.exponent - exponent)) + (b.significand << BigInt(b.exponent - exponent));
  return round(sum, exponent);
}

/** The text of `%.17Lf` without its trailing zeros: never an exponent, and no minus before a zero. */
export function formatLongDouble({ significand, exponent }: LongDouble): string {
  if (exponent >= 0) return (significand << BigInt(exponent)).toString();
  const negative = significand < 0n;
  const scaled = roundedShift((negative ? -significand : significand) * TEN_TO_DECIMALS, -exponent);
  if (scaled === 0n) return '0';
  const digits = scaled.toString().padStart(PRINTED_DECIMALS + 1, '0');
  const whole = digits.slice(0, -PRINTED_DECIMALS);
  const fraction = digits.slice(-PRINTED_DECIMALS).replace(/0+$/, '');
  return `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

function fromDecimal(sign: string, whole: string, fraction: string, exponentText: string): LongDoubleResult {
  if (whole === '' && fraction === '') return undefined;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return { significand: 0n, exponent: 0 };
  const exponent = Number(exponentText) - fraction.length;
  const magnitude = digits.length + exponent;
  if (magnitude > MAX_DECIMAL_EXPONENT || magnitude < -MAX_DECIMAL_EXPONENT) return undefined;
  const numerator = exponent > 0 ? BigInt(digits) * 10n ** BigInt(exponent) : BigInt(digits);
  const denominator = exponent < 0 ? 10n ** BigInt(-exponent) : 1n;
  return representable(sign, fromRatio(numerator, denominator));
}

function fromHexadecimal(sign: string, whole: string, fraction: string, exponentText: string): LongDoubleResult {
  if (whole === '' && fraction === '') return undefined;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return { significand: 0n, exponent: 0 };
  const exponent = Number(exponentText) - fraction.length * 4;
  if (digits.length * 4 + exponent > OVERFLOW_EXPONENT + 4 || digits.length * 4 + exponent < MIN_EXPONENT)
    return undefined;
  return representable(sign, round(BigInt(`0x${digits}`), exponent));
}

/** A number that is not zero and rounds to zero or to an infinity is out of range. */
function representable(sign: string, magnitude: LongDouble | 'infinite'): LongDouble | undefined {
  if (magnitude === 'infinite' || magnitude.significand === 0n) return undefined;
  if (sign !== '-') return magnitude;
  return { significand: -magnitude.significand, exponent: magnitude.exponent };
}

/** numerator / denominator, both positive, rounded once. */
function fromRatio(numerator: bigint, denominator: bigint): LongDouble | 'infinite' {
  // Two bits more than the precision, and one that tells whether anything was left over: enough to round once.
  const shift = PRECISION_BITS + 2 - (bitLength(numerator) - bitLength(denominator));
  const dividend = shift > 0 ? numerator << BigInt(shift) : numerator;
  const divisor = shift < 0 ? denominator << BigInt(-shift) : denominator;
  const quotient = dividend / divisor;
  const sticky = quotient * divisor === dividend ? 0n : 1n;
  return round((quotient << 1n) | sticky, -shift - 1);
}

/** The nearest representable value, ties to the even one. */
function round(significand: bigint, exponent: number): LongDouble | 'infinite' {
  const negative = significand < 0n;
  let magnitude = negative ? -significand : significand;
  const excess = Math.max(bitLength(magnitude) - PRECISION_BITS, MIN_EXPONENT - exponent);
  if (excess > 0) {
    magnitude = roundedShift(magnitude, excess);
    exponent += excess;
  }
  if (magnitude === 0n) return { significand: 0n, exponent: 0 };
  if (bitLength(magnitude) + exponent > OVERFLOW_EXPONENT) return 'infinite';
  return { significand: negative ? -magnitude : magnitude, exponent };
}

/** value / 2^bits for a value that is not negative, ties to the even integer. */
function roundedShift(value: bigint, bits: number): bigint {
  const shift = BigInt(bits);
  const quotient = value >> shift;
  const rest = value - (quotient << shift);
  const half = 1n << (shift - 1n);
  if (rest > half || (rest === half && (quotient & 1n) === 1n)) return quotient + 1n;
  return quotient;
}

/** Bits of a non-negative integer without its leading zeros; 0 for 0. */
function bitLength(value: bigint): number {
  if (value === 0n) return 0;
  const hex = value.toString(16);
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0], 16)) + 28;
}
