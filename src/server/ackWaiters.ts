/** Clients that wait until replicas have acknowledged what was written (WAIT). */
import type { Executor } from '../exec/executor.js';
import type { Session } from '../exec/session.js';

const UNBLOCKED = 'UNBLOCKED client unblocked via CLIENT UNBLOCK';
export const INSTANCE_CHANGED =
  'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)';

interface Waiter {
  readonly session: Session;
  /** So much of the stream, by so many. */
  readonly offset: number;
  readonly replicas: number;
}

export class AckWaiters {
  readonly #executor: Executor;
  readonly #countAcked: (offset: number) => number;
  readonly #waiters = new Set<Waiter>();
  #isEnding = false;

  constructor(executor: Executor, countAcked: (offset: number) => number) {
    this.#executor = executor;
    this.#countAcked = countAcked;
  }

  wait(session: Session, offset: number, replicas: number, timeoutMs: number): void {
    const waiter = { session, offset, replicas };
    this.#waiters.add(waiter);
    this.#executor.server.clients.block(session, timeoutMs, (reply, how) => {
      this.#waiters.delete(waiter);
      if (how === 'unblocked-with-error') reply.error(this.#isEnding ? INSTANCE_CHANGED : UNBLOCKED);
      else reply.integer(this.#countAcked(offset));
    });
  }

  /** Replicas got further, came or went. Those who have waited long enough are served after the command that runs. */
  acked(): void {
    for (const { session, offset, replicas } of this.#waiters) {
      if (this.#countAcked(offset) >= replicas) this.#executor.blocking.end(session, 'ready');
    }
  }

  /** This server is no master any more. */
  endAll(): void {
    this.#isEnding = this.#waiters.size > 0;
    for (const { session } of this.#waiters) this.#executor.blocking.end(session, 'unblocked-with-error');
  }
}
