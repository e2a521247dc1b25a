/**
 * Changes HyperLogLogs where they lie in the store. Sparse values become dense when a number is too great for a run or the
 * value would be longer than `hll-sparse-max-bytes`.
 *
 * What the runs look like after a change depends on their history: the same steps as in Redis lead to the same bytes.
 */
import type { Database } from '../../store/database.js';
import type { ByteView, Ref } from '../../store/types.js';
import { mergeDense, packDense, readRegister, writeRegister } from './dense.js';
import { DENSE, DENSE_BYTES, encodingOf, HEADER_BYTES, invalidateCount, REGISTERS, setEncoding } from './layout.js';
import { INDEX_BITS, INDEX_MASK } from './pattern.js';
import {
  joinRuns,
  mergeSparse,
  runBytes,
  runLength,
  runValue,
  SPARSE_COUNT_MAX,
  writeValues,
  writeZeros,
  zeroBytes,
} from './sparse.js';

export const CORRUPT = -1;
export const UNCHANGED = 0;
export const CHANGED = 1;

/** Raises each register to that of a value if that is greater. False when the value is corrupt. */
export function mergeRegisters(registers: Uint8Array, value: ByteView): boolean {
  const at = value.start + HEADER_BYTES;
  if (encodingOf(value) !== DENSE) return mergeSparse(registers, value.buf, at, value.end);
  mergeDense(registers, value.buf, at);
  return true;
}

/** Used for one value in one command. */
export class HyperLogLogEditor {
  private readonly db: Database;
  private readonly sparseMaxBytes: number;
  /** The entry, wherever changes have moved it. */
  ref: Ref;
  // The run that holds the register looked for, relative to the value's start.
  private runAt = 0;
  /** The run before it, or itself when it is the first. */
  private previousAt = 0;
  private firstIndex = 0;
  private length = 0;

  constructor(db: Database, ref: Ref, sparseMaxBytes: number) {
    this.db = db;
    this.ref = ref;
    this.sparseMaxBytes = sparseMaxBytes;
  }

  /** Raises the register of a pattern (pattern.ts) to its count. */
  add(pattern: number): number {
    return this.raise(pattern & INDEX_MASK, pattern >>> INDEX_BITS);
  }

  /** Raises a register to `count`: CHANGED, UNCHANGED when it is as great already, or CORRUPT. */
  raise(index: number, count: number): number {
    const value = this.db.readValue(this.ref);
    if (encodingOf(value) !== DENSE) return this.raiseSparse(value, index, count);
    const at = value.start + HEADER_BYTES;
    if (readRegister(value.buf, at, index) >= count) return UNCHANGED;
    writeRegister(value.buf, at, index, count);
    return CHANGED;
  }

  /** The count is no longer what it was. */
  invalidate(): void {
    invalidateCount(this.db.writableValue(this.ref));
  }

  /** Makes a sparse value dense. False when it is corrupt; then nothing has changed. */
  toDense(): boolean {
    const value = this.db.readValue(this.ref);
    if (encodingOf(value) === DENSE) return true;
    const registers = new Uint8Array(REGISTERS);
    if (!mergeRegisters(registers, value)) return false;
    const dense = this.resize(DENSE_BYTES, 0);
    setEncoding(dense.data, dense.start, DENSE);
    packDense(dense.buf, dense.start + HEADER_BYTES, registers);
    return true;
  }

  private raiseSparse(value: ByteView, index: number, count: number): number {
    if (count > SPARSE_COUNT_MAX) return this.raiseInDense(index, count);
    if (!this.locate(value, index)) return CORRUPT;
    const { buf, start } = value;
    const at = start + this.runAt;
    const old = runValue(buf[at]);
    if (old >= count) return UNCHANGED;
    if (this.length > 1 || runBytes(buf[at]) > 1) return this.splitRun(value, index, count);
    // The run is this register alone, in one byte: it changes in place.
    const writable = this.db.writableValue(this.ref);
    writeValues(writable.buf, writable.start + this.runAt, count, 1);
    this.tidy(writable, writable.end);
    return CHANGED;
  }

  /** Replaces a run by the part before the register, the register, and the part behind it. */
  private splitRun(value: ByteView, index: number, count: number): number {
    const { buf, start, length } = value;
    const old = runValue(buf[start + this.runAt]);
    const before = index - this.firstIndex;
    const behind = this.length - before - 1;
    const bytesBefore = old === 0 ? zeroBytes(before) : Math.min(before, 1);
    const bytesBehind = old === 0 ? zeroBytes(behind) : Math.min(behind, 1);
    const taken = runBytes(buf[start + this.runAt]);
    const grows = bytesBefore + 1 + bytesBehind - taken;
    if (grows > 0 && length + grows > this.sparseMaxBytes) return this.raiseInDense(index, count);

    // It shrinks only where a run of one register took two bytes, which other servers may write.
    const grown = this.resize(length + Math.max(grows, 0), this.runAt);
    const from = grown.start + this.runAt;
    grown.buf.copyWithin(from + taken + grows, from + taken, grown.start + length);
    let at = old === 0 ? writeZeros(grown.buf, from, before) : writeValues(grown.buf, from, old, before);
    at = writeValues(grown.buf, at, count, 1);
    if (old === 0) writeZeros(grown.buf, at, behind);
    else writeValues(grown.buf, at, old, behind);
    this.tidy(grown, grown.start + length + grows);
    return CHANGED;
  }

  private raiseInDense(index: number, count: number): number {
    return this.toDense() ? this.raise(index, count) : CORRUPT;
  }

  /** Finds the run of a register. False when the runs end before it. */
  private locate({ buf, start, end }: ByteView, index: number): boolean {
    let at = start + HEADER_BYTES;
    let previous = at;
    let first = 0;
    while (at < end) {
      const length = runLength(buf, at);
      if (at + runBytes(buf[at]) > end) return false;
      if (index < first + length) {
        this.runAt = at - start;
        this.previousAt = previous - start;
        this.firstIndex = first;
        this.length = length;
        return true;
      }
      previous = at;
      at += runBytes(buf[at]);
      first += length;
    }
    return false;
  }

  /** Joins what can be joined around the run that has changed, and cuts what is behind the last run. */
  private tidy(value: ByteView, runsEnd: number): void {
    const { buf, start, end } = value;
    const newEnd = joinRuns(buf, start + this.previousAt, runsEnd);
    invalidateCount(value);
    if (newEnd < end) this.resize(newEnd - start, 0);
  }

  private resize(length: number, writeFrom: number): ByteView {
    const value = this.db.resizeValue(this.ref, length, writeFrom);
    this.ref = this.db.lastRef;
    return value;
  }
}
