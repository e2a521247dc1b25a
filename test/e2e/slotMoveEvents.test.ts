/** Atomic moves of slots: what clients see of them, and what other commands and memory limits do to them. */
import { describe, expect, it } from 'vitest';
import { type ClusterNode, type TestContext, untilState } from './support/cluster.js';
import { until } from './support/daemon.js';
import {
  clientOf,
  heldPair,
  isEmpty,
  KEY,
  keyIn,
  keysIn,
  move,
  moved,
  moves,
  ON_DISK,
  PATIENCE_MS,
  replicaOf,
  stopIn,
  TEN,
  untilOver,
} from './support/slotMoves.js';

const LONG = { timeout: 120_000 };

/** What commands over all keys show. */
async function shown(node: ClusterNode, test: TestContext): Promise<string[]> {
  const client = await clientOf(test, node);
  await client.call('READONLY');
  const [keys, scanned, random, size] = await client.pipeline([
    ['KEYS', '*'],
    ['SCAN', '0', 'COUNT', '1000'],
    ['RANDOMKEY'],
    ['DBSIZE'],
  ]);
  const keyspace = /keys=\d+/.exec(await node.ask('INFO', 'keyspace'))?.[0];
  return [keys, scanned, random, keyspace, size].map((reply) => JSON.stringify(reply));
}

describe.concurrent('keys that nobody can reach', () => {
  it('are not shown on either side, nor on a replica; COUNTKEYSINSLOT counts them', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test);
    const replica = await replicaOf(test, b, a);
    const theirs = keyIn([16000, 16383], 'theirs');
    await b.ask('SET', theirs, 'value');
    const before = await shown(b, test);
    expect(before.join()).toContain(theirs);
    for (let i = 0; i < 200; i++) await a.ask('SET', `{${KEY}}:${i}`, 'x');
    await stopIn('waiting-for-owner', a, b, proxy);
    expect(await keysIn(b, TEN)).toBe(201 + 10);
    expect(await shown(b, test)).toEqual(before);
    await until('the replica has the copy', async () => (await keysIn(replica, TEN)) === 201 + 10);
    await until('and does not show it', async () => (await shown(replica, test)).join() === before.join());
    const source = await shown(a, test);
    expect(source.join()).not.toContain('shoal:import');
    expect(source.at(-1)).toContain('201');
    proxy.release();
    expect((await untilOver(a)).get('state')).toBe('success');
    // At once, whatever is left of them and of the marks.
    expect(await b.ask('DBSIZE')).toBe('202');
    expect(await a.ask('DBSIZE')).toBe('0');
    await until('the replica shows them', async () => (await replica.ask('DBSIZE')) === '202');
  });
});

