/** Keys and slots on their way between servers, ours and Redis's own, with the tools that operators use. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { textOf } from '../support/notation.js';
import { freePorts } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { ClusterNode, endAfter, join, startNodes, type TestContext, untilState } from './support/cluster.js';
import { type Daemon, launch, plainArgs, run, until } from './support/daemon.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('keys on their way between our servers and those of Redis');

/** 'o' is ours, 'r' is Redis's: source and target. */
const PAIRS = hasRedis ? ['oo', 'or', 'ro'] : ['oo'];
/** Between two writes of a client. */
const PACE_MS = 2;
const LONG = { timeout: 120_000 };

interface Endpoint {
  readonly daemon: Daemon;
  readonly port: number;
  readonly client: RawClient;
}

async function servers(test: TestContext, kinds: string): Promise<Endpoint[]> {
  const ports = await freePorts(kinds.length);
  return Promise.all(
    ports.map(async (port, i) => {
      const more = ['--enable-debug-command', 'yes'];
      const daemon = launch(plainArgs(port, more), kinds[i] === 'r' ? { program: 'redis-server' } : {});
      test.onTestFinished(async () => void (await daemon.end()));
      await daemon.ready();
      const client = await RawClient.connect(port);
      test.onTestFinished(async () => client.close());
      return { daemon, port, client };
    }),
  );
}

/** Small and large values of each type: the large ones are sent and read in pieces. */
async function fill({ client }: Endpoint): Promise<string[]> {
  const batch: string[][] = [];
  for (let i = 0; i < 3000; i++) {
    const text = `value ${i} ${'x'.repeat(i % 90)}`;
    batch.push(['HSET', 'hash', `field:${i}`, text], ['SADD', 'set', `member:${i}`, String(i)]);
    batch.push(['ZADD', 'zset', String(i / 7), `member:${i}`], ['RPUSH', 'list', text, String(i), 'y'.repeat(i % 300)]);
    batch.push(['XADD', 'stream', `${i + 1}-1`, 'field', text, 'n', String(i)]);
  }
  batch.push(['SETRANGE', 'string', '700000', 'end'], ['SETBIT', 'string', '1234567', '1']);
  batch.push(
    ['XGROUP', 'CREATE', 'stream', 'group', '0'],
    ['XREADGROUP', 'GROUP', 'group', 'me', 'COUNT', '500', 'STREAMS', 'stream', '>'],
  );
  batch.push(['SET', 'small:string', 'x'], ['RPUSH', 'small:list', 'a', '1'], ['HSET', 'small:hash', 'f', 'v']);
  batch.push(['SADD', 'small:set', '1', '2'], ['SADD', 'small:texts', 'a', 'b'], ['ZADD', 'small:zset', '1', 'a']);
  batch.push(
    ['XADD', 'small:stream', '1-1', 'f', 'v'],
    ['PFADD', 'small:hll', 'a', 'b'],
    ['SET', 'small:number', '42'],
  );
  await client.pipeline(batch);
  return [
    'hash',
    'set',
    'zset',
    'list',
    'stream',
    'string',
    ...['string', 'list', 'hash', 'set', 'texts', 'zset', 'stream', 'hll', 'number'].map((name) => `small:${name}`),
  ];
}

async function digests({ client }: Endpoint, keys: readonly string[]): Promise<string> {
  return textOf(await client.call('DEBUG', 'DIGEST-VALUE', ...keys));
}

describe.concurrent('MIGRATE', () => {
  it.for(PAIRS)(
    'takes values of every type and size from one to the other and back (%s)',
    LONG,
    async (kinds, test) => {
      const [a, b] = (await servers(test, kinds)) as [Endpoint, Endpoint];
      const keys = await fill(a);
      const ask = async ({ client }: Endpoint, ...request: string[]): Promise<unknown> => await client.call(...request);
      const debug = async (endpoint: Endpoint): Promise<unknown[]> => {
        const replies: unknown[] = [];
        for (const key of keys) replies.push(await ask(endpoint, 'DEBUG', 'DIGEST-VALUE', key));
        return replies;
      };
      const before = await debug(a);
      expect(await digests(a, keys)).not.toBe('');
      for (const key of keys.slice(0, 8))
        expect(await ask(a, 'MIGRATE', '127.0.0.1', String(b.port), key, '0', '30000')).toMatchObject({ text: 'OK' });
      expect(await ask(a, 'MIGRATE', '127.0.0.1', String(b.port), '', '0', '30000', 'KEYS', ...keys)).toMatchObject({
        text: 'OK',
      });
      expect(await ask(a, 'DBSIZE')).toMatchObject({ text: '0' });
      expect(await debug(b)).toEqual(before);
      expect(await ask(b, 'MIGRATE', '127.0.0.1', String(a.port), '', '0', '30000', 'KEYS', ...keys)).toMatchObject({
        text: 'OK',
      });
      expect(await ask(b, 'DBSIZE')).toMatchObject({ text: '0' });
      expect(await debug(a)).toEqual(before);
    },
  );
});

