/**
 * Rows of words in the order of the ids they begin with: a sorted list in chunks, for pending entries.
 *
 *   chunks   [ rows | room ]  [ rows | room ]  ...        at most 128 rows a chunk
 *   row      | ms high | ms low | seq high | seq low | words of the user ... |
 *
 * Rows mostly come at the end and go anywhere. A chunk that is full is followed by a new one when the row comes last, and is cut
 * in half otherwise; chunks that run empty take less memory, and join their neighbours.
 *
 * A snapshot may read a list as it was ({@link IdRows.readFrom}): a chunk that it shares is replaced by a copy before it is written to.
 *
 * Invariants: ids ascend strictly; no chunk is empty; `size` is the number of rows; what the chunks take is in the account.
 *
 * The list is its own cursor: seek, find, insert and next leave it standing on a row, whose words are words[at + i].
 */
import { assert } from '../../base/assert.js';
import type { ByteCount } from '../../store/types.js';
import type { StreamId } from './id.js';

export const ID_WORDS = 4;

const MIN_ROWS = 4;
const MAX_ROWS = 128;
/** A chunk's object and its typed array on V8's heap, and its place in the list. */
const CHUNK_OVERHEAD_BYTES = 200;

interface Chunk {
  words: Int32Array;
  count: number;
  /** Another list reads it: it stays as it is. */
  isShared: boolean;
}

const NO_WORDS = new Int32Array(0);

export class IdRows {
  size = 0;
  /** Where it stands. */
  words: Int32Array = NO_WORDS;
  at = 0;
  bytesUsed = 0;

  private readonly chunks: Chunk[] = [];
  private chunk = 0;
  private row = 0;
  private readonly width: number;
  private readonly account: ByteCount;

  /** A row has `width` words, the id's four included. */
  constructor(width: number, account: ByteCount) {
    this.width = width;
    this.account = account;
  }

