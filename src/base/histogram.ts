/**
 * How durations are spread: counts in buckets whose width grows with the value, 32 to each power of two, so that a percentile
 * is right to about 3 %.
 *
 *   nanoseconds   0 ... 31 | 32 ... 63 | 64 ... 127 | ...   2^36 (a minute) and more fall into the last bucket
 *   bucket        one each | one each  | one for 2  | ...
 */
const SUB_BITS = 5;
const SUB_BUCKETS = 1 << SUB_BITS;
export const MAX_EXPONENT = 36;
const BUCKETS = (MAX_EXPONENT - SUB_BITS + 1) * SUB_BUCKETS;

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** Counts `times` durations of `microseconds` each. */
  record(microseconds: number, times: number): void {
    this.#counts[bucketOf(microseconds * 1000)] += times;
    this.#total += times;
  }

  /** How many of the durations are shorter than 2^exponent nanoseconds; all of them from {@link MAX_EXPONENT} on. */
  countBelow(exponent: number): number {
    if (exponent >= MAX_EXPONENT) return this.#total;
    const buckets = Math.max(0, exponent - SUB_BITS + 1) * SUB_BUCKETS;
    let count = 0;
    for (let i = 0; i < buckets; i++) count += this.#counts[i];
    return count;
  }

  /** The duration in microseconds that `percent` of all are not longer than; 0 without any. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.ceil((this.#total * percent) / 100));
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i];
      if (seen >= wanted) return upperEnd(i) / 1000;
    }
    return 0;
  }
}

function bucketOf(nanoseconds: number): number {
  if (nanoseconds < SUB_BUCKETS) return nanoseconds < 0 ? 0 : Math.floor(nanoseconds);
  if (nanoseconds < 0x80000000) {
    // All calls but the longest: without a power, which costs more than all the rest.
    const whole = nanoseconds | 0;
    const shift = 31 - SUB_BITS - Math.clz32(whole);
    return (shift << SUB_BITS) + (whole >> shift);
  }
  const exponent = Math.floor(Math.log2(nanoseconds));
  if (exponent >= MAX_EXPONENT) return BUCKETS - 1;
  const sub = Math.floor(nanoseconds / 2 ** (exponent - SUB_BITS)) - SUB_BUCKETS;
  return (exponent - SUB_BITS + 1) * SUB_BUCKETS + sub;
}

/** The greatest whole number of nanoseconds in a bucket. */
function upperEnd(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket;
  const exponent = Math.floor(bucket / SUB_BUCKETS) + SUB_BITS - 1;
  const width = 2 ** (exponent - SUB_BITS);
  return (SUB_BUCKETS + (bucket % SUB_BUCKETS) + 1) * width - 1;
}
