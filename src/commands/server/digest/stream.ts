import type { Database } from '../../../store/database.js';
import type { Ref } from '../../../store/types.js';
import { StreamId } from '../../../types/stream/id.js';
import type { Stream } from '../../../types/stream/stream.js';
import type { CommandContext } from '../../context.js';
import { type Digest, viewed } from './digest.js';

/** Entries in their order: id, fields and values. */
export function digestStream(digest: Digest, { streams }: CommandContext, db: Database, ref: Ref): void {
  const reader = streams.reader.open(db.object(ref) as Stream, new StreamId().setMin(), new StreamId().setMax(), false);
  while (reader.next()) {
    digest.append(Buffer.from(reader.id.toString().replace('-', '.')));
    for (let i = 0; i < reader.fieldCount; i++) {
      digest.append(viewed(reader.field()));
      digest.append(viewed(reader.value()));
    }
  }
}
