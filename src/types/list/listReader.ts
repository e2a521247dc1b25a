/** The nodes of a long list, read one after the other, as long as nobody edits the list. Reading it otherwise is fine meanwhile. */
import type { ListpackCursor } from '../listpack/cursor.js';
import type { ListNode } from './listNode.js';
import type { NodeChain } from './nodeChain.js';
import { NodePacker } from './nodePacker.js';

export class ListReader {
  /** Whether the node that was read last carries its one element without a listpack around it. */
  isBare = false;
  private readonly list: NodeChain;
  private readonly packer: NodePacker;
  private next: ListNode | undefined;

  constructor(list: NodeChain) {
    this.list = list;
    this.packer = new NodePacker(list.blocks);
    this.next = list.firstNode;
  }

  /** Opens the cursor on the listpack of the next node; false when all have been read. It dies with the next write to the store. */
  read(cursor: ListpackCursor): boolean {
    const node = this.next;
    if (node === undefined) return false;
    this.next = node.next;
    this.isBare = node.isBare;
    this.open(node, cursor);
    return true;
  }

  /** A node that is compressed stays so. */
  private open(node: ListNode, cursor: ListpackCursor): void {
    const { packer, list } = this;
    const { blocks } = list;
    if (node.packedBytes === 0) {
      const from = blocks.base(node) + node.start;
      cursor.open(blocks.buf(node), blocks.data(node), from, from + node.bytes);
    } else {
      packer.show(node);
      cursor.open(packer.shown, packer.shownData, 0, node.bytes);
    }
  }
}
