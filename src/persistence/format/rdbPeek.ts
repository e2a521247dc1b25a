/**
 * Looks ahead in an RDB file for the keys to come, so that the store can fetch the buckets for them from memory all at once
 * instead of one after the other. A guess and nothing more: it understands what most files are full of and stops at whatever
 * else comes, or at the end of what has been read in; RdbFileReader alone decides what the bytes mean.
 */
import { AHEAD } from '../../store/types.js';
import { OP_EXPIRE_MS, OP_EXPIRE_SECONDS, OP_FREQ, OP_IDLE } from './rdbFileFormat.js';
import * as rdb from './rdbFormat.js';

/** Nothing to be found at or behind it. */
const NOWHERE = -1;
/** A value of more strings is far from what comes behind it. */
const STRINGS_MAX = 64;
const EXPIRE_MS_BYTES = 8;
const EXPIRE_SECONDS_BYTES = 4;
const SCORE_BYTES = 8;

export class RdbPeek {
  buf: Uint8Array = new Uint8Array(0);
  /** The keys that were found in it, in the order in which they come. */
  readonly start = new Int32Array(AHEAD);
  readonly end = new Int32Array(AHEAD);
  count = 0;
  private limit = 0;
  /** Of the length that was read last. */
  private length = 0;
  private isEncoded = false;

  /** Looks from buf[from] on, where something begins, up to `limit`. Answers up to where it need not look again. */
  look(buf: Uint8Array, from: number, limit: number): number {
    this.buf = buf;
    this.limit = limit;
    this.count = 0;
    let at = from;
    while (this.count < AHEAD) {
      const next = this.skipKey(at);
      if (next === NOWHERE) break;
      at = next;
    }
    // Where nothing was found the reader goes on for a byte at least.
    return Math.max(at, from + 1);
  }

  /** Notes a key and passes over it and its value. */
  private skipKey(from: number): number {
    const { buf } = this;
    let at = from;
    let type = buf[at++];
    for (; type >= OP_IDLE; type = buf[at++]) {
      if (type === OP_EXPIRE_MS) at += EXPIRE_MS_BYTES;
      else if (type === OP_EXPIRE_SECONDS) at += EXPIRE_SECONDS_BYTES;
      else if (type === OP_FREQ) at++;
      else if (type === OP_IDLE) at = this.readLength(at);
      else return NOWHERE;
      if (at === NOWHERE || at >= this.limit) return NOWHERE;
    }
    at = this.readLength(at);
    if (at === NOWHERE || this.isEncoded || at + this.length > this.limit) return NOWHERE;
    this.start[this.count] = at;
    this.end[this.count++] = at + this.length;
    return this.skipValue(type, at + this.length);
  }

  private skipValue(type: number, at: number): number {
    switch (type) {
      case rdb.RDB_STRING:
      case rdb.RDB_SET_INTSET:
      case rdb.RDB_HASH_LISTPACK:
      case rdb.RDB_ZSET_LISTPACK:
      case rdb.RDB_SET_LISTPACK:
      case rdb.RDB_HASH_ZIPLIST:
      case rdb.RDB_ZSET_ZIPLIST:
        return this.skipString(at);
      case rdb.RDB_SET:
        return this.skipStrings(at, 1, 0);
      case rdb.RDB_HASH:
        return this.skipStrings(at, 2, 0);
      case rdb.RDB_ZSET_2:
        return this.skipStrings(at, 1, SCORE_BYTES);
      case rdb.RDB_LIST_QUICKLIST_2:
        return this.skipNode(at);
      default:
        return NOWHERE;
    }
  }

  /** A count, and so many groups of strings with `extra` bytes behind each group. */
  private skipStrings(from: number, strings: number, extra: number): number {
    let at = this.readLength(from);
    const { length } = this;
    if (length > STRINGS_MAX) return NOWHERE;
    for (let i = 0; i < length && at !== NOWHERE; i++) {
      for (let n = 0; n < strings && at !== NOWHERE; n++) at = this.skipString(at);
      if (at !== NOWHERE) at += extra;
    }
    return at;
  }

  /** A list of one node. */
  private skipNode(from: number): number {
    const at = this.readLength(from);
    if (at === NOWHERE || this.length !== 1) return NOWHERE;
    const behind = this.readLength(at);
    return behind === NOWHERE ? NOWHERE : this.skipString(behind);
  }

  private skipString(from: number): number {
    const at = this.readLength(from);
    if (at === NOWHERE || !this.isEncoded) return at === NOWHERE ? NOWHERE : at + this.length;
    switch (this.length) {
      case rdb.ENCODED_INT8:
        return at + 1;
      case rdb.ENCODED_INT16:
        return at + 2;
      case rdb.ENCODED_INT32:
        return at + 4;
      default:
        return this.skipCompressed(at);
    }
  }

  private skipCompressed(from: number): number {
    const at = this.readLength(from);
    const packed = this.length;
    const behind = at === NOWHERE ? NOWHERE : this.readLength(at);
    return behind === NOWHERE ? NOWHERE : behind + packed;
  }

  /** Reads a length into {@link length}, or the mark of an encoded string; answers what is behind it. */
  private readLength(at: number): number {
    const { buf } = this;
    // The longest kind that is understood has five bytes.
    if (at + 5 > this.limit) return NOWHERE;
    const first = buf[at];
    this.isEncoded = first >= rdb.ENCODED;
    this.length = first;
    if (first < rdb.LENGTH_14 || this.isEncoded) return at + 1;
    if (first < rdb.LENGTH_32) {
      this.length = ((first & 63) << 8) | buf[at + 1];
      return at + 2;
    }
    if (first !== rdb.LENGTH_32) return NOWHERE;
    this.length = ((buf[at + 1] << 24) | (buf[at + 2] << 16) | (buf[at + 3] << 8) | buf[at + 4]) >>> 0;
    return at + 5;
  }
}