/** Counts up in its own keys, all over the slots, and knows what was acknowledged. */
class Load {
  readonly #cluster: Cluster;
  readonly #acknowledged = new Map<string, number>();
  #isOn = true;
  readonly #running: Promise<void>[];
  readonly errors: string[] = [];

  constructor(port: number, clients: number) {
    this.#cluster = new Cluster([{ host: '127.0.0.1', port }], {
      retryDelayOnTryAgain: 20,
      maxRedirections: 64,
      retryDelayOnMoved: 5,
    });
    // Nodes are killed: what becomes of the requests is told by their promises.
    this.#cluster.on('error', () => undefined);
    this.#running = Array.from({ length: clients }, (_, i) => this.#run(i));
  }

  async #run(client: number): Promise<void> {
    for (let n = 0; this.#isOn; n++) {
      // Enough to meet every step of a move, and something is left of the machine for those who move.
      await sleep(PACE_MS);
      const key = `load:${client}:${n % 40}`;
      try {
        this.#acknowledged.set(key, await this.#cluster.incr(key));
      } catch (error) {
        this.errors.push(String(error));
      }
    }
  }

  get written(): number {
    return this.#acknowledged.size;
  }

  /** Stops, and answers which keys do not hold what was acknowledged last: each has one writer. */
  async end(): Promise<string[]> {
    this.#isOn = false;
    await Promise.all(this.#running);
    const wrong: string[] = [];
    for (const [key, value] of this.#acknowledged) {
      const found = await this.#cluster.get(key);
      if (found !== String(value)) wrong.push(`${key}: ${found}, acknowledged ${value}`);
    }
    this.#cluster.disconnect();
    return wrong;
  }
}

async function cluster(test: TestContext, kinds: string): Promise<ClusterNode[]> {
  const ports = await freePorts(kinds.length);
  const nodes = ports.map(
    (port, i) => new ClusterNode({ port, program: kinds[i] === 'r' ? 'redis-server' : undefined }),
  );
  endAfter(test, nodes);
  await Promise.all(nodes.map((node) => node.start()));
  await join(nodes);
  return nodes;
}

async function keyCount(nodes: readonly ClusterNode[]): Promise<number> {
  let sum = 0;
  for (const node of nodes) sum += Number(await node.ask('DBSIZE'));
  return sum;
}

const CLUSTERS = hasRedis ? ['ooo', 'oro'] : [];

describe.skipIf(!hasRedis).concurrent('redis-cli moves slots', () => {
  it.for(CLUSTERS)(
    'reshard and rebalance under load lose nothing that was acknowledged (%s)',
    LONG,
    async (kinds, test) => {
      const nodes = await cluster(test, kinds);
      const [a, b] = nodes as [ClusterNode, ClusterNode];
      const still = new Cluster([{ host: '127.0.0.1', port: a.port }]);
      const names = Array.from({ length: 2000 }, (_, i) => `still:${i}`);
      await Promise.all(names.map((name) => still.set(name, name)));
      const load = new Load(a.port, 4);
      await until('the load runs', () => load.written >= 100);
      const reshard = ['reshard', a.address, '--cluster-from', await a.id(), '--cluster-to', await b.id()];
      const moved = await run('redis-cli', ['--cluster', ...reshard, '--cluster-slots', '80', '--cluster-yes']);
      expect(moved).toMatchObject({ code: 0 });
      const rebalance = ['--cluster', 'rebalance', b.address, '--cluster-threshold', '1', '--cluster-pipeline', '50'];
      expect(await run('redis-cli', rebalance)).toMatchObject({ code: 0 });
      await untilState(nodes, 'ok');
      expect(await load.end()).toEqual([]);
      expect(load.errors).toEqual([]);
      const found = await Promise.all(names.map((name) => still.get(name)));
      expect(found).toEqual(names);
      still.disconnect();
      expect(await keyCount(nodes)).toBe(names.length + load.written);
      await until('redis-cli finds nothing wrong', async () => {
        const check = await run('redis-cli', ['--cluster', 'check', a.address]);
        return check.code === 0 && check.output.includes('All 16384 slots covered');
      });
    },
  );
});

