/**
 * The snapshot that a master sends before its stream, in one of two forms:
 *
 *   $<length>\r\n        bytes                     the stream follows at once
 *   $EOF:<40 bytes>\r\n  bytes  <the same 40>      the stream follows when the replica has acknowledged
 *
 * As nothing follows the mark, it is only looked for at the end of what has come.
 */
import { ID_LENGTH as MARK_BYTES } from './history.js';

export class RdbTransfer {
  /** 0 when the master does not say how much there will be. */
  readonly totalBytes: number;
  readBytes = 0;
  done = false;
  readonly #mark: Buffer | undefined;
  /** The last bytes that came: they may be the mark. */
  #tail = Buffer.alloc(0);

  private constructor(totalBytes: number, mark: Buffer | undefined) {
    this.totalBytes = totalBytes;
    this.#mark = mark;
    this.done = mark === undefined && totalBytes === 0;
  }

  /** From the line before the bytes; undefined when it is none. */
  static from(line: string): RdbTransfer | undefined {
    if (line.startsWith('$EOF:') && line.length >= 5 + MARK_BYTES) {
      return new RdbTransfer(0, Buffer.from(line.slice(5, 5 + MARK_BYTES), 'latin1'));
    }
    return /^\$[0-9]{1,15}$/.test(line) ? new RdbTransfer(Number(line.slice(1)), undefined) : undefined;
  }

  /** The master waits for an acknowledgement before it goes on. */
  get hasMark(): boolean {
    return this.#mark !== undefined;
  }

  /** buf[from, to) came; `take` gets what belongs to the snapshot. Answers where that ended. */
  push(buf: Uint8Array, from: number, to: number, take: (bytes: Uint8Array) => void): number {
    if (this.#mark !== undefined) {
      this.#pushMarked(this.#mark, buf.subarray(from, to), take);
      return to;
    }
    const end = Math.min(to, from + this.totalBytes - this.readBytes);
    take(buf.subarray(from, end));
    this.readBytes += end - from;
    this.done = this.readBytes === this.totalBytes;
    return end;
  }

  #pushMarked(mark: Buffer, bytes: Uint8Array, take: (bytes: Uint8Array) => void): void {
    this.readBytes += bytes.length;
    const all = Buffer.concat([this.#tail, bytes]);
    const tailAt = Math.max(0, all.length - MARK_BYTES);
    if (tailAt > 0) take(all.subarray(0, tailAt));
    this.#tail = Buffer.from(all.subarray(tailAt));
    this.done = this.#tail.equals(mark);
  }
}
