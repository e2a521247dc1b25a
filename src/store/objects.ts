/**
 * Values that do not fit inside an entry: large byte strings now, large collections later. The entry holds a handle.
 *
 *   entry: header | key | handle ----> items[handle] ----> { bytesUsed, clone() ... }
 *
 * Invariants: a handle is held by exactly one entry (once as its value or once as its key); handle 0 is never given out;
 * bytesUsed is the sum over the items; free handles are exactly the indexes without an item.
 *
 * A large string is a plain ArrayBuffer and not shared memory: V8 counts only the former as pressure on its collector, so
 * dropping one is enough to get its memory back.
 */
import { assert } from '../base/assert.js';
import { allocateBytes, GROWABLE_FROM_BYTES, grownInPlace, isGrowable } from '../base/growable.js';
import { Lease } from '../base/lease.js';
import type { Released } from './released.js';
import { type BlockRecord, type Ref, StoreFullError } from './types.js';

/** What a handle may lead to. */
export interface StoredObject {
  /** Bytes that the object itself occupies. Whoever changes it tells {@link ObjectTable.adjust}. */
  readonly bytesUsed: number;
  /** Bytes that its elements occupy elsewhere in the store, their index included. */
  readonly elementBytes?: number;
  /** Bytes of the index of its elements, which {@link elementBytes} include. */
  readonly indexBytes?: number;
  /** Of how many pieces it is, where that tells whether freeing it takes long: not if its elements lie in a table of their own. */
  readonly pieces?: number;
  clone(): StoredObject;
  /** The object is no key's value any more: gives back what of it lies elsewhere in the store, without looking at it. */
  release?(): void;
  /** Commands name its elements by their last argument, and not by the one behind the key. */
  readonly isNamedLast?: boolean;
  /** Elements in these ranges of `buf` will be asked for soon: see {@link Database.fetchAhead}. */
  fetchAhead?(buf: Uint8Array, starts: Int32Array, ends: Int32Array, count: number): void;
  /**
   * Moves the elements of one bucket that lie in pages which are being emptied (defrag.ts) and answers the next cursor; 0
   * begins, and is answered at the end or when the object was released meanwhile. Throws StoreFullError.
   */
  relocate?(cursor: number): number;
  /** Checks its invariants and visits its elements and its blocks (blocks.ts). */
  verify?(visit: (ref: Ref) => void, visitBlock: (record: BlockRecord) => void): void;
}

/** Where `count` requests name elements: the argument behind the key, and the last one. Empty ranges where there is none. */
export interface ElementRanges {
  readonly count: number;
  readonly nextStart: Int32Array;
  readonly nextEnd: Int32Array;
  readonly lastStart: Int32Array;
  readonly lastEnd: Int32Array;
}

/** What an object costs beside its payload: the wrapper objects and its place in the table. */
const LARGE_OVERHEAD_BYTES = 256;

/** A growing value gets half its length in reserve, but no more than this; in growable memory a reserve saves only calls. */
const MAX_RESERVE_BYTES = 64 << 20;
const MAX_GROWABLE_RESERVE_BYTES = 1 << 20;

/**
 * A byte string in memory of its own, with room to grow.
 *
 *   bytes   | the string | room: anything   | room: zeros |
 *           0          length           dirtyEnd       capacity
 *
 * While parcels hold its lease, what they still send does not change (base/lease.ts).
 */
export class LargeBytes implements StoredObject {
  bytes: Buffer;
  data: DataView;
  length: number;
  lease = new Lease();
  private dirtyEnd: number;

  /** The bytes are anything. With `adopted`, they are these, and the memory is ours from now on. */
  constructor(length: number, capacity: number, adopted?: Buffer) {
    this.bytes = adopted ?? allocate(capacity);
    this.data = dataOf(this.bytes);
    this.length = length;
    this.dirtyEnd = adopted === undefined ? length : adopted.buffer.byteLength - adopted.byteOffset;
    if (!isGrowable(this.bytes)) this.dirtyEnd = this.bytes.length;
  }

  get bytesUsed(): number {
    return this.bytes.length + LARGE_OVERHEAD_BYTES;
  }

  clone(): LargeBytes {
    const copy = new LargeBytes(this.length, this.length);
    this.bytes.copy(copy.bytes, 0, 0, this.length);
    return copy;
  }

