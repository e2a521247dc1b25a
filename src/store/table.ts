/**
 * The index from keys to entries: linear hashing over buckets of one cache line.
 *
 *   bucket   | child | tags 0-3 | tags 4-7 | tags 8-11 | ref 0 | ref 1 | ... | ref 11 |      16 words = 64 bytes
 *
 *   child    0, or the overflow bucket that continues this one
 *   tag      the top 8 bits of an entry's hash: one key in 256 costs a look at the wrong entry
 *   ref      the entry; 0 when the place is free
 *
 * The table grows by one bucket at a time (Litwin's linear hashing): with N buckets, 2^L <= N < 2^(L+1), bucket
 * N - 2^L is split between itself and the new bucket N. So no resize ever stalls, memory grows with the number of keys and
 * is never doubled, and shrinking is the same in reverse:
 *
 *   buckets   0 ..... split ..... 2^L ..... N
 *             |already| not yet  |  their  |
 *             | split |  split   | halves  |       address: low L+1 bits of the hash if that bucket exists, else low L bits
 *
 * Scans go through the keys in the order of their bit-reversed hash. Every bucket holds one contiguous range of that order
 * however far the table has grown or shrunk, and a key's place in it never changes: a cursor is a position in that order,
 * and all that lies before it has been visited.
 *
 * Invariants: an entry is in the chain of its address, once, under its tag; a bucket with a child is full; an overflow
 * bucket is not empty; count is the number of entries; memory behind the last bucket is all zeros.
 */
import { assert } from '../base/assert.js';
import {
  BUCKET_BYTES,
  BUCKET_WORDS,
  CHUNK_SHIFT,
  type ChunkPool,
  growChunks,
  INDEX_MASK,
  OverflowBuckets,
  PLACES,
  REFS,
  setTag,
  TAGS,
  tagOf,
} from './buckets.js';
import { ELEMENTS, type EntryReader, HASH_MASK, KEY_BITS, KEY_LENGTH_SHIFT } from './entry.js';
import { type Hasher, reverseBits } from './hash.js';
import { SEGMENT_SHIFT, UNIT_MASK } from './segments.js';
import { verifyTable } from './tableCheck.js';
import type { Cut, Ref } from './types.js';

/** The table splits a bucket when there are more entries a bucket than this. */
const GROW_AT = 9;
/** Deletes merge buckets below this; background work below SHRINK_IDLE_AT. */
const SHRINK_AT = 4;
const SHRINK_IDLE_AT = 6;

export const LOW_BITS = 0x01010101;
export const HIGH_BITS = 0x80808080 | 0;

export class Table {
  /** The number of the database, or {@link ELEMENTS}; written into the entries. */
  readonly ownerId: number;
  count = 0;
  /** A snapshot is taking the entries: whoever writes tells it before, and the table does not shrink. */
  cut: Cut | undefined;
  /** Primary buckets; 0 until the first insert. */
  bucketCount = 0;

  // Where the last search found its entry, and the number of the bucket that heads its chain. Valid while the reference is
  // still there: whatever moves entries about forgets it.
  private hitChunk: Int32Array = NO_CHUNK;
  private hitAt = 0;
  private hitIndex = 0;

  private readonly reader: EntryReader;
  private readonly words: Int32Array[];
  private readonly hasher: Hasher;
  private readonly pool: ChunkPool;
  /** Of elements: they remember their hash, and the table starts small. */
  private readonly isOfElements: boolean;
  /** For sampling.ts too, which only reads. */
  readonly chunks: Int32Array[] = [];
  readonly overflow: OverflowBuckets;
  private lowMask = 0;
  private highMask = 1;
  /** So many entries are on their way: for their sake it does not shrink in the background. */
  private expected = 0;
  /** Entries that a split or a merge holds in its hands. */
  private held = new Int32Array(64);
  /** Of no use but to keep the compiler from dropping loads. */
  fetched = 0;
  private readonly visitLists: number[][] = [];
  private visitDepth = 0;

  constructor(ownerId: number, reader: EntryReader, hasher: Hasher, pool: ChunkPool) {
    this.ownerId = ownerId;
    this.reader = reader;
    this.words = reader.words;
    this.hasher = hasher;
    this.pool = pool;
    this.isOfElements = ownerId === ELEMENTS;
    this.overflow = new OverflowBuckets(pool, this.isOfElements);
  }

