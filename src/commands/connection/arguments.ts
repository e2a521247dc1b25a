/** Arguments in forms that several groups read: lists of texts, and integers with the ranges of C, which error texts name. */
import * as errors from '../../resp/errors.js';
import type { CommandContext } from '../context.js';

export const INT32_MIN = -2147483648;
export const INT32_MAX = 2147483647;

/** The arguments from `from` on, one character a byte. */
export function argTexts(ctx: CommandContext, from: number): string[] {
  const texts: string[] = [];
  for (let i = from; i < ctx.argc; i++) texts.push(ctx.argText(i));
  return texts;
}

/** Argument `i` as a 32-bit integer; undefined after an error reply. `error` replaces the texts that name the range. */
export function parseIntArgument(ctx: CommandContext, i: number, error?: string): number | undefined {
  const value = ctx.argInt(i);
  if (value >= INT32_MIN && value <= INT32_MAX) return value;
  if (error !== undefined) ctx.reply.error(error);
  else if (ctx.argInt64(i) === undefined) ctx.reply.error(errors.NOT_AN_INTEGER);
  else ctx.reply.error(`ERR value is out of range, value must between ${INT32_MIN} and ${INT32_MAX}`);
  return undefined;
}
