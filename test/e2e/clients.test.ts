/** ioredis and the tools of Redis against our nodes. */
import { Cluster, Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { type ClusterNode, endNodes, join, startNodes, untilState } from './support/cluster.js';
import { ask, type Daemon, launch, plainArgs, run, until } from './support/daemon.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('redis-cli --cluster create and redis-benchmark');

describe('ioredis with one server', () => {
  const daemons: Daemon[] = [];
  const clients: Redis[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.disconnect();
    await Promise.all(daemons.splice(0).map((daemon) => daemon.end()));
  });

  async function serve(port: number, dir: string): Promise<Daemon> {
    const daemon = launch(plainArgs(port, ['--dir', dir, '--appendonly', 'yes', '--appendfsync', 'always']));
    daemons.push(daemon);
    await daemon.ready();
    return daemon;
  }

  function connect(port: number, options: object = {}): Redis {
    const client = new Redis({ port, host: '127.0.0.1', ...options });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  }

  it('runs commands, pipelines and transactions', async () => {
    const port = await freePort();
    await serve(port, tempDir());
    const client = connect(port);
    expect(await client.set('k', 'v', 'EX', 100, 'NX')).toBe('OK');
    expect(await client.set('k', 'v', 'NX')).toBeNull();
    expect(await client.getBuffer('k')).toEqual(Buffer.from('v'));
    expect(await client.mget('k', 'none')).toEqual(['v', null]);
    const piped = await client.pipeline().incr('n').incrby('n', 5).get('n').call('set', 'k').exec();
    expect(piped?.slice(0, 3)).toEqual([
      [null, 1],
      [null, 6],
      [null, '6'],
    ]);
    expect(piped?.[3]?.[0]?.message).toBe("ERR wrong number of arguments for 'set' command");
    expect(await client.multi().set('a', '1').append('a', '2').exec()).toEqual([
      [null, 'OK'],
      [null, 2],
    ]);
    expect(await client.multi({ pipeline: false })).toBe('OK');
    expect(await client.discard()).toBe('OK');
    expect((await client.info('server')).split('\r\n')).toContain('redis_mode:standalone');
    expect(await client.client('GETNAME')).toBeNull();
  });

  it('sees a transaction lose its race', async () => {
    const port = await freePort();
    await serve(port, tempDir());
    const [client, rival] = [connect(port), connect(port)];
    await client.watch('k');
    await rival.set('k', 'changed');
    expect(await client.multi().set('k', 'mine').exec()).toBeNull();
    expect(await client.get('k')).toBe('changed');
  });

  it('sends its password and its name, and selects its database', async () => {
    const port = await freePort();
    const daemon = launch(plainArgs(port, ['--requirepass', 'secret']));
    daemons.push(daemon);
    await daemon.ready();
    const client = connect(port, { password: 'secret', db: 4, connectionName: 'tester' });
    await client.set('k', 'v');
    expect(await client.client('GETNAME')).toBe('tester');
    expect(await client.client('INFO')).toMatch(/ db=4 /);
  });

  it('scans every key', async () => {
    const port = await freePort();
    await serve(port, tempDir());
    const client = connect(port);
    const pipeline = client.pipeline();
    for (let i = 0; i < 1000; i++) pipeline.set(`key:${i}`, i);
    await pipeline.exec();
    const found = new Set<string>();
    for await (const keys of client.scanStream({ match: 'key:*', count: 77 })) {
      for (const key of keys as string[]) found.add(key);
    }
    expect(found.size).toBe(1000);
  });

  it('comes back by itself when the server is killed and restarted, and finds its data', async () => {
    const port = await freePort();
    const dir = tempDir();
    const first = await serve(port, dir);
    const client = connect(port, { retryStrategy: () => 50, maxRetriesPerRequest: null });
    await client.set('k', 'before');
    await first.end('SIGKILL');
    const waiting = client.get('k');
    await serve(port, dir);
    expect(await waiting).toBe('before');
    expect(await client.set('k', 'after')).toBe('OK');
  });
});

