import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeMixtures, idsOf, joinNodes, startNodes, stopNodes, untilHealthy } from './clusters.js';
import { type TestNode, trib, viewsOf, waitUntil } from './nodes.js';

describeMixtures('trib replicate, failover, forget and set-timeout', { together: true }, (mixture) => {
  let nodes: TestNode[] = [];
  let ids: string[] = [];

  beforeAll(async () => {
    nodes = await startNodes(mixture, 5);
    await joinNodes(nodes.slice(0, 3));
    ids = await idsOf(nodes);
    for (const node of nodes.slice(3)) {
      const { code, out } = await trib(`add-node ${node.address} ${nodes[0].address} --yes`);
      expect(code, out).toBe(0);
    }
    await untilHealthy(nodes[0]);
  });
  afterAll(() => stopNodes(nodes));

  const masterOf = async (node: TestNode): Promise<unknown> => {
    let text = '';
    await waitUntil('a replica has loaded its data', async () => {
      text = String(await node.call('CLUSTER', 'NODES').catch((error: Error) => error.message));
      return !text.startsWith('LOADING');
    });
    const lines = text.split('\n');
    return lines.find((line) => line.includes('myself'))?.split(' ')[3];
  };

  it('rebalance gives slots to masters without any only when it is told to', async () => {
    const without = await trib(`rebalance ${nodes[0].address} --simulate`);
    expect(without.out).toContain('*** No rebalancing needed!');
    const { code, out } = await trib(`rebalance ${nodes[0].address} --use-empty-masters --simulate`);
    expect(code).toBe(0);
    for (const { address } of nodes.slice(3)) {
      const moved = [...out.matchAll(new RegExp(`^Moving (\\d+) slots from \\S+ to ${address}\n`, 'gm'))];
      const total = moved.reduce((sum, [, count]) => sum + Number(count), 0);
      // A fifth, rounded as redis-cli does.
      expect(Math.abs(total - 16384 / 5)).toBeLessThan(3);
    }
  });

  it('replicate makes a replica, only of nodes that serve nothing', async () => {
    const serving = await trib(`replicate ${nodes[0].address} ${ids[1]} --yes`);
    expect(serving.code).toBe(1);
    expect(serving.out).toMatch(/\[ERR\] Node \S+ serves \d+ slots\. Move them away first:\n/);
    const done = await trib(`replicate ${nodes[3].address} ${ids[1]} --yes`);
    expect(done.code, done.out).toBe(0);
    expect(await masterOf(nodes[3])).toBe(ids[1]);
    const chosen = await trib(`replicate ${nodes[4].address} --yes`);
    expect(chosen.code, chosen.out).toBe(0);
    expect(chosen.out).not.toContain(`Automatically selected master ${nodes[1].address}`);
    const moved = await trib(`replicate ${nodes[4].address} ${ids[1]} --yes`);
    expect(moved.code, moved.out).toBe(0);
    const again = await trib(`replicate ${nodes[4].address} --master-id ${ids[1]}`);
    expect(again.out).toContain(`[OK] ${nodes[4].address} replicates ${nodes[1].address} already.\n`);
    expect(again.code).toBe(0);
    const called = await trib(`call ${nodes[0].address} echo x --cluster-only-replicas`);
    expect(called.out.split('\n').sort()).toEqual(
      ['', '>>> Calling echo x', ...nodes.slice(3).map(({ address }) => `${address}: x`)].sort(),
    );
    const masters = await trib(`call --json --only-masters ${nodes[0].address} echo x`);
    expect(masters.code).toBe(0);
    expect(JSON.parse(masters.out).result.replies.map(({ reply }: { reply: string }) => reply)).toEqual([
      'x',
      'x',
      'x',
    ]);
  });

  it('failover lets a replica and its master change places', async () => {
    const refused = await trib(`failover ${nodes[0].address} --yes`);
    expect(refused.code).toBe(1);
    expect(refused.out).toContain('is a master and has no replica');
    await waitUntil('the replica has its master’s data', async () =>
      String(await nodes[3].call('INFO', 'replication')).includes('master_link_status:up'),
    );
    const { code, out } = await trib(`failover ${nodes[3].address} --yes`);
    expect(code, out).toBe(0);
    expect(await masterOf(nodes[3])).toBe('-');
    await waitUntil('the old master follows', async () => (await masterOf(nodes[1])) === ids[3]);
    await untilHealthy(nodes[0]);
  });

  it('forget refuses nodes that are there, and takes one that is gone out of every table', async () => {
    const there = await trib(`forget ${nodes[0].address} ${ids[4]} --yes`);
    expect(there.code).toBe(1);
    expect(there.out).toContain(`trib del-node ${nodes[0].address} ${ids[4]}\n`);
    await nodes[4].kill();
    const wrongTool = await trib(`del-node ${nodes[0].address} ${ids[4]} --yes`);
    expect(wrongTool.code).toBe(1);
    expect(wrongTool.out).toContain(`trib forget ${nodes[0].address} ${ids[4]}\n`);
    const { code, out } = await trib(`forget ${nodes[0].address} ${ids[4]} --yes`);
    expect(code, out).toBe(0);
    for (const view of await viewsOf(nodes.slice(0, 4))) expect(view).toHaveLength(4);
    const again = await trib(`forget ${nodes[0].address} ${ids[4]} --yes`);
    expect(again.out).toContain(`[ERR] No such node ID ${ids[4]}\n`);
  });

  it('set-timeout sets it everywhere, and fails where a node refuses it or cannot save it', async () => {
    const low = await trib(`set-timeout ${nodes[0].address} 99 --yes`);
    expect(low.out).toContain('Setting a node timeout of less than 100 milliseconds is a bad idea.');
    expect(low.code).toBe(1);
    const { code, out } = await trib(`set-timeout ${nodes[0].address} 1500 --yes`);
    // These nodes run without a configuration file.
    expect(out).toContain(
      `ERR setting node-timeout for ${nodes[0].address}: ERR The server is running without a config file\n`,
    );
    expect(out).toContain('>>> New node timeout set. 0 OK, 4 ERR.\n');
    expect(code).toBe(0);
    for (const node of nodes.slice(0, 4)) {
      expect(await node.call('CONFIG', 'GET', 'cluster-node-timeout')).toEqual(['cluster-node-timeout', '1500']);
    }
    // Of the two, only redis-server can be told to refuse the one and not the other.
    if (mixture.name !== 'redis') return;
    for (const [denied, set] of [
      ['-config|rewrite', true],
      ['-config|set', false],
    ] as const) {
      await nodes[1].call('ACL', 'SETUSER', 'default', '+config', denied);
      const refused = await trib(`set-timeout ${nodes[0].address} 1600 --yes --json`);
      await nodes[1].call('ACL', 'SETUSER', 'default', '+config');
      const { nodes: reported } = JSON.parse(refused.out).result;
      expect(reported.find(({ id }: { id: string }) => id === ids[1])).toMatchObject({ set, saved: false });
      expect(refused.err).toContain(`ERR setting node-timeout for ${nodes[1].address}: NOPERM `);
      expect(refused.code).toBe(1);
    }
  });

  it('failover --force makes a replica the master of slots whose master is gone', async () => {
    expect(await masterOf(nodes[1])).toBe(ids[3]);
    // Nobody may be faster.
    await nodes[1].call('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes');
    await nodes[3].kill();
    const { code, out } = await trib(`failover --force ${nodes[1].address} --yes`);
    expect(code, out).toBe(0);
    expect(await masterOf(nodes[1])).toBe('-');
    await nodes[3].start();
    await waitUntil('the old master follows', async () => (await masterOf(nodes[3])) === ids[1]);
    await untilHealthy(nodes[0]);
    const taken = await trib(`failover --takeover ${nodes[3].address} --yes`);
    expect(taken.code, taken.out).toBe(0);
    await waitUntil('they have changed places', async () => (await masterOf(nodes[1])) === ids[3]);
    await untilHealthy(nodes[0]);
  });
});
