/** Commands over the keys that they are given: DEL UNLINK EXISTS TOUCH TYPE. */
import { AHEAD, TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STREAM, TYPE_STRING, TYPE_ZSET } from '../../store/types.js';
import { FAST, READONLY, WRITE } from '../command.js';
import { type CommandContext, EVENT_GENERIC } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, KEYS, keysToTheEnd, oneKey } from './declare.js';
import { inspect } from './lookup.js';

/** DEL and UNLINK: the store gives memory back in small steps either way. */
function runDelete(ctx: CommandContext): void {
  const { db, argc } = ctx;
  let deleted = 0;
  for (let i = 1; i < argc; i++) {
    if (i % AHEAD === 1) ctx.fetchKeys(i, 1);
    const ref = ctx.lookupWrite(i);
    if (ref === 0) continue;
    db.delete(ref);
    ctx.modified(i, EVENT_GENERIC, 'del');
    deleted++;
  }
  ctx.reply.integer(deleted);
}

function runExists(ctx: CommandContext): void {
  let found = 0;
  for (let i = 1; i < ctx.argc; i++) if (inspect(ctx, i) !== 0) found++;
  ctx.reply.integer(found);
}

function runTouch(ctx: CommandContext): void {
  let found = 0;
  for (let i = 1; i < ctx.argc; i++) if (ctx.lookupRead(i) !== 0) found++;
  ctx.reply.integer(found);
}

/** What TYPE replies and SCAN's TYPE takes. */
export const TYPE_NAMES: Readonly<Record<number, string>> = {
  [TYPE_STRING]: 'string',
  [TYPE_LIST]: 'list',
  [TYPE_SET]: 'set',
  [TYPE_ZSET]: 'zset',
  [TYPE_HASH]: 'hash',
  [TYPE_STREAM]: 'stream',
};

function runType(ctx: CommandContext): void {
  const ref = inspect(ctx, 1);
  ctx.reply.simple(ref === 0 ? 'none' : TYPE_NAMES[ctx.db.type(ref)]);
}

const SUM_OVER_SHARDS = ['request_policy:multi_shard', 'response_policy:agg_sum'];

export const keyCommands: readonly Command[] = [
  command({
    name: 'del',
    arity: -2,
    group: 'generic',
    since: '1.0.0',
    flags: WRITE,
    acl: ['keyspace'],
    keys: keysToTheEnd('RM delete'),
    complexity: 'O(N) with N keys; a collection among them adds its number of elements.',
    summary: 'Deletes keys.',
    arguments: [KEYS],
    tips: SUM_OVER_SHARDS,
    run: runDelete,
  }),
  command({
    name: 'unlink',
    arity: -2,
    group: 'generic',
    since: '4.0.0',
    flags: WRITE | FAST,
    acl: ['keyspace'],
    keys: keysToTheEnd('RM delete'),
    complexity: 'O(1) for each key; the memory of collections is given back later, in small steps.',
    summary: 'Deletes keys and leaves the freeing of their memory to the background.',
    arguments: [KEYS],
    tips: SUM_OVER_SHARDS,
    run: runDelete,
  }),
  command({
    name: 'exists',
    arity: -2,
    group: 'generic',
    since: '1.0.0',
    flags: READONLY | FAST,
    acl: ['keyspace'],
    keys: keysToTheEnd('RO'),
    complexity: 'O(N) with N keys.',
    summary: 'Counts how many of the keys exist.',
    history: [['3.0.3', 'Several keys may be given.']],
    arguments: [KEYS],
    tips: SUM_OVER_SHARDS,
    run: runExists,
  }),
  command({
    name: 'touch',
    arity: -2,
    group: 'generic',
    since: '3.2.1',
    flags: READONLY | FAST,
    acl: ['keyspace'],
    keys: keysToTheEnd('RO'),
    complexity: 'O(N) with N keys.',
    summary: 'Marks keys as just used and counts those that exist.',
    arguments: [KEYS],
    tips: SUM_OVER_SHARDS,
    run: runTouch,
  }),
  command({
    name: 'type',
    arity: 2,
    group: 'generic',
    since: '1.0.0',
    flags: READONLY | FAST,
    acl: ['keyspace'],
    keys: oneKey('RO'),
    complexity: 'O(1)',
    summary: 'Tells the type of the value of a key.',
    arguments: [KEY],
    run: runType,
  }),
];
