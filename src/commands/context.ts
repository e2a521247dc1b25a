/**
 * What a command sees of the server. Commands know cluster, persistence, clients and configuration only through these
 * interfaces; the layers above implement them and the composition root supplies them.
 */
import type { Clock } from '../base/clock.js';
import type { Histogram } from '../base/histogram.js';
import type { Random } from '../base/prng.js';
import type { Config } from '../config/config.js';
import type { ValueDumps } from '../persistence/format/rdbDump.js';
import type { ArgVector } from '../resp/argVector.js';
import type { ReplyWriter } from '../resp/replyWriter.js';
import type { Database } from '../store/database.js';
import type { Store } from '../store/store.js';
import type { Ref } from '../store/types.js';
import type { HashEditor } from '../types/hash/hash.js';
import type { Lists } from '../types/list/lists.js';
import type { SetEditors } from '../types/set/set.js';
import type { Zsets } from '../types/zset/zsets.js';
import type { ClusterPort } from './clusterPort.js';
import type { CommandDeclaration } from './command.js';
import type { MigrationPort } from './migrationPort.js';
import type { MonitorsPort, PubSubPort, SubscriptionCounts, TrackingPort } from './pushPorts.js';
import type { ReplicationPort } from './replicationPort.js';
import type { RestorePort } from './restorePort.js';
import type { LatencyPort, SlowLogPort } from './server/monitoringPorts.js';
import type { SlotMovesPort } from './slotMovesPort.js';
import type { StreamTools } from './stream/tools.js';

/** Classes of keyspace events: the bits of notify-keyspace-events. */
export {
  NOTIFY_EVICTED as EVENT_EVICTED,
  NOTIFY_EXPIRED as EVENT_EXPIRED,
  NOTIFY_GENERIC as EVENT_GENERIC,
  NOTIFY_HASH as EVENT_HASH,
  NOTIFY_KEY_MISS as EVENT_MISS,
  NOTIFY_LIST as EVENT_LIST,
  NOTIFY_NEW as EVENT_NEW,
  NOTIFY_SET as EVENT_SET,
  NOTIFY_STREAM as EVENT_STREAM,
  NOTIFY_STRING as EVENT_STRING,
  NOTIFY_ZSET as EVENT_ZSET,
} from '../config/kinds/events.js';

/**
 * One command being run. There is one context a server, used for every command in turn: nothing of it may be kept.
 * Argument 0 is the command's name (argument 1 the subcommand's, in a container).
 */
export interface CommandContext {
  // --- arguments: argument i is buf[start[i], end[i]) ---
  readonly argc: number;
  readonly buf: Uint8Array;
  readonly start: Int32Array;
  readonly end: Int32Array;
  /** The command that runs; of a container, the subcommand. */
  readonly command: ResolvedCommand;
  /** Argument i without a copy: dies with the command and with the next write to the store. */
  arg(i: number): Uint8Array;
  /** Argument i as a copy that may be kept. */
  argCopy(i: number): Uint8Array;
  /** Argument i, one character a byte. */
  argText(i: number): string;
  /** Argument i equals `lower`, letter case aside. */
  argIs(i: number, lower: string): boolean;
  argLength(i: number): number;
  /** Argument i as a safe integer; NaN when it is none. */
  argInt(i: number): number;
  /** Argument i as a signed 64-bit integer; undefined when it is none. */
  argInt64(i: number): bigint | undefined;
  /** Argument i is a secret: neither the slow log nor MONITOR may show it. */
  redact(i: number): void;

  // --- surroundings ---
  readonly reply: ReplyWriter;
  readonly client: ClientPort;
  readonly server: ServerPort;
  /** The selected database. */
  readonly db: Database;
  /** Wall clock in ms; stands still while a command, script or transaction runs. */
  readonly nowMs: number;
  /** 64 bytes for building a value in; anybody's at the next command. */
  readonly scratch: Uint8Array;
  /** Values in the form of RDB files and DUMP. */
  readonly dumps: ValueDumps;
  /** The way to values of type list. */
  readonly lists: Lists;

  /** Opens the hash under a key: one object, opened anew by each command. */
  readonly hash: HashEditor;
  /** The same for the sets of a command. */
  readonly sets: SetEditors;
  /** The way to sorted sets. */
  readonly zsets: Zsets;
  /** What stream commands work with. */
  readonly streams: StreamTools;

