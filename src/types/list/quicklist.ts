/**
 * A long list: elements in the listpacks of a chain of nodes (nodeChain.ts).
 *
 *   head                                                       tail
 *    v                                                           v
 *   node <──> node <──> node <──> ... <──> node <──> node <──> node        node: as many elements as the limits allow,
 *              ^                                                           or one that is too large for them
 *           cursor, at one of its elements
 *
 * The cursor that walks and edits ({@link NodeListpack}) is shared by all lists of a server: a list that is looked at begins
 * with a seek. Edits at the cursor leave it where their comments say.
 *
 * Invariants: `length` is the sum over the nodes; a node's listpack stays within the limits that the list was made with, but for a
 * single element that is too large for them or longer than blocks.aloneFromBytes, which is alone (KIND_ALONE, KIND_BARE).
 */
import type { ListpackCursor } from '../listpack/cursor.js';
import type { ListpackElement } from '../listpack/element.js';
import { EMPTY_BYTES, HEADER_BYTES } from '../listpack/format.js';
import {
  clampDepth,
  clampFill,
  ELEMENT_OVERHEAD_BYTES,
  fitsListpack,
  maxListpackBytes,
  maxListpackCount,
} from './limits.js';
import { KIND_ALONE, KIND_BARE, KIND_SHARED, type ListNode } from './listNode.js';
import { NodeChain } from './nodeChain.js';
import type { NodeListpack } from './nodeListpack.js';

const NOTHING = Buffer.alloc(0);

export class Quicklist extends NodeChain {
  /** The value of list-max-listpack-size when the list was made. */
  readonly fill: number;
  private readonly maxCount: number;

  constructor(at: NodeListpack, fill: number, depth: number) {
    super(at, maxListpackBytes(fill), clampDepth(depth));
    this.fill = clampFill(fill);
    this.maxCount = maxListpackCount(fill);
  }

  clone(): Quicklist {
    return new Quicklist(this.at, this.fill, this.depth).copyFrom(this);
  }

  /** Puts all elements of a listpack, which lies elsewhere, behind the others as one node. */
  appendListpack(buf: Uint8Array, start: number, end: number, count: number): void {
    if (count === 0) return;
    const node = this.link(end - start, this.tail, undefined);
    this.at.fill(node, buf, start + HEADER_BYTES, end - 1, count, false);
    this.loosen(node);
    this.length += count;
    this.settle();
  }

  /** Puts an element that came as a node by itself behind the others, and keeps it so. */
  appendAlone(element: ListpackElement): void {
    const node = this.addBetween(element, this.tail, undefined);
    node.kind = KIND_BARE;
    this.length++;
    this.settle();
  }

  /** The listpack that holds all elements; undefined when there are several, or none, or one too large for a listpack. */
  get onlyListpack(): ListpackCursor | undefined {
    return this.nodeCount === 1 && !this.head!.isAlone ? this.look(this.head!) : undefined;
  }

  /** Bytes that a node has to be uncompressed and serialized: of the listpack or, without one, of the element. */
  serializedBytes(node: ListNode): number {
    if (!node.isBare) return node.bytes;
    const cursor = this.look(node);
    cursor.first();
    return cursor.text().length;
  }

  // ---------------------------------------------------------------- the cursor

  /** The listpack of the element it stands on, which stands on it as well. */
  get current(): ListpackCursor {
    return this.at;
  }

  /** Goes to the element with this index; negative ones count from the end. False when there is none. */
  seek(index: number): boolean {
    const { length } = this;
    if (index < 0) index += length;
    if (index < 0 || index >= length) return false;
    if (index === 0) return this.enter(this.head!).first();
    if (index === length - 1) return this.enter(this.tail!).last();
    let node: ListNode;
    if (index < length >> 1) {
      node = this.head!;
      for (; index >= node.count; node = node.next!) index -= node.count;
    } else {
      node = this.tail!;
      let left = length - index;
      for (; left > node.count; node = node.previous!) left -= node.count;
      index = node.count - left;
    }
    return this.enter(node).seek(index);
  }

  next(): boolean {
    if (this.at.next()) return true;
    const { next } = this.at.node;
    return next !== undefined && this.enter(next).first();
  }

  previous(): boolean {
    if (this.at.previous()) return true;
    const { previous } = this.at.node;
    return previous !== undefined && this.enter(previous).last();
  }

  // ---------------------------------------------------------------- edits

  /** Puts the element before all others, or behind them. */
  push(element: ListpackElement, atHead: boolean): void {
    const end = atHead ? this.head : this.tail;
    if (end !== undefined && this.takes(end, element)) {
      this.at.push(this, this.writable(end), element, atHead, this.maxBytes);
      this.length++;
      return;
    }
    const expectedBytes = this.expectedBytes(end);
    if (atHead) this.addBetween(element, undefined, this.head, expectedBytes);
    else this.addBetween(element, this.tail, undefined, expectedBytes);
    this.length++;
    this.settle();
  }

  /** Puts the element next to the one it stands on. Then it stands nowhere. */
  insert(element: ListpackElement, behind: boolean): void {
    const { at } = this;
    const { node } = at;
    const { previous, next } = node;
    const atStart = !behind && at.offset === HEADER_BYTES;
    const atEnd = behind && at.after === at.end - 1;
    if (this.takes(node, element)) {
      if (behind) at.next();
      at.insert(element);
    } else if (atEnd && next !== undefined && this.takes(next, element)) {
      at.push(this, this.writable(next), element, true, this.maxBytes);
    } else if (atStart && previous !== undefined && this.takes(previous, element)) {
      at.push(this, this.writable(previous), element, false, this.maxBytes);
    } else if (atStart || atEnd) {
      this.addBetween(element, atStart ? previous : node, atStart ? node : next);
    } else {
      this.insertSplitting(element, behind);
    }
    this.length++;
    this.settle();
  }

