/** What SCAN, HSCAN, SSCAN and ZSCAN share: cursor, options, and the steps of one call. */
import { globMatch } from '../../base/glob.js';
import { INVALID_CURSOR, NOT_AN_INTEGER, SYNTAX } from '../../resp/errors.js';
import type { ByteView } from '../../store/types.js';
import type { CommandContext } from '../context.js';

const STAR = 0x2a;
const DEFAULT_COUNT = 10;
const ULONG_MAX = 18446744073709551615n;

export interface ScanOptions {
  /** How many elements a call should come up with. */
  count: number;
  /** The argument that holds the pattern; 0 for none. */
  pattern: number;
  /** SCAN's TYPE, lower case. */
  type: string | undefined;
}

/** The cursor in argument i; undefined when it is none, which has then been replied. The store's cursors have 32 bits. */
export function cursorArgument(ctx: CommandContext, i: number): number | undefined {
  const text = ctx.argText(i);
  // As C's strtoul reads it: nothing at all is 0.
  if (text === '') return 0;
  const match = /^([+-]?)(\d+)$/.exec(text);
  const value = match === null ? ULONG_MAX + 1n : BigInt(match[2]);
  if (match === null || value > ULONG_MAX) {
    ctx.reply.error(INVALID_CURSOR);
    return undefined;
  }
  return Number(BigInt.asUintN(32, match[1] === '-' ? -value : value));
}

/** The options from argument `from` on; undefined when they are wrong, which has then been replied. */
export function scanOptions(ctx: CommandContext, from: number, withType: boolean): ScanOptions | undefined {
  const options: ScanOptions = { count: DEFAULT_COUNT, pattern: 0, type: undefined };
  const refuse = (error: string): undefined => {
    ctx.reply.error(error);
    return undefined;
  };
  for (let i = from; i < ctx.argc; i += 2) {
    if (i + 1 === ctx.argc) return refuse(SYNTAX);
    if (ctx.argIs(i, 'count')) {
      const value = ctx.argInt64(i + 1);
      if (value === undefined) return refuse(NOT_AN_INTEGER);
      if (value < 1n) return refuse(SYNTAX);
      options.count = Number(value);
    } else if (ctx.argIs(i, 'match')) options.pattern = i + 1;
    else if (withType && ctx.argIs(i, 'type')) options.type = ctx.argText(i + 1).toLowerCase();
    else return refuse(SYNTAX);
  }
  return options;
}

/** Whether a name matches the pattern in argument `pattern` (0: all do). */
export function matchesPattern(ctx: CommandContext, pattern: number, name: ByteView): boolean {
  if (pattern === 0) return true;
  const { buf } = ctx;
  const start = ctx.start[pattern];
  const end = ctx.end[pattern];
  // A single star matches even the empty name, which the matcher would not have it do.
  if (end - start === 1 && buf[start] === STAR) return true;
  return globMatch(buf, start, end, name.buf, name.start, name.end);
}

/**
 * Takes steps of a scan until `count` elements came up, or ten times as many buckets: empty ones must not stall a call. What
 * comes up goes to `found`; answers the next cursor.
 */
export function takeScanSteps(
  scan: (cursor: number, visit: (found: number) => void) => number,
  cursor: number,
  count: number,
  found: number[],
): number {
  const visit = (each: number): void => {
    found.push(each);
  };
  let steps = count * 10;
  let next = cursor;
  do next = scan(next, visit);
  while (next !== 0 && steps-- > 0 && found.length < count);
  return next;
}
