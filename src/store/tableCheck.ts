/** The invariants of a table, checked one by one (table.ts names them). Slow. */
import { assert } from '../base/assert.js';
import { BUCKET_WORDS, CHUNK_SHIFT, INDEX_MASK, type OverflowBuckets, PLACES, REFS, roomOf, tagOf } from './buckets.js';
import type { Ref } from './types.js';

export interface CheckedTable {
  readonly count: number;
  readonly bucketCount: number;
  readonly chunks: readonly Int32Array[];
  readonly overflow: OverflowBuckets;
  /** As much of the hash as the entry's bucket needs. */
  hashOf(ref: Ref): number;
}

/** Visits every entry on the way. `indexOf` is the bucket that a hash belongs to. */
export function verifyTable(
  table: CheckedTable,
  hashOf: (ref: Ref) => number,
  indexOf: (hash: number) => number,
  visit: (ref: Ref) => void,
): void {
  const { chunks, overflow, bucketCount } = table;
  let count = 0;
  const linked = new Set<number>();
  for (let index = 0; index < bucketCount; index++) {
    let chunk = chunks[index >>> CHUNK_SHIFT];
    let base = (index & INDEX_MASK) << 4;
    for (let isPrimary = true; ; isPrimary = false) {
      const child = chunk[base];
      let filled = 0;
      for (let place = 0; place < PLACES; place++) {
        const ref = chunk[base + REFS + place];
        if (ref === 0) continue;
        filled++;
        const hash = hashOf(ref);
        assert(indexOf(table.hashOf(ref)) === index, 'an element remembers its hash');
        assert(indexOf(hash) === index && tagOf(chunk, base, place) === hash >>> 24, 'an entry is where its hash says');
        visit(ref);
      }
      count += filled;
      assert(child === 0 || filled === PLACES, 'a bucket with a child is full');
      assert(isPrimary || filled > 0, 'an overflow bucket is not empty');
      if (child === 0) break;
      assert(!linked.has(child), 'an overflow bucket continues one bucket');
      linked.add(child);
      chunk = overflow.chunks[(child - 1) >>> CHUNK_SHIFT];
      base = ((child - 1) & INDEX_MASK) << 4;
    }
  }
  overflow.verify(linked);
  assert(count === table.count, `${count} entries in the table, counted ${table.count}`);
  const room = roomOf(chunks);
  for (let index = bucketCount; index < room; index++) {
    const base = (index & INDEX_MASK) << 4;
    for (let i = 0; i < BUCKET_WORDS; i++)
      assert(chunks[index >>> CHUNK_SHIFT][base + i] === 0, 'memory behind is empty');
  }
}