  /** Puts the element in the place of the one it stands on, and stands nowhere. */
  replace(element: ListpackElement): void {
    const { at } = this;
    const bytes = at.node.bytes - (at.after - at.at) + element.size;
    if (at.node.count > 1 && (bytes > this.maxBytes || this.isAlone(element))) {
      if (this.remove()) this.insert(element, false);
      else this.push(element, false);
      return;
    }
    at.replace(element);
    this.setKind(at.node, element);
    this.settle();
  }

  /** Removes the element it stands on and steps to the one that followed; false when that was the last. */
  remove(): boolean {
    const followed = this.at.remove();
    const { node } = this.at;
    const { next } = node;
    this.length--;
    if (node.count === 0) this.unlink(node);
    return followed || (next !== undefined && this.enter(next).first());
  }

  /** The same, stepping to the element before. */
  removeBackward(): boolean {
    this.at.remove();
    const preceded = this.at.previous();
    const { node } = this.at;
    const { previous } = node;
    this.length--;
    if (node.count === 0) this.unlink(node);
    return preceded || (previous !== undefined && this.enter(previous).last());
  }

  /** Removes so many elements from this index on. Then it stands nowhere. */
  removeRange(index: number, count: number): void {
    if (count <= 0 || !this.seek(index)) return;
    const { at } = this;
    let node: ListNode | undefined = at.node;
    let isWhole = at.offset === HEADER_BYTES;
    while (count > 0 && node !== undefined) {
      const next: ListNode | undefined = node.next;
      let removed = node.count;
      if (isWhole && count >= removed) this.unlink(node);
      else {
        if (at.node !== node) this.look(node).first();
        removed = at.removeRange(count);
      }
      count -= removed;
      this.length -= removed;
      node = next;
      isWhole = true;
    }
    this.settle();
  }

  // ---------------------------------------------------------------- nodes

  private isAlone(element: ListpackElement): boolean {
    const bytes = bytesOf(element);
    return bytes > this.maxBytes || bytes >= this.blocks.aloneFromBytes;
  }

  private takes(node: ListNode, element: ListpackElement): boolean {
    const bytes = bytesOf(element);
    return (
      node.bytes + bytes + ELEMENT_OVERHEAD_BYTES <= this.maxBytes &&
      node.count < this.maxCount &&
      bytes < this.blocks.aloneFromBytes &&
      !node.isAlone
    );
  }

  /** The element is, or is going to be, the first of a node. */
  private setKind(node: ListNode, element: ListpackElement): void {
    if (bytesOf(element) >= this.blocks.aloneFromBytes) node.kind = KIND_BARE;
    else node.kind = this.isAlone(element) ? KIND_ALONE : KIND_SHARED;
  }

  /**
   * How large a node will probably become that follows a full one at its end of the list: as large as that. Memory that is
   * taken at once is not copied and thrown away while it grows; but a second node may remain the last.
   */
  private expectedBytes(full: ListNode | undefined): number {
    if (full === undefined || full.isAlone) return 0;
    return this.nodeCount > 2 ? full.bytes : full.bytes >> 2;
  }

  /** A new node with this element, and with memory for `expectedBytes`. */
  private addBetween(
    element: ListpackElement,
    previous: ListNode | undefined,
    next: ListNode | undefined,
    expectedBytes = 0,
  ): ListNode {
    const atHead = previous === undefined;
    const node = this.link(Math.max(EMPTY_BYTES + element.size, expectedBytes), previous, next);
    this.at.fill(node, NOTHING, 0, 0, 0, atHead);
    this.setKind(node, element);
    this.at.push(this, node, element, atHead, this.maxBytes);
    this.loosen(node);
    return node;
  }

  /** Parts a full node where the element belongs, and joins again what fits together. */
  private insertSplitting(element: ListpackElement, behind: boolean): void {
    const { at } = this;
    if (behind) at.next();
    const { buf, at: from, end, node: full } = at;
    const moved = full.count - at.index();
    const tail = this.link(end - from + EMPTY_BYTES, full, full.next);
    at.fill(tail, buf, from, end - 1, moved, false);
    this.loosen(tail);
    at.removeRange(moved);
    const { node } = at;
    if (this.takes(node, element)) at.push(this, node, element, false, this.maxBytes);
    else if (this.takes(tail, element)) at.push(this, tail, element, true, this.maxBytes);
    else this.addBetween(element, node, tail);
    if (tail.next !== undefined) this.join(tail, tail.next);
    if (node.previous !== undefined) this.join(node.previous, node);
  }

  /** Makes one node of two neighbours if it may be one. */
  private join(left: ListNode, right: ListNode): void {
    const bytes = left.bytes + right.bytes - EMPTY_BYTES;
    if (left.isAlone || right.isAlone || !fitsListpack(this.fill, bytes, left.count + right.count)) return;
    const { blocks, at } = this;
    if (right.packedBytes > 0) at.packer.unpack(right);
    const from = blocks.base(right) + right.start;
    this.look(left);
    at.toEnd();
    at.insertEncoded(blocks.buf(right), from + HEADER_BYTES, from + right.bytes - 1, right.count);
    this.unlink(right);
  }
}

/** Bytes of an element by which Redis measures: those of its text where there is one. */
function bytesOf(element: ListpackElement): number {
  return Math.max(element.end - element.start, 0) || element.size;
}
