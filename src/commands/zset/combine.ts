/** Commands on several sorted sets: ZUNION ZINTER ZDIFF, the same with STORE, and ZINTERCARD. */
import { NOT_AN_INTEGER, SYNTAX } from '../../resp/errors.js';
import { parseScore } from '../../types/zset/score.js';
import { ScoreTable } from '../../types/zset/scoreTable.js';
import { SortedSet } from '../../types/zset/sortedSet.js';
import { type ArgumentDoc, DENYOOM, index, keynum, MOVABLEKEYS, READONLY, range, WRITE } from '../command.js';
import type { CommandContext } from '../context.js';
import type { Command } from '../define.js';
import { KEYS, token } from '../generic/declare.js';
import { replyCount, replyElement, storeResult, WITHSCORES, zsetCommand } from './declare.js';
import { integerArgument } from './ranges.js';
import { type Source, sources } from './sources.js';

const WEIGHT_NO_FLOAT = 'ERR weight value is not a float';
const NEGATIVE_LIMIT = "ERR LIMIT can't be negative";

/** Makes one score of two. */
type Aggregate = (a: number, b: number) => number;

// Infinities of opposite signs, and NaN from an infinity with weight 0, come to 0.
const sum: Aggregate = (a, b) => orZero(a + b);

// Unlike Math.min and Math.max these keep the first of 0 and -0, and what is not NaN.
function least(a: number, b: number): number {
  if (b < a) return b;
  return a;
}

function greatest(a: number, b: number): number {
  if (b > a) return b;
  return a;
}

function orZero(score: number): number {
  return Number.isNaN(score) ? 0 : score;
}

interface Options {
  aggregate: Aggregate;
  withScores: boolean;
  /** ZINTERCARD's; 0 for none. */
  limit: number;
}

/** Builds the outcome of a command aside. */
type Combine = (ctx: CommandContext, inputs: Source[], aggregate: Aggregate) => SortedSet;

/** What distinguishes the commands when they read their options. */
interface Kind {
  /** WEIGHTS and AGGREGATE. */
  readonly weighs: boolean;
  readonly stores: boolean;
  readonly counts: boolean;
}

/** The inputs, their number being in argument `at`, with the options behind them. Undefined: the error has been replied. */
function readInputs(ctx: CommandContext, at: number, kind: Kind): [Source[], Options] | undefined {
  const keys = integerArgument(ctx, at, NOT_AN_INTEGER);
  if (Number.isNaN(keys)) return undefined;
  if (keys < 1) return refuse(ctx, `ERR at least 1 input key is needed for '${ctx.command.fullName}' command`);
  if (keys > ctx.argc - at - 1) return refuse(ctx, SYNTAX);
  const behind = at + 1 + keys;
  const inputs = sources(ctx, at + 1, behind);
  if (inputs === undefined) return undefined;
  const options = readOptions(ctx, behind, kind, inputs);
  return options === undefined ? undefined : [inputs, options];
}

function readOptions(ctx: CommandContext, from: number, kind: Kind, inputs: Source[]): Options | undefined {
  const options: Options = { aggregate: sum, withScores: false, limit: 0 };
  for (let i = from; i < ctx.argc; ) {
    const remaining = ctx.argc - i;
    if (kind.weighs && remaining > inputs.length && ctx.argIs(i, 'weights')) {
      i++;
      for (const input of inputs) {
        input.weight = parseScore(ctx.buf, ctx.start[i], ctx.end[i]);
        if (Number.isNaN(input.weight)) return refuse(ctx, WEIGHT_NO_FLOAT);
        i++;
      }
    } else if (kind.weighs && remaining >= 2 && ctx.argIs(i, 'aggregate')) {
      const aggregate = aggregateAt(ctx, i + 1);
      if (aggregate === undefined) return refuse(ctx, SYNTAX);
      options.aggregate = aggregate;
      i += 2;
    } else if (!kind.stores && !kind.counts && ctx.argIs(i, 'withscores')) {
      options.withScores = true;
      i++;
    } else if (kind.counts && remaining >= 2 && ctx.argIs(i, 'limit')) {
      options.limit = integerArgument(ctx, i + 1, NEGATIVE_LIMIT);
      if (Number.isNaN(options.limit)) return undefined;
      if (options.limit < 0) return refuse(ctx, NEGATIVE_LIMIT);
      i += 2;
    } else return refuse(ctx, SYNTAX);
  }
  return options;
}

