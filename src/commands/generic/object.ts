/** OBJECT: how a value is kept and how much it is used. */
import { idleSeconds, lfuCounter } from '../../store/accessClock.js';
import {
  ENCODING_DEFAULT,
  type Ref,
  TYPE_HASH,
  TYPE_LIST,
  TYPE_SET,
  TYPE_STREAM,
  TYPE_STRING,
  TYPE_ZSET,
} from '../../store/types.js';
import { HASH_ENCODINGS } from '../../types/hash/hash.js';
import { LIST_ENCODINGS } from '../../types/list/lists.js';
import { SET_ENCODINGS } from '../../types/set/set.js';
import { isSharedInteger, stringEncoding } from '../../types/string/encoding.js';
import { ZSET_ENCODINGS } from '../../types/zset/encoding.js';
import { index, LOADING, READONLY, range, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { replyHelp } from '../introspection/help.js';
import { KEY } from './declare.js';

const SWITCHING_TAKES_TIME =
  'Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.';
const LFU_SELECTED = `ERR An LFU maxmemory policy is selected, idle time not tracked. ${SWITCHING_TAKES_TIME}`;
const LFU_NOT_SELECTED = `ERR An LFU maxmemory policy is not selected, access frequency not tracked. ${SWITCHING_TAKES_TIME}`;

/** Redis's reference count of an object that everybody shares. */
const SHARED_REFERENCES = 2147483647;

const HELP = [
  'ENCODING <key>',
  '    How the value is kept in memory: the name of the structure that holds',
  '    it now.',
  'FREQ <key>',
  '    How often the key is used, as the logarithmic counter that the LFU',
  '    policies keep.',
  'IDLETIME <key>',
  '    Seconds since the key was last used, as exactly as the LRU policies',
  '    know it.',
  'REFCOUNT <key>',
  '    How many share the value: 1, but for small integers, which all keys',
  '    share.',
];

/** The live entry of argument 2, counted but not touched; 0 when absent, which has then been replied. */
function subject(ctx: CommandContext): Ref {
  const ref = ctx.peek(2);
  if (ref !== 0) {
    ctx.server.stats.keyspaceHits++;
    return ref;
  }
  ctx.server.stats.keyspaceMisses++;
  ctx.reply.nil();
  return 0;
}

function policyIs(ctx: CommandContext, kind: 'lru' | 'lfu'): boolean {
  return ctx.server.config.values['maxmemory-policy'].endsWith(kind);
}

/** By type, the names of what the encoding bits say; a string's name follows from its bytes. */
const ENCODING_NAMES: Readonly<Record<number, readonly string[]>> = {
  [TYPE_LIST]: LIST_ENCODINGS,
  [TYPE_HASH]: HASH_ENCODINGS,
  [TYPE_SET]: SET_ENCODINGS,
  [TYPE_ZSET]: ZSET_ENCODINGS,
  [TYPE_STREAM]: ['stream'],
};

/** The name of the encoding that Redis would keep the value in. */
export function encodingName(ctx: CommandContext, ref: Ref): string {
  const { db } = ctx;
  const names = ENCODING_NAMES[db.type(ref)];
  if (names !== undefined) return names[db.encoding(ref)];
  const value = db.readValue(ref);
  return stringEncoding(value.buf, value.start, value.end, db.encoding(ref));
}

function runEncoding(ctx: CommandContext): void {
  const ref = subject(ctx);
  if (ref !== 0) ctx.reply.text(encodingName(ctx, ref));
}

function isSharedString({ db }: CommandContext, ref: Ref): boolean {
  if (db.type(ref) !== TYPE_STRING || db.encoding(ref) !== ENCODING_DEFAULT) return false;
  const value = db.readValue(ref);
  return isSharedInteger(value.buf, value.start, value.end);
}

function runRefCount(ctx: CommandContext): void {
  const ref = subject(ctx);
  if (ref === 0) return;
  // Shared objects cannot carry access data of their own, so policies that need it do without them.
  const { maxmemory } = ctx.server.config.values;
  const sharing = Number(maxmemory) === 0 || !(policyIs(ctx, 'lru') || policyIs(ctx, 'lfu'));
  const shared = sharing && isSharedString(ctx, ref);
  ctx.reply.integer(shared ? SHARED_REFERENCES : 1);
}

function runIdleTime(ctx: CommandContext): void {
  const ref = subject(ctx);
  if (ref === 0) return;
  if (policyIs(ctx, 'lfu')) return ctx.reply.error(LFU_SELECTED);
  ctx.reply.integer(idleSeconds(ctx.db.getLru(ref), ctx.nowMs));
}

function runFreq(ctx: CommandContext): void {
  const ref = subject(ctx);
  if (ref === 0) return;
  if (!policyIs(ctx, 'lfu')) return ctx.reply.error(LFU_NOT_SELECTED);
  ctx.reply.integer(lfuCounter(ctx.db.getLru(ref), ctx.nowMs, ctx.server.config.values['lfu-decay-time']));
}

interface ObjectVariant {
  name: string;
  since: string;
  summary: string;
  run: (ctx: CommandContext) => void;
}

function objectSubcommand({ name, since, summary, run }: ObjectVariant): Command {
  return command({
    name,
    arity: 3,
    group: 'generic',
    since,
    flags: READONLY,
    acl: ['keyspace'],
    keys: [{ begin: index(2), find: range(0, 1), access: 'RO' }],
    complexity: 'O(1)',
    summary,
    arguments: [KEY],
    tips: ['nondeterministic_output'],
    run,
  });
}

export const objectCommands: readonly Command[] = [
  command({
    name: 'object',
    arity: -2,
    group: 'generic',
    since: '2.2.3',
    flags: 0,
    complexity: 'That of the subcommand.',
    summary: 'Subcommands that look inside of values.',
    subcommands: [
      objectSubcommand({
        name: 'encoding',
        since: '2.2.3',
        summary: 'Names the form in which a value is kept.',
        run: runEncoding,
      }),
      objectSubcommand({
        name: 'freq',
        since: '4.0.0',
        summary: 'Tells how often a key is used, on a logarithmic scale.',
        run: runFreq,
      }),
      command({
        name: 'help',
        arity: 2,
        group: 'generic',
        since: '6.2.0',
        flags: LOADING | STALE,
        acl: ['keyspace'],
        complexity: 'O(1)',
        summary: 'Lists the subcommands.',
        run: (ctx) => replyHelp(ctx, HELP),
      }),
      objectSubcommand({
        name: 'idletime',
        since: '2.2.3',
        summary: 'Tells for how many seconds a key was not used.',
        run: runIdleTime,
      }),
      objectSubcommand({
        name: 'refcount',
        since: '2.2.3',
        summary: 'Counts the references to the value of a key.',
        run: runRefCount,
      }),
    ],
  }),
];
