/** Whole slots that move to another node in one step, under load, and with either side lost on the way. */
import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { textOf } from '../support/notation.js';
import { freePorts } from '../support/ports.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { ClusterNode, endAfter, join, startNodes, type TestContext, untilState } from './support/cluster.js';
import { RecordingClient } from './support/clusterClient.js';
import { until } from './support/daemon.js';
import { randomWrites } from './support/randomWrites.js';
import {
  clientOf,
  heldPair,
  isEmpty,
  keyIn,
  keysIn,
  move,
  moved,
  moves,
  PATIENCE_MS,
  PATIENT,
  TEN,
  untilOver,
} from './support/slotMoves.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('a move of slots to a server of Redis');

const LONG = { timeout: 120_000 };

async function cluster(test: TestContext, count: number, more: readonly string[] = []): Promise<ClusterNode[]> {
  const nodes = endAfter(
    test,
    await startNodes(count, { more: ['--enable-debug-command', 'yes', ...PATIENT, ...more] }),
  );
  await join(nodes);
  return nodes;
}

/** Counts up in its own keys, all over the slots, and knows what was acknowledged. */
class Counters {
  readonly #cluster: Cluster;
  readonly #acknowledged = new Map<string, number>();
  readonly #running: Promise<void>[];
  #isOn = true;

  constructor(test: TestContext, port: number) {
    this.#cluster = new Cluster([{ host: '127.0.0.1', port }], { maxRedirections: 64, retryDelayOnMoved: 5 });
    this.#cluster.on('error', () => undefined);
    this.#running = Array.from({ length: 4 }, (_, i) => this.#run(i));
    test.onTestFinished(async () => {
      this.#isOn = false;
      this.#cluster.disconnect();
    });
  }

  async #run(client: number): Promise<void> {
    for (let n = 0; this.#isOn; n++) {
      const key = `count:${client}:${n % 50}`;
      this.#acknowledged.set(key, await this.#cluster.incr(key));
      if (n % 10 === 0) await sleep(1);
    }
  }

  get keys(): number {
    return this.#acknowledged.size;
  }

  /** Stops, and answers which keys do not hold what was acknowledged last. */
  async end(): Promise<string[]> {
    this.#isOn = false;
    await Promise.all(this.#running);
    const wrong: string[] = [];
    for (const [key, value] of this.#acknowledged) {
      const found = await this.#cluster.get(key);
      if (found !== String(value)) wrong.push(`${key}: ${found}, acknowledged ${value}`);
    }
    return wrong;
  }
}

/** Values of each type, small and large, all in one slot. */
async function fill(test: TestContext, node: ClusterNode, tag: string): Promise<string[]> {
  const client = await clientOf(test, node);
  const key = (name: string): string => `${tag}:${name}`;
  const batch: string[][] = [];
  for (let i = 0; i < 2000; i++) {
    const text = `value ${i} ${'x'.repeat(i % 90)}`;
    batch.push(['HSET', key('hash'), `field:${i}`, text], ['SADD', key('set'), `member:${i}`, String(i)]);
    batch.push(['ZADD', key('zset'), String(i / 7), `member:${i}`], ['RPUSH', key('list'), text, 'y'.repeat(i % 300)]);
    batch.push(['XADD', key('stream'), `${i + 1}-1`, 'field', text]);
  }
  batch.push(['XGROUP', 'CREATE', key('stream'), 'group', '0'], ['SETRANGE', key('string'), '700000', 'end']);
  batch.push(['SET', key('small'), 'x'], ['SADD', key('ints'), '1', '2'], ['PFADD', key('hll'), 'a', 'b']);
  batch.push(['SET', key('dies'), 'x', 'PXAT', '4102444800123']);
  await client.pipeline(batch);
  return ['hash', 'set', 'zset', 'list', 'stream', 'string', 'small', 'ints', 'hll', 'dies'].map(key);
}

