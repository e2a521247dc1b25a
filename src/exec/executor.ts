/**
 * Runs requests: finds the command, asks the gates, runs it or queues it, counts, and propagates what changed. The executor is
 * also the context of every command it runs (scope.ts).
 */
import { FAST, NOSCRIPT, PROTECTED, PUBSUB, SKIP_SLOWLOG } from '../commands/command.js';
import type { ResolvedCommand, ServerPort } from '../commands/context.js';
import type { ArgVector } from '../resp/argVector.js';
import * as errors from '../resp/errors.js';
import { KeyPeek } from '../resp/keyPeek.js';
import { lruSeconds } from '../store/accessClock.js';
import { StoreFullError } from '../store/types.js';
import { CallTimer } from './callTimer.js';
import { type CommandTable, findSubcommand } from './commandTable.js';
import { closedGate, isWriting } from './gates.js';
import { departure, isPlainlyHere, newKeySurvey } from './redirect.js';
import type { ReplicationGates, Request } from './request.js';
import { CommandScope } from './scope.js';
import type { Session } from './session.js';
import { SlowLog, shortened, unknownArguments } from './slowlog.js';

/** A command that has called others, see {@link Executor.suspend}. */
export interface SuspendedCall {
  readonly command: ResolvedCommand;
  readonly args: ArgVector;
  readonly startUs: number;
}

/** The request was answered (or queued, or refused). */
export const EXECUTED = 0;
/** CLIENT PAUSE or a key on its way holds it back (the session keeps a copy), or it blocks: nothing behind it may run now. */
export const HELD_BACK = 1;

/** Answered to a data file or a master whose command we do not have. */
const UNKNOWN = 'unknown command';

/** A pipeline on one list, stream or string will not want anything fetched a little later either. */
const LOOKS_SPARED = 8;

const FULL_TOLD_EVERY_MS = 60_000;

/** Between two batches of requests: how long is long. */
const IDLE_MS = 200;

export class Executor extends CommandScope implements Request {
  readonly table: CommandTable;
  readonly keySurvey = newKeySurvey();
  readonly keyIndexes: number[] = [];
  readonly replication: ReplicationGates = { readOnly: false, masterDown: false, fewReplicas: false };
  /** The reason why writes must be refused (AOF or RDB errors). */
  writeProblem: () => string | undefined = () => undefined;
  /** True when every request must pass the gates; false lets plain clients take the short way, in cluster mode to our own slots. */
  gated = true;
  /** Commands with any of these flags pass the gates always. */
  gatedFlags = PROTECTED;

  readonly slowLog = new SlowLog();

  readonly #peek = new KeyPeek();
  readonly #timer: CallTimer;
  #errorsBefore = 0;
  #fullToldAtMs = Number.NEGATIVE_INFINITY;

  constructor(table: CommandTable, server: ServerPort) {
    super(server);
    this.table = table;
    this.#timer = new CallTimer(server.clock, server.config, (...slow) => this.#noteSlow(...slow));
  }

  get session(): Session {
    return this.client;
  }

  // ---------------------------------------------------------------- running requests

  /** No request has come for a while: there was none, or the process was stopped. */
  afterIdle: () => void = () => {};

  /** Begins a batch of requests: time stands still until {@link endBatch}. */
  beginBatch(session: Session): void {
    const beforeMs = this.nowMs;
    this.nowMs = this.server.clock.nowMs();
    if (this.nowMs - beforeMs >= IDLE_MS) this.afterIdle();
    this.lruNow = lruSeconds(this.nowMs);
    this.eviction.beginBatch();
    this.server.store.forgetAhead();
    session.lastInteractionMs = this.nowMs;
    this.reply.protocol = session.protocol;
  }

  endBatch(): void {
    this.#timer.close();
  }

