/** Commands that put whole values: SET SETNX SETEX PSETEX GETSET MSET MSETNX. */
import { equalsIgnoreCase } from '../../base/bytes.js';
import { SYNTAX, wrongArity } from '../../resp/errors.js';
import { AHEAD, type ExpireAtMs, NO_EXPIRE } from '../../store/types.js';
import { type ArgumentDoc, DENYOOM, FAST, type KeyArguments, WRITE } from '../command.js';
import { type CommandContext, EVENT_GENERIC, EVENT_STRING } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, keysToTheEnd, oneKey, token } from '../generic/declare.js';
import { expireAtArgument } from '../generic/expireTime.js';
import {
  EXPIRES,
  expireAtOption,
  GET,
  KEEPTTL,
  MALFORMED,
  NX,
  optionBits,
  parseOptions,
  SET_OPTIONS,
  timeArgument,
  XX,
} from './options.js';
import { putArgument, replyString } from './put.js';

function runSet(ctx: CommandContext): void {
  if (ctx.argc > 3) return setWithOptions(ctx);
  putArgument(ctx, 1, 2, NO_EXPIRE);
  ctx.modified(1, EVENT_STRING, 'set');
  ctx.reply.ok();
}

function setWithOptions(ctx: CommandContext): void {
  const parsed = parseOptions(ctx, 3, SET_OPTIONS);
  if (parsed === MALFORMED) return ctx.reply.error(SYNTAX);
  const options = optionBits(parsed);
  let expireAtMs: ExpireAtMs = NO_EXPIRE;
  if ((options & EXPIRES) !== 0) {
    expireAtMs = expireAtOption(ctx, parsed);
    if (Number.isNaN(expireAtMs)) return;
  }
  const wantsOld = (options & GET) !== 0;
  if (wantsOld && !replyString(ctx, 1)) return;
  if ((options & (NX | XX | KEEPTTL)) !== 0) {
    const ref = ctx.lookupWrite(1);
    if ((options & (ref === 0 ? XX : NX)) !== 0) {
      if (!wantsOld) ctx.reply.nil();
      return;
    }
    if ((options & KEEPTTL) !== 0 && ref !== 0) expireAtMs = ctx.db.expireAtMs(ref);
  }
  if ((options & EXPIRES) !== 0) {
    putExpiring(ctx, 2, expireAtMs);
  } else {
    putArgument(ctx, 1, 2, expireAtMs);
    if (wantsOld && ctx.propagating) propagateWithoutGet(ctx, timeArgument(parsed));
    ctx.modified(1, EVENT_STRING, 'set');
  }
  if (!wantsOld) ctx.reply.ok();
}

/**
 * Stores a value that expires, reports and propagates it. Replicas and the AOF get the point in time, so that delays do
 * not move it; and no conditions, because they have been met.
 */
function putExpiring(ctx: CommandContext, valueArg: number, expireAtMs: ExpireAtMs): void {
  putArgument(ctx, 1, valueArg, expireAtMs);
  if (ctx.propagating) {
    ctx.propagateAs(['SET', ctx.argCopy(1), ctx.argCopy(valueArg), 'PXAT', String(expireAtMs)]);
  }
  ctx.modified(1, EVENT_STRING, 'set');
  ctx.notify(ctx.db, ctx.buf, ctx.start[1], ctx.end[1], EVENT_GENERIC, 'expire');
}

/** Nobody reads the reply of a propagated command: GET would cost a lookup for nothing. */
function propagateWithoutGet(ctx: CommandContext, timeArg: number): void {
  const parts: Uint8Array[] = [];
  for (let i = 0; i < ctx.argc; i++) {
    if (i >= 3 && i !== timeArg && ctx.argIs(i, 'get')) continue;
    parts.push(ctx.argCopy(i));
  }
  ctx.propagateAs(parts);
}

function runSetNx(ctx: CommandContext): void {
  if (ctx.lookupWrite(1) !== 0) return ctx.reply.integer(0);
  putArgument(ctx, 1, 2, NO_EXPIRE);
  ctx.modified(1, EVENT_STRING, 'set');
  ctx.reply.integer(1);
}

function setExpiring(ctx: CommandContext, inSeconds: boolean): void {
  const expireAtMs = expireAtArgument(ctx, 2, inSeconds, ctx.nowMs);
  if (Number.isNaN(expireAtMs)) return;
  putExpiring(ctx, 3, expireAtMs);
  ctx.reply.ok();
}

function runGetSet(ctx: CommandContext): void {
  if (!replyString(ctx, 1)) return;
  putArgument(ctx, 1, 2, NO_EXPIRE);
  if (ctx.propagating) ctx.propagateAs(['SET', ctx.argCopy(1), ctx.argCopy(2)]);
  ctx.modified(1, EVENT_STRING, 'set');
}

function putPairs(ctx: CommandContext): void {
  const { argc } = ctx;
  for (let i = 1, keys = 0; i < argc; i += 2, keys++) {
    if (keys % AHEAD === 0) ctx.fetchKeys(i, 2);
    putArgument(ctx, i, i + 1, NO_EXPIRE);
    ctx.modified(i, EVENT_STRING, 'set');
  }
}

function runMSet(ctx: CommandContext): void {
  if ((ctx.argc & 1) === 0) return ctx.reply.error(wrongArity(ctx.command.fullName));
  putPairs(ctx);
  ctx.reply.ok();
}

