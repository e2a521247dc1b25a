/**
 * Nodes of one size for the ordered index of a sorted set (orderedIndex.ts), off the V8 heap.
 *
 *   node number   31 ............. 6 | 5 ........ 0
 *                 chunk              | place in the chunk
 *
 *   chunk         | node | node | ... up to 64 |      130 doubles = 260 words a node, seen as either
 *
 * The first chunk doubles from 4 nodes on, so that a small index is small; the others come whole, so that growth copies no
 * more than 33 KiB, ever. A chunk without a node in use goes back, but for the first.
 *
 * Invariants: used[c] counts the nodes of chunk c that were taken; the others are linked from free[c] by their first word,
 * the place + 1 of the next, 0 at the end; bytesUsed is the sum of the chunks.
 */
import { assert } from '../../base/assert.js';

/** What a place that holds no node number says. */
export const NO_NODE = -1;
export const NODE_WORDS = 260;
const NODE_BYTES = NODE_WORDS * 4;
const CHUNK_SHIFT = 6;
const CHUNK_NODES = 1 << CHUNK_SHIFT;
const PLACE_MASK = CHUNK_NODES - 1;
const FIRST_NODES = 4;
/** A chunk's buffer and the two views on it. */
const CHUNK_OVERHEAD_BYTES = 320;

const NO_WORDS = new Int32Array(0);
const NO_DOUBLES = new Float64Array(0);

export class NodePool {
  /** The memory of each chunk, as words and as doubles. */
  readonly words: Int32Array[] = [];
  readonly doubles: Float64Array[] = [];
  bytesUsed = 0;
  private readonly used: number[] = [];
  private readonly free: number[] = [];
  /** No chunk before this one has a free node. */
  private roomFrom = 0;

  /** The chunk of a node: an index into {@link words} and {@link doubles}. */
  chunkOf(node: number): number {
    return node >>> CHUNK_SHIFT;
  }

  /** Where a node's words begin in its chunk; its doubles begin at half of that. */
  baseOf(node: number): number {
    return (node & PLACE_MASK) * NODE_WORDS;
  }

  /** A node with any content. */
  take(): number {
    let chunk = this.roomFrom;
    while (chunk < this.words.length && this.free[chunk] === 0) chunk++;
    this.roomFrom = chunk;
    if (chunk === 1 && this.words[0].length < CHUNK_NODES * NODE_WORDS) {
      chunk = 0;
      this.roomFrom = 0;
      this.doubleFirst();
    } else if (chunk === this.words.length) this.attach(chunk, chunk === 0 ? FIRST_NODES : CHUNK_NODES);
    else if (this.words[chunk].length === 0) this.attach(chunk, CHUNK_NODES);
    const place = this.free[chunk] - 1;
    this.free[chunk] = this.words[chunk][place * NODE_WORDS];
    this.used[chunk]++;
    return (chunk << CHUNK_SHIFT) | place;
  }

  give(node: number): void {
    const chunk = node >>> CHUNK_SHIFT;
    const place = node & PLACE_MASK;
    this.words[chunk][place * NODE_WORDS] = this.free[chunk];
    this.free[chunk] = place + 1;
    this.used[chunk]--;
    if (this.used[chunk] === 0 && chunk > 0) this.detach(chunk);
    if (chunk < this.roomFrom) this.roomFrom = chunk;
  }

  private attach(chunk: number, nodes: number): void {
    this.put(chunk, new ArrayBuffer(nodes * NODE_BYTES));
    this.used[chunk] = 0;
    this.link(chunk, 0, nodes);
    this.bytesUsed += CHUNK_OVERHEAD_BYTES;
  }

  /** Takes the memory away; the place stays and looks as if it had room, so that it is used again. */
  private detach(chunk: number): void {
    this.bytesUsed -= this.words[chunk].byteLength + CHUNK_OVERHEAD_BYTES;
    this.words[chunk] = NO_WORDS;
    this.doubles[chunk] = NO_DOUBLES;
    this.free[chunk] = 1;
  }

  private doubleFirst(): void {
    const old = this.words[0];
    const nodes = old.length / NODE_WORDS;
    this.bytesUsed -= old.byteLength;
    this.put(0, new ArrayBuffer(2 * nodes * NODE_BYTES));
    this.words[0].set(old);
    this.link(0, nodes, 2 * nodes);
  }

  private put(chunk: number, memory: ArrayBuffer): void {
    this.words[chunk] = new Int32Array(memory);
    this.doubles[chunk] = new Float64Array(memory);
    this.bytesUsed += memory.byteLength;
  }

  /** Makes the places [from, to) the free ones. */
  private link(chunk: number, from: number, to: number): void {
    const words = this.words[chunk];
    for (let place = from; place < to; place++) words[place * NODE_WORDS] = place + 1 < to ? place + 2 : 0;
    this.free[chunk] = from + 1;
  }

  /** `taken` are all nodes in use. */
  verify(taken: ReadonlySet<number>): void {
    let bytes = 0;
    let used = 0;
    this.words.forEach((words, chunk) => {
      used += this.used[chunk];
      if (words.length === 0) return;
      bytes += words.byteLength + CHUNK_OVERHEAD_BYTES;
      let free = 0;
      for (let place = this.free[chunk]; place !== 0; place = words[(place - 1) * NODE_WORDS]) {
        assert(!taken.has((chunk << CHUNK_SHIFT) | (place - 1)), 'a free node is not in use');
        free++;
      }
      assert(free + this.used[chunk] === words.length / NODE_WORDS, 'every node is free or in use');
      assert(free === 0 || this.roomFrom <= chunk, 'where room begins');
    });
    assert(used === taken.size, `${taken.size} nodes, counted ${used}`);
    assert(bytes === this.bytesUsed, `nodes take ${bytes} bytes, counted ${this.bytesUsed}`);
  }
}
