/**
 * The composition root: builds one server from a configuration and owns all of its parts. Two servers in one process share
 * nothing but the process.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fromLatin1 } from '../base/bytes.js';
import type { Clock } from '../base/clock.js';
import { Prng, type Random } from '../base/prng.js';
import type { ClusterPort } from '../commands/clusterPort.js';
import type { ClientPort, PersistencePort, ServerPort, ShutdownOptions } from '../commands/context.js';
import type { MonitorsPort, PubSubPort, TrackingPort } from '../commands/pushPorts.js';
import type { LatencyPort, SlowLogPort } from '../commands/server/monitoringPorts.js';
import type { Config } from '../config/config.js';
import { rewriteConfig } from '../config/rewrite.js';
import type { CommandTable } from '../exec/commandTable.js';
import { Executor } from '../exec/executor.js';
import type { Session } from '../exec/session.js';
import { Transactions } from '../exec/transactions.js';
import { Listener } from '../net/listener.js';
import { Outbox } from '../net/outbox.js';
import { renderInfo } from '../observability/info.js';
import type { Logger } from '../observability/logger.js';
import { lruSeconds } from '../store/accessClock.js';
import { Store } from '../store/store.js';
import { Aof, type Disk, machineDisk } from './aof.js';
import { Clients } from './clients.js';
import { claimLoadedSlots, type RunningCluster, startCluster } from './cluster.js';
import { Cron } from './cron.js';
import { Ending } from './ending.js';
import { Migrations } from './migrations.js';
import { persistencePort } from './persistencePort.js';
import { Rdb } from './rdb.js';
import { Replication } from './replication.js';
import { crash, type RestartOptions, restart } from './restart.js';
import { Restores } from './restores.js';
import { SlotMoves } from './slotMoves.js';
import { Snapshots } from './snapshots.js';
import { newStats, Rates, resetStats } from './stats.js';
import type { Supervisor } from './supervisor.js';
import { REDIS_VERSION, VERSION } from './version.js';

export interface ServerOptions {
  readonly config: Config;
  readonly commands: CommandTable;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Absolute path of redis.conf; '' without one. */
  readonly configFile: string;
  readonly executable: string;
  readonly supervisor?: Supervisor | undefined;
  /** Called when the server has shut down by itself (SHUTDOWN, a fatal error); the process may end. */
  readonly onExit: (code: number) => void;
  /** Starts the program again, once this process is gone and so long after. Undefined: it cannot be started again. */
  readonly onRestart?: (delayMs: number) => void;
  /** Of the append-only file: the machine's unless a test says otherwise. */
  readonly disk?: Disk;
}

export class Server implements ServerPort {
  readonly version = VERSION;
  readonly redisVersion = REDIS_VERSION;
  readonly pid = process.pid;
  readonly runId = randomBytes(20).toString('hex');
  readonly startedAtMs: number;
  readonly configFile: string;
  readonly executable: string;
  readonly supervisor: Supervisor | undefined;
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random = new Prng(randomBytes(4).readUInt32LE());
  readonly store: Store;
  readonly commands: CommandTable;
  readonly clients: Clients;
  readonly transactions: Transactions;
  readonly persistence: PersistencePort;
  readonly stats = newStats();
  readonly rateMeter = new Rates();
  readonly executor: Executor;
  readonly aof: Aof;
  readonly snapshots: Snapshots;
  readonly replication: Replication;
  readonly migrations: Migrations;
  readonly restores: Restores;
  readonly slotMoves: SlotMoves;
  readonly rdb: Rdb;
  readonly outbox: Outbox;
  readonly ending: Ending;
  activeExpire = true;
  cronPaused = false;
  readonly startupMemoryBytes: number;
  /** The port that clients connect to; differs from the directive when that is 0 in tests. */
  port = 0;

  readonly #options: ServerOptions;
  readonly #listener: Listener;
  readonly #cron: Cron;
  #cluster: RunningCluster | undefined;
  #stopping: Promise<boolean> | undefined;
  #aofBroken = false;

