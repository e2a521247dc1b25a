/**
 * Wires the RDB file to the rest: loading at start, saving when asked, by save points and before the process ends.
 *
 * There is no snapshot beside serving yet: a background save runs when the round of requests that asked for it is done, in one
 * go, and clients wait meanwhile.
 */

import path from 'node:path';
import type { ReloadOptions } from '../commands/context.js';
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import { RdbValues } from '../persistence/format/rdbValue.js';
import type { LoadSnapshot } from '../persistence/io/aofLoader.js';
import { nodeFileSystem } from '../persistence/io/fileSystem.js';
import { isRefusal } from '../persistence/io/logSink.js';
import { RdbLoader, type RdbSource } from '../persistence/io/rdbLoader.js';
import { saveRdb } from '../persistence/io/rdbSaver.js';
import { lfuInitial, lruSeconds } from '../store/accessClock.js';

/** After a failure save points wait so long. */
const RETRY_AFTER_MS = 5000;
const LRU_RANGE = 1 << 24;

export interface RdbHost {
  readonly executor: Executor;
  readonly config: Config;
}

/** A load under way: what INFO tells of it. */
interface Loading {
  readonly loader: RdbLoader;
  readonly startMs: number;
  readonly startUs: number;
}

type InfoField = readonly [string, string | number];

export class Rdb {
  lastSaveMs: number;
  readonly #host: RdbHost;
  readonly #values: RdbValues;
  #pending: NodeJS.Immediate | undefined;
  #loading: Loading | undefined;
  /** The last background save went well. */
  #isWell = true;
  #lastTryMs = Number.NEGATIVE_INFINITY;
  #lastDurationSeconds = -1;
  #keysLoaded = 0;
  #keysExpired = 0;
  #saves = 0;

  constructor(host: RdbHost) {
    this.#host = host;
    this.#values = new RdbValues(host.config);
    this.lastSaveMs = host.executor.server.startedAtMs;
  }

  /** Where the data is saved. */
  get file(): string {
    const { dir, dbfilename } = this.#host.config.values;
    return path.join(dir, dbfilename);
  }

  get fileExists(): boolean {
    return nodeFileSystem.stat(this.file) !== undefined;
  }

  /** A background save waits for its turn. */
  get saving(): boolean {
    return this.#pending !== undefined;
  }

  /** Snapshots are configured. */
  get hasSavePoints(): boolean {
    return this.#host.config.values.save.length > 0;
  }

