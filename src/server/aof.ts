/**
 * Wires the append-only file to the rest: loading at start, feeding while serving, syncing before replies leave, rewriting.
 *
 *   off ── CONFIG SET appendonly yes ──> waiting ── the first rewrite is done ──> on
 *    ^                                    │                                       │
 *    └────────────── CONFIG SET appendonly no ───────────────────────────────────┘
 *
 * While it is waiting, commands go to a temporary file from the moment at which a rewrite begins, and nothing counts on it: when the
 * rewrite fails it is dropped, and another one begins.
 */
import type { RewriteAnswer } from '../commands/context.js';
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import type { PropagationSink } from '../exec/propagation.js';
import { AofFiles, type OpenFile } from '../persistence/io/aofFiles.js';
import type { AofLoader, LoadSnapshot } from '../persistence/io/aofLoader.js';
import type { RewriteIncr } from '../persistence/io/aofRotation.js';
import { AofWriter, NO_DATABASE } from '../persistence/io/aofWriter.js';
import { type FileSystem, nodeFileSystem } from '../persistence/io/fileSystem.js';
import { machineProcesses, type ProcessTable } from '../persistence/io/folderLock.js';
import { isRefusal, type LogSink, type Refusal } from '../persistence/io/logSink.js';
import type { ArgVector } from '../resp/argVector.js';
import { timedNames, timedWrites } from './aofLatency.js';
import { replayLoader } from './aofReplay.js';
import { AofRewriter } from './aofRewriter.js';
import type { Snapshots } from './snapshots.js';

const UNABLE = 'Unable to turn on AOF. Check server logs.';

/** Where the files are, and who else may use them. */
export interface Disk {
  readonly files: FileSystem;
  readonly processes: ProcessTable;
}

export const machineDisk: Disk = { files: nodeFileSystem, processes: machineProcesses };

export interface AofHost {
  readonly executor: Executor;
  readonly config: Config;
  readonly snapshots: Snapshots;
  readonly loadSnapshot: LoadSnapshot;
  readonly disk: Disk;
  /** The RDB file is being saved, or is about to be. */
  isSaving(): boolean;
  /** It was turned on or off, or has run into trouble or out of it, outside of {@link Aof.flush}. */
  onChange(): void;
  /** The server cannot go on: replies of this round promise what is not on disk. */
  onFatal(reason: string): void;
}

export type AofState = 'off' | 'waiting' | 'on';

export class Aof implements PropagationSink {
  readonly rewriter: AofRewriter;
  readonly #host: AofHost;
  readonly #clusterMode: boolean;
  readonly #log: LogSink;
  #state: AofState;
  #files: AofFiles | undefined;
  #writer: AofWriter | undefined;
  #loader: AofLoader | undefined;
  /** More of what was written is on disk. */
  onSynced: () => void = () => {};

  constructor(host: AofHost) {
    const { executor, config } = host;
    const { server } = executor;
    this.#host = host;
    this.#clusterMode = config.values['cluster-enabled'];
    this.#log = (level, text) => server.log(level, text);
    this.#state = config.values.appendonly ? 'on' : 'off';
    this.rewriter = new AofRewriter({
      files: host.disk.files,
      clock: server.clock,
      log: this.#log,
      config,
      pid: server.pid,
      startSnapshot: (options) => host.snapshots.start(options),
    });
    this.#listenToConfig();
  }

  get state(): AofState {
    return this.#state;
  }

  get enabled(): boolean {
    return this.#state !== 'off';
  }

  get writer(): AofWriter | undefined {
    return this.#writer;
  }

  get loader(): AofLoader | undefined {
    return this.#loader;
  }

  // ---------------------------------------------------------------- loading

  /** Takes the folder, replays what is in it and opens it for appending. Answers why not, when it cannot. */
  async load(): Promise<string | undefined> {
    const files = this.#openFolder(true);
    if (isRefusal(files)) return files.refused;
    const refused = await this.#replay(files);
    if (refused !== undefined) return refused;
    const incr = files.openForAppend();
    if (isRefusal(incr)) return incr.refused;
    this.#write(incr);
    return undefined;
  }

