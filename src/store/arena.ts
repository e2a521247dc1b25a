/**
 * Memory for entries: blocks of a size class, addressed by 32-bit references in units of 8 bytes.
 *
 *   page of class c (64 KiB or 512 KiB, see sizeClass.ts)
 *   +--------+--------+--------+--------+ - - - - - - - - - -+
 *   | block  | block  | free ----> free | never used yet     |
 *   +--------+--------+--------+--------+ - - - - - - - - - -+
 *                       first word of a free block: reference of the next free block of its page, 0 at the end
 *
 * A page serves one class and keeps its own free list, so a page that runs empty can serve any other class, a segment
 * whose pages are all empty goes back, and a sparse page can be emptied by moving the few entries it still has.
 *
 * Invariants: used[p] blocks of page p are out; a page with room is on the list of its class unless it is being evacuated, a
 * full one is not; an empty page is given back unless no other page of its class has room; usedBytes is the sum of the
 * blocks' sizes, pageBytes of the pages'.
 */
import { assert } from '../base/assert.js';
import type { Released } from './released.js';
import {
  GRANULES_PER_SEGMENT,
  KIND_LARGE,
  KIND_SMALL,
  MAX_SEGMENTS,
  SEGMENT_SHIFT,
  Segments,
  UNIT_MASK,
} from './segments.js';
import {
  CLASS_BLOCKS,
  CLASS_COUNT,
  CLASS_UNITS,
  FIRST_LARGE_CLASS,
  GRANULE_SHIFT,
  GRANULE_UNITS,
  LARGE_PAGE_GRANULES,
  NO_CLASS,
  UNIT_SHIFT,
} from './sizeClass.js';

const NONE = -1;
/** In place of both neighbours of a page that is on no list, because nothing more shall be put into it. */
const EVACUATING = -2;

export class Arena {
  readonly segments: Segments;
  /** The segments' memory as words: the hot path reads headers and keys through it. */
  readonly words: Int32Array[];
  /** Bytes of all blocks that are out, rounded up to their class. */
  usedBytes = 0;
  /** Number of blocks that are out. */
  usedBlocks = 0;
  /** Bytes of all pages that are taken. */
  pageBytes = 0;

  /** The class of each granule's page. */
  private classes = new Uint8Array(GRANULES_PER_SEGMENT).fill(NO_CLASS);
  // Of each page, at the index of its first granule:
  private freeHead = new Int32Array(GRANULES_PER_SEGMENT);
  private used = new Uint16Array(GRANULES_PER_SEGMENT);
  /** Blocks that were given out at least once since the page was taken. */
  private touched = new Uint16Array(GRANULES_PER_SEGMENT);
  private next = new Int32Array(GRANULES_PER_SEGMENT);
  private prev = new Int32Array(GRANULES_PER_SEGMENT);
  /** First page with room of each class. */
  private readonly roomy = new Int32Array(CLASS_COUNT).fill(NONE);

  constructor(maxSegments = MAX_SEGMENTS) {
    this.segments = new Segments(maxSegments);
    this.words = this.segments.words;
  }

  /** A block of the class; its bytes are whatever was there before. Throws StoreFullError. */
  allocate(cls: number): number {
    let page = this.roomy[cls];
    if (page === NONE) page = this.takePage(cls);
    let block = this.freeHead[page];
    if (block !== 0) {
      this.freeHead[page] = this.words[block >>> SEGMENT_SHIFT][(block & UNIT_MASK) << 1];
    } else {
      block = ((page << GRANULE_SHIFT) + this.touched[page]++ * CLASS_UNITS[cls]) | 0;
    }
    if (++this.used[page] === CLASS_BLOCKS[cls]) this.unlink(page, cls);
    this.usedBytes += CLASS_UNITS[cls] << UNIT_SHIFT;
    this.usedBlocks++;
    return block;
  }

