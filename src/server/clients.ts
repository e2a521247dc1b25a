/** All connections of a server: accepting, counting, pausing, ending. */
import { asBuffer } from '../base/bytes.js';
import type { ClientPort, ClientsPort, WaitEnd } from '../commands/context.js';
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import type { HoldReason } from '../exec/pause.js';
import { Session } from '../exec/session.js';
import { Connection } from '../net/connection.js';
import type { ConnectionHost } from '../net/connectionHost.js';
import type { Outbox } from '../net/outbox.js';
import type { OutputLimit } from '../net/outputLimit.js';
import type { Stream } from '../net/stream.js';
import { ArgVector } from '../resp/argVector.js';
import type { ReplyWriter } from '../resp/replyWriter.js';
import { ClientEviction } from './clientEviction.js';

const PROTECTED_MODE =
  '-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the ' +
  'default user. In this mode connections are only accepted from the loopback interface. To connect from other ' +
  "computers do one of the following: 1) set a password with the 'requirepass' directive, which is the safe way; " +
  "2) send 'CONFIG SET protected-mode no' from the server's own host, and put 'protected-mode no' into the " +
  "configuration file, if the port cannot be reached from the internet; 3) start the server with '--protected-mode no'.\r\n";

/** For a client that has not said who it is: it only gets refusals, and need not leave many unread (CVE-2025-21605). */
const STRANGERS_LIMIT: OutputLimit = { hardBytes: 17 * 1024, softBytes: 0, softSeconds: 0 };

/** The first replies to a client do not count, as in Redis, where they have a buffer of their own. */
const UNCOUNTED_BYTES = 16 * 1024;

const TOO_MANY = '-ERR max number of clients reached\r\n';

export class Clients implements ClientsPort, ConnectionHost {
  readonly executor: Executor;
  readonly outbox: Outbox;
  readonly args = new ArgVector();
  readonly #config: Config;
  readonly #byId = new Map<number, Connection>();
  readonly #eviction: ClientEviction;
  #waitingCount = 0;
  blockedWithTimeoutCount = 0;
  #nextId = 1;
  /** Clients without a connection that they made themselves: the link to the master. */
  readonly #others = new Map<number, Session>();
  /** Called when a connection is gone. */
  onClosed: (session: Session) => void = () => undefined;
  #pauseTimer: NodeJS.Timeout | undefined;
  #resuming: NodeJS.Immediate | undefined;

  constructor(executor: Executor, outbox: Outbox) {
    this.executor = executor;
    this.outbox = outbox;
    this.#config = executor.server.config;
    this.#eviction = new ClientEviction(executor, this.#byId);
    executor.reply.maxBytes = () => this.#maxReplyBytes(executor.client);
  }

  // ---------------------------------------------------------------- accepting

  accept(stream: Stream): void {
    const { stats } = this.executor.server;
    if (this.#byId.size >= this.#config.values.maxclients) {
      stats.rejectedConnections++;
      return refuse(stream, TOO_MANY);
    }
    const { server } = this.executor;
    if (!stream.local && this.#isProtected()) {
      stats.rejectedConnections++;
      return refuse(stream, PROTECTED_MODE);
    }
    const id = this.#nextId++;
    const connection = new Connection(stream, this);
    connection.session = new Session(id, connection, {
      nowMs: server.clock.nowMs(),
      databases: server.store.databases.length,
      authenticated: !server.passwordRequired,
    });
    this.#byId.set(id, connection);
    stats.connectionsReceived++;
    server.log('verbose', `Accepted ${stream.peerAddress}`);
    connection.start();
  }

  /**
   * Whether only this machine may connect: without a password, unless the operator chose the addresses to listen on. That
   * exception is the rule of Redis 3.2 to 6; Redis 7 dropped it, and with it a cluster of hosts with `bind 0.0.0.0` alone.
   * A `protected-mode yes` of the operator's own always counts.
   */
  #isProtected(): boolean {
    if (!this.#config.values['protected-mode'] || this.executor.server.passwordRequired) return false;
    return this.#config.isExplicit('protected-mode') || !this.#config.isExplicit('bind');
  }

