/** Moves that the servers make themselves: `--atomic`. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  describeMixtures,
  idsOf,
  joinNodes,
  keysOfSlot,
  LiveLoad,
  ownSlots,
  startNodes,
  stopNodes,
  untilHealthy,
} from './clusters.js';
import { type TestNode, trib, viewsOf, waitUntil } from './nodes.js';

describeMixtures('trib --atomic', {}, ({ name, kinds }) => {
  let nodes: TestNode[] = [];
  let ids: string[] = [];

  beforeAll(async () => {
    nodes = await startNodes({ name, kinds }, 3);
    await joinNodes(nodes);
    ids = await idsOf(nodes);
  });
  afterAll(() => stopNodes(nodes));

  const refused = async (): Promise<void> => {
    const before = await viewsOf(nodes);
    const { code, out } = await trib(
      `reshard ${nodes[0].address} --from ${ids[0]} --to ${ids[1]} --slots 8 --yes --atomic`,
    );
    expect(code).toBe(1);
    expect(out).toMatch(/\[ERR\] Moving slots failed: .*unknown subcommand/i);
    expect(await viewsOf(nodes)).toEqual(before);
  };

  const moved = async (): Promise<void> => {
    const load = new LiveLoad(nodes, Array.from({ length: 8 }, (_, slot) => keysOfSlot(slot, 30)).flat());
    await load.start();
    const there = await trib(`reshard ${nodes[0].address} --from ${ids[0]} --to ${ids[1]} --slots 8 --yes --atomic`);
    expect(there.code, there.out).toBe(0);
    expect(await ownSlots(nodes[0])).toBe('8-5460');
    await untilHealthy(nodes[2]);
    const back = await trib(`rebalance ${nodes[2].address} --threshold 0 --yes --atomic`);
    expect(back.code, back.out).toBe(0);
    await untilHealthy(nodes[0]);
    const { lost, expected } = await load.stopAndVerify(nodes);
    expect(lost).toEqual([]);
    // What was left on the sources goes bit by bit.
    await waitUntil('each key is in one place', async () => {
      const sizes = await Promise.all(nodes.map(async (node) => Number(await node.call('DBSIZE'))));
      return sizes.reduce((sum, size) => sum + size, 0) === expected;
    });
  };

  if (name === 'redis') it('is refused by servers that have no such command, and changes nothing', refused);
  else it('moves slots under live load in one step, there and back', moved);
});
