/**
 * Commands that reply or store a range: ZRANGE and ZRANGESTORE, and the older ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE
 * ZRANGEBYLEX ZREVRANGEBYLEX, each a ZRANGE some of whose options are settled.
 */
import { SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { AHEAD, TYPE_ZSET } from '../../store/types.js';
import type { Ordered } from '../../types/zset/ordered.js';
import { BY_MEMBER, BY_RANK, BY_SCORE, type RangeKind, type RangeQuery } from '../../types/zset/rangeQuery.js';
import type { SortedSet } from '../../types/zset/sortedSet.js';
import { type ArgumentDoc, DENYOOM, READONLY, WRITE } from '../command.js';
import type { CommandContext } from '../context.js';
import type { Command } from '../define.js';
import { KEY, oneKey, token, twoKeys } from '../generic/declare.js';
import { LIMIT, replacedBy, replyCount, replyElement, storeResult, WITHSCORES, zsetCommand } from './declare.js';
import { integerArgument, memberRange, scoreRange } from './ranges.js';

const LIMIT_WITH_RANKS = `${SYNTAX}, LIMIT is only supported in combination with either BYSCORE or BYLEX`;
const SCORES_WITH_MEMBERS = `${SYNTAX}, WITHSCORES not supported in combination with BYLEX`;

/** Reads the options from argument `from` on; false when they are wrong, which has then been replied. */
function readOptions(ctx: CommandContext, from: number, stores: boolean, options: RangeQuery): boolean {
  for (let i = from; i < ctx.argc; i++) {
    if (!stores && ctx.argIs(i, 'withscores')) options.withScores = true;
    else if (ctx.argIs(i, 'limit') && i + 2 < ctx.argc) {
      options.offset = integerArgument(ctx, i + 1);
      if (Number.isNaN(options.offset)) return false;
      options.limit = integerArgument(ctx, i + 2);
      if (Number.isNaN(options.limit)) return false;
      i += 2;
    } else if (options.reverse === undefined && ctx.argIs(i, 'rev')) options.reverse = true;
    else if (options.kind === undefined && ctx.argIs(i, 'bylex')) options.kind = BY_MEMBER;
    else if (options.kind === undefined && ctx.argIs(i, 'byscore')) options.kind = BY_SCORE;
    else {
      ctx.reply.error(SYNTAX);
      return false;
    }
  }
  const kind = options.kind ?? BY_RANK;
  if (options.limit !== -1 && kind === BY_RANK) ctx.reply.error(LIMIT_WITH_RANKS);
  else if (options.withScores && kind === BY_MEMBER) ctx.reply.error(SCORES_WITH_MEMBERS);
  else return true;
  return false;
}

/** Reads the ends of the range in arguments `at` and `at + 1`; false when they are no good, which has then been replied. */
function readEnds(ctx: CommandContext, at: number, range: RangeQuery): boolean {
  if (range.kind === BY_SCORE || range.kind === BY_MEMBER) {
    const min = range.reverse === true ? at + 1 : at;
    const max = range.reverse === true ? at : at + 1;
    return range.kind === BY_SCORE ? scoreRange(ctx, min, max) : memberRange(ctx, min, max);
  }
  range.firstRank = integerArgument(ctx, at);
  if (Number.isNaN(range.firstRank)) return false;
  range.lastRank = integerArgument(ctx, at + 1);
  return !Number.isNaN(range.lastRank);
}

function runRange(ctx: CommandContext, kind: RangeKind | undefined, reverse: boolean | undefined): void {
  const { db, reply, zsets } = ctx;
  const range = zsets.range.reset(kind, reverse);
  if (!readOptions(ctx, 4, false, range) || !readEnds(ctx, 2, range)) return;
  const ref = ctx.lookupRead(1);
  if (ref === 0) return reply.array(0);
  if (db.type(ref) !== TYPE_ZSET) return reply.error(WRONGTYPE);
  replyRange(ctx, zsets.read(db, ref), range);
}

function replyRange(ctx: CommandContext, zset: Ordered, range: RangeQuery): void {
  const count = range.begin(zset);
  const { withScores } = range;
  const backward = range.reverse === true;
  replyCount(ctx, count, withScores);
  for (let i = 0; i < count; i++) {
    if (i > 0) {
      if (backward) zset.previous();
      else zset.next();
    }
    if (i % AHEAD === 0 && !backward) zset.fetchRun(Math.min(AHEAD, count - i));
    replyElement(ctx, zset, withScores);
  }
}

function runRangeStore(ctx: CommandContext): void {
  const { db, zsets } = ctx;
  const range = zsets.range.reset(undefined, undefined);
  if (!readOptions(ctx, 5, true, range) || !readEnds(ctx, 3, range)) return;
  const ref = ctx.lookupRead(2);
  if (ref !== 0 && db.type(ref) !== TYPE_ZSET) return ctx.reply.error(WRONGTYPE);
  const result = zsets.begin(db);
  try {
    if (ref !== 0) copyRange(zsets.read(db, ref), range, result);
  } catch (error) {
    result.release();
    throw error;
  }
  storeResult(ctx, 1, result, 'zrangestore');
}

function copyRange(zset: Ordered, range: RangeQuery, result: SortedSet): void {
  const count = range.begin(zset);
  for (let i = 0; i < count; i++) {
    if (i > 0) {
      if (range.reverse === true) zset.previous();
      else zset.next();
    }
    const { buf, start, end } = zset.member();
    result.add(zset.score, buf, start, end);
  }
}

const SORT_BY: ArgumentDoc = {
  name: 'sortby',
  type: 'oneof',
  flags: ['optional'],
  arguments: [token('byscore'), token('bylex')],
};
const REV: ArgumentDoc = token('rev', { flags: ['optional'] });
const since62 = (doc: ArgumentDoc): ArgumentDoc => ({ ...doc, since: '6.2.0' });

interface RangeVariant {
  name: string;
  since: string;
  summary: string;
  kind: RangeKind;
  reverse: boolean;
  ends: readonly ArgumentDoc[];
  options: readonly ArgumentDoc[];
  history?: NonNullable<Command['history']>;
  replacement: string;
}

/** A command of old that ZRANGE has made needless. */
function olderRange({ kind, reverse, ends, options, replacement, ...variant }: RangeVariant): Command {
  return zsetCommand({
    ...variant,
    ...replacedBy(replacement),
    arity: -4,
    flags: READONLY,
    keys: oneKey('RO access'),
    complexity: 'O(log(N)+M) with N members in the sorted set, of which M are replied.',
    arguments: [KEY, ...ends, ...options],
    run: (ctx) => runRange(ctx, kind, reverse),
  });
}

const RANKS: readonly ArgumentDoc[] = [
  { name: 'start', type: 'integer' },
  { name: 'stop', type: 'integer' },
];
const MIN_SCORE: ArgumentDoc = { name: 'min', type: 'double' };
const MAX_SCORE: ArgumentDoc = { name: 'max', type: 'double' };
const MIN_TEXT: ArgumentDoc = { name: 'min', type: 'string' };
const MAX_TEXT: ArgumentDoc = { name: 'max', type: 'string' };

export const rangeCommands: readonly Command[] = [
  zsetCommand({
    name: 'zrange',
    arity: -4,
    since: '1.2.0',
    flags: READONLY,
    keys: oneKey('RO access'),
    complexity: 'O(log(N)+M) with N members in the sorted set, of which M are replied.',
    summary: 'Replies the members of a sorted set in a range of ranks, scores or members.',
    history: [['6.2.0', 'The options `REV`, `BYSCORE`, `BYLEX` and `LIMIT` came.']],
    arguments: [
      KEY,
      { name: 'start', type: 'string' },
      { name: 'stop', type: 'string' },
      since62(SORT_BY),
      since62(REV),
      since62(LIMIT),
      WITHSCORES,
    ],
    run: (ctx) => runRange(ctx, undefined, undefined),
  }),
  zsetCommand({
    name: 'zrangestore',
    arity: -5,
    since: '6.2.0',
    flags: WRITE | DENYOOM,
    keys: twoKeys('OW update', 'RO access'),
    complexity: 'O(log(N)+M) with N members in the sorted set, of which M are stored.',
    summary: 'Stores the members of a sorted set in a range of ranks, scores or members under another key.',
    arguments: [
      { name: 'dst', type: 'key', keySpecIndex: 0 },
      { name: 'src', type: 'key', keySpecIndex: 1 },
      MIN_TEXT,
      MAX_TEXT,
      SORT_BY,
      REV,
      LIMIT,
    ],
    run: runRangeStore,
  }),
  olderRange({
    name: 'zrevrange',
    since: '1.2.0',
    summary: 'Replies the members of a sorted set in a range of ranks that count from the highest score.',
    kind: BY_RANK,
    reverse: true,
    ends: RANKS,
    options: [WITHSCORES],
    replacement: '`ZRANGE` with the `REV` argument',
  }),
  olderRange({
    name: 'zrangebyscore',
    since: '1.0.5',
    summary: 'Replies the members of a sorted set in a range of scores.',
    history: [['2.0.0', 'The option `WITHSCORES` came.']],
    kind: BY_SCORE,
    reverse: false,
    ends: [MIN_SCORE, MAX_SCORE],
    options: [{ ...WITHSCORES, since: '2.0.0' }, LIMIT],
    replacement: '`ZRANGE` with the `BYSCORE` argument',
  }),
  olderRange({
    name: 'zrevrangebyscore',
    since: '2.2.0',
    summary: 'Replies the members of a sorted set in a range of scores, the highest first.',
    history: [['2.1.6', 'Both ends may be excluded.']],
    kind: BY_SCORE,
    reverse: true,
    ends: [MAX_SCORE, MIN_SCORE],
    options: [WITHSCORES, LIMIT],
    replacement: '`ZRANGE` with the `REV` and `BYSCORE` arguments',
  }),
  olderRange({
    name: 'zrangebylex',
    since: '2.8.9',
    summary: 'Replies the members of a sorted set in a range of members.',
    kind: BY_MEMBER,
    reverse: false,
    ends: [MIN_TEXT, MAX_TEXT],
    options: [LIMIT],
    replacement: '`ZRANGE` with the `BYLEX` argument',
  }),
  olderRange({
    name: 'zrevrangebylex',
    since: '2.8.9',
    summary: 'Replies the members of a sorted set in a range of members, the last first.',
    kind: BY_MEMBER,
    reverse: true,
    ends: [MAX_TEXT, MIN_TEXT],
    options: [LIMIT],
    replacement: '`ZRANGE` with the `REV` and `BYLEX` arguments',
  }),
];
