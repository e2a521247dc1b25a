/**
 * The chain of nodes (listNode.ts) of a long list: their blocks, and which of them are compressed.
 *
 *   head                                                       tail
 *    v                                                           v
 *   node <──> node <──> node <──> ... <──> node <──> node <──> node
 *   \__ depth nodes __/  \___ compressed where it pays ___/  \__ depth nodes __/
 *
 * Whoever keeps nodes that the list goes on changing (a snapshot) has two places to mind, and only these:
 *
 * - {@link NodeChain.writable}: every edit of a node's bytes in place passes it first and goes on with the node that it answers, which
 *   may be another record in the same place of the chain. Making plain, compressing (settle) and moving a block (relocate) change the
 *   record, but not the elements.
 * - {@link NodeChain.drop}: every node that left the chain passes it last, and loses its block there. Its record stays as it was.
 *
 * Invariants: no node is empty; when the list is settled, the outermost `depth` nodes at each end are plain, and the others compressed
 * where that saves enough; with depth 0 all are plain. Each edit of a list settles it, but for {@link Quicklist.remove}.
 */
import { assert } from '../../base/assert.js';
import type { Blocks, Dropped } from '../../store/blocks.js';
import type { StoredObject } from '../../store/objects.js';
import { type BlockRecord, type Ref, StoreFullError } from '../../store/types.js';
import type { ListpackCursor } from '../listpack/cursor.js';
import { validate } from '../listpack/format.js';
import { ListNode, type NodeOwner, type NodeWatch } from './listNode.js';
import type { NodeListpack } from './nodeListpack.js';

const CHAIN_BYTES = 160;
/** A list of more nodes is freed in slices. */
const FREED_AT_ONCE = 64;
const RELOCATED_A_STEP = 8;

export abstract class NodeChain implements StoredObject, NodeOwner, Dropped {
  /** Elements in all nodes. */
  length = 0;
  nodeCount = 0;
  readonly bytesUsed = CHAIN_BYTES;
  readonly blocks: Blocks;
  /** The value of list-compress-depth when the list was made. */
  readonly depth: number;
  protected readonly at: NodeListpack;
  /** The most bytes of a node with several elements. */
  protected readonly maxBytes: number;
  protected head: ListNode | undefined;
  protected tail: ListNode | undefined;
  /** Nodes that were made plain or made anew: to be compressed, unless they lie at an end. */
  private loose: ListNode[] | undefined;
  /** Nodes that came since the list was settled. */
  private linked = 0;
  /** Nodes came, went or were made plain. */
  private isUnsettled = false;
  private isReleased = false;
  /** The node that {@link relocate} goes on with. */
  private moving: ListNode | undefined;
  private watcher: NodeWatch | undefined;

  constructor(at: NodeListpack, maxBytes: number, depth: number) {
    this.at = at;
    this.blocks = at.blocks;
    this.maxBytes = maxBytes;
    this.depth = depth;
  }

  abstract clone(): NodeChain;

  /** Becomes a copy of another chain; this one is new. Throws StoreFullError. */
  protected copyFrom(other: NodeChain): this {
    const { blocks } = this;
    try {
      for (let node = other.head; node !== undefined; node = node.next) {
        const bytes = node.packedBytes || node.bytes;
        const from = blocks.base(node) + (node.packedBytes > 0 ? 0 : node.start);
        const added = this.link(bytes, this.tail, undefined);
        blocks.move(blocks.buf(added), blocks.base(added), blocks.buf(node), from, from + bytes);
        added.bytes = node.bytes;
        added.packedBytes = node.packedBytes;
        added.count = node.count;
        added.kind = node.kind;
        this.length += node.count;
      }
    } catch (error) {
      this.release();
      throw error;
    }
    // Each has the form that it needs.
    this.linked = 0;
    return this;
  }

  get pieces(): number {
    return this.nodeCount;
  }

  /** The first node; the others follow it. */
  get firstNode(): ListNode | undefined {
    return this.head;
  }

  /** What the records and blocks of its nodes cost. O(nodes). */
  get elementBytes(): number {
    let bytes = 0;
    for (let node = this.head; node !== undefined; node = node.next) bytes += this.blocks.bytesOf(node);
    return bytes;
  }

  /** The listpack of a node. */
  look(node: ListNode): ListpackCursor {
    return this.at.openNode(this, node, this.maxBytes);
  }

  /** Goes to a node of which an element is asked for; a node that was changed before may be compressed again. */
  protected enter(node: ListNode): ListpackCursor {
    if (this.isUnsettled) this.settle();
    return this.look(node);
  }

  // ---------------------------------------------------------------- the forms of nodes

  /** Gives every node the form that list-compress-depth asks for. Whoever calls {@link remove} calls this at the end. */
  settle(): void {
    if (!this.isUnsettled) return;
    this.isUnsettled = false;
    if (this.depth === 0) return;
    const { at } = this;
    try {
      this.settleNodes();
    } catch (error) {
      // Without memory for another form nodes stay as they are: they can be read and changed in any.
      if (!(error instanceof StoreFullError)) throw error;
    }
    // What was open may have another block now.
    at.forget();
  }

