/**
 * Messages to clients that are no replies. They leave in the order in which things happened: those to the client whose
 * command runs now stand behind the reply of that command (of EXEC, when it is in a transaction), never within it.
 */
import { ReplyWriter } from '../resp/replyWriter.js';

/** Messages to a client whose command runs, until its reply is written. */
export interface OwnPushes {
  readonly messages: Uint8Array[];
  /** They come last. */
  readonly invalidations: Uint8Array[];
}

/** A client's session, as far as messages need it. */
export interface PushTarget {
  readonly closing: boolean;
  /** Messages that wait for the end of its command. */
  ownPushes: OwnPushes | undefined;
  readonly transport: { send(message: Uint8Array): void };
}

export class Pushes {
  /** How many clients want to know of each command that runs: MONITOR, CLIENT TRACKING. 0: the hot path stops here. */
  observers = 0;
  readonly #writer = new ReplyWriter();
  #current: PushTarget | undefined;

  /** The client whose command runs, as far as it can get pushes at all. */
  get current(): PushTarget | undefined {
    return this.#current;
  }

  /** Starts a message in `protocol`; {@link taken} ends it. */
  begin(protocol: number): ReplyWriter {
    this.#writer.reset();
    this.#writer.protocol = protocol;
    return this.#writer;
  }

  /** What was written since {@link begin}, as bytes of its own that any number of clients may be sent. */
  taken(): Uint8Array {
    const { buf, length } = this.#writer;
    return Buffer.from(buf.subarray(0, length));
  }

  /** `message` must not be changed afterwards. */
  send(session: PushTarget, message: Uint8Array): void {
    if (session.closing) return;
    if (session === this.#current) own(session).messages.push(message);
    else session.transport.send(message);
  }

  sendInvalidation(session: PushTarget, message: Uint8Array): void {
    if (session.closing) return;
    if (session === this.#current) own(session).invalidations.push(message);
    else session.transport.send(message);
  }

  /** A command of `session` begins; only a client that may get pushes need say so. Answers what {@link leave} wants back. */
  enter(session: PushTarget): PushTarget | undefined {
    const outer = this.#current;
    this.#current = session;
    return outer;
  }

  /** The command's reply is written. */
  leave(session: PushTarget, outer: PushTarget | undefined, reply: ReplyWriter): void {
    this.#current = outer;
    if (session !== outer) this.deliver(session, reply);
  }

  /** Lets go of what has been kept for the client whose command runs. */
  deliver(session: PushTarget, reply: ReplyWriter): void {
    const pushes = session.ownPushes;
    if (pushes === undefined) return;
    session.ownPushes = undefined;
    for (const message of pushes.messages) reply.raw(message);
    for (const message of pushes.invalidations) reply.raw(message);
  }
}

function own(session: PushTarget): OwnPushes {
  session.ownPushes ??= { messages: [], invalidations: [] };
  return session.ownPushes;
}
