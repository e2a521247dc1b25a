import { SyncMarks } from '../replication/core/syncMarks.js';
import type { Aof } from './aof.js';

/** How much of the master's stream is on this replica's disk. */
export class DiskMarks {
  readonly #host: { readonly aof: Aof };
  #writer: Aof['writer'];
  #marks = new SyncMarks();

  constructor(host: { readonly aof: Aof }) {
    this.#host = host;
  }

  /** Everything up to `offset` has been applied. Undefined: there is no append-only file. */
  onDisk(offset: number): number | undefined {
    const { writer } = this.#host.aof;
    if (writer !== this.#writer) {
      // Another file, perhaps of another history.
      this.#writer = writer;
      this.#marks = new SyncMarks();
    }
    if (writer === undefined) return undefined;
    this.#marks.note(writer.appendedBytes, offset);
    return this.#marks.offsetAt(writer.syncedBytes);
  }
}
