import { ArgVector } from '../resp/argVector.js';

/** Who gets every write: the AOF, and replicas. */
export interface PropagationSink {
  /** Gets messages too, which change no data (PUBLISH): replicas have clients of their own who wait for them. */
  readonly takesMessages?: boolean;
  /** The arguments live only within the call. `dbIndex` is the database that the command ran in. */
  feed(dbIndex: number, args: ArgVector): void;
}

interface Fed {
  readonly dbIndex: number;
  readonly args: ArgVector;
  readonly isMessage: boolean;
}

/**
 * Sends writes to the sinks, in the order in which they happened. As in Redis, the writes of a transaction are wrapped in
 * MULTI and EXEC if there are several: the first waits until a second comes, or the transaction ends.
 */
export class Propagation {
  readonly #sinks: PropagationSink[] = [];
  readonly #multi = ArgVector.from(['MULTI']);
  readonly #exec = ArgVector.from(['EXEC']);
  #first: Fed | undefined;
  #multiSent = false;
  #lastDbIndex = 0;

  /** EXEC is running. */
  inTransaction = false;
  /** True when there is anybody to send to. */
  active = false;

  add(sink: PropagationSink): void {
    this.#sinks.push(sink);
    this.active = true;
  }

  remove(sink: PropagationSink): void {
    const at = this.#sinks.indexOf(sink);
    if (at >= 0) this.#sinks.splice(at, 1);
    this.active = this.#sinks.length > 0;
  }

  /** Until {@link endTransaction} the arguments that are fed must stay as they are. */
  beginTransaction(): void {
    this.inTransaction = true;
    this.#multiSent = false;
  }

  endTransaction(): void {
    const first = this.#first;
    this.#first = undefined;
    this.inTransaction = false;
    if (first !== undefined) this.#send(first.dbIndex, first.args, first.isMessage);
    else if (this.#multiSent) this.#send(this.#lastDbIndex, this.#exec, false);
  }

  feed(dbIndex: number, args: ArgVector): void {
    if (!this.active) return;
    if (this.inTransaction) this.#feedInTransaction(dbIndex, args, false);
    else this.#send(dbIndex, args, false);
  }

  /** Sends what is no write, but is to reach the clients of replicas. */
  feedMessage(dbIndex: number, args: ArgVector): void {
    if (!this.#sinks.some((sink) => sink.takesMessages)) return;
    if (this.inTransaction) this.#feedInTransaction(dbIndex, args, true);
    else this.#send(dbIndex, args, true);
  }

  #feedInTransaction(dbIndex: number, args: ArgVector, isMessage: boolean): void {
    const first = this.#first;
    if (first === undefined && !this.#multiSent) {
      this.#first = { dbIndex, args, isMessage };
      return;
    }
    if (first !== undefined) {
      this.#first = undefined;
      this.#multiSent = true;
      this.#send(first.dbIndex, this.#multi, false);
      this.#send(first.dbIndex, first.args, first.isMessage);
    }
    this.#lastDbIndex = dbIndex;
    this.#send(dbIndex, args, isMessage);
  }

  #send(dbIndex: number, args: ArgVector, isMessage: boolean): void {
    for (const sink of this.#sinks) if (!isMessage || sink.takesMessages === true) sink.feed(dbIndex, args);
  }
}