  /**
   * Has the store fetch what the next requests of a pipeline, in buf[pos, end), will probably need. Answers from where on to
   * look again. The buffer must not change before the next batch begins.
   */
  lookAhead(session: Session, buf: Uint8Array, pos: number, end: number): number {
    const db = this.server.store.databases[session.dbIndex];
    if (!db.isWorthFetching) return end;
    if (session.looksSpared > 0) {
      session.looksSpared--;
      return end;
    }
    const peek = this.#peek;
    const next = peek.look(buf, pos, end);
    if (peek.count > 1) {
      if (!peek.oneKey) db.fetchAhead(buf, peek.start, peek.end, 0, 1, peek.count);
      else if (!db.fetchElements(buf, peek.start[0], peek.end[0], peek)) session.looksSpared = LOOKS_SPARED;
    }
    return next > pos ? next : end;
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
    if (this.gated || session.special !== 0 || (command.flags & this.gatedFlags) !== 0 || this.eviction.over) {
      return this.#executeGated(session, command, args);
    }
    const { cluster } = this.server;
    if (cluster !== undefined && !isPlainlyHere(cluster, session, command, args)) {
      return this.#executeGated(session, command, args);
    }
    const before = this.reply.length;
    this.call(session, command, args);
    // Only a command that changed its own client's state (CLIENT REPLY) finds this true.
    if (session.special !== 0) this.#applyReplyMode(session, before);
    return session.blocked === undefined ? EXECUTED : HELD_BACK;
  }