  /** The command comes from a data file or from the master: it is done as it was there, whatever limits clients have. */
  readonly obeys: boolean;
  /** This server follows a master, who alone removes what is expired. */
  readonly following: boolean;

  /** False inside a transaction: a blocking command then answers at once what it would answer in the end. */
  readonly mayBlock: boolean;
  /**
   * Nothing is there yet: the client waits, and this command, which must write no reply and do nothing more, is run again from
   * its start when one of the keys is touched and has the right type. In a transaction answers "nothing" at once.
   */
  waitForKeys(wait: KeyWait): void;
  /**
   * Which key argument, from `first` to `last`, made this command run again after it waited; -1 in its first run. Of several
   * keys that got data at once, the one that got it first is to be served.
   */
  wokenBy(first: number, last: number): number;
  /** If the command comes to wait, argument i is `bytes` in its next runs (`$` is what it was when the wait began). */
  pinArgument(i: number, bytes: Uint8Array): void;

  // --- keys ---
  /** The live entry of key argument i for reading: counts hit or miss, updates the access clock. 0 when absent. */
  lookupRead(i: number): Ref;
  /** The live entry of key argument i for writing. 0 when absent. */
  lookupWrite(i: number): Ref;
  /** {@link lookupRead} for the few commands that count as readers (hits, misses) and change the value all the same. */
  lookupChange(i: number): Ref;
  /** Like {@link lookupRead} but neither counts nor touches (TTL, OBJECT, EXISTS in some forms). */
  peek(i: number): Ref;
  /** {@link peek} for a key of any database that is not an argument. */
  peekKey(db: Database, buf: Uint8Array, start: number, end: number): Ref;

  /**
   * For commands over many keys: the keys in arguments first, first + step ... will be looked up in this order, up to AHEAD
   * of them. The waits for memory then overlap. A hint: it changes nothing but time.
   */
  fetchKeys(first: number, step: number): void;

  /** The access bits (LRU or LFU) that a new entry starts with. */
  initialAccessBits(): number;

  // --- effects ---
  /** The key in argument i was changed by this command: counts it as dirty, wakes watchers, publishes the event. */
  modified(i: number, eventClass: number, event: string): void;
  /** The same for a key of any database. */
  modifiedKey(db: Database, buf: Uint8Array, start: number, end: number, eventClass: number, event: string): void;
  /** Like {@link modified}, but the change is counted elsewhere (RENAME counts one for two keys, RPUSH one an element). */
  touched(i: number, eventClass: number, event: string): void;
  /** The same for a key of any database. */
  touchedKey(db: Database, buf: Uint8Array, start: number, end: number, eventClass: number, event: string): void;
  /** All keys of a database went away at once (or the whole store, with undefined). */
  flushed(db: Database | undefined): void;
  /** Two databases changed places (SWAPDB). */
  swapped(a: Database, b: Database): void;
  /** Publishes an event without a change (a source key that moved away). */
  notify(db: Database, buf: Uint8Array, start: number, end: number, eventClass: number, event: string): void;
  /** Counts changes that {@link modified} did not, so that the command is propagated. */
  markDirty(changes: number): void;
  /** Who waits for key argument i tries again, though nobody who watches it need know (a group of the stream is gone). */
  wake(i: number): void;

  // --- propagation to AOF and replicas. Default: a command that made something dirty is propagated as it came. ---
  /** True when there is anybody to propagate to: rewriting is only worth its garbage then. */
  readonly propagating: boolean;
  /** Propagates this instead of the command as it came. Strings are one byte a character. */
  propagateAs(parts: readonly (string | Uint8Array)[]): void;
  /** Propagates this command although it changed nothing here. */
  forcePropagation(): void;
  /** Propagates this command to replicas, but not to the AOF: it changed nothing, but their clients are to know. */
  propagateMessage(): void;
  /** Propagates nothing for this command. */
  propagateNothing(): void;
}

