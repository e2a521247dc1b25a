/** INFO, LASTSAVE, TIME, SHUTDOWN. */
import * as errors from '../../resp/errors.js';
import { ADMIN, ALLOW_BUSY, FAST, LOADING, NO_MULTI, NOSCRIPT, STALE } from '../command.js';
import { argTexts } from '../connection/arguments.js';
import type { ShutdownOptions } from '../context.js';
import { command } from '../define.js';
import { oneOf, token } from '../generic/declare.js';

export const info = command({
  name: 'info',
  arity: -1,
  group: 'server',
  since: '1.0.0',
  flags: LOADING | STALE,
  acl: ['dangerous'],
  complexity: 'O(1)',
  summary: 'Tells how the server is doing.',
  history: [['7.0.0', 'Takes several sections.']],
  arguments: [{ name: 'section', type: 'string', flags: ['optional', 'multiple'] }],
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  run(ctx) {
    ctx.reply.verbatim('txt', ctx.server.info(argTexts(ctx, 1)));
  },
});

export const lastSave = command({
  name: 'lastsave',
  arity: 1,
  group: 'server',
  since: '1.0.0',
  flags: LOADING | STALE | FAST,
  acl: ['admin', 'dangerous'],
  complexity: 'O(1)',
  summary: 'Answers when the data was last saved, in seconds since the epoch.',
  tips: ['nondeterministic_output'],
  run(ctx) {
    ctx.reply.integer(Math.floor(ctx.server.persistence.lastSaveMs / 1000));
  },
});

export const time = command({
  name: 'time',
  arity: 1,
  group: 'server',
  since: '2.6.0',
  flags: LOADING | STALE | FAST,
  complexity: 'O(1)',
  summary: 'Answers the time of the server: seconds since the epoch, and microseconds.',
  tips: ['nondeterministic_output'],
  run(ctx) {
    const nowMs = ctx.server.clock.nowMs();
    const seconds = Math.floor(nowMs / 1000);
    ctx.reply.array(2);
    ctx.reply.bulkInteger(seconds);
    ctx.reply.bulkInteger(Math.floor((nowMs - seconds * 1000) * 1000));
  },
});

export const shutdown = command({
  name: 'shutdown',
  arity: -1,
  group: 'server',
  since: '1.0.0',
  flags: ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | ALLOW_BUSY,
  complexity: 'O(N) when saving, where N is the total number of keys in all databases, otherwise O(1)',
  summary: 'Saves the data if so configured, and ends the server.',
  history: [['7.0.0', 'Modifiers `NOW`, `FORCE` and `ABORT`.']],
  arguments: [
    oneOf('nosave_save', ['nosave', 'save'], { flags: ['optional'] }),
    ...['now', 'force', 'abort'].map((word) => token(word, { since: '7.0.0', flags: ['optional'] })),
  ],
  run(ctx) {
    const options: ShutdownOptions = {};
    let abort = false;
    let noSave = false;
    for (let i = 1; i < ctx.argc; i++) {
      if (ctx.argIs(i, 'nosave')) noSave = true;
      else if (ctx.argIs(i, 'save')) options.save = true;
      else if (ctx.argIs(i, 'now')) options.now = true;
      else if (ctx.argIs(i, 'force')) options.force = true;
      else if (ctx.argIs(i, 'abort')) abort = true;
      else return ctx.reply.error(errors.SYNTAX);
    }
    const others = noSave || options.save === true || options.now === true || options.force === true;
    if ((abort && others) || (noSave && options.save === true)) return ctx.reply.error(errors.SYNTAX);
    if (abort) {
      if (ctx.server.abortShutdown()) ctx.reply.ok();
      else ctx.reply.error('ERR No shutdown in progress.');
      return;
    }
    if (noSave) options.save = false;
    const refusal = ctx.server.shutdown(options, ctx.client);
    if (refusal !== undefined) ctx.reply.error(refusal);
  },
});
