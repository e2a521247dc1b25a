/** Checks of listpacks from outside that hold keys, each followed by a value or not: hashes, sorted sets, sets. */
import { latin1 } from '../../base/bytes.js';
import { BufferListpack } from '../../types/listpack/bufferListpack.js';
import type { ListpackCursor } from '../../types/listpack/cursor.js';
import { validate } from '../../types/listpack/format.js';
import type { RdbInput, RdbString } from './rdbInput.js';
import { convertZiplist } from './rdbZiplist.js';

/**
 * Opens the string as a listpack of elements in groups of `stride`, of which each begins with a key; false, and a failure of
 * the input, when it is none or empty. Keys that come twice are only looked for if told so.
 */
export function openGroups(
  input: RdbInput,
  text: RdbString,
  cursor: ListpackCursor,
  stride: number,
  wantsDistinctKeys: boolean,
): boolean {
  const { buf, data, start, end } = text;
  if (!input.failed && validate(buf, data, start, end, true)) {
    const { count } = cursor.open(buf, data, start, end);
    const distinct = !wantsDistinctKeys || keysDiffer(cursor, stride);
    cursor.rewind();
    if (count > 0 && count % stride === 0 && distinct) return true;
  }
  input.fail();
  return false;
}

/** Makes a string that is a ziplist the listpack of the same entries; a failure of the input when it is none. */
export function becomeListpack(input: RdbInput, text: RdbString): void {
  const listpack = new BufferListpack(text.length);
  if (input.failed || !convertZiplist(text, listpack)) input.fail();
  text.set(listpack.buf, listpack.data, listpack.start, listpack.end);
}

function keysDiffer(cursor: ListpackCursor, stride: number): boolean {
  const seen = new Set<string>();
  let count = 0;
  while (cursor.next()) {
    const key = cursor.text();
    seen.add(latin1(key.buf, key.start, key.end));
    count++;
    if (stride === 2) cursor.next();
  }
  return seen.size === count;
}
