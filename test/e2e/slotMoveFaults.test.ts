/**
 * Atomic moves of slots, with one of the two nodes lost, demoted, full or emptied in each phase. Afterwards every acknowledged write is
 * there, each slot has one owner, nothing is left of the copy, and the same move succeeds.
 */
import { describe, expect, it } from 'vitest';
import { freePorts } from '../support/ports.js';
import { ClusterNode, endAfter, join, type TestContext, untilState } from './support/cluster.js';
import { until } from './support/daemon.js';
import { HoldingProxy } from './support/holdingProxy.js';
import {
  clientOf,
  heldPair,
  isEmpty,
  KEY,
  keysIn,
  move,
  moved,
  ON_DISK,
  PATIENCE_MS,
  PATIENT,
  replicaOf,
  stopIn,
  TEN,
  untilMaster,
  untilNoKeys,
  untilOver,
  untilOwnedBy,
} from './support/slotMoves.js';

const LONG = { timeout: 120_000 };
describe.concurrent('a node is killed during a move', () => {
  it.for(['connecting', 'pausing', 'waiting-for-owner'] as const)('the source while %s', LONG, async (phase, test) => {
    const [a, b, proxy] = await heldPair(test, ON_DISK);
    await stopIn(phase, a, b, proxy);
    await a.end();
    proxy.cut();
    await a.start();
    await untilState([a, b], 'ok');
    await untilOwnedBy(a, a.port, [a, b]);
    await isEmpty(b);
    expect(await a.ask('GET', KEY)).toBe('value');
    await moved(a, ...TEN, b);
    expect(await b.ask('GET', KEY)).toBe('value');
    await untilNoKeys(a);
  });

  it('the source when the target has the slots, before it knows', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test, ON_DISK);
    await stopIn('waiting-for-owner', a, b, proxy);
    proxy.dropsAnswers = true;
    // It cannot hear of it by the bus either.
    a.daemon.signal('SIGSTOP');
    proxy.release();
    await until('the target has the slots', async () => (await b.ask('GET', KEY)) === 'value');
    expect(await b.ask('APPEND', KEY, '+')).toBe('6');
    await a.end();
    await a.start();
    await untilState([a, b], 'ok');
    await untilOwnedBy(b, proxy.port, [a, b]);
    await untilNoKeys(a);
    expect(await b.ask('GET', KEY)).toBe('value+');
    await until('only the key is left', async () => (await b.ask('DBSIZE')) === '1');
    await moved(b, ...TEN, a);
    expect(await a.ask('GET', KEY)).toBe('value+');
  });

  it.for(['connecting', 'pausing'] as const)('the target while %s', LONG, async (phase, test) => {
    const [a, b, proxy] = await heldPair(test, ON_DISK);
    await stopIn(phase, a, b, proxy);
    const writer = await clientOf(test, a);
    writer.send('APPEND', KEY, '+');
    await b.end();
    expect((await untilOver(a)).get('state')).toBe('failed');
    expect(await writer.read(PATIENCE_MS)).toMatchObject({ text: '6' });
    await b.start();
    proxy.release();
    await untilState([a, b], 'ok');
    await isEmpty(b);
    await untilOwnedBy(a, a.port, [a, b]);
    await moved(a, ...TEN, b);
    expect(await b.ask('GET', KEY)).toBe('value+');
  });

  it('the target right after it has taken the slots: its replica has them', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test, ON_DISK);
    const replica = await replicaOf(test, b, a);
    await stopIn('copying', a, b, proxy);
    proxy.release();
    expect((await untilOver(a)).get('state')).toBe('success');
    expect(await b.ask('APPEND', KEY, '+')).toBe('6');
    expect(await b.ask('WAIT', '1', '10000')).toBe('1');
    await b.end();
    expect(await replica.ask('CLUSTER', 'FAILOVER', 'TAKEOVER')).toBe('OK');
    await untilOwnedBy(replica, replica.port, [a, replica]);
    await untilState([a, replica], 'ok');
    expect(await replica.ask('GET', KEY)).toBe('value+');
    await untilNoKeys(a);
    await until('the marks are gone', async () => (await keysIn(replica, TEN)) === 2, PATIENCE_MS);
  });
});

describe.concurrent('the source is killed and the target has the slots', () => {
  it('its replica takes its place: what it has of the slots goes', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test, ON_DISK);
    const replica = await replicaOf(test, a, b);
    await stopIn('waiting-for-owner', a, b, proxy);
    // A key and a mark.
    await until('the replica has what the source has', async () => (await keysIn(replica, TEN)) === 2);
    proxy.dropsAnswers = true;
    a.daemon.signal('SIGSTOP');
    proxy.release();
    await untilOwnedBy(b, proxy.port, [replica]);
    await a.end();
    expect(await replica.ask('CLUSTER', 'FAILOVER', 'TAKEOVER')).toBe('OK');
    await untilState([b, replica], 'ok');
    await untilNoKeys(replica);
    await untilOwnedBy(b, proxy.port, [b, replica]);
    expect(await b.ask('GET', KEY)).toBe('value');
    await moved(b, ...TEN, replica);
    expect(await replica.ask('GET', KEY)).toBe('value');
  });

  it('while it throws its keys away: it goes on with that', LONG, async (test) => {
    const [a, b, proxy] = await heldPair(test, ON_DISK);
    await a.ask('SET', KEY, 'value');
    const client = await clientOf(test, a);
    await client.pipeline(Array.from({ length: 20_000 }, (_, i) => ['SET', `{${KEY}}:${i}`, 'value']));
    expect(await move(a, ...TEN, await b.id())).toBe('OK');
    await a.daemon.prints(/Slot migration .*: success/);
    await a.end();
    await a.start();
    await untilState([a, b], 'ok');
    await untilOwnedBy(b, proxy.port, [a, b]);
    await untilNoKeys(a);
    expect(await b.ask('GET', KEY)).toBe('value');
    await moved(b, ...TEN, a);
    expect(await a.ask('DBSIZE')).toBe('20001');
  });
});

