/** XRANGE XREVRANGE XLEN XDEL XSETID: a stream without groups. */
import { NO_SUCH_KEY, SYNTAX } from '../../resp/errors.js';
import { EMPTY_ARRAY, ZERO } from '../collectionKey.js';
import { type ArgumentDoc, DENYOOM, FAST, READONLY, WRITE } from '../command.js';
import { type CommandContext, EVENT_STREAM } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey } from '../generic/declare.js';
import { fromArgument, idArgument, integerArgument, toArgument } from './arguments.js';
import { COUNT, END, IDS, START, STREAM } from './declare.js';
import { announce, settle, streamOf } from './key.js';
import { replyRange } from './replies.js';

const SETID_BELOW_GIVEN = 'ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id';
const SETID_BELOW_DELETED = 'ERR The ID specified in XSETID is smaller than current max_deleted_entry_id';
const SETID_BELOW_TOP = 'ERR The ID specified in XSETID is smaller than the target stream top item';
const ADDED_BELOW_LENGTH = 'ERR The entries_added specified in XSETID is smaller than the target stream length';
const ADDED_NEGATIVE = 'ERR entries_added must be positive';

function runRange(ctx: CommandContext, reverse: boolean): void {
  const { from, to } = ctx.streams;
  if (!fromArgument(ctx, reverse ? 3 : 2, from) || !toArgument(ctx, reverse ? 2 : 3, to)) return;
  let count = -1;
  for (let i = 4; i < ctx.argc; i += 2) {
    if (!ctx.argIs(i, 'count') || i + 1 === ctx.argc) return ctx.reply.error(SYNTAX);
    const given = integerArgument(ctx, i + 1);
    if (given === undefined) return;
    count = Math.max(0, given);
  }
  const stream = streamOf(ctx, ctx.lookupRead(1), EMPTY_ARRAY);
  if (stream === undefined) return;
  if (count === 0) ctx.reply.nilArray();
  else replyRange(ctx, stream, from, to, count === -1 ? 0 : count, reverse);
}

function runLen(ctx: CommandContext): void {
  const stream = streamOf(ctx, ctx.lookupRead(1), ZERO);
  if (stream !== undefined) ctx.reply.integer(stream.length);
}

function runDel(ctx: CommandContext): void {
  const stream = streamOf(ctx, ctx.lookupWrite(1), ZERO);
  if (stream === undefined) return;
  const { streams: tools } = ctx;
  for (let i = 2; i < ctx.argc; i++) if (!idArgument(ctx, i, tools.idAt(i))) return;
  let deleted = 0;
  for (let i = 2; i < ctx.argc; i++) if (tools.editor.delete(stream, tools.idAt(i))) deleted++;
  if (deleted > 0) {
    settle(ctx, stream);
    ctx.touched(1, EVENT_STREAM, 'xdel');
    ctx.markDirty(deleted);
  }
  ctx.reply.integer(deleted);
}

function runSetId(ctx: CommandContext): void {
  const { editor, id, from: maxDeletedId, to: topId } = ctx.streams;
  if (!idArgument(ctx, 2, id)) return;
  maxDeletedId.setMin();
  let added: bigint | undefined;
  for (let i = 3; i < ctx.argc; i += 2) {
    const more = i + 1 < ctx.argc;
    if (more && ctx.argIs(i, 'entriesadded')) {
      if (integerArgument(ctx, i + 1) === undefined) return;
      added = ctx.argInt64(i + 1) as bigint;
      if (added < 0n) return ctx.reply.error(ADDED_NEGATIVE);
    } else if (more && ctx.argIs(i, 'maxdeletedid')) {
      if (!idArgument(ctx, i + 1, maxDeletedId)) return;
      if (id.compare(maxDeletedId) < 0) return ctx.reply.error(SETID_BELOW_GIVEN);
    } else return ctx.reply.error(SYNTAX);
  }
  const stream = streamOf(ctx, ctx.lookupWrite(1), (reply) => reply.error(NO_SUCH_KEY));
  if (stream === undefined) return;
  if (id.compare(stream.maxDeletedId) < 0) return ctx.reply.error(SETID_BELOW_DELETED);
  if (stream.length > 0) {
    if (id.compare(editor.lastLivingId(stream, topId)) < 0) return ctx.reply.error(SETID_BELOW_TOP);
    if (added !== undefined && added < BigInt(stream.length)) return ctx.reply.error(ADDED_BELOW_LENGTH);
  }
  stream.lastId.copy(id);
  if (added !== undefined) stream.entriesAdded.set(added);
  if (!maxDeletedId.isZero) stream.maxDeletedId.copy(maxDeletedId);
  ctx.reply.ok();
  ctx.markDirty(1);
  announce(ctx, 1, 'xsetid');
}

interface RangeVariant {
  readonly name: string;
  readonly summary: string;
  readonly bounds: readonly ArgumentDoc[];
  readonly reverse: boolean;
}

function rangeCommand({ name, summary, bounds, reverse }: RangeVariant): Command {
  return command({
    ...STREAM,
    name,
    arity: -4,
    since: '5.0.0',
    flags: READONLY,
    keys: oneKey('RO access'),
    complexity: 'O(N) with N entries replied; O(1) when N is constant, as with COUNT.',
    summary,
    history: [['6.2.0', 'Ranges may exclude their ends.']],
    arguments: [KEY, ...bounds, COUNT],
    run: (ctx) => runRange(ctx, reverse),
  });
}

export const rangeCommands: readonly Command[] = [
  rangeCommand({
    name: 'xrange',
    summary: 'Replies the entries of a stream in a range of ids.',
    bounds: [START, END],
    reverse: false,
  }),
  rangeCommand({
    name: 'xrevrange',
    summary: 'Replies the entries of a stream in a range of ids, the greatest first.',
    bounds: [END, START],
    reverse: true,
  }),
  command({
    ...STREAM,
    name: 'xlen',
    arity: 2,
    since: '5.0.0',
    flags: READONLY | FAST,
    keys: oneKey('RO'),
    complexity: 'O(1)',
    summary: 'Counts the entries of a stream.',
    arguments: [KEY],
    run: runLen,
  }),
  command({
    ...STREAM,
    name: 'xdel',
    arity: -3,
    since: '5.0.0',
    flags: WRITE | FAST,
    keys: oneKey('RW delete'),
    complexity: 'O(1) for each entry, however long the stream.',
    summary: 'Removes entries from a stream and replies how many there were.',
    arguments: [KEY, IDS],
    run: runDel,
  }),
  command({
    ...STREAM,
    name: 'xsetid',
    arity: -3,
    since: '5.0.0',
    flags: WRITE | DENYOOM | FAST,
    keys: oneKey('RW update'),
    complexity: 'O(1)',
    summary: 'Sets the last id of a stream: how AOF and replicas restore it.',
    history: [['7.0.0', 'The options `ENTRIESADDED` and `MAXDELETEDID` came.']],
    arguments: [
      KEY,
      { name: 'last-id', type: 'string' },
      { name: 'entries_added', type: 'integer', token: 'ENTRIESADDED', since: '7.0.0', flags: ['optional'] },
      { name: 'max_deleted_entry_id', type: 'string', token: 'MAXDELETEDID', since: '7.0.0', flags: ['optional'] },
    ],
    run: runSetId,
  }),
];