  /** What is pushed to this client while its command runs must stand behind the reply. */
  #executeGated(session: Session, command: ResolvedCommand, args: ArgVector): typeof EXECUTED | typeof HELD_BACK {
    const outer = this.pushes.enter(session);
    const wasReplica = session.isReplica;
    const before = this.reply.length;
    const refusal = closedGate(this);
    // Keys that were evicted to make room: what the reply holds is newer.
    if (session !== outer) this.pushes.deliver(session, this.reply);
    const done = this.#runOrRefuse(session, command, args, refusal);
    // An answer would end up in the middle of the stream.
    if (wasReplica && this.reply.length > before) {
      this.reply.length = before;
      session.kill();
    }
    const { tracking } = session;
    if (tracking?.caching && !session.inMulti && command.parent?.fullName !== 'client') tracking.caching = false;
    this.pushes.leave(session, outer, this.reply);
    return done;
  }

  #runOrRefuse(
    session: Session,
    command: ResolvedCommand,
    args: ArgVector,
    refusal: string | undefined,
  ): typeof EXECUTED | typeof HELD_BACK {
    const before = this.reply.length;
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
    // Confirmations of SUBSCRIBE are pushes: they pass a silenced connection.
    const silent = (command.flags & SUBSCRIBES) !== SUBSCRIBES || session.inMulti;
    this.#applyReplyMode(session, silent ? before : this.reply.length);
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
    if (session.isReplica) return false;
    if (!this.moving.empty && this.moving.holdsBack(session, command, this.args)) return true;
    if (!this.pause.activeAt(this.nowMs)) return false;
    return this.pause.holdsAllAt(this.nowMs) || isWriting(session, command);
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
    const timer = this.#timer;
    if (command !== timer.running) timer.open(command);
    this.dirtyBefore = this.dirty;
    this.#errorsBefore = this.reply.errorCount;
    const { dbIndex } = session;
    try {
      command.declaration.run?.(this);
    } catch (error) {
      // Thrown before anything changed: the machine, or the store's 32 GiB, has no more memory.
      if (!(error instanceof StoreFullError)) throw error;
      this.#noteFull(error);
      this.reply.error(errors.OOM);
    }
    command.calls++;
    this.server.stats.commandsProcessed++;
    if (this.reply.errorCount !== this.#errorsBefore) this.#countFailure(command);
    if (this.dirty !== this.dirtyBefore && this.propagation.active) this.#propagate(dbIndex, args);
    this.instead = undefined;
    if (this.pushes.observers !== 0) this.#observe(session, command, args);
    const waits = session.blocked !== undefined;
    if (--timer.callsLeft === 0 || waits) timer.read(waits);
    if (this.secretArgs.length > 0) this.secretArgs.length = 0;
  }

  /** MONITOR, and the keys that a tracking client has read. */
  #observe(session: Session, command: ResolvedCommand, args: ArgVector): void {
    this.tracking.noteRead(session, command, args);
    // A command that waited was shown when it came.
    if (!this.monitors.active || this.loading || this.blocking.rerunning || this.server.restores.prepared) return;
    this.monitors.feed(session, command, args, this.secretArgs, this.server.clock.nowMs());
  }

  /** What {@link resume} needs to go on with the command that runs, when it calls others (EXEC). */
  suspend(): SuspendedCall {
    return { command: this.command, args: this.args, startUs: this.#timer.suspend() };
  }

  /**
   * Puts the surroundings of an outer command back after it called others. What those changed and which errors
   * they replied is theirs: the outer command starts from here. What they took is a part of its time.
   */
  resume(session: Session, { command, args, startUs }: SuspendedCall): void {
    this.client = session;
    this.command = command;
    this.args = args;
    this.dirtyBefore = this.dirty;
    this.#errorsBefore = this.reply.errorCount;
    this.#timer.resume(command, startUs);
  }

  /** Cluster: ends the waits of clients whose keys another node serves now, or nobody does. Not in the middle of a batch. */
  redirectBlocked(): void {
    if (this.blocking.empty || this.server.cluster === undefined) return;
    this.blocking.endWhere((session, command, args) => {
      this.client = session;
      this.command = command;
      this.args = args;
      return departure(this);
    });
    this.blocking.serve(this);
  }

  /** Runs a command of a data file. Answers why it cannot be run, which ends the loading. */
  replay(session: Session, args: ArgVector): string | undefined {
    this.beginBatch(session);
    const refusal = this.obey(session, args);
    return refusal === UNKNOWN ? `Unknown command '${args.text(0)}' reading the append only file` : refusal;
  }

  /** Runs a command of a data file or of the master, who are past all gates and get no reply. Answers why it cannot be run. */
  obey(session: Session, args: ArgVector): string | undefined {
    const container = this.table.lookup(args.buf, args.start[0], args.end[0]);
    const command = container?.subcommands === undefined ? container : findSubcommand(container, args);
    if (command === undefined) return UNKNOWN;
    const { arity } = command.declaration;
    if (arity >= 0 ? args.argc !== arity : args.argc < -arity) return errors.wrongArity(command.fullName);
    session.lastCommand = command.fullName;
    // What stands there already is for clients.
    const { length } = this.reply;
    if (session.inMulti && !RUNS_INSIDE_MULTI.has(command.fullName)) session.enqueue(command, args);
    else this.call(session, command, args);
    this.reply.length = length;
    return undefined;
  }

  #propagate(dbIndex: number, args: ArgVector): void {
    if (this.isMessage) {
      this.isMessage = false;
      this.propagation.feedMessage(dbIndex, args);
      return;
    }
    if (this.instead === undefined) {
      this.propagation.feed(dbIndex, args);
      return;
    }
    const { propagation, instead } = this;
    // What one command did arrives whole, or not at all.
    const wraps = instead.length > 1 && !propagation.inTransaction;
    if (wraps) propagation.beginTransaction();
    for (const parts of instead) propagation.feed(dbIndex, parts);
    if (wraps) propagation.endTransaction();
  }

  /** Calls took longer than the slow log or the latency monitor allow. See {@link CallTimer}. */
  #noteSlow(command: ResolvedCommand, durationUs: number, calls: number, exact: boolean): void {
    if (this.loading) return;
    this.latency.add((command.flags & FAST) === 0 ? 'command' : 'fast-command', durationUs);
    const { 'slowlog-log-slower-than': slowUs, 'slowlog-max-len': maxEntries } = this.server.config.values;
    if (slowUs < 0 || durationUs < slowUs || (command.flags & SKIP_SLOWLOG) !== 0) return;
    const { peerAddress, name } = this.client;
    const facts = {
      atSeconds: Math.floor(this.server.clock.nowMs() / 1000),
      durationUs: Math.floor(durationUs),
      peerAddress,
      clientName: name,
    };
    const args = exact ? shortened(this.args, this.secretArgs) : unknownArguments(command.fullName, calls);
    this.slowLog.add(facts, args, maxEntries);
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

  /** Clients are told at every write, the log now and then. */
  #noteFull(error: StoreFullError): void {
    if (this.nowMs < this.#fullToldAtMs + FULL_TOLD_EVERY_MS) return;
    this.#fullToldAtMs = this.nowMs;
    this.server.log(
      'warning',
      `Out of memory: ${error.message}. Writes are refused. Set maxmemory and a policy that evicts, or add nodes.`,
    );
  }

  override gaveUpWaiting(command: ResolvedCommand, error: string | undefined): void {
    command.calls++;
    this.server.stats.commandsProcessed++;
    if (error === undefined) return;
    command.failedCalls++;
    this.#countError(error);
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
}

/** The flags that only the commands of SUBSCRIBE's family have together. */
const SUBSCRIBES = PUBSUB | NOSCRIPT;

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
