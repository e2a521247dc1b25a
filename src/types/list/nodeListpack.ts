/**
 * The listpack of one node of a long list (listNode.ts). One object serves one node after the other. It stands on an element, walks,
 * and edits: every edit first asks the list for a node that may be written ({@link NodeOwner.writable}).
 *
 * A compressed node is looked at in a copy, and becomes plain in its block when it is edited.
 *
 * An edit moves the shorter side, if there is room for that; else all room is gathered on that side, or, if there is not much of
 * it, the listpack moves to a larger block (half as large again).
 */
import type { Blocks } from '../../store/blocks.js';
import type { BlockRecord } from '../../store/types.js';
import { EditableListpack } from '../listpack/editable.js';
import type { ListpackElement } from '../listpack/element.js';
import { COUNT_UNKNOWN, EMPTY_BYTES, END, HEADER_BYTES } from '../listpack/format.js';
import { ListNode, type NodeOwner } from './listNode.js';
import { NodePacker } from './nodePacker.js';

const MIN_CAPACITY = 64;
/** So few bytes are moved rather than room made for others. */
const CHEAP_MOVE_BYTES = 128;
/** What is smaller is not worth making smaller. */
const SHRINK_FROM_BYTES = 512;

const NO_OWNER: NodeOwner = { writable: (node) => node };

export class NodeListpack extends EditableListpack {
  private readonly noNode = new ListNode();
  /** The node that is open. */
  node: ListNode = this.noNode;
  private owner: NodeOwner = NO_OWNER;
  readonly blocks: Blocks;
  readonly packer: NodePacker;
  /** Where the node's block begins in `buf`; -1 while `buf` is a copy. */
  private base = 0;
  /** How large the node gets at most, unless one element is larger. */
  private expectedBytes = 0;

  constructor(blocks: Blocks) {
    super();
    this.blocks = blocks;
    this.packer = new NodePacker(blocks);
  }

  /** Stands before the first element. The node gets no room beyond `expectedBytes`, unless it grows beyond them. */
  openNode(owner: NodeOwner, node: ListNode, expectedBytes: number): this {
    this.owner = owner;
    this.node = node;
    this.expectedBytes = expectedBytes;
    if (node.packedBytes === 0) return this.openPlain();
    this.packer.show(node);
    this.base = -1;
    this.open(this.packer.shown, this.packer.shownData, 0, node.bytes);
    return this;
  }

  private openPlain(): this {
    const { node, blocks } = this;
    this.base = blocks.base(node);
    const start = this.base + node.start;
    this.open(blocks.buf(node), blocks.data(node), start, start + node.bytes);
    return this;
  }

  /** Lets go of the node. */
  forget(): void {
    this.node = this.noNode;
    this.owner = NO_OWNER;
  }

  /**
   * Makes a node that has just got its block the listpack of `count` whole elements, buf[from, to), which lie elsewhere: at the end
   * of the block or at its beginning.
   */
  fill(node: ListNode, buf: Uint8Array, from: number, to: number, count: number, atEnd: boolean): void {
    const { blocks } = this;
    node.bytes = to - from + EMPTY_BYTES;
    node.count = count;
    node.start = atEnd ? blocks.capacity(node) - node.bytes : 0;
    const at = blocks.base(node) + node.start;
    blocks.move(blocks.buf(node), at + HEADER_BYTES, buf, from, to);
    finish(blocks.buf(node), blocks.data(node), at, node);
  }

  /**
   * Puts the element before or behind all others of a writable node. With room on that side nothing is moved: header and end are
   * written anew. Then it stands nowhere.
   */
  push(owner: NodeOwner, node: ListNode, element: ListpackElement, atHead: boolean, expectedBytes: number): void {
    const { blocks } = this;
    const { size } = element;
    const room = atHead ? node.start : blocks.capacity(node) - node.start - node.bytes;
    if (room < size) {
      this.openNode(owner, node, expectedBytes);
      if (atHead) this.prepend(element);
      else this.append(element);
      return;
    }
    const buf = blocks.buf(node);
    const data = blocks.data(node);
    if (atHead) node.start -= size;
    const start = blocks.base(node) + node.start;
    element.write(buf, data, atHead ? start + HEADER_BYTES : start + node.bytes - 1);
    node.bytes += size;
    node.count++;
    finish(buf, data, start, node);
  }

