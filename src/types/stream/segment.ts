/**
 * A stretch of a stream's nodes, which lie one behind the other in the order of their ids. A stream is a list of segments, so
 * that nodes come at one end and go at the other without moving more than one segment.
 *
 *   buf    | free | node | node | ... | node | free |          each node a listpack, see nodeFormat.ts
 *          0      start                      end    capacity
 *
 *   rows   | gone | row | row | ... | row | free |             a row a node, {@link ROW_WORDS} words:
 *                 first                   last                 ms high, ms low, seq high, seq low, offset in buf
 *
 * Invariants: ids ascend; offsets ascend, each node ends where the next begins, the last one at `end`; what a segment takes
 * is in the account that it was given.
 */
import { assert } from '../../base/assert.js';
import { allocateBytes, grownInPlace } from '../../base/growable.js';
import { type ByteCount, StoreFullError } from '../../store/types.js';
import { StreamId } from './id.js';

const ROW_WORDS = 5;
const OFFSET = 4;
const MIN_CAPACITY = 64;
const MIN_ROWS = 2;
/** What is smaller is not worth making smaller. */
const SHRINK_FROM_BYTES = 512;
/** A sealed segment may keep one part in 2^this unused: with a segment of full size, what a node leaves that did not fit. */
const SPARE_SHIFT = 4;
/** What a node that is larger than segments usually are gets in reserve at most. */
const MAX_RESERVE_BYTES = 1 << 20;
/** The objects of a segment on V8's heap: itself, the buffer with its memory, the DataView, the rows. */
const OVERHEAD_BYTES = 400;

/** A node; the id is the visitor's for the length of the call. */
export type VisitNode = (id: StreamId, buf: Uint8Array, start: number, end: number) => void;

export class Segment {
  /** A snapshot reads it: it may not change (see {@link Stream.writable}). */
  isShared = false;
  buf: Buffer;
  data: DataView;
  /** Behind the last node. */
  end = 0;
  private rows = new Int32Array(MIN_ROWS * ROW_WORDS);
  private first = 0;
  private last = 0;
  private readonly account: ByteCount;

  constructor(capacity: number, account: ByteCount) {
    this.account = account;
    this.buf = allocate(Math.max(capacity, MIN_CAPACITY));
    this.data = dataOf(this.buf);
    account.bytesUsed += this.bytesUsed;
  }

  get bytesUsed(): number {
    return this.buf.length + this.rows.byteLength + OVERHEAD_BYTES;
  }

  /** Number of nodes. */
  get count(): number {
    return this.last - this.first;
  }

  get start(): number {
    return this.first === this.last ? this.end : this.startOf(0);
  }

  /** Bytes of all nodes. */
  get liveBytes(): number {
    return this.end - this.start;
  }

  startOf(node: number): number {
    return this.rows[(this.first + node) * ROW_WORDS + OFFSET];
  }

  endOf(node: number): number {
    const row = this.first + node + 1;
    return row === this.last ? this.end : this.rows[row * ROW_WORDS + OFFSET];
  }

  /** The id that a node's entries are counted from. */
  idOf(node: number, id: StreamId): StreamId {
    return id.read(this.rows, (this.first + node) * ROW_WORDS);
  }

  forEachNode(visit: VisitNode): void {
    const id = new StreamId();
    for (let node = 0; node < this.count; node++) {
      visit(this.idOf(node, id), this.buf, this.startOf(node), this.endOf(node));
    }
  }

  /** Whether every node's id is greater than `id`. */
  beginsAfter(id: StreamId): boolean {
    return id.compareAt(this.rows, this.first * ROW_WORDS) < 0;
  }

