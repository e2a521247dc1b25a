/** Pub/sub, client-side caching and MONITOR with real clients, over one server, a cluster of ours, and a mixed one. */
import { spawn } from 'node:child_process';
import { Cluster, Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort, freePorts } from '../support/ports.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { ClusterNode, endNodes, join } from './support/cluster.js';
import { type Daemon, launch, plainArgs, until } from './support/daemon.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('pub/sub between our nodes and those of Redis, and redis-cli monitor');

describe('ioredis with one server', () => {
  let daemon: Daemon;
  let port = 0;
  const clients: Redis[] = [];

  beforeAll(async () => {
    port = await freePort();
    daemon = launch(plainArgs(port, ['--notify-keyspace-events', 'KEA']));
    await daemon.ready();
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });
  afterAll(() => daemon?.end());

  function connect(): Redis {
    const client = new Redis({ port, host: '127.0.0.1' });
    clients.push(client);
    return client;
  }

  it('subscribes by channel and by pattern, and gets every message in order', async () => {
    const [subscriber, publisher] = [connect(), connect()];
    const got: string[] = [];
    subscriber.on('message', (channel, message) => got.push(`${channel} ${message}`));
    subscriber.on('pmessage', (pattern, channel, message) => got.push(`${pattern} ${channel} ${message}`));
    expect(await subscriber.subscribe('news')).toBe(1);
    expect(await subscriber.psubscribe('w*')).toBe(2);
    const pipeline = publisher.pipeline();
    for (let i = 0; i < 2000; i++) pipeline.publish(i % 2 === 0 ? 'news' : 'weather', String(i));
    const replies = await pipeline.exec();
    expect(new Set(replies?.map(([, receivers]) => receivers))).toEqual(new Set([1]));
    await until('all messages are there', async () => got.length === 2000);
    expect(got).toEqual(Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? `news ${i}` : `w* weather ${i}`)));
    expect(await subscriber.unsubscribe('news')).toBe(1);
    expect(await subscriber.punsubscribe('w*')).toBe(0);
    expect(await subscriber.set('k', 'v')).toBe('OK');
  });

  it('subscribes again by itself when its connection is killed', async () => {
    const [subscriber, publisher] = [connect(), connect()];
    subscriber.on('error', () => undefined);
    const got: string[] = [];
    subscriber.on('message', (_, message) => got.push(message));
    await subscriber.subscribe('again');
    expect(await publisher.client('KILL', 'TYPE', 'pubsub')).toBe(1);
    await until('it is subscribed again', async () => (await publisher.publish('again', 'm')) === 1);
    await until('the message came', async () => got.includes('m'));
  });

  it('carries keyspace events', async () => {
    const [subscriber, client] = [connect(), connect()];
    const got: string[] = [];
    subscriber.on('message', (channel, message) => got.push(`${channel} ${message}`));
    await subscriber.subscribe('__keyevent@0__:expired', '__keyspace@0__:short');
    await client.set('short', 'v', 'PX', 30);
    await until('it expired', async () => got.length === 4);
    expect(got).toEqual([
      '__keyspace@0__:short set',
      '__keyspace@0__:short expire',
      '__keyspace@0__:short expired',
      '__keyevent@0__:expired short',
    ]);
  });

  it('keeps a client-side cache true by redirected invalidations', async () => {
    const [listener, reader, writer] = [connect(), connect(), connect()];
    const stale: string[] = [];
    // ioredis takes the array of keys for the message.
    listener.on('message', (_, keys: unknown) => stale.push(String(keys)));
    const id = await listener.client('ID');
    await listener.subscribe('__redis__:invalidate');
    await reader.client('TRACKING', 'ON', 'REDIRECT', id as never);
    await reader.get('cached');
    await writer.set('cached', 'new');
    await until('the invalidation came', async () => stale.length === 1);
    expect(stale).toEqual(['cached']);
  });

  it('monitors', async () => {
    const client = connect();
    const monitor = await client.monitor();
    const seen: string[][] = [];
    monitor.on('monitor', (_time, args) => seen.push(args));
    await connect().set('seen', 'by the monitor');
    await until('the command was seen', async () => seen.some((args) => args[0] === 'set'));
    expect(seen.find((args) => args[0] === 'set')).toEqual(['set', 'seen', 'by the monitor']);
    monitor.disconnect();
  });

  it.skipIf(!hasRedis)('is watched by redis-cli monitor', async () => {
    const cli = spawn('redis-cli', ['-p', String(port), 'monitor']);
    let output = '';
    cli.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
    try {
      await until('redis-cli is ready', async () => output.startsWith('OK\n'));
      await connect().get('what "it" says');
      await until('the command was shown', async () => output.includes('"get"'));
      expect(output).toMatch(/\n\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "get" "what \\"it\\" says"\n/);
    } finally {
      cli.kill();
    }
  });
});

