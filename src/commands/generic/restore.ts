/** RESTORE: makes a key of what DUMP has replied, here or on another server. */
import { int64 } from '../../base/int64.js';
import { NOT_AN_INTEGER, SYNTAX } from '../../resp/errors.js';
import { lfuInitial } from '../../store/accessClock.js';
import { type ExpireAtMs, NO_EXPIRE } from '../../store/types.js';
import { type ArgumentDoc, ASKING, DENYOOM, WRITE } from '../command.js';
import { type CommandContext, EVENT_GENERIC, EVENT_NEW } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey, token } from './declare.js';
import { isPast, sinceEpoch } from './expireTime.js';

const BUSY = 'BUSYKEY Target key name already exists.';
const NEGATIVE_TTL = 'ERR Invalid TTL value, must be >= 0';
const NEGATIVE_IDLE_TIME = 'ERR Invalid IDLETIME value, must be >= 0';
const BAD_FREQUENCY = 'ERR Invalid FREQ value, must be >= 0 and <= 255';
const BAD_CHECKSUM = 'ERR DUMP payload version or checksum are wrong';
const BAD_VALUE = 'ERR Bad data format';
const PAYLOAD = 3;
const FIRST_OPTION = 4;
const LRU_MAX = 0xffffffn;
/** What is read at once takes a few milliseconds at most. */
const READ_ASIDE_FROM_BYTES = 256 * 1024;

interface Options {
  replace: boolean;
  absolute: boolean;
  /** Seconds. */
  idle: bigint | undefined;
  frequency: number | undefined;
}

/** The options; undefined when they are malformed: the error has been replied. */
function parseOptions(ctx: CommandContext): Options | undefined {
  const options: Options = { replace: false, absolute: false, idle: undefined, frequency: undefined };
  for (let i = FIRST_OPTION; i < ctx.argc; i++) {
    const hasMore = i + 1 < ctx.argc;
    if (ctx.argIs(i, 'replace')) options.replace = true;
    else if (ctx.argIs(i, 'absttl')) options.absolute = true;
    else if (ctx.argIs(i, 'idletime') && hasMore && options.frequency === undefined) {
      options.idle = ctx.argInt64(++i);
      if (options.idle === undefined) return fail(ctx, NOT_AN_INTEGER);
      if (options.idle < 0n) return fail(ctx, NEGATIVE_IDLE_TIME);
    } else if (ctx.argIs(i, 'freq') && hasMore && options.idle === undefined) {
      const frequency = ctx.argInt64(++i);
      if (frequency === undefined) return fail(ctx, NOT_AN_INTEGER);
      if (frequency < 0n || frequency > 255n) return fail(ctx, BAD_FREQUENCY);
      options.frequency = Number(frequency);
    } else return fail(ctx, SYNTAX);
  }
  return options;
}

function fail(ctx: CommandContext, error: string): undefined {
  ctx.reply.error(error);
  return undefined;
}

function runRestore(ctx: CommandContext): void {
  const { db, buf, start, end, dumps, reply } = ctx;
  const options = parseOptions(ctx);
  if (options === undefined) return;
  if (!options.replace && ctx.lookupWrite(1) !== 0) return reply.error(BUSY);
  const ttl = ctx.argInt64(2);
  if (ttl === undefined) return reply.error(NOT_AN_INTEGER);
  if (ttl < 0n) return reply.error(NEGATIVE_TTL);
  const { prepared } = ctx.server.restores;
  if (prepared === undefined && takesLong(ctx)) return ctx.server.restores.prepare(db, PAYLOAD, isSanitizing(ctx));
  const isIntact = prepared?.isIntact ?? dumps.isIntact(buf, start[PAYLOAD], end[PAYLOAD]);
  if (!isIntact) return reply.error(BAD_CHECKSUM);
  const value =
    prepared === undefined ? dumps.load(buf, start[PAYLOAD], end[PAYLOAD], db, isSanitizing(ctx)) : prepared.take();
  if (value === undefined) {
    ctx.server.log('warning', `RESTORE by ${ctx.client.peerAddress}: integrity check failed, the payload is refused`);
    return reply.error(BAD_VALUE);
  }

  // Redis adds without looking: what is beyond 64 bits comes out in the past.
  const atMs = options.absolute ? ttl : BigInt.asIntN(64, ttl + BigInt(ctx.nowMs));
  const expireAtMs = ttl === 0n ? NO_EXPIRE : sinceEpoch(int64(atMs));
  if (ttl !== 0n && isPast(ctx, expireAtMs)) {
    value.discard();
    removeOld(ctx);
    return reply.ok();
  }
  const ref = value.store(buf, start[1], end[1], expireAtMs);
  db.setLru(ref, accessBits(ctx, options));
  if (ttl !== 0n && !options.absolute && ctx.propagating) propagateAbsolute(ctx, expireAtMs);
  ctx.notify(db, buf, start[1], end[1], EVENT_NEW, 'new');
  ctx.modified(1, EVENT_GENERIC, 'restore');
  reply.ok();
}

