/**
 * The memory under the arena: segments of 4 MiB, cut into pages of one kind each.
 *
 *   reference   31 ............... 19 18 ........... 13 12 ........ 0      in units of 8 bytes: 32 GiB
 *               segment              granule (64 KiB)   unit
 *
 *   segment     kind SMALL   64 pages of one granule
 *               kind LARGE    8 pages of eight granules
 *               kind NONE    free: its memory is kept for the next taker (spare) or gone (hollow)
 *
 * Memory comes zeroed and untouched from the operating system, so a segment costs only the pages that were written.
 * Shared memory does not press V8's collector: a segment that was let go stays in the process until the collector runs
 * for another reason. Hence the weak references: whoever needs a segment first takes back one that is still there.
 *
 * Invariants: freePages[s] = number of bits set in freeMap of s; a segment whose pages are all free has kind NONE; granule
 * 0 of segment 0 is never given out, so that reference 0 names nothing.
 */
import { assert } from '../base/assert.js';
import type { Released } from './released.js';
import { GRANULE_SHIFT, LARGE_PAGE_GRANULES, UNIT_SHIFT } from './sizeClass.js';
import { StoreFullError } from './types.js';

export const SEGMENT_SHIFT = 22 - UNIT_SHIFT;
export const SEGMENT_BYTES = 1 << 22;
/** The part of a reference that is the unit inside its segment. */
export const UNIT_MASK = (1 << SEGMENT_SHIFT) - 1;
export const GRANULES_PER_SEGMENT = 1 << (SEGMENT_SHIFT - GRANULE_SHIFT);
/** 32 bits of reference. */
export const MAX_SEGMENTS = 1 << (32 - SEGMENT_SHIFT);

const KIND_NONE = 0;
export const KIND_SMALL = 1;
export const KIND_LARGE = 2;

/** Free segments that keep their memory for the next burst. */
const KEEP_SPARE = 2;

const HOLLOW_WORDS = new Int32Array(0);
const HOLLOW_DOUBLES = new Float64Array(0);
const HOLLOW_BYTES = Buffer.alloc(0);
const HOLLOW_DATA = new DataView(new ArrayBuffer(0));

export class Segments {
  /** Views on each segment's memory. */
  readonly words: Int32Array[] = [];
  readonly doubles: Float64Array[] = [];
  readonly bytes: Buffer[] = [];
  readonly data: DataView[] = [];

  private kinds = new Uint8Array(16);
  private freePages = new Uint8Array(16);
  /** Two words of bits a segment, 1 = free page; the large kind uses eight bits of the first. */
  private freeMap = new Int32Array(32);
  /** No segment before hint[kind] has a free page of that kind. */
  private readonly hint = new Int32Array(3);
  private spares = 0;
  private hollows = 0;
  private readonly limit: number;
  private readonly released: WeakRef<SharedArrayBuffer>[] = [];

  constructor(limit: number) {
    assert(limit >= 1 && limit <= MAX_SEGMENTS, 'segment limit');
    this.limit = limit;
  }

  get count(): number {
    return this.words.length;
  }

  /** Bytes of address space held, written or not. */
  get reservedBytes(): number {
    return (this.count - this.hollows) * SEGMENT_BYTES;
  }

  get limitBytes(): number {
    return this.limit * SEGMENT_BYTES;
  }

  /** Takes a page; answers its first granule. */
  takePage(kind: number): number {
    let segment = this.hint[kind];
    while (segment < this.count && (this.kinds[segment] !== kind || this.freePages[segment] === 0)) segment++;
    if (segment >= this.count) segment = this.takeSegment(kind);
    this.hint[kind] = segment;
    const at = segment * 2 + (this.freeMap[segment * 2] === 0 ? 1 : 0);
    const bit = 31 - Math.clz32(this.freeMap[at] & -this.freeMap[at]);
    this.freeMap[at] &= ~(1 << bit);
    this.freePages[segment]--;
    const page = bit + (at & 1) * 32;
    return segment * GRANULES_PER_SEGMENT + (kind === KIND_LARGE ? page * LARGE_PAGE_GRANULES : page);
  }

  /** Gives a page back by its first granule. */
  givePage(granule: number): void {
    const segment = Math.floor(granule / GRANULES_PER_SEGMENT);
    const kind = this.kinds[segment];
    const inside = granule % GRANULES_PER_SEGMENT;
    const page = kind === KIND_LARGE ? inside / LARGE_PAGE_GRANULES : inside;
    this.freeMap[segment * 2 + (page >> 5)] |= 1 << (page & 31);
    this.freePages[segment]++;
    if (this.freePages[segment] === pagesOf(segment, kind)) this.giveSegment(segment);
    else if (segment < this.hint[kind]) this.hint[kind] = segment;
  }

  /** Every page is free again. Memory is kept; {@link trim} lets it go little by little. */
  reset(): void {
    for (let segment = 0; segment < this.count; segment++)
      if (this.kinds[segment] !== KIND_NONE) this.giveSegment(segment);
  }

