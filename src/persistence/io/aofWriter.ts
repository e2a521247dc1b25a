/**
 * Writes commands to the append-only file under one of three promises (`appendfsync`):
 *
 *   always    flush() returns when everything appended is on disk. One sync serves all commands of a round.
 *   everysec  flush() hands everything to the kernel; a background sync follows every second.
 *   no        flush() hands everything to the kernel, which syncs when it likes.
 *
 * The server appends while it runs commands and calls flush() once a round of its event loop, before the replies of that
 * round leave, and ten times a second besides. At any time one background sync at most is under way.
 *
 *   file   | synced                | written, not synced        |  pending (AofBuffer)
 *          0                       #syncedBytes                 #fileBytes
 *
 * Invariant: what lies before #fileBytes is whole commands, unless a short write could not be undone; then the missing
 * rest is what the buffer begins with.
 */
import type { Clock } from '../../base/clock.js';
import { AofBuffer } from '../format/aofCommand.js';
import type { OpenFile } from './aofFiles.js';
import { errorText, type FileSystem } from './fileSystem.js';
import type { LogSink } from './logSink.js';

export type FsyncPolicy = 'always' | 'everysec' | 'no';

export interface AofWriterOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly log: LogSink;
  readonly policy: FsyncPolicy;
  /** Syncs wait while this says so: `no-appendfsync-on-rewrite`, and the disk is busy with a rewrite or a save. */
  readonly holdsSyncs?: () => boolean;
  /**
   * A write or sync failed under 'always'. The replies of this round promise what is not on disk, so they must not
   * leave: the process has to end with exit code 1. The reason has been logged.
   */
  readonly onFatal: (reason: string) => void;
  /** More is on disk than before: see {@link AofWriter.syncedBytes}. Called within a flush with 'always'. */
  readonly onSynced?: () => void;
}

/** What INFO persistence prints of it. */
export interface AofStats {
  /** Base and incremental files, `aof_current_size`. */
  readonly currentSizeBytes: number;
  /** `aof_base_size` */
  readonly baseSizeBytes: number;
  /** `aof_buffer_length` */
  readonly bufferLengthBytes: number;
  /** `aof_pending_bio_fsync` */
  readonly pendingBackgroundSyncs: number;
  /** `aof_delayed_fsync` */
  readonly delayedSyncs: number;
  /** `aof_last_write_status` */
  readonly lastWriteStatus: 'ok' | 'err';
}

/** With dbIndex: the command belongs to no database, or to the only one (cluster mode). */
export const NO_DATABASE = -1;

const SECOND_US = 1_000_000;
/** How long a flush waits for the background sync before it writes all the same. */
const POSTPONE_MAX_US = 2 * SECOND_US;
const ERROR_LOG_INTERVAL_US = 30 * SECOND_US;

const FATAL_WRITE = "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...";

interface BackgroundSync {
  readonly fd: number;
  /** How much of the file it covers. */
  readonly upToBytes: number;
  /** The file has been left for a newer one, or the writer was closed. */
  closeAfter: boolean;
}

export class AofWriter {
  readonly #files: FileSystem;
  readonly #clock: Clock;
  readonly #log: LogSink;
  readonly #onFatal: (reason: string) => void;
  readonly #holdsSyncs: () => boolean;
  readonly #onSynced: () => void;
  readonly #buffer = new AofBuffer();
  #policy: FsyncPolicy;

  #fd: number;
  #fileBytes: number;
  #syncedBytes: number;
  #totalBytes: number;
  #baseBytes: number;
  /** Of the files before this one, and how much of all of them is on disk. */
  #earlierBytes = 0;
  #safeBytes = 0;
  /** The database that the last SELECT in the file named. */
  #selectedDb = NO_DATABASE;
  /** `aof-timestamp-enabled` */
  stamping = false;
  #stampedSecond = 0;

  #backgroundSync: BackgroundSync | undefined;
  /** Files left for a newer one that still need a sync before they are closed. */
  readonly #retired: number[] = [];
  #lastSyncUs: number;
  #postponedSinceUs = -1;
  #delayedSyncs = 0;

  #writeError: string | undefined;
  #syncError: string | undefined;
  #lastErrorLogUs = Number.NEGATIVE_INFINITY;
  #isDead = false;
  #isClosed = false;

