/** MULTI, EXEC, DISCARD, WATCH and UNWATCH. */
import type { CommandContext, TransactionPort } from '../commands/context.js';
import * as errors from '../resp/errors.js';
import type { Executor } from './executor.js';
import type { QueuedCommand, Session } from './session.js';

export class Transactions implements TransactionPort {
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  exec(ctx: CommandContext): void {
    const session = this.#executor.client;
    if (!session.inMulti) return ctx.reply.error('ERR EXEC without MULTI');
    const aborted = session.queueBroken;
    const raced = session.watchBroken || this.#anyWatchedExpired(session);
    const queue = session.queue.slice();
    this.#executor.watches.unwatch(session);
    if (aborted) ctx.reply.error(errors.EXECABORT);
    else if (raced) ctx.reply.nilArray();
    else this.#run(session, queue);
    // Only now: CLIENT INFO among the queued commands shows that it runs inside MULTI.
    session.endMulti();
  }

  #run(session: Session, queue: readonly QueuedCommand[]): void {
    const executor = this.#executor;
    const exec = executor.suspend();
    executor.propagation.beginTransaction();
    executor.reply.array(queue.length);
    for (const { command, args } of queue) executor.call(session, command, args);
    executor.propagation.endTransaction();
    // What the queued commands changed has been propagated: EXEC itself has nothing to add.
    executor.resume(session, exec);
  }

  #anyWatchedExpired(session: Session): boolean {
    const { nowMs } = this.#executor;
    return session.watched.some(({ db, key, expired }) => {
      if (expired) return false;
      const bytes = Buffer.from(key, 'latin1');
      const ref = db.find(bytes, 0, bytes.length);
      return ref !== 0 && db.isDue(ref, nowMs);
    });
  }

  discard(ctx: CommandContext): void {
    const session = this.#executor.client;
    if (!session.inMulti) return ctx.reply.error('ERR DISCARD without MULTI');
    this.#executor.watches.unwatch(session);
    session.endMulti();
    ctx.reply.ok();
  }

  watch(ctx: CommandContext): void {
    const session = this.#executor.client;
    if (session.inMulti) return ctx.reply.error('ERR WATCH inside MULTI is not allowed');
    if (!session.watchBroken) {
      for (let i = 1; i < ctx.argc; i++) {
        const ref = ctx.db.find(ctx.buf, ctx.start[i], ctx.end[i]);
        this.#executor.watches.watch(session, ctx.db, ctx.argText(i), ref !== 0 && ctx.db.isDue(ref, ctx.nowMs));
      }
    }
    ctx.reply.ok();
  }

  unwatch(ctx: CommandContext): void {
    this.#executor.watches.unwatch(this.#executor.client);
    ctx.reply.ok();
  }

  abandon(_ctx: CommandContext): void {
    this.#executor.watches.unwatch(this.#executor.client);
    this.#executor.client.endMulti();
    this.#executor.forgetPushes(this.#executor.client);
  }
}
