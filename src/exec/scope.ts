/**
 * What a running command sees: its arguments, keys, effects. One object a server, made once, so that the path from request to
 * reply makes no garbage; {@link Executor} adds what runs the commands.
 */
import { equalsIgnoreCase, latin1, parseInt64, parseSafeInt } from '../base/bytes.js';
import { copyOf } from '../base/copy.js';
import { WRITE } from '../commands/command.js';
import {
  type CommandContext,
  EVENT_EVICTED,
  EVENT_EXPIRED,
  EVENT_GENERIC,
  EVENT_MISS,
  type KeyWait,
  type ResolvedCommand,
  type ServerPort,
} from '../commands/context.js';
import { StreamTools } from '../commands/stream/tools.js';
import { ValueDumps } from '../persistence/format/rdbDump.js';
import { ArgVector } from '../resp/argVector.js';
import { ReplyWriter } from '../resp/replyWriter.js';
import { lfuInitial, lfuTouched } from '../store/accessClock.js';
import type { Database } from '../store/database.js';
import { AHEAD, type Ref } from '../store/types.js';
import { HashEditor } from '../types/hash/hash.js';
import { Lists } from '../types/list/lists.js';
import { SetEditors } from '../types/set/set.js';
import { Zsets } from '../types/zset/zsets.js';
import { BlockedClients } from './blocking.js';
import { Eviction } from './eviction.js';
import { LatencyMonitor } from './latency.js';
import { Monitors } from './monitor.js';
import { MovingKeys } from './movingKeys.js';
import { Notifier } from './notify.js';
import { OwnExpires } from './ownExpires.js';
import { PauseState } from './pause.js';
import { Propagation } from './propagation.js';
import { PubSub } from './pubsub.js';
import { Pushes } from './pushes.js';
import type { Session } from './session.js';
import { Tracking } from './tracking.js';
import { type KeyState, WatchTable } from './watch.js';

export const NO_ARGS = new ArgVector();

const nothingLeft = (): KeyState => 'absent';

export abstract class CommandScope implements CommandContext {
  readonly server: ServerPort;
  readonly reply = new ReplyWriter();
  readonly scratch = new Uint8Array(64);
  readonly watches = new WatchTable();
  readonly blocking = new BlockedClients();
  readonly moving: MovingKeys;
  readonly lists: Lists;
  readonly propagation = new Propagation();
  readonly pause = new PauseState();
  readonly eviction: Eviction;
  readonly hash: HashEditor;
  readonly sets: SetEditors;
  readonly zsets: Zsets;
  readonly dumps: ValueDumps;
  readonly streams = new StreamTools();
  readonly latency: LatencyMonitor;
  readonly pushes = new Pushes();
  readonly pubsub: PubSub;
  readonly notifier: Notifier;
  readonly tracking: Tracking;
  readonly monitors = new Monitors(this.pushes);

  argc = 0;
  buf: Uint8Array = NO_ARGS.buf;
  start: Int32Array = NO_ARGS.start;
  end: Int32Array = NO_ARGS.end;
  args: ArgVector = NO_ARGS;
  command!: ResolvedCommand;
  client!: Session;
  db!: Database;
  nowMs = 0;

  /** Changes since the data was saved last; a command that raises it is propagated. */
  dirty = 0;
  /** Data files are being read: only commands that may run meanwhile do. */
  loading = false;
  /** Data is being loaded that will take the place of what is served meanwhile. */
  loadingAside = false;
  /** This server follows a master, who alone says when a key is over: until then it is only hidden. */
  following = false;
  /** Clients may write although this server follows a master (`replica-read-only no`). */
  writableReplica = false;
  readonly ownExpires = new OwnExpires();

  /** What is propagated in place of the command that runs. */
  protected instead: ArgVector[] | undefined;
  protected dirtyBefore = 0;
  /** What runs is no write, but goes to replicas. */
  protected isMessage = false;
  /** Arguments of the command that runs whose text nobody may see. */
  protected readonly secretArgs: number[] = [];
  /** The LRU clock of the batch. */
  protected lruNow = 0;

  constructor(server: ServerPort) {
    this.server = server;
    this.latency = new LatencyMonitor(server.config, server.clock);
    this.eviction = new Eviction(this);
    this.moving = new MovingKeys(server.commands);
    this.lists = new Lists(server.config);
    this.hash = new HashEditor(server.config);
    this.sets = new SetEditors(server.config);
    this.zsets = new Zsets(server.config);
    this.dumps = new ValueDumps(server.config);
    this.pubsub = new PubSub(this.pushes, server.random);
    this.notifier = new Notifier(server.config, this.pubsub);
    this.tracking = new Tracking(server, this.pushes);
  }

