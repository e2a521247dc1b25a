import type { Piece } from './lease.js';

/** Bytes that are put away and come back in the same order, piece by piece; where they are meanwhile is the holder's affair. */
export interface HeldBytes {
  /** Copies buf[start, end). Does not throw: a holder that fails says so when the bytes are to come back. */
  push(buf: Uint8Array, start: number, end: number): void;
  /** The next piece, good until the next call of anything of the holder; undefined when all have come back. */
  take(): Piece | undefined;
  /** They are not wanted any more. */
  release(): void;
}

export type HoldBytes = () => HeldBytes;

/** All that is held, in one piece of memory. */
export function takeAll(held: HeldBytes, length: number): Buffer {
  const all = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (let piece = held.take(); piece !== undefined; piece = held.take()) {
    piece.buf.copy(all, at, piece.from, piece.to);
    at += piece.to - piece.from;
  }
  return all;
}