async function digests(test: TestContext, node: ClusterNode, keys: readonly string[]): Promise<string> {
  const reply = await (await clientOf(test, node)).call('DEBUG', 'DIGEST-VALUE', ...keys);
  if (!('items' in reply)) throw new Error(textOf(reply));
  return reply.items.map(textOf).join();
}

describe.concurrent('CLUSTER MIGRATESLOTS', () => {
  it('loses no acknowledged write while slots go to and fro under load', LONG, async (test) => {
    const nodes = await cluster(test, 3);
    const [a, b] = nodes as [ClusterNode, ClusterNode];
    const still = await fill(test, a, `{${keyIn([0, 99], 'tag')}}`);
    const before = await digests(test, a, still);
    const writes = RecordingClient.start(test, nodes);
    const counters = new Counters(test, a.port);
    await until('the load runs', () => writes.acknowledged > 200 && counters.keys === 200);
    for (let round = 0; round < 2; round++) {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const written = writes.acknowledged;
        await moved(from, 0, 2999, to);
        expect(await digests(test, to, still)).toBe(before);
        await until('the load goes on', () => writes.acknowledged > written + 50);
      }
    }
    await writes.stop();
    expect(await counters.end()).toEqual([]);
    expect(await writes.lost()).toEqual([]);
    expect(await a.ask('PEXPIRETIME', still.at(-1) as string)).toBe('4102444800123');
    await untilState(nodes, 'ok');
    const slot = await a.ask('CLUSTER', 'KEYSLOT', still[0] as string);
    await until('the target of the first move has none of it', async () => {
      return (await b.ask('CLUSTER', 'COUNTKEYSINSLOT', slot)) === '0';
    });
    const clients = await Promise.all(nodes.map((node) => clientOf(test, node)));
    await until('the marks are gone', async () => {
      const marks = await Promise.all(clients.map((client) => client.call('KEYS', '*shoal:import*')));
      return marks.every((reply) => 'items' in reply && reply.items.length === 0);
    });
  });

  it("brings everything to the target's replicas and append-only file", LONG, async (test) => {
    const nodes = endAfter(
      test,
      await startNodes(4, { more: ['--enable-debug-command', 'yes', '--appendonly', 'yes', ...PATIENT] }),
    );
    const [a, b, , replica] = nodes as [ClusterNode, ClusterNode, ClusterNode, ClusterNode];
    await join(nodes.slice(0, 3));
    await replica.ask('CLUSTER', 'MEET', '127.0.0.1', String(b.port));
    await until('the replica knows its master', async () => (await replica.view()).length === 4);
    const targetId = await b.id();
    await until('it is a replica', async () => (await replica.ask('CLUSTER', 'REPLICATE', targetId)) === 'OK');
    await until('it is up', async () => (await replica.ask('INFO', 'replication')).includes('master_link_status:up'));
    const keys = await fill(test, a, `{${keyIn([0, 99], 'tag')}}`);
    const before = await digests(test, a, keys);
    await moved(a, 0, 99, b);
    expect(await digests(test, b, keys)).toBe(before);
    for (const node of [b, replica]) {
      await until('the marks are gone', async () => (await node.ask('DBSIZE')) === String(keys.length));
    }
    expect(await digests(test, replica, keys)).toBe(before);
    await b.end();
    await b.start();
    expect(await b.ask('DBSIZE')).toBe(String(keys.length));
    expect(await digests(test, b, keys)).toBe(before);
  });

  it('says what it does not do, and changes nothing', LONG, async (test) => {
    const nodes = await cluster(test, 2);
    const [a, b] = nodes as [ClusterNode, ClusterNode];
    const [mine, theirs] = await Promise.all([a.id(), b.id()]);
    expect(await move(a, 9000, 9001, theirs)).toBe("ERR I'm not the owner of hash slot 9000");
    expect(await move(a, 0, 1, mine)).toBe('ERR Cannot move slots to the node that has them');
    expect(await move(a, 0, 1, 'x')).toBe('ERR Unknown node x');
    expect(await move(a, 5, 1, theirs)).toBe('ERR start slot number 5 is greater than end slot number 1');
    expect(await move(a, 0, 16384, theirs)).toBe('ERR Invalid or out of range slot');
    expect(await a.ask('CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', '0', '1', 'NOD', theirs)).toBe('ERR syntax error');
    const twice = ['SLOTSRANGE', '0', '5', '5', '6', 'NODE', theirs];
    expect(await a.ask('CLUSTER', 'MIGRATESLOTS', ...twice)).toBe('ERR Slot 5 specified multiple times');
    for (const word of [[], ['ALL']]) {
      expect(await a.ask('CLUSTER', 'CANCELSLOTMIGRATIONS', ...word)).toMatch(/^ERR No migration/);
    }
    for (const words of [['NOW'], ['ALL', 'ALL']]) {
      expect(await a.ask('CLUSTER', 'CANCELSLOTMIGRATIONS', ...words)).toBe('ERR syntax error');
    }
    expect(await moves(a)).toEqual([]);
  });

  it.skipIf(!hasRedis)('fails where the target does not know of it, and the slots stay', LONG, async (test) => {
    const [port = 0, other = 0] = await freePorts(2);
    const a = new ClusterNode({ port, more: PATIENT });
    const b = new ClusterNode({ port: other, program: 'redis-server', more: PATIENT });
    endAfter(test, [a, b]);
    await Promise.all([a.start(), b.start()]);
    await join([a, b]);
    const key = keyIn([0, 9], 'key');
    await a.ask('SET', key, 'value');
    expect(await move(a, 0, 9, await b.id())).toBe('OK');
    const over = await untilOver(a);
    expect(over.get('state')).toBe('failed');
    expect(over.get('message')).toMatch(/^The target answered: ERR [Uu]nknown subcommand/);
    expect(await a.ask('GET', key)).toBe('value');
  });
});

