/** What comes of reading a value: it belongs to no key yet. */
import type { Database } from '../../store/database.js';
import type { ExpireAtMs, Ref } from '../../store/types.js';

export interface LoadedValue {
  /** Gives the value to the key kbuf[ks, ke), whatever that was. Throws StoreFullError. */
  store(kbuf: Uint8Array, ks: number, ke: number, expireAtMs: ExpireAtMs): Ref;
  /** Lets it go. */
  discard(): void;
}

/** Elements of collections that are read in one step. */
export const ELEMENTS_A_STEP = 64;
/** Listpacks, of 4 or 8 KiB mostly. */
export const NODES_A_STEP = 8;

/**
 * A value that is read in steps, each well below a millisecond: for one that is larger than a server may stand still for. Whoever ends
 * it before its end (`return`) gets nothing, and everything is let go.
 */
export type ValueReading = Generator<undefined, LoadedValue, undefined>;

/** Reads `count` things, some of them a step; `discard` lets go of them when the reading ends early. */
export function* readInSteps(
  count: number,
  perStep: number,
  read: (count: number) => void,
  discard: () => void,
): Generator<undefined, void, undefined> {
  let isThrough = false;
  try {
    for (let left = count; left > 0; left -= perStep) {
      read(Math.min(left, perStep));
      yield undefined;
    }
    isThrough = true;
  } finally {
    if (!isThrough) discard();
  }
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