  constructor(file: OpenFile, options: AofWriterOptions) {
    this.#files = options.files;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#onFatal = options.onFatal;
    this.#holdsSyncs = options.holdsSyncs ?? (() => false);
    this.#onSynced = options.onSynced ?? (() => {});
    this.#policy = options.policy;
    this.#fd = file.fd;
    this.#fileBytes = file.sizeBytes;
    // What is there was loaded, but nobody knows whether the process that wrote it lived to sync it.
    this.#syncedBytes = 0;
    this.#totalBytes = file.totalBytes;
    this.#baseBytes = file.baseBytes;
    this.#lastSyncUs = options.clock.monotonicUs();
  }

  /** Appends a command given as ranges of `buf`, behind a SELECT when it belongs to another database than the last. */
  append(dbIndex: number, buf: Uint8Array, start: Int32Array, end: Int32Array, argc: number): void {
    if (this.stamping) this.#stamp();
    if (dbIndex !== this.#selectedDb && dbIndex !== NO_DATABASE) this.#select(dbIndex);
    this.#buffer.args(buf, start, end, argc);
  }

  /**
   * Opens a rewritten command of `argc` arguments. The caller appends exactly that many to the buffer returned, with
   * text(), bulk() and integer(), before it appends anything else.
   */
  begin(dbIndex: number, argc: number): AofBuffer {
    if (this.stamping) this.#stamp();
    if (dbIndex !== this.#selectedDb && dbIndex !== NO_DATABASE) this.#select(dbIndex);
    this.#buffer.command(argc);
    return this.#buffer;
  }

  /**
   * Writes what was appended, and syncs as the policy asks. `force` writes even when a background sync is slow. Returns
   * false when the replies of this round must not leave, see `onFatal`.
   */
  flush(force: boolean): boolean {
    if (this.#isDead) return false;
    if (this.#isClosed) return true;
    if (this.#buffer.length > 0) {
      if (this.#policy === 'everysec' && !force && this.#mustPostpone()) return true;
      if (!this.#write()) return !this.#isDead;
    }
    if (this.#policy === 'no' || this.#syncedBytes === this.#fileBytes || this.#holdsSyncs()) return true;
    if (this.#policy === 'always') return this.#syncNow();
    this.#syncSometimes();
    return true;
  }

  /**
   * Why writes have to be refused now (`-MISCONF Errors writing to the AOF file: ` and this text); undefined when all
   * is well.
   */
  get error(): string | undefined {
    return this.#writeError ?? this.#syncError;
  }

  get policy(): FsyncPolicy {
    return this.#policy;
  }

  /** `CONFIG SET appendfsync`. With 'always' everything written so far is synced by the next flush(). */
  setPolicy(policy: FsyncPolicy): void {
    this.#policy = policy;
    this.#postponedSinceUs = -1;
    // Nobody would sync again, and nothing is promised any more.
    if (policy === 'no') this.#syncError = undefined;
  }

  /** What was appended so far, in this file and those before it, and is to be on disk some time. */
  get appendedBytes(): number {
    return this.#earlierBytes + this.#fileBytes + this.#buffer.length;
  }

  /** As much of {@link appendedBytes} is on disk. */
  get syncedBytes(): number {
    return this.#safeBytes;
  }

  /** A snapshot of the figures, made for INFO. */
  stats(): AofStats {
    return {
      currentSizeBytes: this.#totalBytes,
      baseSizeBytes: this.#baseBytes,
      bufferLengthBytes: this.#buffer.length,
      pendingBackgroundSyncs: (this.#backgroundSync === undefined ? 0 : 1) + this.#retired.length,
      delayedSyncs: this.#delayedSyncs,
      lastWriteStatus: this.error === undefined ? 'ok' : 'err',
    };
  }

  /** `CONFIG RESETSTAT` */
  resetStats(): void {
    this.#delayedSyncs = 0;
  }

  /**
   * Goes on in another file, which is empty. What was appended is written to the old one first; when that fails nothing
   * changes and false is returned. The old file is synced and closed in the background, before the new one's first
   * sync, so that a power cut does not leave a gap between them.
   */
  switchTo({ fd }: { readonly fd: number }): boolean {
    if (!this.flush(true) || this.#buffer.length > 0) return false;
    this.#retire(this.#fd);
    this.#fd = fd;
    this.#earlierBytes += this.#fileBytes;
    this.#fileBytes = 0;
    this.#syncedBytes = 0;
    this.#selectedDb = NO_DATABASE;
    this.#stampedSecond = 0;
    return true;
  }

  /** A new base took the place of all files but this one. */
  rebase(baseBytes: number): void {
    this.#totalBytes = baseBytes + this.#fileBytes;
    // With what came meanwhile: else the next rewrite would be due too soon.
    this.#baseBytes = this.#totalBytes;
  }

  /** Closes the file without writing what is left: nothing counts on it. */
  discard(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closeUnused(this.#fd);
    for (const fd of this.#retired.splice(0)) this.#closeUnused(fd);
  }

  /** At shutdown: writes and syncs everything, whatever the policy, and closes. False when some of it was lost. */
  close(): boolean {
    if (this.#isClosed) return true;
    let isComplete = this.flush(true) && this.#buffer.length === 0;
    this.#log('notice', 'Calling fsync() on the AOF file.');
    const inSync = this.#backgroundSync;
    const open = new Set([...this.#retired, this.#fd]);
    if (inSync !== undefined) open.add(inSync.fd);
    for (const fd of open) {
      try {
        this.#files.datasync(fd);
      } catch (error) {
        this.#log('warning', `Fail to fsync the AOF file: ${errorText(error)}.`);
        isComplete = false;
      }
      this.#closeUnused(fd);
    }
    this.#retired.length = 0;
    this.#isClosed = true;
    return isComplete;
  }

  /** A descriptor that a background sync still uses must not be given to another file meanwhile. */
  #closeUnused(fd: number): void {
    if (this.#backgroundSync?.fd === fd) this.#backgroundSync.closeAfter = true;
    else this.#files.close(fd);
  }

  /** Commands of another second than those before get an annotation that says so. */
  #stamp(): void {
    const second = Math.floor(this.#clock.nowMs() / 1000);
    if (second <= this.#stampedSecond) return;
    this.#stampedSecond = second;
    this.#buffer.timestamp(second);
  }

  #select(dbIndex: number): void {
    this.#buffer.command(2);
    this.#buffer.text('SELECT');
    this.#buffer.integer(dbIndex);
    this.#selectedDb = dbIndex;
  }

  /** While the disk is syncing, a write would block in the kernel: better wait a little. */
  #mustPostpone(): boolean {
    if (this.#backgroundSync?.fd !== this.#fd) return false;
    const nowUs = this.#clock.monotonicUs();
    if (this.#postponedSinceUs < 0) {
      this.#postponedSinceUs = nowUs;
      return true;
    }
    if (nowUs - this.#postponedSinceUs < POSTPONE_MAX_US) return true;
    this.#delayedSyncs++;
    this.#log(
      'notice',
      'Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync to ' +
        'complete, this may slow down Redis.',
    );
    return false;
  }

  /** Writes the whole buffer. On an error the file is as before, or the buffer holds just what is missing in it. */
  #write(): boolean {
    const buffer = this.#buffer;
    const length = buffer.length;
    this.#postponedSinceUs = -1;
    let written = 0;
    let failure: unknown;
    try {
      // A short write on a file may be a passing thing; if it is not, the next one tells why.
      while (written < length) {
        const count = this.#files.write(this.#fd, buffer.bytes, written, length - written);
        if (count <= 0) break;
        written += count;
      }
    } catch (error) {
      failure = error;
    }
    if (written === length) {
      this.#advance(length);
      if (this.#writeError !== undefined) {
        this.#log('warning', 'AOF write error looks solved, Redis can write again.');
        this.#writeError = undefined;
        this.#lastErrorLogUs = Number.NEGATIVE_INFINITY;
      }
      return true;
    }
    this.#handleWriteError(written, length, failure);
    return false;
  }

  #handleWriteError(written: number, length: number, failure: unknown): void {
    const nowUs = this.#clock.monotonicUs();
    const mayLog = nowUs - this.#lastErrorLogUs > ERROR_LOG_INTERVAL_US;
    if (mayLog) this.#lastErrorLogUs = nowUs;
    const reason = failure === undefined ? 'No space left on device' : errorText(failure);
    if (mayLog && written > 0) {
      this.#log(
        'warning',
        `Short write while writing to the AOF file: (nwritten=${written}, expected=${length}): ${reason}`,
      );
    } else if (mayLog) {
      this.#log('warning', `Error writing to the AOF file: ${reason}`);
    }
    if (written > 0) this.#undoShortWrite(written, mayLog);
    if (this.#policy === 'always') {
      this.#die(FATAL_WRITE);
      return;
    }
    this.#writeError = reason;
  }

  /** Cuts a half-written command off, so that the file loads; if that fails, only the rest remains to be written. */
  #undoShortWrite(written: number, mayLog: boolean): void {
    try {
      this.#files.truncate(this.#fd, this.#fileBytes);
    } catch (error) {
      if (mayLog) {
        this.#log(
          'warning',
          'Could not remove short write from the append-only file.  Redis may refuse to load the AOF the next time it ' +
            `starts.  ftruncate: ${errorText(error)}`,
        );
      }
      this.#advance(written);
    }
  }

  #advance(count: number): void {
    this.#fileBytes += count;
    this.#totalBytes += count;
    this.#buffer.consume(count);
  }

  #syncNow(): boolean {
    try {
      // What lies in the file before this one was acknowledged earlier.
      for (const fd of this.#unsyncedFiles()) this.#files.datasync(fd);
    } catch (error) {
      this.#die(
        `Can't persist AOF for fsync error when the AOF fsync policy is 'always': ${errorText(error)}. Exiting...`,
      );
      return false;
    }
    this.#syncedBytes = this.#fileBytes;
    this.#syncError = undefined;
    this.#noteSafe();
    return true;
  }

  /** In the order in which they were written. */
  #unsyncedFiles(): number[] {
    const inSync = this.#backgroundSync;
    const earlier = inSync === undefined || inSync.fd === this.#fd ? [] : [inSync.fd];
    return [...earlier, ...this.#retired, this.#fd];
  }

  /** Starts a background sync when one is due. */
  #syncSometimes(): void {
    if (this.#backgroundSync !== undefined) return;
    const nowUs = this.#clock.monotonicUs();
    if (nowUs - this.#lastSyncUs < SECOND_US) return;
    this.#lastSyncUs = nowUs;
    this.#startSync({ fd: this.#fd, upToBytes: this.#fileBytes, closeAfter: false });
  }

  #startSync(sync: BackgroundSync): void {
    this.#backgroundSync = sync;
    this.#files.datasyncInBackground(sync.fd, (error) => this.#endSync(sync, error));
  }

  #endSync(sync: BackgroundSync, error: unknown): void {
    this.#backgroundSync = undefined;
    if (error !== undefined) {
      if (this.#syncError === undefined) this.#log('warning', `Fail to fsync the AOF file: ${errorText(error)}`);
      // Stays until a later sync succeeds. #syncedBytes was not moved, so that one is due in a second.
      this.#syncError = errorText(error);
    } else {
      this.#syncError = undefined;
      if (sync.fd === this.#fd && sync.upToBytes > this.#syncedBytes) this.#syncedBytes = sync.upToBytes;
    }
    if (sync.closeAfter) this.#files.close(sync.fd);
    const next = this.#retired.shift();
    if (next !== undefined) this.#startSync({ fd: next, upToBytes: 0, closeAfter: true });
    if (error === undefined && next === undefined) this.#noteSafe();
  }

  /** No file before this one waits for its sync. */
  #noteSafe(): void {
    const safeBytes = this.#earlierBytes + this.#syncedBytes;
    if (safeBytes <= this.#safeBytes) return;
    this.#safeBytes = safeBytes;
    this.#onSynced();
  }

  #retire(fd: number): void {
    if (this.#syncedBytes === this.#fileBytes) return this.#closeUnused(fd);
    if (this.#backgroundSync === undefined) this.#startSync({ fd, upToBytes: 0, closeAfter: true });
    else this.#retired.push(fd);
  }

  #die(reason: string): void {
    this.#isDead = true;
    this.#log('warning', reason);
    this.#onFatal(reason);
  }
}
