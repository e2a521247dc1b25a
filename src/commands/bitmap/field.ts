/** BITFIELD and BITFIELD_RO: integers of any width in a string, several operations a call. */
import { equalsIgnoreCase, parseSafeInt } from '../../base/bytes.js';
import { NOT_AN_INTEGER, SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { ByteView, TYPE_STRING } from '../../store/types.js';
import {
  addToField,
  type FieldType,
  type Overflow,
  readField,
  setToField,
  writeField,
} from '../../types/bitmap/field.js';
import { type ArgumentDoc, DENYOOM, FAST, type KeyArguments, READONLY, WRITE } from '../command.js';
import { type CommandContext, EVENT_STRING } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey, token } from '../generic/declare.js';
import { offsetArgument, reachBit } from './offset.js';

const BAD_TYPE = 'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.';
const BAD_OVERFLOW = 'ERR Invalid OVERFLOW type specified';
const ONLY_GET = 'ERR BITFIELD_RO only supports the GET subcommand';

interface Operation {
  readonly kind: 'get' | 'set' | 'incrby';
  readonly type: FieldType;
  readonly offset: number;
  /** What to set or to add; 0 for `get`. */
  readonly operand: number | bigint;
  readonly overflow: Overflow;
}

/** The operations in their order; undefined when they are malformed: the error has been replied. */
function parseOperations(ctx: CommandContext): Operation[] | undefined {
  const operations: Operation[] = [];
  let overflow: Overflow = 'wrap';
  let i = 2;
  while (i < ctx.argc) {
    if (ctx.argIs(i, 'overflow') && i + 1 < ctx.argc) {
      const rule = overflowArgument(ctx, i + 1);
      if (rule === undefined) return fail(ctx, BAD_OVERFLOW);
      overflow = rule;
      i += 2;
      continue;
    }
    const operation = parseOperation(ctx, i, overflow);
    if (operation === undefined) return undefined;
    operations.push(operation);
    i += operation.kind === 'get' ? 3 : 4;
  }
  return operations;
}

function fail(ctx: CommandContext, error: string): undefined {
  ctx.reply.error(error);
  return undefined;
}

function overflowArgument(ctx: CommandContext, i: number): Overflow | undefined {
  if (ctx.argIs(i, 'wrap')) return 'wrap';
  if (ctx.argIs(i, 'sat')) return 'sat';
  return ctx.argIs(i, 'fail') ? 'fail' : undefined;
}

function parseOperation(ctx: CommandContext, i: number, overflow: Overflow): Operation | undefined {
  const kind = kindArgument(ctx, i);
  if (kind === undefined) return fail(ctx, SYNTAX);
  const type = typeArgument(ctx, i + 1);
  if (type === undefined) return fail(ctx, BAD_TYPE);
  const offset = offsetArgument(ctx, i + 2, type.bits);
  if (Number.isNaN(offset)) return undefined;
  if (kind === 'get') return { kind, type, offset, operand: 0, overflow };
  const safe = ctx.argInt(i + 3);
  const operand = Number.isNaN(safe) ? ctx.argInt64(i + 3) : safe;
  if (operand === undefined) return fail(ctx, NOT_AN_INTEGER);
  return { kind, type, offset, operand, overflow };
}

/** What argument i asks for; undefined when it names no operation or its arguments are not all there. */
function kindArgument(ctx: CommandContext, i: number): Operation['kind'] | undefined {
  const following = ctx.argc - i - 1;
  if (ctx.argIs(i, 'get') && following >= 2) return 'get';
  if (ctx.argIs(i, 'set') && following >= 3) return 'set';
  return ctx.argIs(i, 'incrby') && following >= 3 ? 'incrby' : undefined;
}

function typeArgument({ buf, start, end }: CommandContext, i: number): FieldType | undefined {
  const signed = buf[start[i]] === 0x69;
  if (start[i] === end[i] || !(signed || buf[start[i]] === 0x75)) return undefined;
  const bits = parseSafeInt(buf, start[i] + 1, end[i]);
  return bits >= 1 && bits <= (signed ? 64 : 63) ? { signed, bits } : undefined;
}

function runBitField(ctx: CommandContext, readOnly: boolean): void {
  const operations = parseOperations(ctx);
  if (operations === undefined) return;
  if (operations.every(({ kind }) => kind === 'get')) return readFields(ctx, operations);
  if (readOnly) return ctx.reply.error(ONLY_GET);
  changeFields(ctx, operations);
}

