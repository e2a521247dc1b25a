import type { Database } from '../../../store/database.js';
import type { Ref } from '../../../store/types.js';
import type { CommandContext } from '../../context.js';
import { type Digest, viewed } from './digest.js';

export function digestString(digest: Digest, _ctx: CommandContext, db: Database, ref: Ref): void {
  digest.append(viewed(db.readValue(ref)));
}
