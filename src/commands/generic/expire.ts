/** Commands that give keys an expire time or take it away. */

import { cString } from '../../resp/errors.js';
import { type ExpireAtMs, NO_EXPIRE } from '../../store/types.js';
import { type ArgumentDoc, FAST, WRITE } from '../command.js';
import { type CommandContext, EVENT_GENERIC } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey, token } from './declare.js';
import { anyExpireAtArgument, isPast, sinceEpoch } from './expireTime.js';

// Conditions of the EXPIRE family.
const NX = 1 << 0;
const XX = 1 << 1;
const GT = 1 << 2;
const LT = 1 << 3;
const MALFORMED = -1;

const NX_WITH_OTHERS = 'ERR NX and XX, GT or LT options at the same time are not compatible';
const GT_WITH_LT = 'ERR GT and LT options at the same time are not compatible';

/** Bits of the conditions behind the time; MALFORMED when an error has been replied. */
function parseConditions(ctx: CommandContext): number {
  let conditions = 0;
  for (let i = 3; i < ctx.argc; i++) {
    if (ctx.argIs(i, 'nx')) conditions |= NX;
    else if (ctx.argIs(i, 'xx')) conditions |= XX;
    else if (ctx.argIs(i, 'gt')) conditions |= GT;
    else if (ctx.argIs(i, 'lt')) conditions |= LT;
    else {
      ctx.reply.error(`ERR Unsupported option ${cString(ctx.argText(i))}`);
      return MALFORMED;
    }
  }
  if ((conditions & NX) !== 0 && conditions !== NX) {
    ctx.reply.error(NX_WITH_OTHERS);
    return MALFORMED;
  }
  if ((conditions & GT) !== 0 && (conditions & LT) !== 0) {
    ctx.reply.error(GT_WITH_LT);
    return MALFORMED;
  }
  return conditions;
}

/** Whether the conditions let a key with `currentMs` have `expireAtMs` instead. No expire time counts as the last of all. */
function conditionsHold(conditions: number, currentMs: ExpireAtMs, expireAtMs: ExpireAtMs): boolean {
  if ((conditions & NX) !== 0 && currentMs !== NO_EXPIRE) return false;
  if ((conditions & XX) !== 0 && currentMs === NO_EXPIRE) return false;
  if ((conditions & GT) !== 0 && (currentMs === NO_EXPIRE || expireAtMs <= currentMs)) return false;
  if ((conditions & LT) !== 0 && currentMs !== NO_EXPIRE && expireAtMs >= currentMs) return false;
  return true;
}

function expire(ctx: CommandContext, inSeconds: boolean, baseMs: number): void {
  const conditions = ctx.argc === 3 ? 0 : parseConditions(ctx);
  if (conditions === MALFORMED) return;
  const expireAtMs = anyExpireAtArgument(ctx, 2, inSeconds, baseMs);
  if (Number.isNaN(expireAtMs)) return;
  const ref = ctx.lookupWrite(1);
  if (ref === 0) return ctx.reply.integer(0);
  if (conditions !== 0 && !conditionsHold(conditions, ctx.db.expireAtMs(ref), expireAtMs)) return ctx.reply.integer(0);

  if (isPast(ctx, expireAtMs)) {
    ctx.db.delete(ref);
    if (ctx.propagating) ctx.propagateAs([deletionName(ctx), ctx.argCopy(1)]);
    ctx.modified(1, EVENT_GENERIC, 'del');
    return ctx.reply.integer(1);
  }
  ctx.db.setExpire(ref, sinceEpoch(expireAtMs));
  if (ctx.propagating) propagateAbsolute(ctx, expireAtMs, inSeconds || baseMs !== 0);
  ctx.modified(1, EVENT_GENERIC, 'expire');
  ctx.reply.integer(1);
}

/** Replicas and the AOF get the point in time, so that delays do not move it; conditions stay, they hold there too. */
function propagateAbsolute(ctx: CommandContext, expireAtMs: ExpireAtMs, rewritten: boolean): void {
  if (!rewritten) return;
  const parts: (string | Uint8Array)[] = ['PEXPIREAT', ctx.argCopy(1), String(expireAtMs)];
  for (let i = 3; i < ctx.argc; i++) parts.push(ctx.argCopy(i));
  ctx.propagateAs(parts);
}

/** How the deletion of an expired key is told to replicas and the AOF. */
export function deletionName(ctx: CommandContext): string {
  return ctx.server.config.values['lazyfree-lazy-expire'] ? 'UNLINK' : 'DEL';
}

function runPersist(ctx: CommandContext): void {
  const ref = ctx.lookupWrite(1);
  if (ref === 0 || ctx.db.expireAtMs(ref) === NO_EXPIRE) return ctx.reply.integer(0);
  ctx.db.persist(ref);
  ctx.modified(1, EVENT_GENERIC, 'persist');
  ctx.reply.integer(1);
}

const CONDITION: ArgumentDoc = {
  name: 'condition',
  type: 'oneof',
  since: '7.0.0',
  flags: ['optional'],
  arguments: [token('nx'), token('xx'), token('gt'), token('lt')],
};

interface ExpireVariant {
  name: string;
  since: string;
  summary: string;
  time: ArgumentDoc;
  run: (ctx: CommandContext) => void;
}

function expireCommand({ name, since, summary, time, run }: ExpireVariant): Command {
  return command({
    name,
    arity: -3,
    group: 'generic',
    since,
    flags: WRITE | FAST,
    acl: ['keyspace'],
    keys: oneKey('RW update'),
    complexity: 'O(1)',
    summary,
    history: [['7.0.0', 'The conditions `NX`, `XX`, `GT` and `LT` came.']],
    arguments: [KEY, time, CONDITION],
    run,
  });
}

export const expireCommands: readonly Command[] = [
  expireCommand({
    name: 'expire',
    since: '1.0.0',
    summary: 'Lets a key expire after a number of seconds.',
    time: { name: 'seconds', type: 'integer' },
    run: (ctx) => expire(ctx, true, ctx.nowMs),
  }),
  expireCommand({
    name: 'expireat',
    since: '1.2.0',
    summary: 'Lets a key expire at a point in time, given in seconds of Unix time.',
    time: { name: 'unix-time-seconds', type: 'unix-time' },
    run: (ctx) => expire(ctx, true, 0),
  }),
  expireCommand({
    name: 'pexpire',
    since: '2.6.0',
    summary: 'Lets a key expire after a number of milliseconds.',
    time: { name: 'milliseconds', type: 'integer' },
    run: (ctx) => expire(ctx, false, ctx.nowMs),
  }),
  expireCommand({
    name: 'pexpireat',
    since: '2.6.0',
    summary: 'Lets a key expire at a point in time, given in milliseconds of Unix time.',
    time: { name: 'unix-time-milliseconds', type: 'unix-time' },
    run: (ctx) => expire(ctx, false, 0),
  }),
  command({
    name: 'persist',
    arity: 2,
    group: 'generic',
    since: '2.2.0',
    flags: WRITE | FAST,
    acl: ['keyspace'],
    keys: oneKey('RW update'),
    complexity: 'O(1)',
    summary: 'Takes the expire time of a key away.',
    arguments: [KEY],
    run: runPersist,
  }),
];
