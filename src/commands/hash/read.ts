/** Commands that read hashes: HGET HMGET HGETALL HKEYS HVALS HLEN HSTRLEN HEXISTS HSCAN. */
import { TYPE_HASH } from '../../store/types.js';
import { EMPTY_ARRAY, EMPTY_MAP, NIL, ofType, ZERO } from '../collectionKey.js';
import { replyEmptyScan, replyScan } from '../collectionScan.js';
import { FAST, READONLY } from '../command.js';
import type { CommandContext } from '../context.js';
import type { Command } from '../define.js';
import { cursorArgument } from '../generic/scanning.js';
import { FIELD, FIELDS, hashCommand, hashToRead } from './declare.js';

function replyField(ctx: CommandContext, i: number): void {
  const value = ctx.hash.get(ctx.buf, ctx.start[i], ctx.end[i]);
  if (value === undefined) ctx.reply.nil();
  else ctx.reply.view(value);
}

function runHGet(ctx: CommandContext): void {
  if (hashToRead(ctx, NIL) !== undefined) replyField(ctx, 2);
}

function runHMGet(ctx: CommandContext): void {
  const { reply, argc } = ctx;
  const ref = ctx.lookupRead(1);
  if (ref !== 0 && ofType(ctx, ref, TYPE_HASH, ZERO) === undefined) return;
  if (ref !== 0) ctx.hash.open(ctx.db, ref);
  reply.array(argc - 2);
  for (let i = 2; i < argc; i++) {
    if (ref === 0) reply.nil();
    else replyField(ctx, i);
  }
}

function runHGetAll(ctx: CommandContext): void {
  const hash = hashToRead(ctx, EMPTY_MAP);
  if (hash === undefined) return;
  const { reply } = ctx;
  reply.map(hash.count);
  hash.walk((position) => {
    reply.view(hash.keyAt(position));
    reply.view(hash.valueAt(position));
    return true;
  });
}

function runHKeys(ctx: CommandContext): void {
  const hash = hashToRead(ctx, EMPTY_ARRAY);
  if (hash === undefined) return;
  ctx.reply.array(hash.count);
  hash.walk((position) => {
    ctx.reply.view(hash.keyAt(position));
    return true;
  });
}

function runHVals(ctx: CommandContext): void {
  const hash = hashToRead(ctx, EMPTY_ARRAY);
  if (hash === undefined) return;
  ctx.reply.array(hash.count);
  hash.walk((position) => {
    ctx.reply.view(hash.valueAt(position));
    return true;
  });
}

function runHLen(ctx: CommandContext): void {
  const hash = hashToRead(ctx, ZERO);
  if (hash !== undefined) ctx.reply.integer(hash.count);
}

function runHStrLen(ctx: CommandContext): void {
  const hash = hashToRead(ctx, ZERO);
  if (hash === undefined) return;
  const value = hash.get(ctx.buf, ctx.start[2], ctx.end[2]);
  ctx.reply.integer(value === undefined ? 0 : value.length);
}

function runHExists(ctx: CommandContext): void {
  const hash = hashToRead(ctx, ZERO);
  if (hash !== undefined) ctx.reply.integer(hash.find(ctx.buf, ctx.start[2], ctx.end[2]) ? 1 : 0);
}

function runHScan(ctx: CommandContext): void {
  const cursor = cursorArgument(ctx, 2);
  if (cursor === undefined) return;
  const hash = hashToRead(ctx, () => replyEmptyScan(ctx));
  if (hash === undefined) return;
  replyScan(ctx, hash, cursor, 2, (position) => {
    ctx.reply.view(hash.keyAt(position));
    ctx.reply.view(hash.valueAt(position));
  });
}

const READ = { access: 'RO access', since: '2.0.0', flags: READONLY };
const READ_FAST = { ...READ, flags: READONLY | FAST };
const ANY_ORDER = ['nondeterministic_output_order'];

export const readCommands: readonly Command[] = [
  hashCommand({
    ...READ_FAST,
    name: 'hget',
    arity: 3,
    complexity: 'O(1)',
    summary: 'Replies the value of a field.',
    args: [FIELD],
    run: runHGet,
  }),
  hashCommand({
    ...READ_FAST,
    name: 'hmget',
    arity: -3,
    complexity: 'O(N) with N fields asked for.',
    summary: 'Replies the values of several fields.',
    args: [FIELDS],
    run: runHMGet,
  }),
  hashCommand({
    ...READ,
    name: 'hgetall',
    arity: 2,
    complexity: 'O(N) with N fields in the hash.',
    summary: 'Replies all fields and their values.',
    tips: ANY_ORDER,
    run: runHGetAll,
  }),
  hashCommand({
    ...READ,
    name: 'hkeys',
    arity: 2,
    complexity: 'O(N) with N fields in the hash.',
    summary: 'Replies the names of all fields.',
    tips: ANY_ORDER,
    run: runHKeys,
  }),
  hashCommand({
    ...READ,
    name: 'hvals',
    arity: 2,
    complexity: 'O(N) with N fields in the hash.',
    summary: 'Replies the values of all fields.',
    tips: ANY_ORDER,
    run: runHVals,
  }),
  hashCommand({
    ...READ_FAST,
    name: 'hlen',
    arity: 2,
    access: 'RO',
    complexity: 'O(1)',
    summary: 'Counts the fields of a hash.',
    run: runHLen,
  }),
  hashCommand({
    ...READ_FAST,
    name: 'hstrlen',
    arity: 3,
    since: '3.2.0',
    access: 'RO',
    complexity: 'O(1)',
    summary: 'Replies how many bytes the value of a field has.',
    args: [FIELD],
    run: runHStrLen,
  }),
  hashCommand({
    ...READ_FAST,
    name: 'hexists',
    arity: 3,
    access: 'RO',
    complexity: 'O(1)',
    summary: 'Tells whether a field is there.',
    args: [FIELD],
    run: runHExists,
  }),
  hashCommand({
    ...READ,
    name: 'hscan',
    arity: -3,
    since: '2.8.0',
    complexity: 'O(1) for a call; O(N) for all the calls that walk over N fields.',
    summary: 'Walks over the fields of a hash in small steps.',
    args: [
      { name: 'cursor', type: 'integer' },
      { name: 'pattern', type: 'pattern', token: 'MATCH', flags: ['optional'] },
      { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] },
    ],
    tips: ['nondeterministic_output'],
    run: runHScan,
  }),
];
