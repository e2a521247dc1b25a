/** What the settings of replication do, and FAILOVER with its options: our server as master and as replica of Redis's, and of itself. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';
import { startShoal } from '../support/shoal.js';
import type { TestContext } from './support/cluster.js';
import { caughtUp, expectSame, type Kind, Node, until } from './support/replicationNode.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('settings of replication with redis-server');

const COMMON = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];
const PAIRS: readonly (readonly [Kind, Kind])[] = hasRedis
  ? [
      ['shoal', 'shoal'],
      ['shoal', 'redis'],
      ['redis', 'shoal'],
    ]
  : [['shoal', 'shoal']];
const MIB = 1 << 20;

async function start(test: TestContext, kind: Kind, args: readonly string[]): Promise<Node> {
  const server = await (kind === 'shoal' ? startShoal : startRedis)([...COMMON, ...args]);
  const node = await Node.connect(server);
  test.onTestFinished(async () => {
    node.client.close();
    await server.stop();
  });
  return node;
}

describe.for(PAIRS)('a %s master and a %s replica', { concurrent: true }, ([masterKind, replicaKind]) => {
  async function pair(test: TestContext, ofMaster: string[] = [], ofReplica: string[] = []): Promise<[Node, Node]> {
    return Promise.all([start(test, masterKind, ofMaster), start(test, replicaKind, ofReplica)]);
  }

  it('with masterauth and masteruser get past the password', async (test) => {
    const [master, replica] = await pair(test, ['--requirepass', 'secret'], ['--masterauth', 'wrong']);
    await master.call('AUTH', 'secret');
    await replica.call('REPLICAOF', '127.0.0.1', String(master.server.port));
    await until('the replica has been refused', async () => /WRONGPASS|invalid password/.test(replica.server.output()));
    expect(await replica.info('master_link_status')).toBe('down');
    await replica.config('masterauth', 'secret');
    await replica.untilInfo('master_link_status', 'up');
    await replica.call('REPLICAOF', 'NO', 'ONE');
    await replica.config('masteruser', 'default');
    await replica.follow(master.server.port);
    await master.call('SET', 'k', 'v');
    await expectSame(master, replica);
  });

  it('with repl-timeout give each other up, and find each other again', async (test) => {
    const [master, replica] = await pair(test, ['--repl-timeout', '3'], ['--repl-timeout', '3']);
    await replica.follow(master.server.port);
    master.signal('SIGSTOP');
    await replica.untilInfo('master_link_status', 'down');
    master.signal('SIGCONT');
    await replica.untilInfo('master_link_status', 'up');
    replica.signal('SIGSTOP');
    await master.untilInfo('connected_slaves', '0');
    replica.signal('SIGCONT');
    await replica.untilInfo('master_link_status', 'up');
    await master.call('SET', 'k', 'v');
    await expectSame(master, replica);
    // Each time it went on where it was.
    expect(await master.info('sync_full')).toBe('1');
  });

  it('with repl-backlog-size go on where they were only as far as it reaches', async (test) => {
    const [master, replica] = await pair(test, ['--repl-backlog-size', '1mb'], []);
    await replica.follow(master.server.port);
    const write = (bytes: number): Promise<string> => master.call('SET', 'k', 'x'.repeat(bytes));
    const meanwhile = async (action: () => Promise<unknown>): Promise<void> => {
      // Nobody listens there: the replica forgets nothing, but has no master for a while.
      await replica.call('REPLICAOF', '127.0.0.1', '1');
      await action();
      await replica.follow(master.server.port);
      await expectSame(master, replica);
    };
    await meanwhile(() => write(MIB / 2));
    expect([await master.info('sync_full'), await master.info('sync_partial_ok')]).toEqual(['1', '1']);
    await meanwhile(() => write(3 * MIB));
    expect([await master.info('sync_full'), await master.info('sync_partial_ok')]).toEqual(['2', '1']);
  });

  it('with repl-backlog-ttl forget the backlog when nobody needs it', async (test) => {
    const [master, replica] = await pair(test, ['--repl-backlog-ttl', '1'], []);
    await replica.follow(master.server.port);
    expect(await master.info('repl_backlog_active')).toBe('1');
    await replica.call('REPLICAOF', 'NO', 'ONE');
    await master.untilInfo('repl_backlog_active', '0');
  });

  it('with min-replicas-to-write and min-replicas-max-lag write only while the replica is there', async (test) => {
    const [master, replica] = await pair(test, ['--min-replicas-to-write', '1', '--min-replicas-max-lag', '2'], []);
    const refused = 'NOREPLICAS Not enough good replicas to write.';
    expect(await master.call('SET', 'k', 'v')).toBe(refused);
    await replica.follow(master.server.port);
    await until('writes are taken', async () => (await master.call('SET', 'k', 'v')) === 'OK');
    replica.signal('SIGSTOP');
    await until('writes are refused', async () => (await master.call('SET', 'k', 'w')) === refused);
    expect(await master.info('min_slaves_good_slaves')).toBe('0');
    replica.signal('SIGCONT');
    await until('writes are taken again', async () => (await master.call('SET', 'k', 'x')) === 'OK');
    await expectSame(master, replica);
  });

  it('with client-output-buffer-limit part with a replica that takes nothing', async (test) => {
    const [master, replica] = await pair(test, ['--client-output-buffer-limit', 'replica 2mb 0 0'], []);
    await replica.follow(master.server.port);
    replica.signal('SIGSTOP');
    const value = 'x'.repeat(MIB);
    await until('the replica is dropped', async () => {
      await master.call('SET', 'k', value);
      return (await master.info('connected_slaves')) === '0';
    });
    expect(Number(await master.info('mem_clients_slaves'))).toBeLessThan(2 * MIB);
    replica.signal('SIGCONT');
    await replica.untilInfo('master_link_status', 'up');
    await expectSame(master, replica);
  });

  it('with rdb-del-sync-files leave no file behind where nothing is to be on disk', async (test) => {
    const [master, replica] = await pair(test, ['--repl-diskless-sync', 'no'], ['--repl-diskless-load', 'disabled']);
    const dumps = (): boolean[] => [master, replica].map(({ server }) => existsSync(join(server.dir, 'dump.rdb')));
    await replica.follow(master.server.port);
    expect(dumps()[1]).toBe(true);
    for (const node of [master, replica]) {
      await node.call('REPLICAOF', 'NO', 'ONE');
      await node.config('rdb-del-sync-files', 'yes');
    }
    // Persistence keeps it.
    await replica.config('save', '3600 1');
    await master.call('DEBUG', 'CHANGE-REPL-ID');
    await replica.follow(master.server.port);
    expect(dumps()[1]).toBe(true);
    await replica.call('REPLICAOF', 'NO', 'ONE');
    await replica.config('save', '');
    await master.call('DEBUG', 'CHANGE-REPL-ID');
    await replica.follow(master.server.port);
    await until('no file is there', async () => dumps().every((isThere) => !isThere));
    await until('it says so', async () =>
      replica.server.output().includes('Removing the RDB file obtained from the master'),
    );
    await expectSame(master, replica);
  });

  it('come back after CLIENT KILL TYPE', async (test) => {
    const [master, replica] = await pair(test);
    await replica.follow(master.server.port);
    await master.call('SET', 'k', 'v');
    await caughtUp(master, replica);
    expect(await master.call('CLIENT', 'KILL', 'TYPE', 'replica')).toBe('1');
    await until('the replica is back', async () => (await master.info('sync_partial_ok')) === '1');
    await replica.untilInfo('master_link_status', 'up');
    expect(await replica.call('CLIENT', 'KILL', 'TYPE', 'master')).toBe('1');
    await until('the replica is back again', async () => (await master.info('sync_partial_ok')) === '2');
    await replica.untilInfo('master_link_status', 'up');
    await master.call('SET', 'k', 'w');
    await expectSame(master, replica);
  });

  it('hand over with FAILOVER TO, give up with ABORT, and are forced by TIMEOUT and FORCE', async (test) => {
    const [master, replica] = await pair(test);
    await replica.follow(master.server.port);
    await caughtUp(master, replica);
    const to = ['TO', '127.0.0.1', String(replica.server.port)];
    expect(await master.call('FAILOVER', 'ABORT')).toBe('ERR No failover in progress.');
    expect(await master.call('FAILOVER', 'TO', '127.0.0.1', '1')).toBe(
      'ERR FAILOVER target HOST and PORT is not a replica.',
    );

    // A replica that does not catch up is waited for, with writes held back, until the operator thinks better of it.
    replica.signal('SIGSTOP');
    await master.call('SET', 'k', 'v');
    expect(await master.call('FAILOVER')).toBe('OK');
    await master.untilInfo('master_failover_state', 'waiting-for-sync');
    expect(await master.call('FAILOVER')).toBe('ERR FAILOVER already in progress.');
    expect(await master.call('FAILOVER', 'ABORT')).toBe('OK');
    expect(await master.info('master_failover_state')).toBe('no-failover');
    expect(await master.call('SET', 'k', 'w')).toBe('OK');

    // Or until the time is over.
    expect(await master.call('FAILOVER', 'TIMEOUT', '200')).toBe('OK');
    await master.untilInfo('master_failover_state', 'no-failover');
    expect(await master.info('role')).toBe('master');
    replica.signal('SIGCONT');
    await expectSame(master, replica);

    expect(await master.call('FAILOVER', ...to)).toBe('OK');
    await replica.untilInfo('role', 'master');
    await master.untilInfo('master_link_status', 'up');
    await replica.call('SET', 'k', 'x');
    await expectSame(replica, master);
    expect(await replica.info('sync_full')).toBe('0');

    // Forced: the old master does not wait for what the other has not got.
    master.signal('SIGSTOP');
    await replica.call('SET', 'k', 'lost');
    const back = ['TO', '127.0.0.1', String(master.server.port)];
    expect(await replica.call('FAILOVER', ...back, 'FORCE', 'TIMEOUT', '200')).toBe('OK');
    await replica.untilInfo('role', 'slave');
    master.signal('SIGCONT');
    await master.untilInfo('role', 'master');
    await replica.untilInfo('master_link_status', 'up');
    await master.call('SET', 'other', 'v');
    await expectSame(master, replica);
  });
});
