import { ADMIN, LOADING, NOSCRIPT, STALE } from '../command.js';
import { command } from '../define.js';

export const monitor = command({
  name: 'monitor',
  arity: 1,
  group: 'server',
  since: '1.0.0',
  flags: ADMIN | NOSCRIPT | LOADING | STALE,
  complexity: 'O(1)',
  summary: 'Shows every command that the server runs.',
  run(ctx) {
    // Redis counts it as blocking: a transaction must end.
    if (!ctx.mayBlock) return ctx.reply.error("ERR MONITOR isn't allowed for DENY BLOCKING client");
    // Who monitors already is told nothing, not even OK.
    if (ctx.server.monitors.has(ctx.client)) return;
    ctx.server.monitors.add(ctx.client);
    ctx.reply.ok();
  },
});
