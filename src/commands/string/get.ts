/** Commands that read values: GET MGET STRLEN GETRANGE SUBSTR, and GETDEL and GETEX, which change the key as well. */
import { NOT_AN_INTEGER, SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { AHEAD, type ExpireAtMs, NO_EXPIRE, TYPE_STRING } from '../../store/types.js';
import { type ArgumentDoc, FAST, READONLY, WRITE } from '../command.js';
import { type CommandContext, EVENT_GENERIC } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, KEYS, keysToTheEnd, oneKey, token } from '../generic/declare.js';
import { deletionName } from '../generic/expire.js';
import { isPast } from '../generic/expireTime.js';
import {
  EXAT,
  EXPIRES,
  expireAtOption,
  GETEX_OPTIONS,
  MALFORMED,
  optionBits,
  PERSIST,
  PXAT,
  parseOptions,
} from './options.js';
import { replyString } from './put.js';

function runGet(ctx: CommandContext): void {
  replyString(ctx, 1);
}

function runMGet(ctx: CommandContext): void {
  const { argc, db, reply } = ctx;
  reply.array(argc - 1);
  for (let i = 1; i < argc; i++) {
    if (i % AHEAD === 1) ctx.fetchKeys(i, 1);
    const ref = ctx.lookupRead(i);
    if (ref === 0 || db.type(ref) !== TYPE_STRING) {
      reply.nil();
      continue;
    }
    const value = db.readValue(ref);
    reply.view(value);
  }
}

function runStrLen(ctx: CommandContext): void {
  const ref = ctx.lookupRead(1);
  if (ref === 0) return ctx.reply.integer(0);
  if (ctx.db.type(ref) !== TYPE_STRING) return ctx.reply.error(WRONGTYPE);
  ctx.reply.integer(ctx.db.valueLength(ref));
}

/** Argument i as a 64-bit integer, a BigInt only where a number would lose digits. Undefined when it is none. */
function offsetArgument(ctx: CommandContext, i: number): number | bigint | undefined {
  const offset = ctx.argInt(i);
  return Number.isNaN(offset) ? ctx.argInt64(i) : offset;
}

function runGetRange(ctx: CommandContext): void {
  const from = offsetArgument(ctx, 2);
  if (from === undefined) return ctx.reply.error(NOT_AN_INTEGER);
  const to = offsetArgument(ctx, 3);
  if (to === undefined) return ctx.reply.error(NOT_AN_INTEGER);
  const ref = ctx.lookupRead(1);
  if (ref !== 0 && ctx.db.type(ref) !== TYPE_STRING) return ctx.reply.error(WRONGTYPE);
  const length = ref === 0 ? 0 : ctx.db.valueLength(ref);

  let first = Number(from);
  let last = Number(to);
  if (length === 0 || (first < 0 && last < 0 && from > to)) return replyEmpty(ctx);
  if (first < 0) first = Math.max(0, length + first);
  // An end before the beginning means the first byte: so it is in Redis.
  if (last < 0) last = Math.max(0, length + last);
  last = Math.min(last, length - 1);
  if (first > last) return replyEmpty(ctx);
  const value = ctx.db.readValue(ref);
  value.end = value.start + last + 1;
  value.start += first;
  ctx.reply.view(value);
}

function replyEmpty(ctx: CommandContext): void {
  ctx.reply.bulk(ctx.buf, 0, 0);
}

function runGetDel(ctx: CommandContext): void {
  if (!replyString(ctx, 1)) return;
  const ref = ctx.lookupWrite(1);
  if (ref === 0) return;
  ctx.db.delete(ref);
  if (ctx.propagating) {
    const verb = ctx.server.config.values['lazyfree-lazy-user-del'] ? 'UNLINK' : 'DEL';
    ctx.propagateAs([verb, ctx.argCopy(1)]);
  }
  ctx.modified(1, EVENT_GENERIC, 'del');
}

