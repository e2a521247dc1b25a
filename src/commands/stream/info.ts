/** XINFO: what a stream, its groups and their consumers look like inside. */
import { NO_SUCH_KEY } from '../../resp/errors.js';
import { type Consumer, ENTRIES_READ_UNKNOWN, type Group, NEVER_MS } from '../../types/stream/group.js';
import type { Stream } from '../../types/stream/stream.js';
import { type ArgumentDoc, index, LOADING, READONLY, range, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY } from '../generic/declare.js';
import { replyHelp, unknownSubcommandOrArity } from '../introspection/help.js';
import { integerArgument } from './arguments.js';
import { lagOf } from './counters.js';
import { COUNT, GROUP_NAME, STREAM } from './declare.js';
import { noSuchGroup } from './group.js';
import { streamOf } from './key.js';
import { replyEntry, replyId, replyRange } from './replies.js';

const KEY_ARG = 2;
/** FULL shows so many entries of each kind, unless COUNT says otherwise. */
const DEFAULT_COUNT = 10;

function subject(ctx: CommandContext): Stream | undefined {
  return streamOf(ctx, ctx.lookupRead(KEY_ARG), (reply) => reply.error(NO_SUCH_KEY));
}

/** Groups with their names, in the order of the names' bytes. */
function sortedGroups(stream: Stream): [string, Group][] {
  return [...stream.groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

function runStream(ctx: CommandContext): void {
  const { argc } = ctx;
  const stream = subject(ctx);
  if (stream === undefined) return;
  let count = DEFAULT_COUNT;
  if (argc > 3) {
    const wellFormed = (argc === 4 || argc === 6) && ctx.argIs(3, 'full') && (argc === 4 || ctx.argIs(4, 'count'));
    if (!wellFormed) return ctx.reply.error(unknownSubcommandOrArity(ctx));
    if (argc === 6) {
      const given = integerArgument(ctx, 5);
      if (given === undefined) return;
      if (given >= 0) count = given;
    }
  }
  ctx.reply.map(argc > 3 ? 9 : 10);
  replyFigures(ctx, stream);
  if (argc > 3) replyFull(ctx, stream, count);
  else replyEnds(ctx, stream);
}

function replyFigures(ctx: CommandContext, stream: Stream): void {
  const { reply } = ctx;
  reply.text('length');
  reply.integer(stream.length);
  reply.text('radix-tree-keys');
  reply.integer(stream.nodeCount);
  reply.text('radix-tree-nodes');
  reply.integer(stream.radixNodeCount());
  reply.text('last-generated-id');
  replyId(ctx, stream.lastId);
  reply.text('max-deleted-entry-id');
  replyId(ctx, stream.maxDeletedId);
  reply.text('entries-added');
  reply.bigInteger(stream.entriesAdded.value);
  reply.text('recorded-first-entry-id');
  replyId(ctx, stream.firstId);
}

function replyEnds(ctx: CommandContext, stream: Stream): void {
  const { reply } = ctx;
  const { reader, from, to } = ctx.streams;
  reply.text('groups');
  reply.integer(stream.groups.size);
  for (const reverse of [false, true]) {
    reply.text(reverse ? 'last-entry' : 'first-entry');
    if (reader.open(stream, from.setMin(), to.setMax(), reverse).next()) replyEntry(ctx);
    else reply.nil();
  }
}

/** Entries, groups, consumers and pending entries, no more than `count` of each list of entries (0: all). */
function replyFull(ctx: CommandContext, stream: Stream, count: number): void {
  const { reply } = ctx;
  const { from, to } = ctx.streams;
  reply.text('entries');
  replyRange(ctx, stream, from.setMin(), to.setMax(), count, false);
  reply.text('groups');
  reply.array(stream.groups.size);
  for (const [name, group] of sortedGroups(stream)) {
    reply.map(7);
    reply.text('name');
    reply.latin1(name);
    replyProgress(ctx, stream, group);
    reply.text('pel-count');
    reply.integer(group.pending.size);
    reply.text('pending');
    replyPending(ctx, group, undefined, count);
    reply.text('consumers');
    reply.array(group.consumers.size);
    for (const consumer of group.sortedConsumers()) {
      reply.map(5);
      reply.text('name');
      reply.latin1(consumer.name);
      reply.text('seen-time');
      reply.integer(consumer.seenAtMs);
      reply.text('active-time');
      reply.integer(consumer.activeAtMs);
      reply.text('pel-count');
      reply.integer(consumer.pending.size);
      reply.text('pending');
      replyPending(ctx, group, consumer, count);
    }
  }
}

/** Entries pending in a group, or of one consumer of it; then without its name. */
function replyPending(ctx: CommandContext, group: Group, owner: Consumer | undefined, count: number): void {
  const { reply } = ctx;
  const { id } = ctx.streams;
  const { pending } = group;
  const ids = owner === undefined ? pending : owner.pending;
  let left = count === 0 ? ids.size : Math.min(count, ids.size);
  reply.array(left);
  for (let more = ids.first(); more && left > 0; more = ids.next(), left--) {
    ids.id(id);
    if (owner !== undefined) pending.find(id);
    reply.array(owner === undefined ? 4 : 3);
    replyId(ctx, id);
    if (owner === undefined) reply.latin1(group.owner.name);
    reply.integer(pending.deliveredAtMs);
    reply.bigInteger(pending.deliveries);
  }
}

/** How far a group has read. */
function replyProgress(ctx: CommandContext, stream: Stream, group: Group): void {
  const { reply } = ctx;
  const { entriesRead } = group;
  reply.text('last-delivered-id');
  replyId(ctx, group.lastId);
  reply.text('entries-read');
  if (entriesRead === ENTRIES_READ_UNKNOWN) reply.nil();
  else reply.bigInteger(entriesRead);
  reply.text('lag');
  const lag = lagOf(stream, group);
  if (lag === undefined) reply.nil();
  else reply.bigInteger(lag);
}

function runGroups(ctx: CommandContext): void {
  const stream = subject(ctx);
  if (stream === undefined) return;
  const { reply } = ctx;
  reply.array(stream.groups.size);
  for (const [name, group] of sortedGroups(stream)) {
    reply.map(6);
    reply.text('name');
    reply.latin1(name);
    reply.text('consumers');
    reply.integer(group.consumers.size);
    reply.text('pending');
    reply.integer(group.pending.size);
    replyProgress(ctx, stream, group);
  }
}

function runConsumers(ctx: CommandContext): void {
  const stream = subject(ctx);
  if (stream === undefined) return;
  const group = stream.groups.get(ctx.argText(3));
  if (group === undefined) return ctx.reply.error(noSuchGroup(ctx, KEY_ARG, 3));
  const { reply, nowMs } = ctx;
  reply.array(group.consumers.size);
  for (const { name, pending, seenAtMs, activeAtMs } of group.sortedConsumers()) {
    reply.map(4);
    reply.text('name');
    reply.latin1(name);
    reply.text('pending');
    reply.integer(pending.size);
    reply.text('idle');
    reply.integer(Math.max(0, nowMs - seenAtMs));
    reply.text('inactive');
    reply.integer(activeAtMs === NEVER_MS ? NEVER_MS : nowMs - activeAtMs);
  }
}

const HELP: readonly string[] = [
  'CONSUMERS <key> <groupname>',
  '    The consumers of a group.',
  'GROUPS <key>',
  '    The groups that read the stream.',
  'STREAM <key> [FULL [COUNT <count>]',
  '    The stream itself; with FULL, all that hangs on it.',
];

interface InfoVariant {
  readonly name: string;
  readonly arity: number;
  readonly summary: string;
  readonly history?: NonNullable<Command['history']>;
  readonly args?: readonly ArgumentDoc[];
  readonly tips?: readonly string[];
  readonly run: (ctx: CommandContext) => void;
}

function infoSubcommand({ args = [], ...rest }: InfoVariant): Command {
  return command({
    ...STREAM,
    since: '5.0.0',
    flags: READONLY,
    complexity: 'O(1)',
    ...rest,
    keys: [{ begin: index(2), find: range(0, 1), access: 'RO access' }],
    arguments: [KEY, ...args],
  });
}

export const xinfo: Command = command({
  name: 'xinfo',
  group: 'stream',
  arity: -2,
  since: '5.0.0',
  flags: 0,
  complexity: 'Depends on the subcommand.',
  summary: 'Subcommands that look inside of streams.',
  subcommands: [
    infoSubcommand({
      name: 'consumers',
      arity: 4,
      summary: 'Lists the consumers of a group.',
      history: [['7.2.0', 'The field `inactive` came.']],
      args: [GROUP_NAME],
      tips: ['nondeterministic_output'],
      run: runConsumers,
    }),
    infoSubcommand({
      name: 'groups',
      arity: 3,
      summary: 'Lists the groups of a stream.',
      history: [['7.0.0', 'The fields `entries-read` and `lag` came.']],
      run: runGroups,
    }),
    command({
      ...STREAM,
      name: 'help',
      arity: 2,
      since: '5.0.0',
      flags: LOADING | STALE,
      complexity: 'O(1)',
      summary: 'Lists the subcommands.',
      run: (ctx) => replyHelp(ctx, HELP),
    }),
    infoSubcommand({
      name: 'stream',
      arity: -3,
      summary: 'Describes a stream.',
      history: [
        ['6.0.0', 'The option `FULL` came.'],
        [
          '7.0.0',
          'The fields `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag` came.',
        ],
        ['7.2.0', 'The field `active-time` came, and `seen-time` tells when the consumer last asked.'],
      ],
      args: [{ name: 'full', type: 'block', token: 'FULL', flags: ['optional'], arguments: [COUNT] }],
      run: runStream,
    }),
  ],
});