  /** Makes the bytes that are open those of a node that may be written. */
  private prepare(): void {
    const { node } = this;
    const writable = this.owner.writable(node);
    if (writable === node && this.base >= 0) return;
    const { at, after, start } = this;
    this.node = writable;
    this.openPlain();
    this.at = at - start + this.start;
    this.after = after - start + this.start;
  }

  protected override splice(offset: number, removed: number, inserted: number): void {
    this.prepare();
    const delta = inserted - removed;
    if (delta === 0) return;
    const { buf, start, end, base, blocks } = this;
    const size = end - start + delta;
    const behind = end - start - offset - removed;
    const capacity = blocks.capacity(this.node);
    if (delta < 0 && capacity > SHRINK_FROM_BYTES && size * 4 < capacity) {
      this.relocate(offset, removed, inserted);
      return;
    }
    const roomBefore = delta <= start - base;
    const roomBehind = delta <= base + capacity - end;
    if (roomBefore && (offset <= behind || (!roomBehind && offset <= CHEAP_MOVE_BYTES))) {
      // The header is written anew.
      if (offset > HEADER_BYTES)
        blocks.move(buf, start - delta + HEADER_BYTES, buf, start + HEADER_BYTES, start + offset);
      this.start = start - delta;
    } else if (roomBehind && (behind < offset || behind <= CHEAP_MOVE_BYTES)) {
      // Likewise the end.
      if (behind > 1) blocks.move(buf, start + offset + inserted, buf, end - behind, end);
      this.end = end + delta;
    } else if ((capacity - size) * 4 >= size) {
      this.slide(offset, removed, inserted, capacity);
    } else {
      this.relocate(offset, removed, inserted);
    }
  }

  /** Carries the splice out and gathers all room on its side. */
  private slide(offset: number, removed: number, inserted: number, capacity: number): void {
    const { buf, start, end, base, blocks } = this;
    const behind = end - start - offset - removed;
    const size = offset + inserted + behind;
    if (offset < behind) {
      const limit = base + capacity;
      blocks.move(buf, limit - behind, buf, end - behind, end);
      blocks.move(buf, limit - size, buf, start, start + offset);
      this.start = limit - size;
    } else {
      blocks.move(buf, base, buf, start, start + offset);
      blocks.move(buf, base + offset + inserted, buf, end - behind, end);
      this.start = base;
    }
    this.end = this.start + size;
  }

  /** Carries the splice out into a block of a size that suits. */
  private relocate(offset: number, removed: number, inserted: number): void {
    const { buf, start, end, blocks, node } = this;
    const size = end - start + inserted - removed;
    const behind = end - start - offset - removed;
    const room = Math.min(Math.max(size >> 1, MIN_CAPACITY - size), Math.max(this.expectedBytes - size, 0));
    const old: BlockRecord = { block: node.block, isOutside: node.isOutside };
    blocks.allocate(node, size + room);
    this.buf = blocks.buf(node);
    this.data = blocks.data(node);
    this.base = blocks.base(node);
    this.start = this.base + (offset < behind ? blocks.capacity(node) - size : 0);
    this.end = this.start + size;
    blocks.move(this.buf, this.start, buf, start, start + offset);
    blocks.move(this.buf, this.start + offset + inserted, buf, end - behind, end);
    blocks.free(old);
  }

  protected override writeHeader(added: number): void {
    const { node, data, start, end } = this;
    node.start = start - this.base;
    node.bytes = end - start;
    node.count += added;
    finish(this.buf, data, start, node);
  }
}

/** Writes header and end of a node's listpack at `start`. */
function finish(buf: Uint8Array, data: DataView, start: number, { bytes, count }: ListNode): void {
  data.setUint32(start, bytes, true);
  data.setUint16(start + 4, count < COUNT_UNKNOWN ? count : COUNT_UNKNOWN, true);
  buf[start + bytes - 1] = END;
}