  get bytesUsed(): number {
    return (this.bucketCount + this.overflow.used) * BUCKET_BYTES;
  }

  /** The entry whose key is the short one that `hasher` hashed last, of `length` bytes. 0 when there is none. */
  find(hash: number, length: number): Ref {
    if (this.count === 0) return 0;
    const index = this.indexOf(hash);
    let chunk = this.chunks[index >>> CHUNK_SHIFT];
    let base = (index & INDEX_MASK) << 4;
    const pattern = Math.imul(hash >>> 24, LOW_BITS);
    const keyBits = length << KEY_LENGTH_SHIFT;
    for (;;) {
      for (let group = 0; group < 3; group++) {
        const x = chunk[base + TAGS + group] ^ pattern;
        // One high bit for each byte of x that is zero, and rarely one more above it, which the key comparison rejects.
        let matches = (x - LOW_BITS) & ~x & HIGH_BITS;
        while (matches !== 0) {
          const at = base + REFS + (group << 2) + ((31 - Math.clz32(matches & -matches)) >>> 3);
          const ref = chunk[at];
          if (ref !== 0 && this.isKey(ref, keyBits)) {
            this.hit(index, chunk, at);
            return ref;
          }
          matches &= matches - 1;
        }
      }
      const child = chunk[base];
      if (child === 0) return 0;
      chunk = this.overflow.chunks[(child - 1) >>> CHUNK_SHIFT];
      base = ((child - 1) & INDEX_MASK) << 4;
    }
  }

  /** The same for a long key. */
  findLong(hash: number, buf: Uint8Array, start: number, end: number): Ref {
    if (this.count === 0) return 0;
    const index = this.indexOf(hash);
    let chunk = this.chunks[index >>> CHUNK_SHIFT];
    let base = (index & INDEX_MASK) << 4;
    const tag = hash >>> 24;
    for (;;) {
      for (let place = 0; place < PLACES; place++) {
        const ref = chunk[base + REFS + place];
        if (ref === 0 || tagOf(chunk, base, place) !== tag || !this.reader.isKey(ref, buf, start, end)) continue;
        this.hit(index, chunk, base + REFS + place);
        return ref;
      }
      const child = chunk[base];
      if (child === 0) return 0;
      chunk = this.overflow.chunks[(child - 1) >>> CHUNK_SHIFT];
      base = ((child - 1) & INDEX_MASK) << 4;
    }
  }

  /** So many entries in all will come, or no more (0): an empty table is at once as large as it will be. */
  expect(entries: number): void {
    this.expected = entries;
    const buckets = Math.ceil(entries / GROW_AT);
    if (this.count > 0 || buckets <= this.bucketCount) return;
    while (this.bucketCount < buckets) this.addBucket();
    this.lowMask = (1 << (31 - Math.clz32(buckets))) - 1;
    this.highMask = (this.lowMask << 1) | 1;
  }

  /** Adds an entry whose key is not in the table. */
  insert(hash: number, ref: Ref): void {
    if (this.bucketCount === 0) this.addBucket();
    this.place(this.indexOf(hash), hash >>> 24, ref);
    if (++this.count > this.bucketCount * GROW_AT) this.split();
  }

  /** The entry moved: the table points at its new place. */
  replace(ref: Ref, moved: Ref): void {
    if (this.hitChunk[this.hitAt] !== ref) this.locate(ref);
    this.hitChunk[this.hitAt] = moved;
  }

  /** Takes an entry out. Its memory must still be readable. */
  remove(ref: Ref): void {
    if (this.hitChunk[this.hitAt] !== ref) this.locate(ref);
    const chunk = this.hitChunk;
    chunk[this.hitAt] = 0;
    this.count--;
    if (this.overflow.used > 0) this.closeGap(this.hitIndex, chunk, this.hitAt);
    if (this.count < this.bucketCount * SHRINK_AT && this.bucketCount > 1 && this.cut === undefined) this.merge();
  }

  /**
   * Whether the table holds this very reference under this hash. Looks at the index alone, so that `ref` may have died;
   * by a rare chance it then names another entry of the same bucket.
   */
  holds(hash: number, ref: Ref): boolean {
    return this.count > 0 && this.search(hash, ref);
  }

