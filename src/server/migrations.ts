/** MIGRATE: lets the client wait, keeps others from writing to the keys meanwhile, and answers in the end. */
import { latin1 } from '../base/bytes.js';
import type { MigrationPort, MigrationRequest } from '../commands/migrationPort.js';
import type { Executor } from '../exec/executor.js';
import type { KeyMove } from '../exec/movingKeys.js';
import type { Database } from '../store/database.js';
import { Migration, type MigrationHost } from './migration.js';
import { MigrationSockets } from './migrationSockets.js';

export interface MigrationsOwner {
  readonly executor: Executor;
  readonly clusterMode: boolean;
  /** Whether requests must pass the gates has changed. */
  refreshGates(): void;
  /** Serves those who wait for keys that have changed. */
  serveBlocked(): void;
}

export class Migrations implements MigrationPort, MigrationHost {
  readonly sockets: MigrationSockets;
  isStopped = false;
  readonly #owner: MigrationsOwner;

  constructor(owner: MigrationsOwner) {
    const { clock, random } = owner.executor.server;
    this.#owner = owner;
    this.sockets = new MigrationSockets(clock, random);
  }

  get executor(): Executor {
    return this.#owner.executor;
  }

  get clusterMode(): boolean {
    return this.#owner.clusterMode;
  }

  get cachedSockets(): number {
    return this.sockets.count;
  }

  start(db: Database, request: MigrationRequest): void {
    const { executor } = this;
    const { session, command } = executor;
    const keys = request.keys.map((key) => latin1(key, 0, key.length));
    const move: KeyMove = { session, db, keys, changed: new Set() };
    session.isWorking = true;
    executor.moving.lock(move);
    this.#owner.refreshGates();
    // The call counts when it ends.
    command.calls--;
    executor.server.stats.commandsProcessed--;
    let error: string | undefined;
    const isSilent = session.replyMode !== 'on';
    executor.server.clients.block(session, 0, (reply) => {
      if (isSilent) return;
      if (error === undefined) reply.ok();
      else reply.error(error);
    });
    void new Migration(this, request, move).run().then((result) => {
      error = result;
      executor.gaveUpWaiting(command, error);
      this.#end(move);
    });
  }

  #end(move: KeyMove): void {
    move.session.isWorking = false;
    const waiting = this.executor.moving.unlock(move);
    if (this.isStopped) return;
    this.#owner.refreshGates();
    move.session.blocked?.('ready');
    this.#owner.serveBlocked();
    for (const session of waiting) setImmediate(() => session.transport.resume());
  }

  tick(): void {
    this.sockets.tick();
  }

  stop(): void {
    this.isStopped = true;
    this.sockets.stop();
  }
}
