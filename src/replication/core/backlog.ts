/**
 * The end of the replication stream, kept outside of the V8 heap for replicas that have not got it yet or come back:
 *
 *   blocks    | stream..... | stream..... | stream..... | stream..|  free |
 *   position  start                  a replica                    end
 *
 * A position is the number of bytes of the stream before it. PSYNC counts from 1: the byte at position p is its offset p + 1.
 * All replicas read from the same blocks. What lies more than `sizeBytes` before the end goes, a whole block at a time, but not
 * what a replica still needs: such a backlog is longer than asked for, and the output limit of replicas bounds it.
 *
 * Invariants: every block but the first and the last is full of stream; blocks[0] holds the byte at `start`, or is empty.
 */
import { assert } from '../../base/assert.js';

const BLOCK_BYTES = 64 * 1024;
/** Places that are empty at the front are kept until there are so many. */
const COMPACT_FROM = 64;
/** A smaller backlog would not be worth the name. */
const BACKLOG_MIN_BYTES = 16 * 1024;

/** buf[from, to): part of the stream. */
export interface StreamPiece {
  readonly buf: Buffer;
  readonly from: number;
  readonly to: number;
}

export class Backlog {
  /** The first byte that is still there, and behind the last one. */
  start: number;
  end: number;
  #sizeBytes: number;
  #blocks: Buffer[] = [];
  /** blocks[0, #gone) have been given up. */
  #gone = 0;
  /** Position of the first byte of blocks[#gone]. */
  #origin: number;
  /** A block that was given up, for the next that is needed. */
  #spare: Buffer | undefined;

  /** Begins empty at `position`. */
  constructor(position: number, sizeBytes: number) {
    this.#sizeBytes = Math.max(BACKLOG_MIN_BYTES, sizeBytes);
    this.start = position;
    this.end = position;
    this.#origin = position;
  }

  /** How long it is at least, once there has been so much. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  resize(sizeBytes: number): void {
    this.#sizeBytes = Math.max(BACKLOG_MIN_BYTES, sizeBytes);
  }

  /** How much of the stream is there. */
  get length(): number {
    return this.end - this.start;
  }

  /** Memory that it takes. */
  get bytesUsed(): number {
    return (this.#blocks.length - this.#gone) * BLOCK_BYTES;
  }

  /** The part of it that is there only because a replica still needs it. A backlog of its size begins and ends within a block. */
  get heldForReplicasBytes(): number {
    return Math.max(0, this.bytesUsed - this.#sizeBytes - 2 * BLOCK_BYTES);
  }

  /** The stream goes on with buf[from, to). */
  append(buf: Uint8Array, from: number, to: number): void {
    while (from < to) {
      const used = (this.end - this.#origin) % BLOCK_BYTES;
      if (used === 0) this.#addBlock();
      const block = this.#blocks[this.#blocks.length - 1];
      const count = Math.min(BLOCK_BYTES - used, to - from);
      block.set(buf.subarray(from, from + count), used);
      from += count;
      this.end += count;
    }
  }

  /** What follows `position`, of `max` bytes at most. It stays as it is as long as {@link trim} is told that it is needed. */
  piece(position: number, max: number): StreamPiece {
    assert(position >= this.start && position < this.end, 'no such position in the backlog');
    const at = position - this.#origin;
    const from = at % BLOCK_BYTES;
    const to = Math.min(BLOCK_BYTES, from + max, from + this.end - position);
    return { buf: this.#blocks[this.#gone + Math.floor(at / BLOCK_BYTES)], from, to };
  }

  /** Gives up what is too old; nothing from `neededFrom` on. */
  trim(neededFrom: number): void {
    const keepFrom = Math.min(neededFrom, this.end - this.#sizeBytes);
    while (this.#origin + BLOCK_BYTES <= keepFrom) {
      this.#spare = this.#blocks[this.#gone];
      this.#gone++;
      this.#origin += BLOCK_BYTES;
    }
    this.start = Math.max(this.start, this.#origin);
    if (this.#gone < COMPACT_FROM || this.#gone * 2 < this.#blocks.length) return;
    this.#blocks.splice(0, this.#gone);
    this.#gone = 0;
  }

  verify(): void {
    const held = this.#blocks.length - this.#gone;
    assert(this.start >= this.#origin && this.start <= this.end, 'start of the backlog');
    assert(held === Math.ceil((this.end - this.#origin) / BLOCK_BYTES), 'blocks of the backlog');
  }

  #addBlock(): void {
    this.#blocks.push(this.#spare ?? Buffer.allocUnsafeSlow(BLOCK_BYTES));
    this.#spare = undefined;
  }
}
