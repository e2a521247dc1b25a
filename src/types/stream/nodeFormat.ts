/**
 * A node: up to stream-node-max-entries entries in one listpack, as Redis keeps them in memory, in RDB files and in DUMP. It
 * begins with the master entry, made of the fields of the first entry:
 *
 *   | count | deleted | num-fields | field 1 | ... | field N | 0 |
 *
 * `count` entries are alive and `deleted` ones only marked. They follow in the order of their ids, each as
 *
 *   | flags | ms-diff | seq-diff |              value 1 | ... |           value N | lp-count |    with SAME_FIELDS
 *   | flags | ms-diff | seq-diff | num-fields | field 1 | value 1 | ... | value N | lp-count |    without
 *
 * Diffs are to the node's id (modulo 2^64), the id of the first entry. `lp-count` is how many elements lie before it back to
 * the flags: the way to walk backward. The 0 of the master entry stands where an lp-count would.
 */
import type { ListpackCursor } from '../listpack/cursor.js';
import { validate } from '../listpack/format.js';
import type { StreamId } from './id.js';
import { highWord } from './uint64.js';

export const DELETED = 1;
export const SAME_FIELDS = 2;

/** The elements of an entry without its fields, values and lp-count: flags and two diffs. */
export const ENTRY_HEAD = 3;

const WORD = 4294967296;

/** The integer on which the cursor stands: a 64-bit number that is added to two words of `id`. */
function addTo(high: number, low: number, cursor: ListpackCursor): { high: number; low: number } {
  const addLow = cursor.isWide ? cursor.data.getInt32(cursor.at + 1, true) : cursor.int | 0;
  const addHigh = cursor.isWide ? cursor.data.getInt32(cursor.at + 5, true) : highWord(cursor.int);
  const sum = (low >>> 0) + (addLow >>> 0);
  return { high: (high + addHigh + (sum >= WORD ? 1 : 0)) | 0, low: sum | 0 };
}

/** From the flags of an entry: steps over both diffs and makes `id`, which is the node's, the entry's. */
export function readEntryId(cursor: ListpackCursor, id: StreamId): void {
  cursor.next();
  if (isSmall(cursor, id.msLow)) id.msLow += cursor.int;
  else {
    const { high, low } = addTo(id.msHigh, id.msLow, cursor);
    id.msHigh = high;
    id.msLow = low;
  }
  cursor.next();
  if (isSmall(cursor, id.seqLow)) id.seqLow += cursor.int;
  else {
    const { high, low } = addTo(id.seqHigh, id.seqLow, cursor);
    id.seqHigh = high;
    id.seqLow = low;
  }
}

/** Nearly every diff is small and leaves the high word alone. */
function isSmall(cursor: ListpackCursor, low: number): boolean {
  const { int } = cursor;
  return int >= 0 && int < 1 << 30 && (low < 0 ? low + int < 0 : low + int <= 0x7fffffff);
}

/** The difference of two 64-bit numbers as a signed one: a safe integer if it is one, else a bigint. */
export function difference(aHigh: number, aLow: number, bHigh: number, bLow: number): number | bigint {
  const low = (aLow >>> 0) - (bLow >>> 0);
  const high = (aHigh - bHigh - (low < 0 ? 1 : 0)) | 0;
  const value = high * WORD + (low >>> 0);
  if (Number.isSafeInteger(value)) return value;
  return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low >>> 0));
}

/**
 * Whether bytes from outside are a node that holds together: every count and lp-count right, at least one entry, dead or alive.
 * `cursor` is used for the walk.
 */
export function validateNode(
  cursor: ListpackCursor,
  buf: Uint8Array,
  data: DataView,
  start: number,
  end: number,
): boolean {
  if (!validate(buf, data, start, end, true)) return false;
  cursor.open(buf, data, start, end);
  const count = readInt(cursor);
  const deleted = readInt(cursor);
  const fields = readInt(cursor);
  if (count < 0 || deleted < 0 || fields < 0 || count + deleted <= 0) return false;
  for (let i = 0; i < fields; i++) if (!cursor.next()) return false;
  if (readInt(cursor) !== 0) return false;
  let marked = 0;
  for (let i = 0; i < count + deleted; i++) {
    const flags = readInt(cursor);
    if (flags < 0 || readAnyInt(cursor) === false || readAnyInt(cursor) === false) return false;
    const own = (flags & SAME_FIELDS) === 0;
    const entryFields = own ? readInt(cursor) : fields;
    if (entryFields < 0) return false;
    const elements = own ? 2 * entryFields : entryFields;
    for (let n = 0; n < elements; n++) if (!cursor.next()) return false;
    if (readInt(cursor) !== ENTRY_HEAD + elements + (own ? 1 : 0)) return false;
    if ((flags & DELETED) !== 0) marked++;
  }
  return marked === deleted && !cursor.next();
}

/** The next element as a number that is not negative; -1 when it is none. */
function readInt(cursor: ListpackCursor): number {
  return cursor.next() && cursor.isInt && !cursor.isWide && cursor.int >= 0 ? cursor.int : -1;
}

function readAnyInt(cursor: ListpackCursor): boolean {
  return cursor.next() && cursor.isInt;
}
