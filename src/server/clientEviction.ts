/**
 * `maxmemory-clients`: ends the connections that take most memory while all of them together take more than the limit.
 *
 * Looked at once a round of the event loop, after replies have left, and only when connections have grown. Connections are sorted
 * by the power of two of their size, so that of those about equally large not always the same one is hit, and the largest go
 * first. Masters, replicas and those that said CLIENT NO-EVICT neither count nor go.
 */
import { clientType } from '../commands/connection/clientLine.js';
import type { Executor } from '../exec/executor.js';
import type { Connection } from '../net/connection.js';

/** With less than this nobody could even tell the server another limit. */
const LIMIT_MIN_BYTES = 128 * 1024;

export class ClientEviction {
  readonly #executor: Executor;
  readonly #connections: ReadonlyMap<number, Connection>;
  /** 0: no limit. */
  #limitBytes = 0;
  #scheduled: NodeJS.Immediate | undefined;

  constructor(executor: Executor, connections: ReadonlyMap<number, Connection>) {
    this.#executor = executor;
    this.#connections = connections;
    const { config } = executor.server;
    const refresh = (): void => this.#configure();
    config.onChange('maxmemory-clients', refresh);
    config.onChange('maxmemory', refresh);
    this.#configure();
  }

  #configure(): void {
    const { maxmemory, 'maxmemory-clients': limit } = this.#executor.server.config.values;
    // Negative: a percentage of maxmemory, which has to be set then.
    const bytes = limit < 0 ? Math.floor((maxmemory * -limit) / 100) : limit;
    this.#limitBytes = bytes === 0 ? 0 : Math.max(bytes, LIMIT_MIN_BYTES);
    this.grown();
  }

  /** A connection takes more memory than before. */
  grown(): void {
    if (this.#limitBytes === 0 || this.#executor.eviction.clientBuffers.bytesUsed <= this.#limitBytes) return;
    this.#scheduled ??= setImmediate(() => this.#evict());
  }

  stop(): void {
    clearImmediate(this.#scheduled);
  }

  #evict(): void {
    this.#scheduled = undefined;
    const candidates = [...this.#connections.values()].filter(({ session }) => {
      const type = clientType(session);
      return !session.noEvict && (type === 'normal' || type === 'pubsub');
    });
    let usedBytes = 0;
    for (const connection of candidates) usedBytes += connection.memoryBytes();
    if (this.#limitBytes === 0 || usedBytes <= this.#limitBytes) return;
    candidates.sort((a, b) => sizeClass(b) - sizeClass(a));
    const { server } = this.#executor;
    for (const connection of candidates) {
      if (usedBytes <= this.#limitBytes) break;
      const { id, name } = connection.session;
      const bytes = connection.memoryBytes();
      server.log('notice', `Evicting client: id=${id} addr=${connection.peerAddress} name=${name} tot-mem=${bytes}`);
      usedBytes -= bytes;
      connection.destroy();
      server.stats.evictedClients++;
    }
  }
}

function sizeClass(connection: Connection): number {
  return Math.floor(Math.log2(Math.max(1, connection.memoryBytes())));
}
