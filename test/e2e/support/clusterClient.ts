/** A cluster client that writes all the time and remembers what was acknowledged. */
import { Cluster } from 'ioredis';
import type { ClusterNode, TestContext } from './cluster.js';

const WRITERS = 8;

interface Acknowledged {
  readonly key: string;
  readonly atMs: number;
}

export class RecordingClient {
  readonly #cluster: Cluster;
  readonly #acknowledged: Acknowledged[] = [];
  readonly #writers: Promise<void>[];
  #stopped = false;
  #next = 0;

  private constructor(nodes: readonly ClusterNode[]) {
    this.#cluster = new Cluster(
      nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
      {
        // Each failure is met by the writer's own next try.
        clusterRetryStrategy: () => 100,
        retryDelayOnFailover: 50,
        retryDelayOnClusterDown: 100,
        maxRedirections: 100,
        slotsRefreshTimeout: 1000,
        redisOptions: { maxRetriesPerRequest: 1, connectTimeout: 1000 },
      },
    );
    this.#cluster.on('error', () => undefined);
    this.#writers = Array.from({ length: WRITERS }, () => this.#write());
  }

  static start(test: TestContext, nodes: readonly ClusterNode[]): RecordingClient {
    const client = new RecordingClient(nodes);
    test.onTestFinished(async () => {
      await client.stop();
      client.#cluster.disconnect();
    });
    return client;
  }

  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  /** Each key is written once, with itself as value: what is not there was lost. */
  async #write(): Promise<void> {
    while (!this.#stopped) {
      const key = `key:${this.#next++}`;
      const atMs = performance.now();
      try {
        await this.#cluster.set(key, key);
        this.#acknowledged.push({ key, atMs });
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writers);
  }

  /** Acknowledged writes that are not there; when each was sent. */
  async lost(): Promise<Acknowledged[]> {
    const values = await Promise.all(this.#acknowledged.map(({ key }) => this.#cluster.get(key)));
    return this.#acknowledged.filter(({ key }, i) => values[i] !== key);
  }
}
