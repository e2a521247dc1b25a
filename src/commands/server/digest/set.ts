import type { Database } from '../../../store/database.js';
import type { Ref } from '../../../store/types.js';
import type { CommandContext } from '../../context.js';
import { type Digest, viewed } from './digest.js';

/** Members in any order. */
export function digestSet(digest: Digest, { sets }: CommandContext, db: Database, ref: Ref): void {
  const set = sets.at(0).open(db, ref);
  set.walk((position) => {
    digest.add(viewed(set.keyAt(position)));
    return true;
  });
}
