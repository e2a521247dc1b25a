/** Expire times in arguments. */
import { INT64_MAX, INT64_MIN } from '../../base/bytes.js';
import { int64 } from '../../base/int64.js';
import { invalidExpireTime, NOT_AN_INTEGER } from '../../resp/errors.js';
import type { ExpireAtMs } from '../../store/types.js';
import type { CommandContext } from '../context.js';

/** Beneath this many seconds, seconds * 1000 + now is a safe integer. */
const SAFE_SECONDS = 8e12;
const SAFE_MS = 8e15;

/**
 * Argument i as a point in time, for SET and its kin: a positive number of seconds or milliseconds, counted from
 * `baseMs`. Milliseconds since the epoch; NaN when an error has been replied.
 */
export function expireAtArgument(ctx: CommandContext, i: number, inSeconds: boolean, baseMs: number): ExpireAtMs {
  const value = ctx.argInt(i);
  if (value > 0 && value < (inSeconds ? SAFE_SECONDS : SAFE_MS)) return (inSeconds ? value * 1000 : value) + baseMs;
  const exact = exactExpireAt(ctx, i, inSeconds, baseMs);
  if (exact === undefined) return Number.NaN;
  if (value <= 0 || exact <= 0n) return refuse(ctx);
  return int64(exact);
}

/** The same for EXPIRE and its kin: any time is good, one in the past too, as long as it fits in 64 bits. */
export function anyExpireAtArgument(ctx: CommandContext, i: number, inSeconds: boolean, baseMs: number): ExpireAtMs {
  const value = ctx.argInt(i);
  const limit = inSeconds ? SAFE_SECONDS : SAFE_MS;
  if (value > -limit && value < limit) return (inSeconds ? value * 1000 : value) + baseMs;
  const exact = exactExpireAt(ctx, i, inSeconds, baseMs);
  return exact === undefined ? Number.NaN : int64(exact);
}

/** Undefined when an error has been replied: no integer, or none that fits in 64 bits as milliseconds. */
function exactExpireAt(ctx: CommandContext, i: number, inSeconds: boolean, baseMs: number): bigint | undefined {
  const value = ctx.argInt64(i);
  if (value === undefined) {
    ctx.reply.error(NOT_AN_INTEGER);
    return undefined;
  }
  const valueMs = inSeconds ? value * 1000n : value;
  const atMs = valueMs + BigInt(baseMs);
  if (valueMs >= INT64_MIN && valueMs <= INT64_MAX && atMs <= INT64_MAX) return atMs;
  refuse(ctx);
  return undefined;
}

function refuse(ctx: CommandContext): number {
  ctx.reply.error(invalidExpireTime(ctx.command.fullName));
  return Number.NaN;
}

/** The time that the store keeps: what is before the epoch, as only data files being loaded have it, is as much over as 0 is. */
export function sinceEpoch(expireAtMs: ExpireAtMs): ExpireAtMs {
  if (expireAtMs < 0) return 0;
  return expireAtMs;
}

/** True when a key with this expire time is to be deleted at once. Files and masters say themselves when it goes. */
export function isPast(ctx: CommandContext, expireAtMs: ExpireAtMs): boolean {
  return expireAtMs <= ctx.nowMs && !ctx.obeys && !ctx.following;
}
