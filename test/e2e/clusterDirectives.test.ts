/** What the directives of cluster mode do, on nodes of ours, of Redis, and on one of each: the same expectations. */
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { freePort, freePorts } from '../support/ports.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { ClusterNode, endAfter, join, type TestContext, untilFlagged, untilJoined } from './support/cluster.js';
import { until } from './support/daemon.js';
import { HoldingProxy } from './support/holdingProxy.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('directives of cluster mode on Redis, and on one of each');

const OURS = undefined;
const REDIS = 'redis-server';
const ALONE = hasRedis ? [OURS, REDIS] : [OURS];
/** The program of the node that is asked, and of the one with the directives. */
const PAIRS = hasRedis
  ? [
      [OURS, OURS],
      [REDIS, REDIS],
      [OURS, REDIS],
      [REDIS, OURS],
    ]
  : [[OURS, OURS]];
const nameOf = (program: string | undefined): string => program ?? 'ours';
const pairs = PAIRS.map(([observer, subject]) => ({
  observer,
  subject,
  name: `${nameOf(subject)}, as ${nameOf(observer)} tells it`,
}));

/** Two joined nodes; the second has the directives. foo is in its half, bar (5061) in the first one's. */
async function pair(
  test: TestContext,
  programs: { observer: string | undefined; subject: string | undefined },
  directives: (port: number) => Promise<readonly string[]> | readonly string[],
): Promise<[ClusterNode, ClusterNode]> {
  const [first, second] = (await freePorts(2)) as [number, number];
  const nodes: [ClusterNode, ClusterNode] = [
    new ClusterNode({ port: first, program: programs.observer }),
    new ClusterNode({ port: second, program: programs.subject, more: await directives(second) }),
  ];
  endAfter(test, nodes);
  await Promise.all(nodes.map((node) => node.start()));
  return nodes;
}

async function reply(node: ClusterNode, command: string, ...args: string[]): Promise<unknown> {
  const client = new Redis(node.port, '127.0.0.1');
  try {
    return await client.call(command, ...args);
  } finally {
    client.disconnect();
  }
}

/** The second node, as this one lists it: in CLUSTER SLOTS, and its fields in CLUSTER SHARDS. */
async function listed(node: ClusterNode, id: string): Promise<{ slots: unknown; shard: Record<string, unknown> }> {
  const ranges = (await reply(node, 'CLUSTER', 'SLOTS')) as [
    number,
    number,
    [unknown, unknown, string, ...unknown[]],
  ][];
  const shards = (await reply(node, 'CLUSTER', 'SHARDS')) as [string, unknown, string, unknown[][]][];
  const fields = shards.flatMap((shard) => shard[3]).find((each) => each.includes(id)) as unknown[];
  const shard: Record<string, unknown> = {};
  for (let i = 0; i < fields.length; i += 2) shard[String(fields[i])] = fields[i + 1];
  return { slots: ranges.map((range) => range[2]).find((each) => each[2] === id), shard };
}