  /** Why writes are to be refused; undefined when they are not. */
  get problem(): string | undefined {
    if (this.#isWell || !this.hasSavePoints || !this.#host.config.values['stop-writes-on-bgsave-error'])
      return undefined;
    return MISCONF;
  }

  // ---------------------------------------------------------------- saving

  /** Saves now. False when that failed; the log tells why. */
  save(): boolean {
    this.#saves++;
    return this.#save();
  }

  /** Saves when this round of requests is done. */
  saveInBackground(): void {
    if (this.saving) return;
    this.#log('notice', 'Background saving started. This version saves in one go: clients wait meanwhile');
    this.#saves++;
    this.#lastTryMs = this.#nowMs();
    this.#pending = setImmediate(() => this.#saveInTurn());
  }

  /** FLUSHALL: what an earlier file holds is gone as well. */
  saveAfterFlush(): void {
    if (!this.hasSavePoints) return;
    this.#endPending();
    this.#save();
  }

  /** Save points, a few times a second. */
  tick(): void {
    const { executor, config } = this.#host;
    if (this.saving || executor.dirty === 0 || executor.loading) return;
    // While saving means waiting, an append-only file is durable enough: a cluster's node must not be silent for seconds.
    if (config.values.appendonly) return;
    const nowMs = this.#nowMs();
    if (!this.#isWell && nowMs - this.#lastTryMs <= RETRY_AFTER_MS) return;
    const sinceSeconds = Math.floor(nowMs / 1000) - Math.floor(this.lastSaveMs / 1000);
    const due = config.values.save.find(({ seconds, changes }) => executor.dirty >= changes && sinceSeconds > seconds);
    if (due === undefined) return;
    this.#log('notice', `${due.changes} changes in ${due.seconds} seconds. Saving...`);
    this.saveInBackground();
  }

  /** Nothing is saved any more. */
  stop(): void {
    this.#endPending();
  }

  #endPending(): void {
    clearImmediate(this.#pending);
    this.#pending = undefined;
  }

  #saveInTurn(): void {
    const { executor } = this.#host;
    if (executor.loading) {
      // DEBUG LOADAOF: what is half loaded is not the data.
      this.#pending = setImmediate(() => this.#saveInTurn());
      return;
    }
    const { clock } = executor.server;
    const beganUs = clock.monotonicUs();
    const ok = this.#save();
    this.#pending = undefined;
    this.#isWell = ok;
    this.#lastDurationSeconds = Math.floor((clock.monotonicUs() - beganUs) / 1_000_000);
    if (ok) this.#log('notice', 'Background saving terminated with success');
    else this.#log('warning', 'Background saving error');
    this.onChange();
  }

  /** Called when {@link problem} may have changed outside of a request. */
  onChange: () => void = () => undefined;

  #save(): boolean {
    const { executor, config } = this.#host;
    const { server } = executor;
    const { values } = config;
    const ok = saveRdb(server.store, {
      files: nodeFileSystem,
      log: server.log.bind(server),
      dir: values.dir,
      fileName: values.dbfilename,
      pid: server.pid,
      values: this.#values,
      facts: {
        redisVersion: server.redisVersion,
        nowMs: this.#nowMs(),
        usedMemoryBytes: server.usedMemoryBytes(),
        isAofBase: false,
        compressing: values.rdbcompression,
        summing: values.rdbchecksum,
        policy: values['maxmemory-policy'],
        lfuDecayMinutes: values['lfu-decay-time'],
      },
      syncingOften: values['rdb-save-incremental-fsync'],
    });
    if (!ok) return false;
    executor.saved();
    this.lastSaveMs = this.#nowMs();
    this.#isWell = true;
    return true;
  }

  // ---------------------------------------------------------------- loading

  /** Loads the data file, if there is one. Answers why it cannot be loaded. */
  async load(): Promise<string | undefined> {
    const beganUs = this.#host.executor.server.clock.monotonicUs();
    const loader = this.#open({ path: this.file, isPreamble: false, merging: false });
    if (loader === undefined) return undefined;
    if (isRefusal(loader)) return loader.refused;
    const outcome = await this.#run(loader);
    if (typeof outcome === 'string') return `Fatal error loading the DB, check server logs. Exiting. ${outcome}`;
    const seconds = (this.#host.executor.server.clock.monotonicUs() - beganUs) / 1_000_000;
    this.#log('notice', `DB loaded from disk: ${seconds.toFixed(3)} seconds`);
    return undefined;
  }

  /** Loads what an append-only file begins with. */
  readonly loadSnapshot: LoadSnapshot = async (file, pause) => {
    const loader = this.#open({ path: file, isPreamble: true, merging: false });
    if (loader === undefined) return { refused: `${file} does not exist` };
    if (isRefusal(loader)) return loader;
    const outcome = await loader.load(() => pause(loader.loadedBytes));
    if (isRefusal(outcome)) return outcome;
    this.#note(outcome.keys, outcome.expired);
    return outcome.endAt;
  };

  /** DEBUG RELOAD, without letting anybody in between. */
  reload({ keeping, merging }: ReloadOptions): boolean {
    const { executor } = this.#host;
    if (!keeping) {
      executor.flushed(undefined);
      executor.server.store.clear();
    }
    const loader = this.#open({ path: this.file, isPreamble: false, merging });
    if (loader === undefined || isRefusal(loader)) return false;
    const outcome = loader.loadAtOnce();
    if (isRefusal(outcome)) return false;
    this.#note(outcome.keys, outcome.expired);
    executor.saved();
    this.#log('warning', 'DB reloaded by DEBUG RELOAD');
    return true;
  }

  async #run(loader: RdbLoader): Promise<string | undefined> {
    const { server } = this.#host.executor;
    this.#loading = { loader, startMs: this.#nowMs(), startUs: server.clock.monotonicUs() };
    let toldUs = this.#loading.startUs;
    const outcome = await loader.load(() => {
      const nowUs = server.clock.monotonicUs();
      if (nowUs - toldUs >= TELL_EVERY_US) {
        toldUs = nowUs;
        this.#tellProgress();
      }
      return new Promise((resolve) => setImmediate(resolve));
    });
    this.#loading = undefined;
    if (isRefusal(outcome)) return outcome.refused;
    this.#note(outcome.keys, outcome.expired);
    return undefined;
  }

