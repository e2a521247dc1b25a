/** Commands that pick members at random: SPOP SRANDMEMBER. */
import { copyOf } from '../../base/copy.js';
import { Selection } from '../../base/selection.js';
import { MUST_BE_POSITIVE, SYNTAX } from '../../resp/errors.js';
import type { Position } from '../../types/collection.js';
import { SET_INTSET, SET_LISTPACK, type SetEditor } from '../../types/set/set.js';
import { EMPTY_ARRAY, EMPTY_SET, NIL, shrunk, signedCount } from '../collectionKey.js';
import { FAST, READONLY, WRITE } from '../command.js';
import { type CommandContext, EVENT_GENERIC, EVENT_SET } from '../context.js';
import type { Command } from '../define.js';
import { KEY, oneKey } from '../generic/declare.js';
import { replyMembers, setCommand, setToRead, setToShrink } from './declare.js';

/** Members that one propagated SREM names at most. */
const BATCH = 1024;
/** When no more than one member in so many stays, those that stay are moved to a new set. */
const MOVE_STRATEGY = 5;

function runSPop(ctx: CommandContext): void {
  if (ctx.argc > 3) return ctx.reply.error(SYNTAX);
  if (ctx.argc === 3) return popSeveral(ctx);
  const set = setToShrink(ctx, NIL);
  if (set === undefined) return;
  const position = set.random(ctx.server.random);
  const member = set.keyAt(position);
  ctx.reply.view(member);
  // What is gone, so that replicas and the AOF lose the same.
  if (ctx.propagating) ctx.propagateAs(['SREM', ctx.argCopy(1), copyOf(member.buf, member.start, member.end)]);
  set.deleteAt(position);
  shrunk(ctx, 1, set, EVENT_SET, 'spop');
  ctx.markDirty(1);
}

function popSeveral(ctx: CommandContext): void {
  const asked = ctx.argInt64(2);
  if (asked === undefined || asked < 0n) return ctx.reply.error(MUST_BE_POSITIVE);
  const set = setToShrink(ctx, EMPTY_SET);
  if (set === undefined) return;
  if (asked === 0n) return ctx.reply.set(0);
  const { count } = set;
  if (asked >= count) return popAll(ctx, set);
  const popped = Number(asked);
  const propagated = ctx.propagating ? new Propagated(ctx) : undefined;
  ctx.reply.set(popped);
  if ((count - popped) * MOVE_STRATEGY <= popped) popMost(ctx, set, popped, propagated);
  else {
    for (let i = 0; i < popped; i++) {
      const position = set.random(ctx.server.random);
      replyPopped(ctx, set, position, propagated);
      set.deleteAt(position);
    }
  }
  propagated?.flush();
  ctx.touched(1, EVENT_SET, 'spop');
  ctx.markDirty(popped);
}

function popAll(ctx: CommandContext, set: SetEditor): void {
  const { count } = set;
  replyMembers(ctx, set);
  ctx.db.delete(set.ref);
  if (ctx.propagating) {
    const verb = ctx.server.config.values['lazyfree-lazy-server-del'] ? 'UNLINK' : 'DEL';
    ctx.propagateAs([verb, ctx.argCopy(1)]);
  }
  ctx.touched(1, EVENT_SET, 'spop');
  ctx.notify(ctx.db, ctx.buf, ctx.start[1], ctx.end[1], EVENT_GENERIC, 'del');
  ctx.markDirty(count);
}

/** Pops nearly all members: those that stay become a new set. */
function popMost(ctx: CommandContext, set: SetEditor, popped: number, propagated: Propagated | undefined): void {
  const { count } = set;
  const { random } = ctx.server;
  const staying = new Selection().begin(count - popped, count);
  const rest = ctx.sets.at(1).beginAs(ctx.db, set.encoding === SET_INTSET ? SET_INTSET : SET_LISTPACK);
  set.walk((position) => {
    if (staying.takes(random)) {
      const { buf, start, end } = set.keyAt(position);
      rest.add(buf, start, end);
    } else replyPopped(ctx, set, position, propagated);
    return true;
  });
  rest.store(ctx.buf, ctx.start[1], ctx.end[1], ctx.db.expireAtMs(set.ref));
}

function replyPopped(ctx: CommandContext, set: SetEditor, position: Position, propagated?: Propagated): void {
  const member = set.keyAt(position);
  ctx.reply.view(member);
  propagated?.add(copyOf(member.buf, member.start, member.end));
}

/** Tells replicas and the AOF which members are gone. */
class Propagated {
  private readonly ctx: CommandContext;
  private parts: (string | Uint8Array)[] = [];

  constructor(ctx: CommandContext) {
    this.ctx = ctx;
  }

  add(member: Uint8Array): void {
    if (this.parts.length === 0) this.parts.push('SREM', this.ctx.argCopy(1));
    this.parts.push(member);
    if (this.parts.length === BATCH + 2) this.flush();
  }

  flush(): void {
    if (this.parts.length > 0) this.ctx.propagateAs(this.parts);
    this.parts = [];
  }
}

function runSRandMember(ctx: CommandContext): void {
  if (ctx.argc > 3) return ctx.reply.error(SYNTAX);
  const { reply } = ctx;
  const { random } = ctx.server;
  if (ctx.argc === 2) {
    const set = setToRead(ctx, NIL);
    if (set !== undefined) reply.view(set.keyAt(set.random(random)));
    return;
  }
  const asked = signedCount(ctx, 2);
  if (asked === undefined) return;
  const set = setToRead(ctx, EMPTY_ARRAY);
  if (set === undefined) return;
  const isRepeating = asked < 0n;
  const members = isRepeating ? Number(-asked) : Math.min(Number(asked), set.count);
  const replyOne = (position: Position): boolean => {
    reply.view(set.keyAt(position));
    return true;
  };
  reply.array(members);
  if (isRepeating) for (let i = 0; i < members && !reply.overflowed; i++) replyOne(set.random(random));
  else if (members === set.count) set.walk(replyOne);
  else set.sample(members, random, replyOne);
}

export const randomCommands: readonly Command[] = [
  setCommand({
    name: 'spop',
    arity: -2,
    since: '1.0.0',
    flags: WRITE | FAST,
    keys: oneKey('RW access delete'),
    complexity: 'O(1) for one member, O(N) for N of them.',
    summary: 'Removes members picked at random and replies them.',
    history: [['3.2.0', 'The argument `count` came.']],
    arguments: [KEY, { name: 'count', type: 'integer', since: '3.2.0', flags: ['optional'] }],
    tips: ['nondeterministic_output'],
    run: runSPop,
  }),
  setCommand({
    name: 'srandmember',
    arity: -2,
    since: '1.0.0',
    flags: READONLY,
    keys: oneKey('RO access'),
    complexity: 'O(1) for one member, O(N) for N of them.',
    summary: 'Replies members picked at random.',
    history: [['2.6.0', 'The argument `count` came.']],
    arguments: [KEY, { name: 'count', type: 'integer', since: '2.6.0', flags: ['optional'] }],
    tips: ['nondeterministic_output'],
    run: runSRandMember,
  }),
];