/** Two nodes, and the ways that the bus takes to either. */
async function pairOnCuttableBus(test: TestContext): Promise<[ClusterNode, ClusterNode, HoldingProxy, HoldingProxy[]]> {
  const [port = 0, other = 0] = await freePorts(2);
  const proxy = await HoldingProxy.start(() => other);
  const bus = [await HoldingProxy.start(() => port + 10_000), await HoldingProxy.start(() => other + 10_000)];
  test.onTestFinished(async () => {
    for (const each of [proxy, ...bus]) each.close();
  });
  const [toA, toB] = bus.map((each) => ['--cluster-announce-bus-port', String(each.port), ...PATIENT]);
  const a = new ClusterNode({ port, more: [...(toA ?? [])] });
  const b = new ClusterNode({ port: other, more: [...(toB ?? []), '--cluster-announce-port', String(proxy.port)] });
  endAfter(test, [a, b]);
  await Promise.all([a.start(), b.start()]);
  await join([a, b]);
  return [a, b, proxy, bus];
}

describe.concurrent('the bus is cut between source and target', () => {
  it('for long: the target does not take the slots', LONG, async (test) => {
    const [a, b, proxy, bus] = await pairOnCuttableBus(test);
    await stopIn('waiting-for-owner', a, b, proxy);
    for (const each of bus) each.breakDown();
    await untilState([a, b], 'fail');
    proxy.release();
    const over = Object.fromEntries(await untilOver(a));
    expect(over).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(/^The target answered: CLUSTERDOWN/),
    });
    await isEmpty(b);
    for (const each of bus) each.mend();
    await untilState([a, b], 'ok');
    await untilOwnedBy(a, a.port, [a, b]);
    await moved(a, ...TEN, b);
    expect(await b.ask('GET', KEY)).toBe('value');
  });

  it('at the last word, whose answer is lost: the target itself tells', LONG, async (test) => {
    const [a, b, proxy, bus] = await pairOnCuttableBus(test);
    await stopIn('waiting-for-owner', a, b, proxy);
    for (const each of bus) each.breakDown();
    proxy.dropsAnswers = true;
    proxy.release();
    await until('the target has the slots', async () => (await b.ask('GET', KEY)) === 'value');
    proxy.breakDown();
    proxy.mend();
    expect((await untilOver(a)).get('state')).toBe('success');
    for (const each of bus) each.mend();
    await untilState([a, b], 'ok');
    await untilOwnedBy(b, proxy.port, [a, b]);
    await isEmpty(a);
    expect(await b.ask('GET', KEY)).toBe('value');
  });
});

describe.concurrent('a node is demoted during a move', () => {
  it.for(['copying', 'pausing', 'waiting-for-owner'] as const)('the source while %s', LONG, async (phase, test) => {
    const [a, b, proxy] = await heldPair(test, ON_DISK);
    const replica = await replicaOf(test, a, b);
    await stopIn(phase, a, b, proxy);
    expect(await replica.ask('CLUSTER', 'FAILOVER', 'TAKEOVER')).toBe('OK');
    await until('the source follows', async () => (await a.ask('ROLE')).includes('slave'), PATIENCE_MS);
    proxy.cut();
    expect((await untilOver(a)).get('state')).toBe('failed');
    await untilOwnedBy(replica, replica.port, [a, b, replica]);
    await untilNoKeys(b);
    expect(await replica.ask('GET', KEY)).toBe('value');
    await moved(replica, ...TEN, b);
    expect(await b.ask('GET', KEY)).toBe('value');
    await untilNoKeys(replica);
    await untilNoKeys(a);
  });

  it.for(['copying', 'pausing', 'waiting-for-owner'] as const)('the target while %s', LONG, async (phase, test) => {
    const [a, b, proxy] = await heldPair(test, ON_DISK);
    const replica = await replicaOf(test, b, a);
    await stopIn(phase, a, b, proxy);
    expect(await replica.ask('CLUSTER', 'FAILOVER', 'TAKEOVER')).toBe('OK');
    await until('the target follows', async () => (await b.ask('ROLE')).includes('slave'), PATIENCE_MS);
    proxy.release();
    expect((await untilOver(a)).get('state')).toBe('failed');
    await untilNoKeys(replica);
    await untilNoKeys(b);
    await untilOwnedBy(a, a.port, [a, b, replica]);
    expect(await a.ask('GET', KEY)).toBe('value');
    await untilMaster(replica);
    await moved(a, ...TEN, replica);
    expect(await replica.ask('GET', KEY)).toBe('value');
  });
});
