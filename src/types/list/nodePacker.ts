/** Compresses the listpacks of list nodes, and makes them plain again: in their block, or in passing for who only looks. */

import { assert } from '../../base/assert.js';
import { decompressLzf, LzfCompressor } from '../../base/lzf.js';
import type { Blocks } from '../../store/blocks.js';
import type { BlockRecord } from '../../store/types.js';
import type { ListNode } from './listNode.js';

/** Smaller listpacks stay plain. */
const MIN_BYTES = 48;
/** So many bytes are not enough to have saved. */
const TOO_LITTLE_SAVED_BYTES = 8;
/** Buffers in passing that grew beyond this are not kept. */
const KEEP_BYTES = 64 * 1024;

export class NodePacker {
  /** Where {@link show} has put a listpack, from 0 on. */
  shown: Uint8Array = Buffer.alloc(0);
  shownData: DataView = new DataView(new ArrayBuffer(0));
  private readonly blocks: Blocks;
  private lzf: LzfCompressor | undefined;
  private packed: Uint8Array = Buffer.alloc(0);

  constructor(blocks: Blocks) {
    this.blocks = blocks;
  }

  /** Compresses a plain node if that pays. What is in {@link shown} stays. */
  pack(node: ListNode): void {
    const { blocks } = this;
    const { bytes } = node;
    if (bytes < MIN_BYTES) return;
    if (this.packed.length < bytes || this.packed.length > Math.max(bytes, KEEP_BYTES)) {
      this.packed = Buffer.allocUnsafeSlow(Math.max(bytes, KEEP_BYTES));
    }
    this.lzf ??= new LzfCompressor();
    const from = blocks.base(node) + node.start;
    const limit = bytes - TOO_LITTLE_SAVED_BYTES - 1;
    const packedBytes = this.lzf.compress(blocks.data(node), from, from + bytes, this.packed, 0, limit);
    if (packedBytes < 0) return;
    this.exchange(node, packedBytes, (out, at) => blocks.move(out, at, this.packed, 0, packedBytes));
    node.start = 0;
    node.packedBytes = packedBytes;
  }

  /** Makes a compressed node plain. Throws StoreFullError, nothing being changed. */
  unpack(node: ListNode): void {
    const { blocks } = this;
    const data = blocks.data(node);
    const from = blocks.base(node);
    const { bytes, packedBytes } = node;
    this.exchange(node, bytes, (_, at, out) =>
      assert(decompressLzf(data, from, from + packedBytes, out, at, at + bytes), 'a compressed node is whole'),
    );
    node.packedBytes = 0;
  }

  /** Writes the listpack of a compressed node to {@link shown}; the node stays as it is. */
  show(node: ListNode): void {
    const { bytes, packedBytes } = node;
    if (this.shown.length < bytes || this.shown.length > Math.max(bytes, KEEP_BYTES)) {
      const memory = Buffer.allocUnsafeSlow(Math.max(bytes, KEEP_BYTES));
      this.shown = memory;
      this.shownData = new DataView(memory.buffer, memory.byteOffset, memory.length);
    }
    const data = this.blocks.data(node);
    const from = this.blocks.base(node);
    const isWhole = decompressLzf(data, from, from + packedBytes, this.shownData, 0, bytes);
    assert(isWhole, 'a compressed node is whole');
  }

  /** Gives a node another block of so many bytes, which `fill` writes while the old one is still there. */
  private exchange(node: ListNode, bytes: number, fill: (out: Uint8Array, at: number, data: DataView) => void): void {
    const { blocks } = this;
    const old: BlockRecord = { block: node.block, isOutside: node.isOutside };
    blocks.allocate(node, bytes);
    fill(blocks.buf(node), blocks.base(node), blocks.data(node));
    blocks.free(old);
  }
}
