import type { Database } from '../../../store/database.js';
import type { Ref } from '../../../store/types.js';
import type { CommandContext } from '../../context.js';
import { type Digest, viewed } from './digest.js';

/** Elements in their order. */
export function digestList(digest: Digest, { lists }: CommandContext, db: Database, ref: Ref): void {
  const list = lists.open(db, ref);
  for (let more = list.seek(0); more; more = list.next()) digest.append(viewed(list.text()));
}