  // ---------------------------------------------------------------- ConnectionHost

  maxBulkBytes(): number {
    return this.#config.values['proto-max-bulk-len'];
  }

  maxQueryBufferBytes(): number {
    return this.#config.values['client-query-buffer-limit'];
  }

  maxOutputBytes({ subscribed, isReplica, authenticated }: Session): OutputLimit {
    if (!authenticated) return STRANGERS_LIMIT;
    const limits = this.#config.values['client-output-buffer-limit'];
    if (isReplica) return limits.replica;
    return subscribed ? limits.pubsub : limits.normal;
  }

  isTooMuchAtOnce(session: Session, bytes: number): boolean {
    return bytes > this.#maxReplyBytes(session);
  }

  noteProtocolError({ id, peerAddress }: Session, text: string, sample: Uint8Array): void {
    const shown = asBuffer(sample)
      .toString('latin1')
      .replace(/[^ -~]/g, '.');
    this.log('verbose', `Protocol error (${text}) from client: id=${id} addr=${peerAddress}. Query buffer: '${shown}'`);
  }

  endForOutput(session: Session, bytes: number): void {
    this.executor.server.stats.clientOutputBufferLimitDisconnections++;
    const who = `Client id=${session.id} addr=${session.peerAddress} omem=${bytes}`;
    this.log('warning', `${who} closed for overcoming of output buffer limits.`);
    session.kill();
  }

