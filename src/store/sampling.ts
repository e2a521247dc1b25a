/**
 * Entries by chance: RANDOMKEY's, and the candidates of eviction.
 *
 * Candidates of eviction are those of random buckets: the hash is keyed, so what lies together has nothing in common, and
 * one look at the index finds several. Each bucket is a new chance. Going round the table would give equally good victims
 * all the same time to live, which is measured to be worse (LFU under a Zipf load), and going on to the next bucket when
 * one is empty would empty the table in long runs.
 * Entries with an expire time are picked out of the same buckets while they are not rare; where they are, a walk along the
 * expiry wheel finds them.
 */
import type { Random } from '../base/prng.js';
import { CHUNK_SHIFT, INDEX_MASK, PLACES, REFS } from './buckets.js';
import type { ExpiryWheel } from './expiry.js';
import { SEGMENT_SHIFT, UNIT_MASK } from './segments.js';
import type { Table } from './table.js';
import type { Ref } from './types.js';

/** Expiring entries are rare when less than one in so many entries is one. */
const RARE = 16;
/** Random buckets are loaded together: their waits for memory overlap (see fetching.ts). */
const BUCKETS_AT_ONCE = 4;
/** Random places that are tried before the nearest entry is taken instead. */
const ATTEMPTS = 200;

/** An entry, each with the same probability. 0 when there is none. */
export function randomEntry(table: Table, random: Random): Ref {
  if (table.count === 0) return 0;
  const total = table.bucketCount + table.overflow.touched;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const place = random.below(total * PLACES);
    const ref = refAt(table, Math.floor(place / PLACES), place % PLACES);
    if (ref !== 0) return ref;
  }
  // Nearly empty: the next entry from a random place on.
  let at = random.below(total);
  for (;;) {
    for (let place = 0; place < PLACES; place++) {
      const ref = refAt(table, at, place);
      if (ref !== 0) return ref;
    }
    at = at + 1 < total ? at + 1 : 0;
  }
}

/** The reference at a place of a bucket; overflow buckets are numbered behind the primary ones. */
function refAt(table: Table, bucket: number, place: number): Ref {
  const inOverflow = bucket >= table.bucketCount;
  const index = inOverflow ? bucket - table.bucketCount : bucket;
  const chunk = (inOverflow ? table.overflow.chunks : table.chunks)[index >>> CHUNK_SHIFT];
  return chunk[((index & INDEX_MASK) << 4) + REFS + place];
}

/** Finds candidates in one database. What it answers is alive until the next write. */
export class Sampler {
  /** Entries found last; only the first so many as the finding method answered. */
  readonly found: Ref[] = [];
  private readonly chain: Ref[] = [];
  private readonly buckets = new Int32Array(BUCKETS_AT_ONCE);
  private readonly words: readonly Int32Array[];
  /** Of no use but to keep the compiler from dropping loads. */
  private fetched = 0;

  /** `words` is the arena's memory. */
  constructor(words: readonly Int32Array[]) {
    this.words = words;
  }

  /**
   * Puts about `wanted` entries into {@link found}: all of the last bucket, or fewer when there are hardly more; some of them
   * twice by chance; one at least if there is any. Answers how many.
   */
  any(table: Table, wanted: number, random: Random): number {
    if (table.count === 0) return 0;
    let length = 0;
    for (let looks = wanted; looks > 0 && length < wanted; looks -= BUCKETS_AT_ONCE) {
      this.drawBuckets(table, random);
      for (let i = 0; i < BUCKETS_AT_ONCE && length < wanted; i++) {
        length = table.copyChain(this.buckets[i], this.found, length);
      }
    }
    if (length === 0) this.found[length++] = randomEntry(table, random);
    this.fetch(length);
    return length;
  }

  /**
   * The same for entries that have an expire time: `wheel` holds them, `expires` tells them. One at least if there is any.
   */
  expiring(table: Table, wheel: ExpiryWheel, wanted: number, random: Random, expires: (ref: Ref) => boolean): number {
    if (wheel.count === 0) return 0;
    let length = 0;
    if (wheel.count * RARE >= table.count) {
      for (let looks = wanted * RARE; looks > 0 && length < wanted; ) {
        const inBucket = table.copyChain(random.below(table.bucketCount), this.chain);
        for (let i = 0; i < inBucket; i++) if (expires(this.chain[i])) this.found[length++] = this.chain[i];
        looks -= Math.max(1, inBucket);
      }
    }
    return length > 0 ? length : wheel.sample(this.found, wanted, random);
  }

  private drawBuckets({ bucketCount, chunks }: Table, random: Random): void {
    const { buckets } = this;
    let sum = 0;
    for (let i = 0; i < BUCKETS_AT_ONCE; i++) {
      const index = random.below(bucketCount);
      buckets[i] = index;
      sum ^= chunks[index >>> CHUNK_SHIFT][(index & INDEX_MASK) << 4];
    }
    this.fetched ^= sum;
  }

  /** The first words of what was found, which everybody wants to know, are waited for all at once. */
  private fetch(length: number): void {
    const { found, words } = this;
    let sum = 0;
    for (let i = 0; i < length; i++) {
      const ref = found[i];
      sum ^= words[ref >>> SEGMENT_SHIFT][(ref & UNIT_MASK) << 1];
    }
    this.fetched ^= sum;
  }
}