/** Every change is propagated as the plain command that has the same effect, because a replica needs no reply. */
function runGetEx(ctx: CommandContext): void {
  const parsed = parseOptions(ctx, 2, GETEX_OPTIONS);
  if (parsed === MALFORMED) return ctx.reply.error(SYNTAX);
  const options = optionBits(parsed);
  const { db } = ctx;
  const ref = ctx.lookupRead(1);
  if (ref === 0) return ctx.reply.nil();
  if (db.type(ref) !== TYPE_STRING) return ctx.reply.error(WRONGTYPE);
  let expireAtMs: ExpireAtMs = NO_EXPIRE;
  if ((options & EXPIRES) !== 0) {
    expireAtMs = expireAtOption(ctx, parsed);
    if (Number.isNaN(expireAtMs)) return;
  }
  const value = db.readValue(ref);
  ctx.reply.view(value);

  if ((options & (EXAT | PXAT)) !== 0 && isPast(ctx, expireAtMs)) {
    db.delete(ref);
    if (ctx.propagating) ctx.propagateAs([deletionName(ctx), ctx.argCopy(1)]);
    ctx.modified(1, EVENT_GENERIC, 'del');
  } else if ((options & EXPIRES) !== 0) {
    db.setExpire(ref, expireAtMs);
    if (ctx.propagating) ctx.propagateAs(['PEXPIREAT', ctx.argCopy(1), String(expireAtMs)]);
    ctx.modified(1, EVENT_GENERIC, 'expire');
  } else if ((options & PERSIST) !== 0 && db.expireAtMs(ref) !== NO_EXPIRE) {
    db.persist(ref);
    if (ctx.propagating) ctx.propagateAs(['PERSIST', ctx.argCopy(1)]);
    ctx.modified(1, EVENT_GENERIC, 'persist');
  }
}

const COMMON = { group: 'string', acl: ['string'] } as const;

const RANGE_COMMON = {
  ...COMMON,
  arity: 4,
  flags: READONLY,
  keys: oneKey('RO access'),
  complexity: 'O(N) with N bytes replied.',
  arguments: [KEY, { name: 'start', type: 'integer' }, { name: 'end', type: 'integer' }] as readonly ArgumentDoc[],
  run: runGetRange,
} as const;

const get = command({
  ...COMMON,
  name: 'get',
  arity: 2,
  since: '1.0.0',
  flags: READONLY | FAST,
  keys: oneKey('RO access'),
  complexity: 'O(1)',
  summary: 'Replies the string value of a key.',
  arguments: [KEY],
  run: runGet,
});

const mget = command({
  ...COMMON,
  name: 'mget',
  arity: -2,
  since: '1.0.0',
  flags: READONLY | FAST,
  keys: keysToTheEnd('RO access'),
  complexity: 'O(N) with N keys.',
  summary: 'Replies the string values of several keys.',
  arguments: [KEYS],
  tips: ['request_policy:multi_shard'],
  run: runMGet,
});

const strlen = command({
  ...COMMON,
  name: 'strlen',
  arity: 2,
  since: '2.2.0',
  flags: READONLY | FAST,
  keys: oneKey('RO'),
  complexity: 'O(1)',
  summary: 'Replies the length of a string value in bytes.',
  arguments: [KEY],
  run: runStrLen,
});

const getrange = command({
  ...RANGE_COMMON,
  name: 'getrange',
  since: '2.4.0',
  summary: 'Replies a part of a string value.',
});

const substr = command({
  ...RANGE_COMMON,
  name: 'substr',
  since: '1.0.0',
  summary: 'Replies a part of a string value.',
  docFlags: ['deprecated'],
  deprecatedSince: '2.0.0',
  replacedBy: '`GETRANGE`',
});

const getdel = command({
  ...COMMON,
  name: 'getdel',
  arity: 2,
  since: '6.2.0',
  flags: WRITE | FAST,
  keys: oneKey('RW access delete'),
  complexity: 'O(1)',
  summary: 'Replies the string value of a key and deletes the key.',
  arguments: [KEY],
  run: runGetDel,
});

const getex = command({
  ...COMMON,
  name: 'getex',
  arity: -2,
  since: '6.2.0',
  flags: WRITE | FAST,
  keys: oneKey('RW access update', 'Changing the expire time counts as an update'),
  complexity: 'O(1)',
  summary: 'Replies the string value of a key and can change when it expires.',
  arguments: [
    KEY,
    {
      name: 'expiration',
      type: 'oneof',
      flags: ['optional'],
      arguments: [
        { name: 'seconds', type: 'integer', token: 'EX' },
        { name: 'milliseconds', type: 'integer', token: 'PX' },
        { name: 'unix-time-seconds', type: 'unix-time', token: 'EXAT' },
        { name: 'unix-time-milliseconds', type: 'unix-time', token: 'PXAT' },
        token('persist'),
      ],
    },
  ],
  run: runGetEx,
});

export const getCommands: readonly Command[] = [get, mget, strlen, getrange, substr, getdel, getex];
