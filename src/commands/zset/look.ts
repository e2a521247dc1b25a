/** Commands that look at a sorted set without replying members: ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZCOUNT ZLEXCOUNT. */
import { SYNTAX, WRONGTYPE, wrongArity } from '../../resp/errors.js';
import { TYPE_ZSET } from '../../store/types.js';
import { type Absent, NIL, ZERO } from '../collectionKey.js';
import { FAST, READONLY } from '../command.js';
import type { CommandContext } from '../context.js';
import type { Command } from '../define.js';
import { KEY, oneKey, token } from '../generic/declare.js';
import { MEMBER, MEMBERS, zsetCommand, zsetToRead } from './declare.js';
import { memberRange, scoreRange } from './ranges.js';

const NIL_ARRAY: Absent = (reply) => reply.nilArray();

function runCard(ctx: CommandContext): void {
  const zset = zsetToRead(ctx, 1, ZERO);
  if (zset !== undefined) ctx.reply.integer(zset.count);
}

function runScore(ctx: CommandContext): void {
  const zset = zsetToRead(ctx, 1, NIL);
  if (zset === undefined) return;
  const score = zset.scoreOf(ctx.buf, ctx.start[2], ctx.end[2]);
  if (Number.isNaN(score)) ctx.reply.nil();
  else ctx.reply.double(score);
}

function runScores(ctx: CommandContext): void {
  const { argc, buf, db, start, end, reply } = ctx;
  const ref = ctx.lookupRead(1);
  if (ref !== 0 && db.type(ref) !== TYPE_ZSET) return reply.error(WRONGTYPE);
  const zset = ref === 0 ? undefined : ctx.zsets.read(db, ref);
  reply.array(argc - 2);
  for (let i = 2; i < argc; i++) {
    const score = zset === undefined ? Number.NaN : zset.scoreOf(buf, start[i], end[i]);
    if (Number.isNaN(score)) reply.nil();
    else reply.double(score);
  }
}

function runRank(ctx: CommandContext, reverse: boolean): void {
  const { argc, reply } = ctx;
  if (argc > 4) return reply.error(wrongArity(ctx.command.fullName));
  const withScore = argc === 4;
  if (withScore && !ctx.argIs(3, 'withscore')) return reply.error(SYNTAX);
  const absent = withScore ? NIL_ARRAY : NIL;
  const zset = zsetToRead(ctx, 1, absent);
  if (zset === undefined) return;
  const rank = zset.rankOf(ctx.buf, ctx.start[2], ctx.end[2]);
  if (rank < 0) return absent(reply);
  if (withScore) reply.array(2);
  reply.integer(reverse ? zset.count - 1 - rank : rank);
  if (withScore) reply.double(zset.score);
}

function runCount(ctx: CommandContext, parseRange: (ctx: CommandContext, min: number, max: number) => boolean): void {
  if (!parseRange(ctx, 2, 3)) return;
  const zset = zsetToRead(ctx, 1, ZERO);
  if (zset === undefined) return;
  const before = zset.countBefore(ctx.zsets.from);
  ctx.reply.integer(Math.max(0, zset.countBefore(ctx.zsets.to) - before));
}

const LOOK = { flags: READONLY | FAST, keys: oneKey('RO access') } as const;
const RANK = {
  ...LOOK,
  arity: -3,
  since: '2.0.0',
  complexity: 'O(log(N)) with N members in the sorted set.',
  history: [['7.2.0', 'The option `WITHSCORE` came.']],
  arguments: [KEY, MEMBER, token('withscore', { flags: ['optional'] })],
} as const;

export const lookCommands: readonly Command[] = [
  zsetCommand({
    name: 'zcard',
    arity: 2,
    since: '1.2.0',
    flags: READONLY | FAST,
    keys: oneKey('RO'),
    complexity: 'O(1)',
    summary: 'Counts the members of a sorted set.',
    arguments: [KEY],
    run: runCard,
  }),
  zsetCommand({
    ...LOOK,
    name: 'zscore',
    arity: 3,
    since: '1.2.0',
    complexity: 'O(1)',
    summary: 'Replies the score of a member of a sorted set.',
    arguments: [KEY, MEMBER],
    run: runScore,
  }),
  zsetCommand({
    ...LOOK,
    name: 'zmscore',
    arity: -3,
    since: '6.2.0',
    complexity: 'O(N) with N members asked for.',
    summary: 'Replies the scores of several members of a sorted set.',
    arguments: [KEY, MEMBERS],
    run: runScores,
  }),
  zsetCommand({
    ...RANK,
    name: 'zrank',
    summary: 'Tells how many members of a sorted set come before a member.',
    run: (ctx) => runRank(ctx, false),
  }),
  zsetCommand({
    ...RANK,
    name: 'zrevrank',
    summary: 'Tells how many members of a sorted set come after a member.',
    run: (ctx) => runRank(ctx, true),
  }),
  zsetCommand({
    ...LOOK,
    name: 'zcount',
    arity: 4,
    since: '2.0.0',
    complexity: 'O(log(N)) with N members in the sorted set.',
    summary: 'Counts the members of a sorted set with scores in a range.',
    arguments: [KEY, { name: 'min', type: 'double' }, { name: 'max', type: 'double' }],
    run: (ctx) => runCount(ctx, scoreRange),
  }),
  zsetCommand({
    ...LOOK,
    name: 'zlexcount',
    arity: 4,
    since: '2.8.9',
    complexity: 'O(log(N)) with N members in the sorted set.',
    summary: 'Counts the members of a sorted set in a range of members.',
    arguments: [KEY, { name: 'min', type: 'string' }, { name: 'max', type: 'string' }],
    run: (ctx) => runCount(ctx, memberRange),
  }),
];
