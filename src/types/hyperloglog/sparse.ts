/**
 * Sparse registers: runs of equal numbers, one after the other, that cover all registers.
 *
 *   ZERO    00llllll             l + 1 registers (1 to 64) hold 0
 *   XZERO   01llllll llllllll    l + 1 registers (1 to 16384) hold 0, the high bits first
 *   VAL     1vvvvvll             l + 1 registers (1 to 4) hold v + 1 (1 to 32)
 */
import { REGISTERS } from './layout.js';

/** The greatest number that a run can hold. */
export const SPARSE_COUNT_MAX = 32;
export const ZERO_LENGTH_MAX = 64;
export const VALUE_LENGTH_MAX = 4;

const XZERO_BIT = 0x40;
const VALUE_BIT = 0x80;

export function isValue(first: number): boolean {
  return (first & VALUE_BIT) !== 0;
}

/** How many bytes the run takes whose first byte is given. */
export function runBytes(first: number): number {
  return (first & (VALUE_BIT | XZERO_BIT)) === XZERO_BIT ? 2 : 1;
}

/** What the registers of the run hold. */
export function runValue(first: number): number {
  return isValue(first) ? ((first >> 2) & 31) + 1 : 0;
}

/** How many registers the run at `at` covers. */
export function runLength(buf: Uint8Array, at: number): number {
  const first = buf[at];
  if (isValue(first)) return (first & 3) + 1;
  return ((first & XZERO_BIT) === 0 ? first & 63 : ((first & 63) << 8) | buf[at + 1]) + 1;
}

/** Bytes of a run of zeros. */
export function zeroBytes(length: number): number {
  if (length === 0) return 0;
  return length > ZERO_LENGTH_MAX ? 2 : 1;
}

/** Writes a run of zeros, nothing when it has none; answers the offset behind it. */
export function writeZeros(buf: Uint8Array, at: number, length: number): number {
  if (length === 0) return at;
  if (length <= ZERO_LENGTH_MAX) {
    buf[at] = length - 1;
    return at + 1;
  }
  buf[at] = XZERO_BIT | ((length - 1) >> 8);
  buf[at + 1] = length - 1;
  return at + 2;
}

/** Writes a run of a number that is not 0, nothing when the run has no length; answers the offset behind it. */
export function writeValues(buf: Uint8Array, at: number, value: number, length: number): number {
  if (length === 0) return at;
  buf[at] = VALUE_BIT | ((value - 1) << 2) | (length - 1);
  return at + 1;
}

/** Raises each register to the one of buf[at, end) if that is greater. False when the runs do not cover all registers. */
export function mergeSparse(registers: Uint8Array, buf: Uint8Array, at: number, end: number): boolean {
  let index = 0;
  while (at < end) {
    const value = runValue(buf[at]);
    const next = index + runLength(buf, at);
    at += runBytes(buf[at]);
    if (next > REGISTERS || at > end) return false;
    if (value > 0) for (; index < next; index++) if (value > registers[index]) registers[index] = value;
    index = next;
  }
  return index === REGISTERS;
}

/** Counts how many registers hold each number. False when the runs do not cover all registers. */
export function countSparse(histogram: Int32Array, buf: Uint8Array, at: number, end: number): boolean {
  let covered = 0;
  while (at < end) {
    const length = runLength(buf, at);
    histogram[runValue(buf[at])] += length;
    covered += length;
    at += runBytes(buf[at]);
  }
  return covered === REGISTERS && at === end;
}

/**
 * Joins neighbouring runs of one number among the five runs from `at` on, where one run can hold both: every run joined is
 * one byte less. Answers the new end.
 */
export function joinRuns(buf: Uint8Array, at: number, end: number): number {
  for (let looks = 5; looks > 0 && at < end; looks--) {
    const first = buf[at];
    const second = buf[at + 1];
    const together = (first & 3) + (second & 3) + 2;
    const joins = isValue(first) && at + 1 < end && ((first ^ second) & 0xfc) === 0 && together <= VALUE_LENGTH_MAX;
    if (!joins) {
      at += runBytes(first);
      continue;
    }
    // Stays here: the joined run may take the next one as well.
    buf.copyWithin(at, at + 1, end);
    buf[at] = (first & 0xfc) | (together - 1);
    end--;
  }
  return end;
}
