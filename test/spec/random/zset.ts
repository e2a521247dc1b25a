/**
 * Sorted set commands for random histories. Scores are such that 7.0 and 7.2 print them alike, and sums of any of them are
 * exact. Ranges of members are asked for only of keys whose scores are all the same: of others the order is anybody's guess.
 */
import type { CommandGenerator, WeightedCommand } from './generator.js';

const SCORES = [
  '0',
  '1',
  '2',
  '3',
  '10',
  '-1',
  '-7',
  '0.5',
  '-2.25',
  '1e3',
  '100',
  '4096',
  '+inf',
  '-inf',
  'inf',
  '5.',
  '.5',
];
const BAD_SCORES = ['abc', '', ' 1', '1 ', 'nan', '1e400', '0x', '(1', '1_0'];
const MEMBERS = [
  'a',
  'b',
  'c',
  'd',
  'e',
  'f',
  'aa',
  'ab',
  'b\x00',
  '',
  '1',
  '-5',
  '10',
  '9223372036854775807',
  'zzz',
  'A',
];
const LONG = `long${'x'.repeat(61)}`;
const RANKS = [
  '0',
  '1',
  '2',
  '5',
  '-1',
  '-2',
  '-5',
  '100',
  '-100',
  '130',
  '9223372036854775807',
  '-9223372036854775808',
];
const BAD_INTEGERS = ['abc', '1.5', '', '9223372036854775808'];
const SCORE_ENDS = [
  '-inf',
  '+inf',
  '0',
  '1',
  '(1',
  '2',
  '(2',
  '3',
  '10',
  '(-1',
  '0.5',
  '',
  '(',
  ' 1',
  '1e400',
  '(inf',
  '(-inf',
];
const BAD_SCORE_ENDS = ['abc', '((1', 'nan', '1 ', '[1'];
const MEMBER_ENDS = ['-', '+', '[a', '(a', '[aa', '(c', '[b', '[', '(', '[zzz', '(\xff'];
const BAD_MEMBER_ENDS = ['a', '', '++', '-x'];
const COUNTS = ['0', '1', '2', '3', '10', '1000'];

/** Keys with any scores; keys of {@link SAME} have the score 0 throughout. */
const ANY = ['za', 'zb', 'zc', 'zd', 'a', 'b'];
const SAME = ['lex1', 'lex2'];

const score = (g: CommandGenerator): string => (g.below(40) === 0 ? g.one(BAD_SCORES) : g.one(SCORES));
const member = (g: CommandGenerator): string => {
  const dice = g.below(12);
  if (dice === 0) return g.below(3) === 0 ? LONG : g.one(MEMBERS).repeat(1 + g.below(4));
  return dice < 4 ? `m${g.below(200)}` : g.one(MEMBERS);
};
const members = (g: CommandGenerator): string[] => Array.from({ length: 1 + g.below(4) }, () => member(g));
const key = (g: CommandGenerator): string => (g.below(25) === 0 ? g.key() : g.one(ANY));
const integer = (g: CommandGenerator, from: readonly string[]): string =>
  g.below(30) === 0 ? g.one(BAD_INTEGERS) : g.one(from);
const scoreEnd = (g: CommandGenerator): string => (g.below(25) === 0 ? g.one(BAD_SCORE_ENDS) : g.one(SCORE_ENDS));
const memberEnd = (g: CommandGenerator): string => (g.below(25) === 0 ? g.one(BAD_MEMBER_ENDS) : g.one(MEMBER_ENDS));
const withScores = (g: CommandGenerator): string[] => g.one<string[]>([[], ['WITHSCORES'], ['withscores']]);
const limit = (g: CommandGenerator): string[] =>
  g.below(3) > 0 ? [] : ['LIMIT', integer(g, ['0', '1', '2', '-1', '10']), integer(g, ['0', '1', '3', '-1', '100'])];

/** So many pairs at once that a small set becomes a large one. */
function manyPairs(g: CommandGenerator): string[] {
  const from = g.below(100);
  return Array.from({ length: 30 + g.below(80) }, (_, i) => [g.one(['0', '1', '2', String(i)]), `m${from + i}`]).flat();
}

function pairs(g: CommandGenerator): string[] {
  return Array.from({ length: 1 + g.below(4) }, () => [score(g), member(g)]).flat();
}

function addOptions(g: CommandGenerator): string[] {
  const options = [['NX'], ['XX'], ['GT'], ['LT'], ['CH'], ['INCR'], ['ch'], ['nx']];
  return Array.from({ length: g.below(3) }, () => g.one(options)).flat();
}

function inputs(g: CommandGenerator, from = ANY): string[] {
  const keys = Array.from({ length: 1 + g.below(3) }, () => (g.below(25) === 0 ? g.key() : g.one(from)));
  const number = g.below(30) === 0 ? g.one(['0', '-1', 'abc', '9']) : String(keys.length);
  return [number, ...keys];
}

function weighing(g: CommandGenerator, number: number): string[] {
  const weights = Array.from({ length: number }, () => g.one(['0', '1', '2', '-1', '0.5', 'inf', '10']));
  const aggregate = g.one(['SUM', 'MIN', 'MAX', 'sum', 'AVG']);
  return [...(g.below(3) > 0 ? [] : ['WEIGHTS', ...weights]), ...(g.below(3) > 0 ? [] : ['AGGREGATE', aggregate])];
}

