/**
 * A large payload of RESTORE, checked and read in steps of well below a millisecond: first its sum, then its value. Between the steps other
 * values are read and written, so this has a reader of its own.
 */
import { Crc64 } from '../../base/crc64.js';
import type { Config } from '../../config/config.js';
import type { Database } from '../../store/database.js';
import { DUMP_CRC_BYTES, DUMP_FOOTER_BYTES, type ValueDumps } from './rdbDump.js';
import { RdbInput } from './rdbInput.js';
import type { LoadedValue } from './rdbLoaded.js';
import { RdbValues } from './rdbValue.js';

const SUM_PIECE_BYTES = 128 * 1024;

export class DumpReading {
  /** Nobody has changed the payload, and its version can be read. Meaningful when {@link step} is through. */
  isIntact = false;
  private readonly buf: Uint8Array;
  private readonly start: number;
  private readonly end: number;
  private readonly crc = new Crc64();
  private readonly input = new RdbInput();
  private readonly reading: Generator<undefined, LoadedValue | undefined, undefined>;
  private readonly unpin: () => void;
  private summedTo: number;
  private value: LoadedValue | undefined;
  /** What was thrown while it was read. */
  private error: unknown;
  private readonly skipsSum: boolean;

  /** The payload is buf[start, end), which must not change. A key of `db` will get the value. */
  constructor(
    dumps: ValueDumps,
    config: Config,
    buf: Uint8Array,
    start: number,
    end: number,
    db: Database,
    sanitizing: boolean,
  ) {
    this.buf = buf;
    this.start = start;
    this.end = end;
    this.summedTo = start;
    this.skipsSum = dumps.skipsChecksum;
    this.isIntact = dumps.isReadable(buf, start, end);
    if (this.isIntact) this.input.open(buf, start, end - DUMP_FOOTER_BYTES).sanitizing = sanitizing;
    this.reading = new RdbValues(config).readInSteps(this.input, db);
    this.unpin = db.pinLoose();
  }

  /** Does some more; false when all is done. */
  step(): boolean {
    if (!this.isIntact) return false;
    const sumEnd = this.skipsSum ? this.start : this.end - DUMP_CRC_BYTES;
    if (this.summedTo < sumEnd) {
      const to = Math.min(sumEnd, this.summedTo + SUM_PIECE_BYTES);
      this.crc.update(this.buf, this.summedTo, to);
      this.summedTo = to;
      if (to === sumEnd) this.isIntact = this.crc.equals(this.buf, sumEnd);
      return this.isIntact;
    }
    try {
      const result = this.reading.next();
      if (result.done !== true) return true;
      this.value = result.value;
    } catch (error) {
      this.error = error;
    }
    return false;
  }

  /** The value, which is the caller's to store or to discard; undefined when the payload holds none. Once only. Throws StoreFullError. */
  take(): LoadedValue | undefined {
    if (this.error !== undefined) throw this.error;
    const { value } = this;
    this.value = undefined;
    return value;
  }

  /** Lets go of all that was not taken. What was taken must have been stored or discarded. */
  release(): void {
    this.reading.return(undefined);
    this.value?.discard();
    this.value = undefined;
    this.input.close();
    this.unpin();
  }
}
