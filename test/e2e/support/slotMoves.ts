/** Atomic moves of slots between real nodes, as tests ask for them and look at them. */
import { expect } from 'vitest';
import { keySlot } from '../../../src/base/crc16.js';
import { freePorts } from '../../support/ports.js';
import { RawClient } from '../../support/rawclient.js';
import { ClusterNode, endAfter, join, startNodes, type TestContext, untilState } from './cluster.js';
import { until } from './daemon.js';
import { HoldingProxy } from './holdingProxy.js';

/** For a reply that has to wait for a node to come back. */
export const PATIENCE_MS = 60_000;
/** A busy machine must not make the nodes doubt each other: that ends a move. */
export const PATIENT = ['--cluster-node-timeout', '6000'];

/** The slots that most tests move. */
export const TEN = [0, 9] as const;

export async function clientOf(test: TestContext, node: ClusterNode): Promise<RawClient> {
  const client = await RawClient.connect(node.port);
  test.onTestFinished(async () => client.close());
  return client;
}

export function move(source: ClusterNode, from: number, to: number, targetId: string): Promise<string> {
  return source.ask('CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', String(from), String(to), 'NODE', targetId);
}

/** The moves that the node knows of, newest first. */
export async function moves(node: ClusterNode): Promise<Map<string, string>[]> {
  const client = await RawClient.connect(node.port);
  try {
    const reply = await client.call('CLUSTER', 'GETSLOTMIGRATIONS');
    const list = 'items' in reply ? reply.items : [];
    return list.map((each) => {
      const fields = 'items' in each ? each.items.map((item) => ('text' in item ? String(item.text) : '')) : [];
      return new Map(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1] ?? ''] as const] : [])));
    });
  } finally {
    client.close();
  }
}

export async function untilOver(node: ClusterNode): Promise<Map<string, string>> {
  let last = new Map<string, string>();
  await until('the move is over', async () => {
    [last = last] = await moves(node);
    return ['success', 'failed', 'cancelled'].includes(last.get('state') ?? '');
  });
  return last;
}

/** Moves slots, again where a busy machine has made the nodes doubt each other. */
export async function moved(source: ClusterNode, from: number, to: number, target: ClusterNode): Promise<void> {
  const targetId = await target.id();
  for (;;) {
    await untilState([source, target], 'ok');
    const reply = await move(source, from, to, targetId);
    const over = reply === 'OK' ? await untilOver(source) : new Map([['message', reply]]);
    if (over.get('message')?.includes('CLUSTERDOWN') === true) continue;
    expect(Object.fromEntries(over)).toMatchObject({ state: 'success', message: '' });
    return;
  }
}

/** A key whose slot lies in the range. */
export function keyIn([from = 0, to = 0]: readonly number[], prefix: string): string {
  for (let i = 0; ; i++) {
    const key = Buffer.from(`${prefix}:${i}`);
    const slot = keySlot(key, 0, key.length);
    if (slot >= from && slot <= to) return key.toString();
  }
}

/** Two nodes; what the first says to the second can be held back. */
export async function heldPair(
  test: TestContext,
  more: readonly string[] = [],
): Promise<[ClusterNode, ClusterNode, HoldingProxy]> {
  const [port = 0, other = 0] = await freePorts(2);
  const proxy = await HoldingProxy.start(() => other);
  test.onTestFinished(async () => proxy.close());
  const a = new ClusterNode({ port, more: [...PATIENT, ...more] });
  const b = new ClusterNode({
    port: other,
    more: ['--cluster-announce-port', String(proxy.port), ...PATIENT, ...more],
  });
  endAfter(test, [a, b]);
  await Promise.all([a.start(), b.start()]);
  await join([a, b]);
  return [a, b, proxy];
}

export async function isEmpty(node: ClusterNode): Promise<void> {
  await until('nothing is left of the copy', async () => (await keysIn(node, TEN)) === 0);
}

/** How many keys lie in these slots of the node, whether clients may reach them or not. Marks are counted as well. */
export async function keysIn(node: ClusterNode, [from, to]: readonly [number, number]): Promise<number> {
  let count = 0;
  for (let slot = from; slot <= to; slot++) {
    count += Number(await node.ask('CLUSTER', 'COUNTKEYSINSLOT', String(slot)));
  }
  return count;
}

export const ON_DISK = ['--appendonly', 'yes', '--appendfsync', 'always'];
export const KEY = keyIn(TEN, 'key');
export const GONE = keyIn(TEN, 'gone');

export type Phase = 'connecting' | 'copying' | 'pausing' | 'waiting-for-owner';

/** Begins to move the ten slots, and stops in the phase. KEY has a value then, GONE is deleted while the slots are copied. */
export async function stopIn(
  phase: Phase,
  source: ClusterNode,
  target: ClusterNode,
  proxy: HoldingProxy,
): Promise<void> {
  await source.ask('SET', KEY, 'value');
  await source.ask('SET', GONE, 'value');
  proxy.holdAt = phase === 'connecting' ? 'SYNCSLOTS' : 'RESTORE-ASKING';
  expect(await move(source, ...TEN, await target.id())).toBe('OK');
  await proxy.untilHeld();
  if (phase === 'pausing' || phase === 'waiting-for-owner') {
    await source.ask('DEL', GONE);
    proxy.holdAgainAt(phase === 'pausing' ? 'DEL' : 'FINISH');
    await proxy.untilHeld();
  }
  expect((await moves(source))[0]?.get('state')).toBe(phase);
}

/** The node and its slots among the ten, as each node sees it. */
export async function owners(nodes: readonly ClusterNode[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const node of nodes) {
    const lines = await node.view();
    const owner = lines.find(({ slots }) => slots.some((range) => /^0(-|$)/.test(range)));
    const open = lines.flatMap(({ slots }) => slots).filter((range) => range.startsWith('['));
    found.add(`${owner?.port ?? 'nobody'} ${open.join(' ')}`.trim());
  }
  return found;
}

export async function untilOwnedBy(owner: ClusterNode, port: number, nodes: readonly ClusterNode[]): Promise<void> {
  await until(`all see ${owner.port} with the slots`, async () => {
    const seen = await owners(nodes);
    return seen.size === 1 && seen.has(String(port));
  });
}

export async function untilNoKeys(node: ClusterNode): Promise<void> {
  await until('no key of the slots is left', async () => (await keysIn(node, TEN)) === 0, PATIENCE_MS);
}

/** A replica of the node, with its data. */
export async function replicaOf(test: TestContext, master: ClusterNode, other: ClusterNode): Promise<ClusterNode> {
  const [replica] = endAfter(test, await startNodes(1, { more: [...PATIENT, ...ON_DISK] })) as [ClusterNode];
  const id = await master.id();
  // Neither asks the other through a proxy.
  for (const node of [master, other]) await replica.ask('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
  await until('the replica knows its master', async () => (await replica.view()).some((line) => line.id === id));
  await until('it is a replica', async () => (await replica.ask('CLUSTER', 'REPLICATE', id)) === 'OK');
  await until('it is up', async () => (await replica.ask('INFO', 'replication')).includes('master_link_status:up'));
  const mine = await replica.id();
  await until('all know it', async () => {
    const views = await Promise.all([master, other].map((node) => node.view()));
    return views.every((view) => view.some(({ id, flags }) => id === mine && flags.includes('slave')));
  });
  return replica;
}

export async function untilMaster(node: ClusterNode): Promise<void> {
  await until('it is a master', async () => (await node.ask('ROLE')).includes('master'), PATIENCE_MS);
}
