/**
 * Values that are too large to be written at once and that nobody changes meanwhile, for their key is being moved to another server and
 * writers wait (exec/movingKeys.ts). They are read where they lie: nothing is cut or shared (rdbSliced.ts), so a snapshot may take the
 * same value at the same time.
 *
 * What is written depends on the elements alone, not on how they lie: two runs come to the same length. Before each piece the caller
 * makes sure that the key still has this value.
 */
import type { Elements } from '../../store/elements.js';
import type { Ref } from '../../store/types.js';
import { ListReader } from '../../types/list/listReader.js';
import type { Quicklist } from '../../types/list/quicklist.js';
import { ListpackCursor } from '../../types/listpack/cursor.js';
import { RDB_LIST_QUICKLIST_2 } from './rdbFormat.js';
import type { RdbOutput } from './rdbOutput.js';
import { type SlicedValue, writeNode } from './rdbSliced.js';

export type WriteElement = (out: RdbOutput, ref: Ref) => void;

/** A piece of a collection: some buckets, or fewer if their elements are large. */
const PIECE_BUCKETS = 8;
const PIECE_BYTES = 16 * 1024;

export class FrozenElements implements SlicedValue {
  readonly mark: number;
  private readonly elements: Elements;
  private readonly write: WriteElement;
  private hasBegun = false;
  private cursor = 0;

  constructor(mark: number, elements: Elements, write: WriteElement) {
    this.mark = mark;
    this.elements = elements;
    this.write = write;
  }

  writePiece(out: RdbOutput): boolean {
    const { elements, write } = this;
    if (!this.hasBegun) {
      this.hasBegun = true;
      out.count(elements.count);
      return true;
    }
    const limit = out.length + PIECE_BYTES;
    for (let i = 0; i < PIECE_BUCKETS && out.length < limit; i++) {
      this.cursor = elements.scan(this.cursor, (ref) => write(out, ref));
      if (this.cursor === 0) return false;
    }
    return true;
  }

  release(): void {}
}

export class FrozenList implements SlicedValue {
  readonly mark = RDB_LIST_QUICKLIST_2;
  private readonly list: Quicklist;
  private readonly reader: ListReader;
  private readonly cursor = new ListpackCursor();
  private hasBegun = false;

  constructor(list: Quicklist) {
    this.list = list;
    this.reader = new ListReader(list);
  }

  writePiece(out: RdbOutput): boolean {
    const { reader, cursor } = this;
    if (!this.hasBegun) {
      this.hasBegun = true;
      out.count(this.list.nodeCount);
      return true;
    }
    if (!reader.read(cursor)) return false;
    writeNode(out, cursor, reader.isBare);
    return true;
  }

  release(): void {}
}
