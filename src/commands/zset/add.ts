/** Commands that give scores: ZADD ZINCRBY. */
import { NOT_A_FLOAT, SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { type Ref, TYPE_ZSET } from '../../store/types.js';
import {
  ADDED,
  INCREMENT,
  NOT_A_NUMBER,
  ONLY_GREATER,
  ONLY_LESS,
  ONLY_NEW,
  ONLY_OLD,
  REFUSED,
  UPDATED,
} from '../../types/zset/editor.js';
import { parseScore } from '../../types/zset/score.js';
import { DENYOOM, FAST, WRITE } from '../command.js';
import { type CommandContext, EVENT_NEW, EVENT_ZSET } from '../context.js';
import type { Command } from '../define.js';
import { KEY, oneKey, token } from '../generic/declare.js';
import { MEMBER, zsetCommand } from './declare.js';

const XX_AND_NX = 'ERR XX and NX options at the same time are not compatible';
const GT_LT_NX = 'ERR GT, LT, and/or NX options at the same time are not compatible';
const ONE_INCREMENT = 'ERR INCR option supports a single increment-element pair';
const SUM_IS_NAN = 'ERR resulting score is not a number (NaN)';

/** Reply the number of changed elements, not of new ones: an option beside the conditions of the editor. */
export const COUNT_CHANGES = 32;

function optionAt(ctx: CommandContext, i: number): number {
  const length = ctx.argLength(i);
  if (length === 2) {
    if (ctx.argIs(i, 'nx')) return ONLY_NEW;
    if (ctx.argIs(i, 'xx')) return ONLY_OLD;
    if (ctx.argIs(i, 'ch')) return COUNT_CHANGES;
    if (ctx.argIs(i, 'gt')) return ONLY_GREATER;
    if (ctx.argIs(i, 'lt')) return ONLY_LESS;
  }
  return length === 4 && ctx.argIs(i, 'incr') ? INCREMENT : 0;
}

function conflict(options: number, pairs: number): string | undefined {
  const conditions = options & (ONLY_NEW | ONLY_GREATER | ONLY_LESS);
  if ((options & ONLY_NEW) !== 0 && (options & ONLY_OLD) !== 0) return XX_AND_NX;
  // No two of the three go together.
  if ((conditions & (conditions - 1)) !== 0) return GT_LT_NX;
  return (options & INCREMENT) !== 0 && pairs > 1 ? ONE_INCREMENT : undefined;
}

function runAdd(ctx: CommandContext, given: number): void {
  const { argc, buf, start, end } = ctx;
  let options = given;
  let first = 2;
  for (; first < argc; first++) {
    const option = optionAt(ctx, first);
    if (option === 0) break;
    options |= option;
  }
  const pairs = (argc - first) / 2;
  if (pairs === 0 || !Number.isInteger(pairs)) return ctx.reply.error(SYNTAX);
  const error = conflict(options, pairs);
  if (error !== undefined) return ctx.reply.error(error);
  const scores = ctx.zsets.scores(pairs);
  for (let i = 0; i < pairs; i++) {
    const at = first + 2 * i;
    scores[i] = parseScore(buf, start[at], end[at]);
    if (Number.isNaN(scores[i])) return ctx.reply.error(NOT_A_FLOAT);
  }
  addMembers(ctx, pairs, scores, first + 1, 2, options);
}

/**
 * Gives the members in arguments `first`, `first + step` ... these scores in the sorted set of key argument 1, and replies what
 * ZADD replies with these options.
 */
export function addMembers(
  ctx: CommandContext,
  count: number,
  scores: Float64Array,
  first: number,
  step: number,
  options: number,
): void {
  const { db, buf, start, end, reply, zsets } = ctx;
  const ref = ctx.lookupWrite(1);
  if (ref !== 0 && db.type(ref) !== TYPE_ZSET) return reply.error(WRONGTYPE);
  const incrementing = (options & INCREMENT) !== 0;
  const editor = zsets.edit(db, ref);
  let added = 0;
  let updated = 0;
  let outcome: number = REFUSED;
  try {
    for (let i = 0; i < count; i++) {
      const at = first + step * i;
      outcome = editor.set(scores[i], buf, start[at], end[at], options);
      if (outcome === ADDED) added++;
      else if (outcome === UPDATED) updated++;
    }
  } finally {
    closeGrown(ctx, ref, added + updated, incrementing ? 'zincr' : 'zadd');
  }
  if (!incrementing) reply.integer((options & COUNT_CHANGES) !== 0 ? added + updated : added);
  else if (outcome === NOT_A_NUMBER) reply.error(SUM_IS_NAN);
  else if (outcome === REFUSED) reply.nil();
  else reply.double(editor.score);
}

/** Ends the editing of the sorted set of key argument 1, which was at `old` or is new (0). */
function closeGrown(ctx: CommandContext, old: Ref, changes: number, event: string): void {
  const { db, buf } = ctx;
  const start = ctx.start[1];
  const end = ctx.end[1];
  const ref = ctx.zsets.editor.close(buf, start, end);
  if (changes === 0) return;
  if (old === 0) {
    db.setLru(ref, ctx.initialAccessBits());
    ctx.notify(db, buf, start, end, EVENT_NEW, 'new');
  }
  ctx.touched(1, EVENT_ZSET, event);
  ctx.markDirty(changes);
}

export const addCommands: readonly Command[] = [
  zsetCommand({
    name: 'zadd',
    arity: -4,
    since: '1.2.0',
    flags: WRITE | DENYOOM | FAST,
    keys: oneKey('RW update'),
    complexity: 'O(log(N)) for each member, with N members in the sorted set.',
    summary: 'Adds members with their scores to a sorted set, or changes the scores of members.',
    history: [
      ['2.4.0', 'Several members may be given.'],
      ['3.0.2', 'The options `XX`, `NX`, `CH` and `INCR` came.'],
      ['6.2.0', 'The options `GT` and `LT` came.'],
    ],
    arguments: [
      KEY,
      {
        name: 'condition',
        type: 'oneof',
        since: '3.0.2',
        flags: ['optional'],
        arguments: [token('nx'), token('xx')],
      },
      {
        name: 'comparison',
        type: 'oneof',
        since: '6.2.0',
        flags: ['optional'],
        arguments: [token('gt'), token('lt')],
      },
      { name: 'change', type: 'pure-token', token: 'CH', since: '3.0.2', flags: ['optional'] },
      { name: 'increment', type: 'pure-token', token: 'INCR', since: '3.0.2', flags: ['optional'] },
      { name: 'data', type: 'block', flags: ['multiple'], arguments: [{ name: 'score', type: 'double' }, MEMBER] },
    ],
    run: (ctx) => runAdd(ctx, 0),
  }),
  zsetCommand({
    name: 'zincrby',
    arity: 4,
    since: '1.2.0',
    flags: WRITE | DENYOOM | FAST,
    keys: oneKey('RW access update'),
    complexity: 'O(log(N)) with N members in the sorted set.',
    summary: 'Adds to the score of a member of a sorted set.',
    arguments: [KEY, { name: 'increment', type: 'integer' }, MEMBER],
    run: (ctx) => runAdd(ctx, INCREMENT),
  }),
];
