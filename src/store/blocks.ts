/**
 * Blocks of the arena for values that lay out their bytes themselves: the nodes of long lists.
 *
 *   owner's record (block, isOutside) ──> block of the arena          up to 128 KiB
 *                                     └─> buffer of its own           beyond: an object with a handle (objects.ts)
 *
 * Only the record points at a block, so a block can be moved while serving (defrag.ts asks the owner to), and whoever drops the
 * record frees the block: no collector does. A value with many blocks that no key holds any more waits here and is freed in slices.
 *
 * Invariants: arenaBlocks blocks of the arena belong to records; `count` counts those outside too.
 */

import { fillFrom } from '../base/copy.js';
import { Mover } from '../base/move.js';
import type { Arena } from './arena.js';
import { LargeBytes, type ObjectTable } from './objects.js';
import { SEGMENT_SHIFT, UNIT_MASK } from './segments.js';
import { CLASS_UNITS, classOf, MAX_BLOCK_UNITS, UNIT_SHIFT } from './sizeClass.js';
import { type BlockRecord, type Ref, StoreFullError } from './types.js';

/** What a record takes in the JavaScript heap: three words, and nine fields (listNode.ts). */
export const RECORD_BYTES = 96;

export const DEFAULT_ALONE_FROM_BYTES = 1 << 30;

/** A value that was dropped with blocks that are still to be freed. */
export interface Dropped {
  /** Frees up to so many blocks. Answers whether more remain. */
  drain(blocks: number): boolean;
  verify(visit: (block: Ref) => void, visitBlock: (record: BlockRecord) => void): void;
}

export class Blocks {
  /** Blocks that are out. */
  count = 0;
  /** Those of them that lie in the arena. */
  arenaBlocks = 0;
  /** Values whose blocks a snapshot reads, some of which no key holds any more. */
  watched = 0;
  /** DEBUG QUICKLIST-PACKED-THRESHOLD: an element of a long list that has so many bytes gets a block to itself. */
  aloneFromBytes = DEFAULT_ALONE_FROM_BYTES;
  private readonly arena: Arena;
  private readonly objects: ObjectTable;
  private readonly mover = new Mover();
  private readonly dropped: Dropped[] = [];

  constructor(arena: Arena, objects: ObjectTable) {
    this.arena = arena;
    this.objects = objects;
  }

  /** Bytes of the records. What they point at is counted where it lies. */
  get bytesUsed(): number {
    return this.count * RECORD_BYTES;
  }

  /** Gives the record a block of at least so many bytes, which are anything. What it had before is the caller's. Throws StoreFullError. */
  allocate(record: BlockRecord, bytes: number): void {
    const units = (bytes + 7) >> UNIT_SHIFT;
    if (units <= MAX_BLOCK_UNITS) {
      record.block = this.arena.allocate(classOf(units));
      record.isOutside = false;
      this.arenaBlocks++;
    } else {
      record.block = this.objects.add(new LargeBytes(bytes, bytes, ownMemory(bytes)));
      record.isOutside = true;
    }
    this.count++;
  }

  free(record: BlockRecord): void {
    this.count--;
    if (record.isOutside) {
      this.objects.remove(record.block);
    } else {
      this.arena.free(record.block);
      this.arenaBlocks--;
    }
  }

  /** The memory in which the block lies, from {@link base} on. */
  buf({ block, isOutside }: BlockRecord): Uint8Array {
    return isOutside ? this.objects.large(block).bytes : this.arena.segments.bytes[block >>> SEGMENT_SHIFT];
  }

  data({ block, isOutside }: BlockRecord): DataView {
    return isOutside ? this.objects.large(block).data : this.arena.segments.data[block >>> SEGMENT_SHIFT];
  }

  base({ block, isOutside }: BlockRecord): number {
    return isOutside ? 0 : (block & UNIT_MASK) << UNIT_SHIFT;
  }

  capacity({ block, isOutside }: BlockRecord): number {
    return isOutside ? this.objects.large(block).bytes.length : CLASS_UNITS[this.arena.classAt(block)] << UNIT_SHIFT;
  }

  /** Bytes that the block costs, its record included. */
  bytesOf(record: BlockRecord): number {
    const { block, isOutside } = record;
    return RECORD_BYTES + (isOutside ? this.objects.large(block).bytesUsed : this.capacity(record));
  }

  /** Copies buf[start, end) to out[at, ...); they may overlap. */
  move(out: Uint8Array, at: number, buf: Uint8Array, start: number, end: number): void {
    if (out === buf) this.mover.move(buf, at, start, end);
    else if (end > start) fillFrom(out, at, buf, start, end);
  }

  /** Moves the first `bytes` of a block elsewhere when its page is being emptied (defrag.ts). Throws StoreFullError. */
  relocate(record: BlockRecord, bytes: number): void {
    if (record.isOutside || !this.arena.isLeaving(record.block)) return;
    const old: BlockRecord = { block: record.block, isOutside: false };
    this.allocate(record, this.capacity(old));
    const from = this.base(old);
    this.move(this.buf(record), this.base(record), this.buf(old), from, from + bytes);
    this.free(old);
  }

  /** Takes over a value that no key holds any more, to be freed in slices. */
  bury(value: Dropped): void {
    this.dropped.push(value);
  }

  get isReaping(): boolean {
    return this.dropped.length > 0;
  }

  /** Frees up to so many blocks of what was dropped. Answers whether more remain. */
  reap(blocks: number): boolean {
    const last = this.dropped.length - 1;
    if (last < 0) return false;
    if (!this.dropped[last].drain(blocks)) this.dropped.length = last;
    return this.isReaping;
  }

  forEachDropped(visit: (value: Dropped) => void): void {
    for (const value of this.dropped) visit(value);
  }

  /** The arena and the objects have been emptied as a whole. */
  reset(): void {
    this.dropped.length = 0;
    this.count = 0;
    this.arenaBlocks = 0;
  }
}

function ownMemory(bytes: number): Buffer {
  try {
    return Buffer.allocUnsafeSlow(bytes);
  } catch {
    throw new StoreFullError(`no memory for a block of ${bytes} bytes`);
  }
}
