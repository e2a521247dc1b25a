/** AUTH and HELLO. */
import * as errors from '../../resp/errors.js';
import { ALLOW_BUSY, FAST, LOADING, NO_AUTH, NOSCRIPT, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { command } from '../define.js';
import { INVALID_CLIENT_NAME, isPrintableWord } from './clientAttributes.js';

const DEFAULT_USER = 'default';
const BEFORE_AUTHENTICATION = NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY;

/** Makes the client the given user; false when the server refuses. */
function logIn(ctx: CommandContext, user: string, passwordArgument: number): boolean {
  if (!ctx.server.authenticate(user, ctx.arg(passwordArgument))) {
    ctx.server.stats.aclAccessDeniedAuth++;
    return false;
  }
  ctx.client.authenticated = true;
  ctx.client.user = user;
  return true;
}

export const auth = command({
  name: 'auth',
  arity: -2,
  group: 'connection',
  since: '1.0.0',
  flags: BEFORE_AUTHENTICATION,
  acl: ['connection'],
  complexity: 'O(N) where N is the number of passwords the user has',
  summary: 'Authenticates the connection.',
  history: [['6.0.0', 'Takes a username as well (ACL).']],
  arguments: [
    { name: 'username', type: 'string', since: '6.0.0', flags: ['optional'] },
    { name: 'password', type: 'string' },
  ],
  run(ctx) {
    if (ctx.argc > 3) return ctx.reply.error(errors.SYNTAX);
    for (let i = 1; i < ctx.argc; i++) ctx.redact(i);
    if (ctx.argc === 2 && !ctx.server.passwordRequired) {
      return ctx.reply.error(
        'ERR AUTH <password> called without any password configured for the default user. ' +
          'Are you sure your configuration is correct?',
      );
    }
    const user = ctx.argc === 3 ? ctx.argText(1) : DEFAULT_USER;
    if (logIn(ctx, user, ctx.argc - 1)) ctx.reply.ok();
    else ctx.reply.error(errors.WRONGPASS);
  },
});

export const hello = command({
  name: 'hello',
  arity: -1,
  group: 'connection',
  since: '6.0.0',
  flags: BEFORE_AUTHENTICATION,
  acl: ['connection'],
  complexity: 'O(1)',
  summary: 'Opens the conversation: protocol version, credentials and name of the connection.',
  history: [['6.2.0', '`protover` may be left out; the reply then only describes the connection.']],
  arguments: [
    {
      name: 'arguments',
      type: 'block',
      flags: ['optional'],
      arguments: [
        { name: 'protover', type: 'integer' },
        {
          name: 'username_password',
          type: 'block',
          token: 'AUTH',
          flags: ['optional'],
          arguments: [
            { name: 'username', type: 'string' },
            { name: 'password', type: 'string' },
          ],
        },
        { name: 'clientname', type: 'string', token: 'SETNAME', flags: ['optional'] },
      ],
    },
  ],
  run: runHello,
});

function runHello(ctx: CommandContext): void {
  let protocol = 0;
  if (ctx.argc >= 2) {
    if (ctx.argInt64(1) === undefined) {
      return ctx.reply.error('ERR Protocol version is not an integer or out of range');
    }
    protocol = ctx.argInt(1);
    if (protocol !== 2 && protocol !== 3) return ctx.reply.error(errors.NOPROTO);
  }
  // Each option takes effect where it stands, whatever becomes of those behind it.
  for (let i = 2; i < ctx.argc; i++) {
    const following = ctx.argc - 1 - i;
    if (following >= 2 && ctx.argIs(i, 'auth')) {
      ctx.redact(i + 1);
      ctx.redact(i + 2);
      if (!logIn(ctx, ctx.argText(i + 1), i + 2)) return ctx.reply.error(errors.WRONGPASS);
      i += 2;
    } else if (following >= 1 && ctx.argIs(i, 'setname')) {
      i++;
      if (!isPrintableWord(ctx.arg(i))) return ctx.reply.error(INVALID_CLIENT_NAME);
      ctx.client.name = ctx.argText(i);
    } else {
      return ctx.reply.error(`ERR Syntax error in HELLO option '${ctx.argText(i)}'`);
    }
  }
  if (!ctx.client.authenticated) {
    return ctx.reply.error(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> ' +
        'option can be used to authenticate the client and select the RESP protocol version at the same time',
    );
  }
  if (protocol !== 0) {
    ctx.client.protocol = protocol;
    ctx.reply.protocol = protocol;
  }
  replyGreeting(ctx);
}

function replyGreeting({ reply, server, client }: CommandContext): void {
  reply.map(7);
  reply.text('server');
  reply.text('redis');
  reply.text('version');
  reply.text(server.redisVersion);
  reply.text('proto');
  reply.integer(client.protocol);
  reply.text('id');
  reply.integer(client.id);
  reply.text('mode');
  reply.text(server.cluster === undefined ? 'standalone' : 'cluster');
  reply.text('role');
  reply.text('master');
  reply.text('modules');
  reply.array(0);
}