describe('ioredis with a cluster', () => {
  let nodes: ClusterNode[] = [];
  let cluster: Cluster;

  beforeAll(async () => {
    nodes = await startNodes(3, { more: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    await join(nodes);
    cluster = new Cluster([{ host: '127.0.0.1', port: nodes[0]?.port }], {
      clusterRetryStrategy: () => 100,
      slotsRefreshTimeout: 5000,
      redisOptions: { maxRetriesPerRequest: null },
      retryDelayOnClusterDown: 100,
      retryDelayOnFailover: 100,
      maxRedirections: 1000,
    });
    cluster.on('error', () => undefined);
  });

  afterAll(async () => {
    cluster?.disconnect();
    await endNodes(nodes);
  });

  const keys = Array.from({ length: 100 }, (_, i) => `user:${i}`);

  it('spreads keys over all nodes', async () => {
    await Promise.all(keys.map((key) => cluster.set(key, `value of ${key}`)));
    expect(await Promise.all(keys.map((key) => cluster.get(key)))).toEqual(keys.map((key) => `value of ${key}`));
    const sizes = await Promise.all(cluster.nodes('master').map((node) => node.dbsize()));
    expect(sizes).toHaveLength(3);
    expect(Math.min(...sizes)).toBeGreaterThan(10);
  });

  it('runs pipelines, multi-key commands and transactions within a slot', async () => {
    expect(await cluster.mset('{a}1', 'x', '{a}2', 'y')).toBe('OK');
    expect(await cluster.mget('{a}1', '{a}2', '{a}3')).toEqual(['x', 'y', null]);
    expect(await cluster.pipeline().incr('{n}c').incr('{n}c').get('{n}c').exec()).toEqual([
      [null, 1],
      [null, 2],
      [null, '2'],
    ]);
    expect(await cluster.multi().set('{t}1', '1').get('{t}1').exec()).toEqual([
      [null, 'OK'],
      [null, '1'],
    ]);
    await expect(cluster.mget('a', 'b')).rejects.toThrow("CROSSSLOT Keys in request don't hash to the same slot");
  });

  it('is told MOVED by a node that does not own the slot, and follows it', async () => {
    const direct = new Redis({ host: '127.0.0.1', port: nodes[0]?.port ?? 0 });
    // foo hashes to 12182: the third of three.
    await expect(direct.get('foo')).rejects.toThrow(`MOVED 12182 127.0.0.1:${nodes[2]?.port}`);
    direct.disconnect();
    await cluster.set('foo', 'found');
    expect(await cluster.get('foo')).toBe('found');
  });

  it('goes on when a node is killed with -9 and started again: the cluster fails, comes back, and the data is there', async () => {
    const [first, second, victim] = nodes as [ClusterNode, ClusterNode, ClusterNode];
    await victim.end('SIGKILL');
    await untilState([first, second], 'fail');
    const waiting = Promise.all(keys.map((key) => cluster.get(key)));
    await victim.start();
    await untilState(nodes, 'ok');
    expect(await waiting).toEqual(keys.map((key) => `value of ${key}`));
    await Promise.all(keys.map((key) => cluster.set(key, 'again')));
    expect(new Set(await Promise.all(keys.map((key) => cluster.get(key))))).toEqual(new Set(['again']));
  });
});

describe.skipIf(!hasRedis)('the tools of Redis', () => {
  let nodes: ClusterNode[] = [];

  afterEach(async () => {
    await endNodes(nodes);
    nodes = [];
  });

  it('redis-cli --cluster create makes a cluster of fresh nodes, and --cluster check is content', async () => {
    nodes = await startNodes(3);
    const addresses = nodes.map((node) => node.address);
    const made = await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes']);
    expect({ code: made.code, output: made.output }).toMatchObject({ code: 0 });
    expect(made.output).toContain('[OK] All 16384 slots covered.');
    await untilState(nodes, 'ok');
    // Three masters without replicas: nothing to fix.
    const check = await run('redis-cli', ['--cluster', 'check', addresses[1] as string]);
    expect(check.code).toBe(0);
    expect(check.output).toContain('[OK] All nodes agree about slots configuration.');
    expect((await run('redis-cli', ['--cluster', 'fix', addresses[1] as string])).code).toBe(0);
  });

  it('redis-benchmark runs pipelined and not, over TCP and inline', async () => {
    const port = await freePort();
    const daemon = launch(plainArgs(port));
    await daemon.ready();
    try {
      const common = ['-p', String(port), '-n', '5000', '-q', '-r', '1000'];
      const runs = await Promise.all([
        run('redis-benchmark', [...common, '-t', 'ping,set,get,incr,mset']),
        run('redis-benchmark', [...common, '-P', '64', '-t', 'set,get', '-d', '1000']),
        run('redis-benchmark', [...common, '--threads', '2', 'setrange', 'key:__rand_int__', '10', 'x']),
      ]);
      for (const { code, output } of runs) {
        expect({ code, output }).toMatchObject({ code: 0 });
        expect(output).toMatch(/requests per second/);
        expect(output).not.toMatch(/error/i);
      }
      expect(runs[0]?.output).toMatch(/PING_INLINE.*PING_MBULK.*SET.*GET.*INCR.*MSET/s);
      await until('the benchmark has gone', async () =>
        (await ask(port, 'INFO', 'clients')).includes('connected_clients:1\r\n'),
      );
    } finally {
      await daemon.end();
    }
  });

  it('redis-cli shows replies, help and latency as with Redis', async () => {
    const port = await freePort();
    const daemon = launch(plainArgs(port));
    await daemon.ready();
    try {
      const cli = async (...args: string[]) => (await run('redis-cli', ['-p', String(port), ...args])).output;
      expect(await cli('set', 'k', 'v')).toBe('OK\n');
      expect(await cli('--no-raw', 'get', 'none')).toBe('(nil)\n');
      expect(await cli('--no-raw', 'incr', 'n')).toBe('(integer) 1\n');
      expect(await cli('-3', '--no-raw', 'hello', '3')).toContain('"proto" => (integer) 3');
      expect(await cli('-n', '3', 'dbsize')).toBe('0\n');
      expect(await cli('--scan')).toBe(`${(await cli('--scan')).split('\n').slice(0, -1).join('\n')}\n`);
      expect(await cli('-r', '3', 'incr', 'r')).toBe('1\n2\n3\n');
      expect(await cli('nonsense')).toBe("ERR unknown command 'nonsense', with args beginning with: \n\n");
      const piped = await run('redis-cli', ['-p', String(port), '--pipe'], {
        stdin: Array.from({ length: 1000 }, (_, i) => `SET piped:${i} ${i}\r\n`).join(''),
      });
      expect(piped.output).toContain('errors: 0, replies: 1000');
    } finally {
      await daemon.end();
    }
  });
});
