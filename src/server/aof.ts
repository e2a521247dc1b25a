/** Wires the append-only file to the rest: loading at start, feeding while serving, syncing before replies leave. */
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import type { LatencyMonitor } from '../exec/latency.js';
import type { PropagationSink } from '../exec/propagation.js';
import { Session, type Transport } from '../exec/session.js';
import { AofFiles } from '../persistence/io/aofFiles.js';
import { AofLoader, type LoadSnapshot } from '../persistence/io/aofLoader.js';
import { AofWriter, NO_DATABASE } from '../persistence/io/aofWriter.js';
import { type FileSystem, nodeFileSystem } from '../persistence/io/fileSystem.js';
import { machineProcesses } from '../persistence/io/folderLock.js';
import { isRefusal } from '../persistence/io/logSink.js';
import { ArgVector } from '../resp/argVector.js';

/** A client that nobody listens to: the one that replays data files. */
const NOWHERE: Transport = {
  peerAddress: '',
  localAddress: '',
  fd: -1,
  queryBufferBytes: () => 0,
  queryBufferFreeBytes: () => 0,
  memoryBytes: () => 0,
  outputBytes: () => 0,
  outputChunks: () => 0,
  send() {},
  closeAfterReply() {},
  destroy() {},
  resume() {},
};

export interface AofHost {
  readonly executor: Executor;
  readonly config: Config;
  readonly loadSnapshot: LoadSnapshot;
  /** The server cannot go on: replies of this round promise what is not on disk. */
  onFatal(reason: string): void;
}

export class Aof implements PropagationSink {
  readonly #host: AofHost;
  readonly #clusterMode: boolean;
  #files: AofFiles | undefined;
  #writer: AofWriter | undefined;
  #loader: AofLoader | undefined;

  constructor(host: AofHost) {
    this.#host = host;
    this.#clusterMode = host.config.values['cluster-enabled'];
  }

  get enabled(): boolean {
    return this.#writer !== undefined;
  }

  get writer(): AofWriter | undefined {
    return this.#writer;
  }

  get loader(): AofLoader | undefined {
    return this.#loader;
  }

  /** Takes the folder, replays what is in it and opens it for appending. Answers why not, when it cannot. */
  async load(): Promise<string | undefined> {
    const { executor, config } = this.#host;
    const { values } = config;
    const log = executor.server.log.bind(executor.server);
    const files = AofFiles.open({
      files: nodeFileSystem,
      processes: machineProcesses,
      log,
      dir: values.dir,
      appendDirName: values.appenddirname,
      appendFileName: values.appendfilename,
    });
    if (isRefusal(files)) return files.refused;
    this.#files = files;
    const refused = await this.#replay(files);
    if (refused !== undefined) return refused;
    const incr = files.openForAppend();
    if (isRefusal(incr)) return incr.refused;
    this.#writer = new AofWriter(incr, {
      files: this.#measuredFiles(executor.latency),
      clock: executor.server.clock,
      log,
      policy: values.appendfsync,
      onFatal: (reason) => this.#host.onFatal(reason),
    });
    executor.propagation.add(this);
    config.onChange('appendfsync', (policy) => this.#writer?.setPolicy(policy));
    return undefined;
  }

  /** Replaces the data by what the files hold (DEBUG LOADAOF). Answers why not; the data is then lost. */
  async reload(): Promise<string | undefined> {
    const { executor } = this.#host;
    if (this.#files === undefined || this.#writer?.flush(true) !== true) return this.#writer?.error ?? 'no file';
    executor.propagation.remove(this);
    executor.flushed(undefined);
    executor.server.store.clear();
    const refused = await this.#replay(this.#files);
    executor.propagation.add(this);
    return refused;
  }

  /** Runs the commands of the files. */
  async #replay(files: AofFiles): Promise<string | undefined> {
    const { executor, config } = this.#host;
    const { values } = config;
    this.#loader = new AofLoader({
      files: nodeFileSystem,
      clock: executor.server.clock,
      log: executor.server.log.bind(executor.server),
      loadTruncated: values['aof-load-truncated'],
      apply: this.#replayer(),
      loadSnapshot: this.#host.loadSnapshot,
      yieldNow: () => new Promise((resolve) => setImmediate(resolve)),
      bulkBytesMax: values['proto-max-bulk-len'],
    });
    const outcome = await this.#loader.load(files);
    this.#loader = undefined;
    return isRefusal(outcome) ? outcome.refused : undefined;
  }

  feed(dbIndex: number, args: ArgVector): void {
    this.#writer?.append(this.#clusterMode ? NO_DATABASE : dbIndex, args.buf, args.start, args.end, args.argc);
  }

  /**
   * Before replies leave: what they acknowledge is with the kernel, or on disk with `appendfsync always`. False: it could not
   * be made so and they must not leave.
   */
  flush(): boolean {
    return this.#writer?.flush(false) ?? true;
  }

  /** Writes and syncs everything and gives the folder back. False when the end of the data could not be saved. */
  close(): boolean {
    const saved = this.#writer?.close() ?? true;
    this.#writer = undefined;
    this.#files?.release();
    this.#files = undefined;
    return saved;
  }

  /** The files of the machine, with what serving waits for measured by the latency monitor. */
  #measuredFiles(latency: LatencyMonitor): FileSystem {
    return {
      ...nodeFileSystem,
      write: (fd, buf, offset, length) => {
        const beganUs = latency.begin();
        const written = nodeFileSystem.write(fd, buf, offset, length);
        const syncing = (this.#writer?.stats().pendingBackgroundSyncs ?? 0) > 0;
        latency.end(syncing ? 'aof-write-pending-fsync' : 'aof-write-alone', beganUs);
        latency.end('aof-write', beganUs);
        return written;
      },
      datasync: (fd) => {
        const beganUs = latency.begin();
        nodeFileSystem.datasync(fd);
        latency.end('aof-fsync-always', beganUs);
      },
    };
  }

  /** Runs the commands of the file, as a client that is let through every gate. */
  #replayer(): (buf: Uint8Array, start: Int32Array, end: Int32Array, argc: number) => string | undefined {
    const { executor } = this.#host;
    const args = new ArgVector();
    const session = new Session(0, NOWHERE, {
      nowMs: executor.server.clock.nowMs(),
      databases: executor.server.store.databases.length,
      authenticated: true,
    });
    return (buf, start, end, argc) => {
      args.buf = buf;
      args.start = start;
      args.end = end;
      args.argc = argc;
      return executor.replay(session, args);
    };
  }
}
