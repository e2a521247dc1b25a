/** Writes an RDB file, in chunks; a value that is longer than one is written whole. */
import { Crc64 } from '../../base/crc64.js';
import { idleSeconds, lfuCounter } from '../../store/accessClock.js';
import type { Database } from '../../store/database.js';
import type { Store } from '../../store/store.js';
import { NO_EXPIRE, type Ref } from '../../store/types.js';
import { expireAtToInt64 } from '../../types/expireTime.js';
import * as file from './rdbFileFormat.js';
import { RDB_VERSION } from './rdbFormat.js';
import { RdbOutput } from './rdbOutput.js';
import type { RdbValues } from './rdbValue.js';

const CHUNK_BYTES = 128 * 1024;

export interface RdbFileFacts {
  /** `redis-ver` */
  readonly redisVersion: string;
  readonly nowMs: number;
  readonly usedMemoryBytes: number;
  /** The base of an append-only file. */
  readonly isAofBase: boolean;
  /** `rdbcompression` */
  readonly compressing: boolean;
  /** `rdbchecksum` */
  readonly summing: boolean;
  /** `maxmemory-policy`: what is noted of the use of each key. */
  readonly policy: string;
  /** `lfu-decay-time`, minutes. */
  readonly lfuDecayMinutes: number;
  /** More fields for the head: names and values, in turn. */
  readonly aux?: readonly string[];
}

/** Takes bytes of the file, in order; they are gone when it returns. */
export type TakeBytes = (buf: Buffer, length: number) => void;

/** One a file. */
export class RdbFileWriter {
  private readonly values: RdbValues;
  private readonly facts: RdbFileFacts;
  private readonly take: TakeBytes;
  private readonly out = new RdbOutput();
  private readonly crc = new Crc64();
  private readonly notesIdle: boolean;
  private readonly notesFrequency: boolean;

  constructor(values: RdbValues, facts: RdbFileFacts, take: TakeBytes) {
    this.values = values;
    this.facts = facts;
    this.take = take;
    this.out.compressing = facts.compressing;
    this.notesIdle = facts.policy.endsWith('lru');
    this.notesFrequency = facts.policy.endsWith('lfu');
  }

  /** Writes the whole file. Throws what the taker throws. */
  write(store: Store): void {
    this.begin();
    for (const db of store.databases) {
      if (db.size === 0) continue;
      this.beginDatabase(db);
      db.forEach((ref) => {
        this.key(db, ref);
      });
    }
    this.finish();
  }

  private begin(): void {
    const { out, facts } = this;
    const header = Buffer.from(`${file.RDB_MAGIC}${String(RDB_VERSION).padStart(4, '0')}`, 'latin1');
    out.bytes(header, 0, header.length);
    this.aux('redis-ver', facts.redisVersion);
    this.aux('redis-bits', '64');
    this.aux('ctime', String(Math.floor(facts.nowMs / 1000)));
    this.aux('used-mem', String(facts.usedMemoryBytes));
    this.aux('aof-base', facts.isAofBase ? '1' : '0');
    const aux = facts.aux ?? [];
    for (let i = 0; i < aux.length; i += 2) this.aux(aux[i], aux[i + 1]);
  }

  private aux(name: string, value: string): void {
    this.out.byte(file.OP_AUX);
    this.out.latin1(name);
    this.out.latin1(value);
  }

  private beginDatabase(db: Database): void {
    const { out } = this;
    out.byte(file.OP_SELECT_DB);
    out.count(db.index);
    out.byte(file.OP_RESIZE_DB);
    out.count(db.size);
    out.count(db.expires);
  }

  private key(db: Database, ref: Ref): void {
    const { out } = this;
    const expireAtMs = db.expireAtMs(ref);
    if (expireAtMs !== NO_EXPIRE) {
      out.byte(file.OP_EXPIRE_MS);
      this.time(expireAtMs);
    }
    if (this.notesIdle) {
      out.byte(file.OP_IDLE);
      out.count(idleSeconds(db.getLru(ref), this.facts.nowMs));
    } else if (this.notesFrequency) {
      out.byte(file.OP_FREQ);
      out.byte(lfuCounter(db.getLru(ref), this.facts.nowMs, this.facts.lfuDecayMinutes));
    }
    this.keyAndValue(db, ref);
    if (out.length >= CHUNK_BYTES) this.flush();
  }

  private time(ms: number): void {
    if (Number.isSafeInteger(ms)) return this.out.time(ms);
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(expireAtToInt64(ms));
    this.out.bytes(bytes, 0, bytes.length);
  }

  /**
   * A value begins with the byte for how it is written, but in a file the key stands between the two. So the value is written
   * over the last byte of the key, which is put back when the byte that took its place has been moved to the front.
   */
  private keyAndValue(db: Database, ref: Ref): void {
    const { out } = this;
    const typeAt = out.length;
    out.byte(0);
    out.view(db.readKey(ref));
    const lastAt = --out.length;
    const last = out.buf[lastAt];
    this.values.write(out, db, ref);
    out.buf[typeAt] = out.buf[lastAt];
    out.buf[lastAt] = last;
  }

  private finish(): void {
    const { out, crc } = this;
    out.byte(file.OP_EOF);
    this.flush();
    const sum = Buffer.alloc(file.RDB_CRC_BYTES);
    crc.write(sum, 0);
    this.take(sum, sum.length);
  }

  private flush(): void {
    const { out } = this;
    if (this.facts.summing) this.crc.update(out.buf, 0, out.length);
    this.take(out.buf, out.length);
    out.reset();
  }
}