/** 'o' is one of our nodes, 'r' one of Redis's. */
describe.each(hasRedis ? ['ooo', 'oro', 'ror'] : ['ooo'])('ioredis with the cluster %s', (kinds) => {
  let nodes: ClusterNode[] = [];
  const ends: { disconnect(): void }[] = [];

  beforeAll(async () => {
    const ports = await freePorts(kinds.length);
    nodes = ports.map((port, i) => new ClusterNode({ port, program: kinds[i] === 'r' ? 'redis-server' : undefined }));
    await Promise.all(nodes.map((node) => node.start()));
    await join(nodes);
  });
  afterEach(() => {
    for (const end of ends.splice(0)) end.disconnect();
  });
  afterAll(() => endNodes(nodes));

  function direct(node: ClusterNode | undefined): Redis {
    const client = new Redis({ port: node?.port ?? 0, host: '127.0.0.1' });
    ends.push(client);
    return client;
  }

  it('a message published on any node reaches the subscribers of every node', async () => {
    const got: string[] = [];
    for (const [i, node] of nodes.entries()) {
      const subscriber = direct(node);
      subscriber.on('message', (channel, message) => got.push(`${i} ${channel} ${message}`));
      subscriber.on('pmessage', (pattern, _channel, message) => got.push(`${i} ${pattern} ${message}`));
      await subscriber.subscribe('news');
      await subscriber.psubscribe('n*s');
    }
    for (const [i, node] of nodes.entries()) expect(await direct(node).publish('news', `from ${i}`)).toBe(2);
    const expected = nodes.flatMap((_, to) =>
      nodes.flatMap((__, from) => [`${to} news from ${from}`, `${to} n*s from ${from}`]),
    );
    await until('all messages are everywhere', async () => got.length >= expected.length);
    expect(got.sort()).toEqual(expected.sort());
  });

  it('the cluster client subscribes, publishes and gets its messages', async () => {
    const cluster = new Cluster([{ host: '127.0.0.1', port: nodes[0]?.port }]);
    ends.push(cluster);
    const got: string[] = [];
    cluster.on('message', (channel, message) => got.push(`${channel} ${message}`));
    await cluster.subscribe('a', 'b');
    await cluster.publish('a', '1');
    await cluster.publish('b', '2');
    await until('both came', async () => got.length === 2);
    expect(got.sort()).toEqual(['a 1', 'b 2']);
  });

  it('shard channels live on the node of their slot', async () => {
    // Slots 12182, 5061 and 866: two thirds of the way, one third, and the beginning.
    const homes: [string, number][] = [
      ['foo', 2],
      ['bar', 0],
      ['hello', 0],
    ];
    const got: string[] = [];
    for (const [channel, home] of homes) {
      const subscriber = direct(nodes[home]);
      subscriber.on('smessage', (name, message) => got.push(`${name} ${message}`));
      expect(await subscriber.ssubscribe(channel)).toBe(1);
    }
    for (const [channel, home] of homes) expect(await direct(nodes[home]).spublish(channel, 'm')).toBe(1);
    await expect(direct(nodes[1]).spublish('foo', 'm')).rejects.toThrow(/^MOVED 12182 /);
    await until('all came', async () => got.length === homes.length);
    expect(got.sort()).toEqual(['bar m', 'foo m', 'hello m']);
  });

  it('binary channels and long messages cross the bus unchanged', async () => {
    const subscriber = direct(nodes[1]);
    const channel = Buffer.from([0, 255, 13, 10, 0x24]);
    const message = Buffer.alloc(200_000, 'x\0\r\n');
    const got: Buffer[] = [];
    subscriber.on('messageBuffer', (_: Buffer, body: Buffer) => got.push(body));
    await subscriber.subscribe(channel as never);
    await direct(nodes[2]).publish(channel as never, message);
    await until('it came', async () => got.length === 1);
    expect(got[0]?.equals(message)).toBe(true);
  });
});
