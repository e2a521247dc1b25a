/** BITOP: strings combined bit by bit, as if the shorter ones ended in zeros. */
import { CHUNK_BYTES, Chunk } from '../../base/chunk.js';
import type { DataRange } from '../../base/copy.js';

export type BitOperation = 'and' | 'or' | 'xor' | 'not';

/**
 * Combines the first bytes of the target with those of the source, which is not longer; beyond the source's end AND leaves
 * zeros. `data` is the DataView of `target`. For NOT the target becomes the inverse of the source, whatever it was.
 */
export function combine(operation: BitOperation, target: Uint8Array, data: DataView, source: DataRange): void {
  const length = source.end - source.start;
  if (length <= CHUNK_BYTES) combineWords(operation, data, source.data, source.start, length);
  else combineLong(operation, target, source);
  if (operation === 'and') target.fill(0, length);
}

function combineLong(operation: BitOperation, target: Uint8Array, { buf, start, end }: DataRange): void {
  const ours = new Chunk();
  const theirs = new Chunk();
  for (let at = 0; start + at < end; at += CHUNK_BYTES) {
    const length = theirs.load(buf, start + at, end);
    ours.load(target, at, at + length);
    combineWords(operation, ours.data, theirs.data, 0, length);
    ours.bytes.copy(target, at, 0, length);
  }
}

/** Combines the first `length` bytes of `ours` with those of `theirs` from `start` on. */
function combineWords(operation: BitOperation, ours: DataView, theirs: DataView, start: number, length: number): void {
  const words = length & ~3;
  // One loop an operation: a test inside would cost as much as the work.
  switch (operation) {
    case 'and':
      for (let i = 0; i < words; i += 4)
        ours.setInt32(i, ours.getInt32(i, true) & theirs.getInt32(start + i, true), true);
      for (let i = words; i < length; i++) ours.setUint8(i, ours.getUint8(i) & theirs.getUint8(start + i));
      return;
    case 'or':
      for (let i = 0; i < words; i += 4)
        ours.setInt32(i, ours.getInt32(i, true) | theirs.getInt32(start + i, true), true);
      for (let i = words; i < length; i++) ours.setUint8(i, ours.getUint8(i) | theirs.getUint8(start + i));
      return;
    case 'xor':
      for (let i = 0; i < words; i += 4)
        ours.setInt32(i, ours.getInt32(i, true) ^ theirs.getInt32(start + i, true), true);
      for (let i = words; i < length; i++) ours.setUint8(i, ours.getUint8(i) ^ theirs.getUint8(start + i));
      return;
    case 'not':
      for (let i = 0; i < words; i += 4) ours.setInt32(i, ~theirs.getInt32(start + i, true), true);
      for (let i = words; i < length; i++) ours.setUint8(i, ~theirs.getUint8(start + i));
  }
}
