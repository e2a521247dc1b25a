import type { Database } from '../../../store/database.js';
import type { Ref } from '../../../store/types.js';
import type { CommandContext } from '../../context.js';
import { Digest, viewed } from './digest.js';

/** Pairs of field and value in any order. */
export function digestHash(digest: Digest, { hash }: CommandContext, db: Database, ref: Ref): void {
  const opened = hash.open(db, ref);
  opened.walk((position) => {
    const pair = new Digest();
    pair.append(viewed(opened.keyAt(position)));
    pair.append(viewed(opened.valueAt(position)));
    digest.addDigest(pair);
    return true;
  });
}