/** A command of the table with what is derived from its declaration. */
export interface ResolvedCommand {
  readonly declaration: CommandDeclaration<CommandContext>;
  /** `get`, `config|get`. */
  readonly fullName: string;
  readonly parent: ResolvedCommand | undefined;
  readonly subcommands: ReadonlyMap<string, ResolvedCommand> | undefined;
  readonly flags: number;
  /** First, last and step of the old-style key range; 0 0 0 without keys. */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  /** ACL categories with their '@', in the order in which COMMAND INFO prints them. */
  readonly aclCategories: readonly string[];
  calls: number;
  microseconds: number;
  rejectedCalls: number;
  failedCalls: number;
  /** How long its calls took; undefined until the first, and without latency-tracking. */
  latency: Histogram | undefined;
}

export interface CommandTablePort {
  /** Finds by name, letter case aside, under its present (perhaps renamed) name. */
  lookup(buf: Uint8Array, start: number, end: number): ResolvedCommand | undefined;
  /** Finds by `get` or `config|get`, lower case. */
  byFullName(name: string): ResolvedCommand | undefined;
  /** Every top-level command. */
  all(): Iterable<ResolvedCommand>;
  readonly size: number;
  /** Pushes the argument indexes of the keys of a request; false when the command has none or they cannot be found. */
  keyIndexes(command: ResolvedCommand, args: ArgVector, out: number[]): boolean;
}

export type ReplyMode = 'on' | 'off' | 'skip' | 'skip-next';

/** The connection that sent the command. */
export interface ClientPort {
  readonly id: number;
  name: string;
  libName: string;
  libVersion: string;
  /** 2 or 3. */
  protocol: number;
  authenticated: boolean;
  /** ACL user; `default` until there are others. */
  user: string;
  dbIndex: number;
  /** Inside MULTI. */
  readonly inMulti: boolean;
  /** READONLY was said (cluster replicas). */
  readOnlyMode: boolean;
  /** ASKING was said: the next command may go to an importing slot. */
  asking: boolean;
  replyMode: ReplyMode;
  noEvict: boolean;
  noTouch: boolean;
  readonly peerAddress: string;
  readonly localAddress: string;
  readonly createdAtMs: number;
  lastInteractionMs: number;
  /** Bytes received that have not become a command yet. */
  queryBufferBytes(): number;
  /** Room in the buffer of its own that it reads into. */
  queryBufferFreeBytes(): number;
  /** What the connection takes with its buffers and its queued transaction. */
  memoryBytes(): number;
  /** Bytes of replies the client has not taken yet. */
  outputBytes(): number;
  outputChunks(): number;
  multiQueueLength(): number;
  multiQueueBytes(): number;
  watchedKeyCount(): number;
  /** Full name of the last command, lower case. */
  lastCommand: string;
  fd: number;
  totalNetworkIn: number;
  totalNetworkOut: number;
  /** Subscribed to anything. */
  readonly subscribed: boolean;
  subscriptionCounts(): SubscriptionCounts;
  /** The id of the client that gets its invalidations, 0 for itself, -1 while nothing is tracked. */
  trackingRedirect(): number;
  /** One letter each, as the `flags` field of CLIENT LIST. */
  flagLetters(): string;
  /** Selects a database; false when there is no such. */
  select(dbIndex: number): boolean;
  /** MULTI: queues from here on. */
  startMulti(): void;
  /** Ends the connection when the reply to this command has been sent. */
  closeAfterReply(): void;
  /** Ends the connection at once. */
  kill(): void;
  /** RESET: back to the state of a new connection. */
  reset(): void;
}

export interface ClientFilter {
  id?: number;
  addr?: string;
  laddr?: string;
  user?: string;
  type?: string;
  skipMe?: boolean;
}

/** How a wait ends. `ready`: what it waited for may be there. */
export type WaitEnd = 'timeout' | 'unblocked-with-error' | 'ready';

/** What {@link CommandContext.waitForKeys} is told. */
export interface KeyWait {
  /** The type that the key must have (store/types.ts). */
  readonly type: number;
  /** The first and last key argument. */
  readonly firstKey: number;
  readonly lastKey: number;
  /** 0: for ever. */
  readonly timeoutMs: number;
  /** What is answered when the time is over: the missing array or the missing value. */
  readonly nothing: 'array' | 'value';
  /** Wakes also when the key is removed or changes its type. */
  readonly wakeWhenGone?: boolean;
}

