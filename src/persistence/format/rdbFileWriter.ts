/** Writes an RDB file, in chunks: its head, entries (rdbEntryWriter.ts), its end with the checksum. */
import { Crc64 } from '../../base/crc64.js';
import type { Store } from '../../store/store.js';
import { RdbEntryWriter } from './rdbEntryWriter.js';
import type { RdbFileFacts } from './rdbFileFormat.js';
import * as file from './rdbFileFormat.js';
import { RDB_VERSION } from './rdbFormat.js';
import type { RdbValues } from './rdbValue.js';

const CHUNK_BYTES = 128 * 1024;

/** Takes bytes of the file, in order; they are gone when it returns. */
export type TakeBytes = (buf: Buffer, length: number) => void;

/** One a file. */
export class RdbFileWriter {
  readonly entries: RdbEntryWriter;
  private readonly facts: RdbFileFacts;
  private readonly take: TakeBytes;
  private readonly crc = new Crc64();

  constructor(values: RdbValues, facts: RdbFileFacts, take: TakeBytes, sized = new Set<number>()) {
    this.facts = facts;
    this.take = take;
    this.entries = new RdbEntryWriter(values, facts, sized);
  }

  /** Writes the whole file at once. Throws what the taker throws. */
  write(store: Pick<Store, 'databases'>): void {
    this.begin();
    for (const db of store.databases) {
      if (db.size === 0) continue;
      this.entries.select(db);
      db.forEach((ref) => {
        this.entries.entry(db, ref);
        this.giveWhatIsFull();
      });
    }
    this.finish();
  }

  begin(): void {
    const { facts } = this;
    const { out } = this.entries;
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
    const { out } = this.entries;
    out.byte(file.OP_AUX);
    out.latin1(name);
    out.latin1(value);
  }

  finish(): void {
    const { crc } = this;
    this.entries.out.byte(file.OP_EOF);
    this.give();
    const sum = Buffer.alloc(file.RDB_CRC_BYTES);
    crc.write(sum, 0);
    this.take(sum, sum.length);
  }

  /** Gives the taker what has been written when it is worth a call. */
  giveWhatIsFull(): void {
    if (this.entries.out.length >= CHUNK_BYTES) this.give();
  }

  private give(): void {
    const { out } = this.entries;
    if (this.facts.summing) this.crc.update(out.buf, 0, out.length);
    this.take(out.buf, out.length);
    out.reset();
  }
}
