/**
 * An RDB file of the keyspace at one moment, written in steps while the keyspace changes. No fork, no copy of the data:
 *
 *   walk       database 0: cell, cell, cell ... database 1: ...         each database is cut (store/tableCut.ts)
 *   writers    entries that are about to change come out of turn
 *
 * A value too large for one step (rdbSliced.ts) is written piece by piece. What comes out of turn meanwhile waits in a writer of
 * its own until it is done, for records cannot stand inside one another. Large values that are about to change are taken as
 * they are and queue for their turn; the elements that do change before it wait in memory.
 */
import type { Database } from '../../store/database.js';
import type { Store } from '../../store/store.js';
import type { TableCut } from '../../store/tableCut.js';
import type { Ref } from '../../store/types.js';
import { type DatabaseSize, RdbEntryWriter, type SlicedEntry } from './rdbEntryWriter.js';
import type { RdbFileFacts } from './rdbFileFormat.js';
import { RdbFileWriter, type TakeBytes } from './rdbFileWriter.js';
import type { RdbValues } from './rdbValue.js';

interface Walk {
  readonly db: Database;
  readonly database: DatabaseSize;
  readonly cut: TableCut;
}

export class RdbSnapshot {
  /** Keys written, or taken to be written. */
  savedKeys = 0;
  readonly totalKeys: number;
  private readonly file: RdbFileWriter;
  /** What comes out of turn while a large value is being written. */
  private readonly waiting: RdbEntryWriter;
  private readonly walks: Walk[];
  private walk = 0;
  private readonly queue: SlicedEntry[] = [];
  private current: SlicedEntry | undefined;
  /** Why the taker would not take more. */
  private error: unknown;
  private failed = false;

  /** The keyspace as it is now: no command may be half done. */
  constructor(store: Store, values: RdbValues, facts: RdbFileFacts, take: TakeBytes) {
    const sized = new Set<number>();
    this.file = new RdbFileWriter(values, facts, take, sized);
    this.waiting = new RdbEntryWriter(values, facts, sized);
    this.walks = store.databases.filter(({ size }) => size > 0).map((db) => this.begin(db));
    this.totalKeys = this.walks.reduce((sum, { database }) => sum + database.size, 0);
    this.file.begin();
  }

  private begin(db: Database): Walk {
    const database: DatabaseSize = { index: db.index, size: db.size, expires: db.expires };
    return { db, database, cut: db.beginCut((ref) => this.take(db, database, ref)) };
  }

  /** Writes some more, well below a millisecond's worth; false when all is written. Throws what the taker threw, then or before. */
  step(): boolean {
    if (this.failed) throw this.error;
    this.advance();
    if (this.failed) throw this.error;
    return this.current !== undefined || this.queue.length > 0 || this.walk < this.walks.length;
  }

  /** After the last step. */
  finish(): void {
    this.file.finish();
  }

  /** Lets go of the keyspace. Must be called, however it ended. */
  release(): void {
    this.failed = true;
    this.current?.value.release();
    for (const { value } of this.queue) value.release();
    for (const { cut } of this.walks) cut.end();
    this.queue.length = 0;
    this.current = undefined;
    this.walk = this.walks.length;
  }

  /** Bytes that wait because they came out of turn. */
  get waitingBytes(): number {
    return this.waiting.out.length;
  }

  private advance(): void {
    if (this.current === undefined && this.queue.length > 0) this.beginLarge();
    if (this.current !== undefined) this.continueLarge(this.current);
    else if (this.walk < this.walks.length) this.continueWalk(this.walks[this.walk]);
    this.file.giveWhatIsFull();
  }

  private continueWalk({ cut }: Walk): void {
    if (cut.step()) return;
    cut.end();
    this.walk++;
  }

  private beginLarge(): void {
    const entry = this.queue.shift()!;
    const { entries } = this.file;
    entries.select(entry.database);
    entries.out.bytes(entry.head, 0, entry.head.length);
    this.current = entry;
  }

  private continueLarge({ value }: SlicedEntry): void {
    const { entries } = this.file;
    if (value.writePiece(entries.out)) return;
    value.release();
    this.current = undefined;
    entries.append(this.waiting);
  }

  /** In turn or out of turn. */
  private take(db: Database, database: DatabaseSize, ref: Ref): void {
    this.savedKeys++;
    if (this.failed) return;
    try {
      const writer = this.current === undefined ? this.file.entries : this.waiting;
      const large = writer.slice(db, ref, database);
      if (large !== undefined) {
        this.queue.push(large);
        return;
      }
      writer.select(database);
      writer.entry(db, ref);
      this.file.giveWhatIsFull();
    } catch (error) {
      this.fail(error);
    }
  }

  /** A taker that fails must not fail the command whose write had something taken. */
  private fail(error: unknown): void {
    this.error = error;
    this.failed = true;
  }
}
