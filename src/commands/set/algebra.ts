/** Commands on several sets: SINTER SINTERSTORE SINTERCARD SUNION SUNIONSTORE SDIFF SDIFFSTORE. */
import { SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { NO_EXPIRE, type Ref, TYPE_SET } from '../../store/types.js';
import type { Position } from '../../types/collection.js';
import { type Operands, SetAlgebra } from '../../types/set/algebra.js';
import type { SetEditor } from '../../types/set/set.js';
import { DENYOOM, index, keynum, MOVABLEKEYS, READONLY, range, WRITE } from '../command.js';
import { type CommandContext, EVENT_GENERIC, EVENT_NEW, EVENT_SET } from '../context.js';
import type { Command } from '../define.js';
import { KEYS, keysToTheEnd } from '../generic/declare.js';
import { replyMembers, setCommand } from './declare.js';

const FEW_KEYS = "ERR Number of keys can't be greater than number of args";
const NO_KEYS = 'ERR numkeys should be greater than 0';
const NEGATIVE_LIMIT = "ERR LIMIT can't be negative";

/** The sets of key arguments `first` up to `behind`. Undefined: one is no set, which has been replied. */
function operands(ctx: CommandContext, first: number, behind: number): Operands | undefined {
  const { db } = ctx;
  // A lookup may remove an expired key, so all of them come before any that is kept.
  for (let i = first; i < behind; i++) {
    const ref = ctx.lookupRead(i);
    if (ref === 0 || db.type(ref) === TYPE_SET) continue;
    ctx.reply.error(WRONGTYPE);
    return undefined;
  }
  const refs: Ref[] = [];
  for (let i = first; i < behind; i++) refs.push(ctx.peek(i));
  return { db, refs };
}

/** Gives the result to key argument 1, or removes that key when there is none, and replies the number of members. */
function storeResult(ctx: CommandContext, result: SetEditor, event: string): void {
  const { db, buf, start, end } = ctx;
  const old = ctx.lookupWrite(1);
  const { count } = result;
  if (count === 0) {
    result.discard();
    if (old !== 0) {
      db.delete(old);
      ctx.modified(1, EVENT_GENERIC, 'del');
    }
  } else {
    db.setLru(result.store(buf, start[1], end[1], NO_EXPIRE), ctx.initialAccessBits());
    if (old === 0) ctx.notify(db, buf, start[1], end[1], EVENT_NEW, 'new');
    ctx.modified(1, EVENT_SET, event);
  }
  ctx.reply.integer(count);
}

function runSInter(ctx: CommandContext): void {
  const sets = operands(ctx, 1, ctx.argc);
  if (sets === undefined) return;
  const algebra = new SetAlgebra(ctx.sets);
  const found: Position[] = [];
  algebra.intersect(sets, (position) => found.push(position) > 0);
  ctx.reply.set(found.length);
  for (const position of found) ctx.reply.view(algebra.walker.keyAt(position));
}

function runSInterCard(ctx: CommandContext): void {
  const keys = ctx.argInt64(1);
  if (keys === undefined || keys < 1n) return ctx.reply.error(NO_KEYS);
  if (keys > ctx.argc - 2) return ctx.reply.error(FEW_KEYS);
  const behind = 2 + Number(keys);
  let limit = 0n;
  for (let i = behind; i < ctx.argc; i += 2) {
    if (!ctx.argIs(i, 'limit') || i + 1 === ctx.argc) return ctx.reply.error(SYNTAX);
    const value = ctx.argInt64(i + 1);
    if (value === undefined || value < 0n) return ctx.reply.error(NEGATIVE_LIMIT);
    limit = value;
  }
  const sets = operands(ctx, 2, behind);
  if (sets === undefined) return;
  let count = 0;
  new SetAlgebra(ctx.sets).intersect(sets, () => ++count < limit || limit === 0n);
  ctx.reply.integer(count);
}

type Combine = (algebra: SetAlgebra, sets: Operands) => SetEditor;

const common: Combine = (algebra, sets) => algebra.gatherCommon(sets);
const union: Combine = (algebra, sets) => algebra.unite(sets);
const difference: Combine = (algebra, sets) => algebra.subtract(sets);

function replyCombined(ctx: CommandContext, combine: Combine): void {
  const sets = operands(ctx, 1, ctx.argc);
  if (sets === undefined) return;
  const result = combine(new SetAlgebra(ctx.sets), sets);
  replyMembers(ctx, result);
  result.discard();
}

function storeCombined(ctx: CommandContext, combine: Combine, event: string): void {
  const sets = operands(ctx, 2, ctx.argc);
  if (sets !== undefined) storeResult(ctx, combine(new SetAlgebra(ctx.sets), sets), event);
}

interface AlgebraVariant {
  name: string;
  complexity: string;
  summary: string;
  run: (ctx: CommandContext) => void;
}

function replying(variant: AlgebraVariant): Command {
  return setCommand({
    ...variant,
    arity: -2,
    since: '1.0.0',
    flags: READONLY,
    keys: keysToTheEnd('RO access'),
    arguments: [KEYS],
    tips: ['nondeterministic_output_order'],
  });
}

function storing(variant: AlgebraVariant, access = 'OW update'): Command {
  return setCommand({
    ...variant,
    arity: -3,
    since: '1.0.0',
    flags: WRITE | DENYOOM,
    keys: [
      { begin: index(1), find: range(0, 1), access },
      { begin: index(2), find: range(-1, 1), access: 'RO access' },
    ],
    arguments: [
      { name: 'destination', type: 'key', keySpecIndex: 0 },
      { ...KEYS, keySpecIndex: 1 },
    ],
  });
}

const EACH_IN_ALL = 'O(N*M) at worst, with N members in the smallest set and M sets.';
const ALL = 'O(N) with N members in all sets together.';

export const algebraCommands: readonly Command[] = [
  replying({
    name: 'sinter',
    complexity: EACH_IN_ALL,
    summary: 'Replies the members that are in all sets.',
    run: runSInter,
  }),
  storing(
    {
      name: 'sinterstore',
      complexity: EACH_IN_ALL,
      summary: 'Stores the members that are in all sets as a set.',
      run: (ctx) => storeCombined(ctx, common, 'sinterstore'),
    },
    'RW update',
  ),
  setCommand({
    name: 'sintercard',
    arity: -3,
    since: '7.0.0',
    flags: READONLY | MOVABLEKEYS,
    keys: [{ begin: index(1), find: keynum(0, 1, 1), access: 'RO access' }],
    complexity: EACH_IN_ALL,
    summary: 'Counts the members that are in all sets, up to a limit.',
    arguments: [
      { name: 'numkeys', type: 'integer' },
      KEYS,
      { name: 'limit', type: 'integer', token: 'LIMIT', flags: ['optional'] },
    ],
    run: runSInterCard,
  }),
  replying({
    name: 'sunion',
    complexity: ALL,
    summary: 'Replies the members that are in any of the sets.',
    run: (ctx) => replyCombined(ctx, union),
  }),
  storing({
    name: 'sunionstore',
    complexity: ALL,
    summary: 'Stores the members that are in any of the sets as a set.',
    run: (ctx) => storeCombined(ctx, union, 'sunionstore'),
  }),
  replying({
    name: 'sdiff',
    complexity: ALL,
    summary: 'Replies the members of the first set that are in none of the others.',
    run: (ctx) => replyCombined(ctx, difference),
  }),
  storing({
    name: 'sdiffstore',
    complexity: ALL,
    summary: 'Stores the members of the first set that are in none of the others as a set.',
    run: (ctx) => storeCombined(ctx, difference, 'sdiffstore'),
  }),
];
