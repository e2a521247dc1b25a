/** Commands that only look: LLEN LINDEX LRANGE LPOS. */
import { INT64_MIN } from '../../base/bytes.js';
import { SYNTAX } from '../../resp/errors.js';
import type { Lists } from '../../types/list/lists.js';
import { FAST, READONLY } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey } from '../generic/declare.js';
import { ELEMENT, integerArgument, openRead, replyEmpty, replyNil, replyZero } from './declare.js';

function runLength(ctx: CommandContext): void {
  const lists = openRead(ctx, 1, replyZero);
  if (lists !== undefined) ctx.reply.integer(lists.length);
}

function runIndex(ctx: CommandContext): void {
  const lists = openRead(ctx, 1, replyNil);
  if (lists === undefined) return;
  const index = integerArgument(ctx, 2);
  if (Number.isNaN(index)) return;
  if (lists.seek(index)) ctx.reply.view(lists.text());
  else ctx.reply.nil();
}

function runRange(ctx: CommandContext): void {
  let from = integerArgument(ctx, 2);
  if (Number.isNaN(from)) return;
  let to = integerArgument(ctx, 3);
  if (Number.isNaN(to)) return;
  const lists = openRead(ctx, 1, replyEmpty);
  if (lists === undefined) return;
  const { length } = lists;
  if (from < 0) from = Math.max(0, from + length);
  if (to < 0) to += length;
  const count = Math.min(to, length - 1) - from + 1;
  if (count <= 0) return ctx.reply.array(0);
  replyElements(ctx, lists, from, count);
}

/** Replies `count` elements from this index on: they are there. */
export function replyElements({ reply }: CommandContext, lists: Lists, from: number, count: number): void {
  reply.array(count);
  lists.seek(from);
  for (let left = count; ; lists.next()) {
    reply.view(lists.text());
    if (--left === 0) return;
  }
}

interface PositionQuery {
  rank: number;
  /** How many matches; 0 all of them, undefined the one. */
  count: number | undefined;
  /** How many elements are compared; 0 all of them. */
  maxCompared: number;
}

const RANK_TOO_LOW = 'ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807';
const ZERO_RANK =
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
  'or use negative to start from the end of the list';

/** The options of LPOS; undefined when the error has been replied. */
function positionQuery(ctx: CommandContext): PositionQuery | undefined {
  const query: PositionQuery = { rank: 1, count: undefined, maxCompared: 0 };
  for (let i = 3; i < ctx.argc; i += 2) {
    if (i + 1 === ctx.argc) return refuse(ctx, SYNTAX);
    if (ctx.argIs(i, 'rank')) {
      query.rank = integerArgument(ctx, i + 1);
      if (Number.isNaN(query.rank)) return undefined;
      if (ctx.argInt64(i + 1) === INT64_MIN) return refuse(ctx, RANK_TOO_LOW);
      if (query.rank === 0) return refuse(ctx, ZERO_RANK);
    } else if (ctx.argIs(i, 'count')) {
      query.count = notNegative(ctx, i + 1, "ERR COUNT can't be negative");
      if (Number.isNaN(query.count)) return undefined;
    } else if (ctx.argIs(i, 'maxlen')) {
      query.maxCompared = notNegative(ctx, i + 1, "ERR MAXLEN can't be negative");
      if (Number.isNaN(query.maxCompared)) return undefined;
    } else {
      return refuse(ctx, SYNTAX);
    }
  }
  return query;
}

function refuse(ctx: CommandContext, error: string): undefined {
  ctx.reply.error(error);
  return undefined;
}

function notNegative(ctx: CommandContext, i: number, error: string): number {
  const value = integerArgument(ctx, i, error);
  if (!(value < 0)) return value;
  ctx.reply.error(error);
  return Number.NaN;
}

function runPosition(ctx: CommandContext): void {
  const query = positionQuery(ctx);
  if (query === undefined) return;
  const one = query.count === undefined;
  const lists = openRead(ctx, 1, one ? replyNil : replyEmpty);
  if (lists === undefined) return;
  const found = positions(ctx, lists, query);
  if (!one) {
    ctx.reply.array(found.length);
    for (const index of found) ctx.reply.integer(index);
  } else if (found.length > 0) ctx.reply.integer(found[0]);
  else ctx.reply.nil();
}

function positions({ buf, start, end }: CommandContext, lists: Lists, query: PositionQuery): number[] {
  const { rank, maxCompared } = query;
  const wanted = lists.element.set(buf, start[2], end[2]);
  const most = query.count ?? 1;
  const step = rank > 0 ? 1 : -1;
  let skipped = Math.abs(rank) - 1;
  let index = rank > 0 ? 0 : lists.length - 1;
  const found: number[] = [];
  let left = maxCompared === 0 ? lists.length : maxCompared;
  for (let more = lists.seek(index); more && left > 0; left--, index += step) {
    if (lists.at.equals(wanted) && skipped-- <= 0 && found.push(index) === most) break;
    more = step > 0 ? lists.next() : lists.previous();
  }
  return found;
}

export const readCommands: readonly Command[] = [
  command({
    name: 'llen',
    arity: 2,
    group: 'list',
    since: '1.0.0',
    flags: READONLY | FAST,
    acl: ['list'],
    keys: oneKey('RO'),
    complexity: 'O(1)',
    summary: 'Returns the length of a list.',
    arguments: [KEY],
    run: runLength,
  }),
  command({
    name: 'lindex',
    arity: 3,
    group: 'list',
    since: '1.0.0',
    flags: READONLY,
    acl: ['list'],
    keys: oneKey('RO ACCESS'),
    complexity: 'O(N) with N the distance to the nearer end; O(1) for the ends.',
    summary: 'Returns the element at an index.',
    arguments: [KEY, { name: 'index', type: 'integer' }],
    run: runIndex,
  }),
  command({
    name: 'lrange',
    arity: 4,
    group: 'list',
    since: '1.0.0',
    flags: READONLY,
    acl: ['list'],
    keys: oneKey('RO ACCESS'),
    complexity: 'O(S+N) with S the distance to the nearer end and N elements returned.',
    summary: 'Returns a range of elements.',
    arguments: [KEY, { name: 'start', type: 'integer' }, { name: 'stop', type: 'integer' }],
    run: runRange,
  }),
  command({
    name: 'lpos',
    arity: -3,
    group: 'list',
    since: '6.0.6',
    flags: READONLY,
    acl: ['list'],
    keys: oneKey('RO ACCESS'),
    complexity: 'O(N) with N elements compared.',
    summary: 'Returns the indexes of elements that equal a value.',
    arguments: [
      KEY,
      ELEMENT,
      { name: 'rank', type: 'integer', token: 'RANK', flags: ['optional'] },
      { name: 'num-matches', type: 'integer', token: 'COUNT', flags: ['optional'] },
      { name: 'len', type: 'integer', token: 'MAXLEN', flags: ['optional'] },
    ],
    run: runPosition,
  }),
];
