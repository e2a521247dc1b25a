/**
 * What DUMP answers and RESTORE takes: a value in the RDB format with what is needed to trust it.
 *
 *   | type 1 | value | RDB version 2, little endian | CRC64 of all before 8 |
 */
import { Crc64 } from '../../base/crc64.js';
import type { Config } from '../../config/config.js';
import type { Database } from '../../store/database.js';
import type { Ref } from '../../store/types.js';
import { RDB_VERSION, RDB_VERSION_READ } from './rdbFormat.js';
import { RdbInput } from './rdbInput.js';
import type { LoadedValue } from './rdbLoaded.js';
import { RdbOutput } from './rdbOutput.js';
import type { SlicedValue } from './rdbSliced.js';
import { RdbValues } from './rdbValue.js';

const VERSION_BYTES = 2;
export const DUMP_CRC_BYTES = 8;
export const DUMP_FOOTER_BYTES = VERSION_BYTES + DUMP_CRC_BYTES;

/** One a server. */
export class ValueDumps {
  /** DEBUG SET-SKIP-CHECKSUM-VALIDATION */
  skipsChecksum = false;
  private readonly config: Config;
  private readonly values: RdbValues;
  private readonly out = new RdbOutput();
  private readonly input = new RdbInput();
  private readonly crc = new Crc64();

  constructor(config: Config) {
    this.config = config;
    this.values = new RdbValues(config);
  }

  /** The value of an entry; `use` gets it as buf[0, length), for the length of the call. */
  dump(db: Database, ref: Ref, use: (buf: Uint8Array, length: number) => void): void {
    const { out } = this;
    out.reset().compressing = this.config.values.rdbcompression;
    this.values.write(out, db, ref);
    out.byte(RDB_VERSION & 0xff);
    out.byte(RDB_VERSION >> 8);
    const at = out.length;
    this.crc.reset().update(out.buf, 0, at);
    for (let i = 0; i < DUMP_CRC_BYTES; i++) out.byte(0);
    this.crc.write(out.buf, at);
    use(out.buf, out.length);
    out.reset();
  }

  /**
   * The same for a value that is too large for one step, in pieces; undefined when it is not. The caller sees to it that nobody changes
   * the value until the last piece.
   */
  frozen(db: Database, ref: Ref): FrozenDump | undefined {
    const compressing = this.config.values.rdbcompression;
    const begin = (): SlicedValue | undefined => this.values.slice(db, ref, undefined);
    const value = begin();
    if (value === undefined) return undefined;
    value.release();
    return new FrozenDump(begin as () => SlicedValue, compressing);
  }

  /** Whether buf[start, end) is a payload that nobody has changed, of a version that can be read. */
  isIntact(buf: Uint8Array, start: number, end: number): boolean {
    if (!this.isReadable(buf, start, end)) return false;
    if (this.skipsChecksum) return true;
    return this.crc
      .reset()
      .update(buf, start, end - DUMP_CRC_BYTES)
      .equals(buf, end - DUMP_CRC_BYTES);
  }

  /** Whether it is of a version that can be read. */
  isReadable(buf: Uint8Array, start: number, end: number): boolean {
    if (end - start < DUMP_FOOTER_BYTES) return false;
    const footer = end - DUMP_FOOTER_BYTES;
    return (buf[footer] | (buf[footer + 1] << 8)) <= RDB_VERSION_READ;
  }

  /**
   * The value of an intact payload, to be given to a key of `db` or discarded, at once; undefined when it is no value. With
   * `sanitizing` it is looked at more closely. Throws StoreFullError.
   */
  load(buf: Uint8Array, start: number, end: number, db: Database, sanitizing: boolean): LoadedValue | undefined {
    const { input } = this;
    input.open(buf, start, end - DUMP_FOOTER_BYTES).sanitizing = sanitizing;
    const value = this.values.read(input, db);
    input.close();
    return value;
  }
}

/**
 * The dump of a large value in pieces. Whoever sends it must announce its length first, so it is written twice: once to be measured, once
 * for good. That takes time, but no memory.
 */
export class FrozenDump {
  /** Of all pieces; right when {@link measure} is through. */
  length = 1 + DUMP_FOOTER_BYTES;
  isBroken = false;
  private readonly begin: () => SlicedValue;
  private readonly compressing: boolean;
  private readonly scratch = new RdbOutput();
  private readonly crc = new Crc64();
  private measured: SlicedValue | undefined;
  private value: SlicedValue | undefined;
  private written = 0;

  constructor(begin: () => SlicedValue, compressing: boolean) {
    this.begin = begin;
    this.compressing = compressing;
    this.scratch.compressing = compressing;
  }

  /** Measures the next piece; false when that was the last. */
  measure(): boolean {
    this.measured ??= this.begin();
    const { scratch, measured } = this;
    scratch.reset();
    const more = measured.writePiece(scratch);
    this.length += scratch.length;
    if (more) return true;
    measured.release();
    this.measured = undefined;
    return false;
  }

  /** Writes the next piece; false when that was the last, or when the value turns out to be another than was measured: {@link isBroken}. */
  write(out: RdbOutput): boolean {
    const from = out.length;
    if (this.value === undefined) {
      this.value = this.begin();
      out.byte(this.value.mark);
    }
    out.compressing = this.compressing;
    const more = this.value.writePiece(out);
    if (!more) {
      out.byte(RDB_VERSION & 0xff);
      out.byte(RDB_VERSION >> 8);
    }
    this.crc.update(out.buf, from, out.length);
    if (!more) this.writeSum(out);
    this.written += out.length - from;
    this.isBroken = more ? this.written > this.length : this.written !== this.length;
    return more && !this.isBroken;
  }

  private writeSum(out: RdbOutput): void {
    const at = out.length;
    for (let i = 0; i < DUMP_CRC_BYTES; i++) out.byte(0);
    this.crc.write(out.buf, at);
    this.release();
  }

  /** Nothing more of it is wanted. */
  release(): void {
    this.measured?.release();
    this.value?.release();
  }
}
