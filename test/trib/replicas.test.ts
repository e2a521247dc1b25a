import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeServers, interrupt, normalise, resetNodes, startNode, type TestNode, trib, viewsOf } from './nodes.js';

describeServers('trib create --replicas', (server) => {
  let nodes: TestNode[] = [];
  let six = '';

  beforeAll(async () => {
    nodes = await Promise.all(Array.from({ length: 6 }, () => startNode(server)));
    nodes.sort((a, b) => a.port - b.port);
    six = nodes.map(({ address }) => address).join(' ');
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  });
  beforeEach(async () => {
    await resetNodes(nodes);
  });

  it('gives each master a replica, waits until everyone knows; then check and info count them', async () => {
    const { code, out } = await trib(`create --replicas 1 --yes ${six}`);
    await expect(await normalise(out, nodes)).toMatchFileSnapshot('transcripts/create-replicas.txt');
    expect(code).toBe(0);
    for (const view of await viewsOf(nodes)) {
      expect(view.filter((line) => / (myself,)?slave /.test(line))).toHaveLength(3);
    }

    const checked = await trib(`check ${nodes[1].address}`);
    await expect(await normalise(checked.out, nodes)).toMatchFileSnapshot('transcripts/check-replicas.txt');
    expect(checked.code).toBe(0);
    const counted = await trib(`info ${nodes[4].address}`);
    await expect(await normalise(counted.out, nodes)).toMatchFileSnapshot('transcripts/info-replicas.txt');
    expect(counted.code).toBe(0);
  });

  it('interrupted between two replicas, finishes the work when it is run again', async () => {
    // 3 x ADDSLOTS, 6 x SET-CONFIG-EPOCH, 5 x MEET, and the second REPLICATE.
    const first = await trib(`create --replicas 1 --yes ${six}`, { onCommand: interrupt((_, n) => n === 16) });
    expect(first.code).toBe(1);
    const second = await trib(`create --replicas 1 --yes ${six}`);
    expect(second.code).toBe(0);
    expect(second.out.match(/1 additional replica\(s\)/g)).toHaveLength(3);
  });
});