describe.for(pairs)('announced addresses of $name', { concurrent: true }, (programs) => {
  it('are what nodes and clients are sent to', async (test) => {
    const proxies: HoldingProxy[] = [];
    test.onTestFinished(() => {
      for (const proxy of proxies) proxy.close();
    });
    const [a, b] = await pair(test, programs, async (port) => {
      proxies.push(await HoldingProxy.start(() => port), await HoldingProxy.start(() => port + 10_000));
      const [client, bus] = proxies.map((proxy) => String(proxy.port)) as [string, string];
      return ['--cluster-announce-port', client, '--cluster-announce-bus-port', bus];
    });
    const [client, bus] = proxies.map((proxy) => proxy.port) as [number, number];
    await join([a, b]);
    const id = await b.id();
    const address = `127.0.0.1:${client}@${bus}`;
    await until('the announced address is known', async () =>
      (await a.ask('CLUSTER', 'NODES')).includes(`${id} ${address}`),
    );
    expect(await b.ask('CLUSTER', 'NODES')).toContain(`${id} ${address}`);
    for (const node of [a, b]) {
      const { slots, shard } = await listed(node, id);
      expect(slots).toEqual(['127.0.0.1', client, id, []]);
      expect(shard).toMatchObject({ port: client, ip: '127.0.0.1', endpoint: '127.0.0.1' });
    }
    expect(await a.ask('GET', 'foo')).toBe(`MOVED 12182 127.0.0.1:${client}`);
    // Both the client that follows and the bus come that way.
    expect(proxies[1]?.connections).toBeGreaterThan(0);
    const follower = await RawClient.connect(client);
    expect(await follower.call('SET', 'foo', 'x')).toEqual({ type: 'simple', text: 'OK' });
    follower.close();
  });

  it('may be another ip', async (test) => {
    const [a, b] = await pair(test, programs, () => [
      ...['--bind', '127.0.0.1', '127.0.0.2'],
      ...['--cluster-announce-ip', '127.0.0.2'],
    ]);
    await join([a, b]);
    const id = await b.id();
    await until('the announced ip is known', async () =>
      (await a.ask('CLUSTER', 'NODES')).includes(`${id} 127.0.0.2:${b.port}@${b.port + 10_000}`),
    );
    for (const node of [a, b]) expect((await listed(node, id)).slots).toEqual(['127.0.0.2', b.port, id, []]);
    expect(await a.ask('GET', 'foo')).toBe(`MOVED 12182 127.0.0.2:${b.port}`);
  });

  it('may be a host name, which is told as cluster-preferred-endpoint-type has it', async (test) => {
    const [a, b] = await pair(test, programs, () => ['--cluster-announce-hostname', 'two.example']);
    await join([a, b]);
    const [idA, idB] = [await a.id(), await b.id()];
    await until('the host name is known', async () =>
      (await a.ask('CLUSTER', 'NODES')).includes(`${idB} 127.0.0.1:${b.port}@${b.port + 10_000},two.example `),
    );
    expect((await listed(a, idB)).slots).toEqual(['127.0.0.1', b.port, idB, ['hostname', 'two.example']]);
    expect((await listed(a, idB)).shard).toMatchObject({
      endpoint: '127.0.0.1',
      ip: '127.0.0.1',
      hostname: 'two.example',
    });
    expect(await a.ask('GET', 'foo')).toBe(`MOVED 12182 127.0.0.1:${b.port}`);

    for (const node of [a, b]) await node.ask('CONFIG', 'SET', 'cluster-preferred-endpoint-type', 'hostname');
    expect((await listed(a, idB)).slots).toEqual(['two.example', b.port, idB, ['ip', '127.0.0.1']]);
    expect((await listed(a, idB)).shard).toMatchObject({ endpoint: 'two.example', ip: '127.0.0.1' });
    expect(await a.ask('GET', 'foo')).toBe(`MOVED 12182 two.example:${b.port}`);
    // The other has no name to tell.
    expect((await listed(b, idA)).slots).toEqual(['?', a.port, idA, ['ip', '127.0.0.1']]);
    expect((await listed(b, idA)).shard).toMatchObject({ endpoint: '?', ip: '127.0.0.1' });
    expect(await b.ask('GET', 'bar')).toBe(`MOVED 5061 ?:${a.port}`);

    for (const node of [a, b]) await node.ask('CONFIG', 'SET', 'cluster-preferred-endpoint-type', 'unknown-endpoint');
    expect((await listed(a, idB)).slots).toEqual([null, b.port, idB, ['ip', '127.0.0.1', 'hostname', 'two.example']]);
    expect((await listed(a, idB)).shard).toMatchObject({ endpoint: '', ip: '127.0.0.1' });
    expect(await a.ask('GET', 'foo')).toBe(`MOVED 12182 :${b.port}`);
    expect(await b.ask('GET', 'bar')).toBe(`MOVED 5061 :${a.port}`);
  });

  it('follow CONFIG SET', async (test) => {
    const [a, b] = await pair(test, programs, () => []);
    await join([a, b]);
    const id = await b.id();
    const told = (text: string): Promise<void> =>
      until(`${text} is known`, async () => (await a.ask('CLUSTER', 'NODES')).includes(`${id} ${text} `));
    const own = `127.0.0.1:${b.port}@${b.port + 10_000}`;
    await b.ask('CONFIG', 'SET', 'cluster-announce-port', '7');
    await told(`127.0.0.1:7@${b.port + 10_000}`);
    await b.ask('CONFIG', 'SET', 'cluster-announce-port', '0');
    await told(own);
    await b.ask('CONFIG', 'SET', 'cluster-announce-hostname', 'later.example');
    await told(`${own},later.example`);
    await b.ask('CONFIG', 'SET', 'cluster-announce-hostname', '');
    await told(own);
  });
});

