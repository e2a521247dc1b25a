/**
 * A file that is written beside serving, by a background save or a rewrite: takes bytes in chunks, syncs in the background.
 *
 *   file   | synced        | being synced      | written since: isFull when it is as much again |
 *
 * So at most twice SYNC_EVERY_BYTES wait for the disk, and no write has to wait for the kernel to catch up. One sync is under way
 * at any time; a descriptor that is being synced is closed behind it.
 */
import type { FileSystem } from './fileSystem.js';

const SYNC_EVERY_BYTES = 4 * 1024 * 1024;
/** Bytes go to the kernel in whole pages: a write to a page that is on its way to the disk would wait for it. */
const STAGE_BYTES = 256 * 1024;

export class SnapshotFile {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #fd: number;
  /** `rdb-save-incremental-fsync`, `aof-rewrite-incremental-fsync` */
  readonly #syncingOften: boolean;
  readonly #stage = Buffer.allocUnsafeSlow(STAGE_BYTES);
  #stagedBytes = 0;
  #unsyncedBytes = 0;
  #isSyncing = false;
  #isClosed = false;
  #syncError: unknown;
  #onSynced: (() => void) | undefined;

  /** Creates the file, or empties it. Throws what the file system throws. */
  constructor(files: FileSystem, path: string, syncingOften: boolean) {
    this.#files = files;
    this.#path = path;
    this.#syncingOften = syncingOften;
    this.#fd = files.open(path, 'create');
  }

  /** Better come again when the disk has caught up; a write is taken all the same. */
  get isFull(): boolean {
    return this.#isSyncing && this.#unsyncedBytes >= SYNC_EVERY_BYTES;
  }

  write(buf: Uint8Array, length: number): void {
    if (this.#syncError !== undefined) throw this.#syncError;
    for (let at = 0; at < length; ) {
      const count = Math.min(length - at, STAGE_BYTES - this.#stagedBytes);
      this.#stage.set(buf.subarray(at, at + count), this.#stagedBytes);
      this.#stagedBytes += count;
      at += count;
      if (this.#stagedBytes === STAGE_BYTES) this.#writeStage();
    }
    if (this.#syncingOften && this.#unsyncedBytes >= SYNC_EVERY_BYTES && !this.#isSyncing) this.#sync();
  }

  /** Nothing more comes: `done` hears when all is on disk and the file closed, or why not. Then {@link abandon} it. */
  finish(done: (error: unknown) => void): void {
    this.#whenIdle(() => {
      if (this.#syncError !== undefined) return done(this.#syncError);
      try {
        this.#writeStage();
      } catch (error) {
        return done(error);
      }
      this.#onSynced = () => {
        if (this.#syncError !== undefined) return done(this.#syncError);
        this.#close();
        done(undefined);
      };
      this.#sync();
    });
  }

  /** Removes it; a `done` that is still awaited is not called. Throws what the file system throws. */
  abandon(): void {
    this.#whenIdle(() => this.#close());
    this.#files.remove(this.#path);
  }

  #writeStage(): void {
    const length = this.#stagedBytes;
    for (let at = 0; at < length; ) at += this.#files.write(this.#fd, this.#stage, at, length - at);
    this.#unsyncedBytes += length;
    this.#stagedBytes = 0;
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#files.close(this.#fd);
  }

  #sync(): void {
    this.#isSyncing = true;
    this.#unsyncedBytes = 0;
    this.#files.datasyncInBackground(this.#fd, (error) => {
      this.#isSyncing = false;
      this.#syncError ??= error;
      const then = this.#onSynced;
      this.#onSynced = undefined;
      then?.();
    });
  }

  #whenIdle(then: () => void): void {
    if (this.#isSyncing) this.#onSynced = then;
    else then();
  }
}
