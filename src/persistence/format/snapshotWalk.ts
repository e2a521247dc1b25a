/**
 * The keyspace at one moment, handed out in steps while it changes: what snapshots of either format have in common.
 *
 *   walk       database 0: cell, cell, cell ... database 1: ...         each database is cut (store/tableCut.ts)
 *   take       entries that are about to change come out of turn
 *   large      values too large for one step are continued before the walk goes on
 */
import type { Database } from '../../store/database.js';
import type { Store } from '../../store/store.js';
import type { TableCut } from '../../store/tableCut.js';
import type { Ref } from '../../store/types.js';
import type { DatabaseSize } from './rdbEntryWriter.js';

/** Of strings that are overwritten while they wait. Written in some ten milliseconds. */
export const KEPT_BYTES_MAX = 16 * 1024 * 1024;

export abstract class SnapshotWalk {
  /** Keys written, or taken to be written. */
  savedKeys = 0;
  readonly totalKeys: number;
  private readonly cuts: TableCut[] = [];
  private next = 0;
  /** Why the taker would not take more. */
  private error: unknown;
  private failed = false;

  /** The keyspace as it is now: no command may be half done. */
  constructor(store: Store) {
    let totalKeys = 0;
    for (const db of store.databases) {
      if (db.size === 0) continue;
      const size = { index: db.index, size: db.size, expires: db.expires };
      totalKeys += db.size;
      this.cuts.push(db.beginCut((ref) => this.take(db, size, ref)));
    }
    this.totalKeys = totalKeys;
  }

  /** Writes some more, well below a millisecond's worth; false when all is written. Throws what the taker threw, then or before. */
  step(): boolean {
    if (this.failed) throw this.error;
    this.isInTurn = true;
    if (!this.continueLarge() && this.next < this.cuts.length) this.continueWalk(this.cuts[this.next]);
    this.isInTurn = false;
    this.giveWhatIsFull();
    if (this.failed) throw this.error;
    return this.hasLarge || this.next < this.cuts.length;
  }

  /** After the last step. */
  abstract finish(): void;

  /** Lets go of the keyspace. Must be called, however it ended. */
  release(): void {
    this.failed = true;
    for (const cut of this.cuts) cut.end();
    this.next = this.cuts.length;
  }

  /** A step runs. False while a command waits for what it is about to change to be taken. */
  protected isInTurn = false;

  /** Writes an entry, or takes it to be written in pieces. It may be about to change. */
  protected abstract takeEntry(db: Database, size: DatabaseSize, ref: Ref): void;
  /** Writes a piece of a large value; false when there is none. */
  protected abstract continueLarge(): boolean;
  protected abstract get hasLarge(): boolean;
  protected abstract giveWhatIsFull(): void;

  /** A taker that fails must not fail the command whose write had something taken. */
  protected fail(error: unknown): void {
    this.error = error;
    this.failed = true;
  }

  private continueWalk(cut: TableCut): void {
    if (cut.step()) return;
    cut.end();
    this.next++;
  }

  private take(db: Database, size: DatabaseSize, ref: Ref): void {
    this.savedKeys++;
    if (this.failed) return;
    try {
      this.takeEntry(db, size, ref);
    } catch (error) {
      this.fail(error);
    }
  }
}
