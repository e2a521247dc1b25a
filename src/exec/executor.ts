/**
 * Runs requests: finds the command, asks the gates, runs it or queues it, counts, and propagates what changed.
 * The executor is also the {@link CommandContext} of every command it runs: one object, made once, so that the path from
 * request to reply makes no garbage.
 */

import { equalsIgnoreCase, latin1, parseInt64, parseSafeInt } from '../base/bytes.js';
import { copyOf } from '../base/copy.js';
import { Histogram } from '../base/histogram.js';
import { PROTECTED } from '../commands/command.js';
import {
  type CommandContext,
  EVENT_EVICTED,
  EVENT_EXPIRED,
  type ResolvedCommand,
  type ServerPort,
} from '../commands/context.js';
import { ArgVector } from '../resp/argVector.js';
import * as errors from '../resp/errors.js';
import { ReplyWriter } from '../resp/replyWriter.js';
import { lfuInitial, lfuTouched, lruSeconds } from '../store/accessClock.js';
import type { Database } from '../store/database.js';
import { type Ref, StoreFullError } from '../store/types.js';
import { type CommandTable, findSubcommand } from './commandTable.js';
import { Eviction } from './eviction.js';
import { closedGate, isWriting } from './gates.js';
import { PauseState } from './pause.js';
import { Propagation } from './propagation.js';
import { newKeySurvey } from './redirect.js';
import type { Request } from './request.js';
import type { Session } from './session.js';
import { WatchTable } from './watch.js';

const NO_ARGS = new ArgVector();

/** The request was answered (or queued, or refused). */
export const EXECUTED = 0;
/** CLIENT PAUSE holds it back (the session keeps a copy), or it blocks: nothing behind it may run now. */
export const HELD_BACK = 1;

export class Executor implements CommandContext, Request {
  readonly table: CommandTable;
  readonly server: ServerPort;
  readonly reply = new ReplyWriter();
  readonly scratch = new Uint8Array(64);
  readonly watches = new WatchTable();
  readonly propagation = new Propagation();
  readonly pause = new PauseState();
  readonly eviction: Eviction;
  readonly keySurvey = newKeySurvey();
  readonly keyIndexes: number[] = [];

  // The command being run (CommandContext).
  argc = 0;
  buf: Uint8Array = NO_ARGS.buf;
  start: Int32Array = NO_ARGS.start;
  end: Int32Array = NO_ARGS.end;
  command!: ResolvedCommand;
  client!: Session;
  db!: Database;
  nowMs = 0;

  // Request, for the gates.
  args: ArgVector = NO_ARGS;
  get session(): Session {
    return this.client;
  }

  /** Changes since the start; a command that raises it is propagated. */
  dirty = 0;
  /** Data files are being read: only commands that may run meanwhile do. */
  loading = false;
  /** The reason why writes must be refused (AOF or RDB errors). */
  writeProblem: () => string | undefined = () => undefined;
  /** True when every request must pass the gates; false lets plain clients take the short way. */
  gated = true;

  #instead: ArgVector[] | undefined;
  #dirtyBefore = 0;
  #errorsBefore = 0;
  #lruNow = 0;
  /** Consecutive calls of one command are timed together: two clock readings a run, not two a call. */
  #running: ResolvedCommand | undefined;
  #runStartUs = 0;
  #runFirstCall = 0;

  constructor(table: CommandTable, server: ServerPort) {
    this.table = table;
    this.server = server;
    this.eviction = new Eviction(this);
  }

  get propagating(): boolean {
    return this.propagation.active;
  }

  // ---------------------------------------------------------------- running requests

  /** Begins a batch of requests: time stands still until {@link endBatch}. */
  beginBatch(session: Session): void {
    this.nowMs = this.server.clock.nowMs();
    this.#lruNow = lruSeconds(this.nowMs);
    this.eviction.beginBatch();
    session.lastInteractionMs = this.nowMs;
    this.reply.protocol = session.protocol;
  }

