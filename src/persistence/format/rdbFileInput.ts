/**
 * The elements of an RDB file as its bytes come in. Only what is being read is in memory:
 *
 *   file   | read, summed, forgotten |   buf: read | not read yet   |   not come in yet   |
 *          0                         origin        at            end                     sizeBytes
 *
 * Strings that were read are ranges of `buf`. So inside a value more bytes come into a new buffer, and the old one lives as
 * long as somebody looks at it; between two keys, where nobody does, settle() reads into the same buffer again.
 */
import { Crc64 } from '../../base/crc64.js';
import { RDB_CRC_BYTES } from './rdbFileFormat.js';
import { dataOf, RdbInput } from './rdbInput.js';
import type { RdbPeek } from './rdbPeek.js';

/** 'missing' and 'wrong' are failures of the input. */
export type Checksum = 'right' | 'wrong' | 'missing' | 'not computed' | 'not looked at';

const NOT_COMPUTED = Buffer.alloc(RDB_CRC_BYTES);
const CHUNK_BYTES = 256 * 1024;

/** Copies file bytes from `position` on to buf[offset, offset + length); answers how many, 0 at the end. */
export type ReadBytes = (buf: Uint8Array, offset: number, length: number, position: number) => number;

export interface RdbFileInputOptions {
  readonly readBytes: ReadBytes;
  readonly sizeBytes: number;
  /** `rdbchecksum`: keeps the sum of what was read. */
  readonly summing: boolean;
  readonly chunkBytes?: number;
}

export class RdbFileInput extends RdbInput {
  sizeBytes: number;
  /** What was asked for last reaches beyond the end of the file. */
  isShort = false;
  private readonly readBytes: ReadBytes;
  private readonly chunkBytes: number;
  private readonly crc: Crc64 | undefined;
  /** File offset of buf[0]. */
  private origin = 0;
  /** buf[0, summedTo) is in the sum. */
  private summedTo = 0;
  private failedAt = -1;

  constructor({ readBytes, sizeBytes, summing, chunkBytes }: RdbFileInputOptions) {
    super();
    this.readBytes = readBytes;
    this.sizeBytes = sizeBytes;
    this.crc = summing ? new Crc64() : undefined;
    this.chunkBytes = chunkBytes ?? CHUNK_BYTES;
    this.open(Buffer.allocUnsafeSlow(this.chunkBytes), 0, 0);
  }

  /** File offset of what is read next; after a failure, of what could not be read. */
  get offset(): number {
    return this.failed ? this.failedAt : this.origin + this.at;
  }

  override get left(): number {
    return this.failed ? 0 : this.sizeBytes - this.origin - this.at;
  }

  /** Bytes that may follow, come or not. */
  get ahead(): number {
    return this.left;
  }

  override fail(): void {
    if (!this.failed) this.failedAt = this.origin + this.at;
    super.fail();
  }

  protected override failShort(): void {
    if (!this.failed) this.isShort = true;
    this.fail();
  }

  /** Between two keys, when nobody looks at what was read: makes use of the same memory again. Answers whether bytes moved. */
  settle(): boolean {
    const kept = this.end - this.at;
    if (this.failed || kept * 2 >= this.chunkBytes || this.origin + this.end >= this.sizeBytes) return false;
    const isRegular = this.buf.length === this.chunkBytes;
    this.continueIn(isRegular ? this.buf : Buffer.allocUnsafeSlow(this.chunkBytes), 0);
    return true;
  }

  /** Between two keys: looks for those to come. Answers up to which file offset it need not look again. */
  peek(peek: RdbPeek): number {
    return this.origin + peek.look(this.buf, this.at, this.end);
  }

  /** Reads the eight bytes that should be the sum of all before them. */
  checksum(): Checksum {
    const sumAt = this.offset;
    const right = this.sumBefore(sumAt);
    const given = Buffer.alloc(RDB_CRC_BYTES);
    for (let i = 0; i < RDB_CRC_BYTES; i++) given[i] = this.byte();
    if (this.failed) return 'missing';
    if (given.equals(NOT_COMPUTED)) return 'not computed';
    if (right === undefined) return 'not looked at';
    if (given.equals(right)) return 'right';
    this.fail();
    this.failedAt = sumAt;
    return 'wrong';
  }

  /** The sum of all bytes before this offset, at which reading stands. Undefined: it is not kept. */
  protected sumBefore(_at: number): Buffer | undefined {
    if (this.crc === undefined) return undefined;
    this.sum();
    const sum = Buffer.alloc(RDB_CRC_BYTES);
    this.crc.write(sum, 0);
    return sum;
  }

  /** A key begins here. */
  mark(): void {}

  /** Goes back to where the key began, because more may come. False: a file is what it is. */
  rewind(): boolean {
    return false;
  }

  /** Reads on from this file offset, without the sum. Nobody looks at what was read. */
  protected restart(at: number): void {
    const isRegular = this.buf.length === this.chunkBytes;
    this.open(isRegular ? this.buf : Buffer.allocUnsafeSlow(this.chunkBytes), 0, 0);
    this.origin = at;
    this.summedTo = 0;
    this.isShort = false;
  }

  protected override refill(bytes: number): boolean {
    if (this.failed || bytes > this.left) return false;
    this.continueIn(Buffer.allocUnsafeSlow(Math.max(this.chunkBytes, bytes)), bytes);
    return bytes <= this.end - this.at;
  }

  /** Moves what was not read to the start of `target` and fills it up, with `needed` bytes in all at least if they come. */
  private continueIn(target: Uint8Array, needed: number): void {
    this.sum();
    const kept = this.end - this.at;
    if (target === this.buf) target.copyWithin(0, this.at, this.end);
    else target.set(this.buf.subarray(this.at, this.end), 0);
    this.origin += this.at;
    this.at = 0;
    this.summedTo = 0;
    this.end = kept;
    if (target !== this.buf) {
      this.buf = target;
      this.data = dataOf(target);
    }
    do {
      const room = Math.min(target.length - this.end, this.sizeBytes - this.origin - this.end);
      const count = room === 0 ? 0 : this.readBytes(target, this.end, room, this.origin + this.end);
      if (count === 0) return;
      this.end += count;
    } while (this.end < needed);
  }

  /** Adds what was read to the sum. */
  private sum(): void {
    this.crc?.update(this.buf, this.summedTo, this.at);
    this.summedTo = this.at;
  }
}
