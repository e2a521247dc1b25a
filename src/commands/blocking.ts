/** Timeouts of commands that wait. */
import type { CommandContext } from './context.js';

const NO_FLOAT = 'ERR timeout is not a float or out of range';
const NO_INTEGER = 'ERR timeout is not an integer or out of range';
const NEGATIVE = 'ERR timeout is negative';
const TOO_LARGE = 'ERR timeout is out of range';

const INT64_LIMIT = 2 ** 63;
/** What strtold reads of decimal numbers, spaces in front aside, which Redis refuses. */
const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const HEXADECIMAL = /^[-+]?0x[0-9a-f]+$/i;

/** Argument i as seconds with a fraction (BLPOP): milliseconds, 0 for ever. Undefined when the error has been replied. */
export function timeoutSeconds(ctx: CommandContext, i: number): number | undefined {
  const seconds = parseSeconds(ctx.argText(i));
  if (Number.isNaN(seconds)) return refuse(ctx, NO_FLOAT);
  const ms = seconds * 1000;
  if (ms >= INT64_LIMIT) return refuse(ctx, TOO_LARGE);
  return accept(ctx, Math.ceil(ms));
}

/** Argument i as whole milliseconds (XREAD BLOCK); 0 for ever. Undefined when the error has been replied. */
export function timeoutMilliseconds(ctx: CommandContext, i: number): number | undefined {
  const ms = ctx.argInt64(i);
  if (ms === undefined) return refuse(ctx, NO_INTEGER);
  return accept(ctx, Number(ms));
}

function parseSeconds(text: string): number {
  if (DECIMAL.test(text)) return Number(text);
  if (HEXADECIMAL.test(text)) return text.startsWith('-') ? -Number(text.slice(1)) : Number(text.replace('+', ''));
  if (/^\+?inf(inity)?$/i.test(text)) return Number.POSITIVE_INFINITY;
  return /^-inf(inity)?$/i.test(text) ? Number.NEGATIVE_INFINITY : Number.NaN;
}

function accept(ctx: CommandContext, ms: number): number | undefined {
  if (ms < 0) return refuse(ctx, NEGATIVE);
  return ms + ctx.nowMs >= INT64_LIMIT ? refuse(ctx, TOO_LARGE) : ms;
}

function refuse(ctx: CommandContext, error: string): undefined {
  ctx.reply.error(error);
  return undefined;
}
