/**
 * Counts the nodes of the radix tree in which Redis keeps a stream's nodes by their ids, for XINFO STREAM: keys of 16 bytes, big
 * endian, chains of single children compressed into one node.
 */
import { StreamId } from './id.js';

const KEY_BYTES = 16;

/** `forEach` visits the keys in ascending order. */
export function countRadixNodes(forEach: (visit: (id: StreamId) => void) => void): number {
  const last = new StreamId();
  // Depths of the branching nodes on the way to the last key, and of its leaf.
  const spine: number[] = [];
  let count = 0;
  const close = (floor: number): void => {
    while (spine.length > 0 && spine[spine.length - 1] > floor) {
      const depth = spine.pop() as number;
      const parent = spine.length === 0 ? floor : Math.max(floor, spine[spine.length - 1]);
      // The parent holds the first byte of the way down; a chain holds the others.
      count += depth > parent + 1 ? 2 : 1;
    }
  };
  forEach((id) => {
    if (spine.length > 0) {
      const common = commonBytes(last, id);
      close(common);
      if (spine.length === 0 || spine[spine.length - 1] !== common) spine.push(common);
    }
    spine.push(KEY_BYTES);
    last.copy(id);
  });
  close(-1);
  // Without keys there is a root all the same.
  return Math.max(count, 1);
}

function commonBytes(a: StreamId, b: StreamId): number {
  if (a.msHigh !== b.msHigh) return commonInWord(a.msHigh, b.msHigh);
  if (a.msLow !== b.msLow) return 4 + commonInWord(a.msLow, b.msLow);
  if (a.seqHigh !== b.seqHigh) return 8 + commonInWord(a.seqHigh, b.seqHigh);
  return 12 + commonInWord(a.seqLow, b.seqLow);
}

function commonInWord(a: number, b: number): number {
  return Math.clz32(a ^ b) >> 3;
}
