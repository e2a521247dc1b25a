/** XACK and XPENDING: what a group has delivered and nobody acknowledged. */
import { cString, SYNTAX } from '../../resp/errors.js';
import type { Ref } from '../../store/types.js';
import type { Consumer, Group } from '../../types/stream/group.js';
import type { Stream } from '../../types/stream/stream.js';
import { ZERO } from '../collectionKey.js';
import { FAST, READONLY, WRITE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey } from '../generic/declare.js';
import { fromArgument, idArgument, integerArgument, toArgument } from './arguments.js';
import { CONSUMER, END, GROUP, IDS, START, STREAM } from './declare.js';
import { settle, streamOf } from './key.js';
import { arrayFrom, replyId } from './replies.js';

/** The group of argument 2 in the stream `ref`, that of argument 1; undefined when there is none, which has then been replied. */
export function groupOf(ctx: CommandContext, ref: Ref): [Stream, Group] | undefined {
  const stream = streamOf(ctx, ref, (reply) => reply.error(noKeyOrGroup(ctx)));
  if (stream === undefined) return undefined;
  const group = stream.groups.get(ctx.argText(2));
  if (group !== undefined) return [stream, group];
  ctx.reply.error(noKeyOrGroup(ctx));
  return undefined;
}

function noKeyOrGroup(ctx: CommandContext): string {
  return `NOGROUP No such key '${cString(ctx.argText(1))}' or consumer group '${cString(ctx.argText(2))}'`;
}

function runAck(ctx: CommandContext): void {
  const stream = streamOf(ctx, ctx.lookupChange(1), ZERO);
  if (stream === undefined) return;
  const group = stream.groups.get(ctx.argText(2));
  if (group === undefined) return ctx.reply.integer(0);
  const { streams: tools } = ctx;
  // All or nothing: an error must not follow upon entries that were acknowledged.
  for (let i = 3; i < ctx.argc; i++) if (!idArgument(ctx, i, tools.idAt(i))) return;
  let acknowledged = 0;
  for (let i = 3; i < ctx.argc; i++) if (group.acknowledge(tools.idAt(i))) acknowledged++;
  settle(ctx, stream);
  ctx.markDirty(acknowledged);
  ctx.reply.integer(acknowledged);
}

function runPending(ctx: CommandContext): void {
  const { argc } = ctx;
  if (argc === 3) return replySummary(ctx);
  if (argc < 6 || argc > 9) return ctx.reply.error(SYNTAX);
  let i = 3;
  let minIdleMs: number | undefined = 0;
  if (ctx.argIs(3, 'idle')) {
    minIdleMs = integerArgument(ctx, 4);
    if (minIdleMs === undefined) return;
    if (argc < 8) return ctx.reply.error(SYNTAX);
    i = 5;
  }
  const count = integerArgument(ctx, i + 2);
  if (count === undefined) return;
  const { from, to } = ctx.streams;
  if (!fromArgument(ctx, i, from) || !toArgument(ctx, i + 1, to)) return;
  const found = groupOf(ctx, ctx.lookupRead(1));
  if (found === undefined) return;
  const [, group] = found;
  const owner = i + 3 < argc ? group.consumers.get(ctx.argText(i + 3)) : undefined;
  if (i + 3 < argc && owner === undefined) return ctx.reply.array(0);
  replyEntries(ctx, group, owner, count, minIdleMs);
}

/** How many entries are pending, the first and the last, and how many each consumer has. */
function replySummary(ctx: CommandContext): void {
  const found = groupOf(ctx, ctx.lookupRead(1));
  if (found === undefined) return;
  const [, group] = found;
  const { pending } = group;
  const { reply } = ctx;
  const { id } = ctx.streams;
  reply.array(4);
  reply.integer(pending.size);
  if (pending.size === 0) {
    reply.nil();
    reply.nil();
    return reply.nilArray();
  }
  pending.first();
  replyId(ctx, pending.id(id));
  pending.last();
  replyId(ctx, pending.id(id));
  const owners = group.sortedConsumers().filter((consumer) => consumer.pending.size > 0);
  reply.array(owners.length);
  for (const owner of owners) {
    reply.array(2);
    reply.latin1(owner.name);
    reply.bulkInteger(owner.pending.size);
  }
}

/** The entries in the range of the tools, of the whole group or of one consumer. */
function replyEntries(
  ctx: CommandContext,
  group: Group,
  owner: Consumer | undefined,
  count: number,
  minIdleMs: number,
): void {
  const { from, to, id } = ctx.streams;
  const { reply, nowMs } = ctx;
  const { pending } = group;
  const ids = owner === undefined ? pending : owner.pending;
  const at = reply.length;
  let replied = 0;
  for (let more = replied < count && ids.seek(from); more; more = replied < count && ids.next()) {
    if (ids.id(id).compare(to) > 0) break;
    if (owner !== undefined) pending.find(id);
    const idleMs = nowMs - pending.deliveredAtMs;
    if (minIdleMs !== 0 && idleMs < minIdleMs) continue;
    reply.array(4);
    replyId(ctx, id);
    reply.latin1(group.owner.name);
    reply.integer(Math.max(0, idleMs));
    reply.bigInteger(pending.deliveries);
    replied++;
  }
  arrayFrom(ctx, at, replied);
}

export const pendingCommands: readonly Command[] = [
  command({
    ...STREAM,
    name: 'xack',
    arity: -4,
    since: '5.0.0',
    flags: WRITE | FAST,
    keys: oneKey('RW update'),
    complexity: 'O(1) for each id.',
    summary: 'Acknowledges entries that a group has delivered, and replies how many were pending.',
    arguments: [KEY, GROUP, IDS],
    run: runAck,
  }),
  command({
    ...STREAM,
    name: 'xpending',
    arity: -3,
    since: '5.0.0',
    flags: READONLY,
    keys: oneKey('RO access'),
    complexity:
      'O(N) with N entries replied, or looked at with IDLE. Of the summary O(N) with N consumers, which is little.',
    summary: 'Replies what a group has delivered and nobody has acknowledged.',
    history: [['6.2.0', 'The option `IDLE` came, and ranges may exclude their ends.']],
    arguments: [
      KEY,
      GROUP,
      {
        name: 'filters',
        type: 'block',
        flags: ['optional'],
        arguments: [
          { name: 'min-idle-time', type: 'integer', token: 'IDLE', since: '6.2.0', flags: ['optional'] },
          START,
          END,
          { name: 'count', type: 'integer' },
          { ...CONSUMER, flags: ['optional'] },
        ],
      },
    ],
    tips: ['nondeterministic_output'],
    run: runPending,
  }),
];
