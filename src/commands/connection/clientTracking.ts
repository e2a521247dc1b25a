/** CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO: client-side caching with the server's help. */
import * as errors from '../../resp/errors.js';
import { type ArgumentDoc, LOADING, NOSCRIPT, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import { command } from '../define.js';
import type { TrackingOptions } from '../pushPorts.js';

const COMMON = { group: 'connection', acl: ['connection'], flags: NOSCRIPT | LOADING | STALE } as const;

const SWITCH = 'before disabling tracking for this client, and then re-enabling it with a different mode.';

/** The options as they are being read. */
interface Reading extends TrackingOptions {
  readonly prefixes: string[];
}

/** An error reply, or undefined. */
type Refusal = string | undefined;

function runTracking(ctx: CommandContext): void {
  const reading: Reading = {
    bcast: false,
    optIn: false,
    optOut: false,
    noLoop: false,
    redirectTo: 0,
    prefixes: [],
  };
  const error = parseOptions(ctx, reading) ?? switchTracking(ctx, reading);
  if (error === undefined) ctx.reply.ok();
  else ctx.reply.error(error);
}

function parseOptions(ctx: CommandContext, reading: Reading): Refusal {
  for (let i = 3; i < ctx.argc; i++) {
    const more = i + 1 < ctx.argc;
    if (more && ctx.argIs(i, 'redirect')) {
      const error = parseRedirect(ctx, ++i, reading);
      if (error !== undefined) return error;
    } else if (more && ctx.argIs(i, 'prefix')) reading.prefixes.push(ctx.argText(++i));
    else if (ctx.argIs(i, 'bcast')) reading.bcast = true;
    else if (ctx.argIs(i, 'optin')) reading.optIn = true;
    else if (ctx.argIs(i, 'optout')) reading.optOut = true;
    else if (ctx.argIs(i, 'noloop')) reading.noLoop = true;
    else return errors.SYNTAX;
  }
  return undefined;
}

function parseRedirect(ctx: CommandContext, i: number, reading: Reading): Refusal {
  if (reading.redirectTo !== 0) return 'ERR A client can only redirect to a single other client';
  if (ctx.argInt64(i) === undefined) return errors.NOT_AN_INTEGER;
  reading.redirectTo = ctx.argInt(i);
  if (ctx.server.clients.byId(reading.redirectTo) !== undefined) return undefined;
  return 'ERR The client ID you want redirect to does not exist';
}

function switchTracking(ctx: CommandContext, reading: Reading): Refusal {
  const { tracking } = ctx.server;
  if (ctx.argIs(2, 'off')) {
    tracking.disable(ctx.client);
    return undefined;
  }
  if (!ctx.argIs(2, 'on')) return errors.SYNTAX;
  const error = incompatible(ctx, reading) ?? overlap(ctx, reading);
  if (error !== undefined) return error;
  const { prefixes, ...options } = reading;
  tracking.enable(ctx.client, options, prefixes);
  return undefined;
}

function incompatible(ctx: CommandContext, { bcast, optIn, optOut, prefixes }: Reading): Refusal {
  const old = ctx.server.tracking.stateOf(ctx.client);
  if (!bcast && prefixes.length > 0) return 'ERR PREFIX option requires BCAST mode to be enabled';
  if (old !== undefined && old.bcast !== bcast) return `ERR You can't switch BCAST mode on/off ${SWITCH}`;
  if (bcast && (optIn || optOut)) return 'ERR OPTIN and OPTOUT are not compatible with BCAST';
  if (optIn && optOut) return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  const switched = (optIn && old?.optOut === true) || (optOut && old?.optIn === true);
  return switched ? `ERR You can't switch OPTIN/OPTOUT mode ${SWITCH}` : undefined;
}

/** A key under two prefixes would be told twice. */
function overlap(ctx: CommandContext, { prefixes }: Reading): Refusal {
  const old = ctx.server.tracking.stateOf(ctx.client)?.prefixes ?? [];
  for (let i = 0; i < prefixes.length; i++) {
    const existing = old.find((prefix) => overlaps(prefix, prefixes[i]));
    if (existing !== undefined) return overlapping(prefixes[i], 'an existing', existing);
    const other = prefixes.find((prefix, j) => j > i && overlaps(prefix, prefixes[i]));
    if (other !== undefined) return overlapping(prefixes[i], 'another provided', other);
  }
  return undefined;
}

function overlaps(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}

function overlapping(prefix: string, which: string, other: string): string {
  const [a, b] = [errors.cString(prefix), errors.cString(other)];
  return `ERR Prefix '${a}' overlaps with ${which} prefix '${b}'. Prefixes for a single client must not overlap.`;
}

function option(name: string): ArgumentDoc {
  return { name, type: 'pure-token', token: name.toUpperCase(), flags: ['optional'] };
}

export const clientTracking = command({
  ...COMMON,
  name: 'tracking',
  arity: -3,
  since: '6.0.0',
  complexity: 'O(1). Some options may introduce additional complexity.',
  summary: 'Turns on or off that the connection is told when keys change that it has read.',
  arguments: [
    {
      name: 'status',
      type: 'oneof',
      arguments: [
        { name: 'on', type: 'pure-token', token: 'ON' },
        { name: 'off', type: 'pure-token', token: 'OFF' },
      ],
    },
    { name: 'client-id', type: 'integer', token: 'REDIRECT', flags: ['optional'] },
    { name: 'prefix', type: 'string', token: 'PREFIX', flags: ['optional', 'multiple', 'multiple_token'] },
    option('bcast'),
    option('optin'),
    option('optout'),
    option('noloop'),
  ],
  run: runTracking,
});

export const clientCaching = command({
  ...COMMON,
  name: 'caching',
  arity: 3,
  since: '6.0.0',
  complexity: 'O(1)',
  summary: 'Says whether the keys of the next command are tracked.',
  arguments: [
    {
      name: 'mode',
      type: 'oneof',
      arguments: [
        { name: 'yes', type: 'pure-token', token: 'YES' },
        { name: 'no', type: 'pure-token', token: 'NO' },
      ],
    },
  ],
  run(ctx) {
    const state = ctx.server.tracking.stateOf(ctx.client);
    if (state === undefined) {
      return ctx.reply.error(
        'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
      );
    }
    const yes = ctx.argIs(2, 'yes');
    if (!yes && !ctx.argIs(2, 'no')) return ctx.reply.error(errors.SYNTAX);
    if (yes ? !state.optIn : !state.optOut) {
      const [word, mode] = yes ? ['YES', 'OPTIN'] : ['NO', 'OPTOUT'];
      return ctx.reply.error(`ERR CLIENT CACHING ${word} is only valid when tracking is enabled in ${mode} mode.`);
    }
    state.caching = true;
    ctx.reply.ok();
  },
});

export const clientGetRedir = command({
  ...COMMON,
  name: 'getredir',
  arity: 2,
  since: '6.0.0',
  complexity: 'O(1)',
  summary: 'Answers which connection gets the invalidations of tracked keys; -1 while nothing is tracked.',
  run(ctx) {
    ctx.reply.integer(ctx.client.trackingRedirect());
  },
});

export const clientTrackingInfo = command({
  ...COMMON,
  name: 'trackinginfo',
  arity: 2,
  since: '6.2.0',
  complexity: 'O(1)',
  summary: 'Describes how keys are tracked for this connection.',
  run({ reply, server, client }) {
    const state = server.tracking.stateOf(client);
    const flags = [state === undefined ? 'off' : 'on'];
    if (state?.bcast) flags.push('bcast');
    if (state?.optIn) flags.push('optin');
    if (state?.optIn && state.caching) flags.push('caching-yes');
    if (state?.optOut) flags.push('optout');
    if (state?.optOut && state.caching) flags.push('caching-no');
    if (state?.noLoop) flags.push('noloop');
    if (state?.brokenRedirect) flags.push('broken_redirect');
    const prefixes = state?.prefixes ?? [];
    reply.map(3);
    reply.text('flags');
    reply.set(flags.length);
    for (const flag of flags) reply.text(flag);
    reply.text('redirect');
    reply.integer(client.trackingRedirect());
    reply.text('prefixes');
    reply.array(prefixes.length);
    for (const prefix of prefixes) reply.latin1(prefix);
  },
});
