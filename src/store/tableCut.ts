/**
 * The entries of a table as they are at one moment, handed out while the table goes on changing.
 *
 *   hash & mask      cell 0 | cell 1 | cell 2 | ... | cell 2^L - 1         the buckets that were there at the moment of the cut
 *   taken            1      | 0      | 1      | ... | 0                    one bit a cell
 *
 * A walk takes one cell after the other: it hands all entries of the cell out and marks it. Before an entry is added, changed or
 * removed, its cell is taken, if it was not yet, out of turn. So a cell that is not marked has not been touched since the
 * cut, each entry is handed out once, and what came later never is (the rule of Dragonfly's snapshots, with cells in place of
 * versions). No old value is ever kept: it is handed out a little earlier.
 *
 * A cell is a bucket of the table at its size of then, with its half behind the split point. The table may grow
 * meanwhile: then more buckets make up a cell. It must not shrink: it asks for {@link Table.cut}.
 */
import { assert } from '../base/assert.js';
import { SEGMENT_SHIFT, UNIT_MASK } from './segments.js';
import type { Table } from './table.js';
import type { Cut, Ref } from './types.js';

/** Entries that are fetched together: their cache misses overlap instead of adding up. */
const FETCH_ENTRIES = 64;

export class TableCut implements Cut {
  onEnd: (() => void) | undefined;
  private readonly table: Table;
  private readonly words: Int32Array[];
  private readonly take: (ref: Ref) => void;
  private readonly mask: number;
  private readonly taken: Int32Array;
  /** All cells before have been taken. */
  private next = 0;
  private readonly list: Ref[] = [];
  /** Of no use but to keep the compiler from dropping loads. */
  fetched = 0;

  /** `take` gets each entry once and must write nothing to the store. The table has no other cut. */
  constructor(table: Table, words: Int32Array[], take: (ref: Ref) => void) {
    assert(table.cut === undefined, 'a table is cut once at a time');
    this.table = table;
    this.words = words;
    this.take = take;
    this.mask = table.cellMask;
    this.taken = new Int32Array((this.mask >>> 5) + 1);
    table.cut = this;
  }

  beforeWrite(hash: number): void {
    const cell = (hash & this.mask) >>> 0;
    if (this.isTaken(cell)) return;
    this.mark(cell);
    this.takeAll(this.copyCell(cell, 0));
  }

  /** Takes some cells more, about {@link FETCH_ENTRIES} entries at a time; false when all have been taken. */
  step(): boolean {
    let length = 0;
    while (this.next <= this.mask && length < FETCH_ENTRIES) {
      const cell = this.next++;
      if (this.isTaken(cell)) continue;
      this.mark(cell);
      length = this.copyCell(cell, length);
    }
    this.takeAll(length);
    return this.next <= this.mask;
  }

  /** The table is free again. Nothing more is handed out. */
  end(): void {
    if (this.table.cut !== this) return;
    this.table.cut = undefined;
    this.onEnd?.();
  }

  private isTaken(cell: number): boolean {
    return (this.taken[cell >>> 5] & (1 << (cell & 31))) !== 0;
  }

  private mark(cell: number): void {
    this.taken[cell >>> 5] |= 1 << (cell & 31);
  }

  /** Copies the references of a cell to the list from `length` on; answers how many there are then. */
  private copyCell(cell: number, length: number): number {
    const { table, list, mask } = this;
    for (let index = cell; index < table.bucketCount; index += mask + 1) length = table.copyChain(index, list, length);
    return length;
  }

  private takeAll(length: number): void {
    const { list, words } = this;
    let fetched = 0;
    for (let i = 0; i < length; i++) fetched ^= words[list[i] >>> SEGMENT_SHIFT][(list[i] & UNIT_MASK) << 1];
    this.fetched = fetched;
    for (let i = 0; i < length; i++) this.take(list[i]);
  }
}