  /**
   * Visits the entries of the bucket at `cursor` (0 to 2^32 - 1, 0 starts) and answers the next cursor, 0 at the end. The
   * visit may delete the entry it is given.
   */
  scan(cursor: number, visit: (ref: Ref) => void): number {
    if (this.count === 0) return 0;
    const hash = reverseBits(cursor | 0);
    const isSplit = ((hash & this.lowMask) >>> 0) + this.lowMask + 1 < this.bucketCount;
    const mask = isSplit ? this.highMask : this.lowMask;
    this.visitBucket((hash & mask) >>> 0, visit);
    // The bucket covers all positions that share the cursor's leading bits, as many as the mask has.
    const width = (~reverseBits(mask) >>> 0) + 1;
    const next = (Math.floor((cursor >>> 0) / width) + 1) * width;
    return next >= 0x100000000 ? 0 : next;
  }

  /** Visits every entry under the rules of {@link scan}. */
  forEach(visit: (ref: Ref) => void): void {
    let cursor = 0;
    do cursor = this.scan(cursor, visit);
    while (cursor !== 0);
  }

  /** Background shrinking: merges up to `units` buckets. Answers whether more remains. */
  step(units: number): boolean {
    if (this.cut !== undefined) return false;
    const count = Math.max(this.count, this.expected);
    for (let i = 0; i < units; i++) {
      if (this.bucketCount <= 1 || count >= this.bucketCount * SHRINK_IDLE_AT) return false;
      this.merge();
    }
    return this.bucketCount > 1 && count < this.bucketCount * SHRINK_IDLE_AT;
  }

  /** Takes up to `units` buckets off a table that nobody uses any more. Answers whether more remains. */
  drain(units: number, visit: (ref: Ref) => void): boolean {
    for (let i = 0; i < units && this.bucketCount > 0; i++) {
      const index = this.bucketCount - 1;
      this.visitBucket(index, visit);
      this.dropBucket();
      if ((index & INDEX_MASK) === 0) this.giveChunks(index >>> CHUNK_SHIFT);
    }
    if (this.bucketCount > 0) return true;
    this.overflow.reset();
    return false;
  }

  /** Visits what {@link drain} has left. */
  forEachUndrained(visit: (ref: Ref) => void): void {
    for (let index = 0; index < this.bucketCount; index++) this.visitBucket(index, visit);
  }

  /** Gives all memory back at once; the table is of no use afterwards. */
  discard(): void {
    this.giveChunks(0);
    this.overflow.reset();
    this.pool.bytesUsed -= this.bucketCount * BUCKET_BYTES;
    this.bucketCount = 0;
    this.count = 0;
  }

  private giveChunks(keep: number): void {
    while (this.chunks.length > keep) this.pool.give(this.chunks.pop()!);
  }

  private addBucket(): void {
    growChunks(this.chunks, this.bucketCount, this.pool, this.isOfElements);
    this.bucketCount++;
    this.pool.bytesUsed += BUCKET_BYTES;
  }

  private dropBucket(): void {
    this.bucketCount--;
    this.pool.bytesUsed -= BUCKET_BYTES;
  }

  /** Number of the bucket of a hash. */
  indexOf(hash: number): number {
    const index = (hash & this.highMask) >>> 0;
    return index < this.bucketCount ? index : (hash & this.lowMask) >>> 0;
  }

  /** The hash of an entry, or as much of it as its bucket needs. */
  hashOf(ref: Ref): number {
    if (this.isOfElements && this.highMask <= HASH_MASK) {
      return this.words[ref >>> SEGMENT_SHIFT][(ref & UNIT_MASK) << 1] & HASH_MASK;
    }
    return this.reader.hash(ref, this.hasher);
  }

  private isKey(ref: Ref, keyBits: number): boolean {
    const words = this.words[ref >>> SEGMENT_SHIFT];
    const at = (ref & UNIT_MASK) << 1;
    if ((words[at + 1] & KEY_BITS) !== keyBits) return false;
    const hasher = this.hasher;
    const { words: key, wordsAt, fullWords: full, tailMask: mask } = hasher;
    for (let i = 0; i < full; i++) if (words[at + 2 + i] !== key[wordsAt + i]) return false;
    return mask === 0 || ((words[at + 2 + full] ^ key[wordsAt + full]) & mask) === 0;
  }

