/**
 * Writes the keyspace as commands: the base of an append-only file with `aof-use-rdb-preamble no`.
 *
 *   #TS:1700000000                              with `aof-timestamp-enabled`
 *   SELECT 0
 *   SET k v | RPUSH l a b ... | SADD s ... | ZADD z 1 a ... | HMSET h f v ... | XADD, XSETID, XGROUP, XCLAIM
 *   PEXPIREAT k 1700000012345
 *
 * A command takes 64 elements at most, as with redis-server: it neither blocks who loads it nor needs much memory. Keys come in any
 * order and from any database: a walk (aofSnapshot.ts) may write a key ahead of its turn.
 */
import type { DataRange } from '../../base/copy.js';
import type { HeldBytes } from '../../base/heldBytes.js';
import type { Config } from '../../config/config.js';
import type { Database } from '../../store/database.js';
import {
  type ExpireAtMs,
  NO_EXPIRE,
  type Ref,
  TYPE_HASH,
  TYPE_LIST,
  TYPE_SET,
  TYPE_STREAM,
  TYPE_STRING,
  TYPE_ZSET,
} from '../../store/types.js';

import { HashEditor } from '../../types/hash/hash.js';
import { Lists } from '../../types/list/lists.js';
import { SetEditor } from '../../types/set/set.js';
import type { Stream } from '../../types/stream/stream.js';
import { ZsetReader } from '../../types/zset/reader.js';
import { formatStoredScore } from '../../types/zset/score.js';
import { AofBuffer } from './aofCommand.js';
import { AofStreamWriter } from './aofStreamWriter.js';
import type { TakeBytes } from './rdbFileWriter.js';

const CHUNK_BYTES = 128 * 1024;
export const ELEMENTS_PER_COMMAND = 64;
const NO_DATABASE = -1;

export interface AofBaseFacts {
  readonly nowMs: number;
  /** `aof-timestamp-enabled` */
  readonly stamped: boolean;
}

/** One a file. */
export class AofBaseWriter {
  private readonly facts: AofBaseFacts;
  readonly take: TakeBytes;
  readonly out = new AofBuffer();
  /** What is written waits here meanwhile: somebody else gives the taker the middle of a command. */
  waiting: HeldBytes | undefined;
  private readonly lists: Lists;
  private readonly hash: HashEditor;
  private readonly set: SetEditor;
  private readonly zsets = new ZsetReader();
  readonly streams: AofStreamWriter;
  private selectedDb = NO_DATABASE;
  /** Elements that the command being written has room for. */
  private room = 0;

  constructor(config: Config, facts: AofBaseFacts, take: TakeBytes) {
    this.facts = facts;
    this.take = take;
    this.lists = new Lists(config);
    this.hash = new HashEditor(config);
    this.set = new SetEditor(config);
    this.streams = new AofStreamWriter(this.out, () => this.flushIfFull());
  }

  begin(): void {
    if (this.facts.stamped) this.out.timestamp(Math.floor(this.facts.nowMs / 1000));
  }

  /** What is written next belongs to this database. */
  select(index: number): void {
    if (index === this.selectedDb) return;
    this.selectedDb = index;
    this.out.command(2);
    this.out.text('SELECT');
    this.out.integer(index);
  }

  /** Writes a key at once. */
  key(db: Database, ref: Ref): void {
    this.select(db.index);
    this.value(db, ref);
    const expireAtMs = db.expireAtMs(ref);
    if (expireAtMs !== NO_EXPIRE) this.expire(db.readKey(ref), expireAtMs);
    this.flushIfFull();
  }

  /** Of a key of the selected database. */
  expire({ buf, start, end }: DataRange, expireAtMs: ExpireAtMs): void {
    this.out.command(3);
    this.out.text('PEXPIREAT');
    this.out.bulk(buf, start, end);
    this.out.text(String(expireAtMs));
  }

  finish(): void {
    this.flush();
  }

  private value(db: Database, ref: Ref): void {
    switch (db.type(ref)) {
      case TYPE_STRING:
        this.open('SET', db, ref, 1);
        return this.bulk(db.readValue(ref));
      case TYPE_LIST:
        return this.list(db, ref);
      case TYPE_SET:
        return this.members(db, ref);
      case TYPE_ZSET:
        return this.sortedSet(db, ref);
      case TYPE_HASH:
        return this.fields(db, ref);
      case TYPE_STREAM:
        return this.streams.write(db.object(ref) as Stream, db.readKey(ref));
    }
  }

  private list(db: Database, ref: Ref): void {
    const list = this.lists.open(db, ref);
    let left = list.length;
    for (let more = list.seek(0); more; more = list.next()) {
      this.element('RPUSH', db, ref, left--, 1);
      this.bulk(list.text());
    }
  }

  private members(db: Database, ref: Ref): void {
    const set = this.set.open(db, ref);
    let left = set.count;
    set.walk((position) => {
      this.element('SADD', db, ref, left--, 1);
      this.bulk(set.keyAt(position));
      return true;
    });
  }

  private sortedSet(db: Database, ref: Ref): void {
    const set = this.zsets.open(db, ref);
    let left = set.count;
    set.seek(0);
    do {
      this.element('ZADD', db, ref, left--, 2);
      this.out.text(formatStoredScore(set.score));
      this.bulk(set.member());
    } while (set.next());
  }

  private fields(db: Database, ref: Ref): void {
    const hash = this.hash.open(db, ref);
    let left = hash.count;
    hash.walk((position) => {
      this.element('HMSET', db, ref, left--, 2);
      this.bulk(hash.keyAt(position));
      this.bulk(hash.valueAt(position));
      return true;
    });
  }

  /** An element of `stride` arguments follows, of `left` that are left: begins a command when the one before is full. */
  private element(name: string, db: Database, ref: Ref, left: number, stride: number): void {
    if (this.room === 0) {
      this.flushIfFull();
      this.room = Math.min(left, ELEMENTS_PER_COMMAND);
      this.open(name, db, ref, this.room * stride);
    }
    this.room--;
  }

  /** A command on a key with so many arguments behind it. */
  private open(name: string, db: Database, ref: Ref, more: number): void {
    this.out.command(2 + more);
    this.out.text(name);
    this.bulk(db.readKey(ref));
  }

  private bulk({ buf, start, end }: DataRange): void {
    this.out.bulk(buf, start, end);
  }

  /** Gives the taker what has been written when it is worth a call. */
  flushIfFull(): void {
    if (this.out.length >= CHUNK_BYTES) this.flush();
  }

  flush(): void {
    const { out } = this;
    if (out.length === 0) return;
    this.pass(out.bytes, 0, out.length);
    out.consume(out.length);
  }

  /** Bytes that follow what has been flushed. */
  pass(buf: Buffer, from: number, to: number): void {
    if (this.waiting !== undefined) this.waiting.push(buf, from, to);
    else this.take(buf.subarray(from, to), to - from);
  }
}
