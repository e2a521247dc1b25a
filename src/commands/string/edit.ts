/** Commands that change a part of a value: APPEND SETRANGE. */
import { NOT_AN_INTEGER, OFFSET_OUT_OF_RANGE, STRING_TOO_LONG, WRONGTYPE } from '../../resp/errors.js';
import { MAX_BYTES, NO_EXPIRE, TYPE_STRING } from '../../store/types.js';
import { DENYOOM, FAST, WRITE } from '../command.js';
import { type CommandContext, EVENT_STRING } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey } from '../generic/declare.js';
import { create } from './put.js';

/** True when a value may have this many bytes; otherwise the error has been replied. Data files are not questioned. */
function lengthAllowed(ctx: CommandContext, length: number): boolean {
  const { config } = ctx.server;
  const limit = ctx.obeys ? MAX_BYTES : Math.min(MAX_BYTES, config.values['proto-max-bulk-len']);
  if (length <= limit) return true;
  ctx.reply.error(STRING_TOO_LONG);
  return false;
}

function runAppend(ctx: CommandContext): void {
  const { db } = ctx;
  const ref = ctx.lookupWrite(1);
  let length = ctx.argLength(2);
  if (ref === 0) {
    create(ctx, 1, ctx.buf, ctx.start[2], ctx.end[2], NO_EXPIRE);
  } else {
    if (db.type(ref) !== TYPE_STRING) return ctx.reply.error(WRONGTYPE);
    const lengthBefore = db.valueLength(ref);
    length += lengthBefore;
    if (!lengthAllowed(ctx, length)) return;
    const value = db.resizeValue(ref, length, lengthBefore);
    value.buf.set(ctx.arg(2), value.start + lengthBefore);
  }
  ctx.modified(1, EVENT_STRING, 'append');
  ctx.reply.integer(length);
}

function runSetRange(ctx: CommandContext): void {
  const { db } = ctx;
  const offset64 = ctx.argInt64(2);
  if (offset64 === undefined) return ctx.reply.error(NOT_AN_INTEGER);
  if (offset64 < 0n) return ctx.reply.error(OFFSET_OUT_OF_RANGE);
  const offset = Number(offset64);
  let ref = ctx.lookupWrite(1);
  if (ref !== 0 && db.type(ref) !== TYPE_STRING) return ctx.reply.error(WRONGTYPE);
  const lengthBefore = ref === 0 ? 0 : db.valueLength(ref);
  const added = ctx.argLength(3);
  if (added === 0) return ctx.reply.integer(lengthBefore);
  if (!lengthAllowed(ctx, offset + added)) return;

  if (ref === 0) ref = create(ctx, 1, ctx.buf, 0, 0, NO_EXPIRE);
  const length = Math.max(lengthBefore, offset + added);
  const value = db.resizeValue(ref, length, offset, offset + added);
  value.buf.set(ctx.arg(3), value.start + offset);
  ctx.modified(1, EVENT_STRING, 'setrange');
  ctx.reply.integer(length);
}

export const editCommands: readonly Command[] = [
  command({
    name: 'append',
    arity: 3,
    group: 'string',
    since: '2.0.0',
    flags: WRITE | DENYOOM | FAST,
    acl: ['string'],
    keys: oneKey('RW insert'),
    complexity: 'O(1) on average: values that grow are given room to grow further.',
    summary: 'Adds bytes to the end of a string value.',
    arguments: [KEY, { name: 'value', type: 'string' }],
    run: runAppend,
  }),
  command({
    name: 'setrange',
    arity: 4,
    group: 'string',
    since: '2.2.0',
    flags: WRITE | DENYOOM,
    acl: ['string'],
    keys: oneKey('RW update'),
    complexity: 'O(N) with N bytes written; O(1) for small ones.',
    summary: 'Overwrites a string value from an offset on.',
    arguments: [KEY, { name: 'offset', type: 'integer' }, { name: 'value', type: 'string' }],
    run: runSetRange,
  }),
];
