/** A master's snapshot on its way to memory: a file of its own in the data directory, which becomes the data file once it is loaded. */
import fs from 'node:fs';
import path from 'node:path';

/** So much at most waits for the disk at the end. */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;

export class ReceivedFile {
  readonly path: string;
  readonly #dir: string;
  #fd: number;
  #unsyncedBytes = 0;

  private constructor(dir: string, file: string, fd: number) {
    this.#dir = dir;
    this.path = file;
    this.#fd = fd;
  }

  static create(dir: string, pid: number): ReceivedFile {
    const file = path.join(dir, `temp-master-${pid}.rdb`);
    return new ReceivedFile(dir, file, fs.openSync(file, 'w', 0o644));
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(this.#fd, bytes, at);
    this.#unsyncedBytes += bytes.length;
    if (this.#unsyncedBytes < SYNC_EVERY_BYTES) return;
    fs.fdatasyncSync(this.#fd);
    this.#unsyncedBytes = 0;
  }

  /** All has come. Answers why it is not on disk. */
  finish(): string | undefined {
    try {
      fs.fdatasyncSync(this.#fd);
      return undefined;
    } catch (error) {
      return `Failed trying to sync the temp DB to disk: ${String(error)}`;
    } finally {
      this.#close();
    }
  }

  /** It is loaded, and takes the place of the data file in the same directory. */
  keepAs(name: string, warn: (text: string) => void): void {
    try {
      fs.renameSync(this.path, path.join(this.#dir, name));
      const fd = fs.openSync(this.#dir, 'r');
      fs.fsyncSync(fd);
      fs.closeSync(fd);
    } catch (error) {
      warn(`Failed trying to rename the temp DB into ${name} in MASTER <-> REPLICA synchronization: ${String(error)}`);
    }
  }

  /** It is loaded, and no file shall tell: the data file that it would have replaced goes too. */
  discardWith(name: string): void {
    this.discard();
    fs.rmSync(path.join(this.#dir, name), { force: true });
  }

  discard(): void {
    this.#close();
    fs.rmSync(this.path, { force: true });
  }

  #close(): void {
    if (this.#fd >= 0) fs.closeSync(this.#fd);
    this.#fd = -1;
  }
}
