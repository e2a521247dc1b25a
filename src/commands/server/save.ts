/** SAVE, BGSAVE and BGREWRITEAOF. */
import * as errors from '../../resp/errors.js';
import { ADMIN, NO_ASYNC_LOADING, NO_MULTI, NOSCRIPT } from '../command.js';
import { command } from '../define.js';
import { token } from '../generic/declare.js';

const IN_PROGRESS = 'ERR Background save already in progress';
const BUSY =
  "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE " +
  'whenever possible.';
/** That is all that Redis says; the log tells more. */
const FAILED = 'ERR';

export const save = command({
  name: 'save',
  arity: 1,
  group: 'server',
  since: '1.0.0',
  flags: ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI,
  complexity: 'O(N) where N is the total number of keys in all databases',
  summary: 'Saves the data to the RDB file; nobody is served meanwhile.',
  run({ reply, server }) {
    if (server.persistence.saving) return reply.error(IN_PROGRESS);
    if (server.persistence.saveRdb()) reply.ok();
    else reply.error(FAILED);
  },
});

export const bgSave = command({
  name: 'bgsave',
  arity: -1,
  group: 'server',
  since: '1.0.0',
  flags: ADMIN | NOSCRIPT | NO_ASYNC_LOADING,
  complexity: 'O(1)',
  summary: 'Starts saving the data to the RDB file.',
  history: [['3.2.2', 'The option `SCHEDULE` came.']],
  arguments: [token('schedule', { since: '3.2.2', flags: ['optional'] })],
  run(ctx) {
    const { reply, server } = ctx;
    if (ctx.argc > 1 && !(ctx.argc === 2 && ctx.argIs(1, 'schedule'))) return reply.error(errors.SYNTAX);
    if (server.persistence.saving) return reply.error(IN_PROGRESS);
    switch (server.persistence.saveRdbInBackground(ctx.argc > 1 || ctx.client.inMulti)) {
      case 'busy':
        return reply.error(BUSY);
      case 'failed':
        return reply.error(FAILED);
      case 'scheduled':
        return reply.simple('Background saving scheduled');
      default:
        return reply.simple('Background saving started');
    }
  },
});

export const bgRewriteAof = command({
  name: 'bgrewriteaof',
  arity: 1,
  group: 'server',
  since: '1.0.0',
  flags: ADMIN | NOSCRIPT | NO_ASYNC_LOADING,
  complexity: 'O(1)',
  summary: 'Starts writing the append-only file anew, without what has been overwritten and deleted.',
  run({ reply, server }) {
    switch (server.persistence.rewriteAof()) {
      case 'started':
        return reply.simple('Background append only file rewriting started');
      case 'scheduled':
        return reply.simple('Background append only file rewriting scheduled');
      case 'running':
        return reply.error('ERR Background append only file rewriting already in progress');
      case 'failed':
        return reply.error(
          "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.",
        );
    }
  },
});
