/**
 * The keyspace at one moment as commands, written in steps while the keyspace changes (snapshotWalk.ts): the base of an append-only file
 * with `aof-use-rdb-preamble no`.
 *
 * Large values are written in pieces (aofSliced.ts). Their commands may stand between those of other keys, so nothing has to wait
 * for them, but for a long string: that is one command.
 */
import type { Config } from '../../config/config.js';
import type { Database } from '../../store/database.js';
import type { Store } from '../../store/store.js';
import type { Ref } from '../../store/types.js';
import { type AofBaseFacts, AofBaseWriter } from './aofBaseWriter.js';
import { type SlicedCommands, type SlicedString, type SlicingHost, sliceCommands } from './aofSliced.js';
import type { DatabaseSize } from './rdbEntryWriter.js';
import type { TakeBytes } from './rdbFileWriter.js';
import { KEPT_BYTES_MAX, SnapshotWalk } from './snapshotWalk.js';
import { type OpenScratch, WaitingRoom } from './waitingRoom.js';

export class AofSnapshot extends SnapshotWalk {
  private readonly writer: AofBaseWriter;
  private readonly queue: SlicedCommands[] = [];
  /** What is taken before its turn waits here. */
  private readonly room: WaitingRoom;
  private readonly slicing: SlicingHost;
  /** Bytes of overwritten strings that are kept for us. */
  private keptBytes = 0;

  /** The keyspace as it is now: no command may be half done. */
  constructor(store: Store, config: Config, facts: AofBaseFacts, take: TakeBytes, openScratch: OpenScratch) {
    super(store);
    this.room = new WaitingRoom(openScratch);
    this.slicing = {
      hold: this.room.hold,
      onKept: (value, bytes) => this.keep(value, bytes),
      onError: (error) => this.fail(error),
    };
    this.writer = new AofBaseWriter(config, facts, take);
    this.writer.begin();
  }

  override finish(): void {
    this.writer.finish();
  }

  override release(): void {
    super.release();
    for (const large of this.queue.splice(0)) large.release();
    this.room.release();
  }

  protected override get hasLarge(): boolean {
    return this.queue.length > 0;
  }

  protected override giveWhatIsFull(): void {
    this.writer.flushIfFull();
  }

  protected override continueLarge(): boolean {
    this.room.throwIfFailed();
    const [large] = this.queue;
    if (large === undefined) return false;
    if (!large.writePiece()) {
      this.queue.shift();
      this.letGo(large);
    }
    return true;
  }

  /** The command that runs overwrites a string which has not been written: it waits until it is, when too much is kept already. */
  private keep(value: SlicedString, bytes: number): void {
    this.keptBytes += bytes;
    if (this.keptBytes <= KEPT_BYTES_MAX || value.hasBegun) return;
    const at = this.queue.indexOf(value);
    if (at < 0) return;
    this.queue.splice(at, 1);
    try {
      value.writeWhole();
    } catch (error) {
      this.fail(error);
    }
    this.letGo(value);
  }

  private letGo(value: SlicedCommands): void {
    value.release();
    this.keptBytes -= value.keptBytes ?? 0;
  }

  protected override takeEntry(db: Database, _size: DatabaseSize, ref: Ref): void {
    const large = sliceCommands(this.writer, db, ref, this.slicing);
    if (large === undefined) this.writer.key(db, ref);
    else this.queue.push(large);
  }
}
