/** Keys that hold a hash or a set: opening them, and what becomes of the key when the collection is new or empty. */
import { NOT_AN_INTEGER, WRONGTYPE } from '../resp/errors.js';
import type { ReplyWriter } from '../resp/replyWriter.js';
import { NO_EXPIRE, type Ref } from '../store/types.js';
import type { Collection } from '../types/collection.js';
import { type CommandContext, EVENT_GENERIC, EVENT_NEW } from './context.js';

/** What is replied when there is no key. */
export type Absent = (reply: ReplyWriter) => void;

export const ZERO: Absent = (reply) => reply.integer(0);
export const NIL: Absent = (reply) => reply.nil();
export const EMPTY_ARRAY: Absent = (reply) => reply.array(0);
export const EMPTY_MAP: Absent = (reply) => reply.map(0);
export const EMPTY_SET: Absent = (reply) => reply.set(0);

export const LONG_MAX = 9223372036854775807n;
const COUNT_RANGE = `ERR value is out of range, value must between -${LONG_MAX} and ${LONG_MAX}`;

/** The entry, when it holds `type`; undefined when it does not, which has then been replied. */
export function ofType(ctx: CommandContext, ref: Ref, type: number, absent: Absent): Ref | undefined {
  if (ref === 0) absent(ctx.reply);
  else if (ctx.db.type(ref) === type) return ref;
  else ctx.reply.error(WRONGTYPE);
  return undefined;
}

/** Gives a collection that was begun aside to key argument i, as a new key; one that has a key already stays. */
export function keep(ctx: CommandContext, i: number, collection: Collection): void {
  if (!collection.isAside) return;
  const { db, buf } = ctx;
  const start = ctx.start[i];
  const end = ctx.end[i];
  db.setLru(collection.store(buf, start, end, NO_EXPIRE), ctx.initialAccessBits());
  ctx.notify(db, buf, start, end, EVENT_NEW, 'new');
}

/** Reports a change to key argument i by its event, and removes the key when nothing is left in its collection. */
export function shrunk(
  ctx: CommandContext,
  i: number,
  collection: Collection,
  eventClass: number,
  event: string,
): void {
  const isEmpty = collection.count === 0;
  if (isEmpty) ctx.db.delete(collection.ref);
  ctx.touched(i, eventClass, event);
  if (isEmpty) ctx.notify(ctx.db, ctx.buf, ctx.start[i], ctx.end[i], EVENT_GENERIC, 'del');
}

/** The count in argument i, of which the sign means something; undefined when it is no good, which has then been replied. */
export function signedCount(ctx: CommandContext, i: number): bigint | undefined {
  const count = ctx.argInt64(i);
  if (count !== undefined && count >= -LONG_MAX) return count;
  ctx.reply.error(count === undefined ? NOT_AN_INTEGER : COUNT_RANGE);
  return undefined;
}