  get propagating(): boolean {
    return this.propagation.active;
  }

  get obeys(): boolean {
    return this.loading || this.client.isMaster;
  }

  get mayBlock(): boolean {
    return !this.propagation.inTransaction;
  }

  waitForKeys(wait: KeyWait): void {
    this.blocking.wait(this, wait);
  }

  abstract gaveUpWaiting(command: ResolvedCommand, error: string | undefined): void;

  wokenBy(first: number, last: number): number {
    return this.blocking.wokenBy(this, first, last);
  }

  pinArgument(i: number, bytes: Uint8Array): void {
    this.blocking.pin(i, bytes);
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

  redact(i: number): void {
    this.secretArgs.push(i);
  }

  // ---------------------------------------------------------------- CommandContext: keys

  lookupRead(i: number): Ref {
    const ref = this.#live(this.db, this.buf, this.start[i], this.end[i]);
    const { stats } = this.server;
    if (ref === 0) {
      stats.keyspaceMisses++;
      this.notify(this.db, this.buf, this.start[i], this.end[i], EVENT_MISS, 'keymiss');
      return 0;
    }
    stats.keyspaceHits++;
    this.#touch(this.db, ref);
    return ref;
  }

  lookupWrite(i: number): Ref {
    const ref = this.#live(this.db, this.buf, this.start[i], this.end[i], this.writableReplica);
    if (ref === 0) return 0;
    this.#touch(this.db, ref);
    this.db.keep(ref);
    return ref;
  }

  lookupChange(i: number): Ref {
    const ref = this.lookupRead(i);
    if (ref !== 0) this.db.keep(ref);
    return ref;
  }

  peek(i: number): Ref {
    return this.#live(this.db, this.buf, this.start[i], this.end[i]);
  }

  peekKey(db: Database, buf: Uint8Array, start: number, end: number): Ref {
    return this.#live(db, buf, start, end);
  }

  fetchKeys(first: number, step: number): void {
    const count = Math.min(AHEAD, Math.ceil((this.argc - first) / step));
    if (count < 2 || !this.db.isWorthFetching) return;
    this.db.fetchAhead(this.buf, this.start, this.end, first, step, count);
  }

  /** The entry of a key unless its time is over; then it is removed on the spot, where and when that is ours to do. */
  #live(db: Database, buf: Uint8Array, start: number, end: number, removes = false): Ref {
    const ref = db.find(buf, start, end);
    if (ref === 0) return 0;
    if (!db.isDue(ref, this.nowMs) || this.loading) return ref;
    if (this.following && this.client.isMaster) return ref;
    if (removes || this.#mayExpireNow()) this.expire(db, ref, buf, start, end);
    return 0;
  }

  /** The same for the command that runs: what writes has passed the pause already. */
  #mayExpireNow(): boolean {
    return this.mayExpire || (!this.following && (this.command.flags & WRITE) !== 0);
  }

  /** Whether keys whose time is over may be removed: not on a replica, and not while CLIENT PAUSE keeps all data as it is. */
  get mayExpire(): boolean {
    return !this.following && !this.pause.activeAt(this.nowMs);
  }

