import type { Database } from '../../store/database.js';
import type { Ref } from '../../store/types.js';
import { EntryListpack } from '../listpack/entryListpack.js';
import { ZSET_LISTPACK } from './encoding.js';
import type { Ordered } from './ordered.js';
import { SmallZset } from './smallZset.js';
import type { SortedSet } from './sortedSet.js';

/** Reads one sorted set after the other, whatever its encoding. Whoever reads several at once has as many readers. */
export class ZsetReader {
  private readonly list = new EntryListpack();
  private readonly small = new SmallZset();

  /** The sorted set at `ref`: until the next write, or the next call. */
  open(db: Database, ref: Ref): Ordered {
    if (db.encoding(ref) === ZSET_LISTPACK) return this.small.open(this.list.openEntry(db, ref));
    return db.object(ref) as SortedSet;
  }
}
