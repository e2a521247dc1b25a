/** Writing and replying string values: what most commands of the group share. */
import { WRONGTYPE } from '../../resp/errors.js';
import { ENCODING_DEFAULT, type ExpireAtMs, type Ref, TYPE_STRING } from '../../store/types.js';
import { type CommandContext, EVENT_NEW } from '../context.js';

/**
 * Stores value argument `valueArg` under key argument `keyArg`, in place of whatever is there, and nothing else: the
 * caller reports the change.
 */
export function putArgument(ctx: CommandContext, keyArg: number, valueArg: number, expireAtMs: ExpireAtMs): void {
  const { db, buf, start, end } = ctx;
  const old = ctx.lookupWrite(keyArg);
  if (old === 0) {
    create(ctx, keyArg, buf, start[valueArg], end[valueArg], expireAtMs);
  } else if (db.expireAtMs(old) === expireAtMs) {
    // The short way: the entry is known already.
    db.setValue(old, buf, start[valueArg], end[valueArg]);
  } else {
    db.put(buf, start[keyArg], end[keyArg], buf, start[valueArg], end[valueArg], expireAtMs);
  }
}

/** Adds key argument `keyArg`, which must be absent, with the string (vbuf, vs, ve). */
export function create(
  ctx: CommandContext,
  keyArg: number,
  vbuf: Uint8Array,
  vs: number,
  ve: number,
  expireAtMs: ExpireAtMs,
  encoding = ENCODING_DEFAULT,
): Ref {
  const { db, buf } = ctx;
  const start = ctx.start[keyArg];
  const end = ctx.end[keyArg];
  const ref = db.putTyped(TYPE_STRING, encoding, buf, start, end, vbuf, vs, ve, expireAtMs);
  db.setLru(ref, ctx.initialAccessBits());
  ctx.notify(db, buf, start, end, EVENT_NEW, 'new');
  return ref;
}

/** Replies the string under key argument i, or nil. False when the key holds no string: the error has been replied. */
export function replyString(ctx: CommandContext, i: number): boolean {
  const { db } = ctx;
  const ref = ctx.lookupRead(i);
  if (ref === 0) {
    ctx.reply.nil();
    return true;
  }
  if (db.type(ref) !== TYPE_STRING) {
    ctx.reply.error(WRONGTYPE);
    return false;
  }
  const value = db.readValue(ref);
  ctx.reply.view(value);
  return true;
}
