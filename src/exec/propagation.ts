import { ArgVector } from '../resp/argVector.js';

/** Who gets every write: the AOF, and replicas. */
export interface PropagationSink {
  /** Gets messages too, which change no data (PUBLISH): replicas have clients of their own who wait for them. */
  readonly takesMessages?: boolean;
  /** The arguments live only within the call. `dbIndex` is the database that the command ran in. */
  feed(dbIndex: number, args: ArgVector): void;
}

/**
 * Sends writes to the sinks, in the order in which they happened. The writes of a transaction are wrapped in MULTI and
 * EXEC, which are sent with the first of them, so that a transaction that changed nothing leaves no trace.
 */
export class Propagation {
  readonly #sinks: PropagationSink[] = [];
  readonly #multi = ArgVector.from(['MULTI']);
  readonly #exec = ArgVector.from(['EXEC']);
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

  beginTransaction(): void {
    this.inTransaction = true;
    this.#multiSent = false;
  }

  endTransaction(): void {
    if (this.#multiSent) this.#send(this.#lastDbIndex, this.#exec);
    this.inTransaction = false;
  }

  feed(dbIndex: number, args: ArgVector): void {
    if (!this.active) return;
    if (this.inTransaction && !this.#multiSent) {
      this.#multiSent = true;
      this.#send(dbIndex, this.#multi);
    }
    this.#lastDbIndex = dbIndex;
    this.#send(dbIndex, args);
  }

  /** Sends what is no write, but is to reach the clients of replicas. */
  feedMessage(dbIndex: number, args: ArgVector): void {
    for (const sink of this.#sinks) {
      if (sink.takesMessages !== true) continue;
      if (this.inTransaction && !this.#multiSent) {
        this.#multiSent = true;
        this.#lastDbIndex = dbIndex;
        this.#send(dbIndex, this.#multi);
      }
      sink.feed(dbIndex, args);
    }
  }

  #send(dbIndex: number, args: ArgVector): void {
    for (const sink of this.#sinks) sink.feed(dbIndex, args);
  }
}
