/**
 * Does what the master's stream says, and hands the bytes on as they came: a replica's own replicas get the same stream, so that
 * they can go on with any other server that has it.
 *
 *   stream   | done, passed on        | in a MULTI, kept | request not whole yet |
 *                                  applied                                    read
 *
 * What belongs to a transaction is done, and counts, only with its EXEC: whoever loses the link within it asks for it again.
 */
import type { Executor } from '../../exec/executor.js';
import type { Session } from '../../exec/session.js';
import { ArgVector } from '../../resp/argVector.js';
import { INCOMPLETE, PROTOCOL_ERROR, REQUEST, RequestParser } from '../../resp/requestParser.js';

/** An own buffer larger than this is let go when it is empty. */
const KEEP_BYTES = 1024 * 1024;

export interface MasterStreamEvents {
  /** buf[from, to) was done. */
  applied(buf: Uint8Array, from: number, to: number): void;
  log(text: string): void;
}

export class MasterStream {
  readonly #executor: Executor;
  readonly #session: Session;
  readonly #events: MasterStreamEvents;
  readonly #parser = new RequestParser();
  #args = new ArgVector();
  /** What is not done yet: own[0, ownLength). */
  #own = Buffer.alloc(0);
  #ownLength = 0;
  /** Of the chunk under way, what was done. */
  #applied = 0;
  #isRunning = false;

  constructor(executor: Executor, session: Session, events: MasterStreamEvents) {
    this.#executor = executor;
    this.#session = session;
    this.#events = events;
  }

  /** Bytes that came and are not done. */
  get pendingBytes(): number {
    return this.#ownLength;
  }

  /** Bytes of the chunk under way that are done but not passed on yet. */
  get unpassedBytes(): number {
    return this.#isRunning ? this.#applied : 0;
  }

  /** buf[from, to) came. False: it is no stream of requests, and nothing behind it can be understood. */
  receive(buf: Uint8Array, from: number, to: number): boolean {
    if (this.#ownLength === 0) return this.#process(buf.subarray(from, to), to - from);
    this.#append(buf, from, to);
    return this.#process(this.#own, this.#ownLength);
  }

  /** Does the requests in buf[0, length), and keeps what cannot be done yet. */
  #process(buf: Uint8Array, length: number): boolean {
    const executor = this.#executor;
    const session = this.#session;
    const parser = this.#parser;
    if (buf !== this.#own) parser.pos = 0;
    if (length - parser.pos < parser.needBytes) return true;
    this.#applied = 0;
    this.#isRunning = true;
    executor.beginBatch(session);
    let isValid = true;
    while (isValid && !session.closing) {
      const result = parser.parse(buf, length, this.#args, Number.MAX_SAFE_INTEGER);
      if (result === INCOMPLETE) break;
      if (result === PROTOCOL_ERROR) {
        this.#events.log(`Protocol error (${parser.error}) in the stream of the master`);
        isValid = false;
      } else if (result === REQUEST) this.#run(this.#args);
      if (!session.inMulti) this.#applied = parser.pos;
    }
    executor.endBatch();
    this.#isRunning = false;
    const applied = this.#applied;
    if (applied > 0) this.#events.applied(buf, 0, applied);
    this.#keep(buf, applied, length);
    if (executor.blocking.pending) executor.blocking.serve(executor);
    return isValid;
  }

  #run(args: ArgVector): void {
    const executor = this.#executor;
    const { errorCount } = executor.reply;
    const refusal = executor.obey(this.#session, args);
    if (refusal === undefined && executor.reply.errorCount === errorCount) return;
    const name = args.text(0).slice(0, 128);
    const reason = refusal ?? executor.reply.lastError;
    executor.server.stats.unexpectedErrorReplies++;
    this.#events.log(`This replica could not do what its master has done: '${name}': ${reason}`);
  }

  /** buf[from, length) stays. */
  #keep(buf: Uint8Array, from: number, length: number): void {
    const parser = this.#parser;
    const rest = length - from;
    if (buf === this.#own) {
      if (from > 0) this.#own.copyWithin(0, from, length);
      this.#ownLength = rest;
    } else {
      this.#ownLength = 0;
      this.#append(buf, from, length);
    }
    if (from > 0) {
      parser.rebase(-from);
      if (parser.midRequest) {
        const shifted = new ArgVector();
        shifted.assignShifted(this.#args, -from);
        this.#args = shifted;
      }
    }
    const needed = parser.pos + parser.needBytes;
    if (rest > 0 && needed > this.#own.length) this.#grow(needed);
    if (rest === 0 && this.#own.length > KEEP_BYTES) this.#own = Buffer.alloc(0);
  }

  #append(buf: Uint8Array, from: number, to: number): void {
    const needed = this.#ownLength + to - from;
    if (needed > this.#own.length) this.#grow(Math.max(needed, this.#own.length * 2));
    this.#own.set(buf.subarray(from, to), this.#ownLength);
    this.#ownLength = needed;
  }

  #grow(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(bytes);
    this.#own.copy(grown, 0, 0, this.#ownLength);
    this.#own = grown;
  }
}
