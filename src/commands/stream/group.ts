/** XGROUP: making, changing and removing groups and their consumers. */
import { cString } from '../../resp/errors.js';
import { type Ref, TYPE_STREAM } from '../../store/types.js';
import { ENTRIES_READ_UNKNOWN, type Group } from '../../types/stream/group.js';
import { ALLOW_ENDS, type StreamId } from '../../types/stream/id.js';
import type { Stream } from '../../types/stream/stream.js';
import { ofType } from '../collectionKey.js';
import { type ArgumentDoc, DENYOOM, index, LOADING, range, STALE, WRITE } from '../command.js';
import { type CommandContext, EVENT_STREAM } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY } from '../generic/declare.js';
import { replyHelp, unknownSubcommandOrArity } from '../introspection/help.js';
import { idArgument, integerArgument } from './arguments.js';
import { GROUP_NAME, ID, optionalToken, STREAM } from './declare.js';
import { announce, createConsumer, createStream, settle } from './key.js';

const NO_KEY =
  'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to ' +
  'create an empty stream automatically.';
const BUSY = 'BUSYGROUP Consumer Group name already exists';
const NEGATIVE_READ = 'ERR value for ENTRIESREAD must be positive or -1';

const KEY_ARG = 2;
const GROUP_ARG = 3;
const DOLLAR = 0x24;

/** The error for a group that is not there; key and group are arguments. */
export function noSuchGroup(ctx: CommandContext, keyArg: number, groupArg: number): string {
  const [key, group] = [cString(ctx.argText(keyArg)), cString(ctx.argText(groupArg))];
  return `NOGROUP No such consumer group '${group}' for key name '${key}'`;
}

/** The stream of the key; undefined when there is none, which has then been replied. */
function subject(ctx: CommandContext, ref: Ref): Stream | undefined {
  const found = ofType(ctx, ref, TYPE_STREAM, (reply) => reply.error(NO_KEY));
  return found === undefined ? undefined : (ctx.db.object(found) as Stream);
}

/** The stream and the group in it; undefined when there is none, which has then been replied. */
function subjectGroup(ctx: CommandContext): [Stream, Group] | undefined {
  const stream = subject(ctx, ctx.lookupWrite(KEY_ARG));
  if (stream === undefined) return undefined;
  const group = stream.groups.get(ctx.argText(GROUP_ARG));
  if (group !== undefined) return [stream, group];
  ctx.reply.error(noSuchGroup(ctx, KEY_ARG, GROUP_ARG));
  return undefined;
}

interface GroupOptions {
  mkStream: boolean;
  entriesRead: bigint;
}

/** Reads the options behind the id. Undefined when they are no good, which has then been replied. */
function parseOptions(ctx: CommandContext, mayMakeStream: boolean): GroupOptions | undefined {
  const options: GroupOptions = { mkStream: false, entriesRead: ENTRIES_READ_UNKNOWN };
  for (let i = 5; i < ctx.argc; i++) {
    if (mayMakeStream && ctx.argIs(i, 'mkstream')) options.mkStream = true;
    else if (ctx.argIs(i, 'entriesread') && i + 1 < ctx.argc) {
      if (integerArgument(ctx, ++i) === undefined) return undefined;
      options.entriesRead = ctx.argInt64(i) as bigint;
      if (options.entriesRead < ENTRIES_READ_UNKNOWN) return fail(ctx, NEGATIVE_READ);
    } else return fail(ctx, unknownSubcommandOrArity(ctx));
  }
  return options;
}

function fail(ctx: CommandContext, error: string): undefined {
  ctx.reply.error(error);
  return undefined;
}

/** Argument 4 as an id, `$` for the last one of the stream. False when it is none, which has then been replied. */
function groupId(ctx: CommandContext, stream: Stream | undefined, id: StreamId, allowed: number): boolean {
  if (ctx.argLength(4) !== 1 || ctx.buf[ctx.start[4]] !== DOLLAR) return idArgument(ctx, 4, id, allowed);
  if (stream === undefined) id.setMin();
  else id.copy(stream.lastId);
  return true;
}

function runCreate(ctx: CommandContext): void {
  const options = parseOptions(ctx, true);
  if (options === undefined) return;
  const ref = ctx.lookupWrite(KEY_ARG);
  const isNew = ref === 0 && options.mkStream;
  let stream = isNew ? undefined : subject(ctx, ref);
  if (!isNew && stream === undefined) return;
  if (ctx.argc > 8) return ctx.reply.error(unknownSubcommandOrArity(ctx));
  const { id } = ctx.streams;
  if (!groupId(ctx, stream, id, 0)) return;
  stream ??= createStream(ctx, KEY_ARG);
  if (stream.addGroup(ctx.argText(GROUP_ARG), id, options.entriesRead) === undefined) return ctx.reply.error(BUSY);
  settle(ctx, stream);
  ctx.reply.ok();
  // Of a group in a stream that was there, those who watch the key are not told.
  if (isNew) return ctx.modified(KEY_ARG, EVENT_STREAM, 'xgroup-create');
  ctx.markDirty(1);
  announce(ctx, KEY_ARG, 'xgroup-create');
}

function runSetId(ctx: CommandContext): void {
  const options = parseOptions(ctx, false);
  if (options === undefined) return;
  const found = subjectGroup(ctx);
  if (found === undefined) return;
  if (ctx.argc !== 5 && ctx.argc !== 7) return ctx.reply.error(unknownSubcommandOrArity(ctx));
  const [stream, group] = found;
  const { id } = ctx.streams;
  if (!groupId(ctx, stream, id, ALLOW_ENDS)) return;
  group.lastId.copy(id);
  group.setEntriesRead(options.entriesRead);
  ctx.reply.ok();
  ctx.markDirty(1);
  announce(ctx, KEY_ARG, 'xgroup-setid');
}

