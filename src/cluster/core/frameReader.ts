/**
 * Cuts a byte stream into frames. Knows signature and length only; what is inside is decodeFrame's business.
 *
 * Chunks may end anywhere. A frame that lies whole in one chunk is passed on without a copy; what is left over at the end
 * of a chunk is kept in `#pending`, which grows with the bytes that really arrived, never with what a length field claims.
 *
 *     #pending: [ bytes of the unfinished frame | free ]
 *                0                      #filled   capacity
 */
import { asBuffer } from '../../base/bytes.js';
import { HEADER_BYTES, SIGNATURE } from './frame.js';

const INITIAL_PENDING_BYTES = 4096;
/** A frame carries at most one PUBLISH, whose message clients limit to 512 MB (proto-max-bulk-len). */
const DEFAULT_MAX_FRAME_BYTES = 1 << 30;

export class FrameReader {
  readonly #maxFrameBytes: number;
  #pending: Buffer = Buffer.alloc(0);
  #filled = 0;

  constructor(maxFrameBytes = DEFAULT_MAX_FRAME_BYTES) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Bytes held for an unfinished frame. */
  get bytesPending(): number {
    return this.#filled;
  }

  /**
   * Takes the next bytes of the stream and calls `onFrame` for every frame they complete; the frame dies when `onFrame`
   * returns. `onFrame` returns false to stop reading (the link is gone). Returns false when the stream is not the cluster
   * bus: then the link has to be closed, as nothing tells where the next frame would begin.
   */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => boolean): boolean {
    let rest = asBuffer(chunk);
    if (this.#filled > 0) {
      this.#append(rest);
      rest = this.#pending.subarray(0, this.#filled);
      this.#filled = 0;
    }
    let at = 0;
    while (rest.length - at >= 8) {
      if (rest.readUInt32BE(at) !== SIGNATURE) return false;
      const length = rest.readUInt32BE(at + 4);
      if (length < HEADER_BYTES || length > this.#maxFrameBytes) return false;
      if (rest.length - at < length) break;
      if (!onFrame(rest.subarray(at, at + length))) return true;
      at += length;
    }
    this.#keep(rest, at);
    return true;
  }

  #append(chunk: Buffer): void {
    this.#reserve(this.#filled + chunk.length);
    chunk.copy(this.#pending, this.#filled);
    this.#filled += chunk.length;
  }

  /** Keeps rest[at..] as the start of the next frame. `rest` may be #pending itself. */
  #keep(rest: Buffer, at: number): void {
    const length = rest.length - at;
    if (length === 0) {
      // A single large message must not pin its memory for good.
      if (this.#pending.length > 16 * INITIAL_PENDING_BYTES) this.#pending = Buffer.alloc(0);
      return;
    }
    // In place when it is #pending itself, or a large frame in many chunks would be copied once a chunk.
    if (at > 0 || rest.buffer !== this.#pending.buffer || rest.byteOffset !== this.#pending.byteOffset) {
      this.#reserve(length);
      rest.copy(this.#pending, 0, at);
    }
    this.#filled = length;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#pending.length) return;
    const grown = Buffer.alloc(Math.max(bytes, this.#pending.length * 2, INITIAL_PENDING_BYTES));
    this.#pending.copy(grown, 0, 0, this.#filled);
    this.#pending = grown;
  }
}
