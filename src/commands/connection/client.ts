/** The CLIENT container: names, identity, replies, pausing. CLIENT LIST and CLIENT KILL have files of their own. */
import * as errors from '../../resp/errors.js';
import { ADMIN, LOADING, NOSCRIPT, STALE } from '../command.js';
import { type Command, command } from '../define.js';
import { oneOf } from '../generic/declare.js';
import { helpSubcommand, unknownSubcommandOrArity } from '../introspection/help.js';
import { INVALID_CLIENT_NAME, isPrintableWord } from './clientAttributes.js';
import { CLIENT_HELP } from './clientHelp.js';
import { clientKill } from './clientKill.js';
import { clientInfo, clientList } from './clientList.js';
import { clientCaching, clientGetRedir, clientTracking, clientTrackingInfo } from './clientTracking.js';

const COMMON = { group: 'connection', acl: ['connection'] } as const;
const OPEN = NOSCRIPT | LOADING | STALE;
const RESTRICTED = ADMIN | OPEN;

const onOff = oneOf('enabled', ['on', 'off']);

const clientSetName = command({
  ...COMMON,
  name: 'setname',
  arity: 3,
  since: '2.6.9',
  flags: OPEN,
  complexity: 'O(1)',
  summary: 'Names the connection.',
  arguments: [{ name: 'connection-name', type: 'string' }],
  run(ctx) {
    if (!isPrintableWord(ctx.arg(2))) return ctx.reply.error(INVALID_CLIENT_NAME);
    ctx.client.name = ctx.argText(2);
    ctx.reply.ok();
  },
});

const clientGetName = command({
  ...COMMON,
  name: 'getname',
  arity: 2,
  since: '2.6.9',
  flags: OPEN,
  complexity: 'O(1)',
  summary: 'Answers the name of the connection.',
  run(ctx) {
    if (ctx.client.name === '') ctx.reply.nil();
    else ctx.reply.latin1(ctx.client.name);
  },
});

const clientSetInfo = command({
  ...COMMON,
  name: 'setinfo',
  arity: 4,
  since: '7.2.0',
  flags: OPEN,
  complexity: 'O(1)',
  summary: 'Notes the name or version of the client library that uses the connection.',
  arguments: [
    {
      name: 'attr',
      type: 'oneof',
      arguments: [
        { name: 'libname', type: 'string', token: 'LIB-NAME' },
        { name: 'libver', type: 'string', token: 'LIB-VER' },
      ],
    },
  ],
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  run(ctx) {
    const isName = ctx.argIs(2, 'lib-name');
    if (!isName && !ctx.argIs(2, 'lib-ver')) return ctx.reply.error(`ERR Unrecognized option '${ctx.argText(2)}'`);
    if (!isPrintableWord(ctx.arg(3))) {
      return ctx.reply.error(`ERR ${ctx.argText(2)} cannot contain spaces, newlines or special characters.`);
    }
    if (isName) ctx.client.libName = ctx.argText(3);
    else ctx.client.libVersion = ctx.argText(3);
    ctx.reply.ok();
  },
});

const clientId = command({
  ...COMMON,
  name: 'id',
  arity: 2,
  since: '5.0.0',
  flags: OPEN,
  complexity: 'O(1)',
  summary: 'Answers the number of the connection; numbers only grow.',
  run(ctx) {
    ctx.reply.integer(ctx.client.id);
  },
});

const clientReply = command({
  ...COMMON,
  name: 'reply',
  arity: 3,
  since: '3.2.0',
  flags: OPEN,
  complexity: 'O(1)',
  summary: 'Turns replies to this connection on or off, or drops the next one.',
  arguments: [oneOf('on_off_skip', ['on', 'off', 'skip'])],
  // OFF and SKIP answer nothing themselves either.
  run(ctx) {
    if (ctx.argIs(2, 'on')) {
      ctx.client.replyMode = 'on';
      ctx.reply.ok();
    } else if (ctx.argIs(2, 'off')) ctx.client.replyMode = 'off';
    else if (ctx.argIs(2, 'skip')) {
      if (ctx.client.replyMode !== 'off') ctx.client.replyMode = 'skip-next';
    } else ctx.reply.error(errors.SYNTAX);
  },
});

