/** Commands over the whole keyspace: KEYS SCAN RANDOMKEY. */
import type { Ref } from '../../store/types.js';
import { READONLY } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { TYPE_NAMES } from './keys.js';
import { cursorArgument, matchesPattern, type ScanOptions, scanOptions, takeScanSteps } from './scanning.js';

/** RANDOMKEY gives up on finding a live key after so many that had expired. */
const RANDOM_TRIES = 100;

/** Which keys a walk keeps. */
type KeyFilter = Pick<ScanOptions, 'pattern' | 'type'>;

function isLive(ctx: CommandContext, ref: Ref): boolean {
  return !ctx.db.isDue(ref, ctx.nowMs);
}

function passes(ctx: CommandContext, ref: Ref, filter: KeyFilter): boolean {
  if (filter.type !== undefined && TYPE_NAMES[ctx.db.type(ref)] !== filter.type) return false;
  // Without a pattern the key need not be looked at.
  return filter.pattern === 0 || matchesPattern(ctx, filter.pattern, ctx.db.readKey(ref));
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
    if (isLive(ctx, ref) && ctx.db.isVisible(ref) && passes(ctx, ref, filter)) found.push(ref);
  });
  replyKeys(ctx, found);
}

function runScan(ctx: CommandContext): void {
  const cursor = cursorArgument(ctx, 1);
  if (cursor === undefined) return;
  const options = scanOptions(ctx, 2, true);
  if (options === undefined) return;
  const refs: Ref[] = [];
  const next = takeScanSteps((at, visit) => ctx.db.scan(at, visit), cursor, options.count, refs);
  const found = refs.filter((ref) => ctx.db.isVisible(ref) && passes(ctx, ref, options));
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

function runRandomKey(ctx: CommandContext): void {
  for (let tries = 0; tries < RANDOM_TRIES; tries++) {
    const ref = ctx.db.randomRef();
    if (ref === 0) break;
    if (!ctx.db.isVisible(ref)) continue;
    if (isLive(ctx, ref)) {
      const key = ctx.db.readKey(ref);
      return ctx.reply.view(key);
    }
    const key = keyCopy(ctx, ref);
    ctx.peekKey(ctx.db, key, 0, key.length);
  }
  replyFirstVisible(ctx);
}

/** Chance has not found any: nearly everything is hidden, or over. */
function replyFirstVisible(ctx: CommandContext): void {
  const { db } = ctx;
  let found: Ref = 0;
  let cursor = 0;
  if (db.hidden !== undefined && db.visibleSize > 0) {
    do {
      cursor = db.scan(cursor, (ref) => {
        if (isLive(ctx, ref) && db.isVisible(ref)) found = ref;
      });
    } while (found === 0 && cursor !== 0);
  }
  if (found === 0) return ctx.reply.nil();
  ctx.reply.view(db.readKey(found));
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
