/** MULTI, EXEC, DISCARD, WATCH, UNWATCH: the declarations. What they do needs the executor, behind TransactionPort. */
import { ALLOW_BUSY, FAST, index, LOADING, NOSCRIPT, range, SKIP_SLOWLOG, STALE } from './command.js';
import { type Command, command } from './define.js';

const COMMON = { group: 'transactions', acl: ['transaction'] } as const;
const ALWAYS_FAST = NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY;

const multi = command({
  ...COMMON,
  name: 'multi',
  arity: 1,
  since: '1.2.0',
  flags: ALWAYS_FAST,
  complexity: 'O(1)',
  summary: 'Begins a transaction: the commands that follow are queued.',
  run(ctx) {
    if (ctx.client.inMulti) return ctx.reply.error('ERR MULTI calls can not be nested');
    ctx.client.startMulti();
    ctx.reply.ok();
  },
});

const exec = command({
  ...COMMON,
  name: 'exec',
  arity: 1,
  since: '1.2.0',
  flags: NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG,
  complexity: 'Depends on commands in the transaction',
  summary: 'Runs the queued commands, with nothing between them.',
  run(ctx) {
    ctx.server.transactions.exec(ctx);
  },
});

const discard = command({
  ...COMMON,
  name: 'discard',
  arity: 1,
  since: '2.0.0',
  flags: ALWAYS_FAST,
  complexity: 'O(N), when N is the number of queued commands',
  summary: 'Drops the queued commands and ends the transaction.',
  run(ctx) {
    ctx.server.transactions.discard(ctx);
  },
});

const watch = command({
  ...COMMON,
  name: 'watch',
  arity: -2,
  since: '2.2.0',
  flags: ALWAYS_FAST,
  keys: [{ begin: index(1), find: range(-1, 1), access: 'RO' }],
  complexity: 'O(1) for every key.',
  summary: 'EXEC will run nothing if one of these keys changes before.',
  arguments: [{ name: 'key', type: 'key', keySpecIndex: 0, flags: ['multiple'] }],
  run(ctx) {
    ctx.server.transactions.watch(ctx);
  },
});

const unwatch = command({
  ...COMMON,
  name: 'unwatch',
  arity: 1,
  since: '2.2.0',
  flags: ALWAYS_FAST,
  complexity: 'O(1)',
  summary: 'Forgets every watched key.',
  run(ctx) {
    ctx.server.transactions.unwatch(ctx);
  },
});

export const transactionCommands: readonly Command[] = [multi, exec, discard, watch, unwatch];
