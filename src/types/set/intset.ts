/**
 * The intset: a sorted array of integers in one run of bytes, exactly as Redis lays it out in memory and in RDB files.
 *
 *   +---------+---------+-----------+-----------+- -
 *   |  width  |  count  | integer 0 | integer 1 |
 *   |  4, LE  |  4, LE  |  width    |  width    |
 *   +---------+---------+-----------+-----------+- -
 *
 *   width   2, 4 or 8 bytes, for all integers; signed, LE
 *
 * Invariants: the integers ascend strictly; the width is 2 unless an integer was added that needs more, and never shrinks.
 *
 * A 64-bit integer is handled as two halves, `high` signed and `low` with its sign bit of no meaning: exact, and free of garbage.
 */
import { assert } from '../../base/assert.js';
import { writeInt } from '../../base/bytes.js';
import { Mover } from '../../base/move.js';
import { ByteView } from '../../store/types.js';
import type { ListpackElement } from '../listpack/element.js';

export const INTSET_HEADER_BYTES = 8;
/** Redis lets no intset grow beyond this number of integers. */
export const INTSET_MAX_COUNT = 1 << 30;
const INITIAL_WIDTH = 2;
/** The longest text of a 64-bit integer. */
const TEXT_BYTES = 20;

/** The memory that an intset lies in: changes its length, and answers where it is then. What fits of it stays. */
export interface IntsetMemory {
  resize(length: number): ByteView;
}

/** Writes an intset without integers at `start`: {@link INTSET_HEADER_BYTES}. */
export function writeEmptyIntset(buf: Uint8Array, start: number): void {
  buf.fill(0, start, start + INTSET_HEADER_BYTES);
  buf[start] = INITIAL_WIDTH;
}

/** One object is opened on one intset after the other. */
export class Intset {
  private readonly memory: IntsetMemory;
  private buf!: Uint8Array;
  private data!: DataView;
  private start = 0;
  /** Bytes of each integer. */
  width = INITIAL_WIDTH;
  count = 0;
  /** Where the integer that was searched for last is, or belongs. */
  index = 0;

  // The integer looked at or looked for.
  private high = 0;
  private low = 0;

  private readonly view = new ByteView();
  private readonly text = new Uint8Array(TEXT_BYTES);
  private readonly textData = new DataView(this.text.buffer);
  private readonly mover = new Mover();

  constructor(memory: IntsetMemory) {
    this.memory = memory;
  }

  open(view: ByteView): this {
    this.buf = view.buf;
    this.data = view.data;
    this.start = view.start;
    this.width = view.data.getUint32(view.start, true);
    this.count = view.data.getUint32(view.start + 4, true);
    return this;
  }

  get byteLength(): number {
    return INTSET_HEADER_BYTES + this.count * this.width;
  }

