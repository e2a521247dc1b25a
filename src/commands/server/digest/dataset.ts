/**
 * DEBUG DIGEST and DIGEST-VALUE: digests of the data that come out the same on every server with the same data,
 * Redis included, whatever the order in which keys are visited.
 */
import type { Database } from '../../../store/database.js';
import {
  NO_EXPIRE,
  type Ref,
  TYPE_HASH,
  TYPE_LIST,
  TYPE_SET,
  TYPE_STREAM,
  TYPE_STRING,
  TYPE_ZSET,
} from '../../../store/types.js';
import type { CommandContext } from '../../context.js';
import { Digest, viewed } from './digest.js';
import { digestHash } from './hash.js';
import { digestList } from './list.js';
import { digestSet } from './set.js';
import { digestStream } from './stream.js';
import { digestString } from './string.js';
import { digestZset } from './zset.js';

type DigestValue = (digest: Digest, ctx: CommandContext, db: Database, ref: Ref) => void;

/** How the values of each type are added. */
const BY_TYPE: ReadonlyMap<number, DigestValue> = new Map([
  [TYPE_STRING, digestString],
  [TYPE_LIST, digestList],
  [TYPE_SET, digestSet],
  [TYPE_ZSET, digestZset],
  [TYPE_HASH, digestHash],
  [TYPE_STREAM, digestStream],
]);

const EXPIRE_MARK = Buffer.from('!!expire!!');

/** The digest of all databases, in hexadecimal; zeros without keys. */
export function dataDigest(ctx: CommandContext): string {
  const whole = new Digest();
  for (const db of ctx.server.store.databases) {
    if (db.size === 0) continue;
    // The same keys in another database are other data.
    whole.append(bigEndian(db.index));
    db.forEach((ref) => {
      const digest = new Digest();
      digest.append(viewed(db.readKey(ref)));
      digestEntry(digest, ctx, db, ref);
      whole.addDigest(digest);
    });
  }
  return whole.hex();
}

/** The digest of the value of key argument i, in hexadecimal; zeros when there is none. */
export function valueDigest(ctx: CommandContext, i: number): string {
  const digest = new Digest();
  // Straight from the index: looking must not remove a key whose time is over.
  const ref = ctx.db.find(ctx.buf, ctx.start[i], ctx.end[i]);
  if (ref !== 0) digestEntry(digest, ctx, ctx.db, ref);
  return digest.hex();
}

/** Adds type, value and the fact of an expire time. */
function digestEntry(digest: Digest, ctx: CommandContext, db: Database, ref: Ref): void {
  const type = db.type(ref);
  digest.append(bigEndian(type));
  BY_TYPE.get(type)?.(digest, ctx, db, ref);
  if (db.expireAtMs(ref) !== NO_EXPIRE) digest.add(EXPIRE_MARK);
}

function bigEndian(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
