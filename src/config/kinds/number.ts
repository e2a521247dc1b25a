/**
 * Directives that hold a number. Code reads a JavaScript number (exact up to 2^53); the canonical text keeps all 64 bits.
 */
import { type Directive, type Options, type Parsed, parsed, plainLine, refused } from '../directive.js';
import { formatMemory, parseCanonicalInteger, parseMemory, parseOctal } from '../units.js';

export const INT_MIN = -2147483648;
export const INT_MAX = 2147483647;
export const UINT_MAX = 4294967295;
export const LONG_MAX = 9223372036854775807n;
export const ULONG_MAX = 18446744073709551615n;

/** A bound or default: 64-bit ones need a bigint. */
type Limit = number | bigint;

interface NumberOptions extends Options {
  /** Values outside are not refused but moved to the nearer end. */
  readonly clamp?: readonly [low: number, high: number];
}

/** How one spelling of numbers is read, checked and printed. */
interface Notation {
  read(text: string): bigint | undefined;
  print(value: Limit): string;
  readonly unreadable: string;
}

const DECIMAL: Notation = {
  read: parseCanonicalInteger,
  print: String,
  unreadable: "argument couldn't be parsed into an integer",
};

const OCTAL: Notation = {
  read: parseOctal,
  print: (value) => value.toString(8),
  unreadable: "argument couldn't be parsed as an octal number",
};

const PERCENT_TOO_LARGE = 'percentage argument must be less or equal to 100';

const MEMORY: Notation = { read: parseMemory, print: String, unreadable: 'argument must be a memory value' };

/** A decimal integer in [low, high]. */
export function integer(defaultValue: Limit, low: Limit, high: Limit, options: NumberOptions = {}): Directive<number> {
  return numeric(DECIMAL, defaultValue, low, high, options);
}

/** File permission bits, written in octal. */
export function octal(defaultValue: Limit, low: Limit, high: Limit, options: Options = {}): Directive<number> {
  return numeric(OCTAL, defaultValue, low, high, options);
}

/** A number of bytes, written with or without a unit. */
export function memory(defaultValue: Limit, low: Limit, high: Limit, options: Options = {}): Directive<number> {
  return {
    ...numeric(MEMORY, defaultValue, low, high, options),
    rewrite: (name, text) => [
      { line: `${name} ${formatMemory(BigInt(text))}`, force: text !== MEMORY.print(defaultValue) },
    ],
  };
}

/** A number of bytes, or a percentage up to 100 of something the user of the value knows: then the value is negative. */
export function memoryOrPercent(defaultValue: Limit, options: Options = {}): Directive<number> {
  const bytes = memory(defaultValue, 0n, LONG_MAX, options);
  return {
    ...bytes,
    parse(words, current, context): Parsed<number> {
      const percent = words[0].endsWith('%') ? parseCanonicalInteger(words[0].slice(0, -1)) : undefined;
      if (percent === undefined || percent < 0n) {
        if (parseMemory(words[0]) === undefined) return refused('argument must be a memory or percent value');
        const result = bytes.parse(words, current, context);
        return result.ok ? result : refused(PERCENT_TOO_LARGE);
      }
      if (percent > 100n) return refused(PERCENT_TOO_LARGE);
      return percent === 0n ? parsed(0, '0') : parsed(-Number(percent), `${percent}%`);
    },
    rewrite: (name, text, value) =>
      text.endsWith('%') ? plainLine(name, text, bytes.defaultText) : bytes.rewrite(name, text, value),
  };
}

function numeric(
  notation: Notation,
  defaultValue: Limit,
  low: Limit,
  high: Limit,
  { flags = 0, aliases = [], clamp }: NumberOptions,
): Directive<number> {
  const defaultText = notation.print(defaultValue);
  return {
    aliases,
    flags,
    defaultValue: Number(defaultValue),
    defaultText,
    parse([word]): Parsed<number> {
      let value = notation.read(word);
      if (value === undefined) return refused(notation.unreadable);
      if (value < low || value > high) {
        return refused(`argument must be between ${notation.print(low)} and ${notation.print(high)} inclusive`);
      }
      if (clamp !== undefined) value = BigInt(Math.min(Math.max(Number(value), clamp[0]), clamp[1]));
      return parsed(Number(value), notation.print(value));
    },
    rewrite: (name, text) => plainLine(name, text, defaultText),
  };
}
