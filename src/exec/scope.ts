/**
 * What a running command sees: its arguments, keys, effects. One object a server, made once, so that the path from request to
 * reply makes no garbage; {@link Executor} adds what runs the commands.
 */
import { equalsIgnoreCase, latin1, parseInt64, parseSafeInt } from '../base/bytes.js';
import { copyOf } from '../base/copy.js';
import {
  type CommandContext,
  EVENT_EVICTED,
  EVENT_EXPIRED,
  type ResolvedCommand,
  type ServerPort,
} from '../commands/context.js';
import { ArgVector } from '../resp/argVector.js';
import { ReplyWriter } from '../resp/replyWriter.js';
import { lfuInitial, lfuTouched } from '../store/accessClock.js';
import type { Database } from '../store/database.js';
import type { Ref } from '../store/types.js';
import { Eviction } from './eviction.js';
import { PauseState } from './pause.js';
import { Propagation } from './propagation.js';
import type { Session } from './session.js';
import { WatchTable } from './watch.js';

export const NO_ARGS = new ArgVector();

export class CommandScope implements CommandContext {
  readonly server: ServerPort;
  readonly reply = new ReplyWriter();
  readonly scratch = new Uint8Array(64);
  readonly watches = new WatchTable();
  readonly propagation = new Propagation();
  readonly pause = new PauseState();
  readonly eviction: Eviction;

  argc = 0;
  buf: Uint8Array = NO_ARGS.buf;
  start: Int32Array = NO_ARGS.start;
  end: Int32Array = NO_ARGS.end;
  args: ArgVector = NO_ARGS;
  command!: ResolvedCommand;
  client!: Session;
  db!: Database;
  nowMs = 0;

  /** Changes since the start; a command that raises it is propagated. */
  dirty = 0;
  /** Data files are being read: only commands that may run meanwhile do. */
  loading = false;

  /** What is propagated in place of the command that runs. */
  protected instead: ArgVector[] | undefined;
  protected dirtyBefore = 0;
  /** The LRU clock of the batch. */
  protected lruNow = 0;

  constructor(server: ServerPort) {
    this.server = server;
    this.eviction = new Eviction(this);
  }

  get propagating(): boolean {
    return this.propagation.active;
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
    if (!this.eviction.lfu) return db.setLru(ref, this.lruNow);
    const { lfuDecayMinutes, lfuLogFactor } = this.eviction;
    db.setLru(ref, lfuTouched(db.getLru(ref), this.nowMs, lfuDecayMinutes, lfuLogFactor, this.server.random));
  }

  /** The access bits that a new entry starts with. */
  initialAccessBits(): number {
    return this.eviction.lfu ? lfuInitial(this.nowMs) : this.lruNow;
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
    this.instead ??= [];
    this.instead.push(ArgVector.from(parts));
  }

  forcePropagation(): void {
    this.dirtyBefore = -1;
  }

  propagateNothing(): void {
    this.instead = [];
  }
}
