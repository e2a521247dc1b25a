/**
 * A node of a long list: a record that points at a listpack in a block of its own (store/blocks.ts).
 *
 *   plain        | room | header | elements ... | 0xff | room |      room on both sides: elements come and go at either end
 *                0      start                                        without moving the others
 *
 *   compressed   | LZF of the listpack | rounding |
 *                0               packedBytes
 *
 * Invariants: `bytes` and `count` are those of the listpack, compressed or not; packedBytes is 0 while it is plain.
 */
import type { BlockRecord } from '../../store/types.js';

export const KIND_SHARED = 0;
export const KIND_ALONE = 1;
export const KIND_BARE = 2;

export class ListNode implements BlockRecord {
  previous: ListNode | undefined = undefined;
  next: ListNode | undefined = undefined;
  block = 0;
  isOutside = false;
  start = 0;
  bytes = 0;
  packedBytes = 0;
  count = 0;
  kind = KIND_SHARED;

  /** Its one element may not lie beside others: see {@link Quicklist}. */
  get isAlone(): boolean {
    return this.kind !== KIND_SHARED;
  }

  /** RDB and DUMP carry its one element without a listpack around it. */
  get isBare(): boolean {
    return this.kind === KIND_BARE;
  }
}

/** Who wants to know nodes as they were (listCut.ts). */
export interface NodeWatch {
  /** The bytes of the node are about to change or to be given back. */
  beforeChange(node: ListNode): void;
}

/** A list, as those who change its nodes see it. */
export interface NodeOwner {
  /**
   * The bytes of a node are about to be changed in place: answers the node that stands there, plain and the list's own, to be
   * changed instead.
   */
  writable(node: ListNode): ListNode;
}
