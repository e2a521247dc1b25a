/** Commands that put elements in: LPUSH RPUSH LPUSHX RPUSHX LINSERT LSET. */
import { NO_SUCH_KEY, SYNTAX, WRONGTYPE } from '../../resp/errors.js';
import { TYPE_LIST } from '../../store/types.js';
import type { ListpackElement } from '../../types/listpack/element.js';
import { DENYOOM, FAST, WRITE } from '../command.js';
import { type CommandContext, EVENT_LIST, EVENT_NEW } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey, token } from '../generic/declare.js';
import { ELEMENT, ELEMENTS, integerArgument, openWrite, replyZero } from './declare.js';

/** The key whose argument this is, which must be absent, becomes the list that has been begun. */
function createList(ctx: CommandContext, i: number): void {
  const { db, buf, start, end } = ctx;
  const ref = ctx.lists.create(db, buf, start[i], end[i]);
  db.setLru(ref, ctx.initialAccessBits());
  ctx.notify(db, buf, start[i], end[i], EVENT_NEW, 'new');
}

/** Pushes one element to the list of key argument i, which is made if need be, and publishes the event. Counts nothing. */
export function pushElement(ctx: CommandContext, i: number, element: ListpackElement, atHead: boolean): void {
  const { lists, db } = ctx;
  const ref = ctx.lookupWrite(i);
  const bytes = element.end - element.start;
  if (ref === 0) {
    lists.begin(db, bytes, 1);
    lists.add(element, atHead);
    createList(ctx, i);
  } else {
    lists.open(db, ref).prepareFor(bytes, 1);
    lists.push(element, atHead);
    lists.close(false);
  }
  ctx.touched(i, EVENT_LIST, atHead ? 'lpush' : 'rpush');
}

function runPush(ctx: CommandContext, atHead: boolean, onlyExisting: boolean): void {
  const { lists, db, buf, start, end, argc } = ctx;
  const ref = ctx.lookupWrite(1);
  if (ref !== 0 && db.type(ref) !== TYPE_LIST) return ctx.reply.error(WRONGTYPE);
  if (ref === 0 && onlyExisting) return ctx.reply.integer(0);
  const added = argc - 2;
  let bytes = 0;
  for (let i = 2; i < argc; i++) bytes += end[i] - start[i];
  let length = added;
  const { element } = lists;
  if (ref === 0) {
    lists.begin(db, bytes, added);
    for (let i = 2; i < argc; i++) lists.add(element.set(buf, start[i], end[i]), atHead);
    createList(ctx, 1);
  } else {
    lists.open(db, ref).prepareFor(bytes, added);
    for (let i = 2; i < argc; i++) lists.push(element.set(buf, start[i], end[i]), atHead);
    length = lists.length;
    lists.close(false);
  }
  ctx.touched(1, EVENT_LIST, atHead ? 'lpush' : 'rpush');
  ctx.markDirty(added);
  ctx.reply.integer(length);
}

function runInsert(ctx: CommandContext): void {
  const behind = ctx.argIs(2, 'after');
  if (!behind && !ctx.argIs(2, 'before')) return ctx.reply.error(SYNTAX);
  const lists = openWrite(ctx, 1, replyZero);
  if (lists === undefined) return;
  const { buf, start, end } = ctx;
  lists.prepareFor(end[4] - start[4], 1);
  const pivot = lists.element.set(buf, start[3], end[3]);
  let found = false;
  for (let more = lists.seek(0); more && !found; ) {
    found = lists.at.equals(pivot);
    if (!found) more = lists.next();
  }
  if (found) lists.insert(lists.element.set(buf, start[4], end[4]), behind);
  const { length } = lists;
  lists.close(false);
  if (!found) return ctx.reply.integer(-1);
  ctx.modified(1, EVENT_LIST, 'linsert');
  ctx.reply.integer(length);
}

function runSet(ctx: CommandContext): void {
  const lists = openWrite(ctx, 1, ({ reply }) => reply.error(NO_SUCH_KEY));
  if (lists === undefined) return;
  const index = integerArgument(ctx, 2);
  if (Number.isNaN(index)) return;
  const { buf, start, end } = ctx;
  lists.prepareFor(end[3] - start[3], 1);
  const found = lists.seek(index);
  if (found) lists.replace(lists.element.set(buf, start[3], end[3]));
  lists.close(found);
  if (!found) return ctx.reply.error('ERR index out of range');
  ctx.modified(1, EVENT_LIST, 'lset');
  ctx.reply.ok();
}

function pushCommand(name: string, since: string, summary: string, atHead: boolean, onlyExisting: boolean): Command {
  const several = onlyExisting ? '4.0.0' : '2.4.0';
  return command({
    name,
    arity: -3,
    group: 'list',
    since,
    flags: WRITE | DENYOOM | FAST,
    acl: ['list'],
    keys: oneKey('RW INSERT'),
    complexity: 'O(1) for each element added.',
    summary,
    history: [[several, 'Accepts multiple `element` arguments.']],
    arguments: [KEY, ELEMENTS],
    run: (ctx) => runPush(ctx, atHead, onlyExisting),
  });
}

export const pushCommands: readonly Command[] = [
  pushCommand('lpush', '1.0.0', 'Adds elements to the head of a list, which is made if need be.', true, false),
  pushCommand('rpush', '1.0.0', 'Adds elements to the tail of a list, which is made if need be.', false, false),
  pushCommand('lpushx', '2.2.0', 'Adds elements to the head of a list that exists.', true, true),
  pushCommand('rpushx', '2.2.0', 'Adds elements to the tail of a list that exists.', false, true),
  command({
    name: 'linsert',
    arity: 5,
    group: 'list',
    since: '2.2.0',
    flags: WRITE | DENYOOM,
    acl: ['list'],
    keys: oneKey('RW INSERT'),
    complexity: 'O(N) with N elements before the pivot.',
    summary: 'Adds an element before or behind another one.',
    arguments: [
      KEY,
      { name: 'where', type: 'oneof', arguments: [token('before'), token('after')] },
      { name: 'pivot', type: 'string' },
      ELEMENT,
    ],
    run: runInsert,
  }),
  command({
    name: 'lset',
    arity: 4,
    group: 'list',
    since: '1.0.0',
    flags: WRITE | DENYOOM,
    acl: ['list'],
    keys: oneKey('RW UPDATE'),
    complexity: 'O(N) with N the distance to the nearer end; O(1) for the ends.',
    summary: 'Replaces the element at an index.',
    arguments: [KEY, { name: 'index', type: 'integer' }, ELEMENT],
    run: runSet,
  }),
];