  /** Why {@link reload} would find nothing to load; undefined when there are files. Without an AOF, BGREWRITEAOF may have made some. */
  whyNotLoadable(): string | undefined {
    if (this.#state === 'on') return undefined;
    if (this.#files !== undefined) return 'a rewrite of the AOF has to end first';
    const files = this.#openFolder(false);
    if (isRefusal(files)) return files.refused;
    const { base, incr } = files.manifest;
    this.#releaseFolder();
    return base === undefined && incr.length === 0 ? `there is no append-only file in ${files.folder}` : undefined;
  }

  /** Replaces the data by what the files hold (DEBUG LOADAOF). Answers why not; the data is then lost. */
  async reload(): Promise<string | undefined> {
    const { executor } = this.#host;
    const files = this.#files ?? this.#openFolder(false);
    if (isRefusal(files)) return files.refused;
    if (this.#writer?.flush(true) === false) return this.#writer.error;
    if (this.rewriter.isRunning) {
      this.rewriter.cancel();
      this.rewriter.scheduled = true;
    }
    executor.propagation.remove(this);
    executor.flushed(undefined);
    executor.server.store.clear();
    const refused = await this.#replay(files);
    if (this.#writer !== undefined) executor.propagation.add(this);
    else this.#releaseFolder();
    return refused;
  }

  /** Runs the commands of the files. */
  async #replay(files: AofFiles): Promise<string | undefined> {
    const { executor, config, disk, loadSnapshot } = this.#host;
    this.#loader = replayLoader(executor, config, disk.files, loadSnapshot);
    const outcome = await this.#loader.load(files);
    this.#loader = undefined;
    return isRefusal(outcome) ? outcome.refused : undefined;
  }

  #openFolder(loading: boolean): AofFiles | Refusal {
    const { config, disk, executor, snapshots } = this.#host;
    const { values } = config;
    const files = AofFiles.open(
      {
        files: timedNames(disk.files, executor.latency),
        processes: disk.processes,
        log: this.#log,
        dir: values.dir,
        appendDirName: values.appenddirname,
        appendFileName: values.appendfilename,
        keepsHistory: values['aof-disable-auto-gc'],
        ...(values['aof-use-rdb-preamble'] ? { emptyBase: () => snapshots.emptyBase() } : {}),
      },
      loading,
    );
    if (isRefusal(files)) return files;
    const refused = loading ? undefined : files.removeLeftovers();
    if (refused !== undefined) {
      files.release();
      return refused;
    }
    this.#files = files;
    return files;
  }

  // ---------------------------------------------------------------- feeding

  feed(dbIndex: number, args: ArgVector): void {
    this.#writer?.append(this.#clusterMode ? NO_DATABASE : dbIndex, args.buf, args.start, args.end, args.argc);
  }

  /**
   * Before replies leave: what they acknowledge is with the kernel, or on disk with `appendfsync always`. False: it could not
   * be made so and they must not leave.
   */
  flush(): boolean {
    const writer = this.#writer;
    if (writer === undefined) return true;
    const done = writer.flush(false);
    if (this.#state === 'waiting' && writer.error !== undefined) this.rewriter.abort(writer.error);
    return done;
  }

  /** Commands go to this file from here on. */
  #write(file: OpenFile): void {
    const { executor, config, disk } = this.#host;
    const { values } = config;
    this.#writer = new AofWriter(file, {
      files: timedWrites(disk.files, executor.latency, () => this.#writeCause),
      clock: executor.server.clock,
      log: this.#log,
      policy: this.#policy,
      holdsSyncs: () => values['no-appendfsync-on-rewrite'] && this.#isBusy,
      onFatal: (reason) => this.#host.onFatal(reason),
      onSynced: () => this.onSynced(),
    });
    this.#writer.stamping = values['aof-timestamp-enabled'];
    executor.propagation.add(this);
  }

  /** What a write may have to wait for. */
  get #writeCause(): string {
    if ((this.#writer?.stats().pendingBackgroundSyncs ?? 0) > 0) return 'aof-write-pending-fsync';
    return this.#isBusy ? 'aof-write-active-child' : 'aof-write-alone';
  }

  /** While nothing counts on the file no reply waits for it. */
  get #policy(): 'always' | 'everysec' | 'no' {
    const { appendfsync } = this.#host.config.values;
    return this.#state === 'waiting' && appendfsync === 'always' ? 'everysec' : appendfsync;
  }

  #stopWriting(): AofWriter | undefined {
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer !== undefined) this.#host.executor.propagation.remove(this);
    return writer;
  }

  // ---------------------------------------------------------------- rewriting

  /** Something writes the keyspace to disk. */
  get #isBusy(): boolean {
    return this.rewriter.isRunning || this.#host.isSaving() || this.#host.snapshots.running !== undefined;
  }

  /** BGREWRITEAOF. */
  rewriteInBackground(): RewriteAnswer {
    if (this.rewriter.isRunning) return 'running';
    if (this.#isBusy || this.#host.executor.propagation.inTransaction) {
      this.rewriter.scheduled = true;
      // Somebody asks for it: no more waiting after failures.
      this.rewriter.consecutiveFailures = 0;
      return 'scheduled';
    }
    return this.#startRewrite() ? 'started' : 'failed';
  }

  /** Starts what is scheduled, or due because the files have grown; a few times a second. */
  tick(): void {
    if (this.#isBusy || this.#host.executor.loading) return;
    if (this.rewriter.scheduled) {
      if (!this.rewriter.isLimited) this.#startRewrite();
      return;
    }
    const percent = this.#growthPercent();
    const { values } = this.#host.config;
    const due = values['auto-aof-rewrite-percentage'];
    if (due === 0 || percent < due || this.rewriter.isLimited) return;
    this.#log('notice', `Starting automatic rewriting of AOF on ${percent}% growth`);
    this.#startRewrite();
  }

  /** Since the last rewrite; none while the files are small. */
  #growthPercent(): number {
    if (this.#state !== 'on' || this.#writer === undefined) return -1;
    const { currentSizeBytes, baseSizeBytes } = this.#writer.stats();
    if (currentSizeBytes <= this.#host.config.values['auto-aof-rewrite-min-size']) return -1;
    return Math.floor((currentSizeBytes * 100) / Math.max(1, baseSizeBytes)) - 100;
  }

  #startRewrite(): boolean {
    const files = this.#files ?? this.#openFolder(false);
    if (isRefusal(files)) {
      this.rewriter.noteFailure();
      return false;
    }
    const incr = INCR_BY_STATE[this.#state];
    const started = this.rewriter.start({
      rotation: files.rotation,
      incr,
      cut: () => this.#cut(incr, files),
      onEnd: (baseBytes) => this.#endRewrite(files, baseBytes),
    });
    if (!started && this.#state === 'off') this.#releaseFolder();
    return started;
  }

  #cut(incr: RewriteIncr, { rotation }: AofFiles): boolean {
    const writer = this.#writer;
    if (incr === 'none') return true;
    // What the base will hold must not come again behind it.
    if (writer !== undefined && (!writer.flush(true) || writer.stats().bufferLengthBytes > 0)) return false;
    const opened = incr === 'next' ? rotation.openNextIncr() : rotation.openTempIncr();
    if (isRefusal(opened)) return false;
    if (writer === undefined) this.#write({ fd: opened.fd, sizeBytes: 0, totalBytes: 0, baseBytes: 0 });
    else if (!writer.switchTo(opened)) {
      this.#host.disk.files.close(opened.fd);
      return false;
    }
    return true;
  }

  #endRewrite(files: AofFiles, baseBytes: number | undefined): void {
    if (baseBytes !== undefined) this.#writer?.rebase(baseBytes);
    if (this.#state === 'off') this.#releaseFolder();
    if (this.#state !== 'waiting') return;
    if (baseBytes === undefined) {
      this.#stopWriting()?.discard();
      files.rotation.removeTempIncr();
      this.rewriter.scheduled = true;
    } else {
      this.#setState('on');
      this.#writer?.setPolicy(this.#policy);
    }
  }

  // ---------------------------------------------------------------- turning it on and off

  #listenToConfig(): void {
    const { config } = this.#host;
    config.onChange('appendonly', (on) => (on ? this.#turnOn() : this.#turnOff()));
    config.onChange('appendfsync', () => this.#writer?.setPolicy(this.#policy));
    config.onChange('aof-timestamp-enabled', (stamping) => {
      if (this.#writer !== undefined) this.#writer.stamping = stamping;
    });
    config.onChange('aof-disable-auto-gc', (disabled) => {
      if (!disabled) this.#files?.rotation.removeHistory();
    });
  }

  /** All data is about to be replaced: the files are left as they are. */
  suspend(): void {
    this.#turnOff();
  }

  /** Begins with the data that is there, where the configuration wants it on. */
  resume(): void {
    if (this.#host.config.values.appendonly) this.#turnOn();
  }

  #turnOn(): string | undefined {
    if (this.#state !== 'off') return undefined;
    const { rewriter } = this;
    this.#setState('waiting');
    if (this.#isBusy && !rewriter.isRunning) {
      rewriter.scheduled = true;
      this.#log(
        'warning',
        'AOF was enabled but there is already another background operation. An AOF background was scheduled to start when possible.',
      );
      return undefined;
    }
    if (this.#host.executor.propagation.inTransaction) {
      rewriter.scheduled = true;
      this.#log(
        'warning',
        'AOF was enabled during a transaction. An AOF background was scheduled to start when possible.',
      );
      return undefined;
    }
    if (rewriter.isRunning) {
      // It does not gather the commands since it began.
      this.#log(
        'warning',
        'AOF was enabled but there is already an AOF rewriting in background. Stopping background AOF and starting a rewrite now.',
      );
      rewriter.cancel();
    }
    if (this.#startRewrite()) return undefined;
    this.#setState('off');
    this.#releaseFolder();
    this.#log(
      'warning',
      "Redis needs to enable the AOF but can't trigger a background AOF rewrite operation. Check the above logs for more info about the error.",
    );
    return UNABLE;
  }

  #turnOff(): undefined {
    if (this.#state === 'off') return;
    const wasWaiting = this.#state === 'waiting';
    this.#cancelRewrite();
    this.#setState('off');
    const writer = this.#stopWriting();
    if (wasWaiting) this.#dropTemp(writer);
    else if (writer?.close() === false) this.#log('warning', 'The end of the AOF could not be written');
    this.#releaseFolder();
  }

  /** Before the process ends: false when the first base is not there yet, and the data would be lost. */
  mayEnd(forced: boolean): boolean {
    if (this.#state !== 'waiting' || !this.rewriter.isRunning) return true;
    this.#log('warning', forced ? 'Writing initial AOF. Exit anyway.' : "Writing initial AOF, can't exit.");
    return forced;
  }

  /** Writes and syncs everything and gives the folder back. False when the end of the data could not be saved. */
  close(): boolean {
    if (this.rewriter.isRunning) this.#log('warning', 'There is a child rewriting the AOF. Killing it!');
    this.#cancelRewrite();
    const writer = this.#stopWriting();
    let saved = true;
    if (this.#state === 'waiting') this.#dropTemp(writer);
    else saved = writer?.close() ?? true;
    this.#releaseFolder();
    return saved;
  }

  #cancelRewrite(): void {
    // In the words that those look for who watch Redis's log.
    if (this.rewriter.isRunning) this.#log('notice', 'Killing running AOF rewrite (no child process is needed for it)');
    this.rewriter.cancel();
    this.rewriter.scheduled = false;
  }

  #dropTemp(writer: AofWriter | undefined): void {
    writer?.discard();
    if (writer !== undefined) this.#files?.rotation.removeTempIncr();
  }

  #releaseFolder(): void {
    this.#files?.release();
    this.#files = undefined;
  }

  #setState(state: AofState): void {
    this.#state = state;
    this.#host.onChange();
  }
}

const INCR_BY_STATE: Readonly<Record<AofState, RewriteIncr>> = { on: 'next', waiting: 'temp', off: 'none' };
