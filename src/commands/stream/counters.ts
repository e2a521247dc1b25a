/** How far a group has read, in numbers of entries: known exactly only while nothing was deleted behind it. */
import { ENTRIES_READ_UNKNOWN, type Group } from '../../types/stream/group.js';
import type { StreamId } from '../../types/stream/id.js';
import type { Stream } from '../../types/stream/stream.js';

/** The group comes to read the entry `id`, which is behind its last. */
export function countRead(stream: Stream, group: Group, id: StreamId): void {
  if (group.knowsEntriesRead && !hasDeletedFrom(stream, id)) group.countEntryRead();
  else if (!stream.entriesAdded.isZero) group.setEntriesRead(entriesUpTo(stream, id));
}

/** How many entries the group has not read yet; undefined when nobody can tell. */
export function lagOf(stream: Stream, group: Group): bigint | undefined {
  if (stream.entriesAdded.isZero) return 0n;
  const known = group.knowsEntriesRead && !hasDeletedFrom(stream, group.lastId);
  const read = known ? group.entriesRead : entriesUpTo(stream, group.lastId);
  return !known && read === ENTRIES_READ_UNKNOWN ? undefined : stream.entriesAdded.value - read;
}

/**
 * Whether an entry may have been deleted from `id` on. Only the greatest id deleted is remembered, and like Redis 7.0 we take what
 * lies before the first entry for read.
 */
function hasDeletedFrom({ length, firstId, maxDeletedId }: Stream, id: StreamId): boolean {
  if (length === 0 || firstId.compare(maxDeletedId) > 0) return false;
  return id.compare(maxDeletedId) <= 0;
}

/** How many entries were ever added up to `id`; ENTRIES_READ_UNKNOWN when that cannot be told. */
function entriesUpTo(stream: Stream, id: StreamId): bigint {
  const { firstId, lastId, maxDeletedId, length } = stream;
  const added = stream.entriesAdded.value;
  if (added === 0n) return 0n;
  const toLast = id.compare(lastId);
  if (toLast === 0 || (length === 0 && toLast < 0)) return added;
  if (toLast > 0) return ENTRIES_READ_UNKNOWN;
  if (!maxDeletedId.isZero && maxDeletedId.compare(firstId) >= 0) return ENTRIES_READ_UNKNOWN;
  const toFirst = id.compare(firstId);
  if (toFirst > 0) return ENTRIES_READ_UNKNOWN;
  return added - BigInt(length) + (toFirst === 0 ? 1n : 0n);
}
