/**
 * Snapshots: the whole keyspace as it is at one moment, as the bytes of an RDB file or as commands, written beside serving. Behind
 * background saves, rewrites of the append-only file and full resynchronizations; one at a time, as redis-server has one child at a time.
 *
 * The work is done in slices between the requests (persistence/format/snapshotWalk.ts). A slice takes less than a millisecond;
 * while requests come, slices and what writers save before they write take SHARE of the time, together as far as possible.
 */
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import { AofSnapshot } from '../persistence/format/aofSnapshot.js';
import type { RdbFileFacts } from '../persistence/format/rdbFileFormat.js';
import { RdbFileWriter } from '../persistence/format/rdbFileWriter.js';
import { RdbSnapshot } from '../persistence/format/rdbSnapshot.js';
import { RdbValues } from '../persistence/format/rdbValue.js';
import type { SnapshotWalk } from '../persistence/format/snapshotWalk.js';
import type { ScratchFile } from '../persistence/format/waitingRoom.js';
import { nodeFileSystem } from '../persistence/io/fileSystem.js';
import { openScratchFile } from '../persistence/io/scratchFile.js';
import { SliceBudget } from './slicePacer.js';

/** While requests come. With less a save would last longer than redis-server's, with more it would slow serving down by more. */
const SHARE = 0.42;
/** No key that a writer saves is taken to cost more: what makes the walk's keys dear are large values, which cost writers little. */
const KEY_US_MAX = 2;
/** How long to wait for a sink that is full. */
const FULL_PAUSE_MS = 1;

/** Where the bytes go. */
export interface SnapshotSink {
  /**
   * Takes bytes, in order; they are gone when it returns. Throws when it cannot: the snapshot then ends with that error. Also
   * called while it is full: a write to a key that is not saved yet saves it first.
   */
  write(buf: Buffer, length: number): void;
  /** It wants no more for now; the walk looks again a little later. */
  readonly isFull: boolean;
}

export type SnapshotPurpose = 'save' | 'rewrite' | 'replication';

export interface SnapshotOptions {
  readonly purpose: SnapshotPurpose;
  readonly sink: SnapshotSink;
  /** An RDB file (the default), or the commands that make the keyspace. */
  readonly format?: 'rdb' | 'commands';
  /**
   * Called once, never within {@link Snapshots.start}: all bytes have been written, or why not. Not called after
   * {@link Snapshot.cancel}.
   */
  onEnd(error: unknown): void;
}

/** One under way. */
export interface Snapshot {
  readonly purpose: SnapshotPurpose;
  readonly startedAtMs: number;
  /** Keys written so far, and how many there were at the beginning. */
  readonly savedKeys: number;
  readonly totalKeys: number;
  /** Ends it; nothing more is written. */
  cancel(): void;
}

export interface SnapshotHost {
  readonly executor: Executor;
  readonly config: Config;
  /** Which moment of which history of writes this one is, for the head of the file; nothing when it is part of none. */
  history(): readonly string[];
}

export class Snapshots {
  readonly #host: SnapshotHost;
  readonly #values: RdbValues;
  #running: Running | undefined;

  constructor(host: SnapshotHost) {
    this.#host = host;
    this.#values = new RdbValues(host.config);
  }

  get running(): Snapshot | undefined {
    return this.#running;
  }

  /**
   * Begins one; none may be running. What it holds is the keyspace at this moment, which must not lie within a command that
   * writes.
   */
  start(options: SnapshotOptions): Snapshot {
    const running = new Running(this.#host, this.#walk(options), options, () => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  #walk({ purpose, format, sink }: SnapshotOptions): SnapshotWalk {
    const { config, executor } = this.#host;
    const { store, clock } = executor.server;
    const take = (buf: Buffer, length: number): void => sink.write(buf, length);
    const { dir } = config.values;
    const openScratch = (): ScratchFile => openScratchFile(nodeFileSystem, dir, executor.server.pid);
    if (format !== 'commands') return new RdbSnapshot(store, this.#values, this.facts(purpose), take, openScratch);
    const facts = { nowMs: clock.nowMs(), stamped: config.values['aof-timestamp-enabled'] };
    return new AofSnapshot(store, config, facts, take, openScratch);
  }

  /** The bytes of an RDB file without data, for the base of a new append-only file. */
  emptyBase(): Buffer {
    const parts: Buffer[] = [];
    const writer = new RdbFileWriter(this.#values, this.facts('rewrite'), (buf, length) => {
      parts.push(Buffer.from(buf.subarray(0, length)));
    });
    writer.begin();
    writer.finish();
    return Buffer.concat(parts);
  }

  /** What the head of the file says. */
  facts(purpose: SnapshotPurpose): RdbFileFacts {
    const { server } = this.#host.executor;
    const { values } = this.#host.config;
    return {
      redisVersion: server.redisVersion,
      nowMs: server.clock.nowMs(),
      usedMemoryBytes: server.usedMemoryBytes(),
      isAofBase: purpose === 'rewrite',
      compressing: values.rdbcompression,
      summing: values.rdbchecksum,
      policy: values['maxmemory-policy'],
      lfuDecayMinutes: values['lfu-decay-time'],
      aux: purpose === 'rewrite' ? [] : this.#host.history(),
    };
  }
}

class Running implements Snapshot {
  readonly purpose: SnapshotPurpose;
  readonly startedAtMs: number;
  readonly #executor: Executor;
  readonly #config: Config;
  readonly #walk: SnapshotWalk;
  readonly #options: SnapshotOptions;
  readonly #onOver: () => void;
  #next: NodeJS.Immediate | undefined;
  #pause: NodeJS.Timeout | undefined;
  readonly #budget = new SliceBudget(SHARE);
  /** When the last slice ended, and how many commands had been run and keys saved by then. */
  #pausedAtUs: number;
  #commandsBefore = -1;
  #savedBefore = 0;
  /** The slices so far: how long they took, and how many keys they saved. */
  #walkedUs = 0;
  #walkedKeys = 0;
  /** Nothing is left to read. */
  #isRead = false;
  /** Keys that have had their delay. */
  #delayedKeys = 0;

