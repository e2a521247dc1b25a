/**
 * A long list: a chain of listpacks, each small enough to be changed cheaply.
 *
 *   head                                                       tail
 *    v                                                           v
 *   node <──> node <──> node <──> ... <──> node <──> node <──> node        node: a listpack in memory of its own,
 *              ^                                                           the number of its elements
 *           current, at one of its elements
 *
 * The list is also a cursor: it stands on an element of one node, and {@link current} is the listpack there. Edits at the cursor
 * leave it where their comments say.
 *
 * Invariants: no node is empty; `length` is the sum over the nodes; a node's listpack stays within the limits that the list was
 * made with, but for a single element larger than them, which has a node to itself (`plain`).
 */
import { assert } from '../../base/assert.js';
import type { StoredObject } from '../../store/objects.js';
import { BufferListpack } from '../listpack/bufferListpack.js';
import type { ListpackElement } from '../listpack/element.js';
import { EMPTY_BYTES, HEADER_BYTES, validate } from '../listpack/format.js';
import { ELEMENT_OVERHEAD_BYTES, fitsListpack, maxListpackBytes } from './limits.js';

/** What a node costs beside its memory: the objects that lead to it. */
const NODE_OVERHEAD_BYTES = 512;
const LIST_OVERHEAD_BYTES = 256;

class Node {
  previous: Node | undefined;
  next: Node | undefined;
  readonly listpack: BufferListpack;
  count = 0;
  plain = false;
  /** What the list's bytesUsed has of it. */
  accountedBytes = 0;

  constructor(listpack: BufferListpack) {
    this.listpack = listpack;
  }
}

export class Quicklist implements StoredObject {
  length = 0;
  nodeCount = 0;
  bytesUsed = LIST_OVERHEAD_BYTES;
  /** The value of list-max-listpack-size when the list was made. */
  readonly fill: number;
  private head: Node | undefined;
  private tail: Node | undefined;
  private node: Node | undefined;

  constructor(fill: number) {
    this.fill = fill;
  }

  clone(): Quicklist {
    const copy = new Quicklist(this.fill);
    for (let node = this.head; node !== undefined; node = node.next) {
      const { buf, start, end } = node.listpack;
      const added = copy.link(
        new Node(BufferListpack.from(buf, start, end, maxListpackBytes(this.fill))),
        copy.tail,
        undefined,
      );
      added.plain = node.plain;
      copy.changed(added, node.count);
    }
    return copy;
  }

  /** Puts all elements of a listpack, which lies elsewhere, behind the others as one node. */
  appendListpack(buf: Uint8Array, start: number, end: number, count: number): void {
    if (count === 0) return;
    this.changed(
      this.link(new Node(BufferListpack.from(buf, start, end, maxListpackBytes(this.fill))), this.tail, undefined),
      count,
    );
  }

  /** The listpack that holds all elements; undefined when there are several, or none, or one too large for a listpack. */
  get onlyListpack(): BufferListpack | undefined {
    return this.nodeCount === 1 && this.head?.plain === false ? this.head.listpack : undefined;
  }

  // ---------------------------------------------------------------- the cursor

  /** The listpack of the element it stands on, which stands on it as well. */
  get current(): BufferListpack {
    return this.node!.listpack;
  }

  /** Goes to the element with this index; negative ones count from the end. False when there is none. */
  seek(index: number): boolean {
    const { length } = this;
    if (index < 0) index += length;
    if (index < 0 || index >= length) return false;
    let node: Node;
    if (index < length >> 1) {
      node = this.head!;
      for (; index >= node.count; node = node.next!) index -= node.count;
    } else {
      node = this.tail!;
      let left = length - index;
      for (; left > node.count; node = node.previous!) left -= node.count;
      index = node.count - left;
    }
    this.node = node;
    return node.listpack.seek(index);
  }

  next(): boolean {
    if (this.node!.listpack.next()) return true;
    const { next } = this.node!;
    if (next === undefined) return false;
    this.node = next;
    return next.listpack.first();
  }

  previous(): boolean {
    if (this.node!.listpack.previous()) return true;
    const { previous } = this.node!;
    if (previous === undefined) return false;
    this.node = previous;
    return previous.listpack.last();
  }

  // ---------------------------------------------------------------- edits