  #touch(db: Database, ref: Ref): void {
    if (this.client.noTouch && this.command.fullName !== 'touch') return;
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
    const beganUs = this.latency.begin();
    db.delete(ref);
    this.latency.end('expire-del', beganUs);
    this.server.stats.expiredKeys++;
    if (!this.watches.empty) this.watches.touched(db, buf, start, end, false);
    if (!this.blocking.empty) this.blocking.signal(db, buf, start, end);
    this.notify(db, buf, start, end, EVENT_EXPIRED, 'expired');
    if (this.tracking.active) this.tracking.changed(buf, start, end, true);
    const verb = this.server.config.values['lazyfree-lazy-expire'] ? 'UNLINK' : 'DEL';
    if (this.propagation.active) this.propagation.feed(db.index, ArgVector.from([verb, buf.subarray(start, end)]));
  }

  /** The same for an entry that has to make room. */
  evict(db: Database, ref: Ref, buf: Uint8Array, start: number, end: number): void {
    const beganUs = this.latency.begin();
    db.delete(ref);
    this.latency.end('eviction-del', beganUs);
    this.server.stats.evictedKeys++;
    if (!this.watches.empty) this.watches.touched(db, buf, start, end, false);
    if (!this.blocking.empty) this.blocking.signal(db, buf, start, end);
    if (this.tracking.active) this.tracking.changed(buf, start, end, true);
    this.notify(db, buf, start, end, EVENT_EVICTED, 'evicted');
    const verb = this.server.config.values['lazyfree-lazy-eviction'] ? 'UNLINK' : 'DEL';
    if (this.propagation.active) this.propagation.feed(db.index, ArgVector.from([verb, buf.subarray(start, end)]));
  }

  /** Tells watchers, AOF and replicas of a key that the server itself removed. */
  removed(db: Database, key: Uint8Array, eventClass: number, event: string): void {
    this.modifiedKey(db, key, 0, key.length, eventClass, event);
    if (this.propagation.active) this.propagation.feed(db.index, ArgVector.from(['DEL', key]));
  }

  /** Keys that another server has now, at a client's wish: they go, as one command. */
  movedAway(session: Session, db: Database, keys: readonly Uint8Array[]): void {
    this.client = session;
    this.nowMs = this.server.clock.nowMs();
    for (const key of keys) {
      db.deleteKey(key, 0, key.length);
      this.modifiedKey(db, key, 0, key.length, EVENT_GENERIC, 'del');
    }
    if (this.propagation.active) this.propagation.feed(db.index, ArgVector.from(['DEL', ...keys]));
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
    if (this.writableReplica && !this.client.isMaster) this.ownExpires.note(db, buf, start, end);
    if (!this.watches.empty) this.watches.touched(db, buf, start, end, db.find(buf, start, end) !== 0);
    if (!this.blocking.empty) this.blocking.signal(db, buf, start, end);
    if (!this.moving.empty) this.moving.touched(db, buf, start, end);
    if (this.tracking.active) this.tracking.changed(buf, start, end, false);
    this.notify(db, buf, start, end, eventClass, event);
  }

  flushed(db: Database | undefined): void {
    const { databases } = this.server.store;
    if (!this.blocking.empty) for (const each of db === undefined ? databases : [db]) this.blocking.signalAll(each);
    if (this.tracking.active) this.tracking.flushed();
    if (this.watches.empty) return;
    // FLUSHDB and FLUSHALL call this before they clear: only keys that are there change.
    for (const each of db === undefined ? databases : [db]) {
      this.watches.replaced(each, (key) => this.#stateOf(each, key), nothingLeft);
    }
  }

  swapped(a: Database, b: Database): void {
    if (!this.blocking.empty) {
      this.blocking.signalAll(a);
      this.blocking.signalAll(b);
    }
    if (this.watches.empty) return;
    const inA = (key: string): KeyState => this.#stateOf(a, key);
    const inB = (key: string): KeyState => this.#stateOf(b, key);
    // The contents have changed places already.
    this.watches.replaced(a, inB, inA);
    this.watches.replaced(b, inA, inB);
  }

  #stateOf(db: Database, key: string): KeyState {
    const bytes = Buffer.from(key, 'latin1');
    const ref = db.find(bytes, 0, bytes.length);
    if (ref === 0) return 'absent';
    return db.isDue(ref, this.nowMs) ? 'expired' : 'alive';
  }

  notify(db: Database, buf: Uint8Array, start: number, end: number, eventClass: number, event: string): void {
    if ((this.notifier.classes & eventClass) !== 0) this.notifier.publish(db.index, buf, start, end, event);
  }

  /** The client is gone, or a new one as far as it can be seen from outside: nothing is sent to it any more. */
  forgetPushes(session: Session): void {
    this.pubsub.unsubscribeAll(session);
    this.tracking.disable(session);
    this.monitors.remove(session);
  }

  markDirty(changes: number): void {
    this.dirty += changes;
  }

  /** So many changes are on disk: later ones are counted from here on. The command that runs, if one does, has changed nothing. */
  saved(changes = this.dirty): void {
    this.dirty -= changes;
    this.dirtyBefore = this.dirty;
  }

  wake(i: number): void {
    if (!this.blocking.empty) this.blocking.signal(this.db, this.buf, this.start[i], this.end[i]);
  }

  propagateAs(parts: readonly (string | Uint8Array)[]): void {
    this.instead ??= [];
    this.instead.push(ArgVector.from(parts));
  }

  forcePropagation(): void {
    this.dirtyBefore = -1;
  }

  propagateMessage(): void {
    if (!this.propagation.active) return;
    this.forcePropagation();
    this.isMessage = true;
  }

  propagateNothing(): void {
    this.instead = [];
  }
}
