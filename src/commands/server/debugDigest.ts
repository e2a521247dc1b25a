/**
 * DEBUG DIGEST and DIGEST-VALUE: SHA-1 digests of the data that come out the same on every server with the same data,
 * Redis included, whatever the order in which keys are visited.
 */
import { createHash } from 'node:crypto';
import type { Database } from '../../store/database.js';
import { NO_EXPIRE, type Ref } from '../../store/types.js';
import type { CommandContext } from '../context.js';

const DIGEST_BYTES = 20;
const EXPIRE_MARK = Buffer.from('!!expire!!');

function sha1(bytes: Uint8Array): Uint8Array {
  return createHash('sha1').update(bytes).digest();
}

/** Adds data to which the order means nothing. */
function xorIn(digest: Uint8Array, bytes: Uint8Array): void {
  const hash = sha1(bytes);
  for (let i = 0; i < DIGEST_BYTES; i++) digest[i] ^= hash[i];
}

/** Adds data that follows what is in the digest already. */
function mixIn(digest: Uint8Array, bytes: Uint8Array): void {
  xorIn(digest, bytes);
  digest.set(sha1(digest));
}

function bigEndian(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** Adds type, value and the fact of an expire time. */
function mixEntry(digest: Uint8Array, db: Database, ref: Ref): void {
  mixIn(digest, bigEndian(db.type(ref)));
  const value = db.readValue(ref);
  mixIn(digest, value.buf.subarray(value.start, value.end));
  if (db.expireAtMs(ref) !== NO_EXPIRE) xorIn(digest, EXPIRE_MARK);
}

/** The digest of all databases, in hexadecimal; zeros without keys. */
export function dataDigest(ctx: CommandContext): string {
  const whole = new Uint8Array(DIGEST_BYTES);
  for (const db of ctx.server.store.databases) {
    if (db.size === 0) continue;
    // The same keys in another database are other data.
    mixIn(whole, bigEndian(db.index));
    db.forEach((ref) => {
      const digest = new Uint8Array(DIGEST_BYTES);
      const key = db.readKey(ref);
      mixIn(digest, key.buf.subarray(key.start, key.end));
      mixEntry(digest, db, ref);
      xorIn(whole, digest);
    });
  }
  return Buffer.from(whole).toString('hex');
}

/** The digest of the value of key argument i, in hexadecimal; zeros when there is none. */
export function valueDigest(ctx: CommandContext, i: number): string {
  const digest = new Uint8Array(DIGEST_BYTES);
  // Straight from the index: looking must not remove a key whose time is over.
  const ref = ctx.db.find(ctx.buf, ctx.start[i], ctx.end[i]);
  if (ref !== 0) mixEntry(digest, ctx.db, ref);
  return Buffer.from(digest).toString('hex');
}