describe.concurrent('a server that keys leave, and one that they come to', () => {
  it('tell their replicas and their append-only files', LONG, async (test) => {
    const ports = await freePorts(4);
    const dirs = ports.map(() => tempDir());
    const start = async (i: number): Promise<RawClient> => {
      const daemon = launch(
        plainArgs(ports[i] as number, [
          '--dir',
          dirs[i] as string,
          '--appendonly',
          'yes',
          '--enable-debug-command',
          'yes',
        ]),
      );
      test.onTestFinished(async () => void (await daemon.end()));
      daemons[i] = daemon;
      await daemon.ready();
      const client = await RawClient.connect(ports[i] as number);
      test.onTestFinished(async () => client.close());
      return client;
    };
    const daemons: Daemon[] = [];
    const [a, , replicaOfA, replicaOfB] = (await Promise.all([0, 1, 2, 3].map(start))) as [
      RawClient,
      RawClient,
      RawClient,
      RawClient,
    ];
    await replicaOfA.call('REPLICAOF', '127.0.0.1', String(ports[0]));
    await replicaOfB.call('REPLICAOF', '127.0.0.1', String(ports[1]));
    for (const replica of [replicaOfA, replicaOfB]) {
      await until('the replica is up', async () =>
        textOf(await replica.call('INFO', 'replication')).includes('master_link_status:up'),
      );
    }
    const keys = await fill({ client: a } as Endpoint);
    await a.call('SET', 'stays', '1');
    const digest = textOf(await a.call('DEBUG', 'DIGEST-VALUE', ...keys));
    const moved = await a.call('MIGRATE', '127.0.0.1', String(ports[1]), '', '0', '30000', 'KEYS', ...keys);
    expect(moved).toMatchObject({ text: 'OK' });
    const sizes = async (...clients: RawClient[]): Promise<string[]> =>
      Promise.all(clients.map(async (client) => textOf(await client.call('DBSIZE'))));
    await until('the replicas know', async () => (await sizes(replicaOfA, replicaOfB)).join() === `1,${keys.length}`);
    expect(textOf(await replicaOfB.call('DEBUG', 'DIGEST-VALUE', ...keys))).toBe(digest);
    await Promise.all([daemons[0]?.end(), daemons[1]?.end()]);
    const [a2, b2] = (await Promise.all([start(0), start(1)])) as [RawClient, RawClient];
    expect(await sizes(a2, b2)).toEqual(['1', String(keys.length)]);
    expect(textOf(await b2.call('DEBUG', 'DIGEST-VALUE', ...keys))).toBe(digest);
  });
});

/** Goes on writing whatever happens; an increment that failed may have been done all the same. */
class StubbornLoad extends Load {
  /** Keys that have less than what was acknowledged. */
  override async end(): Promise<string[]> {
    const wrong = await super.end();
    return wrong.filter((line) => {
      const [, found, acknowledged] = /: (\S+), acknowledged (\d+)$/.exec(line) ?? [];
      return !(Number(found) > Number(acknowledged));
    });
  }
}

describe.skipIf(!hasRedis).concurrent('a server that is killed while slots move', () => {
  it.for(['the source', 'the target'])(
    '%s: redis-cli --cluster fix ends it, and no acknowledged write is lost',
    LONG,
    async (who, test) => {
      const more = ['--appendonly', 'yes', '--enable-debug-command', 'yes'];
      const nodes = endAfter(test, await startNodes(3, { more }));
      await join(nodes);
      const [a, b] = nodes as [ClusterNode, ClusterNode];
      const load = new StubbornLoad(a.port, 3);
      await until('the load runs', () => load.written >= 100);
      const moving = ['reshard', a.address, '--cluster-from', await a.id(), '--cluster-to', await b.id()];
      const reshard = run('redis-cli', ['--cluster', ...moving, '--cluster-slots', '3000', '--cluster-yes']);
      await until('slots have moved, and another is open', async () => {
        const mine = (await a.view()).find(({ flags }) => flags.includes('myself'))?.slots ?? [];
        return Number.parseInt(mine[0] ?? '0', 10) >= 60 && mine.some((slots) => slots.startsWith('['));
      });
      const victim = who === 'the source' ? a : b;
      await victim.end('SIGKILL');
      await reshard;
      await victim.start();
      await untilState(nodes, 'ok');
      await until('redis-cli has ended it', async () => {
        const fix = await run('redis-cli', ['--cluster', 'fix', a.address, '--cluster-replace']);
        const check = await run('redis-cli', ['--cluster', 'check', a.address]);
        return fix.code === 0 && check.code === 0 && check.output.includes('All 16384 slots covered');
      });
      await untilState(nodes, 'ok');
      expect(await load.end()).toEqual([]);
    },
  );
});