  private settleNodes(): void {
    const { loose, at } = this;
    let first = this.head;
    let last = this.tail;
    for (let i = 0; i < this.depth && first !== undefined && last !== undefined; i++) {
      if (first.packedBytes > 0) at.packer.unpack(first);
      if (last.packedBytes > 0) at.packer.unpack(last);
      forget(loose, first);
      forget(loose, last);
      first = first.next;
      last = last.previous;
    }
    const inner = this.nodeCount - 2 * this.depth;
    // So many at most have been pushed out of either end.
    for (let i = Math.min(this.linked, inner); i > 0; i--) {
      this.pack(first!);
      this.pack(last!);
      first = first!.next;
      last = last!.previous;
    }
    if (inner > 0) for (const node of loose ?? []) this.pack(node);
    this.linked = 0;
    this.loose = undefined;
  }

  private pack(node: ListNode): void {
    if (node.packedBytes === 0 && node.count > 0) this.at.packer.pack(node);
  }

  /** See {@link NodeOwner}, and the head of this file. */
  writable(node: ListNode): ListNode {
    this.watcher?.beforeChange(node);
    if (this.depth === 0) return node;
    if (node.packedBytes > 0) this.at.packer.unpack(node);
    if (node !== this.head && node !== this.tail) this.loosen(node);
    return node;
  }

  /** The node is plain, and perhaps should not be. */
  protected loosen(node: ListNode): void {
    if (this.depth === 0) return;
    this.loose ??= [];
    if (!this.loose.includes(node)) this.loose.push(node);
    this.isUnsettled = true;
  }

  /** A node has left the chain. See the head of this file. */
  private drop(node: ListNode): void {
    this.watcher?.beforeChange(node);
    this.blocks.free(node);
  }

  // ---------------------------------------------------------------- the chain

  /** A new node with a block of so many bytes, to be filled by the caller. Throws StoreFullError. */
  protected link(bytes: number, previous: ListNode | undefined, next: ListNode | undefined): ListNode {
    const node = new ListNode();
    this.blocks.allocate(node, bytes);
    node.previous = previous;
    node.next = next;
    if (previous === undefined) this.head = node;
    else previous.next = node;
    if (next === undefined) this.tail = node;
    else next.previous = node;
    this.nodeCount++;
    this.linked++;
    return node;
  }

  protected unlink(node: ListNode): void {
    const { previous, next } = node;
    if (previous === undefined) this.head = next;
    else previous.next = next;
    if (next === undefined) this.tail = previous;
    else next.previous = previous;
    this.nodeCount--;
    this.isUnsettled = true;
    forget(this.loose, node);
    if (node === this.moving) this.moving = next;
    this.drop(node);
  }

  // ---------------------------------------------------------------- the store

  /** Tells who reads the nodes as they are now before each changes; undefined when nobody does any more. */
  watch(watcher: NodeWatch | undefined): void {
    assert(watcher === undefined || this.watcher === undefined, 'a list is cut once at a time');
    if (watcher === undefined && this.watcher === undefined) return;
    this.watcher = watcher;
    this.blocks.watched += watcher === undefined ? -1 : 1;
    if (watcher === undefined && this.isReleased) this.release();
  }

  release(): void {
    this.isReleased = true;
    if (this.watcher === undefined && this.drain(FREED_AT_ONCE)) this.blocks.bury(this);
  }

  drain(blocks: number): boolean {
    for (; blocks > 0 && this.head !== undefined; blocks--) {
      this.length -= this.head.count;
      this.unlink(this.head);
    }
    return this.head !== undefined;
  }

  relocate(cursor: number): number {
    if (this.isReleased) return 0;
    let node = cursor === 0 ? this.head : this.moving;
    for (let i = 0; i < RELOCATED_A_STEP && node !== undefined; i++, node = node.next) {
      this.blocks.relocate(node, node.packedBytes || node.start + node.bytes);
    }
    this.moving = node;
    return node === undefined ? 0 : 1;
  }

  /** Checks the invariants. */
  verify(_visit?: (ref: Ref) => void, visitBlock?: (record: BlockRecord) => void): void {
    let length = 0;
    let index = 0;
    let previous: ListNode | undefined;
    for (let node = this.head; node !== undefined; node = node.next) {
      assert(node.previous === previous, 'nodes know their neighbours');
      const { buf, data, start, end, count } = this.look(node);
      assert(validate(buf, data, start, end, true), 'a node is a listpack');
      assert(node.bytes === end - start, 'a node knows how long it is');
      assert(count > 0 && node.count === count, 'a node knows the number of its elements');
      assert(!node.isAlone || count === 1, 'a large element is alone');
      assert(node.bytes <= this.maxBytes || count === 1, 'a node keeps to the limits');
      const used = node.packedBytes || node.start + node.bytes;
      assert(node.start >= 0 && used <= this.blocks.capacity(node), 'a node lies in its block');
      const isOuter = this.depth === 0 || index < this.depth || index >= this.nodeCount - this.depth;
      assert(this.isUnsettled || this.isReleased || !isOuter || node.packedBytes === 0, 'outer nodes are plain');
      visitBlock?.(node);
      length += count;
      index++;
      previous = node;
    }
    assert(this.tail === previous, 'the tail is the last node');
    assert(length === this.length && index === this.nodeCount, `${this.length} elements in ${this.nodeCount} nodes`);
  }
}

function forget(nodes: ListNode[] | undefined, node: ListNode): void {
  const i = nodes === undefined ? -1 : nodes.indexOf(node);
  if (i >= 0) nodes!.splice(i, 1);
}