  endBatch(): void {
    this.#closeRun();
  }

  /** Runs one request of `session`; the reply is in {@link reply}. */
  execute(session: Session, args: ArgVector): typeof EXECUTED | typeof HELD_BACK {
    this.client = session;
    this.args = args;
    let command = this.table.lookup(args.buf, args.start[0], args.end[0]);
    if (command === undefined) return this.#unknown(session, args);
    if (command.subcommands !== undefined && args.argc > 1) {
      const subcommand = findSubcommand(command, args);
      if (subcommand === undefined && command.declaration.run === undefined) {
        return this.#reject(session, errors.unknownSubcommand(args.text(1), command.fullName));
      }
      command = subcommand ?? command;
    }
    const { arity } = command.declaration;
    if (arity >= 0 ? args.argc !== arity : args.argc < -arity) {
      this.#refuse(session, command, errors.wrongArity(command.fullName));
      return EXECUTED;
    }
    this.command = command;
    session.lastCommand = command.fullName;
    if (this.gated || session.special !== 0 || (command.flags & PROTECTED) !== 0 || this.eviction.over) {
      return this.#executeGated(session, command, args);
    }
    const before = this.reply.length;
    this.call(session, command, args);
    // Only a command that changed its own client's state (CLIENT REPLY) finds this true.
    if (session.special !== 0) this.#applyReplyMode(session, before);
    return session.blocked === undefined ? EXECUTED : HELD_BACK;
  }