  private hit(index: number, chunk: Int32Array, at: number): void {
    this.hitIndex = index;
    this.hitChunk = chunk;
    this.hitAt = at;
  }

  private locate(ref: Ref): void {
    assert(this.search(this.hashOf(ref), ref), 'the entry is in its table');
  }

  private search(hash: number, ref: Ref): boolean {
    const index = this.indexOf(hash);
    let chunk = this.chunks[index >>> CHUNK_SHIFT];
    let base = (index & INDEX_MASK) << 4;
    for (;;) {
      for (let at = base + REFS; at < base + BUCKET_WORDS; at++) {
        if (chunk[at] !== ref) continue;
        this.hit(index, chunk, at);
        return true;
      }
      const child = chunk[base];
      if (child === 0) return false;
      chunk = this.overflow.chunks[(child - 1) >>> CHUNK_SHIFT];
      base = ((child - 1) & INDEX_MASK) << 4;
    }
  }

  /** Puts an entry into a bucket, or behind it. */
  private place(index: number, tag: number, ref: Ref): void {
    let chunk = this.chunks[index >>> CHUNK_SHIFT];
    let base = (index & INDEX_MASK) << 4;
    let last = 0;
    while (chunk[base] !== 0) {
      last = chunk[base];
      chunk = this.overflow.chunks[(last - 1) >>> CHUNK_SHIFT];
      base = ((last - 1) & INDEX_MASK) << 4;
    }
    let place = 0;
    while (place < PLACES && chunk[base + REFS + place] !== 0) place++;
    if (place === PLACES) {
      const child = this.overflow.take();
      // That may have moved the overflow buckets, the end of this chain and the last hit among them.
      this.hitChunk = NO_CHUNK;
      if (last !== 0) chunk = this.overflow.chunks[(last - 1) >>> CHUNK_SHIFT];
      chunk[base] = child;
      chunk = this.overflow.chunks[(child - 1) >>> CHUNK_SHIFT];
      base = ((child - 1) & INDEX_MASK) << 4;
      place = 0;
    }
    setTag(chunk, base, place, tag);
    chunk[base + REFS + place] = ref;
  }

  /** After a delete at (gapChunk, gapAt): the last entry of the chain moves there, an empty overflow bucket goes. */
  private closeGap(index: number, gapChunk: Int32Array, gapAt: number): void {
    let chunk = this.chunks[index >>> CHUNK_SHIFT];
    let base = (index & INDEX_MASK) << 4;
    if (chunk[base] === 0) return;
    this.hitChunk = NO_CHUNK;
    let parent = chunk;
    let parentBase = base;
    while (chunk[base] !== 0) {
      parent = chunk;
      parentBase = base;
      const child = chunk[base] - 1;
      chunk = this.overflow.chunks[child >>> CHUNK_SHIFT];
      base = (child & INDEX_MASK) << 4;
    }
    let last = PLACES - 1;
    while (last >= 0 && chunk[base + REFS + last] === 0) last--;
    const inTail = gapChunk === chunk && gapAt >= base && gapAt < base + BUCKET_WORDS;
    if (last >= 0 && !inTail) {
      const gapBase = gapAt & ~(BUCKET_WORDS - 1);
      setTag(gapChunk, gapBase, gapAt - gapBase - REFS, tagOf(chunk, base, last));
      gapChunk[gapAt] = chunk[base + REFS + last];
      chunk[base + REFS + last] = 0;
      while (last >= 0 && chunk[base + REFS + last] === 0) last--;
    }
    if (last >= 0) return;
    const emptied = parent[parentBase];
    parent[parentBase] = 0;
    this.overflow.give(emptied);
  }

