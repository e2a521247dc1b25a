/** ZRANDMEMBER and ZSCAN: members in no order. */
import { formatDouble } from '../../base/doubles.js';
import { Selection } from '../../base/selection.js';
import { SYNTAX } from '../../resp/errors.js';
import { TYPE_ZSET } from '../../store/types.js';
import type { Ordered } from '../../types/zset/ordered.js';
import { formatStoredScore } from '../../types/zset/score.js';
import { SortedSet } from '../../types/zset/sortedSet.js';
import { EMPTY_ARRAY, LONG_MAX, NIL, ofType, signedCount } from '../collectionKey.js';
import { replyEmptyScan } from '../collectionScan.js';
import { READONLY } from '../command.js';
import type { CommandContext } from '../context.js';
import type { Command } from '../define.js';
import { KEY, oneKey } from '../generic/declare.js';
import { cursorArgument, matchesPattern, type ScanOptions, scanOptions, takeScanSteps } from '../generic/scanning.js';
import { replyCount, replyElement, WITHSCORES, zsetCommand, zsetToRead } from './declare.js';

const COUNT_OUT_OF_RANGE = 'ERR value is out of range';
/** Members are drawn one by one while the wanted are at most one in so many; else a walk over all chooses. */
const DRAW_UP_TO_ONE_IN = 3;

function runRandomMember(ctx: CommandContext): void {
  if (ctx.argc > 2) return randomMembers(ctx);
  const zset = zsetToRead(ctx, 1, NIL);
  if (zset === undefined) return;
  zset.seek(ctx.server.random.below(zset.count));
  ctx.reply.view(zset.member());
}

function randomMembers(ctx: CommandContext): void {
  const { argc, reply } = ctx;
  const asked = signedCount(ctx, 2);
  if (asked === undefined) return;
  const withScores = argc === 4 && ctx.argIs(3, 'withscores');
  if (argc > 3 && !withScores) return reply.error(SYNTAX);
  // Both ways twice as many elements must still be a number.
  const half = LONG_MAX / 2n;
  if (withScores && (asked < -half || asked > half)) return reply.error(COUNT_OUT_OF_RANGE);
  const zset = zsetToRead(ctx, 1, EMPTY_ARRAY);
  if (zset === undefined) return;
  if (asked < 0n) drawWithRepeats(ctx, zset, Number(-asked), withScores);
  else drawDifferent(ctx, zset, Math.min(Number(asked), zset.count), withScores);
}

function drawWithRepeats(ctx: CommandContext, zset: Ordered, wanted: number, withScores: boolean): void {
  const { count } = zset;
  const { random } = ctx.server;
  replyCount(ctx, wanted, withScores);
  for (let i = 0; i < wanted && !ctx.reply.overflowed; i++) {
    zset.seek(random.below(count));
    replyElement(ctx, zset, withScores);
  }
}

function drawDifferent(ctx: CommandContext, zset: Ordered, wanted: number, withScores: boolean): void {
  const { count } = zset;
  const { random } = ctx.server;
  replyCount(ctx, wanted, withScores);
  if (zset instanceof SortedSet && wanted * DRAW_UP_TO_ONE_IN <= count) {
    const drawn = new Set<number>();
    while (drawn.size < wanted) {
      const rank = random.below(count);
      if (drawn.has(rank)) continue;
      drawn.add(rank);
      zset.seek(rank);
      replyElement(ctx, zset, withScores);
    }
    return;
  }
  if (wanted === 0) return;
  // All of them come the last first, as in Redis.
  const selection = new Selection().begin(wanted, count);
  zset.seek(count - 1);
  do if (selection.takes(random)) replyElement(ctx, zset, withScores);
  while (zset.previous());
}

function runScan(ctx: CommandContext): void {
  const cursor = cursorArgument(ctx, 2);
  if (cursor === undefined) return;
  const ref = ofType(ctx, ctx.lookupRead(1), TYPE_ZSET, () => replyEmptyScan(ctx));
  if (ref === undefined) return;
  const zset = ctx.zsets.read(ctx.db, ref);
  const options = scanOptions(ctx, 3, false);
  if (options === undefined) return;
  if (zset instanceof SortedSet) scanLarge(ctx, zset, cursor, options);
  else scanWhole(ctx, zset, options);
}

function scanLarge(ctx: CommandContext, zset: SortedSet, cursor: number, { count, pattern }: ScanOptions): void {
  const { reply } = ctx;
  const found: number[] = [];
  const next = takeScanSteps((at, visit) => zset.scan(at, visit), cursor, count, found);
  const matching = pattern === 0 ? found : found.filter((ref) => matchesPattern(ctx, pattern, zset.storedMember(ref)));
  reply.array(2);
  reply.bulkInteger(next);
  reply.array(matching.length * 2);
  for (const ref of matching) {
    reply.view(zset.storedMember(ref));
    // Here, and only here, Redis prints all 17 digits.
    reply.latin1(formatStoredScore(zset.storedScore(ref)));
  }
}

function scanWhole(ctx: CommandContext, zset: Ordered, { pattern }: ScanOptions): void {
  const { reply } = ctx;
  let matching = 0;
  walk(zset, () => {
    if (matchesPattern(ctx, pattern, zset.member())) matching++;
  });
  reply.array(2);
  reply.bulkInteger(0);
  reply.array(matching * 2);
  walk(zset, () => {
    if (!matchesPattern(ctx, pattern, zset.member())) return;
    reply.view(zset.member());
    reply.text(formatDouble(zset.score));
  });
}

function walk(zset: Ordered, visit: () => void): void {
  zset.seek(0);
  do visit();
  while (zset.next());
}

export const randomCommands: readonly Command[] = [
  zsetCommand({
    name: 'zrandmember',
    arity: -2,
    since: '6.2.0',
    flags: READONLY,
    keys: oneKey('RO access'),
    complexity: 'O(N) with N members replied.',
    summary: 'Picks members of a sorted set at random.',
    arguments: [
      KEY,
      {
        name: 'options',
        type: 'block',
        flags: ['optional'],
        arguments: [{ name: 'count', type: 'integer' }, WITHSCORES],
      },
    ],
    tips: ['nondeterministic_output'],
    run: runRandomMember,
  }),
  zsetCommand({
    name: 'zscan',
    arity: -3,
    since: '2.8.0',
    flags: READONLY,
    keys: oneKey('RO access'),
    complexity: 'O(1) for a call; O(N) for all the calls that walk over N members.',
    summary: 'Walks over the members and scores of a sorted set in small steps.',
    arguments: [
      KEY,
      { name: 'cursor', type: 'integer' },
      { name: 'pattern', type: 'pattern', token: 'MATCH', flags: ['optional'] },
      { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] },
    ],
    tips: ['nondeterministic_output'],
    run: runScan,
  }),
];
