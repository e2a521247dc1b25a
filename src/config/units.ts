/** Numbers as redis.conf writes them: memory units, and C's reading of an integer. */

const INT64_MAX = (1n << 63n) - 1n;
const INT64_MIN = -(1n << 63n);
const UINT64_MAX = (1n << 64n) - 1n;

const UNITS: Readonly<Record<string, bigint>> = {
  '': 1n,
  b: 1n,
  k: 1000n,
  kb: 1024n,
  m: 1000n ** 2n,
  mb: 1024n ** 2n,
  g: 1000n ** 3n,
  gb: 1024n ** 3n,
};

/**
 * Bytes, from text such as `64mb` (1024 * 1024) or `64m` (1000 * 1000), case ignored. As in Redis no digits mean 0, too
 * many stop at 2^64 - 1, and the product wraps at 2^64. Undefined for any other text.
 */
export function parseMemory(text: string): bigint | undefined {
  const match = /^([0-9]{0,127})([a-z]*)$/i.exec(text);
  const unit = match === null ? undefined : UNITS[match[2].toLowerCase()];
  if (match === null || unit === undefined) return undefined;
  const count = BigInt(match[1]);
  return BigInt.asUintN(64, (count > UINT64_MAX ? UINT64_MAX : count) * unit);
}

/** Bytes in the largest unit that needs no fraction: `64mb`, `1500`. */
export function formatMemory(bytes: bigint): string {
  if (bytes === 0n) return '0';
  for (const unit of ['gb', 'mb', 'kb']) if (bytes % UNITS[unit] === 0n) return `${bytes / UNITS[unit]}${unit}`;
  return `${bytes}`;
}

/**
 * The integer that C's strtoll reads from the whole of the text: spaces and a sign may lead, leading zeros are fine, no
 * text at all is 0, and what does not fit stops at the end of the 64-bit range. Undefined when something else follows.
 */
export function parseCInteger(text: string): bigint | undefined {
  if (text === '') return 0n;
  const match = /^[ \t\n\v\f\r]*([+-]?)([0-9]+)$/.exec(text);
  if (match === null) return undefined;
  const value = match[1] === '-' ? -BigInt(match[2]) : BigInt(match[2]);
  return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : value;
}

/** The 64-bit integer that the text spells in canonical form (no plus, no leading zero or space). */
export function parseCanonicalInteger(text: string): bigint | undefined {
  if (!/^(?:0|-?[1-9][0-9]{0,18})$/.test(text)) return undefined;
  const value = BigInt(text);
  return value > INT64_MAX || value < INT64_MIN ? undefined : value;
}

/** The octal number that C's strtoll reads from the whole of the text; undefined when it does not fit 64 bits. */
export function parseOctal(text: string): bigint | undefined {
  if (text === '') return 0n;
  const match = /^[ \t\n\v\f\r]*([+-]?)([0-7]+)$/.exec(text);
  if (match === null) return undefined;
  const magnitude = BigInt(`0o${match[2]}`);
  const value = match[1] === '-' ? -magnitude : magnitude;
  return value > INT64_MAX || value < INT64_MIN ? undefined : value;
}
