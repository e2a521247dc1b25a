/**
 * Bucket memory for tables: chunks of 4096 buckets (256 KiB) of shared memory, so that a table grows without ever
 * allocating, clearing or copying more than one chunk at a time. The first chunk of a collection's table starts small and
 * doubles until it has that size.
 *
 *   chunk    | bucket 0 | bucket 1 | ... | bucket 4095 |
 *   bucket   | child | tags 0-3 | tags 4-7 | tags 8-11 | ref 0 | ref 1 | ... | ref 11 |      16 words, one cache line
 *
 * Invariants: only the first chunk may be smaller than a whole one; a chunk that the pool hands out is all zeros; an overflow bucket in use is linked from exactly one child
 * word; a free one is all zeros except its child word, which links the free ones.
 */
import { assert } from '../base/assert.js';
import type { ByteCount } from './types.js';

export const BUCKET_WORDS = 16;
export const BUCKET_BYTES = BUCKET_WORDS * 4;
/** Entries in a bucket. */
export const PLACES = 12;
/** Words before the tags, and before the references. */
export const TAGS = 1;
export const REFS = 4;

export const CHUNK_SHIFT = 12;
const CHUNK_BUCKETS = 1 << CHUNK_SHIFT;
export const INDEX_MASK = CHUNK_BUCKETS - 1;

/** What the first chunk of a collection's table starts with. */
const SMALL_CHUNK_BUCKETS = 8;

/** Chunks that are kept for the next taker; the collector gets the rest. */
const KEEP = 16;

/** The chunks that no table of the server uses at the moment, and what is in use. */
export class ChunkPool implements ByteCount {
  /** Bytes of the buckets that tables use, and of wheels and slot lists: the index of the whole store. */
  bytesUsed = 0;
  private readonly free: Int32Array[] = [];

  take(): Int32Array {
    return this.free.pop()?.fill(0) ?? newChunk(CHUNK_BUCKETS);
  }

  give(chunk: Int32Array): void {
    if (this.free.length < KEEP && chunk.length === CHUNK_BUCKETS * BUCKET_WORDS) this.free.push(chunk);
  }
}

function newChunk(buckets: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(buckets * BUCKET_BYTES));
}

/**
 * Makes room for one more bucket behind `buckets`. Answers whether the first chunk has moved: then what was read from
 * the array before is a copy that nobody looks at any more.
 */
export function growChunks(chunks: Int32Array[], buckets: number, pool: ChunkPool, startsSmall: boolean): boolean {
  const first = chunks[0];
  const firstBuckets = first === undefined ? 0 : first.length / BUCKET_WORDS;
  if (firstBuckets === CHUNK_BUCKETS || (firstBuckets === 0 && !startsSmall)) {
    if (buckets >>> CHUNK_SHIFT === chunks.length) chunks.push(pool.take());
    return false;
  }
  if (buckets < firstBuckets) return false;
  const wider = newChunk(firstBuckets === 0 ? SMALL_CHUNK_BUCKETS : firstBuckets * 2);
  if (first !== undefined) wider.set(first);
  chunks[0] = wider;
  return firstBuckets > 0;
}

/** How many buckets the chunks have room for. */
export function roomOf(chunks: readonly Int32Array[]): number {
  let room = 0;
  for (const chunk of chunks) room += chunk.length / BUCKET_WORDS;
  return room;
}

/** The overflow buckets of one table, numbered from 1: bucket b is at index b - 1. */
export class OverflowBuckets {
  readonly chunks: Int32Array[] = [];
  /** Buckets in use. */
  used = 0;
  /** Buckets that were ever in use since the last time that none was: these the chunks hold. */
  touched = 0;
  private freeHead = 0;
  private readonly pool: ChunkPool;
  private readonly startsSmall: boolean;

  constructor(pool: ChunkPool, startsSmall: boolean) {
    this.pool = pool;
    this.startsSmall = startsSmall;
  }

  take(): number {
    this.used++;
    this.pool.bytesUsed += BUCKET_BYTES;
    const free = this.freeHead;
    if (free !== 0) {
      const chunk = this.chunks[(free - 1) >>> CHUNK_SHIFT];
      const base = ((free - 1) & INDEX_MASK) << 4;
      this.freeHead = chunk[base];
      chunk[base] = 0;
      return free;
    }
    growChunks(this.chunks, this.touched, this.pool, this.startsSmall);
    return ++this.touched;
  }

  give(bucket: number): void {
    const chunk = this.chunks[(bucket - 1) >>> CHUNK_SHIFT];
    const base = ((bucket - 1) & INDEX_MASK) << 4;
    chunk.fill(0, base, base + BUCKET_WORDS);
    chunk[base] = this.freeHead;
    this.freeHead = bucket;
    this.pool.bytesUsed -= BUCKET_BYTES;
    if (--this.used === 0) this.reset();
  }

  /** Forgets all buckets. */
  reset(): void {
    while (this.chunks.length > 0) this.pool.give(this.chunks.pop()!);
    this.pool.bytesUsed -= this.used * BUCKET_BYTES;
    this.freeHead = 0;
    this.used = 0;
    this.touched = 0;
  }

  /** `linked` are the buckets that chains lead to. */
  verify(linked: ReadonlySet<number>): void {
    assert(linked.size === this.used, `${linked.size} overflow buckets are linked, ${this.used} are in use`);
    const free = new Set<number>();
    for (let bucket = this.freeHead; bucket !== 0; ) {
      assert(!linked.has(bucket) && !free.has(bucket), 'a free overflow bucket is free, and once');
      free.add(bucket);
      const chunk = this.chunks[(bucket - 1) >>> CHUNK_SHIFT];
      const base = ((bucket - 1) & INDEX_MASK) << 4;
      for (let i = TAGS; i < BUCKET_WORDS; i++) assert(chunk[base + i] === 0, 'a free overflow bucket is empty');
      bucket = chunk[base];
    }
    assert(linked.size + free.size === this.touched, 'an overflow bucket is in use or free');
  }
}

export function tagOf(chunk: Int32Array, base: number, place: number): number {
  return (chunk[base + TAGS + (place >> 2)] >>> ((place & 3) << 3)) & 0xff;
}

export function setTag(chunk: Int32Array, base: number, place: number, tag: number): void {
  const shift = (place & 3) << 3;
  const at = base + TAGS + (place >> 2);
  chunk[at] = (chunk[at] & ~(0xff << shift)) | (tag << shift);
}