function runDestroy(ctx: CommandContext): void {
  const stream = subject(ctx, ctx.lookupWrite(KEY_ARG));
  if (stream === undefined) return;
  const removed = stream.removeGroup(ctx.argText(GROUP_ARG));
  if (removed) {
    settle(ctx, stream);
    ctx.markDirty(1);
    announce(ctx, KEY_ARG, 'xgroup-destroy');
    // Who waits to read for the group is told that it is gone.
    ctx.wake(KEY_ARG);
  }
  ctx.reply.integer(removed ? 1 : 0);
}

function runCreateConsumer(ctx: CommandContext): void {
  const found = subjectGroup(ctx);
  if (found === undefined) return;
  const [stream, group] = found;
  const name = ctx.argText(4);
  const isNew = !group.consumers.has(name);
  if (isNew) createConsumer(ctx, group, name, KEY_ARG);
  settle(ctx, stream);
  ctx.reply.integer(isNew ? 1 : 0);
}

function runDelConsumer(ctx: CommandContext): void {
  const found = subjectGroup(ctx);
  if (found === undefined) return;
  const [stream, group] = found;
  const consumer = group.consumers.get(ctx.argText(4));
  if (consumer === undefined) return ctx.reply.integer(0);
  const pending = consumer.pending.size;
  group.removeConsumer(consumer);
  settle(ctx, stream);
  ctx.reply.integer(pending);
  ctx.markDirty(1);
  announce(ctx, KEY_ARG, 'xgroup-delconsumer');
}

const HELP: readonly string[] = [
  'CREATE <key> <groupname> <id|$> [option]',
  '    Make a group that has read up to an id. It may say:',
  '    - MKSTREAM',
  '      Make the stream, too, where there is none.',
  '    - ENTRIESREAD entries_read',
  '      How many entries the group has read (for replication).',
  'CREATECONSUMER <key> <groupname> <consumer>',
  '    Make a consumer of a group.',
  'DELCONSUMER <key> <groupname> <consumer>',
  '    End a consumer and what it has not acknowledged.',
  'DESTROY <key> <groupname>',
  '    End a group with its consumers.',
  'SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]',
  '    Have the group go on reading behind an id.',
];

const GROUP_ID: ArgumentDoc = {
  name: 'id',
  type: 'oneof',
  arguments: [ID, { name: 'new_id', type: 'pure-token', token: '$' }],
};
const ENTRIES_READ: ArgumentDoc = {
  name: 'entries_read',
  type: 'integer',
  token: 'ENTRIESREAD',
  flags: ['optional'],
};
const CONSUMER_NAME: ArgumentDoc = { name: 'consumername', type: 'string' };

interface GroupVariant {
  readonly name: string;
  readonly arity: number;
  readonly since?: string;
  readonly flags: number;
  readonly access: string;
  readonly complexity?: string;
  readonly summary: string;
  readonly history?: NonNullable<Command['history']>;
  readonly args?: readonly ArgumentDoc[];
  readonly run: (ctx: CommandContext) => void;
}

function groupSubcommand({ access, args = [], ...rest }: GroupVariant): Command {
  return command({
    ...STREAM,
    since: '5.0.0',
    complexity: 'O(1)',
    ...rest,
    keys: [{ begin: index(2), find: range(0, 1), access }],
    arguments: [KEY, GROUP_NAME, ...args],
  });
}

export const xgroup: Command = command({
  name: 'xgroup',
  group: 'stream',
  arity: -2,
  since: '5.0.0',
  flags: 0,
  complexity: 'Depends on the subcommand.',
  summary: 'Subcommands about the consumer groups of a stream.',
  subcommands: [
    groupSubcommand({
      name: 'create',
      arity: -5,
      flags: WRITE | DENYOOM,
      access: 'RW insert',
      summary: 'Makes a consumer group.',
      history: [['7.0.0', 'The option `ENTRIESREAD` came.']],
      args: [GROUP_ID, optionalToken('mkstream'), ENTRIES_READ],
      run: runCreate,
    }),
    groupSubcommand({
      name: 'createconsumer',
      arity: 5,
      since: '6.2.0',
      flags: WRITE | DENYOOM,
      access: 'RW insert',
      summary: 'Adds a consumer to a group.',
      args: [CONSUMER_NAME],
      run: runCreateConsumer,
    }),
    groupSubcommand({
      name: 'delconsumer',
      arity: 5,
      flags: WRITE,
      access: 'RW delete',
      summary: 'Removes a consumer from a group, with what it has not acknowledged.',
      args: [CONSUMER_NAME],
      run: runDelConsumer,
    }),
    groupSubcommand({
      name: 'destroy',
      arity: 4,
      flags: WRITE,
      access: 'RW delete',
      complexity: 'O(N) with N entries pending in the group.',
      summary: 'Removes a consumer group.',
      run: runDestroy,
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
    groupSubcommand({
      name: 'setid',
      arity: -5,
      flags: WRITE,
      access: 'RW update',
      summary: 'Sets how far a consumer group has read.',
      history: [['7.0.0', 'The option `ENTRIESREAD` came.']],
      args: [GROUP_ID, ENTRIES_READ],
      run: runSetId,
    }),
  ],
});
