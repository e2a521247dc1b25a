/** What the keyspace hands out: references, value types and views. */
import type { Int64 } from '../base/int64.js';
import type { Lease } from '../base/lease.js';

/**
 * Names an entry of the keyspace; 0 means absent. A signed 32-bit integer (it may be negative: compare with 0 only).
 * Dies at the next write of its database: look the key up again, or keep the reference that the writer returned.
 */
export type Ref = number;

export const TYPE_STRING = 0;
export const TYPE_LIST = 1;
export const TYPE_SET = 2;
export const TYPE_ZSET = 3;
export const TYPE_HASH = 4;
export const TYPE_STREAM = 6;

/** Two bits beside the type. For strings: whether OBJECT ENCODING must say `raw`; other types give them their own meaning. */
export const ENCODING_DEFAULT = 0;
export const ENCODING_RAW = 1;

/** When a key expires: milliseconds since the epoch, from 0 to 2^63 - 1, or NO_EXPIRE. */
export type ExpireAtMs = Int64;

/** No expire time, wherever one is asked for or answered. */
export const NO_EXPIRE = -1;

/** Keys whose buckets and entries are fetched together: as many misses as a processor has under way at once. */
export const AHEAD = 16;

/** Entries that caches hold: some 16 thousand of them take a megabyte, the second-level cache of today's servers. */
export const CACHED_ENTRIES = 16_384;

/** The longest key and the longest value, bytes: the upper limit of proto-max-bulk-len that the store carries. */
export const MAX_BYTES = 1 << 30;

/** A sum of bytes that several owners keep together, so that reading it costs nothing. */
export interface ByteCount {
  bytesUsed: number;
}

const EMPTY = Buffer.alloc(0);
const EMPTY_DATA = new DataView(EMPTY.buffer, 0, 0);

/**
 * A byte range that its owner reuses: it dies at the owner's next answer and at the next write; copy to keep.
 * `data` looks at the same memory as `buf` with the same offsets: four unaligned bytes in one load.
 */
export class ByteView {
  buf: Uint8Array = EMPTY;
  data: DataView = EMPTY_DATA;
  start = 0;
  end = 0;
  /** Lends a large value beyond the next write. */
  lease: Lease | undefined = undefined;

  get length(): number {
    return this.end - this.start;
  }

  /** Points the view at a range of `buf`, whose DataView is `data`. */
  set(buf: Uint8Array, data: DataView, start: number, end: number): this {
    this.buf = buf;
    this.data = data;
    this.start = start;
    this.end = end;
    this.lease = undefined;
    return this;
  }
}

/** What takes the entries of a table as they are at one moment (tableCut.ts), as the table sees it. */
export interface Cut {
  /** An entry with this hash is about to be added, changed or removed. */
  beforeWrite(hash: number): void;
  /** Called at the end, when the table is free again. */
  onEnd: (() => void) | undefined;
}

/** Who knows a block of bytes (blocks.ts): made by its owner, filled in there. */
export interface BlockRecord {
  /** The block's reference, or with {@link isOutside} the handle of an object. */
  block: number;
  isOutside: boolean;
}

/** Thrown before anything changed when no memory is left: by the reference space (32 GiB) or by the machine. */
export class StoreFullError extends Error {
  override name = 'StoreFullError';
}

/** Keys that lie in a database though no client can reach them. */
export interface HiddenKeys {
  /** Whether commands over all keys leave it out. */
  hides(ref: Ref): boolean;
  /** Whether it must not be evicted. */
  keeps(ref: Ref): boolean;
  /** How many are hidden. O(slots), not O(keys). */
  count(): number;
}
