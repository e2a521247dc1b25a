/** Commands that count in a field: HINCRBY HINCRBYFLOAT. */
import { INT64_MAX, INT64_MIN, latin1, parseInt64, parseSafeInt, writeInt } from '../../base/bytes.js';
import { INCREMENT_OVERFLOW, NAN_OR_INFINITY, NOT_A_FLOAT, NOT_AN_INTEGER } from '../../resp/errors.js';
import type { HashEditor } from '../../types/hash/hash.js';
import { addLongDouble, formatLongDouble, parseLongDouble } from '../../types/string/longDouble.js';
import { keep } from '../collectionKey.js';
import { DENYOOM, FAST, WRITE } from '../command.js';
import { type CommandContext, EVENT_HASH } from '../context.js';
import type { Command } from '../define.js';
import { FIELD, hashCommand, hashToGrow } from './declare.js';

const VALUE_NOT_AN_INTEGER = 'ERR hash value is not an integer';
const VALUE_NOT_A_FLOAT = 'ERR hash value is not a float';
const NAN_OR_INFINITE_INCREMENT = 'ERR value is NaN or Infinity';

/** Gives field argument 2 the first `length` bytes of the scratch buffer. */
function store(ctx: CommandContext, hash: HashEditor, bytes: Uint8Array, length: number, event: string): void {
  hash.set(ctx.buf, ctx.start[2], ctx.end[2], bytes, 0, length);
  keep(ctx, 1, hash);
  ctx.modified(1, EVENT_HASH, event);
}

function runHIncrBy(ctx: CommandContext): void {
  const { buf, start, end, scratch } = ctx;
  const by = ctx.argInt(3);
  const exactBy = Number.isNaN(by) ? ctx.argInt64(3) : undefined;
  if (Number.isNaN(by) && exactBy === undefined) return ctx.reply.error(NOT_AN_INTEGER);
  const hash = hashToGrow(ctx);
  if (hash === undefined) return;
  const text = hash.get(buf, start[2], end[2]);
  const sum = (text === undefined ? 0 : parseSafeInt(text.buf, text.start, text.end)) + by;
  if (Number.isSafeInteger(sum)) {
    store(ctx, hash, scratch, writeInt(scratch, 0, sum), 'hincrby');
    return ctx.reply.integer(sum);
  }
  // NaN and what may have been rounded go the exact way.
  const value = text === undefined ? 0n : parseInt64(text.buf, text.start, text.end);
  if (value === undefined) return ctx.reply.error(VALUE_NOT_AN_INTEGER);
  const exact = value + (exactBy ?? BigInt(by));
  if (exact > INT64_MAX || exact < INT64_MIN) return ctx.reply.error(INCREMENT_OVERFLOW);
  const digits = Buffer.from(exact.toString(), 'latin1');
  store(ctx, hash, digits, digits.length, 'hincrby');
  ctx.reply.bigInteger(exact);
}

function runHIncrByFloat(ctx: CommandContext): void {
  const by = parseLongDouble(ctx.argText(3));
  if (by === undefined) return ctx.reply.error(NOT_A_FLOAT);
  if (by === 'infinite') return ctx.reply.error(NAN_OR_INFINITE_INCREMENT);
  const hash = hashToGrow(ctx);
  if (hash === undefined) return;
  const text = hash.get(ctx.buf, ctx.start[2], ctx.end[2]);
  const value = parseLongDouble(text === undefined ? '0' : latin1(text.buf, text.start, text.end));
  if (value === undefined) return ctx.reply.error(VALUE_NOT_A_FLOAT);
  const sum = value === 'infinite' ? 'infinite' : addLongDouble(value, by);
  if (sum === 'infinite') return ctx.reply.error(NAN_OR_INFINITY);

  const result = Buffer.from(formatLongDouble(sum), 'latin1');
  store(ctx, hash, result, result.length, 'hincrbyfloat');
  // The result itself, so that a difference in arithmetic can never make replicas differ.
  if (ctx.propagating) ctx.propagateAs(['HSET', ctx.argCopy(1), ctx.argCopy(2), result]);
  ctx.reply.bulk(result, 0, result.length);
}

const COUNTS = { arity: 4, flags: WRITE | DENYOOM | FAST, access: 'RW access update', complexity: 'O(1)' };

export const counterCommands: readonly Command[] = [
  hashCommand({
    ...COUNTS,
    name: 'hincrby',
    since: '2.0.0',
    summary: 'Adds an integer to the integer value of a field.',
    args: [FIELD, { name: 'increment', type: 'integer' }],
    run: runHIncrBy,
  }),
  hashCommand({
    ...COUNTS,
    name: 'hincrbyfloat',
    since: '2.6.0',
    summary: 'Adds a floating-point number to the value of a field.',
    args: [FIELD, { name: 'increment', type: 'double' }],
    run: runHIncrByFloat,
  }),
];