  /** Puts the element before all others, or behind them. */
  push(element: ListpackElement, atHead: boolean): void {
    let node = atHead ? this.head : this.tail;
    if (node === undefined || !this.takes(node, element)) {
      const expected = this.expectedBytes(node);
      node = atHead
        ? this.newNode(element, undefined, this.head, expected)
        : this.newNode(element, this.tail, undefined, expected);
    }
    if (atHead) node.listpack.prepend(element);
    else node.listpack.append(element);
    this.changed(node, 1);
  }

  /** Puts the element next to the one it stands on. Then it stands nowhere. */
  insert(element: ListpackElement, behind: boolean): void {
    const node = this.node!;
    const { listpack } = node;
    const atStart = !behind && listpack.offset === HEADER_BYTES;
    const atEnd = behind && listpack.after === listpack.end - 1;
    if (this.takes(node, element)) {
      if (behind) listpack.next();
      listpack.insert(element);
      this.changed(node, 1);
    } else if (atEnd && node.next !== undefined && this.takes(node.next, element)) {
      node.next.listpack.prepend(element);
      this.changed(node.next, 1);
    } else if (atStart && node.previous !== undefined && this.takes(node.previous, element)) {
      node.previous.listpack.append(element);
      this.changed(node.previous, 1);
    } else if (atStart || atEnd) {
      this.addBetween(element, atStart ? node.previous : node, atStart ? node : node.next);
    } else {
      this.insertSplitting(node, element, behind);
    }
    this.node = undefined;
  }

  /** Puts the element in the place of the one it stands on, and stands nowhere. */
  replace(element: ListpackElement): void {
    const node = this.node!;
    const large = this.isLarge(element);
    if (node.count > 1 && large) {
      if (this.remove()) this.insert(element, false);
      else this.push(element, false);
    } else {
      node.listpack.replace(element);
      node.plain = large;
      this.changed(node, 0);
    }
    this.node = undefined;
  }

  /** Removes the element it stands on and steps to the one that followed; false when that was the last. */
  remove(): boolean {
    const node = this.node!;
    const { next } = node;
    const followed = node.listpack.remove();
    this.changed(node, -1);
    if (followed) return true;
    this.node = next;
    return next?.listpack.first() ?? false;
  }

  /** The same, stepping to the element before. */
  removeBackward(): boolean {
    const node = this.node!;
    const { previous } = node;
    node.listpack.remove();
    const preceded = node.listpack.previous();
    this.changed(node, -1);
    if (preceded) return true;
    this.node = previous;
    return previous?.listpack.last() ?? false;
  }

  /** Removes so many elements from this index on. Then it stands nowhere. */
  removeRange(index: number, count: number): void {
    if (count <= 0 || !this.seek(index)) return;
    let node = this.node;
    let first = node!.listpack;
    let whole = first.offset === HEADER_BYTES;
    while (count > 0 && node !== undefined) {
      const { next } = node;
      if (whole && count >= node.count) {
        count -= node.count;
        this.changed(node, -node.count);
      } else {
        const removed = first.removeRange(count);
        count -= removed;
        this.changed(node, -removed);
      }
      node = next;
      if (node === undefined) break;
      first = node.listpack;
      first.first();
      whole = true;
    }
    this.node = undefined;
  }

  // ---------------------------------------------------------------- nodes

  private isLarge(element: ListpackElement): boolean {
    return bytesOf(element) > maxListpackBytes(this.fill);
  }

  private takes(node: Node, element: ListpackElement): boolean {
    if (node.plain) return false;
    const bytes = node.listpack.byteLength + bytesOf(element) + ELEMENT_OVERHEAD_BYTES;
    return fitsListpack(this.fill, bytes, node.count + 1);
  }

  /**
   * How large a node will probably become that follows a full one at its end of the list: as large as that. Memory that is
   * taken at once is not copied and thrown away while it grows; but a second node may remain the last.
   */
  private expectedBytes(full: Node | undefined): number {
    if (full === undefined || full.plain) return 0;
    return this.nodeCount > 2 ? full.listpack.byteLength : full.listpack.byteLength >> 2;
  }

