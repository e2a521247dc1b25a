/** Clients that wait until replicas have acknowledged what was written (WAIT), or until it is on disk (WAITAOF). */
import type { AcksPort, DiskWish, ReplicationClient } from '../commands/replicationPort.js';
import type { Executor } from '../exec/executor.js';
import type { Session } from '../exec/session.js';
import type { ReplyWriter } from '../resp/replyWriter.js';
import type { Aof } from './aof.js';
import type { Replicas } from './replicas.js';

const UNBLOCKED = 'UNBLOCKED client unblocked via CLIENT UNBLOCK';
export const INSTANCE_CHANGED =
  'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)';
const NO_AOF = 'ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.';

interface Stream {
  readonly replicas: Replicas;
  /** Where the stream of writes is now. */
  readonly offset: number;
  requestAcks(): void;
}

/** What one client waits for. */
interface Wish {
  isGranted(): boolean;
  answer(reply: ReplyWriter): void;
}

interface Waiter {
  readonly session: Session;
  readonly wish: Wish;
}

export class AckWaiters implements AcksPort {
  readonly #host: { readonly executor: Executor; readonly aof: Aof };
  readonly #stream: Stream;
  readonly #waiters = new Set<Waiter>();
  #isEnding = false;

  constructor(host: { readonly executor: Executor; readonly aof: Aof }, stream: Stream) {
    this.#host = host;
    this.#stream = stream;
  }

  countAcked(offset: number): number {
    return this.#stream.replicas.countAcked(offset);
  }

  wait(client: ReplicationClient, replicas: number, timeoutMs: number): void {
    const { offset } = this.#stream;
    this.#wait(client as Session, timeoutMs, {
      isGranted: () => this.countAcked(offset) >= replicas,
      answer: (reply) => reply.integer(this.countAcked(offset)),
    });
  }

  waitForDisk(client: ReplicationClient, { local, replicas, timeoutMs, mayBlock }: DiskWish): void {
    const { aof, executor } = this.#host;
    const { offset } = this.#stream;
    const { writer } = aof;
    const position = writer?.appendedBytes ?? 0;
    const isOff = (): boolean => local && (writer === undefined || aof.writer !== writer);
    const isOnDisk = (): boolean => writer !== undefined && aof.writer === writer && writer.syncedBytes >= position;
    const count = (): number => this.#stream.replicas.countOnDisk(offset);
    const wish: Wish = {
      isGranted: () => isOff() || ((!local || isOnDisk()) && count() >= replicas),
      answer: (reply) => {
        if (isOff()) return reply.error(NO_AOF);
        reply.array(2);
        reply.integer(isOnDisk() ? 1 : 0);
        reply.integer(count());
      },
    };
    if (!mayBlock || wish.isGranted()) wish.answer(executor.reply);
    else this.#wait(client as Session, timeoutMs, wish);
  }

  #wait(session: Session, timeoutMs: number, wish: Wish): void {
    const waiter = { session, wish };
    this.#waiters.add(waiter);
    this.#host.executor.server.clients.block(session, timeoutMs, (reply, how) => {
      this.#waiters.delete(waiter);
      if (how === 'unblocked-with-error') reply.error(this.#isEnding ? INSTANCE_CHANGED : UNBLOCKED);
      else wish.answer(reply);
    });
    if (this.#stream.replicas.count > 0) this.#stream.requestAcks();
  }

  /** Replicas or the disk got further, replicas came or went. Those who have waited long enough are served after the command that runs. */
  acked(): void {
    for (const { session, wish } of this.#waiters) {
      if (wish.isGranted()) this.#host.executor.blocking.end(session, 'ready');
    }
  }

  /** More is on our disk. Not now: replies of this round may be on their way out. */
  synced(): void {
    if (this.#waiters.size > 0) setImmediate(() => this.acked());
  }

  /** This server is no master any more. */
  endAll(): void {
    this.#isEnding = this.#waiters.size > 0;
    for (const { session } of this.#waiters) this.#host.executor.blocking.end(session, 'unblocked-with-error');
  }
}
