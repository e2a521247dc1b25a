/**
 * The nodes of a long list as they are at one moment, read one after the other while the list goes on changing. Their order matters, so a
 * node that is about to change before it has been read is copied (unlike elements of hashes, which are read out of turn:
 * store/tableCut.ts). A list that no key holds any more keeps its nodes until the end.
 */
import { type HeldBytes, type HoldBytes, takeAll } from '../../base/heldBytes.js';
import type { ListpackCursor } from '../listpack/cursor.js';
import type { ListNode, NodeWatch } from './listNode.js';
import type { NodeChain } from './nodeChain.js';
import { NodePacker } from './nodePacker.js';

/** A plain listpack. */
interface NodeCopy {
  readonly held: HeldBytes;
  readonly bytes: number;
  readonly isBare: boolean;
}

export class ListCut implements NodeWatch {
  readonly nodeCount: number;
  /** Whether the node that was read last carries its one element without a listpack around it. */
  isBare = false;
  private readonly list: NodeChain;
  private readonly hold: HoldBytes;
  private readonly packer: NodePacker;
  private readonly nodes: ListNode[] = [];
  private readonly places = new Map<ListNode, number>();
  private readonly copies = new Map<number, NodeCopy>();
  private next = 0;

  /** The list has no other cut. Copies of nodes are held by what `hold` gives. */
  constructor(list: NodeChain, hold: HoldBytes) {
    this.list = list;
    this.hold = hold;
    this.packer = new NodePacker(list.blocks);
    for (let node = list.firstNode; node !== undefined; node = node.next)
      this.places.set(node, this.nodes.push(node) - 1);
    this.nodeCount = this.nodes.length;
    list.watch(this);
  }

  /** Opens the cursor on the listpack of the next node; false when all have been read. It dies with the next write to the store. */
  read(cursor: ListpackCursor): boolean {
    const place = this.next++;
    if (place >= this.nodeCount) return false;
    const copy = this.copies.get(place);
    if (copy !== undefined) {
      const bytes = takeAll(copy.held, copy.bytes);
      this.copies.delete(place);
      this.isBare = copy.isBare;
      cursor.open(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
      return true;
    }
    const node = this.nodes[place];
    this.places.delete(node);
    this.isBare = node.isBare;
    this.open(node, cursor);
    return true;
  }

  beforeChange(node: ListNode): void {
    const place = this.places.get(node);
    if (place === undefined) return;
    this.places.delete(node);
    const { buf, from } = this.plain(node);
    const held = this.hold();
    held.push(buf, from, from + node.bytes);
    this.copies.set(place, { held, bytes: node.bytes, isBare: node.isBare });
  }

  /** The list is free again. */
  end(): void {
    for (const { held } of this.copies.values()) held.release();
    this.list.watch(undefined);
  }

  private open(node: ListNode, cursor: ListpackCursor): void {
    const { buf, data, from } = this.plain(node);
    cursor.open(buf, data, from, from + node.bytes);
  }

  private plain(node: ListNode): { buf: Uint8Array; data: DataView; from: number } {
    const { packer, list } = this;
    const { blocks } = list;
    if (node.packedBytes === 0) {
      return { buf: blocks.buf(node), data: blocks.data(node), from: blocks.base(node) + node.start };
    }
    packer.show(node);
    return { buf: packer.shown, data: packer.shownData, from: 0 };
  }
}