/** All connections. */
export interface ClientsPort {
  all(): Iterable<ClientPort>;
  byId(id: number): ClientPort | undefined;
  readonly count: number;
  /** What all connections take: their buffers, queued transactions and bookkeeping. O(1). */
  readonly bytesUsed: number;
  /** CLIENT PAUSE until the given time; `writesOnly` lets reads through. */
  pause(untilMs: number, writesOnly: boolean): void;
  unpause(): void;
  /**
   * Lets the current client wait: nothing of it runs until `timeoutMs` went by (0: for ever) or CLIENT UNBLOCK ends it;
   * then `answer` writes the reply. Only where {@link CommandContext.mayBlock} says so.
   */
  block(client: ClientPort, timeoutMs: number, answer: (reply: ReplyWriter, how: WaitEnd) => void): void;
  /** CLIENT UNBLOCK, once this command has ended; false when that client is not blocked. */
  unblock(id: number, withError: boolean): boolean;
  /** How many clients wait, and how many of them not for ever. */
  readonly blockedCount: number;
  readonly blockedWithTimeoutCount: number;
}

/** MULTI/EXEC/WATCH of the current client. */
export interface TransactionPort {
  exec(ctx: CommandContext): void;
  discard(ctx: CommandContext): void;
  watch(ctx: CommandContext): void;
  unwatch(ctx: CommandContext): void;
  /** Forgets transaction, watched keys, subscriptions and all else that pushes without a reply (RESET). */
  abandon(ctx: CommandContext): void;
}

/** What BGREWRITEAOF is told. */
export type RewriteAnswer = 'started' | 'scheduled' | 'running' | 'failed';

export interface PersistencePort {
  /** Whether the AOF is on. */
  readonly aofEnabled: boolean;
  /** The lines of INFO's persistence section. */
  infoFields(): readonly (readonly [string, string | number])[];
  /** Whether data files are being loaded. */
  readonly loading: boolean;
  /** Whether data is being loaded that will take the place of what is served meanwhile. */
  readonly loadingAside: boolean;
  /** Bytes that wait to be written to the AOF. */
  readonly aofBufferBytes: number;
  /** Why {@link reloadAof} would find nothing to load; undefined when there is something. */
  whyAofIsNotLoadable(): string | undefined;
  /** Replaces the data by what the AOF holds. A file that cannot be read ends the server. */
  reloadAof(): Promise<void>;
  /** Has the AOF written anew, at once or as soon as that is possible. */
  rewriteAof(): RewriteAnswer;
  /** The AOF is being written anew. */
  readonly rewritingAof: boolean;
  /** When the data was last saved to the RDB file, by the wall clock; when the server started, if never. */
  readonly lastSaveMs: number;
  /** A background save has been asked for and is not done. */
  readonly saving: boolean;
  /** Saves to the RDB file. False when that failed; the log tells why. */
  saveRdb(): boolean;
  /** Saves to the RDB file as soon as this round of requests is done. */
  /** With `mayWait` it begins when nothing else writes a snapshot any more; else it is 'busy' then. */
  saveRdbInBackground(mayWait: boolean): 'started' | 'scheduled' | 'busy' | 'failed';
  /** FLUSHALL: where snapshots are configured, the file is emptied as well. What changed so far no longer counts then. */
  saveAfterFlush(): void;
  /** Reads the RDB file again, after removing the data unless told not to. False when that failed; the data is then lost. */
  reloadRdb(options: ReloadOptions): boolean;
}

export interface ReloadOptions {
  /** Keys that are not in the file stay. */
  readonly keeping: boolean;
  /** Keys may be there already: the file's take their place. */
  readonly merging: boolean;
}

/** Counters that INFO prints and CONFIG RESETSTAT clears. */
export interface Stats {
  connectionsReceived: number;
  commandsProcessed: number;
  netInputBytes: number;
  netOutputBytes: number;
  rejectedConnections: number;
  expiredKeys: number;
  expiredTimeCapReached: number;
  expireCycleCpuMs: number;
  evictedKeys: number;
  evictedClients: number;
  keyspaceHits: number;
  keyspaceMisses: number;
  totalErrorReplies: number;
  unexpectedErrorReplies: number;
  readsProcessed: number;
  writesProcessed: number;
  clientOutputBufferLimitDisconnections: number;
  clientQueryBufferLimitDisconnections: number;
  aclAccessDeniedAuth: number;
  /** Replicas that got everything, that could go on where they were, and that asked for that in vain. */
  syncFull: number;
  syncPartialOk: number;
  syncPartialErr: number;
  /** Time during which memory was over maxmemory although keys were evicted, or could not be: what has ended of it. */
  evictionExceededUs: number;
  /** When the present such time began, by the monotonic clock; -1 when memory is not over the limit. */
  evictionExceededSinceUs: number;
  peakMemoryBytes: number;
  /** By error code, e.g. `ERR`, `WRONGTYPE`. */
  readonly errors: Map<string, number>;
}