function aggregateAt(ctx: CommandContext, i: number): Aggregate | undefined {
  if (ctx.argIs(i, 'sum')) return sum;
  if (ctx.argIs(i, 'min')) return least;
  return ctx.argIs(i, 'max') ? greatest : undefined;
}

function refuse(ctx: CommandContext, error: string): undefined {
  ctx.reply.error(error);
  return undefined;
}

// ---------------------------------------------------------------- the combinations

function bySize(inputs: Source[]): Source[] {
  return inputs.toSorted((a, b) => a.count - b.count);
}

function union(ctx: CommandContext, inputs: Source[], aggregate: Aggregate): SortedSet {
  const table = new ScoreTable(ctx.db.newElements());
  try {
    for (const input of bySize(inputs)) {
      if (input.count === 0) continue;
      input.walk(({ buf, start, end }, score) => {
        const weighted = orZero(input.weight * score);
        const ref = table.find(buf, start, end);
        if (ref === 0) table.add(weighted, buf, start, end);
        else table.set(ref, aggregate(table.get(ref), weighted));
        return true;
      });
    }
  } catch (error) {
    table.elements.release();
    throw error;
  }
  return new SortedSet(table.elements);
}

/** Calls `visit` with each member that all inputs have, until that answers false. */
function intersect(
  inputs: Source[],
  aggregate: Aggregate,
  visit: (score: number, buf: Uint8Array, start: number, end: number) => boolean,
): void {
  const [smallest, ...others] = bySize(inputs);
  if (smallest.count === 0) return;
  smallest.walk(({ buf, start, end }, score) => {
    let combined = orZero(smallest.weight * score);
    for (const other of others) {
      const found = other.scoreOf(buf, start, end);
      if (Number.isNaN(found)) return true;
      combined = aggregate(combined, found * other.weight);
    }
    return visit(combined, buf, start, end);
  });
}

function intersection(ctx: CommandContext, inputs: Source[], aggregate: Aggregate): SortedSet {
  return built(ctx, (result) => {
    intersect(inputs, aggregate, (score, buf, start, end) => {
      result.add(score, buf, start, end);
      return true;
    });
  });
}

function difference(ctx: CommandContext, [first, ...others]: Source[]): SortedSet {
  return built(ctx, (result) => {
    if (first.count === 0) return;
    first.walk(({ buf, start, end }, score) => {
      if (others.every((other) => Number.isNaN(other.scoreOf(buf, start, end)))) result.add(score, buf, start, end);
      return true;
    });
  });
}

function built(ctx: CommandContext, fill: (result: SortedSet) => void): SortedSet {
  const result = ctx.zsets.begin(ctx.db);
  try {
    fill(result);
  } catch (error) {
    result.release();
    throw error;
  }
  return result;
}

// ---------------------------------------------------------------- the commands

function runCombine(ctx: CommandContext, kind: Kind, combine: Combine): void {
  const read = readInputs(ctx, 1, kind);
  if (read === undefined) return;
  const [inputs, { aggregate, withScores }] = read;
  const result = combine(ctx, inputs, aggregate);
  replyCount(ctx, result.count, withScores);
  if (result.count > 0) {
    result.seek(0);
    do replyElement(ctx, result, withScores);
    while (result.next());
  }
  result.release();
}

function runCombineStore(ctx: CommandContext, kind: Kind, combine: Combine, event: string): void {
  const read = readInputs(ctx, 2, kind);
  if (read === undefined) return;
  const [inputs, { aggregate }] = read;
  storeResult(ctx, 1, combine(ctx, inputs, aggregate), event);
}

