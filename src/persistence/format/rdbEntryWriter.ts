/**
 * Writes entries as an RDB file has them, one behind the other:
 *
 *   | select database, sizes | expire time | idle time or frequency | how the value is written | key | value |
 *      when it is another          if any           by policy
 */
import { idleSeconds, lfuCounter } from '../../store/accessClock.js';
import type { Database } from '../../store/database.js';
import { NO_EXPIRE, type Ref } from '../../store/types.js';
import type { RdbFileFacts } from './rdbFileFormat.js';
import * as file from './rdbFileFormat.js';
import { RdbOutput } from './rdbOutput.js';
import type { EarlyParts, SlicedValue } from './rdbSliced.js';
import type { RdbValues } from './rdbValue.js';

/** No database has been selected: the next entry selects its own. */
const UNSELECTED = -1;

/** How many keys a database has, and how many of them expire. */
export interface DatabaseSize {
  readonly index: number;
  readonly size: number;
  readonly expires: number;
}

/** A large value with all that stands before it. */
export interface SlicedEntry {
  readonly database: DatabaseSize;
  readonly head: Buffer;
  readonly value: SlicedValue;
}

export class RdbEntryWriter {
  readonly out = new RdbOutput();
  private readonly values: RdbValues;
  private readonly facts: RdbFileFacts;
  private readonly notesIdle: boolean;
  private readonly notesFrequency: boolean;
  private readonly sized: Set<number>;
  private selected = UNSELECTED;

  /** `sized` are the databases whose sizes the file has told. */
  constructor(values: RdbValues, facts: RdbFileFacts, sized: Set<number>) {
    this.values = values;
    this.facts = facts;
    this.sized = sized;
    this.out.compressing = facts.compressing;
    this.notesIdle = facts.policy.endsWith('lru');
    this.notesFrequency = facts.policy.endsWith('lfu');
  }

  /** What is written next belongs to this database. */
  select({ index, size, expires }: DatabaseSize): void {
    if (index === this.selected) return;
    const { out } = this;
    this.selected = index;
    out.byte(file.OP_SELECT_DB);
    out.count(index);
    if (this.sized.has(index)) return;
    this.sized.add(index);
    out.byte(file.OP_RESIZE_DB);
    out.count(size);
    out.count(expires);
  }

  /** Writes an entry of the selected database. */
  entry(db: Database, ref: Ref): void {
    this.about(db, ref);
    this.keyAndValue(db, ref);
  }

  /** The same for a large value, which is taken as it is and written later; undefined when it is not large. */
  slice(db: Database, ref: Ref, database: DatabaseSize, early: EarlyParts): SlicedEntry | undefined {
    const value = this.values.slice(db, ref, early);
    if (value === undefined) return undefined;
    const { out } = this;
    const from = out.length;
    this.about(db, ref);
    out.byte(value.mark);
    out.view(db.readKey(ref));
    const head = Buffer.from(out.buf.subarray(from, out.length));
    out.length = from;
    return { database, head, value };
  }

  /** What another has written stands behind what this one has: goes on as that would have. */
  continueFrom(other: RdbEntryWriter): void {
    if (other.selected !== UNSELECTED) this.selected = other.selected;
    other.selected = UNSELECTED;
  }

  private about(db: Database, ref: Ref): void {
    const { out, facts } = this;
    const expireAtMs = db.expireAtMs(ref);
    if (expireAtMs !== NO_EXPIRE) {
      out.byte(file.OP_EXPIRE_MS);
      out.time(expireAtMs);
    }
    if (this.notesIdle) {
      out.byte(file.OP_IDLE);
      out.count(idleSeconds(db.getLru(ref), facts.nowMs));
    } else if (this.notesFrequency) {
      out.byte(file.OP_FREQ);
      out.byte(lfuCounter(db.getLru(ref), facts.nowMs, facts.lfuDecayMinutes));
    }
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
}
