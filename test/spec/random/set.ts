/**
 * Set commands for random histories: integers of every width, and texts. SPOP takes all or nothing, as everything else would
 * leave two servers with different data.
 */
import type { CommandGenerator, WeightedCommand } from './generator.js';

const INTEGERS = ['0', '1', '2', '3', '-1', '-300', '40000', '-40000', '3000000000', '9223372036854775807'];
const TEXTS = ['a', 'b', 'c', '', '01', '+1', '9223372036854775808', 'm\x00\r\n', 'a member of more than thirty bytes'];

function member(g: CommandGenerator): string {
  switch (g.below(12)) {
    case 0:
      return 'long'.repeat(g.one([15, 16, 17, 70]));
    case 1:
    case 2:
    case 3:
      return g.one(TEXTS);
    case 4:
    case 5:
      return String(g.below(300) - 150);
    default:
      return g.one(INTEGERS);
  }
}

function members(g: CommandGenerator): string[] {
  return Array.from({ length: 1 + g.below(4) }, () => member(g));
}

function integers(g: CommandGenerator): string[] {
  return Array.from({ length: 1 + g.below(4) }, () => g.one(INTEGERS));
}

/** Enough members for a set to become large. */
function manyMembers(g: CommandGenerator): string[] {
  const from = g.below(1000);
  return Array.from({ length: 100 + g.below(60) }, (_, i) => `m${from + i}`);
}

function options(g: CommandGenerator): string[] {
  return g.one([[], ['MATCH', '[a-c1-3]*'], ['MATCH', '*'], ['COUNT', 'x'], ['FOO']]);
}

export const SET_COMMANDS: readonly WeightedCommand[] = [
  [14, (g) => ['SADD', g.key(), ...members(g)]],
  [10, (g) => ['SADD', g.key(), ...integers(g)]],
  [2, (g) => ['SADD', g.key(), ...manyMembers(g)]],
  [12, (g) => ['SREM', g.key(), ...members(g)]],
  [4, (g) => ['SMEMBERS', g.key()]],
  [5, (g) => ['SISMEMBER', g.key(), member(g)]],
  [4, (g) => ['SMISMEMBER', g.key(), ...members(g)]],
  [4, (g) => ['SCARD', g.key()]],
  [8, (g) => ['SMOVE', g.key(), g.key(), member(g)]],
  [10, (g) => [g.one(['SUNION', 'SINTER', 'SDIFF']), ...g.keys()]],
  [14, (g) => [g.one(['SUNIONSTORE', 'SINTERSTORE', 'SDIFFSTORE']), g.key(), ...g.keys()]],
  [
    4,
    (g) => [
      'SINTERCARD',
      g.one(['1', '2', '2', '0', 'x', '9']),
      ...g.keys(),
      ...g.one([[], ['LIMIT', g.one(['0', '1', '3', '-1', 'x'])], ['LIMIT']]),
    ],
  ],
  [3, (g) => ['SPOP', g.key(), g.one(['0', '1000000', '1000000', '-1', 'x'])]],
  [2, (g) => ['SRANDMEMBER', g.key()]],
  [4, (g) => ['SRANDMEMBER', g.key(), g.one(['0', '1', '2', '1000', '-5', 'x'])]],
  [3, (g) => ['SSCAN', g.key(), '0', 'COUNT', '10000', ...options(g)]],
  [1, (g) => ['SSCAN', g.key(), 'x']],
  [1, (g) => ['CONFIG', 'SET', 'set-max-intset-entries', g.one(['6', '16', '512'])]],
];