describe.for(pairs)('cluster-port of $name', { concurrent: true }, (programs) => {
  it('is where the bus listens, and what others are told', async (test) => {
    const other = await freePort();
    const [a, b] = await pair(test, programs, () => ['--cluster-port', String(other)]);
    await a.ask('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
    await b.ask('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
    await a.ask('CLUSTER', 'MEET', '127.0.0.1', String(b.port), String(other));
    await untilJoined([a, b]);
    for (const node of [a, b]) expect(await node.ask('CLUSTER', 'NODES')).toContain(` 127.0.0.1:${b.port}@${other} `);
    expect(await accepts(b.port + 10_000)).toBe(false);
    expect(await accepts(other)).toBe(true);
  });
});

function accepts(port: number): Promise<boolean> {
  return RawClient.connect(port).then(
    (client) => {
      client.close();
      return true;
    },
    () => false,
  );
}

describe.for(ALONE.map((program) => ({ program, name: nameOf(program) })))(
  '$name',
  { concurrent: true },
  ({ program }) => {
    it('with cluster-require-full-coverage no serves the slots it has while others are not served', async (test) => {
      const [node] = endAfter(test, [
        new ClusterNode({ port: await freePort(), program, more: ['--cluster-require-full-coverage', 'no'] }),
      ]) as [ClusterNode];
      await node.start();
      await node.ask('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
      await until('the cluster is up', async () =>
        (await node.ask('CLUSTER', 'INFO')).includes('cluster_state:ok\r\ncluster_slots_assigned:8192\r\n'),
      );
      expect(await node.ask('SET', 'b', '1')).toBe('OK');
      expect(await node.ask('GET', 'b')).toBe('1');
      expect(await node.ask('GET', 'foo')).toBe('CLUSTERDOWN Hash slot not served');
      await node.ask('CONFIG', 'SET', 'cluster-require-full-coverage', 'yes');
      // It is looked at when slots change.
      await node.ask('CLUSTER', 'DELSLOTS', '8191');
      await until(
        'the cluster is down',
        async () => (await node.ask('GET', 'b')) === 'CLUSTERDOWN The cluster is down',
      );
      await node.ask('CONFIG', 'SET', 'cluster-require-full-coverage', 'no');
      await until('the cluster is up again', async () => (await node.ask('GET', 'b')) === '1');
    });

    it('with cluster-require-full-coverage no serves on when a master has failed', async (test) => {
      const ports = await freePorts(3);
      const more = ['--cluster-require-full-coverage', 'no'];
      const nodes = endAfter(
        test,
        ports.map((port) => new ClusterNode({ port, program, more })),
      ) as [ClusterNode, ClusterNode, ClusterNode];
      await Promise.all(nodes.map((node) => node.start()));
      await join(nodes);
      const [a, b, c] = nodes;
      const id = await c.id();
      await c.end();
      for (const node of [a, b]) await untilFlagged(node, id, 'fail');
      expect(await a.ask('CLUSTER', 'INFO')).toContain('cluster_state:ok\r\n');
      // bar is in the first third, foo (12182) in the last.
      expect(await a.ask('SET', 'bar', '1')).toBe('OK');
      expect(await a.ask('GET', 'foo')).toBe(`MOVED 12182 127.0.0.1:${c.port}`);
    });
  },
);
