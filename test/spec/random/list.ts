/** Random commands of lists. Blocking ones wait a millisecond at most: nobody else would come meanwhile. */
import type { CommandGenerator, WeightedCommand } from './generator.js';

const INDEXES = ['0', '1', '2', '3', '-1', '-2', '-3', '10', '-10', '100', '-100', 'x', '9223372036854775808'];
const COUNTS = ['0', '1', '2', '3', '100', '-1', 'x'];
const ELEMENTS = ['a', 'b', 'c', '1', '2', '-5', '100000', '9223372036854775807', '9007199254740993', '01', ''];

function element(g: CommandGenerator): string {
  return g.below(4) > 0 ? g.one(ELEMENTS) : g.value();
}

/** Now and then so many, or such long ones, that the list becomes a quicklist. */
function elements(g: CommandGenerator): string[] {
  const kind = g.below(30);
  if (kind === 0) return Array.from({ length: 150 }, () => 'long'.repeat(20 + g.below(5)));
  if (kind === 1) return Array.from({ length: 5 + g.below(600) }, (_, i) => (i % 3 === 0 ? g.one(ELEMENTS) : `e${i}`));
  if (kind === 2) return ['L'.repeat(g.one([2000, 8180, 8190, 9000, 20000]))];
  return Array.from({ length: 1 + g.below(4) }, () => element(g));
}

const side = (g: CommandGenerator): string => g.one(['LEFT', 'RIGHT', 'left', 'RIGHT', 'LEFT', 'UP']);
const maybeCount = (g: CommandGenerator): string[] => g.one([[], [], ['COUNT', g.one(COUNTS)], ['FOO']]);

function lmpop(g: CommandGenerator): string[] {
  const keys = g.keys();
  return [
    g.one([String(keys.length), String(keys.length), String(keys.length), '0', '2']),
    ...keys,
    side(g),
    ...maybeCount(g),
  ];
}

function lposOptions(g: CommandGenerator): string[] {
  return [
    ...g.one([[], ['RANK', g.one(['1', '2', '-1', '-2', '0', '5', 'x'])]]),
    ...g.one([[], ['COUNT', g.one(COUNTS)]]),
    ...g.one([[], [], ['MAXLEN', g.one(['0', '1', '3', '1000', '-1'])], ['RANK']]),
  ];
}

export const LIST_COMMANDS: readonly WeightedCommand[] = [
  [16, (g) => [g.one(['LPUSH', 'RPUSH']), g.key(), ...elements(g)]],
  [5, (g) => [g.one(['LPUSHX', 'RPUSHX']), g.key(), ...elements(g)]],
  [10, (g) => [g.one(['LPOP', 'RPOP']), g.key(), ...g.one([[], [], [g.one(COUNTS)], [g.one(COUNTS)], ['1', '2']])]],
  [3, (g) => ['LLEN', g.key()]],
  [6, (g) => ['LINDEX', g.key(), g.one(INDEXES)]],
  [6, (g) => ['LSET', g.key(), g.one(INDEXES), element(g)]],
  [1, (g) => ['LSET', g.key(), g.one(['0', '1', '-1', '50']), 'S'.repeat(g.one([100, 5000, 8190, 12000]))]],
  [7, (g) => ['LINSERT', g.key(), g.one(['BEFORE', 'AFTER', 'before', 'X']), g.one(ELEMENTS), element(g)]],
  [7, (g) => ['LREM', g.key(), g.one(COUNTS), g.one(ELEMENTS)]],
  [8, (g) => ['LRANGE', g.key(), g.one(INDEXES), g.one(INDEXES)]],
  [4, (g) => ['LTRIM', g.key(), g.one([...INDEXES, '0', '0', '1']), g.one([...INDEXES, '-1', '-1', '-2', '20'])]],
  [7, (g) => ['LPOS', g.key(), g.one(ELEMENTS), ...lposOptions(g)]],
  [8, (g) => ['LMOVE', g.key(), g.key(), side(g), side(g)]],
  [4, (g) => ['RPOPLPUSH', g.key(), g.key()]],
  [6, (g) => ['LMPOP', ...lmpop(g)]],
  [3, (g) => [g.one(['BLPOP', 'BRPOP']), ...g.keys(), g.one(['0.001', '0.001', '-1', 'x'])]],
  [2, (g) => ['BLMOVE', g.key(), g.key(), side(g), side(g), g.one(['0.001', 'x'])]],
  [1, (g) => ['BRPOPLPUSH', g.key(), g.key(), '0.001']],
  // Nodes of any size: what lists answer does not depend on it.
  [1, (g) => ['CONFIG', 'SET', 'list-max-listpack-size', g.one(['-2', '-1', '-5', '1', '3', '16'])]],
  [1, (g) => ['CONFIG', 'SET', 'list-compress-depth', g.one(['0', '1', '1', '2', '5'])]],
  [2, (g) => ['BLMPOP', '0.001', ...lmpop(g)]],
];
