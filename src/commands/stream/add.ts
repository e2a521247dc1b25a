/** XADD and XTRIM. */
import { wrongArity } from '../../resp/errors.js';
import type { Stream } from '../../types/stream/stream.js';
import { NIL, ZERO } from '../collectionKey.js';
import { DENYOOM, FAST, WRITE } from '../command.js';
import { type CommandContext, EVENT_STREAM } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey, token } from '../generic/declare.js';
import { FIELDS_AND_VALUES, STREAM, trimDoc } from './declare.js';
import { announce, createStream, settle, streamOf } from './key.js';
import { replyId } from './replies.js';
import { parseTrimArguments } from './trimArguments.js';

const ID_ZERO = 'ERR The ID specified in XADD must be greater than 0-0';
const ID_TOO_SMALL = 'ERR The ID specified in XADD is equal or smaller than the target stream top item';
const EXHAUSTED = 'ERR The stream has exhausted the last possible ID, unable to add more items';
const TOO_LARGE = 'ERR Elements are too large to be stored';

function runAdd(ctx: CommandContext): void {
  if (!parseTrimArguments(ctx, true)) return;
  const { trim } = ctx.streams;
  const first = trim.idArg + 1;
  const count = ctx.argc - first;
  if (trim.idArg === 0 || count < 2 || count % 2 === 1) return ctx.reply.error(wrongArity(ctx.command.fullName));
  if (!trim.autoId && !trim.autoSequence && trim.id.isZero) return ctx.reply.error(ID_ZERO);
  const ref = ctx.lookupWrite(1);
  if (ref !== 0 || trim.noMkStream) {
    const stream = streamOf(ctx, ref, NIL);
    if (stream !== undefined) addTo(ctx, stream, first, count);
  } else addTo(ctx, createStream(ctx, 1), first, count);
}

function addTo(ctx: CommandContext, stream: Stream, first: number, count: number): void {
  const { streams: tools } = ctx;
  const { trim } = tools;
  if (stream.lastId.isMax) return ctx.reply.error(EXHAUSTED);
  if (!chooseId(ctx, stream)) return ctx.reply.error(ID_TOO_SMALL);
  const { values } = ctx.server.config;
  tools.limits.maxBytes = values['stream-node-max-bytes'];
  tools.limits.maxEntries = values['stream-node-max-entries'];
  const { fields } = tools;
  fields.buf = ctx.buf;
  fields.start = ctx.start;
  fields.end = ctx.end;
  fields.first = first;
  fields.fieldCount = count / 2;
  if (!tools.editor.append(stream, trim.id, fields, tools.limits)) return ctx.reply.error(TOO_LARGE);
  replyId(ctx, trim.id);
  const trimmed = trim.thresholdArg === 0 ? 0 : tools.editor.trim(stream, trim);
  settle(ctx, stream);
  if (ctx.propagating && (trim.autoId || trim.autoSequence || trim.approximate)) propagateExactly(ctx, stream);
  ctx.modified(1, EVENT_STREAM, 'xadd');
  if (trimmed > 0) announce(ctx, 1, 'xtrim');
}

/** Completes the id of the tools; false when it is not greater than the stream's last. */
function chooseId(ctx: CommandContext, { lastId }: Stream): boolean {
  const { trim } = ctx.streams;
  const { id } = trim;
  if (trim.autoId) id.setMs(ctx.nowMs);
  if (trim.autoId ? id.ms <= lastId.ms : trim.autoSequence && id.hasSameMs(lastId)) {
    if (!trim.autoId && lastId.isLastOfMs) return false;
    id.copy(lastId).increment();
  }
  return id.compare(lastId) > 0;
}

/** The id is the one chosen, and what was trimmed approximately is trimmed exactly. */
function propagateExactly(ctx: CommandContext, stream: Stream): void {
  const { trim, id } = ctx.streams;
  const parts: (string | Uint8Array)[] = [];
  for (let i = 0; i < ctx.argc; i++) parts.push(ctx.arg(i));
  if (trim.idArg !== 0) parts[trim.idArg] = trim.id.toString();
  if (trim.approximate) {
    parts[trim.thresholdArg - 1] = '=';
    const [segment] = stream.segments;
    const firstId = segment === undefined ? id.setMax() : segment.idOf(0, id);
    parts[trim.thresholdArg] = trim.byLength ? String(stream.length) : firstId.toString();
  }
  ctx.propagateAs(parts);
}

function runTrim(ctx: CommandContext): void {
  if (!parseTrimArguments(ctx, false)) return;
  const { trim, editor } = ctx.streams;
  const stream = streamOf(ctx, ctx.lookupWrite(1), ZERO);
  if (stream === undefined) return;
  const trimmed = editor.trim(stream, trim);
  if (trimmed > 0) {
    settle(ctx, stream);
    if (ctx.propagating && trim.approximate) propagateExactly(ctx, stream);
    ctx.touched(1, EVENT_STREAM, 'xtrim');
    ctx.markDirty(trimmed);
  }
  ctx.reply.integer(trimmed);
}

export const addCommands: readonly Command[] = [
  command({
    ...STREAM,
    name: 'xadd',
    arity: -5,
    since: '5.0.0',
    flags: WRITE | DENYOOM | FAST,
    keys: oneKey('RW update', 'UPDATE instead of INSERT because of the optional trimming feature'),
    complexity: 'O(1) to add an entry; with trimming, O(N) more with N entries evicted.',
    summary: 'Adds an entry to the end of a stream, which is created if need be.',
    history: [
      ['6.2.0', 'The options `NOMKSTREAM`, `MINID` and `LIMIT` came.'],
      ['7.0.0', 'An id may be `<ms>-*`.'],
    ],
    arguments: [
      KEY,
      token('nomkstream', { since: '6.2.0', flags: ['optional'] }),
      { ...trimDoc(), flags: ['optional'] },
      {
        name: 'id_or_auto',
        type: 'oneof',
        arguments: [
          { name: 'auto_id', type: 'pure-token', token: '*' },
          { name: 'id', type: 'string' },
        ],
      },
      FIELDS_AND_VALUES,
    ],
    tips: ['nondeterministic_output'],
    run: runAdd,
  }),
  command({
    ...STREAM,
    name: 'xtrim',
    arity: -4,
    since: '5.0.0',
    flags: WRITE,
    keys: oneKey('RW delete'),
    complexity: 'O(N) with N entries evicted; whole nodes go at once, so the constant is small.',
    summary: 'Removes entries from the beginning of a stream.',
    history: [['6.2.0', 'The options `MINID` and `LIMIT` came.']],
    arguments: [KEY, trimDoc()],
    tips: ['nondeterministic_output'],
    run: runTrim,
  }),
];
