/** DEBUG: what tests and bug hunts need. Guarded by enable-debug-command. */
import { globMatch } from '../../base/glob.js';
import * as errors from '../../resp/errors.js';
import { idleSeconds } from '../../store/accessClock.js';
import type { Database } from '../../store/database.js';
import { NO_EXPIRE, type Ref, TYPE_STRING } from '../../store/types.js';
import { isSharedInteger } from '../../types/string/encoding.js';
import { ADMIN, LOADING, NOSCRIPT, PROTECTED, STALE } from '../command.js';
import { parseIntArgument } from '../connection/arguments.js';
import type { CommandContext } from '../context.js';
import { command } from '../define.js';
import { encodingName } from '../generic/object.js';
import { replyHelp, unknownSubcommandOrArity } from '../introspection/help.js';
import { dataDigest, valueDigest } from './debugDigest.js';
import { DEBUG_HELP } from './debugHelp.js';
import { replyOfType } from './debugProtocol.js';

interface DebugSubcommand {
  /** How many arguments DEBUG and the subcommand's name included; negative: at least so many. */
  readonly arity: number;
  run(ctx: CommandContext): void;
}

/** Switches parts of Redis that we do not have: nothing is left to do. */
const NOTHING_TO_DO: DebugSubcommand['run'] = (ctx) => ctx.reply.ok();

const SUBCOMMANDS: ReadonlyMap<string, DebugSubcommand> = new Map<string, DebugSubcommand>([
  ['help', { arity: 2, run: (ctx) => replyHelp(ctx, DEBUG_HELP) }],
  ['sleep', { arity: 3, run: sleep }],
  ['object', { arity: 3, run: describeObject }],
  ['sdslen', { arity: 3, run: describeLengths }],
  ['digest', { arity: 2, run: (ctx) => ctx.reply.simple(dataDigest(ctx)) }],
  ['digest-value', { arity: -2, run: digestValues }],
  ['protocol', { arity: 3, run: (ctx) => replyOfType(ctx, ctx.argText(2).toLowerCase()) }],
  // One line, so that the statistics of errors get a clean code too.
  ['error', { arity: 3, run: (ctx) => ctx.reply.error(ctx.argText(2).replace(/[\r\n]/g, ' ')) }],
  ['log', { arity: 3, run: logMessage }],
  ['populate', { arity: -3, run: populate }],
  ['htstats', { arity: 3, run: tableStats }],
  ['htstats-key', { arity: 3, run: tableStatsOfKey }],
  ['set-active-expire', { arity: 3, run: setActiveExpire }],
  ['change-repl-id', { arity: 2, run: changeReplicationId }],
  ['stringmatch-len', { arity: 4, run: matchPattern }],
  ['jmap', { arity: 2, run: NOTHING_TO_DO }],
  ['set-skip-checksum-validation', { arity: 3, run: NOTHING_TO_DO }],
  ['set-disable-deny-scripts', { arity: 3, run: NOTHING_TO_DO }],
  ['quicklist-packed-threshold', { arity: 3, run: NOTHING_TO_DO }],
  ['dict-resizing', { arity: 3, run: NOTHING_TO_DO }],
  ['pause-cron', { arity: 3, run: pauseCron }],
  ['replybuffer', { arity: 4, run: setReplyBuffer }],
]);

export const debug = command({
  name: 'debug',
  arity: -2,
  group: 'server',
  since: '1.0.0',
  flags: ADMIN | NOSCRIPT | LOADING | STALE | PROTECTED,
  complexity: 'Depends on subcommand.',
  summary: 'Commands for tests and for finding faults.',
  docFlags: ['syscmd'],
  run(ctx) {
    const subcommand = SUBCOMMANDS.get(ctx.argText(1).toLowerCase());
    const arity = subcommand?.arity ?? 0;
    if (subcommand === undefined || (arity > 0 ? ctx.argc !== arity : ctx.argc < -arity)) {
      return ctx.reply.error(unknownSubcommandOrArity(ctx));
    }
    subcommand.run(ctx);
  },
});

function sleep(ctx: CommandContext): void {
  const seconds = Number.parseFloat(ctx.argText(2));
  if (seconds > 0) ctx.server.sleepMs(seconds * 1000);
  ctx.reply.ok();
}

/** The entry of argument 2 whether its time is over or not: looking must not remove it. */
function rawEntry({ db, buf, start, end }: CommandContext): Ref {
  return db.find(buf, start[2], end[2]);
}