  /** Takes a block back. */
  free(block: number): void {
    const granule = block >>> GRANULE_SHIFT;
    const cls = this.classes[granule];
    assert(cls !== NO_CLASS, 'a freed block belongs to a page');
    const page = cls < FIRST_LARGE_CLASS ? granule : granule & ~(LARGE_PAGE_GRANULES - 1);
    this.words[block >>> SEGMENT_SHIFT][(block & UNIT_MASK) << 1] = this.freeHead[page];
    this.freeHead[page] = block;
    this.usedBytes -= CLASS_UNITS[cls] << UNIT_SHIFT;
    this.usedBlocks--;
    const used = this.used[page];
    this.used[page] = used - 1;
    if (used === CLASS_BLOCKS[cls]) this.link(page, cls);
    if (used === 1 && (this.next[page] !== NONE || this.prev[page] !== NONE)) this.givePage(page, cls);
  }

  /** The class of the block that holds this reference (any reference into it). */
  classAt(ref: number): number {
    return this.classes[ref >>> GRANULE_SHIFT];
  }

  /** Takes back everything at once. */
  reset(): void {
    this.classes.fill(NO_CLASS);
    this.roomy.fill(NONE);
    // No page is being evacuated any more, whoever may still ask by an old reference.
    this.next.fill(NONE);
    this.segments.reset();
    this.usedBytes = 0;
    this.usedBlocks = 0;
    this.pageBytes = 0;
  }

  /** One more than the highest granule that a page may begin at. */
  get granules(): number {
    return this.segments.count * GRANULES_PER_SEGMENT;
  }

  /** The class of the page that begins at this granule; NO_CLASS when none does. */
  pageClass(granule: number): number {
    const cls = this.classes[granule];
    return cls >= FIRST_LARGE_CLASS && (granule & (LARGE_PAGE_GRANULES - 1)) !== 0 ? NO_CLASS : cls;
  }

  /** How many blocks of the page are out. */
  pageUsed(page: number): number {
    return this.used[page];
  }

  /** Lets nothing more be put into a page that has room; it is given back as soon as it is empty. */
  evacuate(page: number): void {
    this.unlink(page, this.classes[page]);
    this.next[page] = EVACUATING;
    this.prev[page] = EVACUATING;
  }

  /** Takes {@link evacuate} back, where that was asked for. */
  keep(page: number): void {
    if (this.next[page] === EVACUATING) this.link(page, this.classes[page]);
  }

  /** Whether the page of a block that is out is being evacuated. */
  isLeaving(ref: number): boolean {
    const granule = ref >>> GRANULE_SHIFT;
    const page = this.classes[granule] < FIRST_LARGE_CLASS ? granule : granule & ~(LARGE_PAGE_GRANULES - 1);
    return this.next[page] === EVACUATING;
  }

  /** Background work: gives memory back. Answers whether more remains. */
  trim(released: Released): boolean {
    return this.segments.trim(released);
  }

  private takePage(cls: number): number {
    const large = cls >= FIRST_LARGE_CLASS;
    const page = this.segments.takePage(large ? KIND_LARGE : KIND_SMALL);
    if (page + LARGE_PAGE_GRANULES > this.classes.length) this.widen();
    this.classes.fill(cls, page, page + (large ? LARGE_PAGE_GRANULES : 1));
    this.freeHead[page] = 0;
    this.used[page] = 0;
    this.touched[page] = 0;
    this.pageBytes += pageBytesOf(cls);
    this.link(page, cls);
    return page;
  }

  private givePage(page: number, cls: number): void {
    if (this.next[page] !== EVACUATING) this.unlink(page, cls);
    this.next[page] = NONE;
    this.pageBytes -= pageBytesOf(cls);
    this.classes.fill(NO_CLASS, page, page + (cls >= FIRST_LARGE_CLASS ? LARGE_PAGE_GRANULES : 1));
    this.segments.givePage(page);
  }

  private link(page: number, cls: number): void {
    if (this.roomy[cls] !== NONE && this.used[this.roomy[cls]] === 0) this.givePage(this.roomy[cls], cls);
    const head = this.roomy[cls];
    this.next[page] = head;
    this.prev[page] = NONE;
    if (head !== NONE) this.prev[head] = page;
    this.roomy[cls] = page;
  }

