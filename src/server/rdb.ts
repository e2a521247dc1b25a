/** Wires the RDB file to the rest: loading at start, saving when asked, by save points and before the process ends. */

import path from 'node:path';
import type { ReloadOptions } from '../commands/context.js';
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import type { RdbFeed } from '../persistence/format/rdbFeed.js';
import { RdbValues } from '../persistence/format/rdbValue.js';
import type { LoadSnapshot } from '../persistence/io/aofLoader.js';
import { nodeFileSystem } from '../persistence/io/fileSystem.js';
import { isRefusal } from '../persistence/io/logSink.js';
import { RdbLoader, type RdbLoaderOptions, type RdbSource } from '../persistence/io/rdbLoader.js';
import { RdbBackgroundFile, type RdbSaveOptions, saveRdb } from '../persistence/io/rdbSaver.js';
import { lfuInitial, lruSeconds } from '../store/accessClock.js';
import type { Database } from '../store/database.js';
import type { Snapshot, Snapshots } from './snapshots.js';

/** After a failure save points wait so long. */
const RETRY_AFTER_MS = 5000;
const LRU_RANGE = 1 << 24;

export interface RdbHost {
  readonly executor: Executor;
  readonly config: Config;
  readonly snapshots: Snapshots;
}

/** A background save under way. */
interface BackgroundSave {
  readonly file: RdbBackgroundFile;
  /** Undefined when all has been written and waits to be on disk. */
  snapshot: Snapshot | undefined;
  readonly beganUs: number;
  /** Changes that the file will hold. */
  readonly dirty: number;
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
  #background: BackgroundSave | undefined;
  #isScheduled = false;
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

