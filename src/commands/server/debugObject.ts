/** The DEBUG subcommands that show how a value is kept. */
import * as errors from '../../resp/errors.js';
import { idleSeconds } from '../../store/accessClock.js';
import type { Database } from '../../store/database.js';
import { type Ref, TYPE_SET, TYPE_STRING } from '../../store/types.js';
import type { Quicklist } from '../../types/list/quicklist.js';
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

/** What DUMP adds to a value: its type, and behind it version and checksum. */
const DUMP_ENVELOPE_BYTES = 11;

/** DEBUG OBJECT key */
export function describeObject(ctx: CommandContext): void {
  const { db } = ctx;
  const ref = rawEntry(ctx);
  if (ref === 0) return;
  const encoding = encodingName(ctx, ref);
  const lru = db.getLru(ref);
  let serializedBytes = 0;
  ctx.dumps.dump(db, ref, (_, length) => {
    serializedBytes = length - DUMP_ENVELOPE_BYTES;
  });
  ctx.reply.simple(
    `Value at:0x${(ref >>> 0).toString(16).padStart(12, '0')} refcount:${isShared(ctx, ref) ? 2147483647 : 1} ` +
      `encoding:${encoding} serializedlength:${serializedBytes} ` +
      `lru:${lru} lru_seconds_idle:${idleSeconds(lru, ctx.nowMs)}${encoding === 'quicklist' ? nodeFigures(ctx, ref) : ''}`,
  );
}

function isShared(ctx: CommandContext, ref: Ref): boolean {
  if (encodingName(ctx, ref) !== 'int') return false;
  const { buf, start, end } = ctx.db.readValue(ref);
  return isSharedInteger(buf, start, end);
}

/** Of the nodes of a long list. */
function nodeFigures({ db }: CommandContext, ref: Ref): string {
  const list = db.object(ref) as Quicklist;
  let bytes = 0;
  for (let node = list.firstNode; node !== undefined; node = node.next) bytes += list.serializedBytes(node);
  return (
    ` ql_nodes:${list.nodeCount} ql_avg_node:${hundredths(list.length, list.nodeCount)} ` +
    `ql_listpack_max:${list.fill} ql_compressed:${list.depth > 0 ? 1 : 0} ql_uncompressed_size:${bytes}`
  );
}

/** The quotient with two digits, as C prints it: a half goes to the even digit. */
function hundredths(a: number, b: number): string {
  const exact = (a * 100) / b;
  const isOddHalf = exact % 2 === 0.5;
  return ((isOddHalf ? Math.floor(exact) : Math.round(exact)) / 100).toFixed(2);
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
  const count = elementsInTable(ctx, ref);
  if (count !== undefined) return ctx.reply.verbatim('txt', tableText(count));
  ctx.reply.error('ERR The value stored at the specified key is not represented using an hash table');
}

/** How many elements the table of a large value has. */
function elementsInTable(ctx: CommandContext, ref: Ref): number | undefined {
  const { db } = ctx;
  const encoding = encodingName(ctx, ref);
  if (encoding === 'skiplist') return ctx.zsets.read(db, ref).count;
  if (encoding !== 'hashtable') return undefined;
  return (db.type(ref) === TYPE_SET ? ctx.sets.at(0) : ctx.hash).open(db, ref).count;
}

function section(name: string, elements: number): string {
  return `[${name} HT]\n${tableText(elements)}`;
}

function tableText(elements: number): string {
  const figures = elements === 0 ? 'No stats available for empty dictionaries' : ` number of elements: ${elements}`;
  return `Hash table 0 stats (main hash table):\n${figures}\n`;
}
