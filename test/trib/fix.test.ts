import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  describeMixtures,
  idsOf,
  joinNodes,
  keysOfSlot,
  ownSlots,
  startNodes,
  stopNodes,
  untilHealthy,
} from './clusters.js';
import { type TestNode, trib, viewsOf } from './nodes.js';

describeMixtures('trib fix', { together: true }, (mixture) => {
  let nodes: TestNode[] = [];
  let ids: string[] = [];

  beforeAll(async () => {
    nodes = await startNodes(mixture, 3);
    await joinNodes(nodes);
    ids = await idsOf(nodes);
  });
  afterAll(() => stopNodes(nodes));

  const fixed = async (options = '--yes'): Promise<string> => {
    const { code, out } = await trib(`fix ${nodes[0].address} ${options}`);
    expect(code, out).toBe(0);
    await untilHealthy(nodes[0]);
    return out;
  };
  const open = (node: number, slot: number, state: string, peer: number): Promise<unknown> =>
    nodes[node].call('CLUSTER', 'SETSLOT', String(slot), state, ids[peer]);
  const set = (node: number, keys: readonly string[], value: string): Promise<unknown> =>
    Promise.all(keys.map((key) => nodes[node].call('SET', key, value)));
  const keysIn = (node: number, slot: number): Promise<unknown> =>
    nodes[node].call('CLUSTER', 'COUNTKEYSINSLOT', String(slot));

  it('has nothing to do in a healthy cluster', async () => {
    const out = await fixed('');
    expect(out).toContain('[OK] All 16384 slots covered.\n');
  });

  it('shows what it would do, and does it only when told so', async () => {
    await open(0, 5, 'MIGRATING', 1);
    await open(1, 5, 'IMPORTING', 0);
    const before = await viewsOf(nodes);
    const asked = await trib(`fix ${nodes[0].address}`, { stdin: 'no\n' });
    expect(asked.code).toBe(1);
    const case1 = `>>> Case 1: Moving slot 5 from ${nodes[0].address} to ${nodes[1].address}\n`;
    expect(asked.out).toContain(`>>> Fixing open slot 5\nSet as migrating in: ${nodes[0].address}\n`);
    expect(asked.out).toContain(case1);
    const planned = await trib(`fix ${nodes[0].address} --dry-run --json`);
    expect(JSON.parse(planned.out)).toMatchObject({
      command: 'fix',
      ok: true,
      result: { changed: false, plan: [{ slot: 5, steps: [{ do: 'move', from: ids[0], to: ids[1] }] }] },
    });
    expect(await viewsOf(nodes)).toEqual(before);
    const out = await fixed();
    expect(out).toContain(`${case1}Moving slot 5 from ${nodes[0].address} to ${nodes[1].address}: \n`);
    expect(await ownSlots(nodes[0])).toBe('0-4 6-5460');
  });

  it('covers slots that nobody serves, with their keys where there are some', async () => {
    const [keys] = [keysOfSlot(7, 4)];
    await set(0, keys, 'x');
    for (const node of nodes) await node.call('CLUSTER', 'DELSLOTS', '6', '7');
    const out = await fixed();
    expect(out).toContain('The following uncovered slots have no keys across the cluster:\n6\n');
    expect(out).toContain('The following uncovered slots have keys in just one node:\n7\n');
    expect(out).toContain(`>>> Covering slot 7 with ${nodes[0].address}\n`);
    expect(await keysIn(0, 7)).toBe(4);
  });

  it('brings stray keys home, and lets the owner decide what clients see', async () => {
    const keys = keysOfSlot(8, 6);
    await set(0, keys, 'home');
    // A node that takes itself for the importer keeps what comes with ASKING.
    await open(1, 8, 'IMPORTING', 0);
    const strays = keysOfSlot(8, 9).slice(6);
    await importKeys(nodes[1], strays, 'stray');
    const out = await fixed();
    expect(out).toContain(`>>> Case 2: Moving all the 8 slot keys to its owner ${nodes[0].address}\n`);
    expect([await keysIn(0, 8), await keysIn(1, 8)]).toEqual([9, 0]);
  });

  it('touches neither copy of a key that differs, unless --replace says so', async () => {
    const keys = keysOfSlot(9, 2);
    await set(0, keys, 'home');
    await open(1, 9, 'IMPORTING', 0);
    await importKeys(nodes[1], keys.slice(0, 1), 'home');
    await fixed();
    expect([await keysIn(0, 9), await keysIn(1, 9)]).toEqual([2, 0]);

    await open(1, 9, 'IMPORTING', 0);
    await importKeys(nodes[1], keys.slice(0, 1), 'stray');
    const { code, out } = await trib(`fix ${nodes[0].address} --yes`);
    expect(code).toBe(1);
    expect(out).toContain('[ERR] Found 1 key(s) in both source node and target node having different values.\n');
    expect(out).toContain(`      - ${keys[0]}\n`);
    expect(await nodes[0].call('GET', keys[0])).toBe('home');
    expect(await keysIn(1, 9)).toBe(1);
    await fixed('--yes --replace');
    expect(await nodes[0].call('GET', keys[0])).toBe('stray');
  });

  it('finds a master that is gone, and does not give its slots away', async () => {
    await nodes[2].kill();
    await nodes[0].call('CLUSTER', 'DELSLOTS', '0');
    const { code, out } = await trib(`fix ${nodes[0].address} --yes`);
    expect(code).toBe(1);
    expect(out).toContain('*** Fixing slots with 1 unreachable masters is dangerous');
    const before = await ownSlots(nodes[0]);
    expect(before.startsWith('1-')).toBe(true);
    await nodes[2].start();
    await fixed();
  });

  it('gives the slots of a master that is gone away when it is told to, all at once', async () => {
    const [key] = keysOfSlot(3, 1);
    await nodes[0].call('SET', key, 'x');
    await nodes[2].kill();
    let bumps = 0;
    const { code, out } = await trib(`fix ${nodes[0].address} --fix-with-unreachable-masters --yes`, {
      onCommand: (_, args) => {
        if (args[1] === 'BUMPEPOCH') bumps++;
      },
    });
    expect(code, out).toBe(0);
    expect(out).toContain('The following uncovered slots have no keys across the cluster:\n10923-16383\n');
    expect(out.match(/^>>> Covering slot \d+ with 127\.0\.0\.1:\d+$/gm)).toHaveLength(5461);
    expect(bumps).toBeLessThanOrEqual(2);
    expect(await nodes[0].call('GET', key)).toBe('x');
    // It comes back without slots, for the epochs of the new owners are newer.
    await nodes[2].start();
    await untilHealthy(nodes[0]);
    expect(await ownSlots(nodes[2])).toBe('');
  });
});

/** Writes keys to a node that imports their slot. */
async function importKeys(node: TestNode, keys: readonly string[], value: string): Promise<void> {
  for (const key of keys) {
    // One connection: the flag that ASKING sets is the next command's.
    await Promise.all([node.call('ASKING'), node.call('SET', key, value)]);
  }
}