  /** A background save is under way, or a snapshot for replicas, which is one to Redis. */
  get saving(): boolean {
    return this.#background !== undefined || this.#host.snapshots.running?.purpose === 'replication';
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

  /** Begins to save beside serving; no snapshot may be under way. False when the file cannot be made; the log tells why. */
  saveInBackground(): boolean {
    const { executor, snapshots } = this.#host;
    this.#isScheduled = false;
    this.#saves++;
    this.#lastTryMs = this.#nowMs();
    const file = RdbBackgroundFile.create(this.#saveOptions());
    if (file === undefined) {
      this.#ended(false);
      return false;
    }
    const background: BackgroundSave = {
      file,
      snapshot: undefined,
      beganUs: executor.server.clock.monotonicUs(),
      dirty: executor.dirty,
    };
    background.snapshot = snapshots.start({
      purpose: 'save',
      sink: file.sink,
      onEnd: (error) => {
        background.snapshot = undefined;
        file.finish(error, (ok) => this.#finishBackground(background, ok));
      },
    });
    this.#background = background;
    this.#log('notice', 'Background saving started');
    return true;
  }

  /** BGSAVE. In a transaction, or with `mayWait` beside another snapshot, it begins later. */
  beginSave(mayWait: boolean): 'started' | 'scheduled' | 'busy' | 'failed' {
    const { executor, snapshots } = this.#host;
    if (snapshots.running === undefined && !executor.propagation.inTransaction) {
      return this.saveInBackground() ? 'started' : 'failed';
    }
    if (!mayWait) return 'busy';
    this.#isScheduled = true;
    return 'scheduled';
  }

  /** FLUSHALL: what is being saved and what an earlier file holds is gone as well. */
  saveAfterFlush(): void {
    this.#cancel();
    if (this.hasSavePoints) this.#save();
  }

  /** Save points, a few times a second. */
  tick(): void {
    const { executor, config, snapshots } = this.#host;
    if (this.saving || snapshots.running !== undefined || executor.loading || executor.loadingAside) return;
    const nowMs = this.#nowMs();
    if (!this.#isWell && nowMs - this.#lastTryMs <= RETRY_AFTER_MS) return;
    if (this.#isScheduled) {
      this.saveInBackground();
      return;
    }
    if (executor.dirty === 0) return;
    const sinceSeconds = Math.floor(nowMs / 1000) - Math.floor(this.lastSaveMs / 1000);
    const due = config.values.save.find(({ seconds, changes }) => executor.dirty >= changes && sinceSeconds > seconds);
    if (due === undefined) return;
    this.#log('notice', `${due.changes} changes in ${due.seconds} seconds. Saving...`);
    this.saveInBackground();
  }

  /** Nothing is saved any more. */
  stop(): void {
    this.#cancel();
  }

  #cancel(): void {
    const background = this.#background;
    if (background === undefined) return;
    this.#log('warning', 'A background save is under way; it ends here and its file is removed.');
    this.#background = undefined;
    background.snapshot?.cancel();
    background.file.abandon();
  }

  #finishBackground(background: BackgroundSave, ok: boolean): void {
    if (this.#background !== background) return;
    const { executor } = this.#host;
    this.#background = undefined;
    this.#lastDurationSeconds = this.#secondsSince(background.beganUs);
    if (ok) {
      executor.saved(background.dirty);
      this.lastSaveMs = this.#nowMs();
    }
    this.#ended(ok);
  }

  #ended(ok: boolean): void {
    this.#isWell = ok;
    if (ok) this.#log('notice', 'Background saving terminated with success');
    else this.#log('warning', 'Background saving error');
    this.onChange();
  }

  /** Called when {@link problem} may have changed outside of a request. */
  onChange: () => void = () => undefined;

  #save(): boolean {
    const { executor, snapshots } = this.#host;
    const facts = snapshots.facts('save');
    if (!saveRdb(executor.server.store, { ...this.#saveOptions(), values: this.#values, facts })) return false;
    executor.saved();
    this.lastSaveMs = this.#nowMs();
    this.#isWell = true;
    return true;
  }

  #saveOptions(): RdbSaveOptions {
    const { executor, config } = this.#host;
    const { server } = executor;
    return {
      files: nodeFileSystem,
      log: server.log.bind(server),
      dir: config.values.dir,
      fileName: config.values.dbfilename,
      pid: server.pid,
      syncingOften: config.values['rdb-save-incremental-fsync'],
    };
  }

  // ---------------------------------------------------------------- loading

  /** What the file that was loaded last says of itself. */
  loadedAux: ReadonlyMap<string, string> = new Map();

  /** Loads what a master has sent; keys stay until it says that they are gone. Answers why it cannot be loaded. */
  async loadReceived(file: string): Promise<string | undefined> {
    const loader = this.#open({ path: file, isPreamble: true, merging: false });
    if (loader === undefined) return `${file} does not exist`;
    return isRefusal(loader) ? loader.refused : this.#run(loader);
  }

  /** The same for what is still coming in, into databases of the caller's. */
  loadStream(feed: RdbFeed, databases: readonly Database[]): Promise<string | undefined> {
    const { store } = this.#host.executor.server;
    return this.#run(
      RdbLoader.ofStream(this.#loaderOptions({ databases, forgetAhead: () => store.forgetAhead() }), feed),
    );
  }

  /** Loads the data file, if there is one. Answers why it cannot be loaded. `keeping`: also keys whose time is over. */
  async load(keeping: boolean): Promise<string | undefined> {
    const beganUs = this.#host.executor.server.clock.monotonicUs();
    const loader = this.#open({ path: this.file, isPreamble: keeping, merging: false });
    if (loader === undefined) return undefined;
    if (isRefusal(loader)) return loader.refused;
    const outcome = await this.#run(loader);
    if (typeof outcome === 'string') return outcome;
    const seconds = (this.#host.executor.server.clock.monotonicUs() - beganUs) / 1_000_000;
    this.#log('notice', `DB loaded from disk: ${seconds.toFixed(3)} seconds`);
    return undefined;
  }

  /** Loads what an append-only file begins with. */
  readonly loadSnapshot: LoadSnapshot = async (file, pause) => {
    const loader = this.#open({ path: file, isPreamble: true, merging: false });
    if (loader === undefined) return { refused: `${file} does not exist` };
    if (isRefusal(loader)) return loader;
    const outcome = await loader.load(() => pause(loader.loadedBytes, loader.usedMemoryBytes));
    if (isRefusal(outcome)) return outcome;
    this.#note(outcome.keys, outcome.expired);
    return { endAt: outcome.endAt, usedMemoryBytes: loader.usedMemoryBytes };
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
    let delayedKeys = 0;
    const delay = (): Promise<void> => {
      const keys = loader.loadedKeys - delayedKeys;
      delayedKeys = loader.loadedKeys;
      return this.#delay(keys);
    };
    const outcome = await loader.load(() => {
      const nowUs = server.clock.monotonicUs();
      if (nowUs - toldUs >= TELL_EVERY_US) {
        toldUs = nowUs;
        this.#tellProgress();
      }
      return delay();
    });
    await delay();
    this.#loading = undefined;
    this.loadedAux = loader.aux;
    if (isRefusal(outcome)) return outcome.refused;
    this.#note(outcome.keys, outcome.expired);
    return undefined;
  }

  /** Lets others in; with key-load-delay, which tests use, for as long as so many keys are to take. */
  async #delay(keys: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (let done = 0; done < keys; ) {
      const delayUs = this.#host.config.values['key-load-delay'];
      if (delayUs <= 0) return;
      const count = Math.max(1, Math.ceil(DELAY_STEP_US / delayUs));
      await new Promise((resolve) => setTimeout(resolve, (count * delayUs) / 1000));
      done += count;
    }
  }

  #note(keys: number, expired: number): void {
    this.#keysLoaded = keys;
    this.#keysExpired = expired;
  }

  #open(source: RdbSource): ReturnType<typeof RdbLoader.open> {
    return RdbLoader.open(this.#loaderOptions(this.#host.executor.server.store), source);
  }

  #loaderOptions(store: RdbLoaderOptions['store']): RdbLoaderOptions {
    const { executor, config } = this.#host;
    const { server } = executor;
    const nowMs = this.#nowMs();
    const isLfu = config.values['maxmemory-policy'].endsWith('lfu');
    const clockNow = lruSeconds(nowMs);
    return {
      files: nodeFileSystem,
      clock: server.clock,
      log: server.log.bind(server),
      store,
      values: this.#values,
      summing: config.values.rdbchecksum,
      sanitizing: config.values['sanitize-dump-payload'] === 'yes',
      isReplica: executor.following,
      accessBits: (idleSeconds, frequency) => {
        if (isLfu) return frequency < 0 ? lfuInitial(nowMs) : (lfuInitial(nowMs) & ~0xff) | frequency;
        if (idleSeconds < 0) return clockNow;
        // The clock is a ring; what is older than all of it is half of it old.
        return idleSeconds > clockNow ? (clockNow + LRU_RANGE / 2) % LRU_RANGE : clockNow - idleSeconds;
      },
    };
  }