/** Whether others should be served while the payload is read. A transaction is over before they are. */
function takesLong(ctx: CommandContext): boolean {
  return ctx.argLength(PAYLOAD) >= READ_ASIDE_FROM_BYTES && ctx.mayBlock && !ctx.obeys;
}

/** Payloads from clients, but not those of our own files or our master, may have been made to do damage. */
function isSanitizing({ server, obeys }: CommandContext): boolean {
  const setting = server.config.values['sanitize-dump-payload'];
  return setting === 'yes' || (setting === 'clients' && !obeys);
}

/** The value was expired already: all that is left to do is what REPLACE asked for. */
function removeOld(ctx: CommandContext): void {
  const ref = ctx.peek(1);
  if (ref === 0) return;
  ctx.db.delete(ref);
  const verb = ctx.server.config.values['lazyfree-lazy-server-del'] ? 'UNLINK' : 'DEL';
  if (ctx.propagating) ctx.propagateAs([verb, ctx.argCopy(1)]);
  ctx.modified(1, EVENT_GENERIC, 'del');
}

/** The access bits that the options ask for, as far as the policy has a use for them. */
function accessBits(ctx: CommandContext, { idle, frequency }: Options): number {
  if (ctx.server.config.values['maxmemory-policy'].endsWith('lfu')) {
    return frequency === undefined ? ctx.initialAccessBits() : (lfuInitial(ctx.nowMs) & ~0xff) | frequency;
  }
  if (idle === undefined) return ctx.initialAccessBits();
  const at = BigInt(ctx.server.lruClock()) - idle;
  return Number(BigInt.asUintN(24, at < 0n ? at + LRU_MAX : at));
}

/** Replicas and the AOF get the point in time, so that delays do not move it. */
function propagateAbsolute(ctx: CommandContext, expireAtMs: ExpireAtMs): void {
  const parts: (string | Uint8Array)[] = ['RESTORE'];
  for (let i = 1; i < ctx.argc; i++) parts.push(i === 2 ? String(expireAtMs) : ctx.argCopy(i));
  ctx.propagateAs([...parts, 'ABSTTL']);
}

const ARGUMENTS: readonly ArgumentDoc[] = [
  KEY,
  { name: 'ttl', type: 'integer' },
  { name: 'serialized-value', type: 'string' },
  token('replace', { since: '3.0.0', flags: ['optional'] }),
  token('absttl', { since: '5.0.0', flags: ['optional'] }),
  { name: 'seconds', type: 'integer', token: 'IDLETIME', since: '5.0.0', flags: ['optional'] },
  { name: 'frequency', type: 'integer', token: 'FREQ', since: '5.0.0', flags: ['optional'] },
];

const COMMON = {
  arity: -4,
  acl: ['keyspace', 'dangerous'],
  keys: oneKey('OW update'),
  complexity: 'O(N) with N bytes in all elements of the value; O(N*log(N)) for large sorted sets.',
  history: [
    ['3.0.0', 'The option `REPLACE` came.'],
    ['5.0.0', 'The option `ABSTTL` came.'],
    ['5.0.0', 'The options `IDLETIME` and `FREQ` came.'],
  ],
  arguments: ARGUMENTS,
  run: runRestore,
} as const;

export const restoreCommands: readonly Command[] = [
  command({
    ...COMMON,
    name: 'restore',
    group: 'generic',
    since: '2.6.0',
    flags: WRITE | DENYOOM,
    summary: 'Makes a key of a value that DUMP has replied.',
  }),
  command({
    ...COMMON,
    name: 'restore-asking',
    group: 'server',
    since: '3.0.0',
    flags: WRITE | DENYOOM | ASKING,
    docFlags: ['syscmd'],
    summary: 'RESTORE for keys on their way between the nodes of a cluster.',
  }),
];