  private unlink(page: number, cls: number): void {
    const next = this.next[page];
    const prev = this.prev[page];
    if (prev === NONE) this.roomy[cls] = next;
    else this.next[prev] = next;
    if (next !== NONE) this.prev[next] = prev;
  }

  private widen(): void {
    const size = this.classes.length * 2;
    const classes = new Uint8Array(size).fill(NO_CLASS);
    classes.set(this.classes);
    this.classes = classes;
    this.freeHead = widened(this.freeHead, new Int32Array(size));
    this.used = widened(this.used, new Uint16Array(size));
    this.touched = widened(this.touched, new Uint16Array(size));
    this.next = widened(this.next, new Int32Array(size));
    this.prev = widened(this.prev, new Int32Array(size));
  }

  /** `live` are the blocks that entries occupy: all that are out, each once. */
  verify(live: ReadonlySet<number>): void {
    assert(live.size === this.usedBlocks, `${live.size} blocks are live, ${this.usedBlocks} are out`);
    this.segments.verify((granule) => this.classes[granule] !== NO_CLASS && granule < this.classes.length);
    const roomy = this.verifyLists();
    let usedBytes = 0;
    let pageBytes = 0;
    for (let page = 0; page < this.classes.length; page++) {
      const cls = this.classes[page];
      if (cls === NO_CLASS) continue;
      const free = this.verifyPage(page, cls, live);
      const leaving = this.isLeaving(page << GRANULE_SHIFT);
      assert(!leaving || (this.used[page] > 0 && !roomy.has(page)), 'a page being evacuated is listed nowhere');
      assert(leaving || roomy.has(page) === this.used[page] < CLASS_BLOCKS[cls], 'a page is listed when it has room');
      assert(this.used[page] + free === this.touched[page], 'blocks of a page are out or free');
      usedBytes += this.used[page] * CLASS_UNITS[cls] * 8;
      pageBytes += pageBytesOf(cls);
      if (cls >= FIRST_LARGE_CLASS) page += LARGE_PAGE_GRANULES - 1;
    }
    assert(usedBytes === this.usedBytes, `blocks take ${usedBytes} bytes, counted ${this.usedBytes}`);
    assert(pageBytes === this.pageBytes, `pages take ${pageBytes} bytes, counted ${this.pageBytes}`);
  }

  private verifyLists(): Set<number> {
    const seen = new Set<number>();
    for (let cls = 0; cls < CLASS_COUNT; cls++) {
      let prev = NONE;
      for (let page = this.roomy[cls]; page !== NONE; page = this.next[page]) {
        assert(this.classes[page] === cls && this.prev[page] === prev && !seen.has(page), 'list of pages with room');
        assert(this.used[page] > 0 || (prev === NONE && this.next[page] === NONE), 'an empty page is given back');
        seen.add(page);
        prev = page;
      }
    }
    return seen;
  }

  /** Answers how many free blocks the page lists. */
  private verifyPage(page: number, cls: number, live: ReadonlySet<number>): number {
    const first = page * 2 ** GRANULE_SHIFT;
    const free = new Set<number>();
    for (let block = this.freeHead[page]; block !== 0; ) {
      const offset = (block >>> 0) - first;
      assert(
        offset % CLASS_UNITS[cls] === 0 && offset / CLASS_UNITS[cls] < this.touched[page],
        'a free block is of its page',
      );
      assert(!free.has(block) && !live.has(block), 'a free block is free, and once');
      free.add(block);
      block = this.words[block >>> SEGMENT_SHIFT][(block & UNIT_MASK) << 1];
    }
    let used = 0;
    for (let i = 0; i < this.touched[page]; i++) if (live.has((first + i * CLASS_UNITS[cls]) | 0)) used++;
    assert(used === this.used[page], `${used} blocks of the page are live, ${this.used[page]} are out`);
    return free.size;
  }
}

function pageBytesOf(cls: number): number {
  return (cls < FIRST_LARGE_CLASS ? GRANULE_UNITS : GRANULE_UNITS * LARGE_PAGE_GRANULES) << UNIT_SHIFT;
}

function widened<T extends Int32Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