  constructor(options: ServerOptions) {
    const { config, clock } = options;
    this.#options = options;
    this.config = config;
    this.clock = clock;
    this.commands = options.commands;
    this.configFile = options.configFile;
    this.executable = options.executable;
    this.supervisor = options.supervisor;
    this.startedAtMs = clock.nowMs();
    const clusterMode = config.values['cluster-enabled'];
    const databases = clusterMode ? 1 : config.values.databases;
    this.store = new Store({ databases, clusterMode, random: this.random });
    this.executor = new Executor(options.commands, this);
    this.transactions = new Transactions(this.executor);
    this.outbox = new Outbox(this.executor.reply, () => this.#beforeReplies());
    this.executor.tracking.atEndOfRound = (run) => setImmediate(run);
    this.clients = new Clients(this.executor, this.outbox);
    this.snapshots = new Snapshots({ executor: this.executor, config, history: () => this.replication.aux() });
    this.replication = new Replication(this);
    this.ending = new Ending(this);
    this.restores = new Restores(this.executor, () => this.clients.serveBlocked());
    this.migrations = new Migrations({
      executor: this.executor,
      clusterMode,
      refreshGates: () => this.refreshGates(),
      serveBlocked: () => this.clients.serveBlocked(),
    });
    this.slotMoves = new SlotMoves({
      executor: this.executor,
      running: () => this.#cluster,
      flush: () => this.replication.flush(),
      refreshGates: () => this.refreshGates(),
      serveBlocked: () => this.clients.serveBlocked(),
    });
    this.clients.onClosed = (session) => {
      this.replication.replicas.closed(session);
      this.slotMoves.closed(session);
    };
    this.rdb = new Rdb({ executor: this.executor, config, snapshots: this.snapshots });
    this.rdb.onChange = () => this.refreshGates();
    this.aof = new Aof({
      executor: this.executor,
      config,
      snapshots: this.snapshots,
      loadSnapshot: this.rdb.loadSnapshot,
      disk: options.disk ?? machineDisk,
      isSaving: () => this.rdb.saving,
      onChange: () => {
        this.outbox.deferred = this.aof.enabled;
        this.refreshGates();
      },
      onFatal: () => this.#options.onExit(1),
    });
    this.persistence = persistencePort(this);
    this.#cron = new Cron(this);
    this.#listener = new Listener({
      backlog: config.values['tcp-backlog'],
      keepAliveSeconds: () => config.values['tcp-keepalive'],
      onAccept: (stream) => this.clients.accept(stream),
      log: (level, text) => this.log(level, text),
    });
    this.#listenToConfig();
    this.startupMemoryBytes = this.usedMemoryBytes();
  }

  get cluster(): ClusterPort | undefined {
    return this.#cluster?.port;
  }

  get dirty(): number {
    return this.executor.dirty;
  }

  get slowLog(): SlowLogPort {
    return this.executor.slowLog;
  }

  get latency(): LatencyPort {
    return this.executor.latency;
  }

  get pubsub(): PubSubPort {
    return this.executor.pubsub;
  }

  get tracking(): TrackingPort {
    return this.executor.tracking;
  }

  get monitors(): MonitorsPort {
    return this.executor.monitors;
  }

  get passwordRequired(): boolean {
    return this.config.values.requirepass !== '';
  }

  // ---------------------------------------------------------------- life

  /** Listens, loads the data, joins the cluster bus. Answers why not, when it cannot start: nothing more when that has been logged. */
  async start(): Promise<string | undefined> {
    const problem = (await this.#startCluster()) ?? (await this.#listen());
    if (problem !== undefined) return problem;
    this.log('warning', 'Server initialized');
    this.#warnOfMaxmemory(this.config.values.maxmemory);
    this.executor.writeProblem = () => this.#writeProblem();
    const refused = await this.#load();
    if (refused !== undefined) return refused;
    this.refreshGates();
    this.replication.start(this.config.values.appendonly ? NO_AUX : this.rdb.loadedAux);
    this.#cron.start();
    this.log('notice', 'Ready to accept connections');
    return undefined;
  }

  async #load(): Promise<string | undefined> {
    const { executor } = this;
    const { appendonly } = this.config.values;
    executor.loading = true;
    this.outbox.deferred = appendonly;
    const refused = await (appendonly ? this.aof.load() : this.rdb.load(this.config.values.replicaof !== undefined));
    executor.endBatch();
    executor.loading = false;
    if (refused !== undefined) return '';
    if (appendonly && this.rdb.fileExists && this.store.databases.every(({ size }) => size === 0)) {
      const { appenddirname, appendfilename } = this.config.values;
      this.log(
        'warning',
        `The append-only file holds nothing, and with 'appendonly yes' the snapshot ${this.rdb.file} is not loaded. To take its ` +
          `data over: SHUTDOWN NOSAVE, remove the folder ${appenddirname}, and rename the snapshot to ${appendfilename}.`,
      );
    }
    executor.saved();
    this.#forgetReplay();
    if (this.cluster !== undefined) claimLoadedSlots(this, this.cluster);
    return undefined;
  }

  /** DEBUG LOADAOF. Meanwhile clients are told that data is being loaded. */
  async reloadAof(): Promise<void> {
    const { executor } = this;
    executor.loading = true;
    this.refreshGates();
    const problem = await this.aof.reload();
    executor.endBatch();
    executor.loading = false;
    if (problem !== undefined) return this.fatal(`Error trying to load the AOF files: ${problem}`);
    executor.saved();
    this.refreshGates();
    this.log('notice', 'Append Only File loaded by DEBUG LOADAOF');
  }

  async #startCluster(): Promise<string | undefined> {
    if (!this.config.values['cluster-enabled']) return undefined;
    const started = await startCluster(this);
    if ('error' in started) return started.error;
    this.#cluster = started;
    return undefined;
  }

  async #listen(): Promise<string | undefined> {
    const { values } = this.config;
    this.executor.gated = true;
    this.executor.loading = values.appendonly || this.rdb.fileExists;
    if (values.port !== 0) {
      const port = await this.#listener.listenTcp(values.bind, values.port);
      if (typeof port !== 'number') return `Failed listening on port ${values.port} (TCP), aborting.`;
      this.port = port;
    }
    if (values.unixsocket !== '') {
      const failure = await this.#listener.listenUnix(
        path.resolve(values.dir, values.unixsocket),
        values.unixsocketperm,
      );
      if (failure !== undefined) return `Failed opening Unix socket: ${failure.error}`;
      this.log('notice', `The server is now ready to accept connections at ${values.unixsocket}`);
    }
    return undefined;
  }

  /** Ends everything in order; true when all data is safe. Nothing of the server is left in the process afterwards. */
  stop(): Promise<boolean> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<boolean> {
    this.#cron.stop();
    this.rdb.stop();
    this.migrations.stop();
    this.restores.stop();
    this.slotMoves.stop();
    this.#listener.close();
    this.outbox.flush();
    this.replication.flush();
    this.replication.stop();
    const saved = this.aof.close();
    this.clients.closeAll();
    await this.#cluster?.stop();
    return saved;
  }

  shutdown(options: ShutdownOptions, client?: ClientPort): string | undefined {
    return this.#stopping === undefined ? this.ending.begin(options, client as Session | undefined) : undefined;
  }

  abortShutdown(): boolean {
    return this.ending.abort();
  }

  /** Asked to end; it has not yet, or waits for replicas. */
  get isEnding(): boolean {
    return this.#stopping !== undefined || this.ending.isWaiting;
  }

  get shutdownInMs(): number | undefined {
    return this.ending.leftMs;
  }

  /** Saves what is to be saved and ends the process; false when it has to go on. */
  end({ force = false, save }: ShutdownOptions): boolean {
    if (!this.aof.mayEnd(force)) return false;
    // What is half loaded would take the place of the whole.
    const mustSave = (save ?? this.rdb.hasSavePoints) && !this.executor.loading;
    if (mustSave && !this.#saveBeforeExit(force)) return false;
    void this.stop().then((saved) => {
      this.log('warning', 'Shoal is now ready to exit, bye bye...');
      this.#options.onExit(saved ? 0 : 1);
    });
    return true;
  }

  /** False: the server must not end. */
  #saveBeforeExit(force: boolean): boolean {
    this.log('notice', 'Saving the final RDB snapshot before exiting.');
    if (this.rdb.save()) return true;
    this.log('warning', `Error trying to save the DB${force ? '. Exit anyway.' : ", can't exit."}`);
    return force;
  }

  crash(how: 'segfault' | 'panic'): void {
    crash(this, how);
  }

  restart(options: RestartOptions): boolean {
    return restart(this, options, this.#options.onRestart);
  }

  /** Something the server promised can no longer be kept: it ends without another word to clients. */
  fatal(text: string): void {
    this.log('warning', text);
    this.#options.onExit(1);
  }

  // ---------------------------------------------------------------- gates and writes

  /** Decides whether requests may take the short way through dispatch. */
  refreshGates(): void {
    const { executor } = this;
    this.#options.logger.setRole(executor.following ? 'S' : 'M');
    executor.gated =
      executor.loading ||
      executor.loadingAside ||
      !executor.moving.empty ||
      this.clients.paused ||
      executor.pause.activeAt(this.clock.nowMs()) ||
      executor.replication.masterDown ||
      executor.replication.fewReplicas ||
      this.#writeProblem() !== undefined;
  }

  #beforeReplies(): boolean {
    const durable = this.aof.flush();
    if ((this.aof.writer?.error !== undefined) !== this.#aofBroken) {
      this.#aofBroken = !this.#aofBroken;
      this.refreshGates();
    }
    return durable;
  }

  #writeProblem(): string | undefined {
    const error = this.aof.writer?.error;
    const { problem } = this.rdb;
    if (problem !== undefined) return problem;
    return error === undefined ? undefined : `MISCONF Errors writing to the AOF file: ${error}`;
  }

  /** More than the store can hold is no mistake, for long values lie outside; but an operator should know. */
  #warnOfMaxmemory(limitBytes: number): void {
    const storeBytes = this.store.limitBytes;
    if (limitBytes <= storeBytes) return;
    this.log(
      'warning',
      `maxmemory is ${limitBytes} bytes, but keys and values of up to 64 KiB have room for ${storeBytes}: beyond, writes are ` +
        'refused with an OOM error. Spread larger data over several nodes of a cluster.',
    );
  }

  #listenToConfig(): void {
    const { config } = this;
    config.onChange('maxmemory', (limitBytes) => {
      this.#warnOfMaxmemory(limitBytes);
      const usedBytes = this.executor.eviction.usedBytes;
      if (limitBytes === 0 || usedBytes <= limitBytes) return;
      this.log(
        'warning',
        `maxmemory is now ${limitBytes} bytes, ${usedBytes} are in use: keys will be evicted or writes refused.`,
      );
    });
    config.onChange('loglevel', (level) => this.#options.logger.setLevel(level));
    for (const name of ['save', 'stop-writes-on-bgsave-error'] as const)
      config.onChange(name, () => this.refreshGates());
    config.onChange('port', () => this.#relisten('Unable to listen on this port. Check server logs.'));
    config.onChange('bind', () => this.#relisten('Failed to bind to specified addresses.'));
  }

  #relisten(refusal: string): string | undefined {
    const { bind, port } = this.config.values;
    if (!this.#listener.relisten(bind, port)) return refusal;
    this.port = port;
    return undefined;
  }

  // ---------------------------------------------------------------- ServerPort

  rates(): { opsPerSec: number; inputKbps: number; outputKbps: number } {
    return this.rateMeter.current();
  }

  usedMemoryBytes(): number {
    return this.executor.eviction.usedBytes + this.uncountedMemoryBytes();
  }

  uncountedMemoryBytes(): number {
    const { reply, eviction } = this.executor;
    const { buffers } = this.replication;
    return reply.buf.length - eviction.baseBytes + this.persistence.aofBufferBytes + buffers.heldForReplicasBytes;
  }

  lruClock(): number {
    return lruSeconds(this.clock.nowMs());
  }

  authenticate(user: string, password: Uint8Array): boolean {
    if (user !== 'default') return false;
    const wanted = this.config.values.requirepass;
    if (wanted === '') return true;
    // Digests have one length: comparing them takes the same time whatever the guess.
    const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
    return timingSafeEqual(digest(password), digest(fromLatin1(wanted)));
  }

  resetStats(): void {
    resetStats(this.stats);
    this.commands.resetStats();
    this.aof.writer?.resetStats();
    this.aof.rewriter.resetStats();
    this.rdb.resetStats();
    this.store.graveyard.freedValues = 0;
  }

  /** The calls that data files were made of are nobody's. */
  #forgetReplay(): void {
    this.commands.resetStats();
    this.stats.commandsProcessed = 0;
  }

  rewriteConfig(whole: boolean): string | undefined {
    if (this.configFile === '') return 'The server is running without a config file';
    try {
      const old = fs.existsSync(this.configFile) ? fs.readFileSync(this.configFile, 'latin1') : '';
      const temp = `${this.configFile}.tmp-${this.pid}`;
      const fd = fs.openSync(temp, 'w', 0o644);
      fs.writeSync(fd, Buffer.from(rewriteConfig(old, this.config, [], whole), 'latin1'));
      fs.fsyncSync(fd);
      fs.closeSync(fd);
      fs.renameSync(temp, this.configFile);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  info(sections: readonly string[]): string {
    return renderInfo(this, [...sections]);
  }

  log(level: 'debug' | 'verbose' | 'notice' | 'warning', text: string): void {
    this.#options.logger.log(level, text);
  }

  sleepMs(ms: number): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  }
}

const NO_AUX: ReadonlyMap<string, string> = new Map();
