/**
 * Where replies wait for their moment. Replies of several connections stand one after the other in the shared reply
 * writer; the outbox knows whose bytes are where:
 *
 *   reply.buf  │ replies to A │ replies to B │ replies to A │ ...
 *              0              #ends[0]       #ends[1]       #ends[2] = reply.length
 *
 * Long values among the replies stay where they are (loans): a connection with one gets its bytes in pieces.
 *
 * Messages that are no replies (pub/sub and its like) go to their connection at once, unless replies to it still stand here: then
 * they queue up behind those. They are written at the end of the round, or with the next replies, several in one go.
 *
 * Without an AOF each batch leaves at once. With one, everything leaves at the end of the event loop's round, after the
 * AOF has been written (and fsynced, with `always`): many clients share that one write.
 */
import type { Loan, ReplyWriter } from '../resp/replyWriter.js';

const NO_LOANS: readonly Loan[] = [];

/** A round that has written this many bytes of replies does not wait for its end. */
const FLUSH_BYTES = 1024 * 1024;

/** Who gets the bytes. */
export interface ReplyTarget {
  /** Writes buf[from, to). False: the target needs the memory for some time. */
  writeReplies(buf: Buffer, from: number, to: number): boolean;
  /** The same with long values in between. The memory of `buf` is free again at once. */
  writePieces(buf: Buffer, from: number, to: number, loans: readonly Loan[]): void;
  /** This round's replies are out. */
  afterDelivery(): void;
  /** How many entries of the outbox are for it: the outbox counts. */
  undelivered: number;
  /** Takes a message that leaves with the next {@link pump}. */
  enqueue(message: Buffer): void;
  /** Writes what was enqueued. */
  pump(): void;
  destroy(): void;
}

export class Outbox {
  readonly flushBytes = FLUSH_BYTES;
  /** Set when replies must wait for {@link beforeReplies}. */
  deferred = false;
  readonly #reply: ReplyWriter;
  readonly #beforeReplies: () => boolean;
  /** Whose bytes end where. The arrays keep their length: emptying an array lets its memory go, and each batch would fetch it anew. */
  readonly #connections: (ReplyTarget | undefined)[] = [];
  readonly #ends: number[] = [];
  #count = 0;
  /** A message in place of replies, by its place among the entries. */
  readonly #messages = new Map<number, Buffer>();
  /** Connections that have to be pumped. */
  #pushed = new Set<ReplyTarget>();
  #pushedBytes = 0;
  #scheduled = false;
  #flushing = false;

  /** `beforeReplies` makes durable what the replies acknowledge; when it cannot, they are dropped with their connections. */
  constructor(reply: ReplyWriter, beforeReplies: () => boolean) {
    this.#reply = reply;
    this.#beforeReplies = beforeReplies;
  }

  /** The bytes from `from` to the end of the reply writer are for `connection`. */
  deliver(connection: ReplyTarget, from: number): void {
    const to = this.#reply.length;
    if (to === from && !this.deferred) return connection.afterDelivery();
    this.#add(connection, to);
    if (!this.deferred) this.flush();
    else if (!this.#scheduled) this.#schedule();
  }

  /** A message that is no reply. It is not changed any more, and may be shared with others. */
  push(connection: ReplyTarget, message: Buffer): void {
    if (!this.#scheduled) this.#schedule();
    if (connection.undelivered > 0) {
      this.#messages.set(this.#count, message);
      this.#add(connection, this.#ends[this.#count - 1]);
      return;
    }
    connection.enqueue(message);
    this.#pushed.add(connection);
    this.#pushedBytes += message.length;
    if (this.#pushedBytes > FLUSH_BYTES && !this.deferred) this.#pumpPushed();
  }

  #add(connection: ReplyTarget, end: number): void {
    connection.undelivered++;
    this.#connections[this.#count] = connection;
    this.#ends[this.#count++] = end;
  }

  #pumpPushed(): void {
    const pushed = this.#pushed;
    if (pushed.size === 0) return;
    this.#pushed = new Set();
    this.#pushedBytes = 0;
    for (const connection of pushed) connection.pump();
  }

  #schedule(): void {
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** Sends everything now. */
  flush(): void {
    if (this.#flushing || (this.#count === 0 && this.#pushed.size === 0)) return;
    this.#flushing = true;
    const durable = !this.deferred || this.#beforeReplies();
    if (this.#count > 0) this.#flushReplies(durable);
    this.#pumpPushed();
    this.#flushing = false;
  }

  #flushReplies(durable: boolean): void {
    const { buf } = this.#reply;
    const loans = this.#reply.hasLoans ? this.#reply.takeLoans() : NO_LOANS;
    let loan = 0;
    let from = 0;
    let free = true;
    for (let i = 0; i < this.#count; i++) {
      const connection = this.#connections[i] as ReplyTarget;
      this.#connections[i] = undefined;
      const message = this.#messages.size > 0 ? this.#messages.get(i) : undefined;
      const to = this.#ends[i];
      connection.undelivered = 0;
      if (message !== undefined) {
        connection.enqueue(message);
        this.#pushed.add(connection);
        continue;
      }
      const firstLoan = loan;
      while (loan < loans.length && loans[loan].at <= to) loan++;
      if (!durable) connection.destroy();
      if (loan > firstLoan) connection.writePieces(buf, from, to, loans.slice(firstLoan, loan));
      else if (to > from && !connection.writeReplies(buf, from, to)) free = false;
      connection.afterDelivery();
      from = to;
    }
    this.#count = 0;
    if (this.#messages.size > 0) this.#messages.clear();
    if (free) this.#reply.reset();
    else this.#reply.detach();
  }
}
