/**
 * Replication with real processes: our server as master and as replica of a real redis-server, and of itself. Data is compared by
 * DEBUG DIGEST, which both servers compute in the same way.
 */
import { createServer, type Server as NetServer, connect as netConnect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import type { RunningServer } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';
import { startShoal } from '../support/shoal.js';
import { randomWrites } from './support/randomWrites.js';
import { caughtUp, expectSame, type Kind, Node, until } from './support/replicationNode.js';

const COMMON = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];
const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('replication with redis-server');

const servers: RunningServer[] = [];
const clients: RawClient[] = [];
const relays: Relay[] = [];

async function stopAll(): Promise<void> {
  for (const client of clients.splice(0)) client.close();
  for (const relay of relays.splice(0)) relay.close();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
}

async function start(kind: Kind, args: readonly string[] = []): Promise<Node> {
  const server = await (kind === 'shoal' ? startShoal : startRedis)([...COMMON, ...args]);
  servers.push(server);
  return connectTo(server);
}

async function connectTo(server: RunningServer): Promise<Node> {
  const node = await Node.connect(server);
  clients.push(node.client);
  return node;
}

async function write(node: Node, random: Prng, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 200) await node.client.pipeline(randomWrites(random, Math.min(200, left)));
}

/** Stands between a replica and its master, so that the link can be cut. */
class Relay {
  port = 0;
  readonly #server: NetServer;
  readonly #sockets = new Set<Socket>();

