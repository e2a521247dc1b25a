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
import { StoreFullError } from './types.js';

/** What a handle may lead to. */
export interface StoredObject {
  /** Bytes that the object occupies. Whoever changes it tells {@link ObjectTable.adjust}. */
  readonly bytesUsed: number;
  clone(): StoredObject;
}

/** What an object costs beside its payload: the wrapper objects and its place in the table. */
const LARGE_OVERHEAD_BYTES = 256;

/** A byte string in memory of its own, with room to grow. */
export class LargeBytes implements StoredObject {
  bytes: Buffer;
  data: DataView;
  length: number;

  /** `capacity` >= `length`; the bytes are whatever the memory held before. */
  constructor(length: number, capacity: number) {
    this.bytes = allocate(capacity);
    this.data = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    this.length = length;
  }

  get bytesUsed(): number {
    return this.bytes.length + LARGE_OVERHEAD_BYTES;
  }

  clone(): LargeBytes {
    const copy = new LargeBytes(this.length, this.length);
    this.bytes.copy(copy.bytes, 0, 0, this.length);
    return copy;
  }

  /** Moves the first min(length, capacity) bytes to memory of another size. */
  reserve(capacity: number): void {
    const old = this.bytes;
    this.bytes = allocate(capacity);
    this.data = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    old.copy(this.bytes, 0, 0, Math.min(this.length, capacity));
  }
}

function allocate(capacity: number): Buffer {
  try {
    return Buffer.allocUnsafeSlow(capacity);
  } catch {
    throw new StoreFullError(`no memory for a value of ${capacity} bytes`);
  }
}

export class ObjectTable {
  /** Bytes of all objects. */
  bytesUsed = 0;
  private items: (StoredObject | undefined)[] = [undefined];
  private freeHandles: number[] = [];

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
    this.bytesUsed -= this.get(handle).bytesUsed;
    this.items[handle] = undefined;
    this.freeHandles.push(handle);
  }

  /** An object changed its size by `delta` bytes. */
  adjust(delta: number): void {
    this.bytesUsed += delta;
  }

  /** Forgets all objects at once. */
  reset(): void {
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
