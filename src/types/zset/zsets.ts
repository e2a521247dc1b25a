import type { Config } from '../../config/config.js';
import type { Database } from '../../store/database.js';
import type { Ref } from '../../store/types.js';
import { ZsetEditor } from './editor.js';
import type { ZsetLimits } from './encoding.js';
import type { Ordered } from './ordered.js';
import { Place } from './place.js';
import { RangeQuery } from './rangeQuery.js';
import { ZsetReader } from './reader.js';
import { SortedSet } from './sortedSet.js';

/** What the commands of one server need for sorted sets, so that none of them makes it anew. */
export class Zsets {
  readonly limits: ZsetLimits;
  readonly editor = new ZsetEditor();
  /** The ends of a range. */
  readonly from = new Place();
  readonly to = new Place();
  readonly range = new RangeQuery(this.from, this.to);
  private readonly readers: ZsetReader[] = [];
  private scoreRoom = new Float64Array(16);

  constructor({ values }: Config) {
    this.limits = {
      get entries() {
        return values['zset-max-listpack-entries'];
      },
      get valueBytes() {
        return values['zset-max-listpack-value'];
      },
    };
  }

  /** The sorted set at `ref` for reading; as many may be open at once as there are different `i`. */
  read(db: Database, ref: Ref, i = 0): Ordered {
    while (this.readers.length <= i) this.readers.push(new ZsetReader());
    return this.readers[i].open(db, ref);
  }

  /** Begins to change the sorted set at `ref`, or a new one (0): see {@link ZsetEditor}. */
  edit(db: Database, ref: Ref): ZsetEditor {
    this.editor.open(db, ref, this.limits);
    return this.editor;
  }

  /** Room for the scores that a command was given: its own until it ends. */
  scores(length: number): Float64Array {
    if (this.scoreRoom.length < length) this.scoreRoom = new Float64Array(2 * length);
    return this.scoreRoom;
  }

  /** An empty set aside, large from the start; who does not give it to a key releases it. */
  begin(db: Database): SortedSet {
    return new SortedSet(db.newElements());
  }
}