  constructor(target: number) {
    this.#server = createServer((from) => {
      const to = netConnect(target, '127.0.0.1');
      for (const [a, b] of [
        [from, to],
        [to, from],
      ] as const) {
        this.#sockets.add(a);
        a.on('data', (bytes) => b.write(bytes));
        a.on('error', () => b.destroy());
        a.on('close', () => b.destroy());
      }
    });
  }

  static async start(target: number): Promise<Relay> {
    const relay = new Relay(target);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    relay.port = (relay.#server.address() as { port: number }).port;
    relays.push(relay);
    return relay;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}

const PAIRS: readonly (readonly [Kind, Kind])[] = [
  ['shoal', 'shoal'],
  ['shoal', 'redis'],
  ['redis', 'shoal'],
];

describe.each(PAIRS)('a %s master with a %s replica', (masterKind, replicaKind) => {
  const test = it.skipIf(!hasRedis && (masterKind === 'redis' || replicaKind === 'redis'));
  let master: Node;
  let replica: Node;

  beforeAll(async () => {
    if (!hasRedis && (masterKind === 'redis' || replicaKind === 'redis')) return;
    [master, replica] = await Promise.all([start(masterKind), start(replicaKind)]);
  });

  afterAll(stopAll);

  /** Each test begins with two masters that hold nothing. */
  beforeEach(async () => {
    for (const node of [master, replica]) {
      if (node === undefined) return;
      await node.call('REPLICAOF', 'NO', 'ONE');
      await node.client.pipeline([['SELECT', '0'], ['FLUSHALL'], ['DEBUG', 'CHANGE-REPL-ID'], ['CONFIG', 'RESETSTAT']]);
    }
  });

  test.each([
    ['yes', 'disabled'],
    ['no', 'disabled'],
    ['yes', 'swapdb'],
    ['no', 'swapdb'],
    ['yes', 'on-empty-db'],
  ])('copies the data (diskless sync %s, load %s) and every write after it', async (diskless, load) => {
    await master.call('CONFIG', 'SET', 'repl-diskless-sync', diskless);
    await replica.call('CONFIG', 'SET', 'repl-diskless-load', load);
    const random = new Prng(1);
    await write(master, random, 2000);
    if (load !== 'on-empty-db') await replica.call('SET', 'mine', 'goes away');
    await replica.follow(master.server.port);
    await expectSame(master, replica);
    await write(master, random, 2000);
    await expectSame(master, replica);
    expect(await master.info('sync_full')).toBe('1');
    expect(await replica.call('SET', 'a', 'b')).toBe("READONLY You can't write against a read only replica.");
  });

  test('copies the data in what counts as a background save', async () => {
    await master.call('CONFIG', 'SET', 'rdb-key-save-delay', '50000');
    await master.call('DEBUG', 'POPULATE', '20');
    await replica.call('REPLICAOF', '127.0.0.1', String(master.server.port));
    await until('it is copied', async () => (await master.info('rdb_bgsave_in_progress')) === '1');
    expect(Number(await master.info('rdb_current_bgsave_time_sec'))).toBeGreaterThanOrEqual(0);
    for (const command of ['BGSAVE', 'SAVE']) {
      expect(await master.call(command)).toBe('ERR Background save already in progress');
    }
    await master.call('CONFIG', 'SET', 'rdb-key-save-delay', '0');
    await until('it is over', async () => (await master.info('rdb_bgsave_in_progress')) === '0');
    await expectSame(master, replica);
  });

  test('goes on where it was when the link was cut', async () => {
    const relay = await Relay.start(master.server.port);
    const random = new Prng(2);
    await replica.follow(relay.port);
    for (let round = 0; round < 4; round++) {
      await write(master, random, 400);
      relay.cut();
      await write(master, random, 400);
    }
    await expectSame(master, replica);
    expect(await master.info('sync_full')).toBe('1');
    expect(Number(await master.info('sync_partial_ok'))).toBeGreaterThan(0);
  });

  test('changes parts with it, without a full resynchronization', async () => {
    const random = new Prng(4);
    await replica.follow(master.server.port);
    await write(master, random, 500);
    await caughtUp(master, replica);
    await replica.call('REPLICAOF', 'NO', 'ONE');
    await write(replica, random, 500);
    await master.follow(replica.server.port);
    await expectSame(replica, master);
    expect(await replica.info('sync_full')).toBe('0');
    expect(await replica.info('sync_partial_ok')).toBe('1');
    for (const field of ['master_replid', 'master_replid2', 'second_repl_offset']) {
      expect(await master.info(field)).toBe(await replica.info(field));
    }
  });

  test('hands over by FAILOVER', async () => {
    const random = new Prng(5);
    await replica.follow(master.server.port);
    await write(master, random, 300);
    await until('online', async () => (await master.info('slave0')).includes('state=online'));
    expect(await master.call('FAILOVER', 'TO', '127.0.0.1', String(replica.server.port))).toBe('OK');
    await until('handed over', async () => (await replica.info('role')) === 'master');
    await until('followed', async () => (await master.info('master_link_status')) === 'up');
    await write(replica, random, 300);
    await expectSame(replica, master);
    expect(await master.info('master_failover_state')).toBe('no-failover');
    expect(await replica.info('sync_full')).toBe('0');
  });

  test('WAIT counts it', async () => {
    await replica.follow(master.server.port);
    await until('online', async () => (await master.info('slave0')).includes('state=online'));
    await master.call('SET', 'k', 'v');
    expect(await master.call('WAIT', '1', '20000')).toBe('1');
    expect(await replica.call('GET', 'k')).toBe('v');
    expect(await master.call('WAIT', '2', '50')).toBe('1');
  });

  test('hides what is expired until the master removes it', async () => {
    await replica.follow(master.server.port);
    await master.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0');
    await master.call('SET', 'k', 'v', 'PX', '100');
    await caughtUp(master, replica);
    await until('hidden', async () => (await replica.call('EXISTS', 'k')) === '0');
    expect(await replica.call('DBSIZE')).toBe('1');
    expect(await master.call('EXISTS', 'k')).toBe('0');
    await caughtUp(master, replica);
    expect(await replica.call('DBSIZE')).toBe('0');
    await master.call('DEBUG', 'SET-ACTIVE-EXPIRE', '1');
  });

  test('leaves what clients of a writable replica let expire to the replica', async () => {
    await replica.call('CONFIG', 'SET', 'replica-read-only', 'no');
    await replica.follow(master.server.port);
    await replica.call('SET', 'mine', 'v', 'PX', '200');
    await replica.call('SET', 'stays', 'v');
    expect(await replica.info('slave_expires_tracked_keys')).toBe('1');
    await until('removed', async () => (await replica.call('DBSIZE')) === '1');
    await replica.call('CONFIG', 'SET', 'replica-read-only', 'yes');
  });

  // The last: it ends the replica.
  test('goes on after a restart of the replica', async () => {
    const random = new Prng(3);
    await replica.follow(master.server.port);
    await write(master, random, 500);
    await caughtUp(master, replica);
    expect(await replica.call('SAVE')).toBe('OK');
    const { dir, port } = replica.server;
    await killOnly(replica.server);
    await write(master, random, 500);
    const startIt = replicaKind === 'shoal' ? startShoal : startRedis;
    const address = ['--replicaof', `127.0.0.1 ${master.server.port}`];
    const again = await startIt([...COMMON, ...address, '--dir', dir, '--port', String(port)]);
    servers.push(again);
    const returned = await connectTo(again);
    await until('link up', async () => (await returned.info('master_link_status')) === 'up');
    await expectSame(master, returned);
    expect(await master.info('sync_full')).toBe('1');
    expect(await master.info('sync_partial_ok')).toBe('1');
  });
});

describe('a master that comes back', () => {
  afterEach(stopAll);

  it.skipIf(!hasRedis).each(['shoal', 'redis'] as const)(
    'goes on with its %s replica, and tells it what expired meanwhile',
    async (kind) => {
      const master = await start('shoal', ['--save', '3600 1']);
      // A PING behind the save would be more of the stream than the file knows.
      await master.call('CONFIG', 'SET', 'repl-ping-replica-period', '3600');
      const replica = await start(kind);
      await replica.follow(master.server.port);
      await write(master, new Prng(9), 300);
      await master.client.pipeline([['SELECT', '0'], ['SET', 'short', 'v', 'PX', '300'], ['SAVE']]);
      await caughtUp(master, replica);
      const id = await master.info('master_replid');
      const { dir, port } = master.server;
      await killOnly(master.server);
      await until('over', async () => (await replica.call('EXISTS', 'short')) === '0');
      const again = await startShoal([...COMMON, '--save', '3600 1', '--dir', dir, '--port', String(port)]);
      servers.push(again);
      const returned = await connectTo(again);
      await until('link up', async () => (await replica.info('master_link_status')) === 'up');
      await until('removed', async () => (await returned.call('DBSIZE')) === (await replica.call('DBSIZE')));
      await expectSame(returned, replica);
      expect(await returned.info('sync_full')).toBe('0');
      expect(await returned.info('master_replid2')).toBe(id);
    },
  );
});

describe('WAITAOF', () => {
  afterEach(stopAll);

  it.each(['everysec', 'always'])('waits for the disks of a master and its replica (%s)', async (policy) => {
    const args = ['--appendonly', 'yes', '--appendfsync', policy];
    const [master, replica] = await Promise.all([start('shoal', args), start('shoal', args)]);
    await replica.follow(master.server.port);
    await master.call('SET', 'k', 'v');
    expect(await master.call('WAITAOF', '1', '1', '20000')).toContain(
      '"items":[{"type":"integer","text":"1"},{"type":"integer","text":"1"}]',
    );
    expect(await replica.call('WAITAOF', '1', '0', '0')).toMatch(/^ERR WAITAOF cannot be used with replica instances/);
  });

  it('tells how far it got when the time is over', async () => {
    const [master, replica] = await Promise.all([start('shoal'), start('shoal')]);
    await replica.follow(master.server.port);
    await master.call('SET', 'k', 'v');
    expect(await master.call('WAITAOF', '0', '1', '100')).toContain(
      '"items":[{"type":"integer","text":"0"},{"type":"integer","text":"0"}]',
    );
  });
});

describe('SHUTDOWN', () => {
  afterEach(stopAll);

  async function withStoppedReplica(): Promise<{ master: Node; replica: Node; waiting: RawClient }> {
    const [master, replica] = await Promise.all([start('shoal'), start('shoal')]);
    await replica.follow(master.server.port);
    process.kill(replica.server.pid, 'SIGSTOP');
    await master.call('SET', 'last', 'write');
    const waiting = await RawClient.connect(master.server.port);
    clients.push(waiting);
    waiting.send('SHUTDOWN', 'NOSAVE');
    await until('it waits', async () => (await master.info('shutdown_in_milliseconds')) !== '');
    return { master, replica, waiting };
  }

  it('waits until a replica has everything, with writes held back', async () => {
    const { master, replica } = await withStoppedReplica();
    const writer = await RawClient.connect(master.server.port);
    clients.push(writer);
    writer.send('SET', 'too', 'late');
    await until('the write waits', async () => Number(await master.info('blocked_clients')) >= 2);
    process.kill(replica.server.pid, 'SIGCONT');
    expect((await writer.read()).type).toBe('closed');
    await until('it has ended', async () => !master.server.alive());
    expect([await replica.call('GET', 'last'), await replica.call('EXISTS', 'too')]).toEqual(['write', '0']);
  });

  it('is taken back by ABORT', async () => {
    const { master, replica, waiting } = await withStoppedReplica();
    expect(await master.call('SHUTDOWN', 'ABORT')).toBe('OK');
    expect(await waiting.read()).toMatchObject({ type: 'error', text: 'ERR Errors trying to SHUTDOWN. Check logs.' });
    process.kill(replica.server.pid, 'SIGCONT');
    expect(await master.call('SET', 'k', 'v')).toBe('OK');
    expect(await master.call('SHUTDOWN', 'ABORT')).toBe('ERR No shutdown in progress.');
  });
});

describe('a chain', () => {
  afterEach(stopAll);

  const chains: readonly (readonly Kind[])[] = [
    ['shoal', 'redis', 'shoal'],
    ['redis', 'shoal', 'redis'],
    ['shoal', 'shoal', 'shoal'],
  ];
  it.skipIf(!hasRedis).each(chains)('%s -> %s -> %s has one history', async (...kinds) => {
    const [top, middle, bottom] = await Promise.all(kinds.map((kind) => start(kind)));
    const random = new Prng(6);
    await write(top, random, 500);
    await middle.follow(top.server.port);
    await bottom.follow(middle.server.port);
    await write(top, random, 2000);
    await expectSame(top, middle);
    await expectSame(top, bottom);
    const id = await top.info('master_replid');
    expect([await middle.info('master_replid'), await bottom.info('master_replid')]).toEqual([id, id]);
    // The top dies, the middle takes over, and the bottom goes on with it.
    await killOnly(top.server);
    await middle.call('REPLICAOF', 'NO', 'ONE');
    await write(middle, random, 500);
    await until('link up', async () => (await bottom.info('master_link_status')) === 'up');
    await expectSame(middle, bottom);
    expect(await middle.info('sync_partial_ok')).toBe('1');
    expect(await middle.info('sync_full')).toBe('1');
    expect(await bottom.info('master_replid2')).toBe(id);
  });
});

/** Kills the process and leaves its folder. */
async function killOnly(server: RunningServer): Promise<void> {
  process.kill(server.pid, 'SIGKILL');
  await until('dead', async () => !server.alive());
}

describe('a replica with an append-only file', () => {
  afterEach(stopAll);

  it('has in it what its master has sent, after a restart without the master', async () => {
    const master = await start('shoal');
    const random = new Prng(8);
    await write(master, random, 500);
    const replica = await start('shoal', ['--appendonly', 'yes']);
    await replica.call('SET', 'mine', 'goes away');
    await replica.follow(master.server.port);
    await write(master, random, 500);
    await expectSame(master, replica);
    await until('a new base', async () => (await replica.info('aof_rewrites')) === '1');
    await until('rewritten', async () => (await replica.info('aof_rewrite_in_progress')) === '0');
    await write(master, random, 100);
    await expectSame(master, replica);
    const { dir, port } = replica.server;
    await killOnly(replica.server);
    const again = await startShoal([...COMMON, '--appendonly', 'yes', '--dir', dir, '--port', String(port)]);
    servers.push(again);
    expect(await (await connectTo(again)).digest()).toBe(await master.digest());
  });
});