  /**
   * Changes the length; new bytes are zero. Afterwards the bytes from `writeFrom` to `writeTo` may be written. The whole is
   * copied only when its memory cannot grow in place, or is far too large, or the kernel is taking what will be written.
   */
  resize(newLength: number, writeFrom: number, writeTo: number): void {
    const capacity = this.bytes.length;
    const grows = newLength > this.length;
    const from = grows ? Math.min(writeFrom, this.length) : writeFrom;
    if (!this.lease.clear(from, grows ? newLength : writeTo) || newLength * 4 < capacity)
      this.move(newLength, newLength);
    else if (newLength > capacity && !this.grow(newLength)) this.move(newLength, capacityFor(newLength));
    const clean = Math.min(newLength, this.dirtyEnd);
    if (clean > this.length) this.bytes.fill(0, this.length, clean);
    this.dirtyEnd = Math.max(this.dirtyEnd, newLength);
    this.length = newLength;
  }

  release(): void {
    this.lease.abandon();
  }

  /** Whether a string of this length may be written over the whole. */
  takes(length: number): boolean {
    return !this.lease.isHeld && this.bytes.length >= length && this.bytes.length <= 2 * length;
  }

  /** The string has been overwritten from its start on, up to `length`. */
  overwritten(length: number): void {
    this.length = length;
    this.dirtyEnd = Math.max(this.dirtyEnd, length);
  }

  private grow(newLength: number): boolean {
    const grown = grownInPlace(this.bytes, newLength + MAX_GROWABLE_RESERVE_BYTES);
    if (grown === undefined) return false;
    this.bytes = grown;
    this.data = dataOf(grown);
    return true;
  }

  /** Copies what fits to other memory. Readers keep the old. */
  private move(newLength: number, capacity: number): void {
    const old = this.bytes;
    const kept = Math.min(this.length, newLength);
    this.bytes = allocate(capacity);
    this.data = dataOf(this.bytes);
    old.copy(this.bytes, 0, 0, kept);
    this.dirtyEnd = isGrowable(this.bytes) ? kept : capacity;
    this.lease.abandon();
    this.lease = new Lease();
  }
}

/** How much to allocate for a value that has grown to `length`. */
export function capacityFor(length: number): number {
  if (length >= GROWABLE_FROM_BYTES) return length + MAX_GROWABLE_RESERVE_BYTES;
  return length + Math.min(length >> 1, MAX_RESERVE_BYTES);
}

function dataOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function allocate(capacity: number): Buffer {
  try {
    return allocateBytes(capacity);
  } catch {
    throw new StoreFullError(`no memory for a value of ${capacity} bytes`);
  }
}

export class ObjectTable {
  /** Bytes of all objects. */
  bytesUsed = 0;
  private items: (StoredObject | undefined)[] = [undefined];
  private freeHandles: number[] = [];
  private readonly released: Released;

  constructor(released: Released) {
    this.released = released;
  }

  /** Number of objects. */
  get size(): number {
    return this.items.length - 1 - this.freeHandles.length;
  }

  add(object: StoredObject): number {
    const handle = this.freeHandles.pop() ?? this.items.length;
    this.items[handle] = object;
    this.bytesUsed += object.bytesUsed;
    return handle;
  }

  get(handle: number): StoredObject {
    const object = this.items[handle];
    assert(object !== undefined, 'a handle leads to an object');
    return object;
  }

  /** The large string behind a handle that is known to lead to one. */
  large(handle: number): LargeBytes {
    return this.get(handle) as LargeBytes;
  }

  remove(handle: number): void {
    const object = this.get(handle);
    const { bytesUsed } = object;
    object.release?.();
    this.bytesUsed -= bytesUsed;
    this.released.add(bytesUsed);
    this.items[handle] = undefined;
    this.freeHandles.push(handle);
  }

  /** An object changed its size by `delta` bytes. */
  adjust(delta: number): void {
    this.bytesUsed += delta;
  }

  /** Forgets all objects at once. */
  reset(): void {
    this.released.add(this.bytesUsed);
    this.items = [undefined];
    this.freeHandles = [];
    this.bytesUsed = 0;
  }

  /** `held` are the handles that entries hold. */
  verify(held: ReadonlySet<number>): void {
    assert(held.size === this.size, `${this.size} objects, ${held.size} handles held`);
    let bytes = 0;
    for (const handle of held) bytes += this.get(handle).bytesUsed;
    assert(bytes === this.bytesUsed, `objects take ${bytes} bytes, counted ${this.bytesUsed}`);
    assert(new Set(this.freeHandles).size === this.freeHandles.length, 'a free handle is listed once');
    for (const handle of this.freeHandles) assert(this.items[handle] === undefined, 'a free handle leads nowhere');
  }
}
