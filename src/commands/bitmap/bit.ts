/** Commands on single bits: SETBIT GETBIT. */
import { WRONGTYPE } from '../../resp/errors.js';
import { TYPE_STRING } from '../../store/types.js';
import { DENYOOM, FAST, READONLY, WRITE } from '../command.js';
import { type CommandContext, EVENT_STRING } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey } from '../generic/declare.js';
import { offsetArgument, reachBit } from './offset.js';

const BAD_BIT = 'ERR bit is not an integer or out of range';

function runSetBit(ctx: CommandContext): void {
  const offset = offsetArgument(ctx, 2);
  if (Number.isNaN(offset)) return;
  const bit = ctx.argInt(3);
  if (bit !== 0 && bit !== 1) return ctx.reply.error(BAD_BIT);
  const grown = reachBit(ctx, offset, offset);
  if (grown < 0) return;

  const { buf, start } = ctx.db.readValue(ctx.db.lastRef);
  const at = start + Math.floor(offset / 8);
  const mask = 0x80 >> (offset % 8);
  const before = (buf[at] & mask) === 0 ? 0 : 1;
  if (bit !== before) buf[at] ^= mask;
  if (bit !== before || grown > 0) ctx.modified(1, EVENT_STRING, 'setbit');
  ctx.reply.integer(before);
}

function runGetBit(ctx: CommandContext): void {
  const offset = offsetArgument(ctx, 2);
  if (Number.isNaN(offset)) return;
  const ref = ctx.lookupRead(1);
  if (ref === 0) return ctx.reply.integer(0);
  if (ctx.db.type(ref) !== TYPE_STRING) return ctx.reply.error(WRONGTYPE);
  const { buf, start, end } = ctx.db.readValue(ref);
  const at = start + Math.floor(offset / 8);
  ctx.reply.integer(at < end && (buf[at] & (0x80 >> (offset % 8))) !== 0 ? 1 : 0);
}

export const bitCommands: readonly Command[] = [
  command({
    name: 'setbit',
    arity: 4,
    group: 'bitmap',
    since: '2.2.0',
    flags: WRITE | DENYOOM,
    acl: ['bitmap'],
    keys: oneKey('RW access update'),
    complexity: 'O(1)',
    summary: 'Sets or clears one bit of a string and replies what it was. The string grows to hold it.',
    arguments: [KEY, { name: 'offset', type: 'integer' }, { name: 'value', type: 'integer' }],
    run: runSetBit,
  }),
  command({
    name: 'getbit',
    arity: 3,
    group: 'bitmap',
    since: '2.2.0',
    flags: READONLY | FAST,
    acl: ['bitmap'],
    keys: oneKey('RO access'),
    complexity: 'O(1)',
    summary: 'Replies one bit of a string.',
    arguments: [KEY, { name: 'offset', type: 'integer' }],
    run: runGetBit,
  }),
];
