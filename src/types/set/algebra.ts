/**
 * Intersection, union and difference of sets, as cheap as Redis computes them. Operands are entries of one database. They
 * are opened one after the other: `walker` goes through the members of one, `prober` looks them up in others. Results are
 * gathered in a set aside, so that no operand changes meanwhile.
 */
import type { Database } from '../../store/database.js';
import type { Ref } from '../../store/types.js';
import type { Position } from '../collection.js';
import { SET_INTSET, SET_LISTPACK, type SetEditor, type SetEditors } from './set.js';

/** Entries that hold sets, in this order; 0 stands for a set without members. */
export interface Operands {
  readonly db: Database;
  readonly refs: readonly Ref[];
}

export class SetAlgebra {
  readonly walker: SetEditor;
  /** Whoever asks for a result stores or discards it. */
  readonly result: SetEditor;
  private readonly prober: SetEditor;

  constructor(sets: SetEditors) {
    this.walker = sets.at(0);
    this.prober = sets.at(1);
    this.result = sets.at(2);
  }

  /**
   * Visits the members that are in all sets until the visit answers false. Positions are those of the smallest set, on which
   * the walker is opened. O(N * M) with N members in the smallest set and M sets.
   */
  intersect(operands: Operands, visit: (position: Position) => boolean): void {
    if (operands.refs.includes(0)) return;
    const sorted = this.sorted(operands, 1);
    this.walker.open(operands.db, sorted.refs[0]);
    this.walkCommon(sorted, visit);
  }

  /** The members that are in all sets become the result. */
  gatherCommon(operands: Operands): SetEditor {
    const { db, refs } = operands;
    const { walker, result } = this;
    if (refs.includes(0)) return result.beginAs(db, SET_INTSET);
    const sorted = this.sorted(operands, 1);
    walker.open(db, sorted.refs[0]);
    // As Redis does: integers are put in order last, unless they come in order.
    result.beginAs(db, walker.encoding === SET_INTSET ? SET_INTSET : SET_LISTPACK);
    this.walkCommon(sorted, (position) => this.keep(position));
    result.becomeIntset();
    return result;
  }

  /** The members of all sets become the result. O(N) with N members in all. */
  unite({ db, refs }: Operands): SetEditor {
    this.result.beginAs(db, SET_INTSET);
    for (const ref of refs) if (ref !== 0) this.walker.open(db, ref).walk((position) => this.keep(position));
    return this.result;
  }

  /**
   * The members of the first set that are in no other become the result. Either each member of the first is looked up in all
   * others, O(N * M); or all members of the others are taken out of a copy of the first, O(N) with N members in all:
   * whichever promises less work.
   */
  subtract({ db, refs }: Operands): SetEditor {
    const { walker } = this;
    const result = this.result.beginAs(db, SET_INTSET);
    const [first] = refs;
    const rest = refs.slice(1).filter((ref) => ref !== 0);
    if (first === 0 || rest.includes(first)) return result;
    let members = walker.open(db, first).count;
    const lookups = members * (rest.length + 1);
    for (const ref of rest) members += this.prober.open(db, ref).count;
    // Half: looking up is the cheaper of the two, and may end early.
    if (Math.floor(lookups / 2) <= members) {
      // The largest is the likeliest to have a member.
      const others = this.sorted({ db, refs: rest }, -1);
      walker.walk((position) => this.isInAny(others, position) || this.keep(position));
      return result;
    }
    walker.walk((position) => this.keep(position));
    for (const ref of rest) {
      if (result.count === 0) break;
      walker.open(db, ref).walk((position) => this.dropFromResult(position));
    }
    return result;
  }

  /** The walker is opened on the first set. */
  private walkCommon({ db, refs }: Operands, visit: (position: Position) => boolean): void {
    const others = { db, refs: refs.filter((ref) => ref !== refs[0]) };
    this.walker.walk((position) => !this.isInAll(others, position) || visit(position));
  }

  private keep(position: Position): boolean {
    const { buf, start, end } = this.walker.keyAt(position);
    this.result.add(buf, start, end);
    return true;
  }

  private dropFromResult(position: Position): boolean {
    const { buf, start, end } = this.walker.keyAt(position);
    this.result.delete(buf, start, end);
    return this.result.count > 0;
  }

  private isInAll({ db, refs }: Operands, position: Position): boolean {
    for (const ref of refs) if (!this.isIn(db, ref, position)) return false;
    return true;
  }

  private isInAny({ db, refs }: Operands, position: Position): boolean {
    for (const ref of refs) if (this.isIn(db, ref, position)) return true;
    return false;
  }

  private isIn(db: Database, ref: Ref, position: Position): boolean {
    const { buf, start, end } = this.walker.keyAt(position);
    return this.prober.open(db, ref).find(buf, start, end);
  }

  /** By the number of members, the smallest first with `order` 1 and the largest with -1. */
  private sorted({ db, refs }: Operands, order: 1 | -1): Operands {
    const counts = new Map<Ref, number>();
    for (const ref of refs) counts.set(ref, this.prober.open(db, ref).count);
    const count = (ref: Ref): number => counts.get(ref) ?? 0;
    return { db, refs: refs.toSorted((a, b) => (count(a) - count(b)) * order) };
  }
}
