/** Commands that tell when a key expires. */
import { NO_EXPIRE } from '../../store/types.js';
import { FAST, READONLY } from '../command.js';
import type { CommandContext } from '../context.js';
import { type Command, command } from '../define.js';
import { KEY, oneKey } from './declare.js';
import { inspect } from './lookup.js';

const NO_KEY_REPLY = -2;
const NO_EXPIRE_REPLY = -1;

/** Replies the time in ms or, rounded to the nearest, in seconds: counted from `baseMs`. */
function replyExpireTime(ctx: CommandContext, inSeconds: boolean, baseMs: number): void {
  const ref = inspect(ctx, 1);
  if (ref === 0) return ctx.reply.integer(NO_KEY_REPLY);
  const expireAtMs = ctx.db.expireAtMs(ref);
  if (expireAtMs === NO_EXPIRE) return ctx.reply.integer(NO_EXPIRE_REPLY);
  if (typeof expireAtMs === 'number') {
    const ms = Math.max(0, expireAtMs - baseMs);
    ctx.reply.integer(inSeconds ? Math.floor((ms + 500) / 1000) : ms);
  } else {
    const ms = expireAtMs - BigInt(baseMs);
    ctx.reply.bigInteger(inSeconds ? (ms + 500n) / 1000n : ms);
  }
}

interface TtlVariant {
  name: string;
  since: string;
  summary: string;
  /** Time to live changes by itself, the point in time does not. */
  remaining: boolean;
  run: (ctx: CommandContext) => void;
}

function ttlCommand({ name, since, summary, remaining, run }: TtlVariant): Command {
  return command({
    name,
    arity: 2,
    group: 'generic',
    since,
    flags: READONLY | FAST,
    acl: ['keyspace'],
    keys: oneKey('RO access'),
    complexity: 'O(1)',
    summary,
    ...(remaining
      ? { history: [['2.8.0', 'A missing key is answered with -2.']] as const, tips: ['nondeterministic_output'] }
      : {}),
    arguments: [KEY],
    run,
  });
}

export const ttlCommands: readonly Command[] = [
  ttlCommand({
    name: 'ttl',
    since: '1.0.0',
    summary: 'Tells how many seconds a key has left to live.',
    remaining: true,
    run: (ctx) => replyExpireTime(ctx, true, ctx.nowMs),
  }),
  ttlCommand({
    name: 'pttl',
    since: '2.6.0',
    summary: 'Tells how many milliseconds a key has left to live.',
    remaining: true,
    run: (ctx) => replyExpireTime(ctx, false, ctx.nowMs),
  }),
  ttlCommand({
    name: 'expiretime',
    since: '7.0.0',
    summary: 'Tells at which second of Unix time a key expires.',
    remaining: false,
    run: (ctx) => replyExpireTime(ctx, true, 0),
  }),
  ttlCommand({
    name: 'pexpiretime',
    since: '7.0.0',
    summary: 'Tells at which millisecond of Unix time a key expires.',
    remaining: false,
    run: (ctx) => replyExpireTime(ctx, false, 0),
  }),
];
