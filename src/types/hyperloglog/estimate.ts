/**
 * How many different elements a histogram of registers stands for: the estimator of Otmar Ertl, "New cardinality estimation
 * algorithms for HyperLogLog sketches" (arXiv:1702.01284), which needs no correction for few or many elements.
 */
import { MAX_COUNT, REGISTERS } from './layout.js';

/** 1 / (2 ln 2) */
const ALPHA_INFINITE = 0.7213475204444817;

/** What Redis's conversion to 64 bits makes of estimates that do not fit: only forged registers lead there. */
const NO_INTEGER = -(2 ** 63);

export function estimate(histogram: Int32Array): number {
  let sum = REGISTERS * tau((REGISTERS - histogram[MAX_COUNT]) / REGISTERS);
  for (let count = MAX_COUNT - 1; count >= 1; count--) sum = (sum + histogram[count]) * 0.5;
  sum += REGISTERS * sigma(histogram[0] / REGISTERS);
  const result = Math.round((ALPHA_INFINITE * REGISTERS * REGISTERS) / sum);
  return result < 2 ** 63 ? result : NO_INTEGER;
}

/** The part of the registers that are 0. */
function sigma(x: number): number {
  if (x === 1) return Number.POSITIVE_INFINITY;
  let power = x;
  let weight = 1;
  let sum = x;
  let before: number;
  do {
    power *= power;
    before = sum;
    sum += power * weight;
    weight += weight;
  } while (sum !== before);
  return sum;
}

/** The part of the registers that are at their limit. */
function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let root = x;
  let weight = 1;
  let sum = 1 - x;
  let before: number;
  do {
    root = Math.sqrt(root);
    before = sum;
    weight *= 0.5;
    sum -= (1 - root) * (1 - root) * weight;
  } while (sum !== before);
  return sum / 3;
}
