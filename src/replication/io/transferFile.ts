/**
 * The file by way of which a snapshot goes to replicas that have to know its length. It has no name any more as soon as it is
 * open, so that whatever happens nothing of it is left, and it is closed when the last who reads it is through.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { SourceFile } from '../core/feed.js';

export class TransferFile {
  readonly isFull = false;
  readonly #fd: number;
  #length = 0;
  /** The writer, and who reads. */
  #users = 1;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  static create(dir: string, pid: number): TransferFile {
    const file = path.join(dir, `temp-repl-${pid}.rdb`);
    const fd = fs.openSync(file, 'w+', 0o600);
    fs.unlinkSync(file);
    return new TransferFile(fd);
  }

  write(buf: Buffer, length: number): void {
    for (let at = 0; at < length; ) {
      const count = fs.writeSync(this.#fd, buf, at, length - at, this.#length);
      at += count;
      this.#length += count;
    }
  }

  /** For one who reads it from its beginning to its end. */
  reader(): SourceFile {
    this.#users++;
    return {
      length: this.#length,
      read: (buf, length, position) => fs.readSync(this.#fd, buf, 0, length, position),
      close: () => this.close(),
    };
  }

  /** It has been written, or will not be. */
  close(): void {
    if (--this.#users === 0) fs.closeSync(this.#fd);
  }
}
