/**
 * What a connection has to send and the kernel has not taken yet: plain bytes, which may be shared with other connections (a
 * message to many subscribers), and parcels (long values that are lent, see base/lease.ts).
 *
 *   #items   | sent ... | bytes | bytes | parcel | bytes |
 *                         ^ #first, of which #taken bytes have left
 *
 * Short pieces that follow each other leave in one write: copying them costs less than the system calls that this saves.
 */
import type { Parcel } from '../base/lease.js';

/** Pieces are put together up to so many bytes. */
const JOIN_BYTES = 64 * 1024;
/** Places that are empty at the front are kept until there are so many. */
const COMPACT_FROM = 64;

/** buf[from, to) is to be written; a piece of a parcel says so, and must be told when it has landed. */
export interface OutgoingPiece {
  readonly buf: Buffer;
  readonly from: number;
  readonly to: number;
  readonly parcel: Parcel | undefined;
}

export class SendQueue {
  /** Not taken yet. */
  bytes = 0;
  #items: (Buffer | Parcel)[] = [];
  #first = 0;
  #taken = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  /** The bytes must not be changed afterwards. */
  push(item: Buffer | Parcel): void {
    if (item.length === 0) return;
    this.#items.push(item);
    this.bytes += item.length;
  }

  /** The memory of `buf` is needed for something else. */
  pushCopy(buf: Buffer, from: number, to: number): void {
    if (to > from) this.push(Buffer.from(buf.subarray(from, to)));
  }

  /** Takes the next piece, of `max` bytes at most. The queue must not be empty. */
  take(max: number): OutgoingPiece {
    const item = this.#items[this.#first];
    if (!Buffer.isBuffer(item)) {
      const { buf, from, to } = item.take(max);
      if (item.length === 0) this.#drop(1);
      this.bytes -= to - from;
      return { buf, from, to, parcel: item };
    }
    const run = this.#shortRun(Math.min(max, JOIN_BYTES));
    if (run > 1) return this.#joined(run);
    const from = this.#taken;
    const to = Math.min(item.length, from + max);
    this.#taken = to;
    if (to === item.length) this.#drop(1);
    this.bytes -= to - from;
    return { buf: item, from, to, parcel: undefined };
  }

  /** Forgets everything. */
  release(): void {
    for (let i = this.#first; i < this.#items.length; i++) {
      const item = this.#items[i];
      if (!Buffer.isBuffer(item)) item.release();
    }
    this.#items = [];
    this.#first = 0;
    this.#taken = 0;
    this.bytes = 0;
  }

  /** How many items from the first on are plain and together no longer than `limit`. */
  #shortRun(limit: number): number {
    let bytes = -this.#taken;
    let count = 0;
    for (let i = this.#first; i < this.#items.length; i++, count++) {
      const item = this.#items[i];
      if (!Buffer.isBuffer(item)) break;
      bytes += item.length;
      if (bytes > limit) break;
    }
    return count;
  }

  #joined(count: number): OutgoingPiece {
    const parts = this.#items.slice(this.#first, this.#first + count) as Buffer[];
    if (this.#taken > 0) parts[0] = parts[0].subarray(this.#taken);
    const buf = Buffer.concat(parts);
    this.#drop(count);
    this.bytes -= buf.length;
    return { buf, from: 0, to: buf.length, parcel: undefined };
  }

  #drop(count: number): void {
    this.#first += count;
    this.#taken = 0;
    if (this.#first === this.#items.length) this.#items = [];
    else if (this.#first >= COMPACT_FROM && this.#first * 2 >= this.#items.length) this.#items.splice(0, this.#first);
    else return;
    this.#first = 0;
  }
}
