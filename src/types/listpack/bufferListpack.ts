/**
 * A listpack in memory of its own, with room on both sides: at either end elements come and go without moving the others.
 *
 *   memory   | room | header | elements ... | 0xff | room |
 *            0      start                         end     capacity
 *
 * An edit moves the shorter side, if there is room for that; else all room is gathered on that side, or, if there is not much of
 * it, more is taken (half of the size).
 */
import { EditableListpack } from './editable.js';
import { EMPTY_BYTES, writeEmpty } from './format.js';

const MIN_CAPACITY = 64;
/** So few bytes are moved rather than room made for others. */
const CHEAP_MOVE_BYTES = 128;
/** What is smaller is not worth making smaller. */
const SHRINK_FROM_BYTES = 512;

export class BufferListpack extends EditableListpack {
  /** Empty, with memory for `capacity` bytes. */
  constructor(capacity = MIN_CAPACITY) {
    super();
    this.adopt(Buffer.allocUnsafeSlow(Math.max(capacity, EMPTY_BYTES)));
    this.empty();
  }

  get capacity(): number {
    return this.buf.length;
  }

  /** Becomes a copy of the listpack buf[start, end), which lies elsewhere. Stands before the first element. */
  assign(buf: Uint8Array, start: number, end: number): this {
    const length = end - start;
    if (this.buf.length < length) this.adopt(Buffer.allocUnsafeSlow(length));
    this.buf.set(buf.subarray(start, end), 0);
    return this.open(this.buf, this.data, 0, length);
  }

  /** Becomes empty; the memory stays. */
  empty(): this {
    writeEmpty(this.buf, 0);
    this.open(this.buf, this.data, 0, EMPTY_BYTES);
    return this;
  }

  protected override splice(offset: number, removed: number, inserted: number): void {
    const delta = inserted - removed;
    if (delta === 0) return;
    const { buf, start, end } = this;
    const size = end - start + delta;
    const behind = end - start - offset - removed;
    const capacity = buf.length;
    if (delta < 0 && capacity > SHRINK_FROM_BYTES && size * 4 < capacity) {
      this.relocate(offset, removed, inserted);
      return;
    }
    const roomBefore = delta <= start;
    const roomBehind = delta <= capacity - end;
    if (roomBefore && (offset <= behind || (!roomBehind && offset <= CHEAP_MOVE_BYTES))) {
      moveBytes(buf, start - delta, start, offset);
      this.start = start - delta;
    } else if (roomBehind && (behind < offset || behind <= CHEAP_MOVE_BYTES)) {
      moveBytes(buf, start + offset + inserted, start + offset + removed, behind);
      this.end = end + delta;
    } else if ((capacity - size) * 4 >= size) {
      this.slide(offset, removed, inserted);
    } else {
      this.relocate(offset, removed, inserted);
    }
  }

  /** Carries the splice out and gathers all room on its side. */
  private slide(offset: number, removed: number, inserted: number): void {
    const { buf, start, end } = this;
    const behind = end - start - offset - removed;
    const size = offset + inserted + behind;
    if (offset < behind) {
      const to = buf.length - size;
      buf.copyWithin(buf.length - behind, end - behind, end);
      buf.copyWithin(to, start, start + offset);
      this.start = to;
    } else {
      buf.copyWithin(0, start, start + offset);
      buf.copyWithin(offset + inserted, end - behind, end);
      this.start = 0;
    }
    this.end = this.start + size;
  }

  /** Carries the splice out into memory of a size that suits. */
  private relocate(offset: number, removed: number, inserted: number): void {
    const { buf, start, end } = this;
    const size = end - start + inserted - removed;
    const behind = end - start - offset - removed;
    const room = Math.max(size >> 1, MIN_CAPACITY - size);
    const to = offset < behind ? room : 0;
    this.adopt(Buffer.allocUnsafeSlow(size + room));
    // `buf` was made here: a Buffer with memory of its own.
    (buf as Buffer).copy(this.buf, to, start, start + offset);
    (buf as Buffer).copy(this.buf, to + offset + inserted, start + offset + removed, end);
    this.start = to;
    this.end = to + size;
  }

  private adopt(memory: Buffer): void {
    this.buf = memory;
    this.data = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  }
}

/** Moves a range within a buffer. The call of copyWithin costs more than a few bytes do. */
function moveBytes(buf: Uint8Array, to: number, from: number, length: number): void {
  if (length > 16) buf.copyWithin(to, from, from + length);
  else if (to < from) for (let i = 0; i < length; i++) buf[to + i] = buf[from + i];
  else for (let i = length - 1; i >= 0; i--) buf[to + i] = buf[from + i];
}