const KEY_OF_RANDOM_WRITES = /^[snbltzhgxp]\d+$/;
const NOT_IN_A_CLUSTER: ReadonlySet<string> = new Set(['SELECT', 'MOVE', 'SWAPDB', 'FLUSHDB', 'FLUSHALL', 'PUBLISH']);

describe.concurrent('a move of slots that does not come to its end', () => {
  it.for([
    ['connecting', 'SYNCSLOTS'],
    ['copying', 'RESTORE-ASKING'],
    ['pausing', 'DEL'],
  ] as const)('cancelled while %s', LONG, async ([state, word], test) => {
    const [a, b, proxy] = await heldPair(test);
    const [key, gone] = [keyIn(TEN, 'key'), keyIn(TEN, 'gone')];
    await a.ask('MSET', key, 'value');
    await a.ask('SET', gone, 'value');
    proxy.holdAt = state === 'pausing' ? 'RESTORE-ASKING' : word;
    expect(await move(a, ...TEN, await b.id())).toBe('OK');
    await proxy.untilHeld();
    const writer = await clientOf(test, a);
    if (state === 'pausing') {
      await a.ask('DEL', gone);
      proxy.holdAgainAt(word);
      await proxy.untilHeld();
      writer.send('APPEND', key, '+');
    }
    expect((await moves(a))[0]?.get('state')).toBe(state);
    expect(await a.ask('CLUSTER', 'CANCELSLOTMIGRATIONS')).toBe('OK');
    expect((await untilOver(a)).get('state')).toBe('cancelled');
    if (state === 'pausing') expect(await writer.read(PATIENCE_MS)).toMatchObject({ text: '6' });
    expect(await a.ask('GET', key)).toBe(state === 'pausing' ? 'value+' : 'value');
    await isEmpty(b);
    proxy.release();
    await moved(a, ...TEN, b);
    expect(await b.ask('GET', key)).toBe(state === 'pausing' ? 'value+' : 'value');
  });

  it.for(['source', 'target'] as const)('the %s is killed while keys are copied', LONG, async (who, test) => {
    const [a, b, proxy] = await heldPair(test, ['--appendonly', 'yes']);
    const key = keyIn(TEN, 'key');
    const tag = `{${key}}`;
    for (let i = 0; i < 20; i++) await a.ask('SET', `${tag}:${i}`, randomBytes(20_000).toString('latin1'));
    await a.ask('SET', key, 'value');
    proxy.holdAt = 'RESTORE-ASKING';
    const targetId = await b.id();
    expect(await move(a, ...TEN, targetId)).toBe('OK');
    await proxy.untilHeld();
    // Some of it arrives.
    proxy.releaseSome();
    await until('the target has some of it', async () => (await keysIn(b, TEN)) > 10);
    const victim = who === 'source' ? a : b;
    await victim.end();
    if (who === 'target') expect((await untilOver(a)).get('state')).toBe('failed');
    await victim.start();
    await untilState([a, b], 'ok');
    await isEmpty(b);
    expect((await b.view()).flatMap(({ slots }) => slots).filter((slot) => slot.startsWith('['))).toEqual([]);
    expect(await a.ask('GET', key)).toBe('value');
    proxy.release();
    await moved(a, ...TEN, b);
    expect(await b.ask('GET', key)).toBe('value');
  });

  it("a replica that takes the target's place throws the copy away", LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test);
    const [replica] = endAfter(test, await startNodes(1, { more: PATIENT })) as [ClusterNode];
    const targetId = await b.id();
    await replica.ask('CLUSTER', 'MEET', '127.0.0.1', String(a.port));
    await until('the replica knows its master', async () => (await replica.view()).some(({ id }) => id === targetId));
    await until('it is a replica', async () => (await replica.ask('CLUSTER', 'REPLICATE', targetId)) === 'OK');
    await until('it is up', async () => (await replica.ask('INFO', 'replication')).includes('master_link_status:up'));
    const key = keyIn(TEN, 'key');
    for (let i = 0; i < 20; i++) await a.ask('SET', `{${key}}:${i}`, randomBytes(20_000).toString('latin1'));
    proxy.holdAt = 'RESTORE-ASKING';
    expect(await move(a, ...TEN, targetId)).toBe('OK');
    await proxy.untilHeld();
    proxy.releaseSome();
    await until('the replica has some of it', async () => (await keysIn(replica, TEN)) > 10);
    await b.end();
    expect((await untilOver(a)).get('state')).toBe('failed');
    expect(await replica.ask('CLUSTER', 'FAILOVER', 'TAKEOVER')).toBe('OK');
    await until('nothing is left of the copy', async () => (await replica.ask('DBSIZE')) === '0', PATIENCE_MS);
    expect(await a.ask('DBSIZE')).toBe('20');
  });

  it('FLUSHALL on the source ends it', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test);
    await a.ask('SET', keyIn(TEN, 'key'), 'value');
    proxy.holdAt = 'RESTORE-ASKING';
    expect(await move(a, ...TEN, await b.id())).toBe('OK');
    await proxy.untilHeld();
    expect(await a.ask('FLUSHALL')).toBe('OK');
    proxy.release();
    const over = Object.fromEntries(await untilOver(a));
    expect(over).toMatchObject({ state: 'failed', message: 'The data was changed by FLUSHALL' });
    await isEmpty(b);
  });

  it('at the last word the target has what the source has, whatever was written meanwhile', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test, ['--enable-debug-command', 'yes']);
    const tag = `{${keyIn(TEN, 'key')}}`;
    const keys = 'snbltzhgxp'.split('').flatMap((type) => Array.from({ length: 40 }, (_, i) => `${tag}${type}${i}`));
    const random = new Prng(randomInt(2 ** 31));
    const client = await clientOf(test, a);
    let writes = 0;
    const write = async (): Promise<void> => {
      const batch = randomWrites(random, 300).filter(([name = '']) => !NOT_IN_A_CLUSTER.has(name));
      await client.pipeline(batch.map((args) => args.map((arg) => (KEY_OF_RANDOM_WRITES.test(arg) ? tag + arg : arg))));
      writes++;
    };
    await write();
    proxy.holdAt = 'RESTORE-ASKING';
    expect(await move(a, ...TEN, await b.id())).toBe('OK');
    await proxy.untilHeld();
    for (let i = 0; i < 5; i++) await write();
    proxy.holdAgainAt('FINISH');
    const isHeld = { now: false };
    const held = proxy.untilHeld().then(() => {
      isHeld.now = true;
    });
    let last: Promise<void> = Promise.resolve();
    while (!isHeld.now) {
      // Those that come too late wait, and are redirected in the end.
      await Promise.race([last, held]);
      if (!isHeld.now) last = write();
    }
    const before = await digests(test, a, keys);
    expect(new Set(before.split(',')).size).toBeGreaterThan(100);
    expect(await digests(test, b, keys)).toBe(before);
    proxy.release();
    expect(Object.fromEntries(await untilOver(a))).toMatchObject({ state: 'success', message: '' });
    await last;
    expect(await digests(test, b, keys)).toBe(before);
    expect(writes).toBeGreaterThan(6);
  });

  it('the last word does not arrive: writers wait until that is sure', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test, ['--appendonly', 'yes']);
    const key = keyIn(TEN, 'key');
    await a.ask('SET', key, 'value');
    proxy.holdAt = 'FINISH';
    expect(await move(a, ...TEN, await b.id())).toBe('OK');
    await proxy.untilHeld();
    expect(await a.ask('CLUSTER', 'CANCELSLOTMIGRATIONS', 'ALL')).toMatch(/^ERR No migration/);
    await b.end();
    proxy.cut();
    const writer = await clientOf(test, a);
    writer.send('APPEND', key, '+');
    await a.daemon.prints('it is not known whether the target has taken the slots');
    expect(await a.ask('GET', key)).toBe('value');
    expect(await writer.read(300)).toEqual({ type: 'timeout' });
    await b.start();
    const over = await untilOver(a);
    expect(Object.fromEntries(over)).toMatchObject({ state: 'failed', message: 'The target has not taken the slots' });
    // By then the cluster may have noticed that a node is gone.
    const answer = await writer.read(PATIENCE_MS);
    await untilState([a, b], 'ok');
    expect(await a.ask('GET', key)).toBe('text' in answer && answer.text === '6' ? 'value+' : 'value');
    await isEmpty(b);
  });

  it(
    'the last word arrives but not the answer: the target has the slots, even when it is killed then',
    LONG,
    async (test) => {
      const [a, b, proxy] = await heldPair(test, ['--appendonly', 'yes']);
      const key = keyIn(TEN, 'key');
      await a.ask('SET', key, 'value');
      proxy.holdAt = 'FINISH';
      proxy.dropsAnswers = true;
      expect(await move(a, ...TEN, await b.id())).toBe('OK');
      await proxy.untilHeld();
      const writer = await clientOf(test, a);
      writer.send('APPEND', key, '+');
      proxy.release();
      await until('the target has the slots', async () => (await b.ask('GET', key)) === 'value');
      await b.end();
      await b.start();
      expect(Object.fromEntries(await untilOver(a))).toMatchObject({ state: 'success', message: '' });
      expect(await writer.read(PATIENCE_MS)).toMatchObject({ text: expect.stringMatching(/^(MOVED|CLUSTERDOWN) /) });
      await untilState([a, b], 'ok');
      await until('only the key is left', async () => (await b.ask('DBSIZE')) === '1');
      expect(await b.ask('GET', key)).toBe('value');
      await isEmpty(a);
    },
  );
});