  /** Takes all entries of a bucket into `held` (tag, ref, tag, ref ...) and leaves it empty. Answers how many words. */
  private takeAll(index: number): number {
    let chunk = this.chunks[index >>> CHUNK_SHIFT];
    let base = (index & INDEX_MASK) << 4;
    let length = 0;
    let bucket = 0;
    this.hitChunk = NO_CHUNK;
    for (;;) {
      if (length + 2 * PLACES > this.held.length) {
        const wider = new Int32Array(this.held.length * 2);
        wider.set(this.held);
        this.held = wider;
      }
      for (let place = 0; place < PLACES; place++) {
        const ref = chunk[base + REFS + place];
        if (ref === 0) continue;
        this.held[length++] = tagOf(chunk, base, place);
        this.held[length++] = ref;
      }
      const child = chunk[base];
      for (let i = 0; i < BUCKET_WORDS; i++) chunk[base + i] = 0;
      const next = child === 0 ? NO_CHUNK : this.overflow.chunks[(child - 1) >>> CHUNK_SHIFT];
      if (bucket !== 0) this.overflow.give(bucket);
      if (child === 0) return length;
      bucket = child;
      chunk = next;
      base = ((child - 1) & INDEX_MASK) << 4;
    }
  }

  /** Adds one bucket. */
  private split(): void {
    const added = this.bucketCount;
    const index = added - this.lowMask - 1;
    this.addBucket();
    const length = this.takeAll(index);
    const mask = this.highMask;
    if (this.bucketCount > this.highMask) {
      this.lowMask = this.highMask;
      this.highMask = (this.highMask << 1) | 1;
    }
    // All entries are fetched before the first is hashed: their cache misses overlap instead of adding up.
    let fetched = 0;
    for (let i = 1; i < length; i += 2) {
      fetched ^= this.words[this.held[i] >>> SEGMENT_SHIFT][(this.held[i] & UNIT_MASK) << 1];
    }
    this.fetched = fetched;
    for (let i = 0; i < length; i += 2) {
      const ref = this.held[i + 1];
      const hash = this.hashOf(ref);
      this.place((hash & mask) >>> 0, this.held[i], ref);
    }
  }

  /** Removes the last bucket: its entries go back to the one it was split from. */
  private merge(): void {
    const removed = this.bucketCount - 1;
    const length = this.takeAll(removed);
    this.dropBucket();
    if (removed <= this.lowMask) {
      this.highMask = this.lowMask;
      this.lowMask >>>= 1;
    }
    const index = (removed & this.lowMask) >>> 0;
    for (let i = 0; i < length; i += 2) this.place(index, this.held[i], this.held[i + 1]);
    // One chunk stays in reserve, so that a table that hovers at a border does not take and give it all the time.
    if ((removed & INDEX_MASK) === 0) this.giveChunks((removed >>> CHUNK_SHIFT) + 1);
  }

  /** Checks the invariants and visits every entry on the way. */
  verify(visit: (ref: Ref) => void): void {
    verifyTable(
      this,
      (ref) => this.reader.hash(ref, this.hasher),
      (hash) => this.indexOf(hash),
      visit,
    );
  }

  /** Copies the references of a bucket and what continues it to `list` from `length` on; answers how many there are then. */
  copyChain(index: number, list: Ref[], length = 0): number {
    let chunk = this.chunks[index >>> CHUNK_SHIFT];
    let base = (index & INDEX_MASK) << 4;
    for (;;) {
      for (let place = 0; place < PLACES; place++) {
        const ref = chunk[base + REFS + place];
        if (ref !== 0) list[length++] = ref;
      }
      const child = chunk[base];
      if (child === 0) return length;
      chunk = this.overflow.chunks[(child - 1) >>> CHUNK_SHIFT];
      base = ((child - 1) & INDEX_MASK) << 4;
    }
  }

  /** The bits of a hash that name a cell (tableCut.ts): all entries that share them lie in buckets whose numbers do too. */
  get cellMask(): number {
    return this.lowMask;
  }

  /** Visits a copy of the chain's references, so that the visit may delete its entry. */
  private visitBucket(index: number, visit: (ref: Ref) => void): void {
    const depth = this.visitDepth;
    this.visitLists[depth] ??= [];
    const list = this.visitLists[depth];
    const length = this.copyChain(index, list);
    this.visitDepth++;
    try {
      for (let i = 0; i < length; i++) visit(list[i]);
    } finally {
      this.visitDepth--;
    }
  }
}

/** Holds no entry and is never written. */
const NO_CHUNK = new Int32Array(BUCKET_WORDS);
