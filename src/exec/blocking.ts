/**
 * Clients that wait for keys, and how they are served.
 *
 *   key ──> queue of waiting clients, in order of arrival     a client waits for several keys in one of these each
 *
 * Whatever touches a key somebody waits for makes its queue ready. After the command (or the whole transaction) that did so,
 * the ready queues are served in the order in which they became ready: the command of each client is run again from its start.
 * A command that finds nothing again keeps its places and its deadline; with any other reply the wait is over.
 *
 * Invariants: a queue that is listed has waiters; a waiter stands in the queue of each of its keys, once; a session has at most
 * one waiter, and has one only while `session.blocked` is set or its command is being run again.
 */
import { fromLatin1, latin1 } from '../base/bytes.js';
import type { CommandContext, KeyWait, ResolvedCommand, WaitEnd } from '../commands/context.js';
import { ArgVector } from '../resp/argVector.js';
import type { ReplyWriter } from '../resp/replyWriter.js';
import type { Database } from '../store/database.js';
import type { Session } from './session.js';

const UNBLOCKED = 'UNBLOCKED client unblocked via CLIENT UNBLOCK';

interface Waiter {
  readonly session: Session;
  readonly command: ResolvedCommand;
  readonly args: ArgVector;
  readonly queues: readonly Queue[];
  readonly wait: KeyWait;
  /** 0: never. */
  readonly deadlineMs: number;
  /** The key that woke it, while its command runs again. */
  wokenBy: string;
  /** Its command ran again and waits again. */
  stays: boolean;
  /** What it is told instead of "unblocked". */
  refusal: string | undefined;
}

interface Queue {
  readonly db: Database;
  readonly key: string;
  readonly waiters: Set<Waiter>;
  ready: boolean;
}

/** What serving needs of the executor. */
export interface Rerunner {
  execute(session: Session, args: ArgVector): unknown;
  peekKey(db: Database, buf: Uint8Array, start: number, end: number): number;
}

/** What {@link BlockedClients.wait} needs of the command that waits. */
export interface WaitingScope extends CommandContext {
  readonly client: Session;
  readonly args: ArgVector;
  /** The command has waited and will not run again: it counts as called, and as failed with an error. */
  gaveUpWaiting(command: ResolvedCommand, error: string | undefined): void;
}

export class BlockedClients {
  /** True while nobody waits for a key: the hot path stops here. */
  empty = true;
  /** Somebody must be looked after by {@link serve}. */
  pending = false;
  readonly #queues = new Map<Database, Map<string, Queue>>();
  readonly #waiters = new Map<Session, Waiter>();
  #ready: Queue[] = [];
  #ending = new Map<Session, WaitEnd>();
  #pins: { i: number; bytes: Uint8Array }[] = [];
  /** Whose command is being run again. */
  #current: Waiter | undefined;
  /** Set while {@link serve} runs. */
  #rerunner: Rerunner | undefined;

  /** The command that runs has waited and is being run again. */
  get rerunning(): boolean {
    return this.#current !== undefined;
  }

