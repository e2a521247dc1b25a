/** Commands that set and remove fields: HSET HMSET HSETNX HDEL. */
import { wrongArity } from '../../resp/errors.js';
import { keep, shrunk, ZERO } from '../collectionKey.js';
import { type ArgumentDoc, DENYOOM, FAST, WRITE } from '../command.js';
import { type CommandContext, EVENT_HASH } from '../context.js';
import type { Command } from '../define.js';
import { FIELD, FIELDS, hashCommand, hashToGrow, hashToShrink, VALUE } from './declare.js';

/** Sets the fields that the arguments name; answers how many are new, or -1 when an error has been replied. */
function setFields(ctx: CommandContext): number {
  const { argc, buf, start, end } = ctx;
  if ((argc & 1) !== 0) {
    ctx.reply.error(wrongArity(ctx.command.fullName));
    return -1;
  }
  const hash = hashToGrow(ctx);
  if (hash === undefined) return -1;
  const pairs = (argc - 2) >> 1;
  hash.expect(pairs);
  let added = 0;
  for (let i = 2; i < argc; i += 2) {
    if (hash.set(buf, start[i], end[i], buf, start[i + 1], end[i + 1])) added++;
  }
  keep(ctx, 1, hash);
  ctx.touched(1, EVENT_HASH, 'hset');
  ctx.markDirty(pairs);
  return added;
}

function runHSet(ctx: CommandContext): void {
  const added = setFields(ctx);
  if (added >= 0) ctx.reply.integer(added);
}

function runHMSet(ctx: CommandContext): void {
  if (setFields(ctx) >= 0) ctx.reply.ok();
}

function runHSetNx(ctx: CommandContext): void {
  const { buf, start, end } = ctx;
  const hash = hashToGrow(ctx);
  if (hash === undefined) return;
  if (hash.find(buf, start[2], end[2])) return ctx.reply.integer(0);
  hash.set(buf, start[2], end[2], buf, start[3], end[3]);
  keep(ctx, 1, hash);
  ctx.modified(1, EVENT_HASH, 'hset');
  ctx.reply.integer(1);
}

function runHDel(ctx: CommandContext): void {
  const { argc, buf, start, end } = ctx;
  const hash = hashToShrink(ctx, ZERO);
  if (hash === undefined) return;
  let deleted = 0;
  for (let i = 2; i < argc && hash.count > 0; i++) if (hash.delete(buf, start[i], end[i])) deleted++;
  if (deleted > 0) {
    shrunk(ctx, 1, hash, EVENT_HASH, 'hdel');
    ctx.markDirty(deleted);
  }
  ctx.reply.integer(deleted);
}

const PAIRS: ArgumentDoc = { name: 'data', type: 'block', flags: ['multiple'], arguments: [FIELD, VALUE] };
const SETS = { since: '2.0.0', flags: WRITE | DENYOOM | FAST, access: 'RW update' };

export const writeCommands: readonly Command[] = [
  hashCommand({
    ...SETS,
    name: 'hset',
    arity: -4,
    complexity: 'O(1) for each field.',
    summary: 'Gives fields values, whether they were there or not.',
    history: [['4.0.0', 'Several fields may be set at once.']],
    args: [PAIRS],
    run: runHSet,
  }),
  {
    ...hashCommand({
      ...SETS,
      name: 'hmset',
      arity: -4,
      complexity: 'O(N) with N fields.',
      summary: 'Gives several fields values.',
      args: [PAIRS],
      run: runHMSet,
    }),
    docFlags: ['deprecated'],
    deprecatedSince: '4.0.0',
    replacedBy: '`HSET` with multiple field-value pairs',
  },
  hashCommand({
    ...SETS,
    name: 'hsetnx',
    arity: 4,
    access: 'RW insert',
    complexity: 'O(1)',
    summary: 'Gives a field a value, unless it has one.',
    args: [FIELD, VALUE],
    run: runHSetNx,
  }),
  hashCommand({
    name: 'hdel',
    arity: -3,
    since: '2.0.0',
    flags: WRITE | FAST,
    access: 'RW delete',
    complexity: 'O(N) with N fields to remove.',
    summary: 'Removes fields, and the hash with the last of them.',
    history: [['2.4.0', 'Several fields may be removed at once.']],
    args: [FIELDS],
    run: runHDel,
  }),
];
