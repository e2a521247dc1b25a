import type { Ref } from '../../store/types.js';
import { type CommandContext, EVENT_MISS } from '../context.js';

/**
 * The live entry of key argument i for commands that look at a key without using it (EXISTS, TTL, TYPE): counted as hit or
 * miss, but its access clock stays. 0 when absent.
 */
export function inspect(ctx: CommandContext, i: number): Ref {
  const ref = ctx.peek(i);
  if (ref !== 0) {
    ctx.server.stats.keyspaceHits++;
    return ref;
  }
  ctx.server.stats.keyspaceMisses++;
  ctx.notify(ctx.db, ctx.buf, ctx.start[i], ctx.end[i], EVENT_MISS, 'keymiss');
  return 0;
}