  /** Number of keys that somebody waits for. */
  get keyCount(): number {
    let count = 0;
    for (const queues of this.#queues.values()) count += queues.size;
    return count;
  }

  // ---------------------------------------------------------------- waiting

  /** The command that runs finds nothing: its client waits. In a transaction it is answered at once. */
  wait(scope: WaitingScope, wait: KeyWait): void {
    const pins = this.#pins;
    this.#pins = [];
    if (!scope.mayBlock) return answerNothing(scope.reply, wait);
    const { client: session, server } = scope;
    // Redis counts a call when it ends, not when it begins to wait.
    scope.command.calls--;
    server.stats.commandsProcessed--;
    let waiter = this.#current;
    if (waiter !== undefined && waiter.session === session) waiter.stays = true;
    else waiter = this.#enter(scope, wait, pins);
    const leftMs = waiter.deadlineMs === 0 ? 0 : Math.max(1, waiter.deadlineMs - scope.nowMs);
    const waiting = waiter;
    server.clients.block(session, leftMs, (reply, how) => this.#answer(scope, waiting, reply, how));
  }

  #enter(scope: WaitingScope, wait: KeyWait, pins: readonly { i: number; bytes: Uint8Array }[]): Waiter {
    const { client: session, db } = scope;
    const byKey = this.#queues.get(db) ?? new Map<string, Queue>();
    this.#queues.set(db, byKey);
    const queues: Queue[] = [];
    for (let i = wait.firstKey; i <= wait.lastKey; i++) {
      const key = scope.argText(i);
      const queue = byKey.get(key) ?? { db, key, waiters: new Set<Waiter>(), ready: false };
      byKey.set(key, queue);
      if (!queues.includes(queue)) queues.push(queue);
    }
    const waiter: Waiter = {
      session,
      command: scope.command,
      args: pinned(scope.args, pins),
      queues,
      wait,
      deadlineMs: wait.timeoutMs === 0 ? 0 : scope.nowMs + wait.timeoutMs,
      wokenBy: '',
      stays: false,
      refusal: undefined,
    };
    for (const queue of queues) queue.waiters.add(waiter);
    this.#waiters.set(session, waiter);
    this.empty = false;
    return waiter;
  }

  /** In the runs that follow, argument i of the command that is about to wait is this. The bytes are kept. */
  pin(i: number, bytes: Uint8Array): void {
    this.#pins.push({ i, bytes });
  }

  /** The key argument, from `first` to `last`, that woke the command that runs; -1 when it runs for the first time. */
  wokenBy(scope: WaitingScope, first: number, last: number): number {
    if (this.#current === undefined || this.#current.session !== scope.client) return -1;
    for (let i = first; i <= last; i++) if (scope.argText(i) === this.#current.wokenBy) return i;
    return -1;
  }

  // ---------------------------------------------------------------- what happens to keys

  /** The key was changed, made or removed. */
  signal(db: Database, buf: Uint8Array, start: number, end: number): void {
    const queue = this.#queues.get(db)?.get(latin1(buf, start, end));
    if (queue !== undefined) this.#makeReady(queue);
  }

  /** Any key of the database may have been. */
  signalAll(db: Database): void {
    for (const queue of this.#queues.get(db)?.values() ?? []) this.#makeReady(queue);
  }

  #makeReady(queue: Queue): void {
    if (queue.ready) return;
    queue.ready = true;
    this.#ready.push(queue);
    this.pending = true;
  }

  // ---------------------------------------------------------------- serving

  /** Looks after everybody whose key became ready or whose wait was ended. Not in the middle of a command. */
  serve(rerunner: Rerunner): void {
    if (this.#rerunner !== undefined) return;
    this.#rerunner = rerunner;
    while (this.pending) {
      this.pending = false;
      const ending = this.#ending;
      const ready = this.#ready;
      this.#ending = new Map();
      this.#ready = [];
      for (const [session, how] of ending) session.blocked?.(how);
      for (const queue of ready) this.#serveQueue(rerunner, queue);
    }
    this.#rerunner = undefined;
  }

  #serveQueue(rerunner: Rerunner, queue: Queue): void {
    queue.ready = false;
    const key = fromLatin1(queue.key);
    for (const waiter of [...queue.waiters]) {
      if (!queue.waiters.has(waiter) || waiter.session.blocked === undefined) continue;
      // Asked each time: the one before may have taken the last element, or put another type there.
      const ref = rerunner.peekKey(queue.db, key, 0, key.length);
      const fits = ref !== 0 && queue.db.type(ref) === waiter.wait.type;
      if (fits || waiter.wait.wakeWhenGone === true) this.#rerun(waiter, queue.key);
    }
  }

  #rerun(waiter: Waiter, key: string): void {
    waiter.stays = false;
    waiter.wokenBy = key;
    this.#current = waiter;
    waiter.session.blocked?.('ready');
    this.#current = undefined;
    if (!waiter.stays) this.#remove(waiter);
  }

  #answer(scope: WaitingScope, waiter: Waiter, reply: ReplyWriter, how: WaitEnd): void {
    if (how === 'ready') {
      this.#rerunner?.execute(waiter.session, waiter.args);
      return;
    }
    this.#remove(waiter);
    const error = waiter.refusal ?? (how === 'timeout' ? undefined : UNBLOCKED);
    if (error === undefined) answerNothing(reply, waiter.wait);
    else reply.error(error);
    scope.gaveUpWaiting(waiter.command, error);
  }

  // ---------------------------------------------------------------- ending waits

  /** Ends whatever a session waits for (also what is not a key) at the next {@link serve}; false when it waits for nothing. */
  end(session: Session, how: WaitEnd): boolean {
    if (session.blocked === undefined || this.#ending.has(session)) return false;
    this.#ending.set(session, how);
    this.pending = true;
    return true;
  }

  /** Ends the waits for which `refusal` has an error: the slot has left, or this server is no master any more. */
  endWhere(refusal: (session: Session, command: ResolvedCommand, args: ArgVector) => string | undefined): void {
    for (const waiter of this.#waiters.values()) {
      waiter.refusal = refusal(waiter.session, waiter.command, waiter.args);
      if (waiter.refusal !== undefined) this.end(waiter.session, 'unblocked-with-error');
    }
  }

  /** The connection is gone. */
  forget(session: Session): void {
    this.#ending.delete(session);
    const waiter = this.#waiters.get(session);
    if (waiter !== undefined) this.#remove(waiter);
  }

  #remove(waiter: Waiter): void {
    this.#waiters.delete(waiter.session);
    for (const queue of waiter.queues) {
      queue.waiters.delete(waiter);
      if (queue.waiters.size > 0) continue;
      const byKey = this.#queues.get(queue.db);
      if (byKey?.get(queue.key) !== queue) continue;
      byKey.delete(queue.key);
      if (byKey.size === 0) this.#queues.delete(queue.db);
    }
    this.empty = this.#waiters.size === 0;
  }
}

function pinned(args: ArgVector, pins: readonly { i: number; bytes: Uint8Array }[]): ArgVector {
  if (pins.length === 0) return args.copy();
  const parts: Uint8Array[] = [];
  for (let i = 0; i < args.argc; i++) parts.push(pins.find((pin) => pin.i === i)?.bytes ?? args.view(i));
  return ArgVector.from(parts);
}

function answerNothing(reply: ReplyWriter, wait: KeyWait): void {
  if (wait.nothing === 'array') reply.nilArray();
  else reply.nil();
}
