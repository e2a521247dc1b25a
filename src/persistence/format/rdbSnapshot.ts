/**
 * An RDB file of the keyspace at one moment, written in steps while the keyspace changes (snapshotWalk.ts). No fork, no copy of the data.
 *
 * A value too large for one step (rdbSliced.ts) is written piece by piece. What comes out of turn meanwhile waits in a writer of
 * its own until it is done, for records cannot stand inside one another. Large values that are about to change are taken as
 * they are and queue for their turn; the elements that do change before it wait in memory.
 */
import type { Database } from '../../store/database.js';
import type { Store } from '../../store/store.js';
import type { Ref } from '../../store/types.js';
import { type DatabaseSize, RdbEntryWriter, type SlicedEntry } from './rdbEntryWriter.js';
import type { RdbFileFacts } from './rdbFileFormat.js';
import { RdbFileWriter, type TakeBytes } from './rdbFileWriter.js';
import type { RdbValues } from './rdbValue.js';
import { SnapshotWalk } from './snapshotWalk.js';

export class RdbSnapshot extends SnapshotWalk {
  private readonly file: RdbFileWriter;
  /** What comes out of turn while a large value is being written. */
  private readonly waiting: RdbEntryWriter;
  private readonly queue: SlicedEntry[] = [];
  private current: SlicedEntry | undefined;
  private readonly isCompressing: boolean;

  /** The keyspace as it is now: no command may be half done. */
  constructor(store: Store, values: RdbValues, facts: RdbFileFacts, take: TakeBytes) {
    super(store);
    this.isCompressing = facts.compressing;
    const sized = new Set<number>();
    this.file = new RdbFileWriter(values, facts, take, sized);
    this.waiting = new RdbEntryWriter(values, facts, sized);
    this.file.begin();
  }

  override finish(): void {
    this.file.finish();
  }

  override release(): void {
    super.release();
    this.current?.value.release();
    for (const { value } of this.queue) value.release();
    this.queue.length = 0;
    this.current = undefined;
  }

  protected override get hasLarge(): boolean {
    return this.current !== undefined || this.queue.length > 0;
  }

  protected override giveWhatIsFull(): void {
    this.file.giveWhatIsFull();
  }

  protected override continueLarge(): boolean {
    if (this.current === undefined && this.queue.length > 0) this.beginLarge();
    const { current, file } = this;
    if (current === undefined) return false;
    if (!current.value.writePiece(file.entries.out)) {
      current.value.release();
      this.current = undefined;
      file.entries.append(this.waiting);
    }
    return true;
  }

  private beginLarge(): void {
    const entry = this.queue.shift()!;
    const { entries } = this.file;
    entries.select(entry.database);
    entries.out.bytes(entry.head, 0, entry.head.length);
    entries.out.compressing = this.isCompressing;
    this.current = entry;
  }

  protected override takeEntry(db: Database, database: DatabaseSize, ref: Ref): void {
    const writer = this.current === undefined ? this.file.entries : this.waiting;
    const large = writer.slice(db, ref, database);
    if (large !== undefined) {
      this.queue.push(large);
      return;
    }
    writer.select(database);
    // Compression takes more time than all the rest, and a command waits for what comes out of turn.
    writer.out.compressing = this.isInTurn && this.isCompressing;
    writer.entry(db, ref);
    this.file.giveWhatIsFull();
  }
}
