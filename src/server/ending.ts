/**
 * SHUTDOWN and the signals: lets replicas catch up first, with writes held back, then saves what is to be saved and ends the
 * server; or tells why it cannot.
 *
 *   begin ─┬─ replicas lag ──> waiting ─┬─ caught up, or shutdown-timeout ─┬─> finish ─┬─> the server ends
 *          └─ none, or NOW ─────────────┼──────────────────────────────────┘           └─> an error: it goes on
 *                                       └─ SHUTDOWN ABORT: it goes on
 */
import type { ShutdownOptions } from '../commands/context.js';
import type { Config } from '../config/config.js';
import type { Executor } from '../exec/executor.js';
import type { Session } from '../exec/session.js';
import type { Clients } from './clients.js';
import type { Replication } from './replication.js';
import type { Supervisor } from './supervisor.js';

export const CANNOT_END = 'ERR Errors trying to SHUTDOWN. Check logs.';

export interface EndingHost {
  readonly config: Config;
  readonly clients: Clients;
  readonly executor: Executor;
  readonly replication: Replication;
  readonly supervisor: Supervisor | undefined;
  /** DEBUG PAUSE-CRON: signals are acted on when it is over. */
  readonly cronPaused: boolean;
  /** Saves and ends; false when something that must be safe is not. */
  end(options: ShutdownOptions): boolean;
  log(level: 'notice' | 'warning', text: string): void;
}

export class Ending {
  readonly #host: EndingHost;
  /** Clients whose SHUTDOWN has no answer yet; they get one only when the server does not end. */
  readonly #waiting = new Set<Session>();
  #options: ShutdownOptions | undefined;
  #deadlineMs = 0;

  constructor(host: EndingHost) {
    this.#host = host;
  }

  get isWaiting(): boolean {
    return this.#options !== undefined;
  }

  /** How long replicas have left to catch up; undefined while no shutdown waits for any. */
  get leftMs(): number | undefined {
    return this.isWaiting ? Math.max(0, this.#deadlineMs - this.#nowMs()) : undefined;
  }

  /** Answers the error, when the server cannot end. */
  begin(options: ShutdownOptions, client: Session | undefined): string | undefined {
    const { config, clients, replication, executor } = this.#host;
    if (this.isWaiting) {
      if (client !== undefined) this.#block(client);
      return undefined;
    }
    this.#host.log('warning', 'User requested shutdown...');
    const timeoutMs = config.values['shutdown-timeout'] * 1000;
    const postponed = client === undefined && this.#host.cronPaused;
    const unhindered = options.now === true || timeoutMs === 0 || this.#isCaughtUp();
    if (unhindered && !postponed) return this.#finish(options);
    if (!unhindered) this.#host.log('notice', 'Waiting for replicas before shutting down.');
    this.#options = options;
    this.#deadlineMs = this.#nowMs() + timeoutMs;
    if (client !== undefined) this.#block(client);
    if (!executor.pause.activeAt(this.#nowMs())) {
      replication.requestAcks();
      replication.flush();
    }
    clients.holdWrites('shutdown', Number.POSITIVE_INFINITY);
    return undefined;
  }

  #block(client: Session): void {
    this.#waiting.add(client);
    this.#host.clients.block(client, 0, (reply) => {
      this.#waiting.delete(client);
      reply.error(CANNOT_END);
    });
  }

  /** Due with every tick, and when replicas got further. */
  look(): void {
    const options = this.#options;
    if (options === undefined || (this.#nowMs() < this.#deadlineMs && !this.#isCaughtUp())) return;
    if (this.#finish(options) !== undefined) this.#giveUp();
  }

  /** SHUTDOWN ABORT; false when there is nothing to abort. */
  abort(): boolean {
    if (!this.isWaiting) return false;
    this.#giveUp();
    this.#host.log('notice', 'Shutdown manually aborted.');
    return true;
  }

  #giveUp(): void {
    this.#options = undefined;
    this.#host.clients.releaseWrites('shutdown');
    const { blocking } = this.#host.executor;
    for (const session of this.#waiting) blocking.end(session, 'ready');
  }

  #finish(options: ShutdownOptions): string | undefined {
    const { supervisor } = this.#host;
    this.#tellOfReplicas();
    supervisor?.stopping();
    if (this.#host.end(options)) return undefined;
    supervisor?.status('Errors trying to shut down, the server goes on');
    this.#host.log('warning', 'Errors trying to shut down the server. Check the logs for more information.');
    return CANNOT_END;
  }

  #tellOfReplicas(): void {
    const { replicas, offset } = this.#host.replication;
    const facts = replicas.facts();
    const lagging = facts.filter((each) => each.ackedOffset !== offset);
    for (const { host, port, ackedOffset, lagSeconds, state } of lagging) {
      this.#host.log(
        'warning',
        `Lagging replica ${host}:${port} reported offset ${offset - ackedOffset} behind master, lag=${lagSeconds}, state=${state}.`,
      );
    }
    if (facts.length === 0) return;
    const inSync = facts.length - lagging.length;
    this.#host.log('notice', `${inSync} of ${facts.length} replicas are in sync when shutting down.`);
  }

  #isCaughtUp(): boolean {
    const { replicas, offset } = this.#host.replication;
    return replicas.facts().every((each) => each.ackedOffset === offset);
  }

  #nowMs(): number {
    return this.#host.executor.server.clock.nowMs();
  }
}