  #tellProgress(): void {
    const [, total, , loaded, percent, eta] = this.#loadingFields().map(([, value]) => value);
    const bytes = total === 0 ? `${loaded}` : `${loaded} of ${total}`;
    const name = this.#loading?.loader.name;
    this.#log('notice', `Loading ${name}: ${percent}% (${bytes} bytes), about ${eta} seconds left`);
  }

  // ---------------------------------------------------------------- INFO

  /** Lines of INFO's persistence section. */
  infoFields(): readonly InfoField[] {
    const snapshot = this.#host.snapshots.running;
    const progress = snapshot === undefined ? 0 : (100 * snapshot.savedKeys) / Math.max(1, snapshot.totalKeys);
    return [
      ['current_fork_perc', progress.toFixed(2)],
      ['current_save_keys_processed', snapshot?.savedKeys ?? 0],
      ['current_save_keys_total', snapshot?.totalKeys ?? 0],
      ['rdb_bgsave_in_progress', this.saving ? 1 : 0],
      ['rdb_last_save_time', Math.floor(this.lastSaveMs / 1000)],
      ['rdb_last_bgsave_status', this.#isWell ? 'ok' : 'err'],
      ['rdb_last_bgsave_time_sec', this.#lastDurationSeconds],
      ['rdb_current_bgsave_time_sec', this.#savingSeconds()],
      ['rdb_saves', this.#saves],
      ['rdb_last_cow_size', 0],
      ['rdb_last_load_keys_expired', this.#keysExpired],
      ['rdb_last_load_keys_loaded', this.#keysLoaded],
      ...this.#loadingFields(),
    ];
  }

  #savingSeconds(): number {
    if (this.#background !== undefined) return this.#secondsSince(this.#background.beganUs);
    const { running } = this.#host.snapshots;
    return running?.purpose === 'replication' ? Math.floor((this.#nowMs() - running.startedAtMs) / 1000) : -1;
  }

  resetStats(): void {
    this.#saves = 0;
  }

  /** None unless the data file is being loaded. */
  #loadingFields(): readonly InfoField[] {
    if (this.#loading === undefined) return [];
    const { loader, startMs, startUs } = this.#loading;
    const { loadedBytes, sizeBytes } = loader;
    // A stream may not say how long it is: then the memory that its data took tells something.
    const expectedBytes = sizeBytes === 0 ? loader.usedMemoryBytes : sizeBytes;
    const elapsedSeconds = (this.#host.executor.server.clock.monotonicUs() - startUs) / 1_000_000;
    return [
      ['loading_start_time', Math.floor(startMs / 1000)],
      ['loading_total_bytes', sizeBytes],
      ['loading_rdb_used_mem', loader.usedMemoryBytes],
      ['loading_loaded_bytes', loadedBytes],
      ['loading_loaded_perc', ((loadedBytes / Math.max(1, expectedBytes)) * 100).toFixed(2)],
      [
        'loading_eta_seconds',
        loadedBytes === 0 ? 1 : Math.floor((elapsedSeconds * Math.max(0, expectedBytes - loadedBytes)) / loadedBytes),
      ],
    ];
  }

  #secondsSince(beganUs: number): number {
    return Math.floor((this.#host.executor.server.clock.monotonicUs() - beganUs) / 1_000_000);
  }

  #nowMs(): number {
    return this.#host.executor.server.clock.nowMs();
  }

  #log(level: 'notice' | 'warning', text: string): void {
    this.#host.executor.server.log(level, text);
  }
}

/** How often a delay looks whether it is still wanted. */
const DELAY_STEP_US = 10_000;
const TELL_EVERY_US = 2_000_000;

const MISCONF =
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may " +
  'modify the data set are disabled, because this instance is configured to report errors during writes if RDB ' +
  'snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.';