  /** The last node whose id is not greater than `id`; -1 when there is none. */
  find(id: StreamId): number {
    let low = this.first;
    let high = this.last;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (id.compareAt(this.rows, middle * ROW_WORDS) < 0) high = middle;
      else low = middle + 1;
    }
    return low - 1 - this.first;
  }

  /** Adds a node of `length` bytes, which the caller writes, behind the others. Room must have been made. */
  add(id: StreamId, length: number): void {
    if (this.last * ROW_WORDS === this.rows.length) this.moveRows();
    const at = this.last++ * ROW_WORDS;
    id.write(this.rows, at);
    this.rows[at + OFFSET] = this.end;
    this.end += length;
  }

  /** Whether `bytes` more fit behind the last node without other memory. */
  hasRoom(bytes: number): boolean {
    return this.buf.length - this.end >= bytes;
  }

  /** Makes room for `bytes` behind the last node, and more for what may follow: up to `limit` bytes in all when that suffices. */
  reserve(bytes: number, limit: number): void {
    if (this.hasRoom(bytes)) return;
    const needed = this.liveBytes + bytes;
    const wanted = needed < limit ? Math.min(2 * needed, limit) : needed + Math.min(needed >> 1, MAX_RESERVE_BYTES);
    const grown = grownInPlace(this.buf, this.end + wanted - this.liveBytes);
    if (grown === undefined) return this.move(wanted);
    this.adopt(grown);
  }

  /** Replaces `removed` bytes at `offset` of a node by `inserted` bytes of anything. */
  splice(node: number, offset: number, removed: number, inserted: number): void {
    const delta = inserted - removed;
    if (delta === 0) return;
    if (delta > 0 && !this.hasRoom(delta)) this.move(this.liveBytes + delta);
    const from = this.startOf(node) + offset;
    this.buf.copyWithin(from + inserted, from + removed, this.end);
    this.end += delta;
    for (let row = this.first + node + 1; row < this.last; row++) this.rows[row * ROW_WORDS + OFFSET] += delta;
  }

  remove(node: number): void {
    const start = this.startOf(node);
    const end = this.endOf(node);
    if (node === 0) this.first++;
    else {
      this.buf.copyWithin(start, end, this.end);
      this.end -= end - start;
      const row = (this.first + node) * ROW_WORDS;
      this.rows.copyWithin(row, row + ROW_WORDS, this.last * ROW_WORDS);
      this.last--;
      for (let at = row; at < this.last * ROW_WORDS; at += ROW_WORDS) this.rows[at + OFFSET] -= end - start;
    }
    this.shrink();
  }

  /** Gives memory back when less than half is in use. */
  private shrink(): void {
    const live = this.liveBytes;
    if (this.buf.length > SHRINK_FROM_BYTES && live * 2 < this.buf.length) this.move(live);
  }

  /** No more nodes will come: gives memory back, unless what is left over is too little to be worth the copy. */
  seal(): void {
    if (this.buf.length - this.liveBytes > this.buf.length >> SPARE_SHIFT) this.move(this.liveBytes);
  }

  /** Gives back what the account was charged. */
  close(): void {
    this.account.bytesUsed -= this.bytesUsed;
  }

  clone(account: ByteCount): Segment {
    const copy = new Segment(this.liveBytes, account);
    account.bytesUsed -= copy.bytesUsed;
    this.buf.copy(copy.buf, 0, this.start, this.end);
    copy.rows = this.rows.slice(this.first * ROW_WORDS, this.last * ROW_WORDS);
    copy.last = this.count;
    copy.end = this.liveBytes;
    for (let at = OFFSET; at < copy.rows.length; at += ROW_WORDS) copy.rows[at] -= this.start;
    account.bytesUsed += copy.bytesUsed;
    return copy;
  }

  /** Moves all nodes to the beginning of memory of another size. */
  private move(capacity: number): void {
    const { buf, start, end } = this;
    const memory = allocate(Math.max(capacity, MIN_CAPACITY));
    buf.copy(memory, 0, start, end);
    for (let row = this.first; row < this.last; row++) this.rows[row * ROW_WORDS + OFFSET] -= start;
    this.end = end - start;
    this.adopt(memory);
  }

  private adopt(memory: Buffer): void {
    this.account.bytesUsed += memory.length - this.buf.length;
    this.buf = memory;
    this.data = dataOf(memory);
  }

  /** Makes room for another row: in front, where rows are gone, or in a larger array. */
  private moveRows(): void {
    const { rows, first, last } = this;
    const kept = rows.subarray(first * ROW_WORDS, last * ROW_WORDS);
    if (first * 2 > last) rows.set(kept);
    else {
      this.rows = new Int32Array(Math.max(kept.length * 2, MIN_ROWS * ROW_WORDS));
      this.rows.set(kept);
      this.account.bytesUsed += this.rows.byteLength - rows.byteLength;
    }
    this.first = 0;
    this.last = last - first;
  }

  verify(): void {
    assert(this.count > 0, 'a segment has nodes');
    assert(this.end <= this.buf.length, 'the nodes lie inside the buffer');
    for (let node = 0; node < this.count; node++) {
      const start = this.startOf(node);
      assert(this.data.getUint32(start, true) === this.endOf(node) - start, 'a node is as long as it says');
    }
  }
}

function allocate(capacity: number): Buffer {
  try {
    return allocateBytes(capacity);
  } catch {
    throw new StoreFullError(`no memory for ${capacity} bytes of a stream`);
  }
}

function dataOf(buf: Buffer): DataView {
  return new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
}
