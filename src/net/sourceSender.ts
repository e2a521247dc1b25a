/** Sends what a source has over a stream, piece by piece, from where it lies. */
import type { OutputSource } from '../exec/session.js';
import type { Stream } from './stream.js';

/** Long replies leave in pieces of this size, and so many bytes a round of the event loop, however fast their reader is. */
export const PIECE_BYTES = 256 * 1024;
export const ROUND_BYTES = 1024 * 1024;

export class SourceSender {
  readonly #source: OutputSource;
  readonly #stream: Stream;
  /** A piece is on its way: the stream takes nothing else before {@link drained}. */
  isLeaving = false;
  #isReleased = false;

  constructor(source: OutputSource, stream: Stream) {
    this.#source = source;
    this.#stream = stream;
  }

  /** Sends about `max` bytes, if there are so many and the kernel takes them. Answers how many. */
  send(max: number): number {
    let sent = 0;
    while (sent < max && !this.isLeaving && !this.#isReleased) {
      const piece = this.#source.next(PIECE_BYTES);
      if (piece === undefined) break;
      sent += piece.to - piece.from;
      if (this.#stream.write(piece.buf, piece.from, piece.to)) this.#source.landed();
      else this.isLeaving = true;
    }
    return sent;
  }

  /** The write that did not fit has left. */
  drained(): void {
    if (!this.isLeaving) return;
    this.isLeaving = false;
    this.#source.landed();
  }

  release(): void {
    this.#isReleased = true;
    this.#source.release();
  }
}
