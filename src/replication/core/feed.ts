/**
 * What one replica is still to be sent, in this order:
 *
 *   | words of the protocol and bytes of the snapshot | the snapshot's file |  stream from `position` on  |
 *     #chunks                                            #file                 in the backlog, not before `streaming`
 *
 * Pieces are taken one at a time; what they are made of stays until the piece has landed.
 */
import type { Backlog, StreamPiece } from './backlog.js';

const FILE_PIECE_BYTES = 256 * 1024;

/** A file of a known length, read from its beginning. */
export interface SourceFile {
  readonly length: number;
  /** Copies bytes from `position` on to buf[0, length); answers how many. Throws when that fails. */
  read(buf: Buffer, length: number, position: number): number;
  /** It is not needed any more. */
  close(): void;
}

interface OpenFile {
  readonly source: SourceFile;
  readonly buf: Buffer;
  /** What was taken of it. */
  at: number;
}

/** What is told of a feed. */
export interface FeedEvents {
  /** `bytes` of it have left. */
  sent(bytes: number): void;
  /** The file has left, or could not be read. */
  fileEnded(error: unknown): void;
}

export class Feed {
  /** The stream was sent up to here; nothing from here on may be given up. */
  position = 0;
  /** The stream may follow what stands before it. */
  streaming = false;
  /** Bytes of snapshots that wait. */
  chunkBytes = 0;
  readonly #backlog: () => Backlog | undefined;
  readonly #events: FeedEvents;
  #chunks: Buffer[] = [];
  /** Of the first chunk, what was taken. */
  #taken = 0;
  #file: OpenFile | undefined;
  /** Of the stream, what is on its way. */
  #flying = 0;

  constructor(backlog: () => Backlog | undefined, events: FeedEvents) {
    this.#backlog = backlog;
    this.#events = events;
  }

  /** Bytes of the stream that wait: the replica's output buffer, as limits count it. */
  get bufferedBytes(): number {
    const backlog = this.#backlog();
    return backlog === undefined ? 0 : Math.max(0, backlog.end - this.position);
  }

  /** Nothing but the stream is left to send. */
  get isThroughSnapshot(): boolean {
    return this.#chunks.length === 0 && this.#file === undefined;
  }

  /** The bytes must not be changed afterwards. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.chunkBytes += chunk.length;
  }

  pushFile(source: SourceFile): void {
    this.#file = { source, buf: Buffer.allocUnsafeSlow(Math.min(FILE_PIECE_BYTES, Math.max(1, source.length))), at: 0 };
  }

  /** The next piece, of `max` bytes at most; undefined when there is nothing to send now. */
  next(max: number): StreamPiece | undefined {
    if (this.#chunks.length > 0) return this.#nextOfChunks(max);
    if (this.#file !== undefined) return this.#nextOfFile(this.#file, max);
    const backlog = this.#backlog();
    if (!this.streaming || backlog === undefined || this.position >= backlog.end) return undefined;
    const piece = backlog.piece(this.position, max);
    this.#flying = piece.to - piece.from;
    this.#events.sent(this.#flying);
    return piece;
  }

  /** The piece that was taken last has left. */
  landed(): void {
    this.position += this.#flying;
    this.#flying = 0;
    const file = this.#file;
    if (file === undefined || file.at < file.source.length || this.#chunks.length > 0) return;
    this.#closeFile();
    this.#events.fileEnded(undefined);
  }

  /** The connection is gone. */
  release(): void {
    this.#chunks = [];
    this.chunkBytes = 0;
    this.#closeFile();
    this.streaming = false;
  }

  #closeFile(): void {
    this.#file?.source.close();
    this.#file = undefined;
  }

  #nextOfChunks(max: number): StreamPiece {
    const buf = this.#chunks[0];
    const from = this.#taken;
    const to = Math.min(buf.length, from + max);
    this.#taken = to;
    if (to === buf.length) {
      this.#chunks.shift();
      this.#taken = 0;
    }
    this.chunkBytes -= to - from;
    this.#events.sent(to - from);
    return { buf, from, to };
  }

  #nextOfFile(file: OpenFile, max: number): StreamPiece | undefined {
    if (file.at >= file.source.length) return undefined;
    try {
      const length = Math.min(max, file.buf.length, file.source.length - file.at);
      const count = file.source.read(file.buf, length, file.at);
      if (count === 0) throw new Error('premature EOF');
      file.at += count;
      this.#events.sent(count);
      return { buf: file.buf, from: 0, to: count };
    } catch (error) {
      this.#closeFile();
      this.#events.fileEnded(error);
      return undefined;
    }
  }
}