  /** Goes to the first row whose id is not less than `id`; false at the end. */
  seek(id: StreamId): boolean {
    const { chunks } = this;
    let low = 0;
    let high = chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (id.compareAt(chunks[middle].words, 0) < 0) high = middle;
      else low = middle + 1;
    }
    this.chunk = Math.max(0, low - 1);
    this.row = low === 0 ? 0 : this.rowIn(chunks[low - 1], id);
    return this.settle();
  }

  /** Goes to the row with this id; false when there is none. */
  find(id: StreamId): boolean {
    return this.seek(id) && id.compareAt(this.words, this.at) === 0;
  }

  first(): boolean {
    this.chunk = 0;
    this.row = 0;
    return this.settle();
  }

  last(): boolean {
    this.chunk = Math.max(0, this.chunks.length - 1);
    this.row = this.size === 0 ? 0 : this.chunks[this.chunk].count - 1;
    return this.settle();
  }

  next(): boolean {
    this.row++;
    return this.settle();
  }

  id(id: StreamId): StreamId {
    return id.read(this.words, this.at);
  }

  /** Goes to the row with this id, which is added, other words 0, when there is none. Answers whether it was added. */
  insert(id: StreamId): boolean {
    const tail = this.chunks[this.chunks.length - 1];
    if (tail === undefined || id.compareAt(tail.words, (tail.count - 1) * this.width) > 0) {
      this.chunk = this.chunks.length - 1;
      if (tail === undefined || tail.count === MAX_ROWS) {
        this.chunks.push(this.newChunk(tail === undefined ? MIN_ROWS : MAX_ROWS));
        this.chunk++;
      }
      this.row = this.chunks[this.chunk].count;
    } else {
      if (this.seek(id) && id.compareAt(this.words, this.at) === 0) return false;
      if (this.chunks[this.chunk].count === MAX_ROWS) this.split();
    }
    this.open(this.own(this.chunk));
    id.write(this.words, this.at);
    return true;
  }

  /** Removes the row on which it stands and goes to the one that followed; false at the end. */
  remove(): boolean {
    const chunk = this.own(this.chunk);
    const { width } = this;
    chunk.words.copyWithin(this.row * width, (this.row + 1) * width, chunk.count * width);
    chunk.count--;
    this.size--;
    if (chunk.count === 0) {
      this.charge(-chunkBytes(chunk));
      this.chunks.splice(this.chunk, 1);
      this.row = 0;
    } else if (chunk.count * 4 * width <= chunk.words.length && chunk.words.length > MIN_ROWS * width) {
      this.shrink(chunk);
    }
    return this.settle();
  }

  /** Removes the row with this id, if there is one. */
  removeId(id: StreamId): boolean {
    if (!this.find(id)) return false;
    this.remove();
    return true;
  }

  /** Gives back what the account was charged. */
  close(): void {
    this.charge(-this.bytesUsed);
    this.chunks.length = 0;
    this.size = 0;
  }

  /** Becomes a copy of another list of the same width; must be empty. */
  copyFrom(other: IdRows): void {
    for (const each of other.chunks) {
      const chunk = cloneOf(each);
      this.chunks.push(chunk);
      this.charge(chunkBytes(chunk));
    }
    this.size = other.size;
  }

  /**
   * Reads the rows of another list of the same width; must be empty, and nothing is written here. With `sharing` they stay as they are
   * until {@link endReading}, whatever becomes of the other list.
   */
  readFrom(other: IdRows, sharing: boolean): void {
    for (const chunk of other.chunks) {
      if (sharing) chunk.isShared = true;
      this.chunks.push(chunk);
    }
    this.size = other.size;
  }

  /** The rows that were shared may change again. */
  endReading(): void {
    for (const chunk of this.chunks) chunk.isShared = false;
  }

  /** To be called before the words of the row on which it stands are written. */
  protected beforeWrite(): void {
    this.words = this.own(this.chunk).words;
  }

  /** A chunk to be written to. */
  private own(index: number): Chunk {
    const chunk = this.chunks[index];
    if (!chunk.isShared) return chunk;
    const own = cloneOf(chunk);
    this.chunks[index] = own;
    return own;
  }

  /** Points words and at to the row it stands on, moving on from the end of a chunk; false at the end of the list. */
  private settle(): boolean {
    const { chunks } = this;
    if (this.chunk < chunks.length && this.row >= chunks[this.chunk].count) {
      this.chunk++;
      this.row = 0;
    }
    if (this.chunk >= chunks.length) return false;
    this.words = chunks[this.chunk].words;
    this.at = this.row * this.width;
    return true;
  }

  private rowIn(chunk: Chunk, id: StreamId): number {
    let low = 0;
    let high = chunk.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (id.compareAt(chunk.words, middle * this.width) > 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Makes place for a row where it stands. */
  private open(chunk: Chunk): void {
    const { width } = this;
    if (chunk.count * width === chunk.words.length) this.resize(chunk, Math.min(MAX_ROWS, chunk.count * 2));
    const { words } = chunk;
    this.words = words;
    this.at = this.row * width;
    words.copyWithin(this.at + width, this.at, chunk.count * width);
    words.fill(0, this.at, this.at + width);
    chunk.count++;
    this.size++;
  }

  /** Cuts the chunk in half and stays on the same row. */
  private split(): void {
    const chunk = this.own(this.chunk);
    const kept = chunk.count >> 1;
    const half = this.newChunk(MAX_ROWS);
    half.words.set(chunk.words.subarray(kept * this.width, chunk.count * this.width));
    half.count = chunk.count - kept;
    chunk.count = kept;
    this.chunks.splice(this.chunk + 1, 0, half);
    if (this.row <= kept) return;
    this.chunk++;
    this.row -= kept;
  }

  /** Takes less memory: joins a neighbour, or has less room. Stays on the same row. */
  private shrink(chunk: Chunk): void {
    if (this.chunk > 0 && this.join(this.chunk - 1)) {
      this.chunk--;
      this.row += this.chunks[this.chunk].count - chunk.count;
    } else if (!this.join(this.chunk)) {
      this.resize(chunk, Math.max(MIN_ROWS, chunk.count * 2));
    }
  }

  /** Adds the rows of the chunk behind to the chunk `first`, if both are small; otherwise false. */
  private join(first: number): boolean {
    const behind = this.chunks[first + 1];
    if (behind === undefined || this.chunks[first].count + behind.count > MAX_ROWS >> 1) return false;
    const chunk = this.own(first);
    const rows = chunk.count + behind.count;
    const { width } = this;
    if (rows * width > chunk.words.length) this.resize(chunk, Math.min(MAX_ROWS, rows * 2));
    chunk.words.set(behind.words.subarray(0, behind.count * width), chunk.count * width);
    chunk.count = rows;
    this.charge(-chunkBytes(behind));
    this.chunks.splice(first + 1, 1);
    return true;
  }

  private newChunk(rows: number): Chunk {
    const chunk = { words: new Int32Array(rows * this.width), count: 0, isShared: false };
    this.charge(chunkBytes(chunk));
    return chunk;
  }

  private resize(chunk: Chunk, rows: number): void {
    const before = chunkBytes(chunk);
    const words = new Int32Array(rows * this.width);
    words.set(chunk.words.subarray(0, chunk.count * this.width));
    chunk.words = words;
    this.charge(chunkBytes(chunk) - before);
  }

  private charge(bytes: number): void {
    this.bytesUsed += bytes;
    this.account.bytesUsed += bytes;
  }

  verify(): void {
    let size = 0;
    let bytes = 0;
    let before: readonly number[] | undefined;
    for (const chunk of this.chunks) {
      assert(chunk.count > 0 && chunk.count * this.width <= chunk.words.length, 'a chunk holds its rows');
      size += chunk.count;
      bytes += chunkBytes(chunk);
      for (let row = 0; row < chunk.count; row++) {
        const id = Array.from(
          chunk.words.subarray(row * this.width, row * this.width + ID_WORDS),
          (word) => word >>> 0,
        );
        assert(before === undefined || ascends(before, id), 'ids ascend');
        before = id;
      }
    }
    assert(size === this.size, `${size} rows, counted ${this.size}`);
    assert(bytes === this.bytesUsed, `rows take ${bytes} bytes, counted ${this.bytesUsed}`);
  }
}

function ascends(before: readonly number[], id: readonly number[]): boolean {
  const at = before.findIndex((word, i) => word !== id[i]);
  return at >= 0 && before[at] < id[at];
}

function cloneOf({ words, count }: Chunk): Chunk {
  return { words: words.slice(), count, isShared: false };
}

function chunkBytes(chunk: Chunk): number {
  return chunk.words.byteLength + CHUNK_OVERHEAD_BYTES;
}