function runMSetNx(ctx: CommandContext): void {
  if ((ctx.argc & 1) === 0) return ctx.reply.error(wrongArity(ctx.command.fullName));
  for (let i = 1; i < ctx.argc; i += 2) if (ctx.lookupWrite(i) !== 0) return ctx.reply.integer(0);
  putPairs(ctx);
  ctx.reply.integer(1);
}

const VALUE: ArgumentDoc = { name: 'value', type: 'string' };
const PAIRS: ArgumentDoc = { name: 'key_value', type: 'block', flags: ['multiple'], arguments: [KEY, VALUE] };
const COMMON = { group: 'string', acl: ['string'] } as const;

/** Whether a SET has its GET option. */
function asksForOldValue({ argc, buf, start, end }: KeyArguments): boolean {
  for (let i = 3; i < argc; i++) if (equalsIgnoreCase(buf, start[i], end[i], 'get')) return true;
  return false;
}

const set = command({
  ...COMMON,
  name: 'set',
  arity: -3,
  since: '1.0.0',
  flags: WRITE | DENYOOM,
  keys: oneKey('RW access update variable_flags', '`GET` reads the value as well'),
  keyAccess: (args) => (asksForOldValue(args) ? 'RW access update' : 'OW update'),
  complexity: 'O(1)',
  summary: 'Sets the string value of a key.',
  history: [
    ['2.6.12', 'The options `EX`, `PX`, `NX` and `XX` came.'],
    ['6.0.0', 'The option `KEEPTTL` came.'],
    ['6.2.0', 'The options `GET`, `EXAT` and `PXAT` came.'],
    ['7.0.0', '`NX` and `GET` may be used together.'],
  ],
  arguments: [
    KEY,
    VALUE,
    {
      name: 'condition',
      type: 'oneof',
      since: '2.6.12',
      flags: ['optional'],
      arguments: [token('nx'), token('xx')],
    },
    token('get', { since: '6.2.0', flags: ['optional'] }),
    {
      name: 'expiration',
      type: 'oneof',
      flags: ['optional'],
      arguments: [
        { name: 'seconds', type: 'integer', token: 'EX', since: '2.6.12' },
        { name: 'milliseconds', type: 'integer', token: 'PX', since: '2.6.12' },
        { name: 'unix-time-seconds', type: 'unix-time', token: 'EXAT', since: '6.2.0' },
        { name: 'unix-time-milliseconds', type: 'unix-time', token: 'PXAT', since: '6.2.0' },
        token('keepttl', { since: '6.0.0' }),
      ],
    },
  ],
  run: runSet,
});

const setnx = command({
  ...COMMON,
  name: 'setnx',
  arity: 3,
  since: '1.0.0',
  flags: WRITE | DENYOOM | FAST,
  keys: oneKey('OW insert'),
  complexity: 'O(1)',
  summary: 'Sets the string value of a key that does not exist.',
  arguments: [KEY, VALUE],
  run: runSetNx,
});

const setex = command({
  ...COMMON,
  name: 'setex',
  arity: 4,
  since: '2.0.0',
  flags: WRITE | DENYOOM,
  keys: oneKey('OW update'),
  complexity: 'O(1)',
  summary: 'Sets the string value of a key and in how many seconds it expires.',
  arguments: [KEY, { name: 'seconds', type: 'integer' }, VALUE],
  run: (ctx) => setExpiring(ctx, true),
});

const psetex = command({
  ...COMMON,
  name: 'psetex',
  arity: 4,
  since: '2.6.0',
  flags: WRITE | DENYOOM,
  keys: oneKey('OW update'),
  complexity: 'O(1)',
  summary: 'Sets the string value of a key and in how many milliseconds it expires.',
  arguments: [KEY, { name: 'milliseconds', type: 'integer' }, VALUE],
  run: (ctx) => setExpiring(ctx, false),
});

const getset = command({
  ...COMMON,
  name: 'getset',
  arity: 3,
  since: '1.0.0',
  flags: WRITE | DENYOOM | FAST,
  keys: oneKey('RW access update'),
  complexity: 'O(1)',
  summary: 'Sets the string value of a key and replies the value before.',
  docFlags: ['deprecated'],
  deprecatedSince: '6.2.0',
  replacedBy: '`SET` with the `!GET` argument',
  arguments: [KEY, VALUE],
  run: runGetSet,
});

const mset = command({
  ...COMMON,
  name: 'mset',
  arity: -3,
  since: '1.0.1',
  flags: WRITE | DENYOOM,
  keys: keysToTheEnd('OW update', 2),
  complexity: 'O(N) with N keys.',
  summary: 'Sets the string values of several keys at once.',
  arguments: [PAIRS],
  tips: ['request_policy:multi_shard', 'response_policy:all_succeeded'],
  run: runMSet,
});

const msetnx = command({
  ...COMMON,
  name: 'msetnx',
  arity: -3,
  since: '1.0.1',
  flags: WRITE | DENYOOM,
  keys: keysToTheEnd('OW insert', 2),
  complexity: 'O(N) with N keys.',
  summary: 'Sets the string values of several keys at once, unless one of them exists.',
  arguments: [PAIRS],
  tips: ['request_policy:multi_shard', 'response_policy:agg_min'],
  run: runMSetNx,
});

export const setCommands: readonly Command[] = [set, setnx, setex, psetex, getset, mset, msetnx];
