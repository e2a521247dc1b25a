/** PING, ECHO, SELECT, RESET, QUIT. */
import * as errors from '../../resp/errors.js';
import { ALLOW_BUSY, FAST, LOADING, NO_AUTH, NOSCRIPT, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { command } from '../define.js';
import { parseIntArgument } from './arguments.js';

export const ping = command({
  name: 'ping',
  arity: -1,
  group: 'connection',
  since: '1.0.0',
  flags: FAST,
  acl: ['connection'],
  complexity: 'O(1)',
  summary: 'Answers PONG, or the given message: the server is alive.',
  arguments: [{ name: 'message', type: 'string', flags: ['optional'] }],
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  run(ctx) {
    if (ctx.argc > 2) ctx.reply.error(errors.wrongArity('ping'));
    else if (ctx.client.protocol === 2 && ctx.client.subscribed) replyAmongMessages(ctx);
    else if (ctx.argc === 2) ctx.reply.bulk(ctx.buf, ctx.start[1], ctx.end[1]);
    else ctx.reply.simple('PONG');
  },
});

/** A subscriber in RESP2 must be able to tell a PONG from a message. */
function replyAmongMessages({ reply, argc, buf, start, end }: CommandContext): void {
  reply.array(2);
  reply.text('pong');
  if (argc === 2) reply.bulk(buf, start[1], end[1]);
  else reply.text('');
}

export const echo = command({
  name: 'echo',
  arity: 2,
  group: 'connection',
  since: '1.0.0',
  flags: LOADING | STALE | FAST,
  acl: ['connection'],
  complexity: 'O(1)',
  summary: 'Answers the given message.',
  arguments: [{ name: 'message', type: 'string' }],
  run(ctx) {
    ctx.reply.bulk(ctx.buf, ctx.start[1], ctx.end[1]);
  },
});

export const select = command({
  name: 'select',
  arity: 2,
  group: 'connection',
  since: '1.0.0',
  flags: LOADING | STALE | FAST,
  acl: ['connection'],
  complexity: 'O(1)',
  summary: 'Chooses the database that this connection works on.',
  arguments: [{ name: 'index', type: 'integer' }],
  run(ctx) {
    const dbIndex = parseIntArgument(ctx, 1);
    if (dbIndex === undefined) return;
    if (ctx.server.cluster !== undefined && dbIndex !== 0) ctx.reply.error('ERR SELECT is not allowed in cluster mode');
    else if (!ctx.client.select(dbIndex)) ctx.reply.error(errors.DB_INDEX_OUT_OF_RANGE);
    else ctx.reply.ok();
  },
});

const ALWAYS_ALLOWED = NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY;

export const reset = command({
  name: 'reset',
  arity: 1,
  group: 'connection',
  since: '6.2.0',
  flags: ALWAYS_ALLOWED,
  acl: ['connection'],
  complexity: 'O(1)',
  summary: 'Puts the connection back into the state of a new one.',
  run(ctx) {
    ctx.server.transactions.abandon(ctx);
    ctx.client.reset();
    ctx.client.authenticated = !ctx.server.passwordRequired;
    ctx.reply.protocol = ctx.client.protocol;
    ctx.reply.simple('RESET');
  },
});

export const quit = command({
  name: 'quit',
  arity: -1,
  group: 'connection',
  since: '1.0.0',
  flags: ALWAYS_ALLOWED,
  acl: ['connection'],
  complexity: 'O(1)',
  summary: 'Closes the connection.',
  run(ctx) {
    ctx.reply.ok();
    ctx.client.closeAfterReply();
  },
});
