/** Writes an RDB file, in chunks: its head, entries (rdbEntryWriter.ts), its end with the checksum. */
import type { Store } from '../../store/store.js';
import { RdbEntryWriter } from './rdbEntryWriter.js';
import type { RdbFileFacts } from './rdbFileFormat.js';
import * as file from './rdbFileFormat.js';
import { RdbTail, type TakeBytes } from './rdbFinisher.js';
import { RDB_VERSION } from './rdbFormat.js';
import type { RdbFinisher } from './rdbOutput.js';
import type { RdbValues } from './rdbValue.js';

const CHUNK_BYTES = 128 * 1024;

/** One a file. */
export class RdbFileWriter {
  readonly entries: RdbEntryWriter;
  private readonly facts: RdbFileFacts;
  private readonly tail: RdbTail;
  private readonly finisher: RdbFinisher | undefined;

  /** With a finisher, the file goes there, but for its sum. */
  constructor(
    values: RdbValues,
    facts: RdbFileFacts,
    take: TakeBytes,
    sized = new Set<number>(),
    finisher: RdbFinisher | undefined = undefined,
  ) {
    this.facts = facts;
    this.tail = new RdbTail(facts.summing, take);
    this.finisher = finisher;
    this.entries = new RdbEntryWriter(values, facts, sized);
    if (finisher !== undefined) this.entries.out.leaveCompression();
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
    this.entries.out.byte(file.OP_EOF);
    this.give();
    if (this.finisher === undefined) this.tail.finish();
  }

  /** Gives the taker what has been written when it is worth a call. */
  giveWhatIsFull(): void {
    if (this.entries.out.length >= CHUNK_BYTES) this.give();
  }

  private give(): void {
    const { out } = this.entries;
    if (this.finisher !== undefined) return out.handOver(this.finisher);
    this.tail.add(out.buf, out.length);
    out.reset();
  }
}
