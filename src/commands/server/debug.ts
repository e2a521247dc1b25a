/** DEBUG: what tests and bug hunts need. Guarded by enable-debug-command. */
import { globMatch } from '../../base/glob.js';
import { parseMemory } from '../../config/units.js';
import * as errors from '../../resp/errors.js';
import { DEFAULT_ALONE_FROM_BYTES } from '../../store/blocks.js';
import { NO_EXPIRE } from '../../store/types.js';
import { ADMIN, LOADING, NOSCRIPT, PROTECTED, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { command } from '../define.js';
import { replyHelp, unknownSubcommandOrArity } from '../introspection/help.js';
import { DEBUG_HELP } from './debugHelp.js';
import {
  describeLengths,
  describeObject,
  dumpListpack,
  dumpQuicklist,
  tableStats,
  tableStatsOfKey,
} from './debugObject.js';
import { replyOfType } from './debugProtocol.js';
import { dataDigest, valueDigest } from './digest/dataset.js';

interface DebugSubcommand {
  /** How many arguments DEBUG and the subcommand's name included; negative: at least so many. */
  readonly arity: number;
  run(ctx: CommandContext): void;
}

/** Switches parts of Redis that are not here: nothing is left to do. */
const NOTHING_TO_DO: DebugSubcommand['run'] = (ctx) => ctx.reply.ok();

const SUBCOMMANDS: ReadonlyMap<string, DebugSubcommand> = new Map<string, DebugSubcommand>([
  ['help', { arity: 2, run: (ctx) => replyHelp(ctx, DEBUG_HELP) }],
  ['sleep', { arity: 3, run: sleep }],
  ['object', { arity: 3, run: describeObject }],
  ['sdslen', { arity: 3, run: describeLengths }],
  ['digest', { arity: 2, run: (ctx) => ctx.reply.simple(dataDigest(ctx)) }],
  ['digest-value', { arity: -2, run: digestValues }],
  ['protocol', { arity: 3, run: (ctx) => replyOfType(ctx, ctx.argText(2).toLowerCase()) }],
  // One line, so that the statistics of errors get a clean code too.
  ['error', { arity: 3, run: (ctx) => ctx.reply.error(ctx.argText(2).replace(/[\r\n]/g, ' ')) }],
  ['log', { arity: 3, run: logMessage }],
  ['populate', { arity: -3, run: populate }],
  ['htstats', { arity: 3, run: tableStats }],
  ['htstats-key', { arity: 3, run: tableStatsOfKey }],
  ['set-active-expire', { arity: 3, run: setActiveExpire }],
  ['segfault', { arity: -2, run: (ctx) => ctx.server.crash('segfault') }],
  ['panic', { arity: -2, run: (ctx) => ctx.server.crash('panic') }],
  ['restart', { arity: -2, run: (ctx) => restart(ctx, true) }],
  ['crash-and-recover', { arity: -2, run: (ctx) => restart(ctx, false) }],
  ['clusterlink', { arity: 5, run: killClusterLinks }],
  ['drop-cluster-packet-filter', { arity: 3, run: dropClusterFrames }],
  ['change-repl-id', { arity: 2, run: changeReplicationId }],
  ['config-rewrite-force-all', { arity: 2, run: rewriteWholeConfig }],
  ['stringmatch-len', { arity: 4, run: matchPattern }],
  ['listpack', { arity: 3, run: dumpListpack }],
  ['quicklist', { arity: -3, run: dumpQuicklist }],
  ['structsize', { arity: 2, run: describeStructures }],
  ['loadaof', { arity: 2, run: loadAof }],
  ['reload', { arity: -2, run: reload }],
  [
    'leak',
    { arity: 3, run: (ctx) => ctx.reply.error('ERR DEBUG LEAK is refused: memory is not lost on purpose here') },
  ],
  ['client-enforce-reply-list', { arity: 3, run: NOTHING_TO_DO }],
  ['set-skip-checksum-validation', { arity: 3, run: skipChecksums }],
  ['set-disable-deny-scripts', { arity: 3, run: NOTHING_TO_DO }],
  ['quicklist-packed-threshold', { arity: 3, run: setPackedThreshold }],
  ['dict-resizing', { arity: 3, run: NOTHING_TO_DO }],
  ['pause-cron', { arity: 3, run: pauseCron }],
  ['replybuffer', { arity: 4, run: setReplyBuffer }],
]);

export const debug = command({
  name: 'debug',
  arity: -2,
  group: 'server',
  since: '1.0.0',
  flags: ADMIN | NOSCRIPT | LOADING | STALE | PROTECTED,
  complexity: 'Depends on subcommand.',
  summary: 'Commands for tests and for finding faults.',
  docFlags: ['syscmd'],
  run(ctx) {
    const subcommand = SUBCOMMANDS.get(ctx.argText(1).toLowerCase());
    const arity = subcommand?.arity ?? 0;
    if (subcommand === undefined || (arity > 0 ? ctx.argc !== arity : ctx.argc < -arity)) {
      return ctx.reply.error(unknownSubcommandOrArity(ctx));
    }
    subcommand.run(ctx);
  },
});

function sleep(ctx: CommandContext): void {
  const seconds = Number.parseFloat(ctx.argText(2));
  if (seconds > 0) ctx.server.sleepMs(seconds * 1000);
  ctx.reply.ok();
}

function digestValues(ctx: CommandContext): void {
  ctx.reply.array(ctx.argc - 2);
  for (let i = 2; i < ctx.argc; i++) ctx.reply.simple(valueDigest(ctx, i));
}

function logMessage(ctx: CommandContext): void {
  ctx.server.log('warning', `DEBUG LOG: ${ctx.argText(2)}`);
  ctx.reply.ok();
}

/** A count that C would take for a positive long; undefined after an error reply. */
function parseCount(ctx: CommandContext, i: number): number | undefined {
  const count = ctx.argInt(i);
  if (count >= 0) return count;
  ctx.reply.error(errors.MUST_BE_POSITIVE);
  return undefined;
}

/** DEBUG POPULATE count [prefix] [size]: keys that are there already stay, and nothing is propagated. */
function populate(ctx: CommandContext): void {
  if (ctx.argc > 5) return ctx.reply.error(unknownSubcommandOrArity(ctx));
  const count = parseCount(ctx, 2);
  if (count === undefined) return;
  const valueBytes = ctx.argc === 5 ? parseCount(ctx, 4) : 0;
  if (valueBytes === undefined) return;
  const { db } = ctx;
  const prefix = ctx.argc > 3 ? ctx.argText(3) : 'key';
  for (let i = 0; i < count; i++) {
    const key = Buffer.from(`${prefix}:${i}`, 'latin1');
    if (ctx.peekKey(db, key, 0, key.length) !== 0) continue;
    const text = Buffer.from(`value:${i}`, 'latin1');
    let value = text;
    if (valueBytes > 0) {
      value = Buffer.alloc(valueBytes);
      text.copy(value);
    }
    db.put(key, 0, key.length, value, 0, value.length, NO_EXPIRE);
    ctx.modifiedKey(db, key, 0, key.length, 0, '');
  }
  ctx.propagateNothing();
  ctx.reply.ok();
}

function setActiveExpire(ctx: CommandContext): void {
  ctx.server.activeExpire = isOn(ctx, 2);
  ctx.reply.ok();
}

/** The number that C's atoi finds is the switch. */
function isOn(ctx: CommandContext, i: number): boolean {
  const value = Number.parseInt(ctx.argText(i), 10);
  return value !== 0 && !Number.isNaN(value);
}

function skipChecksums(ctx: CommandContext): void {
  ctx.dumps.skipsChecksum = isOn(ctx, 2);
  ctx.reply.ok();
}

/** DEBUG RESTART and CRASH-AND-RECOVER [delay in ms]. */
function restart(ctx: CommandContext, gracefully: boolean): void {
  const delayMs = ctx.argc >= 3 ? ctx.argInt(2) : 0;
  if (Number.isNaN(delayMs)) return ctx.reply.error(errors.NOT_AN_INTEGER);
  const isEnding = ctx.server.restart({ gracefully, delayMs: Math.max(0, delayMs) });
  if (!isEnding) ctx.reply.error('ERR failed to restart the server. Check server logs.');
}

/** Frames of that type are not read from the cluster bus; -1 reads all again. */
function dropClusterFrames(ctx: CommandContext): void {
  const type = ctx.argInt(2);
  if (Number.isNaN(type)) return ctx.reply.error(errors.NOT_AN_INTEGER);
  const { cluster } = ctx.server;
  if (cluster !== undefined) cluster.core.context.droppedType = type;
  ctx.reply.ok();
}

/** DEBUG CLUSTERLINK KILL to|from|all node-id */
function killClusterLinks(ctx: CommandContext): void {
  if (!ctx.argIs(2, 'kill')) return ctx.reply.error(unknownSubcommandOrArity(ctx));
  const { cluster } = ctx.server;
  if (cluster === undefined) {
    return ctx.reply.error('ERR Debug option only available for cluster mode enabled setup!');
  }
  const [direction, id] = [ctx.argText(3).toLowerCase(), ctx.argText(4)];
  if (!cluster.core.state.nodes.has(id)) return ctx.reply.error(`ERR Unknown node ${id}`);
  if (direction !== 'to' && direction !== 'from' && direction !== 'all') {
    return ctx.reply.error(`ERR Unknown direction ${ctx.argText(3)}`);
  }
  cluster.killLinks(id, direction);
  ctx.reply.ok();
}

function changeReplicationId(ctx: CommandContext): void {
  ctx.server.log('notice', 'Changing replication IDs after receiving change-repl-id');
  ctx.server.replication.changeId();
  ctx.reply.ok();
}

function rewriteWholeConfig({ server, reply }: CommandContext): void {
  const problem = server.rewriteConfig(true);
  if (problem === undefined) reply.ok();
  else reply.error(`ERR CONFIG-REWRITE-FORCE-ALL failed: ${problem}`);
}

function matchPattern(ctx: CommandContext): void {
  const { buf, start, end } = ctx;
  ctx.reply.integer(globMatch(buf, start[2], end[2], buf, start[3], end[3]) ? 1 : 0);
}

function pauseCron(ctx: CommandContext): void {
  ctx.server.cronPaused = isOn(ctx, 2);
  ctx.reply.ok();
}

/** Clients have no reply buffers of their own that could shrink. */
function setReplyBuffer(ctx: CommandContext): void {
  const peak = ctx.argIs(2, 'peak-reset-time');
  if (!peak && !ctx.argIs(2, 'resizing')) return ctx.reply.error(unknownSubcommandOrArity(ctx));
  const isWord = ctx.argIs(3, 'never') || ctx.argIs(3, 'reset');
  if (peak && !isWord && ctx.argInt64(3) === undefined) return ctx.reply.error(errors.NOT_AN_INTEGER);
  ctx.reply.ok();
}

const FOUR_GIB = 1n << 32n;
/** How close to it an element may come: headers have to fit too. */
const PACKED_LIMIT = FOUR_GIB - (1n << 20n);

/** From how many bytes on an element of a long list gets a node to itself; 0 for the default. */
function setPackedThreshold(ctx: CommandContext): void {
  const bytes = parseMemory(ctx.argText(2));
  if (bytes === undefined || bytes > PACKED_LIMIT) {
    return ctx.reply.error('ERR argument must be a memory value bigger than 1 and smaller than 4gb');
  }
  ctx.db.blocks.aloneFromBytes = bytes === 0n ? DEFAULT_ALONE_FROM_BYTES : Number(bytes);
  ctx.reply.ok();
}

/** Bytes of what a key is made of, as DEBUG STRUCTSIZE of Redis tells it of its own. */
function describeStructures({ reply }: CommandContext): void {
  reply.text('bits:64 entry_header:8 expire_time:8 slot_links:8 bucket:64 allocation_unit:8');
}

function loadAof(ctx: CommandContext): void {
  const { clients, persistence } = ctx.server;
  if (!ctx.mayBlock) return ctx.reply.error('ERR DEBUG LOADAOF cannot run inside a transaction');
  const reason = persistence.whyAofIsNotLoadable();
  if (reason !== undefined) return ctx.reply.error(`ERR DEBUG LOADAOF has nothing to load: ${reason}`);
  const { id } = ctx.client;
  // Loading takes its time; what else is served meanwhile is told so.
  clients.block(ctx.client, 0, (reply) => reply.ok());
  void persistence.reloadAof().then(() => clients.unblock(id, false));
}

const RELOAD_OPTIONS = ['merge', 'noflush', 'nosave'];

function reload(ctx: CommandContext): void {
  for (let i = 2; i < ctx.argc; i++) {
    if (RELOAD_OPTIONS.some((option) => ctx.argIs(i, option))) continue;
    return ctx.reply.error('ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.');
  }
  const { persistence } = ctx.server;
  const said = (option: string): boolean => optionsOf(ctx).includes(option);
  if (!said('nosave') && !persistence.saveRdb()) return ctx.reply.error('ERR');
  if (persistence.reloadRdb({ keeping: said('noflush'), merging: said('merge') })) return ctx.reply.ok();
  ctx.reply.error('ERR Error trying to load the RDB dump, check server logs.');
}

function optionsOf(ctx: CommandContext): string[] {
  return Array.from({ length: ctx.argc - 2 }, (_, i) => ctx.argText(i + 2).toLowerCase());
}
