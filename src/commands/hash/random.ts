/** HRANDFIELD. */
import { OUT_OF_RANGE, SYNTAX } from '../../resp/errors.js';
import type { HashEditor } from '../../types/hash/hash.js';
import { EMPTY_ARRAY, LONG_MAX, NIL, signedCount } from '../collectionKey.js';
import { READONLY } from '../command.js';
import type { CommandContext } from '../context.js';
import type { Command } from '../define.js';
import { token } from '../generic/declare.js';
import { hashCommand, hashToRead } from './declare.js';

function runHRandField(ctx: CommandContext): void {
  if (ctx.argc === 2) {
    const hash = hashToRead(ctx, NIL);
    if (hash !== undefined) ctx.reply.view(hash.keyAt(hash.random(ctx.server.random)));
    return;
  }
  const count = signedCount(ctx, 2);
  if (count === undefined) return;
  const withValues = ctx.argc === 4 && ctx.argIs(3, 'withvalues');
  if (ctx.argc > 3 && !withValues) return ctx.reply.error(SYNTAX);
  const most = LONG_MAX / 2n;
  if (withValues && (count > most || count < -most)) return ctx.reply.error(OUT_OF_RANGE);
  const hash = hashToRead(ctx, EMPTY_ARRAY);
  if (hash !== undefined) replySeveral(ctx, hash, Number(count), withValues);
}

/** A negative count asks for that many fields, of which some may be the same. */
function replySeveral(ctx: CommandContext, hash: HashEditor, count: number, withValues: boolean): void {
  const { reply } = ctx;
  const { random } = ctx.server;
  const isRepeating = count < 0;
  const fields = isRepeating ? -count : Math.min(count, hash.count);
  const inPairs = withValues && reply.protocol > 2;
  reply.array(withValues && !inPairs ? fields * 2 : fields);
  const replyOne = (position: number): boolean => {
    if (inPairs) reply.array(2);
    reply.view(hash.keyAt(position));
    if (withValues) reply.view(hash.valueAt(position));
    return true;
  };
  if (isRepeating) for (let i = 0; i < fields && !reply.overflowed; i++) replyOne(hash.random(random));
  else if (fields === hash.count) hash.walk(replyOne);
  else hash.sample(fields, random, replyOne);
}

export const randomCommands: readonly Command[] = [
  hashCommand({
    name: 'hrandfield',
    arity: -2,
    since: '6.2.0',
    flags: READONLY,
    access: 'RO access',
    complexity: 'O(N) with N fields replied.',
    summary: 'Replies fields picked at random.',
    args: [
      {
        name: 'options',
        type: 'block',
        flags: ['optional'],
        arguments: [{ name: 'count', type: 'integer' }, token('withvalues', { flags: ['optional'] })],
      },
    ],
    tips: ['nondeterministic_output'],
    run: runHRandField,
  }),
];