describe.concurrent('what else may happen to a move', () => {
  it('the target is full', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test);
    for (let i = 0; i < 50; i++) await a.ask('SET', `{${KEY}}:${i}`, 'x'.repeat(20_000));
    await stopIn('copying', a, b, proxy);
    const used = Number(/used_memory:(\d+)/.exec(await b.ask('INFO', 'memory'))?.[1]);
    await b.ask('CONFIG', 'SET', 'maxmemory', String(used + 100_000));
    proxy.release();
    const over = Object.fromEntries(await untilOver(a));
    expect(over).toMatchObject({ state: 'failed', message: expect.stringMatching(/^The target answered: OOM /) });
    await isEmpty(b);
    expect(await a.ask('GET', KEY)).toBe('value');
    await b.ask('CONFIG', 'SET', 'maxmemory', '0');
    await moved(a, ...TEN, b);
    expect(await b.ask('DBSIZE')).toBe('52');
  });

  it('the target makes room: of its own keys, never of the copy', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test);
    const theirs = keyIn([16000, 16383], 'theirs');
    for (let i = 0; i < 50; i++) await b.ask('SET', `{${theirs}}:${i}`, 'x'.repeat(20_000));
    for (let i = 0; i < 20; i++) await a.ask('SET', `{${KEY}}:${i}`, 'x'.repeat(20_000));
    await stopIn('copying', a, b, proxy);
    proxy.holdAgainAt('FINISH');
    await proxy.untilHeld();
    const used = Number(/used_memory:(\d+)/.exec(await b.ask('INFO', 'memory'))?.[1]);
    await b.ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random', 'maxmemory', String(used - 700_000));
    await until(
      'it has made room',
      async () => Number(/used_memory:(\d+)/.exec(await b.ask('INFO', 'memory'))?.[1]) <= used - 700_000,
    );
    // Marks are counted as well.
    expect(await keysIn(b, TEN)).toBe(22 + 10);
    await b.ask('CONFIG', 'SET', 'maxmemory', '0');
    proxy.release();
    expect((await untilOver(a)).get('state')).toBe('success');
    for (let i = 0; i < 20; i++) expect((await b.ask('GET', `{${KEY}}:${i}`)).length).toBe(20_000);
  });

  it.for(['FLUSHALL', 'FLUSHDB'] as const)('%s on the target', LONG, async (command, test) => {
    const [a, b, proxy] = await heldPair(test);
    for (let i = 0; i < 20; i++) await a.ask('SET', `{${KEY}}:${i}`, 'x'.repeat(20_000));
    await stopIn('copying', a, b, proxy);
    proxy.releaseSome();
    await until('the target has some of it', async () => (await keysIn(b, TEN)) > 10);
    expect(await b.ask(command)).toBe('OK');
    proxy.release();
    expect((await untilOver(a)).get('state')).toBe('failed');
    await isEmpty(b);
    expect(await keysIn(a, TEN)).toBe(22);
    await moved(a, ...TEN, b);
    expect(await b.ask('GET', KEY)).toBe('value');
  });

  it('a second move of some of the slots is refused, of others waits', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test);
    await stopIn('copying', a, b, proxy);
    const targetId = await b.id();
    expect(await move(a, 9, 12, targetId)).toBe('ERR Slot 9 is being moved already');
    expect(await move(a, 20, 29, targetId)).toBe('OK');
    expect((await moves(a)).map((each) => each.get('state'))).toEqual(['queued', 'copying']);
    expect(await move(a, 25, 25, targetId)).toBe('ERR Slot 25 is being moved already');
    expect(await a.ask('CLUSTER', 'SETSLOT', '5', 'MIGRATING', targetId)).toBe('OK');
    proxy.release();
    await until('both are over', async () => {
      return (await moves(a)).every((each) => /success|failed/.test(each.get('state') ?? ''));
    });
    expect((await moves(a)).map((each) => [each.get('state'), each.get('message')])).toEqual([
      ['success', ''],
      ['failed', 'Slot 5 was opened for another move'],
    ]);
    expect(await a.ask('CLUSTER', 'SETSLOT', '5', 'STABLE')).toBe('OK');
    await moved(a, ...TEN, b);
    expect(await b.ask('GET', KEY)).toBe('value');
  });

  it('all of them are cancelled, also those that wait for their turn', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test);
    await stopIn('copying', a, b, proxy);
    expect(await move(a, 20, 29, await b.id())).toBe('OK');
    expect(await a.ask('CLUSTER', 'CANCELSLOTMIGRATIONS', 'ALL')).toBe('OK');
    await untilOver(a);
    await until('both are over', async () => {
      return (await moves(a)).every((each) => each.get('state') === 'cancelled');
    });
    await isEmpty(b);
    proxy.release();
    await moved(a, 0, 29, b);
    expect(await b.ask('GET', KEY)).toBe('value');
  });

  it('the source is killed while a large value arrives', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test, ON_DISK);
    const client = await clientOf(test, a);
    const fields = Array.from({ length: 40_000 }, (_, i) => ['HSET', `{${KEY}}:large`, `field:${i}`, 'x'.repeat(50)]);
    await client.pipeline(fields);
    proxy.holdAt = `{${KEY}}:large`;
    expect(await move(a, ...TEN, await b.id())).toBe('OK');
    await proxy.untilHeld();
    proxy.releaseSome();
    await a.end();
    await a.start();
    await untilState([a, b], 'ok');
    await isEmpty(b);
    expect(await a.ask('HLEN', `{${KEY}}:large`)).toBe('40000');
    proxy.release();
    await moved(a, ...TEN, b);
    expect(await b.ask('HLEN', `{${KEY}}:large`)).toBe('40000');
  });

  it.for(['copying', 'waiting-for-owner'] as const)(
    'the source forgets the target while %s',
    LONG,
    async (phase, test) => {
      const [a, b, proxy] = await heldPair(test);
      await stopIn(phase, a, b, proxy);
      expect(await a.ask('CLUSTER', 'FORGET', await b.id())).toBe('OK');
      proxy.cut();
      expect((await untilOver(a)).get('state')).toBe('failed');
      await isEmpty(b);
      expect(await b.ask('CLUSTER', 'KEYSLOT', KEY).then((slot) => b.ask('CLUSTER', 'COUNTKEYSINSLOT', slot))).toBe(
        '0',
      );
      expect((await a.view()).find(({ flags }) => flags.includes('myself'))?.slots).toEqual(['0-8191']);
    },
  );

  it('the target is told to forget the source, or to begin anew', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test);
    await stopIn('copying', a, b, proxy);
    proxy.releaseSome();
    await until('the target has some of it', async () => (await keysIn(b, TEN)) > 10);
    expect(await b.ask('CLUSTER', 'RESET')).toBe("ERR CLUSTER RESET can't be called with master nodes containing keys");
    expect(await b.ask('CLUSTER', 'FORGET', await a.id())).toBe('OK');
    proxy.release();
    const over = Object.fromEntries(await untilOver(a));
    expect(over.state).toBe('failed');
    await isEmpty(b);
    expect(await a.ask('CLUSTER', 'RESET')).toBe("ERR CLUSTER RESET can't be called with master nodes containing keys");
    expect(await keysIn(a, TEN)).toBe(2);
  });

  it('the source gives one of the slots up while it does not know whose they are', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test);
    await stopIn('waiting-for-owner', a, b, proxy);
    expect(await a.ask('CLUSTER', 'RESET')).toBe("ERR CLUSTER RESET can't be called with master nodes containing keys");
    expect(await a.ask('CLUSTER', 'DELSLOTS', '5')).toBe('OK');
    proxy.cut();
    const over = Object.fromEntries(await untilOver(a));
    expect(over.state).toBe('failed');
    await isEmpty(b);
    expect(await a.ask('CLUSTER', 'ADDSLOTS', '5')).toBe('OK');
    await moved(a, ...TEN, b);
    expect(await b.ask('GET', KEY)).toBe('value');
  });

  it('keys of the slots expire and are evicted meanwhile', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test);
    for (let i = 0; i < 20; i++) await a.ask('SET', `{${KEY}}:${i}`, 'x'.repeat(20_000));
    await a.ask('SET', `{${KEY}}:dies`, 'x', 'PX', '300');
    await a.ask('SET', `{${KEY}}:stays`, 'x', 'PX', '300000');
    await stopIn('copying', a, b, proxy);
    await until('it has expired', async () => (await a.ask('INFO', 'stats')).includes('\r\nexpired_keys:1\r\n'));
    expect(await a.ask('PERSIST', `{${KEY}}:stays`)).toBe('1');
    await a.ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random', 'maxmemory', '1');
    const evicted = async (): Promise<number> => Number(/evicted_keys:(\d+)/.exec(await a.ask('INFO', 'stats'))?.[1]);
    await until('some are evicted', async () => (await evicted()) > 0);
    await a.ask('CONFIG', 'SET', 'maxmemory', '0');
    const written = await a.ask('SET', `{${KEY}}:last`, 'x');
    expect(written).toBe('OK');
    const left = await keysIn(a, TEN);
    proxy.holdAgainAt('FINISH');
    await proxy.untilHeld();
    expect(await keysIn(b, TEN)).toBe(left + 10);
    proxy.release();
    expect((await untilOver(a)).get('state')).toBe('success');
    await until('the marks are gone', async () => (await keysIn(b, TEN)) === left);
    expect(await b.ask('GET', `{${KEY}}:last`)).toBe('x');
  });

  it('clients that wait, watch, track and subscribe are told when the slots leave', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test);
    const slot = await a.ask('CLUSTER', 'KEYSLOT', KEY);
    await stopIn('copying', a, b, proxy);
    const [blocked, watching, tracking, subscribed] = await Promise.all(
      [a, a, a, a].map((node) => clientOf(test, node)),
    );
    if (!blocked || !watching || !tracking || !subscribed) throw new Error('no clients');
    blocked.send('BLPOP', `{${KEY}}:list`, '0');
    await watching.call('WATCH', KEY);
    await watching.call('MULTI');
    await watching.call('GET', KEY);
    await tracking.call('HELLO', '3');
    await tracking.call('CLIENT', 'TRACKING', 'ON');
    await tracking.call('GET', KEY);
    await subscribed.call('SSUBSCRIBE', `{${KEY}}`);
    await until('it waits', async () => (await a.ask('INFO', 'clients')).includes('\r\nblocked_clients:1\r\n'));
    proxy.release();
    const moved = `MOVED ${slot} 127.0.0.1:${proxy.port}`;
    expect(await blocked.read(PATIENCE_MS)).toMatchObject({ type: 'error', text: moved });
    expect(await watching.call('EXEC')).toMatchObject({
      type: 'error',
      text: expect.stringMatching(/^(EXECABORT|MOVED)/),
    });
    expect(JSON.stringify(await tracking.read(PATIENCE_MS))).toContain('invalidate');
    expect(JSON.stringify(await subscribed.read(PATIENCE_MS))).toContain('sunsubscribe');
    expect((await untilOver(a)).get('state')).toBe('success');
  });
});