  /** Lets the memory of one spare segment go. Answers whether there is another to let go. */
  trim(released: Released): boolean {
    if (this.spares <= KEEP_SPARE) return false;
    let segment = this.count - 1;
    while (this.kinds[segment] !== KIND_NONE || this.words[segment] === HOLLOW_WORDS) segment--;
    this.released.push(new WeakRef(this.words[segment].buffer as SharedArrayBuffer));
    this.words[segment] = HOLLOW_WORDS;
    this.doubles[segment] = HOLLOW_DOUBLES;
    this.bytes[segment] = HOLLOW_BYTES;
    this.data[segment] = HOLLOW_DATA;
    released.add(SEGMENT_BYTES);
    this.spares--;
    this.hollows++;
    return this.spares > KEEP_SPARE;
  }

  private takeSegment(kind: number): number {
    let segment = this.hint[KIND_NONE];
    const count = this.count;
    if (this.spares > 0) {
      while (this.kinds[segment] !== KIND_NONE || this.words[segment] === HOLLOW_WORDS) segment++;
      this.spares--;
    } else {
      if (this.hollows > 0) while (this.kinds[segment] !== KIND_NONE) segment++;
      else segment = count;
      this.attach(segment);
      if (segment < count) this.hollows--;
    }
    this.kinds[segment] = kind;
    this.freePages[segment] = pagesOf(segment, kind);
    this.freeMap[segment * 2] = kind === KIND_LARGE ? 0xff : -1;
    this.freeMap[segment * 2 + 1] = kind === KIND_LARGE ? 0 : -1;
    if (segment === 0) this.freeMap[0] &= ~1;
    return segment;
  }

  private giveSegment(segment: number): void {
    this.kinds[segment] = KIND_NONE;
    this.freePages[segment] = 0;
    this.freeMap[segment * 2] = 0;
    this.freeMap[segment * 2 + 1] = 0;
    this.spares++;
    if (segment < this.hint[KIND_NONE]) this.hint[KIND_NONE] = segment;
    for (const kind of [KIND_SMALL, KIND_LARGE]) if (segment < this.hint[kind]) this.hint[kind] = segment;
  }

  /** Puts memory under a new or hollow segment. */
  private attach(segment: number): void {
    if (segment >= this.limit)
      throw new StoreFullError(`all ${this.limitBytes / (1 << 20)} MiB that references reach are in use`);
    if (segment >= this.kinds.length) this.widen();
    const memory = this.memory();
    this.words[segment] = new Int32Array(memory);
    this.doubles[segment] = new Float64Array(memory);
    this.bytes[segment] = Buffer.from(memory);
    this.data[segment] = new DataView(memory);
  }

  private memory(): SharedArrayBuffer {
    while (this.released.length > 0) {
      const memory = this.released.pop()!.deref();
      if (memory !== undefined) return memory;
    }
    try {
      return new SharedArrayBuffer(SEGMENT_BYTES);
    } catch {
      throw new StoreFullError('the machine gives no more memory');
    }
  }

  private widen(): void {
    const size = this.kinds.length * 2;
    const kinds = new Uint8Array(size);
    kinds.set(this.kinds);
    this.kinds = kinds;
    const freePages = new Uint8Array(size);
    freePages.set(this.freePages);
    this.freePages = freePages;
    const freeMap = new Int32Array(size * 2);
    freeMap.set(this.freeMap);
    this.freeMap = freeMap;
  }

  /** `isTaken` tells whether a granule starts or continues a page in use. */
  verify(isTaken: (granule: number) => boolean): void {
    let spares = 0;
    let hollows = 0;
    for (let segment = 0; segment < this.count; segment++) {
      const kind = this.kinds[segment];
      const hollow = this.words[segment] === HOLLOW_WORDS;
      if (kind === KIND_NONE && hollow) hollows++;
      else if (kind === KIND_NONE) spares++;
      else assert(!hollow, 'a segment in use has memory');
      let free = 0;
      for (let i = 0; i < GRANULES_PER_SEGMENT; i++) {
        const page = kind === KIND_LARGE ? i >> 3 : i;
        const isFree = ((this.freeMap[segment * 2 + (page >> 5)] >>> (page & 31)) & 1) === 1;
        if (isFree && (kind === KIND_SMALL || (i & 7) === 0)) free++;
        if (segment + page > 0)
          assert(isTaken(segment * GRANULES_PER_SEGMENT + i) === (kind !== KIND_NONE && !isFree), 'page map');
      }
      assert(free === this.freePages[segment], 'count of free pages');
      assert(kind === KIND_NONE || free < pagesOf(segment, kind), 'an empty segment is given back');
      if (kind !== KIND_NONE && free > 0) assert(this.hint[kind] <= segment, 'hint of a kind');
      if (kind === KIND_NONE) assert(this.hint[KIND_NONE] <= segment, 'hint of free segments');
    }
    assert(spares === this.spares && hollows === this.hollows, 'counts of free segments');
  }
}

/** How many pages a segment has to give. */
function pagesOf(segment: number, kind: number): number {
  const pages = kind === KIND_LARGE ? GRANULES_PER_SEGMENT / LARGE_PAGE_GRANULES : GRANULES_PER_SEGMENT;
  return segment === 0 ? pages - 1 : pages;
}