  /** What the replies to a client may take before it is clear that it will be ended for them. */
  #maxReplyBytes(session: Session): number {
    const { hardBytes } = this.maxOutputBytes(session);
    return hardBytes > 0 ? hardBytes + UNCOUNTED_BYTES : Number.POSITIVE_INFINITY;
  }

  nowMs(): number {
    return this.executor.server.clock.nowMs();
  }

  log(level: 'verbose' | 'warning', text: string): void {
    this.executor.server.log(level, text);
  }

  grown(): void {
    this.#eviction.grown();
  }

  closed(session: Session): void {
    this.executor.watches.unwatch(session);
    session.endMulti();
    session.heldBack = undefined;
    this.executor.blocking.forget(session);
    this.executor.moving.forget(session);
    this.executor.forgetPushes(session);
    session.blocked?.('timeout');
    this.#byId.delete(session.id);
    this.onClosed(session);
  }

  newId(): number {
    return this.#nextId++;
  }

  /** Shows a client that has no connection of its own among the others, until it is {@link dismiss}ed. */
  admit(session: Session): void {
    this.#others.set(session.id, session);
  }

  dismiss(session: Session): void {
    this.#others.delete(session.id);
  }

  // ---------------------------------------------------------------- ClientsPort

  get count(): number {
    return this.#byId.size + this.#others.size;
  }

  get blockedCount(): number {
    let count = this.#waitingCount;
    // Those that CLIENT PAUSE holds back are blocked as well.
    for (const { session } of this.#byId.values()) if (session.heldBack !== undefined) count++;
    return count;
  }

  get bytesUsed(): number {
    return this.executor.eviction.clientBuffers.bytesUsed;
  }

  *all(): Iterable<ClientPort> {
    yield* this.#others.values();
    for (const connection of this.#byId.values()) yield connection.session;
  }

  byId(id: number): ClientPort | undefined {
    return this.#byId.get(id)?.session ?? this.#others.get(id);
  }

  pause(untilMs: number, writesOnly: boolean): void {
    const { pause, server } = this.executor;
    pause.start(untilMs, writesOnly, server.clock.nowMs());
    this.executor.gated = true;
    this.#watchPause();
  }

  unpause(): void {
    this.executor.pause.end();
    // Not now: the batch with this command is under way, and its replies come first.
    this.#resuming ??= setImmediate(() => this.#resumeAll());
  }

  block(client: ClientPort, timeoutMs: number, answer: (reply: ReplyWriter, how: WaitEnd) => void): void {
    const connection = this.#byId.get(client.id);
    if (connection === undefined) return;
    const { session } = connection;
    const alarm = new Alarm(timeoutMs, () => session.blocked?.('timeout'));
    this.#waitingCount++;
    if (timeoutMs > 0) this.blockedWithTimeoutCount++;
    session.blocked = (how) => {
      alarm.stop();
      this.#waitingCount--;
      if (timeoutMs > 0) this.blockedWithTimeoutCount--;
      session.blocked = undefined;
      connection.answer((reply) => answer(reply, how));
    };
  }

  unblock(id: number, withError: boolean): boolean {
    const session = this.#byId.get(id)?.session;
    const how = withError ? 'unblocked-with-error' : 'timeout';
    if (session === undefined || session.isWorking) return false;
    return this.executor.blocking.end(session, how);
  }

  /** Serves those whose turn has come although no request made it come: keys expired, a slot has left. */
  serveBlocked(): void {
    const { blocking } = this.executor;
    if (blocking.pending) blocking.serve(this.executor);
  }

  /** Holds writes back, until {@link releaseWrites} or so long. */
  holdWrites(reason: HoldReason, forMs: number): void {
    const { pause, server } = this.executor;
    pause.hold(reason, server.clock.nowMs() + forMs);
    this.executor.gated = true;
    this.#watchPause();
  }

  /** Goes on with what was held back. */
  releaseWrites(reason: HoldReason): void {
    this.executor.pause.release(reason);
    this.#resuming ??= setImmediate(() => this.#resumeAll());
  }

  #watchPause(): void {
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = undefined;
    const { pause, server } = this.executor;
    const leftMs = pause.endsAtMs - server.clock.nowMs();
    if (leftMs <= 0) return;
    this.#pauseTimer = setTimeout(() => this.#resumeAll(), Math.min(leftMs, 0x7fffffff));
  }

  #resumeAll(): void {
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = undefined;
    this.#resuming = undefined;
    if (this.executor.pause.activeAt(this.executor.server.clock.nowMs())) return this.#watchPause();
    for (const connection of [...this.#byId.values()]) connection.resume();
  }

  get paused(): boolean {
    return this.#pauseTimer !== undefined;
  }

  // ---------------------------------------------------------------- housekeeping

  /** Ends connections that have been silent for longer than `timeout`. */
  closeIdle(): void {
    const seconds = this.#config.values.timeout;
    if (seconds === 0) return;
    const limitMs = this.nowMs() - seconds * 1000;
    for (const connection of [...this.#byId.values()]) {
      const { lastInteractionMs, stalled, subscribed, monitoring, isReplica } = connection.session;
      // Who listens has nothing to say.
      if (lastInteractionMs >= limitMs || stalled || subscribed || monitoring || isReplica) continue;
      this.log('verbose', 'Closing idle client');
      connection.destroy();
    }
  }

  /** Ends connections that have been over their soft output limit for too long, also when nothing more is sent to them. */
  closeSlowReaders(): void {
    for (const connection of [...this.#byId.values()]) if (connection.outputBytes() > 0) connection.checkOutputLimit();
  }

  closeAll(): void {
    clearTimeout(this.#pauseTimer);
    clearImmediate(this.#resuming);
    this.#eviction.stop();
    for (const connection of [...this.#byId.values()]) connection.destroy();
  }
}

/** The longest time that a timer of Node takes. */
const LONGEST_TIMER_MS = 0x7fffffff;

/** Rings once after a time of any length; 0 never. */
class Alarm {
  #timer: NodeJS.Timeout | undefined;

  constructor(afterMs: number, ring: () => void) {
    if (afterMs > 0) this.#set(afterMs, ring);
  }

  #set(afterMs: number, ring: () => void): void {
    const stepMs = Math.min(afterMs, LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => (stepMs < afterMs ? this.#set(afterMs - stepMs, ring) : ring()), stepMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

function refuse(stream: Stream, text: string): void {
  const bytes = Buffer.from(text);
  stream.start({ onData() {}, onDrained() {}, onClosed() {} });
  stream.write(bytes, 0, bytes.length);
  stream.close();
}
