/** Commands over the whole keyspace: KEYS SCAN RANDOMKEY. */
import { globMatch } from '../../base/glob.js';
import { INVALID_CURSOR, NOT_AN_INTEGER, SYNTAX } from '../../resp/errors.js';
import { NO_EXPIRE, type Ref } from '../../store/types.js';
import { READONLY } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { TYPE_NAMES } from './keys.js';

const STAR = 0x2a;
const DEFAULT_COUNT = 10;
const ULONG_MAX = 18446744073709551615n;
/** RANDOMKEY gives up on finding a live key after so many that had expired. */
const RANDOM_TRIES = 100;

/** Which keys a walk keeps; argument indexes, 0 for none. */
interface KeyFilter {
  pattern: number;
  type: string | undefined;
}

function isLive(ctx: CommandContext, ref: Ref): boolean {
  const expireAtMs = ctx.db.expireAtMs(ref);
  return expireAtMs === NO_EXPIRE || expireAtMs > ctx.nowMs;
}

function isStar(ctx: CommandContext, i: number): boolean {
  return ctx.argLength(i) === 1 && ctx.buf[ctx.start[i]] === STAR;
}

function passes(ctx: CommandContext, ref: Ref, filter: KeyFilter): boolean {
  if (filter.type !== undefined && TYPE_NAMES[ctx.db.type(ref)] !== filter.type) return false;
  const { pattern } = filter;
  if (pattern === 0 || isStar(ctx, pattern)) return true;
  const key = ctx.db.readKey(ref);
  return globMatch(ctx.buf, ctx.start[pattern], ctx.end[pattern], key.buf, key.start, key.end);
}

/** The walks change nothing, so the references they collected are good until the reply is written. */
function replyKeys(ctx: CommandContext, refs: readonly Ref[]): void {
  ctx.reply.array(refs.length);
  for (const ref of refs) {
    const key = ctx.db.readKey(ref);
    ctx.reply.view(key);
  }
}

function runKeys(ctx: CommandContext): void {
  const filter: KeyFilter = { pattern: 1, type: undefined };
  const found: Ref[] = [];
  ctx.db.forEach((ref) => {
    if (isLive(ctx, ref) && passes(ctx, ref, filter)) found.push(ref);
  });
  replyKeys(ctx, found);
}

/** The cursor as C's strtoul reads it; undefined when it is none. The store's cursors have 32 bits. */
function parseCursor(text: string): number | undefined {
  const match = /^([+-]?)(\d+)$/.exec(text);
  // Nothing at all is read as 0.
  if (match === null) return text === '' ? 0 : undefined;
  const value = BigInt(match[2]);
  if (value > ULONG_MAX) return undefined;
  return Number(BigInt.asUintN(32, match[1] === '-' ? -value : value));
}

function runScan(ctx: CommandContext): void {
  const cursor = parseCursor(ctx.argText(1));
  if (cursor === undefined) return ctx.reply.error(INVALID_CURSOR);
  const filter: KeyFilter = { pattern: 0, type: undefined };
  let count = DEFAULT_COUNT;
  for (let i = 2; i < ctx.argc; i += 2) {
    if (i + 1 === ctx.argc) return ctx.reply.error(SYNTAX);
    if (ctx.argIs(i, 'count')) {
      const value = ctx.argInt64(i + 1);
      if (value === undefined) return ctx.reply.error(NOT_AN_INTEGER);
      if (value < 1n) return ctx.reply.error(SYNTAX);
      count = Number(value);
    } else if (ctx.argIs(i, 'match')) filter.pattern = i + 1;
    else if (ctx.argIs(i, 'type')) filter.type = ctx.argText(i + 1).toLowerCase();
    else return ctx.reply.error(SYNTAX);
  }
  const { refs, next } = collect(ctx, cursor, count);
  const found = refs.filter((ref) => passes(ctx, ref, filter));
  ctx.reply.array(2);
  ctx.reply.bulkInteger(next);
  replyKeys(
    ctx,
    found.filter((ref) => isLive(ctx, ref)),
  );
  removeExpired(ctx, found);
}

/** SCAN clears away what it finds expired. The references are dead afterwards. */
function removeExpired(ctx: CommandContext, refs: readonly Ref[]): void {
  const keys: Uint8Array[] = [];
  for (const ref of refs) if (!isLive(ctx, ref)) keys.push(keyCopy(ctx, ref));
  for (const key of keys) ctx.peekKey(ctx.db, key, 0, key.length);
}

function keyCopy(ctx: CommandContext, ref: Ref): Uint8Array {
  const key = ctx.db.readKey(ref);
  return Buffer.from(key.buf.subarray(key.start, key.end));
}

/** Takes steps of the scan until `count` keys came up, or ten times as many buckets: empty ones must not stall a call. */
function collect(ctx: CommandContext, cursor: number, count: number): { refs: Ref[]; next: number } {
  const refs: Ref[] = [];
  const visit = (ref: Ref): void => {
    refs.push(ref);
  };
  let steps = count * 10;
  let next = cursor;
  do next = ctx.db.scan(next, visit);
  while (next !== 0 && steps-- > 0 && refs.length < count);
  return { refs, next };
}

function runRandomKey(ctx: CommandContext): void {
  for (let tries = 0; tries < RANDOM_TRIES; tries++) {
    const ref = ctx.db.randomRef();
    if (ref === 0) break;
    if (isLive(ctx, ref)) {
      const key = ctx.db.readKey(ref);
      return ctx.reply.view(key);
    }
    const key = keyCopy(ctx, ref);
    ctx.peekKey(ctx.db, key, 0, key.length);
  }
  ctx.reply.nil();
}

export const walkCommands: readonly Command[] = [
  command({
    name: 'keys',
    arity: 2,
    group: 'generic',
    since: '1.0.0',
    flags: READONLY,
    acl: ['keyspace', 'dangerous'],
    complexity: 'O(N) with N keys in the database, for names and patterns of ordinary length.',
    summary: 'Lists all keys that match a pattern.',
    arguments: [{ name: 'pattern', type: 'pattern' }],
    tips: ['request_policy:all_shards', 'nondeterministic_output_order'],
    run: runKeys,
  }),
  command({
    name: 'scan',
    arity: -2,
    group: 'generic',
    since: '2.8.0',
    flags: READONLY,
    acl: ['keyspace'],
    complexity: 'O(1) for a call; O(N) for all the calls that walk over N keys.',
    summary: 'Walks over the keys of the database in small steps.',
    history: [['6.0.0', 'The option `TYPE` came.']],
    arguments: [
      { name: 'cursor', type: 'integer' },
      { name: 'pattern', type: 'pattern', token: 'MATCH', flags: ['optional'] },
      { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] },
      { name: 'type', type: 'string', token: 'TYPE', since: '6.0.0', flags: ['optional'] },
    ],
    tips: ['nondeterministic_output', 'request_policy:special'],
    run: runScan,
  }),
  command({
    name: 'randomkey',
    arity: 1,
    group: 'generic',
    since: '1.0.0',
    flags: READONLY,
    acl: ['keyspace'],
    complexity: 'O(1)',
    summary: 'Picks a key at random.',
    tips: ['request_policy:all_shards', 'nondeterministic_output'],
    run: runRandomKey,
  }),
];
