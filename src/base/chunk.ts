/**
 * Memory that long strings pass through on their way to loops over bytes or words. In Node 20 a word read straight from growable
 * memory (growable.ts), where long strings live, costs four times as much as one that was copied out before.
 *
 *   string   |  64 KiB  |  64 KiB  |  64 KiB  | rest |
 *                 |
 *                 +--> chunk, small enough for the processor's cache
 */

/** Longer ranges are worth a chunk. */
export const CHUNK_BYTES = 64 * 1024;

export class Chunk {
  readonly bytes = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  readonly data = new DataView(this.bytes.buffer, this.bytes.byteOffset, CHUNK_BYTES);

  /** Copies what fits of buf[start, end); answers how many bytes. */
  load(buf: Uint8Array, start: number, end: number): number {
    const length = Math.min(CHUNK_BYTES, end - start);
    Buffer.prototype.copy.call(buf, this.bytes, 0, start, start + length);
    return length;
  }
}