function readFields(ctx: CommandContext, operations: readonly Operation[]): void {
  const { db, reply } = ctx;
  const ref = ctx.lookupRead(1);
  if (ref !== 0 && db.type(ref) !== TYPE_STRING) return reply.error(WRONGTYPE);
  const view = ref === 0 ? new ByteView() : db.readValue(ref);
  reply.array(operations.length);
  for (const { offset, type } of operations) replyField(ctx, readField(view, offset, type));
}

function changeFields(ctx: CommandContext, operations: readonly Operation[]): void {
  const { db, reply } = ctx;
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const { kind, offset, type } of operations) {
    if (kind === 'get') continue;
    first = Math.min(first, offset);
    last = Math.max(last, offset + type.bits - 1);
  }
  const grown = reachBit(ctx, first, last);
  if (grown < 0) return;

  const view = db.readValue(db.lastRef);
  let changes = 0;
  reply.array(operations.length);
  for (const { kind, type, offset, operand, overflow } of operations) {
    const before = readField(view, offset, type);
    if (kind === 'get') {
      replyField(ctx, before);
      continue;
    }
    const after = kind === 'set' ? setToField(type, operand, overflow) : addToField(type, before, operand, overflow);
    if (after === undefined) {
      reply.nil();
      continue;
    }
    replyField(ctx, kind === 'set' ? before : after);
    writeField(view, offset, type, after);
    if (grown > 0 || before < after || before > after) changes++;
  }
  if (changes === 0) return;
  ctx.touched(1, EVENT_STRING, 'setbit');
  ctx.markDirty(changes);
}

function replyField(ctx: CommandContext, value: number | bigint): void {
  if (typeof value === 'number') ctx.reply.integer(value);
  else ctx.reply.bigInteger(value);
}

/** Whether a BITFIELD writes; what is malformed might. */
function writes({ argc, buf, start, end }: KeyArguments): boolean {
  const says = (i: number, word: string): boolean => equalsIgnoreCase(buf, start[i], end[i], word);
  for (let i = 2; i < argc; ) {
    if (says(i, 'get') && i + 2 < argc) i += 3;
    else if (says(i, 'overflow') && i + 1 < argc) i += 2;
    else return true;
  }
  return false;
}

const ENCODING: ArgumentDoc = { name: 'encoding', type: 'string' };
const OFFSET: ArgumentDoc = { name: 'offset', type: 'integer' };

function block(name: string, word: string, last: readonly ArgumentDoc[], extra?: Partial<ArgumentDoc>): ArgumentDoc {
  return { name, type: 'block', token: word, arguments: [ENCODING, OFFSET, ...last], ...extra };
}

const WRITES: ArgumentDoc = {
  name: 'write',
  type: 'block',
  arguments: [
    {
      name: 'wrap_sat_fail',
      type: 'oneof',
      token: 'OVERFLOW',
      flags: ['optional'],
      arguments: [token('wrap'), token('sat'), token('fail')],
    },
    {
      name: 'write_operation',
      type: 'oneof',
      arguments: [
        block('encoding_offset_value', 'SET', [{ name: 'value', type: 'integer' }]),
        block('encoding_offset_increment', 'INCRBY', [{ name: 'increment', type: 'integer' }]),
      ],
    },
  ],
};

const COMMON = { arity: -2, group: 'bitmap', acl: ['bitmap'], complexity: 'O(1) for each operation.' } as const;

export const fieldCommands: readonly Command[] = [
  command({
    ...COMMON,
    name: 'bitfield',
    since: '3.2.0',
    flags: WRITE | DENYOOM,
    keys: oneKey('RW access update variable_flags', 'Operations other than `GET` change the key'),
    keyAccess: (args) => (writes(args) ? 'RW access update' : 'RO access'),
    summary: 'Reads, sets and counts up integers of any width in a string.',
    arguments: [
      KEY,
      {
        name: 'operation',
        type: 'oneof',
        flags: ['optional', 'multiple'],
        arguments: [block('encoding_offset', 'GET', []), WRITES],
      },
    ],
    run: (ctx) => runBitField(ctx, false),
  }),
  command({
    ...COMMON,
    name: 'bitfield_ro',
    since: '6.0.0',
    flags: READONLY | FAST,
    keys: oneKey('RO access'),
    summary: 'Reads integers of any width in a string.',
    arguments: [KEY, block('encoding_offset', 'GET', [], { flags: ['optional', 'multiple', 'multiple_token'] })],
    run: (ctx) => runBitField(ctx, true),
  }),
];
