/** Commands that give a value another key or another database: RENAME RENAMENX COPY MOVE. */
import { equalBytes } from '../../base/bytes.js';
import { DB_INDEX_OUT_OF_RANGE, NO_SUCH_KEY, NOT_AN_INTEGER, SAME_OBJECT, SYNTAX } from '../../resp/errors.js';
import { DENYOOM, FAST, WRITE } from '../command.js';
import { type CommandContext, EVENT_GENERIC, EVENT_NEW } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey, token, twoKeys } from './declare.js';

const INT_MIN = -2147483648;
const INT_MAX = 2147483647;
const INT_OUT_OF_RANGE = `ERR value is out of range, value must between ${INT_MIN} and ${INT_MAX}`;
const MOVE_IN_CLUSTER = 'ERR MOVE is not allowed in cluster mode';
const COPY_IN_CLUSTER = 'ERR Copying to another database is not allowed in cluster mode';

function sameKey(ctx: CommandContext): boolean {
  const { buf, start, end } = ctx;
  return ctx.argLength(1) === ctx.argLength(2) && equalBytes(buf, start[1], end[1], buf, start[2]);
}

function rename(ctx: CommandContext, onlyNew: boolean): void {
  const { db, buf, start, end } = ctx;
  if (ctx.lookupWrite(1) === 0) return ctx.reply.error(NO_SUCH_KEY);
  if (!sameKey(ctx)) {
    if (ctx.lookupWrite(2) !== 0 && onlyNew) return ctx.reply.integer(0);
    // Looked up again: the target may have expired and gone, which moves entries.
    db.rename(ctx.lookupWrite(1), buf, start[2], end[2]);
    ctx.notify(db, buf, start[2], end[2], EVENT_NEW, 'new');
    ctx.touched(1, EVENT_GENERIC, 'rename_from');
    ctx.modified(2, EVENT_GENERIC, 'rename_to');
  } else if (onlyNew) return ctx.reply.integer(0);
  if (onlyNew) ctx.reply.integer(1);
  else ctx.reply.ok();
}

/** The number of the database that argument i names; -1 when an error has been replied. */
function databaseArgument(ctx: CommandContext, i: number): number {
  const value = ctx.argInt64(i);
  if (value === undefined) ctx.reply.error(NOT_AN_INTEGER);
  else if (value < INT_MIN || value > INT_MAX) ctx.reply.error(INT_OUT_OF_RANGE);
  // In cluster mode only database 0 is there; what the configuration promises is refused later, with a better reason.
  else if (value < 0 || value >= ctx.server.config.values.databases) ctx.reply.error(DB_INDEX_OUT_OF_RANGE);
  else return Number(value);
  return -1;
}

function runCopy(ctx: CommandContext): void {
  const { db, buf, start, end } = ctx;
  let targetIndex = db.index;
  let replace = false;
  for (let i = 3; i < ctx.argc; i++) {
    if (ctx.argIs(i, 'replace')) replace = true;
    else if (ctx.argIs(i, 'db') && i + 1 < ctx.argc) {
      targetIndex = databaseArgument(ctx, ++i);
      if (targetIndex < 0) return;
    } else return ctx.reply.error(SYNTAX);
  }
  if (ctx.server.cluster !== undefined && targetIndex !== 0) return ctx.reply.error(COPY_IN_CLUSTER);
  const target = ctx.server.store.databases[targetIndex];
  if (target === db && sameKey(ctx)) return ctx.reply.error(SAME_OBJECT);

  if (ctx.lookupRead(1) === 0) return ctx.reply.integer(0);
  if (ctx.peekKey(target, buf, start[2], end[2]) !== 0 && !replace) return ctx.reply.integer(0);
  // Looked up again: the target may have expired and gone, which moves entries.
  const source = ctx.peek(1);
  const copy = db.copyTo(source, target, buf, start[2], end[2], db.expireAtMs(source));
  target.setLru(copy, ctx.initialAccessBits());
  ctx.notify(target, buf, start[2], end[2], EVENT_NEW, 'new');
  ctx.modifiedKey(target, buf, start[2], end[2], EVENT_GENERIC, 'copy_to');
  ctx.reply.integer(1);
}

function runMove(ctx: CommandContext): void {
  const { db, buf, start, end } = ctx;
  if (ctx.server.cluster !== undefined) return ctx.reply.error(MOVE_IN_CLUSTER);
  const targetIndex = databaseArgument(ctx, 2);
  if (targetIndex < 0) return;
  const target = ctx.server.store.databases[targetIndex];
  if (target === db) return ctx.reply.error(SAME_OBJECT);

  if (ctx.lookupWrite(1) === 0) return ctx.reply.integer(0);
  if (ctx.peekKey(target, buf, start[1], end[1]) !== 0) return ctx.reply.integer(0);
  db.moveTo(ctx.peek(1), target, buf, start[1], end[1]);
  ctx.notify(target, buf, start[1], end[1], EVENT_NEW, 'new');
  ctx.touched(1, EVENT_GENERIC, 'move_from');
  ctx.modifiedKey(target, buf, start[1], end[1], EVENT_GENERIC, 'move_to');
  ctx.reply.integer(1);
}

const NEW_KEY = { name: 'newkey', type: 'key', keySpecIndex: 1 } as const;

export const relocateCommands: readonly Command[] = [
  command({
    name: 'rename',
    arity: 3,
    group: 'generic',
    since: '1.0.0',
    flags: WRITE,
    acl: ['keyspace'],
    keys: twoKeys('RW access delete', 'OW update'),
    complexity: 'O(1)',
    summary: 'Gives a value another key, in place of what that key held.',
    arguments: [KEY, NEW_KEY],
    run: (ctx) => rename(ctx, false),
  }),
  command({
    name: 'renamenx',
    arity: 3,
    group: 'generic',
    since: '1.0.0',
    flags: WRITE | FAST,
    acl: ['keyspace'],
    keys: twoKeys('RW access delete', 'OW insert'),
    complexity: 'O(1)',
    summary: 'Gives a value another key, unless that key exists.',
    history: [['3.2.0', 'Source and target may be the same key.']],
    arguments: [KEY, NEW_KEY],
    run: (ctx) => rename(ctx, true),
  }),
  command({
    name: 'copy',
    arity: -3,
    group: 'generic',
    since: '6.2.0',
    flags: WRITE | DENYOOM,
    acl: ['keyspace'],
    keys: twoKeys('RO access', 'OW update'),
    complexity: 'O(1) for strings, O(N) for collections of N elements.',
    summary: 'Copies a value to another key.',
    arguments: [
      { name: 'source', type: 'key', keySpecIndex: 0 },
      { name: 'destination', type: 'key', keySpecIndex: 1 },
      { name: 'destination-db', type: 'integer', token: 'DB', flags: ['optional'] },
      token('replace', { flags: ['optional'] }),
    ],
    run: runCopy,
  }),
  command({
    name: 'move',
    arity: 3,
    group: 'generic',
    since: '1.0.0',
    flags: WRITE | FAST,
    acl: ['keyspace'],
    keys: oneKey('RW access update'),
    complexity: 'O(1)',
    summary: 'Moves a key to another database.',
    arguments: [KEY, { name: 'db', type: 'integer' }],
    run: runMove,
  }),
];