/** Declares a subcommand that switches a property of the connection. */
function clientSwitch(
  property: 'noEvict' | 'noTouch',
  declared: Omit<Command, 'group' | 'arity' | 'complexity'>,
): Command {
  return command({
    ...COMMON,
    ...declared,
    arity: 3,
    complexity: 'O(1)',
    arguments: [onOff],
    run(ctx) {
      const on = ctx.argIs(2, 'on');
      if (!on && !ctx.argIs(2, 'off')) return ctx.reply.error(errors.SYNTAX);
      ctx.client[property] = on;
      ctx.reply.ok();
    },
  });
}

const clientNoEvict = clientSwitch('noEvict', {
  name: 'no-evict',
  since: '7.0.0',
  flags: RESTRICTED,
  summary: 'Protects the connection from being closed for lack of memory.',
});

const clientNoTouch = clientSwitch('noTouch', {
  name: 'no-touch',
  since: '7.2.0',
  flags: OPEN,
  summary: 'Commands of this connection leave the access times of keys alone.',
});

const clientPause = command({
  ...COMMON,
  name: 'pause',
  arity: -3,
  since: '2.9.50',
  flags: RESTRICTED,
  complexity: 'O(1)',
  summary: 'Holds the commands of clients back for some time.',
  history: [['6.2.0', '`mode` came, and with it pausing writes only (`WRITE`).']],
  arguments: [
    { name: 'timeout', type: 'integer' },
    oneOf('mode', ['write', 'all'], { since: '6.2.0', flags: ['optional'] }),
  ],
  run(ctx) {
    if (ctx.argc > 4) return ctx.reply.error(unknownSubcommandOrArity(ctx));
    const writesOnly = ctx.argc === 4 && ctx.argIs(3, 'write');
    if (ctx.argc === 4 && !writesOnly && !ctx.argIs(3, 'all')) {
      return ctx.reply.error('ERR CLIENT PAUSE mode must be WRITE or ALL');
    }
    const timeoutMs = ctx.argInt64(2);
    if (timeoutMs === undefined) return ctx.reply.error('ERR timeout is not an integer or out of range');
    if (timeoutMs < 0n) return ctx.reply.error('ERR timeout is negative');
    // Redis adds in 64 bits: a pause that long overflows, and is over before it begins.
    const untilMs = timeoutMs === 0n ? 0 : Number(BigInt.asIntN(64, BigInt(Math.floor(ctx.nowMs)) + timeoutMs));
    ctx.server.clients.pause(untilMs, writesOnly);
    ctx.reply.ok();
  },
});

const clientUnpause = command({
  ...COMMON,
  name: 'unpause',
  arity: 2,
  since: '6.2.0',
  flags: RESTRICTED,
  complexity: 'O(N) where N is the number of paused clients',
  summary: 'Lets paused clients go on.',
  run(ctx) {
    ctx.server.clients.unpause();
    ctx.reply.ok();
  },
});

const clientUnblock = command({
  ...COMMON,
  name: 'unblock',
  arity: -3,
  since: '5.0.0',
  flags: RESTRICTED,
  complexity: 'O(log N) where N is the number of client connections',
  summary: 'Ends the blocking command of another connection.',
  arguments: [
    { name: 'client-id', type: 'integer' },
    oneOf('timeout_error', ['timeout', 'error'], { flags: ['optional'] }),
  ],
  run(ctx) {
    if (ctx.argc > 4) return ctx.reply.error(unknownSubcommandOrArity(ctx));
    const withError = ctx.argc === 4 && ctx.argIs(3, 'error');
    if (ctx.argc === 4 && !withError && !ctx.argIs(3, 'timeout')) {
      return ctx.reply.error('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
    }
    if (ctx.argInt64(2) === undefined) return ctx.reply.error(errors.NOT_AN_INTEGER);
    ctx.reply.integer(ctx.server.clients.unblock(ctx.argInt(2), withError) ? 1 : 0);
  },
});

const clientHelp = helpSubcommand({ ...COMMON, since: '5.0.0' }, CLIENT_HELP);

export const client: Command = command({
  name: 'client',
  arity: -2,
  group: 'connection',
  since: '2.4.0',
  flags: 0,
  complexity: 'Depends on subcommand.',
  summary: 'Commands about client connections.',
  subcommands: [
    clientCaching,
    clientGetName,
    clientGetRedir,
    clientHelp,
    clientId,
    clientInfo,
    clientKill,
    clientList,
    clientNoEvict,
    clientNoTouch,
    clientPause,
    clientReply,
    clientSetInfo,
    clientSetName,
    clientTracking,
    clientTrackingInfo,
    clientUnblock,
    clientUnpause,
  ],
});
