/** HyperLogLog commands for random histories: values are compared byte by byte, so every run must be split and joined as in Redis. */
import type { CommandGenerator, WeightedCommand } from './generator.js';

const KEYS = ['h1', 'h2', 'h3', 'h4', 'h5'];
/** Sparse and dense headers, broken ones, and runs that cover too little, too much, or one register in two bytes. */
const FORGED = [
  'HYLL\x01',
  'HYLL\x02\0\0\0\0\0\0\0\0\0\0\0\x7f\xff',
  'HYLL\x00\0\0\0\0\0\0\0\0\0\0\0',
  'HYLL\x01\0\0\0\0\0\0\0\0\0\0\0',
  'HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xfe',
  'HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff\x7f\xff',
  'HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x40\x00\x7f\xfe',
  'HYLL\x01abc\x05\0\0\0\0\0\0\0\x80\x83\x83\x7f\xf7',
  'HYLL\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f\x7f\xff',
];

function key(g: CommandGenerator): string {
  return g.below(30) === 0 ? g.key() : g.one(KEYS);
}

function keys(g: CommandGenerator): string[] {
  return Array.from({ length: 1 + g.below(3) }, () => key(g));
}

function elements(g: CommandGenerator): string[] {
  const many = g.one([0, 1, 1, 1, 3, 10, 40, 200, g.below(8) === 0 ? 3000 : 5]);
  const range = g.one([10, 300, 100_000]);
  const stem = g.one(['', 'e', 'an element of more than sixteen bytes ']);
  return Array.from({ length: many }, () => `${stem}${g.below(range)}`);
}

export const HYPERLOGLOG_COMMANDS: readonly WeightedCommand[] = [
  [60, (g) => ['PFADD', key(g), ...elements(g)]],
  [12, (g) => ['PFCOUNT', key(g)]],
  [8, (g) => ['PFCOUNT', ...keys(g)]],
  [8, (g) => ['PFMERGE', key(g), ...keys(g).slice(g.below(2))]],
  [10, (g) => ['GET', key(g)]],
  [3, (g) => ['PFDEBUG', g.one(['DECODE', 'ENCODING', 'encoding', 'GETREG', 'TODENSE', 'FOO']), key(g)]],
  [2, (g) => ['OBJECT', 'ENCODING', key(g)]],
  [2, (g) => ['SET', key(g), g.one(FORGED)]],
  [3, (g) => ['DEL', key(g)]],
  [1, (g) => ['COPY', key(g), key(g), 'REPLACE']],
  [1, (g) => ['CONFIG', 'SET', 'hll-sparse-max-bytes', g.one(['3000', '100', '0', '500', '20000', '3000'])]],
];
