/**
 * Changes a listpack. Every edit is one splice: so many bytes at an offset make place for so many others. Whoever owns the
 * bytes carries it out (an entry of the keyspace: entryListpack.ts; memory of its own: bufferListpack.ts), and the rest is
 * written here. Bytes that are put in must not lie in the listpack that is changed.
 */
import { Copier } from '../../base/copy.js';
import { ListpackCursor } from './cursor.js';
import type { ListpackElement } from './element.js';
import { COUNT_UNKNOWN, END, HEADER_BYTES } from './format.js';

export abstract class EditableListpack extends ListpackCursor {
  private readonly copier = new Copier();

  /**
   * Replaces `removed` bytes at `offset` (from the listpack's beginning) by `inserted` bytes of anything, and points buf, data,
   * start and end at the outcome. Bytes before and behind stay what they are.
   */
  protected abstract splice(offset: number, removed: number, inserted: number): void;

  /** Puts the element before the one it stands on (at the end: behind all), and stands on it. */
  insert(element: ListpackElement): void {
    this.put(this.at - this.start, 0, element, 1);
  }

  /** Puts the element behind all others and stands on it. */
  append(element: ListpackElement): void {
    this.put(this.end - 1 - this.start, 0, element, 1);
  }

  /** Puts the element before all others and stands on it. */
  prepend(element: ListpackElement): void {
    this.put(HEADER_BYTES, 0, element, 1);
  }

  /** Puts the element in the place of the one it stands on, and stands on it. */
  replace(element: ListpackElement): void {
    this.put(this.at - this.start, this.after - this.at, element, 0);
  }

  /** Removes the element it stands on and steps to the one that followed; false when that was the last. */
  remove(): boolean {
    return this.cut(this.at - this.start, this.after - this.at, 1);
  }

  /**
   * Removes the element it stands on and those behind it, `count` altogether or as many as there are, and steps to the one that
   * followed. Answers how many.
   */
  removeRange(count: number): number {
    const { at } = this;
    let removed = 0;
    while (this.at !== this.end - 1 && removed < count) {
      removed++;
      if (!this.next()) break;
    }
    this.cut(at - this.start, this.at - at, removed);
    return removed;
  }

  /** Removes all elements. */
  clear(): void {
    this.cut(HEADER_BYTES, this.end - 1 - this.start - HEADER_BYTES, this.count);
  }

  /** Puts `count` whole elements, copied from another listpack, before the one it stands on, and stands on the first. */
  insertEncoded(buf: Uint8Array, start: number, end: number, count: number): void {
    const offset = this.at - this.start;
    this.splice(offset, 0, end - start);
    this.copier.copy(this.buf, this.data, this.start + offset, buf, start, end);
    this.writeHeader(count);
    this.moveTo(offset);
  }

  private put(offset: number, removed: number, element: ListpackElement, added: number): void {
    this.splice(offset, removed, element.size);
    element.write(this.buf, this.data, this.start + offset);
    this.writeHeader(added);
    this.moveTo(offset);
  }

  private cut(offset: number, removed: number, count: number): boolean {
    this.splice(offset, removed, 0);
    this.writeHeader(-count);
    return this.moveTo(offset);
  }

  /** Makes header and end right after a splice; `added` elements came or, negative, went. */
  protected writeHeader(added: number): void {
    const { data, start } = this;
    data.setUint32(start, this.end - start, true);
    const count = data.getUint16(start + 4, true);
    if (added !== 0 && count !== COUNT_UNKNOWN) data.setUint16(start + 4, Math.min(count + added, COUNT_UNKNOWN), true);
    this.buf[this.end - 1] = END;
  }
}
