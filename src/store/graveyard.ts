/**
 * Tables that nobody uses any more: of databases that were cleared, of collections whose key is gone. Their entries are freed
 * in slices.
 *
 * Invariant: entryCount is the number of entries that the tables still hold.
 */
import type { Table } from './table.js';
import type { Ref } from './types.js';

interface Grave {
  readonly table: Table;
  /** Values that go with it: one collection, or all keys of a database. */
  readonly values: number;
}

export class Graveyard {
  entryCount = 0;
  /** Values that were too large to be freed at once and are gone, since statistics were reset; tables to the last entry. */
  freedValues = 0;
  private readonly graves: Grave[] = [];
  private readonly freeEntry: (ref: Ref) => void;

  constructor(freeEntry: (ref: Ref) => void) {
    this.freeEntry = freeEntry;
  }

  get isEmpty(): boolean {
    return this.graves.length === 0;
  }

  /** Values of tables that are not freed to the last entry yet. */
  get pendingValues(): number {
    let count = 0;
    for (const { values } of this.graves) count += values;
    return count;
  }

  bury(table: Table, values: number): void {
    if (table.bucketCount === 0) return;
    this.graves.push({ table, values });
    this.entryCount += table.count;
  }

  /** Frees up to `units` buckets. */
  drain(units: number): void {
    const last = this.graves.length - 1;
    if (last < 0) return;
    // An entry that is freed may bury the table of its collection: behind this one.
    if (this.graves[last].table.drain(units, this.free)) return;
    const [{ values }] = this.graves.splice(last, 1);
    this.freedValues += values;
  }

  private readonly free = (ref: Ref): void => {
    this.entryCount--;
    this.freeEntry(ref);
  };

  /** All memory goes back at once: only the tables' own has to be given back. */
  discard(): void {
    for (const { table, values } of this.graves) {
      table.discard();
      this.freedValues += values;
    }
    this.graves.length = 0;
    this.entryCount = 0;
  }

  visitTables(visit: (table: Table) => void): void {
    for (const { table } of this.graves) visit(table);
  }
}