function runInterCard(ctx: CommandContext): void {
  const read = readInputs(ctx, 1, { weighs: false, stores: false, counts: true });
  if (read === undefined) return;
  const [inputs, { limit }] = read;
  let count = 0;
  intersect(inputs, sum, () => ++count !== limit);
  ctx.reply.integer(count);
}

// ---------------------------------------------------------------- declarations

const NUMKEYS: ArgumentDoc = { name: 'numkeys', type: 'integer' };
const DESTINATION: ArgumentDoc = { name: 'destination', type: 'key', keySpecIndex: 0 };
const WEIGHTS: ArgumentDoc = { name: 'weight', type: 'integer', token: 'WEIGHTS', flags: ['optional', 'multiple'] };
const AGGREGATE: ArgumentDoc = {
  name: 'aggregate',
  type: 'oneof',
  token: 'AGGREGATE',
  flags: ['optional'],
  arguments: [token('sum'), token('min'), token('max')],
};

interface CombineVariant {
  /** What comes behind the first Z. */
  name: 'union' | 'inter' | 'diff';
  what: string;
  /** Of the form with STORE. */
  since: string;
  complexity: string;
  combine: Combine;
}

/** The command that replies and the one that stores. */
function combineCommands({ name, what, since, complexity, combine }: CombineVariant): readonly Command[] {
  const weighs = name !== 'diff';
  const weighing = weighs ? [WEIGHTS, AGGREGATE] : [];
  const inputs = { begin: index(1), find: keynum(0, 1, 1), access: 'RO access' };
  return [
    zsetCommand({
      name: `z${name}`,
      arity: -3,
      since: '6.2.0',
      flags: READONLY | MOVABLEKEYS,
      keys: [inputs],
      complexity,
      summary: `Replies the ${what} of sorted sets.`,
      arguments: [NUMKEYS, KEYS, ...weighing, WITHSCORES],
      run: (ctx) => runCombine(ctx, { weighs, stores: false, counts: false }, combine),
    }),
    zsetCommand({
      name: `z${name}store`,
      arity: -4,
      since,
      flags: WRITE | DENYOOM | MOVABLEKEYS,
      keys: [
        { begin: index(1), find: range(0, 1), access: 'OW update' },
        { ...inputs, begin: index(2) },
      ],
      complexity,
      summary: `Stores the ${what} of sorted sets under another key.`,
      arguments: [DESTINATION, NUMKEYS, { ...KEYS, keySpecIndex: 1 }, ...weighing],
      run: (ctx) => runCombineStore(ctx, { weighs, stores: true, counts: false }, combine, `z${name}store`),
    }),
  ];
}

export const combinationCommands: readonly Command[] = [
  ...combineCommands({
    name: 'union',
    what: 'union',
    since: '2.0.0',
    complexity: 'O(N)+O(M*log(M)) with N members in all the sorted sets and M in the union.',
    combine: union,
  }),
  ...combineCommands({
    name: 'inter',
    what: 'intersection',
    since: '2.0.0',
    complexity: 'O(N*K)+O(M*log(M)) with N members in the smallest of K sorted sets and M in the intersection.',
    combine: intersection,
  }),
  ...combineCommands({
    name: 'diff',
    what: 'difference',
    since: '6.2.0',
    complexity: 'O(N*K)+O(M*log(M)) with N members in the first of K sorted sets and M in the difference.',
    combine: difference,
  }),
  zsetCommand({
    name: 'zintercard',
    arity: -3,
    since: '7.0.0',
    flags: READONLY | MOVABLEKEYS,
    keys: [{ begin: index(1), find: keynum(0, 1, 1), access: 'RO access' }],
    complexity: 'O(N*K) with N members in the smallest of K sorted sets.',
    summary: 'Counts the members of the intersection of sorted sets.',
    arguments: [NUMKEYS, KEYS, { name: 'limit', type: 'integer', token: 'LIMIT', flags: ['optional'] }],
    run: runInterCard,
  }),
];
