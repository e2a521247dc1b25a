/** BITOP: stores the bitwise combination of strings. */
import { allocateBytes } from '../../base/growable.js';
import { SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { INLINE_VALUE_MAX } from '../../store/entry.js';
import { LargeBytes } from '../../store/objects.js';
import { ENCODING_RAW, NO_EXPIRE, StoreFullError, TYPE_STRING } from '../../store/types.js';
import { type BitOperation, combine } from '../../types/bitmap/operate.js';
import { DENYOOM, index, range, WRITE } from '../command.js';
import { type CommandContext, EVENT_GENERIC, EVENT_NEW, EVENT_STRING } from '../context.js';
import { type Command, command } from '../define.js';

const NOT_TAKES_ONE = 'ERR BITOP NOT must be called with a single source key.';
const TARGET = 2;
const FIRST_SOURCE = 3;

function operationArgument(ctx: CommandContext): BitOperation | undefined {
  if (ctx.argIs(1, 'and')) return 'and';
  if (ctx.argIs(1, 'or')) return 'or';
  if (ctx.argIs(1, 'xor')) return 'xor';
  return ctx.argIs(1, 'not') ? 'not' : undefined;
}

function runBitOp(ctx: CommandContext): void {
  const operation = operationArgument(ctx);
  if (operation === undefined) return ctx.reply.error(SYNTAX);
  if (operation === 'not' && ctx.argc !== 4) return ctx.reply.error(NOT_TAKES_ONE);
  const length = longestSource(ctx);
  if (length < 0) return ctx.reply.error(WRONGTYPE);
  if (length > 0) storeResult(ctx, combined(ctx, operation, length));
  else removeTarget(ctx);
  ctx.reply.integer(length);
}

/** Length of the longest source in bytes, missing ones being empty; -1 when one is no string. */
function longestSource(ctx: CommandContext): number {
  let longest = 0;
  for (let i = FIRST_SOURCE; i < ctx.argc; i++) {
    const ref = ctx.lookupRead(i);
    if (ref === 0) continue;
    if (ctx.db.type(ref) !== TYPE_STRING) return -1;
    longest = Math.max(longest, ctx.db.valueLength(ref));
  }
  return longest;
}

/** The result in memory of its own, for its target may be one of the sources. */
function combined(ctx: CommandContext, operation: BitOperation, length: number): Buffer {
  const { db } = ctx;
  const result = allocate(length);
  const data = new DataView(result.buffer, result.byteOffset, length);
  for (let i = FIRST_SOURCE; i < ctx.argc; i++) {
    const ref = ctx.peek(i);
    if (ref === 0) {
      if (operation === 'and' || i === FIRST_SOURCE) result.fill(0);
      continue;
    }
    const source = db.readValue(ref);
    if (i > FIRST_SOURCE || operation === 'not') {
      combine(operation, result, data, source);
    } else {
      result.set(source.buf.subarray(source.start, source.end));
      result.fill(0, source.end - source.start);
    }
  }
  return result;
}

function allocate(length: number): Buffer {
  if (length <= INLINE_VALUE_MAX) return Buffer.allocUnsafe(length);
  try {
    return allocateBytes(length);
  } catch {
    throw new StoreFullError(`no memory for a value of ${length} bytes`);
  }
}

function storeResult(ctx: CommandContext, result: Buffer): void {
  const { db, buf } = ctx;
  const start = ctx.start[TARGET];
  const end = ctx.end[TARGET];
  const existed = ctx.lookupWrite(TARGET) !== 0;
  const { length } = result;
  const ref =
    length <= INLINE_VALUE_MAX
      ? db.putTyped(TYPE_STRING, ENCODING_RAW, buf, start, end, result, 0, length, NO_EXPIRE)
      : db.putObject(TYPE_STRING, ENCODING_RAW, buf, start, end, new LargeBytes(length, length, result), NO_EXPIRE);
  if (!existed) {
    db.setLru(ref, ctx.initialAccessBits());
    ctx.notify(db, buf, start, end, EVENT_NEW, 'new');
  }
  ctx.modified(TARGET, EVENT_STRING, 'set');
}

/** Without any byte in the sources there is no result. */
function removeTarget(ctx: CommandContext): void {
  const ref = ctx.peek(TARGET);
  if (ref === 0) return;
  ctx.db.delete(ref);
  ctx.modified(TARGET, EVENT_GENERIC, 'del');
}

export const operateCommands: readonly Command[] = [
  command({
    name: 'bitop',
    arity: -4,
    group: 'bitmap',
    since: '2.6.0',
    flags: WRITE | DENYOOM,
    acl: ['bitmap'],
    keys: [
      { begin: index(TARGET), find: range(0, 1), access: 'OW update' },
      { begin: index(FIRST_SOURCE), find: range(-1, 1), access: 'RO access' },
    ],
    complexity: 'O(N) with N bytes in all sources.',
    summary: 'Combines strings bit by bit and stores the result.',
    arguments: [
      { name: 'operation', type: 'string' },
      { name: 'destkey', type: 'key', keySpecIndex: 0 },
      { name: 'key', type: 'key', keySpecIndex: 1, flags: ['multiple'] },
    ],
    run: runBitOp,
  }),
];
