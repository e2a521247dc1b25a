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

export class SnapshotFile {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #fd: number;
  /** `rdb-save-incremental-fsync`, `aof-rewrite-incremental-fsync` */
  readonly #syncingOften: boolean;
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
    for (let at = 0; at < length; ) at += this.#files.write(this.#fd, buf, at, length - at);
    this.#unsyncedBytes += length;
    if (this.#syncingOften && this.#unsyncedBytes >= SYNC_EVERY_BYTES && !this.#isSyncing) this.#sync();
  }

  /** Nothing more comes: `done` hears when all is on disk and the file closed, or why not. Then {@link abandon} it. */
  finish(done: (error: unknown) => void): void {
    this.#whenIdle(() => {
      if (this.#syncError !== undefined) return done(this.#syncError);
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
