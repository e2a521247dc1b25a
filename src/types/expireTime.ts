/**
 * Expire times: Redis tells them as 64-bit integers of milliseconds since the epoch, the store keeps doubles. Up to 2^53,
 * the year 287396, they are the same. Beyond, a double stands for the shortest decimal that names it, so that times given in
 * whole seconds and the greatest of all still come back as they went in.
 */
import { INT64_MAX } from '../base/bytes.js';

/** The double that keeps a time; 2^63 for the greatest ones. */
export function expireAtFromInt64(atMs: bigint): number {
  return Number(atMs);
}

/** The integer that a kept time stands for. */
export function expireAtToInt64(expireAtMs: number): bigint {
  // Below 10^21 a number's text has no exponent.
  const atMs = BigInt(String(expireAtMs));
  return atMs > INT64_MAX ? INT64_MAX : atMs;
}

/** Its decimal text. */
export function expireAtText(expireAtMs: number): string {
  return Number.isSafeInteger(expireAtMs) ? String(expireAtMs) : expireAtToInt64(expireAtMs).toString();
}
