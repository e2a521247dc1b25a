/**
 * An RDB file of the keyspace at one moment, written in steps while the keyspace changes (snapshotWalk.ts). No fork, no copy of the data.
 *
 * A value too large for one step (rdbSliced.ts) is written piece by piece. What comes out of turn meanwhile waits until it is done, for
 * records cannot stand inside one another. Large values that are about to change are taken as they are and queue for their
 * turn; the elements that do change before it wait as well. Where they wait (waitingRoom.ts), memory is bounded. Of long strings in the
 * queue that are overwritten, KEPT_BYTES_MAX stay in memory; whoever overwrites another writes it out first.
 */
import type { HeldBytes } from '../../base/heldBytes.js';
import type { Database } from '../../store/database.js';
import type { Store } from '../../store/store.js';
import type { Ref } from '../../store/types.js';
import { type DatabaseSize, RdbEntryWriter, type SlicedEntry } from './rdbEntryWriter.js';
import type { RdbFileFacts } from './rdbFileFormat.js';
import { RdbFileWriter, type TakeBytes } from './rdbFileWriter.js';
import { RdbOutput } from './rdbOutput.js';
import type { EarlyParts, SlicedValue } from './rdbSliced.js';
import type { RdbValues } from './rdbValue.js';
import { KEPT_BYTES_MAX, SnapshotWalk } from './snapshotWalk.js';
import { type OpenScratch, WaitingRoom } from './waitingRoom.js';

export class RdbSnapshot extends SnapshotWalk {
  private readonly file: RdbFileWriter;
  private readonly room: WaitingRoom;
  private readonly early: EarlyParts;
  /** Puts together what comes out of turn while a large value is being written. */
  private readonly late: RdbEntryWriter;
  /** Where that waits. */
  private readonly waiting: HeldBytes;
  /** It is being written: nothing may come in between. */
  private isCatchingUp = false;
  private readonly queue: SlicedEntry[] = [];
  private current: SlicedEntry | undefined;
  private readonly isCompressing: boolean;
  /** Bytes of overwritten strings that are kept for us. */
  private keptBytes = 0;

  /** The keyspace as it is now: no command may be half done. */
  constructor(store: Store, values: RdbValues, facts: RdbFileFacts, take: TakeBytes, openScratch: OpenScratch) {
    super(store);
    this.room = new WaitingRoom(openScratch);
    this.early = {
      room: this.room,
      out: new RdbOutput(),
      onKept: (value, bytes) => this.keep(value, bytes),
    };
    this.early.out.compressing = facts.compressing;
    this.waiting = this.room.hold();
    this.isCompressing = facts.compressing;
    const sized = new Set<number>();
    this.file = new RdbFileWriter(values, facts, take, sized);
    this.late = new RdbEntryWriter(values, facts, sized);
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
    this.room.release();
  }

  protected override get hasLarge(): boolean {
    return this.isCatchingUp || this.current !== undefined || this.queue.length > 0;
  }

  protected override giveWhatIsFull(): void {
    this.file.giveWhatIsFull();
  }

  protected override continueLarge(): boolean {
    this.room.throwIfFailed();
    if (this.isCatchingUp) return this.catchUp();
    if (this.current === undefined && this.queue.length > 0) this.beginLarge();
    const { current, file } = this;
    if (current === undefined) return false;
    if (!current.value.writePiece(file.entries.out)) {
      this.letGo(current.value);
      this.current = undefined;
      this.isCatchingUp = true;
    }
    return true;
  }

  private catchUp(): boolean {
    const { entries } = this.file;
    const piece = this.waiting.take();
    if (piece !== undefined) entries.out.bytes(piece.buf, piece.from, piece.to);
    else {
      entries.continueFrom(this.late);
      this.isCatchingUp = false;
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
    const { writer } = this;
    const large = writer.slice(db, ref, database, this.early);
    if (large !== undefined) {
      this.queue.push(large);
      return;
    }
    writer.select(database);
    // Compression takes more time than all the rest, and a command waits for what comes out of turn.
    writer.out.compressing = this.isInTurn && this.isCompressing;
    writer.entry(db, ref);
    this.passOn(writer);
  }

  /** For whole entries. */
  private get writer(): RdbEntryWriter {
    return this.current !== undefined || this.isCatchingUp ? this.late : this.file.entries;
  }

  /** What a writer has written goes on its way. */
  private passOn(writer: RdbEntryWriter): void {
    if (writer !== this.late) return this.file.giveWhatIsFull();
    this.waiting.push(writer.out.buf, 0, writer.out.length);
    writer.out.reset();
  }

  /** The command that runs overwrites a string which has not been written: it waits until it is, when too much is kept already. */
  private keep(value: SlicedValue, bytes: number): void {
    this.keptBytes += bytes;
    if (this.keptBytes <= KEPT_BYTES_MAX) return;
    const at = this.queue.findIndex((entry) => entry.value === value);
    if (at < 0) return;
    const [entry] = this.queue.splice(at, 1);
    try {
      this.writeAtOnce(entry);
    } catch (error) {
      this.fail(error);
    }
    this.letGo(value);
  }

  private writeAtOnce({ database, head, value }: SlicedEntry): void {
    const { writer } = this;
    writer.select(database);
    writer.out.bytes(head, 0, head.length);
    while (value.writePiece(writer.out)) this.passOn(writer);
    this.passOn(writer);
  }

  private letGo(value: SlicedValue): void {
    value.release();
    this.keptBytes -= value.keptBytes ?? 0;
  }
}