  /** A node without elements for this one, with memory for `expectedBytes`. */
  private newNode(
    element: ListpackElement,
    previous: Node | undefined,
    next: Node | undefined,
    expectedBytes: number,
  ): Node {
    const capacity = Math.max(EMPTY_BYTES + element.size, expectedBytes);
    const node = new Node(new BufferListpack(capacity, maxListpackBytes(this.fill)));
    node.plain = this.isLarge(element);
    return this.link(node, previous, next);
  }

  private addBetween(element: ListpackElement, previous: Node | undefined, next: Node | undefined): void {
    const node = this.newNode(element, previous, next, 0);
    node.listpack.append(element);
    this.changed(node, 1);
  }

  /** Parts a full node where the element belongs, and joins again what fits together. */
  private insertSplitting(node: Node, element: ListpackElement, behind: boolean): void {
    const { listpack } = node;
    if (behind) listpack.next();
    const { buf, at, end } = listpack;
    const tail = new Node(new BufferListpack(end - at + EMPTY_BYTES, maxListpackBytes(this.fill)));
    const moved = node.count - listpack.index();
    tail.listpack.toEnd();
    tail.listpack.insertEncoded(buf, at, end - 1, moved);
    listpack.removeRange(moved);
    this.link(tail, node, node.next);
    this.changed(node, -moved);
    this.changed(tail, moved);
    if (this.takes(node, element)) {
      listpack.append(element);
      this.changed(node, 1);
    } else if (this.takes(tail, element)) {
      tail.listpack.prepend(element);
      this.changed(tail, 1);
    } else {
      this.addBetween(element, node, tail);
    }
    if (tail.next !== undefined) this.join(tail, tail.next);
    if (node.previous !== undefined) this.join(node.previous, node);
  }

  /** Makes one node of two neighbours if it may be one. */
  private join(left: Node, right: Node): void {
    const bytes = left.listpack.byteLength + right.listpack.byteLength - EMPTY_BYTES;
    if (left.plain || right.plain || !fitsListpack(this.fill, bytes, left.count + right.count)) return;
    const { buf, start, end } = right.listpack;
    const { count } = right;
    left.listpack.toEnd();
    left.listpack.insertEncoded(buf, start + HEADER_BYTES, end - 1, count);
    this.changed(right, -count);
    this.changed(left, count);
  }

  private link(node: Node, previous: Node | undefined, next: Node | undefined): Node {
    node.previous = previous;
    node.next = next;
    if (previous === undefined) this.head = node;
    else previous.next = node;
    if (next === undefined) this.tail = node;
    else next.previous = node;
    this.nodeCount++;
    return node;
  }

  /** Keeps the sums true after `added` elements came to a node or, negative, left it; an empty node goes. */
  private changed(node: Node, added: number): void {
    node.count += added;
    this.length += added;
    const bytes = node.count === 0 ? 0 : node.listpack.capacity + NODE_OVERHEAD_BYTES;
    this.bytesUsed += bytes - node.accountedBytes;
    node.accountedBytes = bytes;
    if (node.count > 0) return;
    if (node.previous === undefined) this.head = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.tail = node.previous;
    else node.next.previous = node.previous;
    this.nodeCount--;
  }

  /** Checks the invariants. */
  verify(): void {
    let length = 0;
    let nodes = 0;
    let bytes = LIST_OVERHEAD_BYTES;
    let previous: Node | undefined;
    for (let node = this.head; node !== undefined; node = node.next) {
      const { listpack, count } = node;
      assert(node.previous === previous, 'nodes know their neighbours');
      assert(validate(listpack.buf, listpack.data, listpack.start, listpack.end, true), 'a node is a listpack');
      assert(count > 0 && count === listpack.count, 'a node knows the number of its elements');
      assert(!node.plain || count === 1, 'a large element is alone');
      assert(node.accountedBytes === listpack.capacity + NODE_OVERHEAD_BYTES, 'the memory of a node is counted');
      length += count;
      bytes += node.accountedBytes;
      nodes++;
      previous = node;
    }
    assert(this.tail === previous, 'the tail is the last node');
    assert(length === this.length && nodes === this.nodeCount, `${this.length} elements in ${this.nodeCount} nodes`);
    assert(bytes === this.bytesUsed, `${bytes} bytes, counted ${this.bytesUsed}`);
  }
}

/** Bytes of an element by which Redis measures: those of its text where there is one. */
function bytesOf(element: ListpackElement): number {
  return Math.max(element.end - element.start, 0) || element.size;
}
