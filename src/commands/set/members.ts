/** Commands on the members of one set, and SMOVE: SADD SREM SMEMBERS SISMEMBER SMISMEMBER SCARD SMOVE SSCAN. */
import { WRONGTYPE } from '../../resp/errors.js';
import { TYPE_SET } from '../../store/types.js';
import { EMPTY_SET, keep, ofType, shrunk, ZERO } from '../collectionKey.js';
import { replyEmptyScan, replyScan } from '../collectionScan.js';
import { DENYOOM, FAST, READONLY, WRITE } from '../command.js';
import { type CommandContext, EVENT_SET } from '../context.js';
import type { Command } from '../define.js';
import { KEY, oneKey, twoKeys } from '../generic/declare.js';
import { cursorArgument } from '../generic/scanning.js';
import { MEMBER, MEMBERS, replyMembers, setCommand, setToRead, setToShrink } from './declare.js';

function runSAdd(ctx: CommandContext): void {
  const { argc, db, buf, start, end } = ctx;
  const set = ctx.sets.at(0);
  const ref = ctx.lookupWrite(1);
  if (ref === 0) {
    set.beginFor(db, buf, start[2], end[2], argc - 2);
  } else {
    if (db.type(ref) !== TYPE_SET) return ctx.reply.error(WRONGTYPE);
    set.open(db, ref).expect(argc - 2);
  }
  let added = 0;
  for (let i = 2; i < argc; i++) if (set.add(buf, start[i], end[i])) added++;
  keep(ctx, 1, set);
  if (added > 0) {
    ctx.touched(1, EVENT_SET, 'sadd');
    ctx.markDirty(added);
  }
  ctx.reply.integer(added);
}

function runSRem(ctx: CommandContext): void {
  const { argc, buf, start, end } = ctx;
  const set = setToShrink(ctx, ZERO);
  if (set === undefined) return;
  let deleted = 0;
  for (let i = 2; i < argc && set.count > 0; i++) if (set.delete(buf, start[i], end[i])) deleted++;
  if (deleted > 0) {
    shrunk(ctx, 1, set, EVENT_SET, 'srem');
    ctx.markDirty(deleted);
  }
  ctx.reply.integer(deleted);
}

function runSMembers(ctx: CommandContext): void {
  const set = setToRead(ctx, EMPTY_SET);
  if (set !== undefined) replyMembers(ctx, set);
}

function runSIsMember(ctx: CommandContext): void {
  const set = setToRead(ctx, ZERO);
  if (set !== undefined) ctx.reply.integer(set.find(ctx.buf, ctx.start[2], ctx.end[2]) ? 1 : 0);
}

function runSMIsMember(ctx: CommandContext): void {
  const { argc, buf, start, end, reply } = ctx;
  const ref = ctx.lookupRead(1);
  if (ref !== 0 && ofType(ctx, ref, TYPE_SET, ZERO) === undefined) return;
  const set = ctx.sets.at(0);
  if (ref !== 0) set.open(ctx.db, ref);
  reply.array(argc - 2);
  for (let i = 2; i < argc; i++) reply.integer(ref !== 0 && set.find(buf, start[i], end[i]) ? 1 : 0);
}

function runSCard(ctx: CommandContext): void {
  const set = setToRead(ctx, ZERO);
  if (set !== undefined) ctx.reply.integer(set.count);
}

function runSMove(ctx: CommandContext): void {
  const { db, buf, start, end } = ctx;
  // Either lookup may remove an expired key, so that only the second look at the source is good.
  ctx.lookupWrite(1);
  const target = ctx.lookupWrite(2);
  const source = ctx.peek(1);
  if (source === 0) return ctx.reply.integer(0);
  if (db.type(source) !== TYPE_SET || (target !== 0 && db.type(target) !== TYPE_SET)) return ctx.reply.error(WRONGTYPE);
  const from = ctx.sets.at(0).open(db, source);
  const isThere = from.find(buf, start[3], end[3]);
  if (source === target || !isThere) return ctx.reply.integer(isThere ? 1 : 0);

  from.deleteAt(from.position);
  shrunk(ctx, 1, from, EVENT_SET, 'srem');
  ctx.markDirty(1);
  const to = ctx.sets.at(1);
  const ref = ctx.peek(2);
  if (ref === 0) to.beginFor(db, buf, start[3], end[3], 1);
  else to.open(db, ref);
  if (to.add(buf, start[3], end[3])) {
    keep(ctx, 2, to);
    ctx.modified(2, EVENT_SET, 'sadd');
  }
  ctx.reply.integer(1);
}

