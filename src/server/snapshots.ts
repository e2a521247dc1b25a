/**
 * Snapshots: the whole keyspace as it is at one moment, as the bytes of an RDB file. Behind background saves, rewrites of the
 * append-only file and full resynchronizations; one at a time, as redis-server has one child at a time.
 */
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import { type RdbFileFacts, RdbFileWriter } from '../persistence/format/rdbFileWriter.js';
import { RdbValues } from '../persistence/format/rdbValue.js';

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
  /** More fields for the head of the file: names and values, in turn. */
  readonly aux?: readonly string[];
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
}

export class Snapshots {
  readonly #host: SnapshotHost;
  readonly #values: RdbValues;
  #running: Snapshot | undefined;

  constructor(host: SnapshotHost) {
    this.#host = host;
    this.#values = new RdbValues(host.config);
  }

  get running(): Snapshot | undefined {
    return this.#running;
  }

  /**
   * Begins one; none may be running. What it holds is the keyspace at this moment, which must not lie within a command that
   * writes or within a transaction.
   */
  start(options: SnapshotOptions): Snapshot {
    const { store } = this.#host.executor.server;
    let isOver = false;
    let error: unknown;
    try {
      new RdbFileWriter(this.#values, this.facts(options), (buf, length) => options.sink.write(buf, length)).write(
        store,
      );
    } catch (thrown) {
      error = thrown;
    }
    const end = setImmediate(() => {
      isOver = true;
      this.#running = undefined;
      options.onEnd(error);
    });
    let totalKeys = 0;
    for (const db of store.databases) totalKeys += db.size;
    this.#running = {
      purpose: options.purpose,
      startedAtMs: this.#host.executor.server.clock.nowMs(),
      savedKeys: totalKeys,
      totalKeys,
      cancel: () => {
        if (isOver) return;
        clearImmediate(end);
        this.#running = undefined;
      },
    };
    return this.#running;
  }

  /** What the head of the file says. */
  facts({ purpose, aux = [] }: SnapshotOptions): RdbFileFacts {
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
      aux,
    };
  }
}
