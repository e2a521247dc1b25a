/** Bitmap commands for random histories, with offsets and ranges around the ends of bytes, words and short strings. */
import type { CommandGenerator, WeightedCommand } from './generator.js';

const OFFSETS = ['0', '1', '6', '7', '8', '9', '31', '63', '64', '100', '351', '352', '360', '2047'];
const BAD_OFFSETS = ['-1', 'abc', '4294967296', '9223372036854775807', '1.5', ''];
const INDEXES = ['0', '1', '2', '3', '7', '8', '15', '40', '100', '-1', '-2', '-3', '-9', '-40', '-1000', '1000'];
const BAD_INDEXES = ['abc', '9223372036854775807', '-9223372036854775808', ''];
const TYPES = [
  'u1',
  'i1',
  'u5',
  'i5',
  'u8',
  'i8',
  'u16',
  'i31',
  'u32',
  'i33',
  'u48',
  'i48',
  'i49',
  'u50',
  'u63',
  'i64',
];
const BAD_TYPES = ['u64', 'i65', 'u0', 'x8', 'u', 'i', '8', '', 'U8'];
const OPERANDS = [
  '0',
  '1',
  '-1',
  '2',
  '-7',
  '127',
  '128',
  '-128',
  '-129',
  '255',
  '256',
  '65535',
  '2147483648',
  '4294967295',
  '281474976710656',
  '-140737488355329',
  '2251799813685249',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '-9223372036854775807',
];

function rarely<T>(g: CommandGenerator, bad: readonly T[], good: readonly T[]): T {
  return g.below(25) === 0 ? g.one(bad) : g.one(good);
}

function offset(g: CommandGenerator): string {
  return rarely(g, BAD_OFFSETS, OFFSETS);
}

function index(g: CommandGenerator): string {
  return rarely(g, BAD_INDEXES, INDEXES);
}

function unit(g: CommandGenerator): string[] {
  return g.one([[], [], ['BIT'], ['byte'], ['FOO']]);
}

function fieldAt(g: CommandGenerator): string[] {
  const hash = g.below(3) === 0;
  const at = hash ? `#${g.one(['0', '1', '3', '10', '-1', 'x', '288230376151711744'])}` : offset(g);
  return [rarely(g, BAD_TYPES, TYPES), at];
}

function operand(g: CommandGenerator): string {
  return rarely(g, ['abc', '', '9223372036854775808'], OPERANDS);
}

function fieldOperation(g: CommandGenerator): string[] {
  switch (g.below(8)) {
    case 0:
    case 1:
      return ['GET', ...fieldAt(g)];
    case 2:
    case 3:
      return ['SET', ...fieldAt(g), operand(g)];
    case 4:
    case 5:
      return ['INCRBY', ...fieldAt(g), operand(g)];
    case 6:
      return ['OVERFLOW', g.one(['WRAP', 'SAT', 'sat', 'FAIL', 'fail'])];
    default:
      return g.below(6) === 0 ? [g.one(['FOO', 'GET', 'OVERFLOW'])] : ['get', 'u8', '0'];
  }
}

function fieldOperations(g: CommandGenerator): string[] {
  return Array.from({ length: g.below(5) }, () => fieldOperation(g)).flat();
}

export const BITMAP_COMMANDS: readonly WeightedCommand[] = [
  [20, (g) => ['SETBIT', g.key(), offset(g), rarely(g, ['2', '-1', 'x', ''], ['0', '1', '1'])]],
  [8, (g) => ['GETBIT', g.key(), offset(g)]],
  [8, (g) => ['BITCOUNT', g.key(), ...g.one([[], [index(g)], [index(g), index(g), ...unit(g)]])]],
  [
    12,
    (g) => [
      'BITPOS',
      g.key(),
      rarely(g, ['2', 'x', '-1'], ['0', '1']),
      ...g.one([[], [index(g)], [index(g), index(g), ...unit(g)]]),
    ],
  ],
  [12, (g) => ['BITOP', rarely(g, ['FOO', 'NOT'], ['AND', 'OR', 'xor', 'Or']), g.key(), ...g.keys()]],
  [4, (g) => ['BITOP', 'NOT', g.key(), g.key()]],
  [25, (g) => ['BITFIELD', g.key(), ...fieldOperations(g)]],
  [5, (g) => ['BITFIELD_RO', g.key(), ...g.one([fieldOperations(g), ['GET', ...fieldAt(g), 'get', ...fieldAt(g)]])]],
];
