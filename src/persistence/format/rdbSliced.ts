/**
 * Values that are too large to be written at once: taken as they are at one moment, and written in pieces while they go on
 * changing. What makes that possible differs: elements and lists are cut (store/tableCut.ts, types/list/listCut.ts), strings are lent
 * (base/lease.ts), parts that lie in memory of their own are shared until somebody writes to them.
 */
import type { HeldBytes } from '../../base/heldBytes.js';
import type { Parcel } from '../../base/lease.js';
import type { Elements } from '../../store/elements.js';
import type { LargeBytes } from '../../store/objects.js';
import type { TableCut } from '../../store/tableCut.js';
import type { Ref } from '../../store/types.js';
import { ListCut } from '../../types/list/listCut.js';
import type { Quicklist } from '../../types/list/quicklist.js';
import { ListpackCursor } from '../../types/listpack/cursor.js';
import { NODE_LISTPACK, NODE_PLAIN, RDB_LIST_QUICKLIST_2 } from './rdbFormat.js';
import type { RdbOutput } from './rdbOutput.js';
import type { WaitingRoom } from './waitingRoom.js';

/** Collections with more elements, and other values with more bytes, are written in pieces. */
export const SLICED_FROM_ELEMENTS = 1000;
export const SLICED_FROM_BYTES = 128 * 1024;
/** Nodes of a list, which have 8 KiB each if not said otherwise. */
export const SLICED_FROM_NODES = 8;
const PIECE_BYTES = 64 * 1024;

/** For what is to be written before its turn. */
export interface EarlyParts {
  /** Where it is put together. */
  readonly out: RdbOutput;
  /** Where it waits. */
  readonly room: WaitingRoom;
  /** So many bytes of a value are about to be kept for it alone. It may be written to its end and released at that moment. */
  onKept(value: SlicedValue, bytes: number): void;
}

export type WritePiece = (out: RdbOutput) => void;

/** A value as it was when this was made. */
export interface SlicedValue {
  /** How it is written: what stands before the key. */
  readonly mark: number;
  /** Writes the next piece; false when that was the last. */
  writePiece(out: RdbOutput): boolean;
  /** Memory that is kept for it and nobody else. */
  readonly keptBytes?: number;
  /** Nothing more of it is wanted; it may change freely. */
  release(): void;
}

/** A hash, set or sorted set: a count and the elements in any order. */
export class SlicedElements implements SlicedValue {
  readonly mark: number;
  private readonly count: number;
  private readonly cut: TableCut;
  /** Elements that were about to change before their turn. */
  private readonly early: HeldBytes;
  private hasBegun = false;
  /** Where elements go once all early ones have been written. */
  private out: RdbOutput | undefined;

  constructor(mark: number, elements: Elements, early: EarlyParts, write: (out: RdbOutput, ref: Ref) => void) {
    this.mark = mark;
    this.count = elements.count;
    this.early = early.room.hold();
    this.cut = elements.beginCut((ref) => {
      if (this.out !== undefined) return write(this.out, ref);
      write(early.out, ref);
      this.early.push(early.out.buf, 0, early.out.length);
      early.out.reset();
    });
  }

  writePiece(out: RdbOutput): boolean {
    if (this.out !== undefined) return this.cut.step();
    if (!this.hasBegun) {
      this.hasBegun = true;
      out.count(this.count);
      return true;
    }
    const piece = this.early.take();
    if (piece === undefined) this.out = out;
    else out.bytes(piece.buf, piece.from, piece.to);
    return true;
  }

  release(): void {
    this.cut.end();
    this.early.release();
  }
}

/** A long string. It is not compressed: that cannot be done in pieces. */
export class SlicedString implements SlicedValue {
  readonly mark: number;
  keptBytes = 0;
  private readonly parcel: Parcel;
  private hasBegun = false;

  constructor(mark: number, { bytes, length, lease }: LargeBytes, early: EarlyParts | undefined) {
    this.mark = mark;
    this.parcel = lease.lend(bytes, 0, length, (kept) => {
      this.keptBytes += kept;
      early?.onKept(this, kept);
    });
  }

  writePiece(out: RdbOutput): boolean {
    const { parcel } = this;
    if (!this.hasBegun) {
      out.count(parcel.length);
      this.hasBegun = true;
      return true;
    }
    const { buf, from, to } = parcel.take(PIECE_BYTES);
    out.bytes(buf, from, to);
    parcel.landed();
    return parcel.length > 0;
  }

  release(): void {
    this.parcel.release();
  }
}

/** A list: its nodes, in order. */
export class SlicedList implements SlicedValue {
  readonly mark = RDB_LIST_QUICKLIST_2;
  private readonly cut: ListCut;
  private readonly cursor = new ListpackCursor();
  private hasBegun = false;

  constructor(list: Quicklist, { room }: EarlyParts) {
    this.cut = new ListCut(list, room.hold);
  }

  writePiece(out: RdbOutput): boolean {
    const { cut, cursor } = this;
    if (!this.hasBegun) {
      out.count(cut.nodeCount);
      this.hasBegun = true;
      return true;
    }
    if (!cut.read(cursor)) return false;
    writeNode(out, cursor, cut.isBare);
    return true;
  }

  release(): void {
    this.cut.end();
  }
}

/** Writes the node of a list whose listpack is open. */
export function writeNode(out: RdbOutput, cursor: ListpackCursor, isBare: boolean): void {
  out.count(isBare ? NODE_PLAIN : NODE_LISTPACK);
  if (!isBare) return out.string(cursor.buf, cursor.start, cursor.end);
  cursor.first();
  out.view(cursor.text());
}

/** A value that is put together by pieces which know how to write themselves: a stream. */
export class SlicedPieces implements SlicedValue {
  readonly mark: number;
  readonly release: () => void;
  private readonly pieces: Iterator<WritePiece, undefined>;

  constructor(mark: number, pieces: Iterator<WritePiece, undefined>, release: () => void) {
    this.mark = mark;
    this.pieces = pieces;
    this.release = release;
  }

  writePiece(out: RdbOutput): boolean {
    const write = this.pieces.next().value;
    write?.(out);
    return write !== undefined;
  }
}