  /** Whether the integer is there; {@link index} is then its place, else where it belongs. */
  has(element: ListpackElement): boolean {
    if (!this.take(element)) return false;
    let from = 0;
    let to = this.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const order = this.compare(middle);
      if (order === 0) {
        this.index = middle;
        return true;
      }
      if (order < 0) from = middle + 1;
      else to = middle;
    }
    this.index = from;
    return false;
  }

  /** Adds an integer; false when it is there already. */
  add(element: ListpackElement): boolean {
    if (this.has(element)) return false;
    const { high, low, index, count } = this;
    const width = Math.max(this.width, widthOf(high, low));
    const view = this.memory.resize(INTSET_HEADER_BYTES + (count + 1) * width);
    this.buf = view.buf;
    this.data = view.data;
    this.start = view.start;
    if (width === this.width) this.shift(index + 1, index);
    else this.widen(width, index);
    this.count = count + 1;
    this.data.setUint32(this.start + 4, this.count, true);
    this.write(index, width, high, low);
    return true;
  }

  /** Removes the integer with this index. */
  removeAt(index: number): void {
    this.shift(index, index + 1);
    this.count--;
    this.data.setUint32(this.start + 4, this.count, true);
    this.open(this.memory.resize(this.byteLength));
  }

  /** The text of the integer with this index; it lasts until the next is asked for. Garbage only beyond 2^53. */
  textAt(index: number): ByteView {
    this.read(index, this.width);
    return this.view.set(this.text, this.textData, 0, this.writeText());
  }

  /** Makes `element` the integer with this index. */
  load(index: number, element: ListpackElement): ListpackElement {
    this.read(index, this.width);
    const value = this.high * 4294967296 + (this.low >>> 0);
    return Number.isSafeInteger(value) ? element.setInt(value) : element.setInt64(this.wide());
  }

  verify(): void {
    const { width } = this;
    assert(width === 2 || width === 4 || width === 8, `an integer of ${width} bytes`);
    for (let i = 1; i < this.count; i++) {
      this.read(i - 1, width);
      assert(this.compare(i) > 0, `integer ${i} is not greater than the one before`);
    }
  }

  /** Takes the element's halves; false when it is no integer. */
  private take(element: ListpackElement): boolean {
    if (!element.isInt) return false;
    const { wide, int } = element;
    if (wide === undefined) {
      this.high = Math.floor(int / 4294967296);
      // The lowest 32 bits, whatever the size.
      this.low = int | 0;
    } else {
      this.high = Number(wide >> 32n);
      this.low = Number(BigInt.asIntN(32, wide));
    }
    return true;
  }

  /** How the integer with this index compares with the one at hand: negative, 0, positive. */
  private compare(index: number): number {
    const { data, width, high, low } = this;
    const at = this.start + INTSET_HEADER_BYTES + index * width;
    if (width === 8) {
      const order = data.getInt32(at + 4, true) - high;
      return order !== 0 ? order : data.getUint32(at, true) - (low >>> 0);
    }
    // One that the width has no room for lies beyond all that are here.
    if (widthOf(high, low) > width) return high < 0 ? 1 : -1;
    return (width === 2 ? data.getInt16(at, true) : data.getInt32(at, true)) - low;
  }

  private read(index: number, width: number): void {
    const { data } = this;
    const at = this.start + INTSET_HEADER_BYTES + index * width;
    if (width === 8) {
      this.low = data.getInt32(at, true);
      this.high = data.getInt32(at + 4, true);
    } else {
      this.low = width === 2 ? data.getInt16(at, true) : data.getInt32(at, true);
      this.high = this.low >> 31;
    }
  }

  private write(index: number, width: number, high: number, low: number): void {
    const { data } = this;
    const at = this.start + INTSET_HEADER_BYTES + index * width;
    if (width === 2) data.setInt16(at, low, true);
    else data.setInt32(at, low, true);
    if (width === 8) data.setInt32(at + 4, high, true);
  }

  /** Moves the integers from index `from` on to index `to`, one up or one down. The room is there. */
  private shift(to: number, from: number): void {
    const { width } = this;
    const base = this.start + INTSET_HEADER_BYTES;
    this.mover.move(this.buf, base + to * width, base + from * width, base + this.count * width);
  }

  /** Rewrites all integers, from the last on, with a greater width, and leaves a gap at `gap`: one of the two ends. */
  private widen(width: number, gap: number): void {
    const by = gap === 0 ? 1 : 0;
    for (let i = this.count - 1; i >= 0; i--) {
      this.read(i, this.width);
      this.write(i + by, width, this.high, this.low);
    }
    this.width = width;
    this.data.setUint32(this.start, width, true);
  }

  private wide(): bigint {
    return (BigInt(this.high) << 32n) | BigInt(this.low >>> 0);
  }

  private writeText(): number {
    const value = this.high * 4294967296 + (this.low >>> 0);
    if (Number.isSafeInteger(value)) return writeInt(this.text, 0, value);
    const digits = this.wide().toString();
    for (let i = 0; i < digits.length; i++) this.text[i] = digits.charCodeAt(i);
    return digits.length;
  }
}

/** Bytes that an integer needs. */
function widthOf(high: number, low: number): number {
  if (high !== low >> 31) return 8;
  return low === (low << 16) >> 16 ? 2 : 4;
}

/** Number of integers of the intset that begins at `start`. */
export function intsetCount(data: DataView, start: number): number {
  return data.getUint32(start + 4, true);
}

/** Whether the bytes are an intset, for what comes from outside. With `deep` every integer is looked at. */
export function validateIntset(data: DataView, start: number, end: number, deep: boolean): boolean {
  const length = end - start;
  if (length < INTSET_HEADER_BYTES) return false;
  const width = data.getUint32(start, true);
  const count = intsetCount(data, start);
  if ((width !== 2 && width !== 4 && width !== 8) || count === 0) return false;
  if (length !== INTSET_HEADER_BYTES + count * width) return false;
  if (!deep) return true;
  for (let at = start + INTSET_HEADER_BYTES; at + width < end; at += width) {
    if (integerAt(data, at, width) >= integerAt(data, at + width, width)) return false;
  }
  return true;
}

function integerAt(data: DataView, at: number, width: number): number | bigint {
  if (width === 8) return data.getBigInt64(at, true);
  return width === 2 ? data.getInt16(at, true) : data.getInt32(at, true);
}
