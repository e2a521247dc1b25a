/**
 * The stream of writes, as far as this server knows it: what it did itself as a master, or what its master has sent.
 *
 *   feed() ─> #pending ─> settle() ─> backlog       a master's own writes, in commands
 *   pass() ─────────────────────────> backlog       a master's stream on a replica, byte for byte
 */
import type { PropagationSink } from '../exec/propagation.js';
import { AofBuffer } from '../persistence/format/aofCommand.js';
import { Backlog } from '../replication/core/backlog.js';
import type { History } from '../replication/core/history.js';
import type { ArgVector } from '../resp/argVector.js';

/** More than this does not wait for the end of the round to get into the backlog. */
const PENDING_MAX_BYTES = 256 * 1024;
const NO_DATABASE = -1;

export class WriteStream implements PropagationSink {
  readonly takesMessages = true;
  readonly history: History;
  backlog: Backlog | undefined;
  /** The database that the last SELECT named; -1 when the next command begins with one. */
  selectedDb = NO_DATABASE;
  readonly #pending = new AofBuffer();
  readonly #onMore: () => void;

  /** `onMore` is called whenever there is more to send. */
  constructor(history: History, onMore: () => void) {
    this.history = history;
    this.#onMore = onMore;
  }

  /** Bytes so far, those that are pending included. */
  get offset(): number {
    return this.history.offset + this.#pending.length;
  }

  feed(dbIndex: number, args: ArgVector): void {
    const pending = this.#pending;
    if (dbIndex !== this.selectedDb) {
      this.selectedDb = dbIndex;
      pending.command(2);
      pending.text('SELECT');
      pending.text(String(dbIndex));
    }
    pending.args(args.buf, args.start, args.end, args.argc);
    if (pending.length > PENDING_MAX_BYTES) this.settle();
    this.#onMore();
  }

  /** Words of the protocol, which belong to no database. */
  say(...words: string[]): void {
    this.#pending.command(words.length);
    for (const word of words) this.#pending.text(word);
    this.#onMore();
  }

  /** Brings what was fed into the backlog. */
  settle(): void {
    const { length, bytes } = this.#pending;
    if (length === 0) return;
    this.backlog?.append(bytes, 0, length);
    this.history.offset += length;
    this.#pending.consume(length);
  }

  /** The same; what comes next can be understood without what came before. */
  cut(): void {
    this.settle();
    this.selectedDb = NO_DATABASE;
  }

  /** buf[from, to) of the master's stream. */
  pass(buf: Uint8Array, from: number, to: number): void {
    this.backlog?.append(buf, from, to);
    this.history.offset += to - from;
    this.#onMore();
  }

  /** Remembers from now on, unless it does already. */
  open(sizeBytes: number): void {
    this.backlog ??= new Backlog(this.history.offset, sizeBytes);
  }

  /** Forgets all of it. */
  close(): void {
    this.settle();
    this.backlog = undefined;
  }
}