function runSScan(ctx: CommandContext): void {
  const cursor = cursorArgument(ctx, 2);
  if (cursor === undefined) return;
  const set = setToRead(ctx, () => replyEmptyScan(ctx));
  if (set === undefined) return;
  replyScan(ctx, set, cursor, 1, (position) => ctx.reply.view(set.keyAt(position)));
}

export const memberCommands: readonly Command[] = [
  setCommand({
    name: 'sadd',
    arity: -3,
    since: '1.0.0',
    flags: WRITE | DENYOOM | FAST,
    keys: oneKey('RW insert'),
    complexity: 'O(1) for each member.',
    summary: 'Adds members to a set.',
    history: [['2.4.0', 'Several members may be added at once.']],
    arguments: [KEY, MEMBERS],
    run: runSAdd,
  }),
  setCommand({
    name: 'srem',
    arity: -3,
    since: '1.0.0',
    flags: WRITE | FAST,
    keys: oneKey('RW delete'),
    complexity: 'O(N) with N members to remove.',
    summary: 'Removes members, and the set with the last of them.',
    history: [['2.4.0', 'Several members may be removed at once.']],
    arguments: [KEY, MEMBERS],
    run: runSRem,
  }),
  setCommand({
    name: 'smembers',
    arity: 2,
    since: '1.0.0',
    flags: READONLY,
    keys: oneKey('RO access'),
    complexity: 'O(N) with N members in the set.',
    summary: 'Replies all members.',
    arguments: [KEY],
    tips: ['nondeterministic_output_order'],
    run: runSMembers,
  }),
  setCommand({
    name: 'sismember',
    arity: 3,
    since: '1.0.0',
    flags: READONLY | FAST,
    keys: oneKey('RO'),
    complexity: 'O(1)',
    summary: 'Tells whether a member is in a set.',
    arguments: [KEY, MEMBER],
    run: runSIsMember,
  }),
  setCommand({
    name: 'smismember',
    arity: -3,
    since: '6.2.0',
    flags: READONLY | FAST,
    keys: oneKey('RO access'),
    complexity: 'O(N) with N members asked for.',
    summary: 'Tells of several members whether they are in a set.',
    arguments: [KEY, MEMBERS],
    run: runSMIsMember,
  }),
  setCommand({
    name: 'scard',
    arity: 2,
    since: '1.0.0',
    flags: READONLY | FAST,
    keys: oneKey('RO'),
    complexity: 'O(1)',
    summary: 'Counts the members of a set.',
    arguments: [KEY],
    run: runSCard,
  }),
  setCommand({
    name: 'smove',
    arity: 4,
    since: '1.0.0',
    flags: WRITE | FAST,
    keys: twoKeys('RW access delete', 'RW insert'),
    complexity: 'O(1)',
    summary: 'Moves a member from one set to another.',
    arguments: [
      { name: 'source', type: 'key', keySpecIndex: 0 },
      { name: 'destination', type: 'key', keySpecIndex: 1 },
      MEMBER,
    ],
    run: runSMove,
  }),
  setCommand({
    name: 'sscan',
    arity: -3,
    since: '2.8.0',
    flags: READONLY,
    keys: oneKey('RO access'),
    complexity: 'O(1) for a call; O(N) for all the calls that walk over N members.',
    summary: 'Walks over the members of a set in small steps.',
    arguments: [
      KEY,
      { name: 'cursor', type: 'integer' },
      { name: 'pattern', type: 'pattern', token: 'MATCH', flags: ['optional'] },
      { name: 'count', type: 'integer', token: 'COUNT', flags: ['optional'] },
    ],
    tips: ['nondeterministic_output'],
    run: runSScan,
  }),
];
