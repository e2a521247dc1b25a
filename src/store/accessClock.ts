/**
 * The 24 bits that every entry carries about its use: the second of its last access (LRU), or a minute and a
 * logarithmic counter (LFU), as Redis keeps them.
 *
 *   LRU  │ seconds modulo 2^24                        │
 *   LFU  │ minutes modulo 2^16 (high)  │ counter (low 8) │
 */
import type { Random } from '../base/prng.js';

const LRU_MASK = 0xffffff;
const LFU_INITIAL = 5;
const LFU_MAX = 255;

export function lruSeconds(nowMs: number): number {
  return Math.floor(nowMs / 1000) & LRU_MASK;
}

/** Seconds since the access noted in `lru`, at `nowMs`. */
export function idleSeconds(lru: number, nowMs: number): number {
  const now = lruSeconds(nowMs);
  return now >= lru ? now - lru : now + (LRU_MASK - lru);
}

function lfuMinutes(nowMs: number): number {
  return Math.floor(nowMs / 60000) & 0xffff;
}

/** What a new entry starts with under an LFU policy. */
export function lfuInitial(nowMs: number): number {
  return (lfuMinutes(nowMs) << 8) | LFU_INITIAL;
}

/** The counter after the decay of the minutes that went by; `decayMinutes` 0 never decays. */
export function lfuCounter(bits: number, nowMs: number, decayMinutes: number): number {
  const periods = decayMinutes > 0 ? Math.floor(lfuElapsedMinutes(bits, nowMs) / decayMinutes) : 0;
  return Math.max(0, (bits & 0xff) - periods);
}

/** The bits after one more access: the higher the counter, the less likely it grows. */
export function lfuTouched(
  bits: number,
  nowMs: number,
  decayMinutes: number,
  logFactor: number,
  random: Random,
): number {
  let counter = lfuCounter(bits, nowMs, decayMinutes);
  if (counter < LFU_MAX) {
    const base = Math.max(0, counter - LFU_INITIAL);
    if (random.nextFloat() < 1 / (base * logFactor + 1)) counter++;
  }
  return (lfuMinutes(nowMs) << 8) | counter;
}

function lfuElapsedMinutes(bits: number, nowMs: number): number {
  const then = bits >> 8;
  const now = lfuMinutes(nowMs);
  return now >= then ? now - then : 0xffff - then + now;
}
