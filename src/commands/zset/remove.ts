/** Commands that take members out: ZREM ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREMRANGEBYLEX. */
import { ZERO } from '../collectionKey.js';
import { type ArgumentDoc, FAST, WRITE } from '../command.js';
import type { CommandContext } from '../context.js';
import type { Command } from '../define.js';
import { KEY, oneKey } from '../generic/declare.js';
import { closeShrunk, MEMBERS, zsetCommand, zsetToShrink } from './declare.js';
import { integerArgument, memberRange, scoreRange } from './ranges.js';

function runRemove(ctx: CommandContext): void {
  const { argc, buf, start, end } = ctx;
  const editor = zsetToShrink(ctx, 1, ZERO);
  if (editor === undefined) return;
  let removed = 0;
  for (let i = 2; i < argc && editor.count > 0; i++) if (editor.remove(buf, start[i], end[i])) removed++;
  closeShrunk(ctx, 1, 'zrem', removed);
  ctx.reply.integer(removed);
}

function runRemoveByRank(ctx: CommandContext): void {
  const from = integerArgument(ctx, 2);
  if (Number.isNaN(from)) return;
  const to = integerArgument(ctx, 3);
  if (Number.isNaN(to)) return;
  const editor = zsetToShrink(ctx, 1, ZERO);
  if (editor === undefined) return;
  const { count } = editor;
  const first = Math.max(0, from < 0 ? from + count : from);
  const last = Math.min(count - 1, to < 0 ? to + count : to);
  removeRanks(ctx, first, last + 1, 'zremrangebyrank');
}

function runRemoveBetween(
  ctx: CommandContext,
  parseRange: (ctx: CommandContext, min: number, max: number) => boolean,
  event: string,
): void {
  if (!parseRange(ctx, 2, 3)) return;
  const editor = zsetToShrink(ctx, 1, ZERO);
  if (editor === undefined) return;
  const { zset } = editor;
  const first = zset.countBefore(ctx.zsets.from);
  removeRanks(ctx, first, zset.countBefore(ctx.zsets.to), event);
}

/** Removes the elements with ranks from `first` up to `behind` from the sorted set that is open. */
function removeRanks(ctx: CommandContext, first: number, behind: number, event: string): void {
  const removed = Math.max(0, behind - first);
  if (removed > 0) ctx.zsets.editor.removeRange(first, removed);
  closeShrunk(ctx, 1, event, removed);
  ctx.reply.integer(removed);
}

function rangeRemoval(
  name: string,
  since: string,
  by: string,
  ends: readonly [ArgumentDoc, ArgumentDoc],
  run: (ctx: CommandContext) => void,
): Command {
  return zsetCommand({
    name,
    arity: 4,
    since,
    flags: WRITE,
    keys: oneKey('RW delete'),
    complexity: 'O(log(N)+M) with N members in the sorted set, of which M are removed.',
    summary: `Removes the members of a sorted set in a range of ${by}.`,
    arguments: [KEY, ...ends],
    run,
  });
}

export const removeCommands: readonly Command[] = [
  zsetCommand({
    name: 'zrem',
    arity: -3,
    since: '1.2.0',
    flags: WRITE | FAST,
    keys: oneKey('RW delete'),
    complexity: 'O(M*log(N)) with N members in the sorted set and M to be removed.',
    summary: 'Removes members from a sorted set.',
    history: [['2.4.0', 'Several members may be given.']],
    arguments: [KEY, MEMBERS],
    run: runRemove,
  }),
  rangeRemoval(
    'zremrangebyrank',
    '2.0.0',
    'ranks',
    [
      { name: 'start', type: 'integer' },
      { name: 'stop', type: 'integer' },
    ],
    runRemoveByRank,
  ),
  rangeRemoval(
    'zremrangebyscore',
    '1.2.0',
    'scores',
    [
      { name: 'min', type: 'double' },
      { name: 'max', type: 'double' },
    ],
    (ctx) => runRemoveBetween(ctx, scoreRange, 'zremrangebyscore'),
  ),
  rangeRemoval(
    'zremrangebylex',
    '2.8.9',
    'members',
    [
      { name: 'min', type: 'string' },
      { name: 'max', type: 'string' },
    ],
    (ctx) => runRemoveBetween(ctx, memberRange, 'zremrangebylex'),
  ),
];
