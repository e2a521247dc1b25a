/** FLUSHALL, FLUSHDB, SWAPDB, DBSIZE. */
import * as errors from '../../resp/errors.js';
import { type ArgumentDoc, FAST, READONLY, WRITE } from '../command.js';
import { parseIntArgument } from '../connection/arguments.js';
import type { CommandContext } from '../context.js';
import { command } from '../define.js';

const ALL_SHARDS = ['request_policy:all_shards', 'response_policy:all_succeeded'] as const;

const flushMode: ArgumentDoc = {
  name: 'async',
  type: 'oneof',
  flags: ['optional'],
  arguments: [
    { name: 'async', type: 'pure-token', token: 'ASYNC', since: '4.0.0' },
    { name: 'sync', type: 'pure-token', token: 'SYNC', since: '6.2.0' },
  ],
};

const HISTORY = [
  ['4.0.0', 'Mode `ASYNC`.'],
  ['6.2.0', 'Mode `SYNC`.'],
] as const;

/** SYNC and ASYNC mean the same here: clearing takes no time and memory goes back in slices. False after an error. */
function modeIsValid(ctx: CommandContext): boolean {
  if (ctx.argc === 1 || (ctx.argc === 2 && (ctx.argIs(1, 'sync') || ctx.argIs(1, 'async')))) return true;
  ctx.reply.error(errors.SYNTAX);
  return false;
}

export const flushAll = command({
  name: 'flushall',
  arity: -1,
  group: 'server',
  since: '1.0.0',
  flags: WRITE,
  acl: ['keyspace', 'dangerous'],
  complexity: 'O(N) where N is the total number of keys in all databases',
  summary: 'Removes every key of every database.',
  history: HISTORY,
  arguments: [flushMode],
  tips: ALL_SHARDS,
  run(ctx) {
    if (!modeIsValid(ctx)) return;
    const { store } = ctx.server;
    for (const { size } of store.databases) ctx.markDirty(size);
    ctx.flushed(undefined);
    store.clear();
    ctx.server.persistence.saveAfterFlush();
    // Even when there was nothing: replicas may have what we have not.
    ctx.forcePropagation();
    ctx.reply.ok();
  },
});

export const flushDb = command({
  name: 'flushdb',
  arity: -1,
  group: 'server',
  since: '1.0.0',
  flags: WRITE,
  acl: ['keyspace', 'dangerous'],
  complexity: 'O(N) where N is the number of keys in the selected database',
  summary: 'Removes every key of the selected database.',
  history: HISTORY,
  arguments: [flushMode],
  tips: ALL_SHARDS,
  run(ctx) {
    if (!modeIsValid(ctx)) return;
    ctx.markDirty(ctx.db.size);
    ctx.flushed(ctx.db);
    ctx.db.clear();
    ctx.forcePropagation();
    ctx.reply.ok();
  },
});

export const swapDb = command({
  name: 'swapdb',
  arity: 3,
  group: 'server',
  since: '4.0.0',
  flags: WRITE | FAST,
  acl: ['keyspace', 'dangerous'],
  complexity: 'O(N) where N is the count of clients watching or blocking on keys from both databases.',
  summary: 'Exchanges the contents of two databases.',
  arguments: [
    { name: 'index1', type: 'integer' },
    { name: 'index2', type: 'integer' },
  ],
  run(ctx) {
    if (ctx.server.cluster !== undefined) return ctx.reply.error('ERR SWAPDB is not allowed in cluster mode');
    const first = parseIntArgument(ctx, 1, 'ERR invalid first DB index');
    if (first === undefined) return;
    const second = parseIntArgument(ctx, 2, 'ERR invalid second DB index');
    if (second === undefined) return;
    const { store } = ctx.server;
    const a = store.databases[first];
    const b = store.databases[second];
    if (a === undefined || b === undefined) return ctx.reply.error(errors.DB_INDEX_OUT_OF_RANGE);
    if (a !== b) {
      store.swap(first, second);
      ctx.swapped(a, b);
    }
    ctx.markDirty(1);
    ctx.reply.ok();
  },
});

export const dbSize = command({
  name: 'dbsize',
  arity: 1,
  group: 'server',
  since: '1.0.0',
  flags: READONLY | FAST,
  acl: ['keyspace'],
  complexity: 'O(1)',
  summary: 'Answers how many keys the selected database has.',
  tips: ['request_policy:all_shards', 'response_policy:agg_sum'],
  run(ctx) {
    ctx.reply.integer(ctx.db.visibleSize);
  },
});
