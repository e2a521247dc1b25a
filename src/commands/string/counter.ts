/** Commands that count: INCR DECR INCRBY DECRBY INCRBYFLOAT. */
import { INT64_MAX, INT64_MIN, latin1, parseInt64, parseSafeInt, writeInt } from '../../base/bytes.js';
import { INCREMENT_OVERFLOW, NAN_OR_INFINITY, NOT_A_FLOAT, NOT_AN_INTEGER, WRONGTYPE } from '../../resp/errors.js';
import { NO_EXPIRE, type Ref, TYPE_STRING } from '../../store/types.js';
import { ENCODING_EMBSTR } from '../../types/string/encoding.js';
import { addLongDouble, formatLongDouble, parseLongDouble } from '../../types/string/longDouble.js';
import { type ArgumentDoc, DENYOOM, FAST, WRITE } from '../command.js';
import { type CommandContext, EVENT_STRING } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey } from '../generic/declare.js';
import { create } from './put.js';

const DECREMENT_OVERFLOW = 'ERR decrement would overflow';

/** Adds a safe integer to the value of key argument 1. */
function increment(ctx: CommandContext, by: number): void {
  const { db } = ctx;
  const ref = ctx.lookupWrite(1);
  let sum = ref === 0 ? by : db.addInPlace(ref, by);
  if (ref === 0 || Number.isNaN(sum)) {
    if (ref !== 0) {
      if (db.type(ref) !== TYPE_STRING) return ctx.reply.error(WRONGTYPE);
      const text = db.readValue(ref);
      sum = parseSafeInt(text.buf, text.start, text.end) + by;
      // NaN and what may have been rounded go the exact way.
      if (!Number.isSafeInteger(sum)) return incrementExactly(ctx, BigInt(by));
    }
    store(ctx, ref, writeInt(ctx.scratch, 0, sum));
  }
  ctx.modified(1, EVENT_STRING, 'incrby');
  ctx.reply.integer(sum);
}

/** The same for 64-bit integers. */
function incrementExactly(ctx: CommandContext, by: bigint): void {
  const ref = ctx.lookupWrite(1);
  let value: bigint | undefined = 0n;
  if (ref !== 0) {
    if (ctx.db.type(ref) !== TYPE_STRING) return ctx.reply.error(WRONGTYPE);
    const text = ctx.db.readValue(ref);
    value = parseInt64(text.buf, text.start, text.end);
    if (value === undefined) return ctx.reply.error(NOT_AN_INTEGER);
  }
  const sum = value + by;
  if (sum > INT64_MAX || sum < INT64_MIN) return ctx.reply.error(INCREMENT_OVERFLOW);
  store(ctx, ref, writeText(ctx.scratch, sum.toString()));
  ctx.modified(1, EVENT_STRING, 'incrby');
  ctx.reply.bigInteger(sum);
}

/** Makes the first bytes of the scratch buffer the value of key argument 1, whose entry is `ref` or 0. */
function store(ctx: CommandContext, ref: Ref, length: number): void {
  if (ref !== 0) ctx.db.setValue(ref, ctx.scratch, 0, length);
  else create(ctx, 1, ctx.scratch, 0, length, NO_EXPIRE);
}

function writeText(target: Uint8Array, digits: string): number {
  for (let i = 0; i < digits.length; i++) target[i] = digits.charCodeAt(i);
  return digits.length;
}

function runIncrBy(ctx: CommandContext): void {
  const by = ctx.argInt(2);
  if (!Number.isNaN(by)) return increment(ctx, by);
  const exact = ctx.argInt64(2);
  if (exact === undefined) return ctx.reply.error(NOT_AN_INTEGER);
  incrementExactly(ctx, exact);
}

function runDecrBy(ctx: CommandContext): void {
  const by = ctx.argInt(2);
  if (!Number.isNaN(by)) return increment(ctx, -by);
  const exact = ctx.argInt64(2);
  if (exact === undefined) return ctx.reply.error(NOT_AN_INTEGER);
  // Its negative does not fit in 64 bits.
  if (exact === INT64_MIN) return ctx.reply.error(DECREMENT_OVERFLOW);
  incrementExactly(ctx, -exact);
}

function runIncrByFloat(ctx: CommandContext): void {
  const { db } = ctx;
  const ref = ctx.lookupWrite(1);
  let text = '0';
  if (ref !== 0) {
    if (db.type(ref) !== TYPE_STRING) return ctx.reply.error(WRONGTYPE);
    const value = db.readValue(ref);
    text = latin1(value.buf, value.start, value.end);
  }
  const value = parseLongDouble(text);
  if (value === undefined) return ctx.reply.error(NOT_A_FLOAT);
  const by = parseLongDouble(ctx.argText(2));
  if (by === undefined) return ctx.reply.error(NOT_A_FLOAT);
  const sum = value === 'infinite' || by === 'infinite' ? 'infinite' : addLongDouble(value, by);
  if (sum === 'infinite') return ctx.reply.error(NAN_OR_INFINITY);

  const result = Buffer.from(formatLongDouble(sum), 'latin1');
  const { buf, start, end } = ctx;
  const size = result.length;
  if (ref === 0) create(ctx, 1, result, 0, size, NO_EXPIRE, ENCODING_EMBSTR);
  else db.putTyped(TYPE_STRING, ENCODING_EMBSTR, buf, start[1], end[1], result, 0, size, db.expireAtMs(ref));
  // The result itself, so that a difference in arithmetic can never make replicas differ.
  if (ctx.propagating) ctx.propagateAs(['SET', ctx.argCopy(1), result, 'KEEPTTL']);
  ctx.modified(1, EVENT_STRING, 'incrbyfloat');
  ctx.reply.bulk(result, 0, size);
}

interface CounterVariant {
  name: string;
  since: string;
  summary: string;
  /** What is added or taken away, where it is an argument. */
  by?: ArgumentDoc;
  run: (ctx: CommandContext) => void;
}

function counterCommand({ name, since, summary, by, run }: CounterVariant): Command {
  return command({
    name,
    arity: by === undefined ? 2 : 3,
    group: 'string',
    since,
    flags: WRITE | DENYOOM | FAST,
    acl: ['string'],
    keys: oneKey('RW access update'),
    complexity: 'O(1)',
    summary,
    arguments: by === undefined ? [KEY] : [KEY, by],
    run,
  });
}

export const counterCommands: readonly Command[] = [
  counterCommand({
    name: 'incr',
    since: '1.0.0',
    summary: 'Adds one to the integer value of a key.',
    run: (ctx) => increment(ctx, 1),
  }),
  counterCommand({
    name: 'decr',
    since: '1.0.0',
    summary: 'Takes one from the integer value of a key.',
    run: (ctx) => increment(ctx, -1),
  }),
  counterCommand({
    name: 'incrby',
    since: '1.0.0',
    summary: 'Adds an integer to the integer value of a key.',
    by: { name: 'increment', type: 'integer' },
    run: runIncrBy,
  }),
  counterCommand({
    name: 'decrby',
    since: '1.0.0',
    summary: 'Takes an integer from the integer value of a key.',
    by: { name: 'decrement', type: 'integer' },
    run: runDecrBy,
  }),
  counterCommand({
    name: 'incrbyfloat',
    since: '2.6.0',
    summary: 'Adds a floating-point number to the value of a key.',
    by: { name: 'increment', type: 'double' },
    run: runIncrByFloat,
  }),
];