function describeObject(ctx: CommandContext): void {
  const { db } = ctx;
  const ref = rawEntry(ctx);
  if (ref === 0) return ctx.reply.error(errors.NO_SUCH_KEY);
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

function describeLengths(ctx: CommandContext): void {
  const { db } = ctx;
  const ref = rawEntry(ctx);
  if (ref === 0) return ctx.reply.error(errors.NO_SUCH_KEY);
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

function digestValues(ctx: CommandContext): void {
  ctx.reply.array(ctx.argc - 2);
  for (let i = 2; i < ctx.argc; i++) ctx.reply.simple(valueDigest(ctx, i));
}

function logMessage(ctx: CommandContext): void {
  ctx.server.log('warning', `DEBUG LOG: ${ctx.argText(2)}`);
  ctx.reply.ok();
}

/** A count that C would take for a positive long; undefined after an error reply. */
function parseCount(ctx: CommandContext, i: number): number | undefined {
  const count = ctx.argInt(i);
  if (count >= 0) return count;
  ctx.reply.error(errors.MUST_BE_POSITIVE);
  return undefined;
}

/** DEBUG POPULATE count [prefix] [size]: keys that are there already stay, and nothing is propagated. */
function populate(ctx: CommandContext): void {
  if (ctx.argc > 5) return ctx.reply.error(unknownSubcommandOrArity(ctx));
  const count = parseCount(ctx, 2);
  if (count === undefined) return;
  const valueBytes = ctx.argc === 5 ? parseCount(ctx, 4) : 0;
  if (valueBytes === undefined) return;
  const { db } = ctx;
  const prefix = ctx.argc > 3 ? ctx.argText(3) : 'key';
  for (let i = 0; i < count; i++) {
    const key = Buffer.from(`${prefix}:${i}`, 'latin1');
    if (ctx.peekKey(db, key, 0, key.length) !== 0) continue;
    const text = Buffer.from(`value:${i}`, 'latin1');
    let value = text;
    if (valueBytes > 0) {
      value = Buffer.alloc(valueBytes);
      text.copy(value);
    }
    db.put(key, 0, key.length, value, 0, value.length, NO_EXPIRE);
    ctx.modifiedKey(db, key, 0, key.length, 0, '');
  }
  ctx.propagateNothing();
  ctx.reply.ok();
}

function tableStats(ctx: CommandContext): void {
  const dbIndex = parseIntArgument(ctx, 2);
  if (dbIndex === undefined) return;
  const db: Database | undefined = ctx.server.store.databases[dbIndex];
  if (db === undefined) return ctx.reply.error('ERR Out of range database');
  const section = (name: string, elements: number): string =>
    `[${name} HT]\nHash table 0 stats (main hash table):\n` +
    (elements === 0 ? 'No stats available for empty dictionaries\n' : ` number of elements: ${elements}\n`);
  ctx.reply.verbatim('txt', section('Dictionary', db.size) + section('Expires', db.expires));
}

function tableStatsOfKey(ctx: CommandContext): void {
  if (ctx.peek(2) === 0) return ctx.reply.error(errors.NO_SUCH_KEY);
  ctx.reply.error('ERR The value stored at the specified key is not represented using an hash table');
}

function setActiveExpire(ctx: CommandContext): void {
  const value = Number.parseInt(ctx.argText(2), 10);
  ctx.server.activeExpire = value !== 0 && !Number.isNaN(value);
  ctx.reply.ok();
}

function changeReplicationId(ctx: CommandContext): void {
  ctx.server.log('notice', 'Changing replication IDs after receiving change-repl-id');
  let id = '';
  while (id.length < 40) id += ctx.server.random.nextU32().toString(16).padStart(8, '0');
  ctx.server.replicationId = id;
  ctx.reply.ok();
}

function matchPattern(ctx: CommandContext): void {
  const { buf, start, end } = ctx;
  ctx.reply.integer(globMatch(buf, start[2], end[2], buf, start[3], end[3]) ? 1 : 0);
}

/** The periodic work cannot be stopped; that it goes on is true already. */
function pauseCron(ctx: CommandContext): void {
  if (ctx.argIs(2, '0')) ctx.reply.ok();
  else ctx.reply.error('ERR PAUSE-CRON can only be 0: periodic work is never paused');
}

function setReplyBuffer(ctx: CommandContext): void {
  if (ctx.argIs(2, 'peak-reset-time') || ctx.argIs(2, 'resizing')) ctx.reply.ok();
  else ctx.reply.error(unknownSubcommandOrArity(ctx));
}
