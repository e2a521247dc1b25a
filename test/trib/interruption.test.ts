import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeServers, epochsIn, interrupt, resetNodes, startNode, type TestNode, trib, viewsOf } from './nodes.js';

describeServers('trib create, run again after an interruption', (server) => {
  let nodes: TestNode[] = [];
  let six = '';
  let three = '';

  beforeAll(async () => {
    nodes = await Promise.all(Array.from({ length: 6 }, () => startNode(server)));
    six = nodes.map(({ address }) => address).join(' ');
    three = six.split(' ').slice(0, 3).join(' ');
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  });
  beforeEach(async () => {
    await resetNodes(nodes);
  });

  // Three nodes take 3 x ADDSLOTS, 3 x SET-CONFIG-EPOCH, 2 x MEET.
  it.each([2, 4, 5, 7, 8])('before change %i of 8, finishes the work', async (change) => {
    const first = await trib(`create --yes ${three}`, { onCommand: interrupt((_, changes) => changes === change) });
    expect(first.code).toBe(1);
    expect(first.out).toContain('*** The cluster is not finished.');
    const second = await trib(`create ${three}`, { stdin: 'yes\n' });
    expect(second.out).toContain('[OK] All 16384 slots covered.');
    expect(second.out).toContain('>>> An earlier run of this very command was not finished: going on from there');
    expect(second.code).toBe(0);
    const [view] = await viewsOf(nodes.slice(0, 3));
    expect(epochsIn(view)).toEqual([1, 2, 3]);
  });

  it('while waiting for the join, finishes the work', async () => {
    const waiting = interrupt((args) => args[1] === 'INFO');
    expect((await trib(`create --yes ${three}`, { onCommand: waiting })).code).toBe(1);
    expect((await trib(`create --yes ${three}`)).code).toBe(0);
  });

  it('after the end, changes nothing and checks', async () => {
    await trib(`create --yes ${three}`);
    const changing = interrupt((_, changes) => changes > 0);
    const again = await trib(`create ${three}`, { onCommand: changing });
    expect(again.out).toContain('>>> These nodes already are this very cluster: there is nothing to change');
    expect(again.out).toContain('[OK] All 16384 slots covered.');
    expect(again.code).toBe(0);
  });

  it('refuses to take it for the plan of other arguments', async () => {
    await trib(`create --yes ${three}`, { onCommand: interrupt((_, changes) => changes === 4) });
    const { code, out } = await trib(`create --yes ${six}`);
    expect(code).toBe(1);
    for (const { address } of nodes.slice(0, 3)) expect(out).toContain(`[ERR] Node ${address} is not empty: it has 54`);
  });
});
