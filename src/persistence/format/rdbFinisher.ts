/**
 * The last that is done to the bytes of an RDB file: strings are compressed, all is summed up, and the sum ends the file. That can be done
 * elsewhere than where entries are put together, in another thread: then entries are written plain, and marks say where the
 * strings are that are worth a try.
 *
 *   plain      | ... | length | string | ... | length | string | ... |
 *   marks              ^ 0                     ^ 1                        where the lengths are
 *   finished   | ... | LZF | lengths | packed | ... | length | string | ... |
 */
import { Crc64 } from '../../base/crc64.js';
import { RDB_CRC_BYTES } from './rdbFileFormat.js';
import { LENGTH_14, LENGTH_32 } from './rdbFormat.js';
import { NO_MARKS, RdbOutput } from './rdbOutput.js';

/** Takes bytes of the file, in order; they are gone when it returns. */
export type TakeBytes = (buf: Buffer, length: number) => void;

export class RdbTail {
  private readonly crc: Crc64 | undefined;
  private readonly take: TakeBytes;
  private readonly out = new RdbOutput();

  /** `summing`: `rdbchecksum` */
  constructor(summing: boolean, take: TakeBytes) {
    this.crc = summing ? new Crc64() : undefined;
    this.take = take;
  }

  /** Adds buf[0, length) to the file. Throws what the taker throws. */
  add(buf: Buffer, length: number, marks: Int32Array = NO_MARKS): void {
    if (marks.length === 0) return this.give(buf, length);
    const { out } = this;
    const data = new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
    let from = 0;
    for (const mark of marks) {
      out.plain(buf, data, from, mark);
      const start = mark + lengthBytes(buf[mark]);
      from = start + lengthAt(buf, mark);
      out.view({ buf, data, start, end: from, lease: undefined });
    }
    out.plain(buf, data, from, length);
    this.give(out.buf, out.length);
    out.reset();
  }

  /** Ends the file. */
  finish(): void {
    const sum = Buffer.alloc(RDB_CRC_BYTES);
    this.crc?.write(sum, 0);
    this.take(sum, sum.length);
  }

  private give(buf: Buffer, length: number): void {
    this.crc?.update(buf, 0, length);
    this.take(buf, length);
  }
}

function lengthBytes(first: number): number {
  if (first < LENGTH_14) return 1;
  return first < LENGTH_32 ? 2 : 5;
}

function lengthAt(buf: Buffer, at: number): number {
  const first = buf[at];
  if (first < LENGTH_14) return first;
  return first < LENGTH_32 ? ((first & 63) << 8) | buf[at + 1] : buf.readUInt32BE(at + 1);
}