  constructor({ executor, config }: SnapshotHost, walk: SnapshotWalk, options: SnapshotOptions, onOver: () => void) {
    this.purpose = options.purpose;
    this.startedAtMs = executor.server.clock.nowMs();
    this.#executor = executor;
    this.#config = config;
    this.#walk = walk;
    this.#options = options;
    this.#onOver = onOver;
    this.#pausedAtUs = executor.server.clock.monotonicUs();
    this.#schedule();
  }

  get savedKeys(): number {
    return this.#walk.savedKeys;
  }

  get totalKeys(): number {
    return this.#walk.totalKeys;
  }

  cancel(): void {
    clearImmediate(this.#next);
    clearTimeout(this.#pause);
    this.#walk.release();
    this.#onOver();
  }

  /** rdb-key-save-delay: how long tests want each key to take; below 0, how many keys a microsecond. */
  get #delayUsPerKey(): number {
    const delay = this.#config.values['rdb-key-save-delay'];
    return delay < 0 ? -1 / delay : delay;
  }

  #schedule(): void {
    const delayMs = ((this.#walk.savedKeys - this.#delayedKeys) * this.#delayUsPerKey) / 1000;
    if (delayMs >= 1) {
      this.#delayedKeys = this.#walk.savedKeys;
      this.#pause = setTimeout(() => this.#slice(), delayMs);
    } else if (this.#isRead) this.#end();
    else if (this.#options.sink.isFull) this.#pause = setTimeout(() => this.#slice(), FULL_PAUSE_MS);
    else this.#next = setImmediate(() => this.#slice());
  }

  #slice(): void {
    if (this.#isRead) return this.#end();
    const { clock } = this.#executor.server;
    const beganUs = clock.monotonicUs();
    const savedKeys = this.#walk.savedKeys;
    const lengthUs = this.#lengthUs(beganUs);
    if (lengthUs === 0) {
      this.#pauseAt(beganUs);
      return this.#schedule();
    }
    const isDelayed = this.#delayUsPerKey > 0;
    let nowUs = beganUs;
    try {
      do {
        this.#isRead = !this.#walk.step();
        nowUs = clock.monotonicUs();
      } while (!this.#isRead && nowUs - beganUs < lengthUs && !this.#options.sink.isFull && !isDelayed);
    } catch (error) {
      return this.#end(error);
    }
    this.#walkedUs += nowUs - beganUs;
    this.#walkedKeys += this.#walk.savedKeys - savedKeys;
    this.#pauseAt(nowUs);
    this.#schedule();
  }

  /** How long the slice that begins may take. */
  #lengthUs(beganUs: number): number {
    const isServing = this.#executor.server.stats.commandsProcessed !== this.#commandsBefore;
    const keyUs = this.#walkedKeys === 0 ? 0 : Math.min(KEY_US_MAX, this.#walkedUs / this.#walkedKeys);
    const byWritersUs = (this.#walk.savedKeys - this.#savedBefore) * keyUs;
    return this.#budget.next(beganUs, this.#pausedAtUs, isServing, byWritersUs);
  }

  #pauseAt(nowUs: number): void {
    this.#pausedAtUs = nowUs;
    this.#commandsBefore = this.#executor.server.stats.commandsProcessed;
    this.#savedBefore = this.#walk.savedKeys;
  }

  #end(error?: unknown): void {
    let failure = error;
    try {
      if (failure === undefined) this.#walk.finish();
    } catch (thrown) {
      failure = thrown;
    }
    this.cancel();
    this.#options.onEnd(failure);
  }
}
