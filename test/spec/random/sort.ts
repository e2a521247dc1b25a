/**
 * SORT for random histories, over lists and sets whose elements are names of keys as well as numbers. Nothing whose order
 * nobody promises: sets are left unsorted only where SORT sorts them all the same, and texts that patterns lead to are no
 * weights.
 */
import type { CommandGenerator, WeightedCommand } from './generator.js';

const ELEMENTS = ['a', 'b', 'c', 'd', '1', '2', '-7', '10', '1.5', '01', '', '1e2', ' 3', 'x y', '9223372036854775808'];
const NUMBERS = ['0', '1', '2', '3', '10', '-7', '1.5', '01', '1e2', '0x1f', '4294967296', 'inf', '-inf'];

function elements(g: CommandGenerator): string[] {
  const from = g.below(3) === 0 ? ELEMENTS : NUMBERS;
  return Array.from({ length: 1 + g.below(5) }, () => g.one(from));
}

function limit(g: CommandGenerator): string[] {
  const number = (): string => g.one(['0', '1', '2', '3', '100', '-1', '-5', ...(g.below(20) === 0 ? ['x'] : [])]);
  return g.below(2) === 0 ? [] : ['LIMIT', number(), number()];
}

function direction(g: CommandGenerator): string[] {
  return g.one([[], [], ['DESC'], ['ASC'], ['desc']]);
}

function gets(g: CommandGenerator): string[] {
  return Array.from({ length: Math.max(0, g.below(5) - 2) }, () => [
    'GET',
    g.one(['#', '*', 'x*', '*->a', 'a']),
  ]).flat();
}

function order(g: CommandGenerator): string[] {
  return g.one([[], ['ALPHA'], ['alpha'], ['BY', '*'], ['BY', 'x*'], ['BY', '*->a'], ['BY', '*->']]);
}

export const SORT_COMMANDS: readonly WeightedCommand[] = [
  [8, (g) => ['RPUSH', g.key(), ...elements(g)]],
  [8, (g) => ['SADD', g.key(), ...elements(g)]],
  [3, (g) => ['HSET', g.key(), 'a', g.one(NUMBERS), 'b', g.one(ELEMENTS)]],
  [10, (g) => [g.one(['SORT', 'SORT', 'SORT_RO']), g.key(), ...order(g), ...direction(g), ...limit(g), ...gets(g)]],
  [8, (g) => ['SORT', g.key(), ...order(g), ...limit(g), ...gets(g), 'STORE', g.key(), ...direction(g)]],
  [3, (g) => ['SORT', g.key(), 'BY', g.one(['nosort', '', '#']), ...direction(g), ...limit(g), 'STORE', g.key()]],
  [1, (g) => [g.one(['SORT', 'SORT_RO']), g.key(), g.one(['FOO', 'BY', 'GET', 'STORE', 'LIMIT'])]],
];
