/** What comes of reading a value: it belongs to no key yet. */
import type { Database } from '../../store/database.js';
import type { ExpireAtMs, Ref } from '../../store/types.js';

export interface LoadedValue {
  /** Gives the value to the key kbuf[ks, ke), whatever that was. Throws StoreFullError. */
  store(kbuf: Uint8Array, ks: number, ke: number, expireAtMs: ExpireAtMs): Ref;
  /** Lets it go. */
  discard(): void;
}

/** A value that is a run of bytes in the store as well: strings, listpacks, intsets. The bytes must stay until then. */
export class LoadedBytes implements LoadedValue {
  private db!: Database;
  private type = 0;
  private encoding = 0;
  private buf!: Uint8Array;
  private start = 0;
  private end = 0;

  set(db: Database, type: number, encoding: number, buf: Uint8Array, start: number, end: number): this {
    this.db = db;
    this.type = type;
    this.encoding = encoding;
    this.buf = buf;
    this.start = start;
    this.end = end;
    return this;
  }

  store(kbuf: Uint8Array, ks: number, ke: number, expireAtMs: ExpireAtMs): Ref {
    const { db, type, encoding, buf, start, end } = this;
    return db.putTyped(type, encoding, kbuf, ks, ke, buf, start, end, expireAtMs);
  }

  discard(): void {}
}
