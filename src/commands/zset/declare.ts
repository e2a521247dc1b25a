/** Opening, closing and declaring: what the commands of the group `sorted-set` have in common. */
import { TYPE_ZSET } from '../../store/types.js';
import type { ZsetEditor } from '../../types/zset/editor.js';
import { putResult } from '../../types/zset/editor.js';
import type { Ordered } from '../../types/zset/ordered.js';
import type { SortedSet } from '../../types/zset/sortedSet.js';
import { type Absent, ofType } from '../collectionKey.js';
import type { ArgumentDoc, KeySpec } from '../command.js';
import { type CommandContext, EVENT_GENERIC, EVENT_NEW, EVENT_ZSET } from '../context.js';
import { type Command, command } from '../define.js';
import { token } from '../generic/declare.js';

/** The sorted set of a key argument, to look at; undefined when there is none, which has then been replied. */
export function zsetToRead(ctx: CommandContext, i: number, absent: Absent): Ordered | undefined {
  const ref = ofType(ctx, ctx.lookupRead(i), TYPE_ZSET, absent);
  return ref === undefined ? undefined : ctx.zsets.read(ctx.db, ref);
}

/** The sorted set of a key argument, to take from; likewise. Then comes {@link closeShrunk}. */
export function zsetToShrink(ctx: CommandContext, i: number, absent: Absent): ZsetEditor | undefined {
  const ref = ofType(ctx, ctx.lookupWrite(i), TYPE_ZSET, absent);
  return ref === undefined ? undefined : ctx.zsets.edit(ctx.db, ref);
}

/** Reports that `removed` elements were taken from the sorted set of key argument i; an empty one goes with its key. */
export function closeShrunk(ctx: CommandContext, i: number, event: string, removed: number): void {
  const { db, buf } = ctx;
  const start = ctx.start[i];
  const end = ctx.end[i];
  const isGone = ctx.zsets.editor.close(buf, start, end) === 0;
  if (removed === 0) return;
  ctx.touched(i, EVENT_ZSET, event);
  if (isGone) ctx.notify(db, buf, start, end, EVENT_GENERIC, 'del');
  ctx.markDirty(removed);
}

/** Gives a set that was built aside to key argument i, in place of whatever is there, or removes the key if it is empty. */
export function storeResult(ctx: CommandContext, i: number, result: SortedSet, event: string): void {
  const { db, buf, zsets } = ctx;
  const start = ctx.start[i];
  const end = ctx.end[i];
  const old = ctx.lookupWrite(i);
  const { count } = result;
  if (count === 0) {
    result.release();
    if (old !== 0) {
      db.delete(old);
      ctx.modified(i, EVENT_GENERIC, 'del');
    }
  } else {
    db.setLru(putResult(db, buf, start, end, result, zsets.limits), ctx.initialAccessBits());
    if (old === 0) ctx.notify(db, buf, start, end, EVENT_NEW, 'new');
    ctx.modified(i, EVENT_ZSET, event);
  }
  ctx.reply.integer(count);
}

/** Opens the array for `count` elements, with their scores or without. */
export function replyCount(ctx: CommandContext, count: number, withScores: boolean): void {
  ctx.reply.array(withScores && ctx.reply.protocol === 2 ? count * 2 : count);
}

/** Replies the element under the cursor: with its score a pair of its own in RESP3, two elements in RESP2. */
export function replyElement(ctx: CommandContext, zset: Ordered, withScore: boolean): void {
  const { reply } = ctx;
  if (!withScore) return reply.view(zset.member());
  if (reply.protocol !== 2) reply.array(2);
  reply.view(zset.member());
  reply.double(zset.score);
}

export const MEMBER: ArgumentDoc = { name: 'member', type: 'string' };
export const MEMBERS: ArgumentDoc = { ...MEMBER, flags: ['multiple'] };
export const WITHSCORES: ArgumentDoc = token('withscores', { flags: ['optional'] });
export const LIMIT: ArgumentDoc = {
  name: 'limit',
  type: 'block',
  token: 'LIMIT',
  flags: ['optional'],
  arguments: [
    { name: 'offset', type: 'integer' },
    { name: 'count', type: 'integer' },
  ],
};

interface ZsetVariant {
  name: string;
  arity: number;
  since: string;
  flags: number;
  keys: readonly KeySpec[];
  complexity: string;
  summary: string;
  arguments: readonly ArgumentDoc[];
  history?: NonNullable<Command['history']>;
  tips?: readonly string[];
  docFlags?: NonNullable<Command['docFlags']>;
  deprecatedSince?: string;
  replacedBy?: string;
  run: (ctx: CommandContext) => void;
}

export function zsetCommand(variant: ZsetVariant): Command {
  return command({ ...variant, group: 'sorted-set', acl: ['sortedset'] });
}

/** What a command is declared with that ZRANGE has made needless. */
export function replacedBy(what: string): Pick<Command, 'docFlags' | 'deprecatedSince' | 'replacedBy'> {
  return { docFlags: ['deprecated'], deprecatedSince: '6.2.0', replacedBy: what };
}
