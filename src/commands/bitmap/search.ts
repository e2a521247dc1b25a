/** Commands that look through a range of bits: BITCOUNT BITPOS. */
import { NOT_AN_INTEGER, SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { type Ref, TYPE_STRING } from '../../store/types.js';
import { countOnes, findBit } from '../../types/bitmap/bits.js';
import { type ArgumentDoc, READONLY } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey, token } from '../generic/declare.js';

const BAD_BIT = 'ERR The bit argument must be 1 or 0.';

/** Argument i as a 64-bit integer, a BigInt only where a number would lose digits. Undefined when it is none. */
function integerArgument(ctx: CommandContext, i: number): number | bigint | undefined {
  const value = ctx.argInt(i);
  return Number.isNaN(value) ? ctx.argInt64(i) : value;
}

/** How many bits an index counts by, as argument i says: 8 for BYTE, 1 for BIT. 0 when it says neither. */
function unitArgument(ctx: CommandContext, i: number): number {
  if (ctx.argIs(i, 'byte')) return 8;
  return ctx.argIs(i, 'bit') ? 1 : 0;
}

/** An index that may count from the end, as one from the start; -1 for an end that an empty string has none of. */
function fromStart(index: number | bigint, total: number): number {
  return Math.max(0, index < 0 ? total + Number(index) : Number(index));
}

function runBitCount(ctx: CommandContext): void {
  const { argc, db, reply } = ctx;
  const ref = ctx.lookupRead(1);
  if (ref === 0) return reply.integer(0);
  if (db.type(ref) !== TYPE_STRING) return reply.error(WRONGTYPE);
  const length = db.valueLength(ref);
  if (argc === 2) return replyCount(ctx, ref, 0, length - 1, 8);
  if (argc !== 4 && argc !== 5) return reply.error(SYNTAX);

  const from = integerArgument(ctx, 2);
  const to = from === undefined ? undefined : integerArgument(ctx, 3);
  if (from === undefined || to === undefined) return reply.error(NOT_AN_INTEGER);
  if (from < 0 && to < 0 && from > to) return reply.integer(0);
  const unit = argc === 5 ? unitArgument(ctx, 4) : 8;
  if (unit === 0) return reply.error(SYNTAX);
  const total = (length * 8) / unit;
  replyCount(ctx, ref, fromStart(from, total), Math.min(fromStart(to, total), total - 1), unit);
}

/** Replies how many bits are set from index `first` to index `last`, which are in the string or have nothing between. */
function replyCount(ctx: CommandContext, ref: Ref, first: number, last: number, unit: number): void {
  if (first > last) return ctx.reply.integer(0);
  ctx.reply.integer(countOnes(ctx.db.readValue(ref), first * unit, last * unit + unit - 1));
}

function runBitPos(ctx: CommandContext): void {
  const { argc, db, reply } = ctx;
  const bit64 = integerArgument(ctx, 2);
  if (bit64 === undefined) return reply.error(NOT_AN_INTEGER);
  const bit = Number(bit64);
  if (bit !== 0 && bit !== 1) return reply.error(BAD_BIT);
  const ref = ctx.lookupRead(1);
  // A missing key is a string of zeros without an end.
  if (ref === 0) return reply.integer(bit === 1 ? -1 : 0);
  if (db.type(ref) !== TYPE_STRING) return reply.error(WRONGTYPE);
  if (argc > 6) return reply.error(SYNTAX);

  const from = argc > 3 ? integerArgument(ctx, 3) : 0;
  if (from === undefined) return reply.error(NOT_AN_INTEGER);
  const unit = argc === 6 ? unitArgument(ctx, 5) : 8;
  if (unit === 0) return reply.error(SYNTAX);
  const to = argc > 4 ? integerArgument(ctx, 4) : -1;
  if (to === undefined) return reply.error(NOT_AN_INTEGER);

  const length = db.valueLength(ref);
  const total = (length * 8) / unit;
  const first = fromStart(from, total);
  const last = Math.min(fromStart(to, total), total - 1);
  if (first > last) return reply.integer(-1);
  const found = findBit(db.readValue(ref), first * unit, last * unit + unit - 1, bit);
  // Without an end, zeros follow the string.
  reply.integer(found < 0 && bit === 0 && argc < 5 ? length * 8 : found);
}

const START: ArgumentDoc = { name: 'start', type: 'integer' };
const END: ArgumentDoc = { name: 'end', type: 'integer' };
const UNIT: ArgumentDoc = {
  name: 'index_unit',
  type: 'oneof',
  since: '7.0.0',
  flags: ['optional'],
  arguments: [token('byte'), token('bit')],
};
const COMMON = { group: 'bitmap', flags: READONLY, acl: ['bitmap'], keys: oneKey('RO access') } as const;
const HISTORY = [['7.0.0', 'The index can count bits: `BYTE` and `BIT` came.']] as const;

export const searchCommands: readonly Command[] = [
  command({
    ...COMMON,
    name: 'bitcount',
    arity: -2,
    since: '2.6.0',
    complexity: 'O(N) with N bytes looked at.',
    summary: 'Counts the bits of a string that are set.',
    history: HISTORY,
    arguments: [KEY, { name: 'index', type: 'block', flags: ['optional'], arguments: [START, END, UNIT] }],
    run: runBitCount,
  }),
  command({
    ...COMMON,
    name: 'bitpos',
    arity: -3,
    since: '2.8.7',
    complexity: 'O(N) with N bytes looked at.',
    summary: 'Finds the first bit of a string that is set, or clear.',
    history: HISTORY,
    arguments: [
      KEY,
      { name: 'bit', type: 'integer' },
      {
        name: 'index',
        type: 'block',
        flags: ['optional'],
        arguments: [START, { name: 'end_index', type: 'block', flags: ['optional'], arguments: [END, UNIT] }],
      },
    ],
    run: runBitPos,
  }),
];