export interface ShutdownOptions {
  save?: boolean;
  now?: boolean;
  force?: boolean;
}

export interface ServerPort {
  readonly version: string;
  /** The Redis version whose behaviour we follow: what clients read as redis_version. */
  readonly redisVersion: string;
  readonly pid: number;
  /** 40 hexadecimal characters, new at every start. */
  readonly runId: string;
  readonly startedAtMs: number;
  readonly configFile: string;
  readonly executable: string;
  /** Who watches the process and is told how it does. */
  readonly supervisor: { readonly name: string } | undefined;
  /** Where clients connect (TCP); 0 without. */
  readonly port: number;
  /** {@link usedMemoryBytes} when the server had started and before it loaded any data. */
  readonly startupMemoryBytes: number;
  /** Data with its index, and all buffers: INFO's used_memory. O(1). */
  usedMemoryBytes(): number;
  /** The part of it that maxmemory does not limit: buffers that grow with what is evicted. */
  uncountedMemoryBytes(): number;
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly commands: CommandTablePort;
  readonly clients: ClientsPort;
  readonly transactions: TransactionPort;
  readonly persistence: PersistencePort;
  readonly stats: Stats;
  readonly slowLog: SlowLogPort;
  readonly latency: LatencyPort;
  readonly pubsub: PubSubPort;
  readonly tracking: TrackingPort;
  readonly monitors: MonitorsPort;
  readonly replication: ReplicationPort;
  readonly migrations: MigrationPort;
  readonly restores: RestorePort;
  readonly slotMoves: SlotMovesPort;
  /** Undefined unless cluster-enabled. */
  readonly cluster: ClusterPort | undefined;
  /** DEBUG SET-ACTIVE-EXPIRE. */
  activeExpire: boolean;
  /** DEBUG PAUSE-CRON. */
  cronPaused: boolean;
  /** Changes since the last save. */
  readonly dirty: number;
  /** Instantaneous rates of the last seconds, for INFO. */
  rates(): { opsPerSec: number; inputKbps: number; outputKbps: number };
  /** The LRU clock, seconds modulo 2^24. */
  lruClock(): number;
  /** Checks a user and password; false when refused. */
  authenticate(user: string, password: Uint8Array): boolean;
  /** Whether the default user needs a password. */
  readonly passwordRequired: boolean;
  /** CONFIG RESETSTAT. */
  resetStats(): void;
  /** CONFIG REWRITE, `whole` with what is at its default: undefined, or the reason why not. */
  rewriteConfig(whole: boolean): string | undefined;
  /** Text of an INFO section list, `all`, `default`, `everything` included. */
  info(sections: readonly string[]): string;
  /**
   * Ends the process, after replicas have caught up; undefined, or the error reply when refused. The client who asked is
   * answered later should the server go on after all.
   */
  shutdown(options: ShutdownOptions, client?: ClientPort): string | undefined;
  /** SHUTDOWN ABORT; false when no shutdown is under way. */
  abortShutdown(): boolean;
  /** How long a shutdown still waits for replicas; undefined when none does. */
  readonly shutdownInMs: number | undefined;
  /** DEBUG SEGFAULT and PANIC: ends the process at once, without any care for what is under way. */
  crash(how: 'segfault' | 'panic'): void;
  /**
   * DEBUG RESTART (`gracefully`) and CRASH-AND-RECOVER: ends the process and starts it again. False when it cannot; the
   * log says why.
   */
  restart(options: { gracefully: boolean; delayMs: number }): boolean;
  log(level: 'debug' | 'verbose' | 'notice' | 'warning', text: string): void;
  /** Blocks the whole server, as DEBUG SLEEP does. */
  sleepMs(ms: number): void;
}
