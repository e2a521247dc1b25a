/** The DEBUG subcommands that show how a value is kept. */
import * as errors from '../../resp/errors.js';
import { idleSeconds } from '../../store/accessClock.js';
import type { Database } from '../../store/database.js';
import { type Ref, TYPE_STRING } from '../../store/types.js';
import { isSharedInteger } from '../../types/string/encoding.js';
import { parseIntArgument } from '../connection/arguments.js';
import type { CommandContext } from '../context.js';
import { encodingName } from '../generic/object.js';

/** The entry of argument 2 whether its time is over or not: looking must not remove it. 0 after an error reply. */
function rawEntry({ db, buf, start, end, reply }: CommandContext): Ref {
  const ref = db.find(buf, start[2], end[2]);
  if (ref === 0) reply.error(errors.NO_SUCH_KEY);
  return ref;
}

/** DEBUG OBJECT key */
export function describeObject(ctx: CommandContext): void {
  const { db } = ctx;
  const ref = rawEntry(ctx);
  if (ref === 0) return;
  const encoding = encodingName(ctx, ref);
  const { buf, start, end } = db.readValue(ref);
  const shared = encoding === 'int' && isSharedInteger(buf, start, end);
  const lru = db.getLru(ref);
  ctx.reply.simple(
    `Value at:0x${(ref >>> 0).toString(16).padStart(12, '0')} refcount:${shared ? 2147483647 : 1} ` +
      `encoding:${encoding} serializedlength:${serializedStringLength(buf, start, end)} ` +
      `lru:${lru} lru_seconds_idle:${idleSeconds(lru, ctx.nowMs)}`,
  );
}

/** Bytes that an RDB file needs for the string: integers of 32 bits are packed, the rest has a length in front. */
function serializedStringLength(buf: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const text = length <= 11 ? Buffer.from(buf.subarray(start, end)).toString('latin1') : '';
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && String(value) === text && value === (value | 0)) {
    if (value >= -128 && value <= 127) return 2;
    return value >= -32768 && value <= 32767 ? 3 : 5;
  }
  return length + (length < 64 ? 1 : length < 16384 ? 2 : 5);
}

/** DEBUG SDSLEN key */
export function describeLengths(ctx: CommandContext): void {
  const { db } = ctx;
  const ref = rawEntry(ctx);
  if (ref === 0) return;
  if (db.type(ref) !== TYPE_STRING || encodingName(ctx, ref) === 'int') {
    return ctx.reply.error('ERR Not an sds encoded string.');
  }
  const keyLength = db.keyLength(ref);
  const valueLength = db.valueLength(ref);
  // An entry is one piece of memory: key and value have no room to spare of their own.
  ctx.reply.simple(
    `key_sds_len:${keyLength}, key_sds_avail:0, key_zmalloc: ${keyLength}, ` +
      `val_sds_len:${valueLength}, val_sds_avail:0, val_zmalloc: ${valueLength}`,
  );
}

/** DEBUG LISTPACK key: the bytes go to the log, which is where Redis's standard output ends up. */
export function dumpListpack(ctx: CommandContext): void {
  const ref = rawEntry(ctx);
  if (ref === 0) return;
  if (encodingName(ctx, ref) !== 'listpack') return ctx.reply.error('ERR Not a listpack encoded object.');
  const { buf, start, end } = ctx.db.readValue(ref);
  ctx.server.log(
    'notice',
    `Listpack of ${end - start} bytes: ${Buffer.from(buf.subarray(start, end)).toString('hex')}`,
  );
  ctx.reply.simple('Listpack structure printed on stdout');
}

/** DEBUG QUICKLIST key [detail] */
export function dumpQuicklist(ctx: CommandContext): void {
  const ref = rawEntry(ctx);
  if (ref === 0) return;
  if (encodingName(ctx, ref) !== 'quicklist') return ctx.reply.error('ERR Not a quicklist encoded object.');
  ctx.server.log('notice', `Quicklist of ${ctx.db.bytesOf(ref)} bytes`);
  ctx.reply.simple('Quicklist structure printed on stdout');
}

/** DEBUG HTSTATS dbid */
export function tableStats(ctx: CommandContext): void {
  const dbIndex = parseIntArgument(ctx, 2);
  if (dbIndex === undefined) return;
  const db: Database | undefined = ctx.server.store.databases[dbIndex];
  if (db === undefined) return ctx.reply.error('ERR Out of range database');
  ctx.reply.verbatim('txt', section('Dictionary', db.size) + section('Expires', db.expires));
}

/** DEBUG HTSTATS-KEY key */
export function tableStatsOfKey(ctx: CommandContext): void {
  const ref = rawEntry(ctx);
  if (ref === 0) return;
  ctx.reply.error('ERR The value stored at the specified key is not represented using an hash table');
}

function section(name: string, elements: number): string {
  return (
    `[${name} HT]\nHash table 0 stats (main hash table):\n` +
    (elements === 0 ? 'No stats available for empty dictionaries\n' : ` number of elements: ${elements}\n`)
  );
}
