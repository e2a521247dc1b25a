/** Hash commands for random histories: few fields, so that they meet again, and values around what counters can read. */
import type { CommandGenerator, WeightedCommand } from './generator.js';

const FIELDS = [
  'a',
  'b',
  'c',
  '1',
  '2',
  '-7',
  '9007199254740993',
  '',
  'f\x00\r\n',
  'a field of more than thirty bytes',
];
const NUMBERS = ['0', '1', '-1', '5', '-129', '70000', '4294967296', '9007199254740992', '9223372036854775807'];
const FLOATS = ['0.5', '-2.25', '3e2', '1e-5', '10', '0.1', '1e17'];
const BAD = ['', 'abc', '1.5', '9223372036854775808', ' 1', 'nan', 'inf'];

function field(g: CommandGenerator): string {
  return g.below(12) === 0 ? 'long'.repeat(g.one([15, 16, 17, 70])) : g.one(FIELDS);
}

function fields(g: CommandGenerator): string[] {
  return Array.from({ length: 1 + g.below(4) }, () => field(g));
}

function value(g: CommandGenerator): string {
  return g.below(3) === 0 ? g.one(NUMBERS) : g.value();
}

function pairs(g: CommandGenerator, most: number): string[] {
  return Array.from({ length: 1 + g.below(most) }, () => [field(g), value(g)]).flat();
}

/** Enough fields for a hash to become large. */
function manyPairs(g: CommandGenerator): string[] {
  const from = g.below(1000);
  return Array.from({ length: 20 + g.below(20) }, (_, i) => [`f${from + i}`, value(g)]).flat();
}

function options(g: CommandGenerator): string[] {
  return g.one([[], ['MATCH', '[a-c]'], ['MATCH', '*'], ['COUNT', '0'], ['FOO'], ['FOO', '1']]);
}

export const HASH_COMMANDS: readonly WeightedCommand[] = [
  [20, (g) => [g.one(['HSET', 'HSET', 'HMSET']), g.key(), ...pairs(g, 5)]],
  [1, (g) => [g.one(['HSET', 'HMSET']), g.key(), ...pairs(g, 3), field(g)]],
  [2, (g) => ['HSET', g.key(), ...manyPairs(g)]],
  [5, (g) => ['HSETNX', g.key(), field(g), value(g)]],
  [8, (g) => ['HGET', g.key(), field(g)]],
  [4, (g) => ['HMGET', g.key(), ...fields(g)]],
  [6, (g) => [g.one(['HGETALL', 'HKEYS', 'HVALS']), g.key()]],
  [3, (g) => ['HLEN', g.key()]],
  [5, (g) => [g.one(['HSTRLEN', 'HEXISTS']), g.key(), field(g)]],
  [12, (g) => ['HDEL', g.key(), ...fields(g)]],
  [6, (g) => ['HINCRBY', g.key(), field(g), g.one([...NUMBERS, ...BAD])]],
  [6, (g) => ['HINCRBYFLOAT', g.key(), field(g), g.one([...FLOATS, ...NUMBERS, ...BAD])]],
  [2, (g) => ['HRANDFIELD', g.key()]],
  [
    4,
    (g) => [
      'HRANDFIELD',
      g.key(),
      g.one(['0', '1', '3', '100', '-4', 'x']),
      ...g.one([[], [], ['WITHVALUES'], ['FOO']]),
    ],
  ],
  [3, (g) => ['HSCAN', g.key(), '0', 'COUNT', '10000', ...options(g)]],
  [1, (g) => ['HSCAN', g.key(), 'x']],
  [1, (g) => ['CONFIG', 'SET', 'hash-max-listpack-entries', g.one(['8', '16', '512'])]],
];