function combination(g: CommandGenerator, name: string, before: string[], stores: boolean): string[] {
  const from = inputs(g);
  const options = name === 'ZDIFF' || name === 'ZDIFFSTORE' ? [] : weighing(g, from.length - 1);
  return [name, ...before, ...from, ...options, ...(stores ? [] : withScores(g))];
}

function range(g: CommandGenerator): string[] {
  const rev = g.one<string[]>([[], ['REV']]);
  switch (g.below(3)) {
    case 0:
      return [key(g), integer(g, RANKS), integer(g, RANKS), ...rev];
    case 1:
      return [key(g), scoreEnd(g), scoreEnd(g), 'BYSCORE', ...rev, ...limit(g)];
    default:
      return [g.one(SAME), memberEnd(g), memberEnd(g), ...rev, 'BYLEX', ...limit(g)];
  }
}

export const ZSET_COMMANDS: readonly WeightedCommand[] = [
  [20, (g) => ['ZADD', key(g), ...addOptions(g), ...pairs(g)]],
  [3, (g) => ['ZADD', key(g), ...manyPairs(g)]],
  [8, (g) => ['ZADD', g.one(SAME), ...members(g).flatMap((each) => ['0', each])]],
  [1, (g) => ['ZADD', g.one(SAME), ...manyPairs(g).map((each, i) => (i % 2 === 0 ? '0' : each))]],
  [6, (g) => ['ZINCRBY', key(g), score(g), member(g)]],
  [6, (g) => ['ZREM', key(g), ...members(g)]],
  [3, (g) => ['ZCARD', key(g)]],
  [4, (g) => ['ZSCORE', key(g), member(g)]],
  [2, (g) => ['ZMSCORE', key(g), ...members(g)]],
  [5, (g) => [g.one(['ZRANK', 'ZREVRANK']), key(g), member(g)]],
  [10, (g) => ['ZRANGE', ...range(g), ...withScores(g)]],
  [4, (g) => ['ZRANGESTORE', g.one(ANY), ...range(g)]],
  [3, (g) => ['ZREVRANGE', key(g), integer(g, RANKS), integer(g, RANKS), ...withScores(g)]],
  [4, (g) => ['ZRANGEBYSCORE', key(g), scoreEnd(g), scoreEnd(g), ...withScores(g), ...limit(g)]],
  [4, (g) => ['ZREVRANGEBYSCORE', key(g), scoreEnd(g), scoreEnd(g), ...limit(g), ...withScores(g)]],
  [4, (g) => [g.one(['ZRANGEBYLEX', 'ZREVRANGEBYLEX']), g.one(SAME), memberEnd(g), memberEnd(g), ...limit(g)]],
  [4, (g) => ['ZCOUNT', key(g), scoreEnd(g), scoreEnd(g)]],
  [3, (g) => ['ZLEXCOUNT', g.one(SAME), memberEnd(g), memberEnd(g)]],
  [3, (g) => ['ZREMRANGEBYRANK', key(g), integer(g, RANKS), integer(g, RANKS)]],
  [3, (g) => ['ZREMRANGEBYSCORE', key(g), scoreEnd(g), scoreEnd(g)]],
  [2, (g) => ['ZREMRANGEBYLEX', g.one(SAME), memberEnd(g), memberEnd(g)]],
  [6, (g) => [g.one(['ZPOPMIN', 'ZPOPMAX']), key(g), ...g.one([[], [integer(g, COUNTS)], ['-1']])]],
  [
    3,
    (g) => ['ZMPOP', ...inputs(g), g.one(['MIN', 'MAX', 'max', 'MID']), ...g.one([[], ['COUNT', integer(g, COUNTS)]])],
  ],
  [2, (g) => [g.one(['BZPOPMIN', 'BZPOPMAX']), g.one(ANY), g.one(ANY), g.one(['0.01', 'abc', '-1'])]],
  [1, (g) => ['BZMPOP', '0.01', ...inputs(g), g.one(['MIN', 'MAX'])]],
  [8, (g) => combination(g, g.one(['ZUNION', 'ZINTER', 'ZDIFF']), [], false)],
  [6, (g) => combination(g, g.one(['ZUNIONSTORE', 'ZINTERSTORE', 'ZDIFFSTORE']), [g.one(ANY)], true)],
  [2, (g) => ['ZINTERCARD', ...inputs(g), ...g.one([[], ['LIMIT', integer(g, COUNTS)], ['LIMIT', '-1']])]],
  [2, (g) => ['ZRANDMEMBER', key(g), ...g.one([['0'], ['1000'], ['1000', 'WITHSCORES'], ['x'], ['1', 'FOO']])]],
  [2, (g) => ['ZSCAN', key(g), '0', 'COUNT', '1000', ...g.one([[], ['MATCH', 'm*'], ['MATCH', '[a-c]']])]],
  [1, (g) => ['SADD', g.one(ANY), ...members(g)]],
  [1, (g) => ['DEL', g.one([...ANY, ...SAME])]],
  [2, (g) => ['EXPIRE', g.one(ANY), g.seconds()]],
];
