/** Running clusters for the tests of commands that change one, and clients that go on using it meanwhile. */
import { Cluster } from 'ioredis';
import { describe, it } from 'vitest';
import { keySlot } from '../../src/base/crc16.js';
import { REDIS, type ServerKind, SHOAL, skipAloud, startNode, type TestNode, trib, waitUntil } from './nodes.js';

/** What the nodes of a cluster are: all of one kind, or in turn of each. */
export interface Mixture {
  readonly name: string;
  readonly kinds: readonly ServerKind[];
}

const MIXTURES: readonly Mixture[] = [
  { name: 'redis', kinds: [REDIS] },
  { name: 'shoal', kinds: [SHOAL] },
  { name: 'shoal and redis together', kinds: [SHOAL, REDIS] },
];

export interface Scope {
  /** Clusters of both kinds as well: for what nodes do with each other, not for what trib does with each of them. */
  readonly together?: boolean;
}

/** The same specification for each mixture of servers; one with a server that is missing is skipped aloud. */
export function describeMixtures(title: string, { together }: Scope, specify: (mixture: Mixture) => void): void {
  const only = process.env.SHOAL_TRIB_SERVER;
  for (const mixture of MIXTURES) {
    if (only !== undefined && mixture.name !== only) continue;
    if (mixture.kinds.length > 1 && !together) continue;
    const reason = mixture.kinds.map(({ missing }) => missing).find((text) => text !== undefined);
    skipAloud(`${mixture.name}: ${title}`, reason);
    describe.skipIf(reason !== undefined)(`${mixture.name}: ${title}`, () => specify(mixture));
  }
}

type Specify = (title: string, test: () => Promise<void>) => void;
const NOWHERE = Object.assign((() => {}) as Specify, { skipIf: (): Specify => () => {} });

/** `it`, for what is the same whatever the other nodes are: clusters of both kinds do without. */
export function itWithOneKind({ kinds }: Mixture): Specify & { skipIf(condition: boolean): Specify } {
  return kinds.length > 1 ? NOWHERE : it;
}

/** Starts `count` nodes of the mixture, in the order of their ports. */
export async function startNodes(
  { kinds }: Mixture,
  count: number,
  directives: Record<string, string> = {},
): Promise<TestNode[]> {
  const nodes = await Promise.all(
    // A busy machine must not make a failover of a pause.
    Array.from({ length: count }, (_, i) =>
      startNode(kinds[i % kinds.length], { 'cluster-node-timeout': '2000', ...directives }),
    ),
  );
  return nodes.sort((a, b) => a.port - b.port);
}

export async function stopNodes(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.stop()));
}

/** Makes the nodes a cluster, with trib. */
export async function joinNodes(nodes: readonly TestNode[], options = ''): Promise<void> {
  const { code, out } = await trib(`create --yes ${options} ${nodes.map(({ address }) => address).join(' ')}`);
  if (code !== 0) throw new Error(`the cluster was not made: ${out}`);
}

export async function idsOf(nodes: readonly TestNode[]): Promise<string[]> {
  return await Promise.all(nodes.map(async (node) => String(await node.call('CLUSTER', 'MYID'))));
}

/** The slots that a node claims, as CLUSTER NODES has them. */
export async function ownSlots(node: TestNode): Promise<string> {
  const lines = String(await node.call('CLUSTER', 'NODES')).split('\n');
  const myself = lines.find((line) => line.includes('myself')) ?? '';
  return myself.split(' ').slice(8).join(' ');
}

/** Waits until trib finds nothing wrong. */
export async function untilHealthy(node: TestNode): Promise<void> {
  let last = '';
  await waitUntil(
    'trib check is content',
    async () => {
      const { code, out } = await trib(`check ${node.address}`);
      last = out;
      return code === 0;
    },
    60_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${last}`);
  });
}

/** `count` keys of one slot: a tag in braces that hashes to it, and a number. */
export function keysOfSlot(slot: number, count: number): string[] {
  for (let i = 0; ; i++) {
    const tag = i.toString(36);
    const bytes = Buffer.from(tag);
    if (keySlot(bytes, 0, bytes.length) === slot) return Array.from({ length: count }, (_, n) => `{${tag}}${n}`);
  }
}

/**
 * Clients that write all the time, each its own keys, and know what has been acknowledged. What was not acknowledged may
 * or may not have happened.
 */
export class LiveLoad {
  readonly #cluster: Cluster;
  readonly #keys: readonly string[];
  /** The last acknowledged value, and those that were sent since. */
  readonly #written = new Map<string, { acknowledged: number; sent: number }>();
  readonly #workers: Promise<void>[] = [];
  #stopped = false;
  writes = 0;

  constructor(nodes: readonly TestNode[], keys: readonly string[]) {
    this.#cluster = new Cluster(
      nodes.map(({ host, port }) => ({ host, port })),
      { redisOptions: { maxRetriesPerRequest: null }, retryDelayOnClusterDown: 50, slotsRefreshTimeout: 5000 },
    );
    this.#cluster.on('error', () => {});
    this.#keys = keys;
  }

  /** Writes every key once, then goes on with `workers` clients at a time. */
  async start(workers = 4): Promise<void> {
    await Promise.all(this.#keys.map((key) => this.#write(key)));
    for (let w = 0; w < workers; w++) this.#workers.push(this.#work(w, workers));
  }

  async #work(first: number, step: number): Promise<void> {
    for (let i = first; !this.#stopped; i += step) {
      await this.#write(this.#keys[i % this.#keys.length]);
      // The nodes and trib share the processors with us.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async #write(key: string): Promise<void> {
    const record = this.#written.get(key) ?? { acknowledged: 0, sent: 0 };
    this.#written.set(key, record);
    const value = ++record.sent;
    try {
      await this.#cluster.set(key, String(value));
      record.acknowledged = value;
      this.writes++;
    } catch {
      // Not acknowledged: the old value or the new one is there.
    }
  }

  /** Ends the clients; every key must have its last acknowledged value (or one that was sent after it), on one master only. */
  async stopAndVerify(masters: readonly TestNode[]): Promise<{ lost: string[]; held: number; expected: number }> {
    this.#stopped = true;
    await Promise.all(this.#workers);
    const lost: string[] = [];
    for (const [key, { acknowledged, sent }] of this.#written) {
      const value = Number(await this.#cluster.get(key));
      if (value < acknowledged || value > sent) lost.push(`${key}: ${acknowledged} acknowledged, ${value} found`);
    }
    const sizes = await Promise.all(masters.map(async (node) => Number(await node.call('DBSIZE'))));
    const held = sizes.reduce((sum, size) => sum + size, 0);
    this.#cluster.disconnect();
    return { lost, held, expected: this.#written.size };
  }
}
