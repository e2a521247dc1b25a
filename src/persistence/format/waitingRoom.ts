/**
 * What a snapshot has to take before its turn: parts of many values, each in an order of its own, in memory that is bounded.
 *
 *   held       extent, extent, ... in the scratch file | buf: in memory
 *
 * When all of them together hold more than MEMORY_BYTES, all goes to the end of the scratch file in one write, and each notes where
 * its part lies. Beside memory for what is written at once they cost sixteen bytes for each extent.
 */
import type { HeldBytes } from '../../base/heldBytes.js';
import type { Piece } from '../../base/lease.js';

/** A file without a name, for one snapshot. All throw what the file system throws. */
export interface ScratchFile {
  append(buf: Buffer, length: number): void;
  /** Reads file bytes from `position` on to buf[0, length), which are there. */
  read(buf: Buffer, length: number, position: number): void;
  close(): void;
}

export type OpenScratch = () => ScratchFile;

/** Written in about half a millisecond. */
const MEMORY_BYTES = 512 * 1024;
const PIECE_BYTES = 64 * 1024;
const INITIAL_BYTES = 256;
/** Buffers that grew beyond this are not kept by those who hold nothing. */
const KEEP_BYTES = 1024;
/** Shorter ranges are copied byte by byte: a view would cost more. */
const COPY_FROM_BYTES = 64;
const NOTHING = Buffer.alloc(0);

export class WaitingRoom {
  private readonly openScratch: OpenScratch;
  private readonly memoryBytesMax: number;
  private file: ScratchFile | undefined;
  private fileBytes = 0;
  private stage = NOTHING;
  private piece = NOTHING;
  private readonly inMemory = new Set<Held>();
  private stagedBytes = 0;
  private error: unknown;

  constructor(openScratch: OpenScratch, memoryBytesMax = MEMORY_BYTES) {
    this.openScratch = openScratch;
    this.memoryBytesMax = memoryBytesMax;
  }

  readonly hold = (): HeldBytes => new Held(this);

  /** Bytes that are held in memory. */
  get memoryBytesUsed(): number {
    return this.stagedBytes;
  }

  /** Something could not be put away. */
  get failed(): boolean {
    return this.error !== undefined;
  }

  throwIfFailed(): void {
    if (this.error !== undefined) throw this.error;
  }

  /** Whatever is still held is gone. */
  release(): void {
    this.inMemory.clear();
    this.stagedBytes = 0;
    this.file?.close();
    this.file = undefined;
    this.stage = NOTHING;
    this.piece = NOTHING;
  }

  /** Of {@link Held}: that many bytes will be added to what it has in memory. */
  admit(held: Held, bytes: number): void {
    if (this.stagedBytes + bytes > this.memoryBytesMax) this.putAway();
    this.inMemory.add(held);
    this.stagedBytes += bytes;
  }

  /** Of {@link Held}: it has nothing in memory any more. */
  leave(held: Held, bytes: number): void {
    this.inMemory.delete(held);
    this.stagedBytes -= bytes;
  }

  read(position: number, length: number): Piece {
    if (this.piece.length === 0) this.piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
    this.file?.read(this.piece, length, position);
    return { buf: this.piece, from: 0, to: length };
  }

  private putAway(): void {
    const { stage } = this;
    const room = stage.length >= this.stagedBytes ? stage : Buffer.allocUnsafeSlow(this.stagedBytes);
    this.stage = room;
    let at = 0;
    for (const held of this.inMemory) at = held.moveTo(room, at, this.fileBytes);
    this.inMemory.clear();
    this.stagedBytes = 0;
    if (this.failed) return;
    try {
      this.file ??= this.openScratch();
      this.file.append(room, at);
      this.fileBytes += at;
    } catch (error) {
      // It comes within a command that writes: that must not fail.
      this.error = error;
    }
  }
}

class Held implements HeldBytes {
  private readonly room: WaitingRoom;
  /** Positions and lengths, by turns. */
  private extents: number[] = [];
  private nextExtent = 0;
  private buf = NOTHING;
  private length = 0;

  constructor(room: WaitingRoom) {
    this.room = room;
  }

  push(buf: Uint8Array, start: number, end: number): void {
    const bytes = end - start;
    if (bytes === 0 || this.room.failed) return;
    this.room.admit(this, bytes);
    const needed = this.length + bytes;
    if (needed > this.buf.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(INITIAL_BYTES, needed, this.buf.length * 2));
      this.buf.copy(grown, 0, 0, this.length);
      this.buf = grown;
    }
    if (bytes > COPY_FROM_BYTES) this.buf.set(buf.subarray(start, end), this.length);
    else for (let i = start, at = this.length; i < end; i++) this.buf[at++] = buf[i];
    this.length = needed;
  }

  take(): Piece | undefined {
    this.room.throwIfFailed();
    const { extents, nextExtent: at } = this;
    if (at < extents.length) {
      const position = extents[at];
      const bytes = Math.min(PIECE_BYTES, extents[at + 1]);
      extents[at] += bytes;
      extents[at + 1] -= bytes;
      if (extents[at + 1] === 0) this.nextExtent += 2;
      return this.room.read(position, bytes);
    }
    if (this.length === 0) return undefined;
    const piece = { buf: this.buf, from: 0, to: this.length };
    this.release();
    return piece;
  }

  release(): void {
    if (this.length > 0) this.room.leave(this, this.length);
    this.extents = [];
    this.nextExtent = 0;
    this.buf = NOTHING;
    this.length = 0;
  }

  /** Copies what is in memory to `stage`, which will be in the file from `fileBytes` on. Answers the offset behind it. */
  moveTo(stage: Buffer, at: number, fileBytes: number): number {
    this.buf.copy(stage, at, 0, this.length);
    this.extents.push(fileBytes + at, this.length);
    const behind = at + this.length;
    this.length = 0;
    if (this.buf.length > KEEP_BYTES) this.buf = NOTHING;
    return behind;
  }
}