  #note(keys: number, expired: number): void {
    this.#keysLoaded = keys;
    this.#keysExpired = expired;
  }

  #open(source: RdbSource): ReturnType<typeof RdbLoader.open> {
    const { executor, config } = this.#host;
    const { server } = executor;
    const nowMs = this.#nowMs();
    const isLfu = config.values['maxmemory-policy'].endsWith('lfu');
    const clockNow = lruSeconds(nowMs);
    return RdbLoader.open(
      {
        files: nodeFileSystem,
        clock: server.clock,
        log: server.log.bind(server),
        store: server.store,
        values: this.#values,
        summing: config.values.rdbchecksum,
        accessBits: (idleSeconds, frequency) => {
          if (isLfu) return frequency < 0 ? lfuInitial(nowMs) : (lfuInitial(nowMs) & ~0xff) | frequency;
          if (idleSeconds < 0) return clockNow;
          // The clock is a ring; what is older than all of it is half of it old.
          return idleSeconds > clockNow ? (clockNow + LRU_RANGE / 2) % LRU_RANGE : clockNow - idleSeconds;
        },
      },
      source,
    );
  }

  #tellProgress(): void {
    const [, total, loaded, percent, eta] = this.#loadingFields().map(([, value]) => value);
    this.#log('notice', `Loading ${this.file}: ${percent}% (${loaded} of ${total} bytes), about ${eta} seconds left`);
  }

  // ---------------------------------------------------------------- INFO

  /** Lines of INFO's persistence section. */
  infoFields(): readonly InfoField[] {
    return [
      ['rdb_bgsave_in_progress', this.saving ? 1 : 0],
      ['rdb_last_save_time', Math.floor(this.lastSaveMs / 1000)],
      ['rdb_last_bgsave_status', this.#isWell ? 'ok' : 'err'],
      ['rdb_last_bgsave_time_sec', this.#lastDurationSeconds],
      ['rdb_current_bgsave_time_sec', this.saving ? 0 : -1],
      ['rdb_saves', this.#saves],
      ['rdb_last_load_keys_expired', this.#keysExpired],
      ['rdb_last_load_keys_loaded', this.#keysLoaded],
      ...this.#loadingFields(),
    ];
  }

  resetStats(): void {
    this.#saves = 0;
  }

  /** None unless the data file is being loaded. */
  #loadingFields(): readonly InfoField[] {
    if (this.#loading === undefined) return [];
    const { loader, startMs, startUs } = this.#loading;
    const { loadedBytes, sizeBytes } = loader;
    const elapsedSeconds = (this.#host.executor.server.clock.monotonicUs() - startUs) / 1_000_000;
    return [
      ['loading_start_time', Math.floor(startMs / 1000)],
      ['loading_total_bytes', sizeBytes],
      ['loading_loaded_bytes', loadedBytes],
      ['loading_loaded_perc', ((loadedBytes / Math.max(1, sizeBytes)) * 100).toFixed(2)],
      [
        'loading_eta_seconds',
        loadedBytes === 0 ? 1 : Math.floor((elapsedSeconds * (sizeBytes - loadedBytes)) / loadedBytes),
      ],
      ['loading_rdb_used_mem', loader.usedMemoryBytes],
    ];
  }

  #nowMs(): number {
    return this.#host.executor.server.clock.nowMs();
  }

  #log(level: 'notice' | 'warning', text: string): void {
    this.#host.executor.server.log(level, text);
  }
}

const TELL_EVERY_US = 2_000_000;

const MISCONF =
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may " +
  'modify the data set are disabled, because this instance is configured to report errors during writes if RDB ' +
  'snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.';