  #executeGated(session: Session, command: ResolvedCommand, args: ArgVector): typeof EXECUTED | typeof HELD_BACK {
    const before = this.reply.length;
    const refusal = closedGate(this);
    if (refusal !== undefined) {
      this.#refuse(session, command, refusal);
      if (!session.inMulti) session.asking = false;
      return EXECUTED;
    }
    if (this.#mustWait(session, command)) {
      session.heldBack = args.copy();
      return HELD_BACK;
    } else if (session.inMulti && !RUNS_INSIDE_MULTI.has(command.fullName)) {
      // A transaction that will abort anyway need not keep its commands.
      if (!session.queueBroken && !session.watchBroken) session.enqueue(command, args);
      this.reply.simple('QUEUED');
    } else {
      this.call(session, command, args);
    }
    if (command.fullName !== 'asking' && !session.inMulti) session.asking = false;
    this.#applyReplyMode(session, before);
    return session.blocked === undefined ? EXECUTED : HELD_BACK;
  }

  /** CLIENT REPLY OFF and SKIP take replies back. */
  #applyReplyMode(session: Session, lengthBefore: number): void {
    if (session.replyMode === 'on') return;
    if (session.replyMode === 'skip-next') {
      session.replyMode = 'skip';
      this.reply.length = lengthBefore;
      return;
    }
    this.reply.length = lengthBefore;
    if (session.replyMode === 'skip') session.replyMode = 'on';
  }

  #mustWait(session: Session, command: ResolvedCommand): boolean {
    if (!this.pause.activeAt(this.nowMs)) return false;
    return !this.pause.writesOnly || isWriting(session, command);
  }

  /** Runs a command whose turn it is. Also used for the commands of a transaction and of a data file. */
  call(session: Session, command: ResolvedCommand, args: ArgVector): void {
    this.client = session;
    this.args = args;
    this.command = command;
    this.argc = args.argc;
    this.buf = args.buf;
    this.start = args.start;
    this.end = args.end;
    this.db = this.server.store.databases[session.dbIndex];
    if (command !== this.#running) this.#openRun(command);
    this.#dirtyBefore = this.dirty;
    this.#errorsBefore = this.reply.errorCount;
    const { dbIndex } = session;
    try {
      command.declaration.run?.(this);
    } catch (error) {
      // Thrown before anything changed: the machine, or the store's 32 GiB, has no more memory.
      if (!(error instanceof StoreFullError)) throw error;
      this.reply.error(errors.OOM);
    }
    command.calls++;
    this.server.stats.commandsProcessed++;
    if (this.reply.errorCount !== this.#errorsBefore) this.#countFailure(command);
    if (this.dirty !== this.#dirtyBefore && this.propagation.active) this.#propagate(dbIndex, args);
    this.#instead = undefined;
  }

  /**
   * Puts the surroundings of an outer command back after it called others (EXEC). What those changed and which errors
   * they replied is theirs: the outer command starts from here.
   */
  resume(session: Session, command: ResolvedCommand, args: ArgVector): void {
    this.client = session;
    this.command = command;
    this.args = args;
    this.#dirtyBefore = this.dirty;
    this.#errorsBefore = this.reply.errorCount;
  }

  /** Runs a command of a data file. Answers why it cannot be run, which ends the loading. */
  replay(session: Session, args: ArgVector): string | undefined {
    const container = this.table.lookup(args.buf, args.start[0], args.end[0]);
    const command = container?.subcommands === undefined ? container : findSubcommand(container, args);
    if (command === undefined) return `Unknown command '${args.text(0)}' reading the append only file`;
    this.beginBatch(session);
    if (session.inMulti && !RUNS_INSIDE_MULTI.has(command.fullName)) session.enqueue(command, args);
    else this.call(session, command, args);
    this.reply.length = 0;
    return undefined;
  }

  #propagate(dbIndex: number, args: ArgVector): void {
    if (this.#instead === undefined) {
      this.propagation.feed(dbIndex, args);
      return;
    }
    for (const parts of this.#instead) this.propagation.feed(dbIndex, parts);
  }

  #openRun(command: ResolvedCommand): void {
    const nowUs = this.server.clock.monotonicUs();
    if (this.#running !== undefined) this.#countRun(this.#running, nowUs);
    this.#running = command;
    this.#runStartUs = nowUs;
    this.#runFirstCall = command.calls;
  }

  #countRun(command: ResolvedCommand, nowUs: number): void {
    const elapsedUs = nowUs - this.#runStartUs;
    command.microseconds += elapsedUs;
    const calls = command.calls - this.#runFirstCall;
    if (calls <= 0 || !this.server.config.values['latency-tracking']) return;
    command.latency ??= new Histogram();
    command.latency.record(elapsedUs / calls, calls);
  }

  #closeRun(): void {
    if (this.#running === undefined) return;
    this.#countRun(this.#running, this.server.clock.monotonicUs());
    this.#running = undefined;
  }

  #unknown(session: Session, args: ArgVector): typeof EXECUTED {
    const name = args.text(0).toLowerCase();
    if (name === 'post' || name === 'host:') {
      // A browser that was made to talk to us: https://en.wikipedia.org/wiki/Inter-protocol_exploitation
      this.server.log(
        'warning',
        `Possible SECURITY ATTACK detected: ${session.peerAddress} speaks HTTP. Connection aborted.`,
      );
      session.kill();
      return EXECUTED;
    }
    return this.#reject(session, unknownCommand(args));
  }

  /** Answers a request that names no command. */
  #reject(session: Session, error: string): typeof EXECUTED {
    const before = this.reply.length;
    this.#countError(error);
    if (session.inMulti) session.queueBroken = true;
    this.reply.error(error);
    session.asking = false;
    this.#applyReplyMode(session, before);
    return EXECUTED;
  }

  /** Answers a command that may not run now. A refused EXEC ends its transaction. */
  #refuse(session: Session, command: ResolvedCommand, error: string): void {
    const before = this.reply.length;
    command.rejectedCalls++;
    this.#countError(error);
    if (command.fullName !== 'exec') {
      if (session.inMulti) session.queueBroken = true;
      this.reply.error(error);
    } else {
      session.endMulti();
      this.watches.unwatch(session);
      const redirected = /^(MOVED|ASK|CLUSTERDOWN|CROSSSLOT|TRYAGAIN) /.test(error);
      const reason = error.replace(/^ERR /, '');
      this.reply.error(redirected ? error : `EXECABORT Transaction discarded because of: ${reason}`);
    }
    this.#applyReplyMode(session, before);
  }

  #countFailure(command: ResolvedCommand): void {
    command.failedCalls++;
    this.#countError(this.reply.lastError);
  }

  #countError(error: string): void {
    const { stats } = this.server;
    stats.totalErrorReplies++;
    const space = error.indexOf(' ');
    const code = space < 0 ? error : error.slice(0, space);
    stats.errors.set(code, (stats.errors.get(code) ?? 0) + 1);
  }

  get mayBlock(): boolean {
    return !this.propagation.inTransaction;
  }

  // ---------------------------------------------------------------- CommandContext: arguments

  arg(i: number): Uint8Array {
    return this.buf.subarray(this.start[i], this.end[i]);
  }

  argCopy(i: number): Uint8Array {
    return copyOf(this.buf, this.start[i], this.end[i]);
  }

  argText(i: number): string {
    return latin1(this.buf, this.start[i], this.end[i]);
  }

  argIs(i: number, lower: string): boolean {
    return equalsIgnoreCase(this.buf, this.start[i], this.end[i], lower);
  }

  argLength(i: number): number {
    return this.end[i] - this.start[i];
  }

  argInt(i: number): number {
    return parseSafeInt(this.buf, this.start[i], this.end[i]);
  }

  argInt64(i: number): bigint | undefined {
    return parseInt64(this.buf, this.start[i], this.end[i]);
  }

  // ---------------------------------------------------------------- CommandContext: keys

  lookupRead(i: number): Ref {
    const ref = this.#live(this.db, this.buf, this.start[i], this.end[i]);
    const { stats } = this.server;
    if (ref === 0) {
      stats.keyspaceMisses++;
      return 0;
    }
    stats.keyspaceHits++;
    this.#touch(this.db, ref);
    return ref;
  }

  lookupWrite(i: number): Ref {
    const ref = this.#live(this.db, this.buf, this.start[i], this.end[i]);
    if (ref !== 0) this.#touch(this.db, ref);
    return ref;
  }

  peek(i: number): Ref {
    return this.#live(this.db, this.buf, this.start[i], this.end[i]);
  }

  peekKey(db: Database, buf: Uint8Array, start: number, end: number): Ref {
    return this.#live(db, buf, start, end);
  }

  /** The entry of a key unless its time is over; then it is removed on the spot. */
  #live(db: Database, buf: Uint8Array, start: number, end: number): Ref {
    const ref = db.find(buf, start, end);
    if (ref === 0) return 0;
    const expireAtMs = db.expireAtMs(ref);
    if (expireAtMs < 0 || expireAtMs > this.nowMs || this.loading) return ref;
    this.expire(db, ref, buf, start, end);
    return 0;
  }

  #touch(db: Database, ref: Ref): void {
    if (this.client.noTouch) return;
    if (!this.eviction.lfu) return db.setLru(ref, this.#lruNow);
    const { lfuDecayMinutes, lfuLogFactor } = this.eviction;
    db.setLru(ref, lfuTouched(db.getLru(ref), this.nowMs, lfuDecayMinutes, lfuLogFactor, this.server.random));
  }

  /** The access bits that a new entry starts with. */
  initialAccessBits(): number {
    return this.eviction.lfu ? lfuInitial(this.nowMs) : this.#lruNow;
  }

  /** Removes an entry whose time is over, and tells watchers, AOF and replicas. The range must not be store memory. */
  expire(db: Database, ref: Ref, buf: Uint8Array, start: number, end: number): void {
    db.delete(ref);
    this.server.stats.expiredKeys++;
    if (!this.watches.empty) this.watches.touched(db, buf, start, end, false);
    this.notify(db, buf, start, end, EVENT_EXPIRED, 'expired');
    const verb = this.server.config.values['lazyfree-lazy-expire'] ? 'UNLINK' : 'DEL';
    if (this.propagation.active) this.propagation.feed(db.index, ArgVector.from([verb, buf.subarray(start, end)]));
  }

  /** The same for an entry that has to make room. */
  evict(db: Database, ref: Ref, key: Uint8Array): void {
    db.delete(ref);
    this.server.stats.evictedKeys++;
    if (!this.watches.empty) this.watches.touched(db, key, 0, key.length, false);
    this.notify(db, key, 0, key.length, EVENT_EVICTED, 'evicted');
    const verb = this.server.config.values['lazyfree-lazy-eviction'] ? 'UNLINK' : 'DEL';
    if (this.propagation.active) this.propagation.feed(db.index, ArgVector.from([verb, key]));
  }

  /** Tells watchers, AOF and replicas of a key that the server itself removed. */
  removed(db: Database, key: Uint8Array, eventClass: number, event: string): void {
    this.modifiedKey(db, key, 0, key.length, eventClass, event);
    if (this.propagation.active) this.propagation.feed(db.index, ArgVector.from(['DEL', key]));
  }

  // ---------------------------------------------------------------- CommandContext: effects

  modified(i: number, eventClass: number, event: string): void {
    this.dirty++;
    this.touchedKey(this.db, this.buf, this.start[i], this.end[i], eventClass, event);
  }

  modifiedKey(db: Database, buf: Uint8Array, start: number, end: number, eventClass: number, event: string): void {
    this.dirty++;
    this.touchedKey(db, buf, start, end, eventClass, event);
  }

  touched(i: number, eventClass: number, event: string): void {
    this.touchedKey(this.db, this.buf, this.start[i], this.end[i], eventClass, event);
  }

  touchedKey(db: Database, buf: Uint8Array, start: number, end: number, eventClass: number, event: string): void {
    if (!this.watches.empty) this.watches.touched(db, buf, start, end, db.find(buf, start, end) !== 0);
    this.notify(db, buf, start, end, eventClass, event);
  }

  flushed(db: Database | undefined): void {
    if (this.watches.empty) return;
    const { databases } = this.server.store;
    // FLUSHDB and FLUSHALL call this before they clear: only keys that are there change.
    for (const each of db === undefined ? databases : [db]) {
      this.watches.allTouched(each, (key) => this.#exists(each, key));
    }
  }

  swapped(a: Database, b: Database): void {
    if (this.watches.empty) return;
    const inEither = (key: string): boolean => this.#exists(a, key) || this.#exists(b, key);
    this.watches.allTouched(a, inEither);
    this.watches.allTouched(b, inEither);
  }

  #exists(db: Database, key: string): boolean {
    const bytes = Buffer.from(key, 'latin1');
    return db.find(bytes, 0, bytes.length) !== 0;
  }

  notify(_db: Database, _buf: Uint8Array, _start: number, _end: number, _eventClass: number, _event: string): void {
    // Keyspace notifications need pub/sub, which is not here yet; commands already say what happened.
  }

  markDirty(changes: number): void {
    this.dirty += changes;
  }

  propagateAs(parts: readonly (string | Uint8Array)[]): void {
    this.#instead ??= [];
    this.#instead.push(ArgVector.from(parts));
  }

  forcePropagation(): void {
    this.#dirtyBefore = -1;
  }

  propagateNothing(): void {
    this.#instead = [];
  }
}

/** Commands that a transaction does not queue. */
const RUNS_INSIDE_MULTI = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset']);

/** `ERR unknown command 'x', with args beginning with: 'a' 'b' `, cut as Redis cuts it. */
function unknownCommand(args: ArgVector): string {
  let quoted = '';
  for (let i = 1; i < args.argc && quoted.length < 128; i++) {
    quoted += `'${errors.cString(args.text(i)).slice(0, 128 - quoted.length)}' `;
  }
  return `ERR unknown command '${errors.cString(args.text(0)).slice(0, 128)}', with args beginning with: ${quoted}`;
}
