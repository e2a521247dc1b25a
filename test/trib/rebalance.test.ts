import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeMixtures, idsOf, joinNodes, startNodes, stopNodes, untilHealthy } from './clusters.js';
import { interrupt, onPath, type TestNode, trib, viewsOf } from './nodes.js';

const noRedisCli = onPath('redis-cli') ? undefined : 'there is no redis-cli on PATH';

describeMixtures('trib rebalance', { together: true }, (mixture) => {
  let nodes: TestNode[] = [];
  let ids: string[] = [];

  beforeAll(async () => {
    nodes = await startNodes(mixture, 3);
    await joinNodes(nodes);
    ids = await idsOf(nodes);
  });
  afterAll(() => stopNodes(nodes));

  it('does nothing when every master has its share', async () => {
    const { code, out } = await trib(`rebalance ${nodes[0].address}`);
    expect(code).toBe(0);
    expect(out).toContain('*** No rebalancing needed! All nodes are within the 2.00% threshold.\n');
  });

  it.skipIf(noRedisCli)('plans what redis-cli plans, in its words, and moves nothing with --simulate', async () => {
    const before = await viewsOf(nodes);
    const options = ['--cluster-weight', `${ids[0]}=1.1`, '--cluster-simulate'];
    const ours = await trib(`rebalance ${nodes[0].address} ${options.join(' ')}`);
    const { stdout } = await promisify(execFile)('redis-cli', ['--cluster', 'rebalance', nodes[0].address, ...options]);
    const theirs = stdout.replace(/\x1b\[[\d;]*m/g, '');
    const comparable = (text: string): string =>
      text
        .split('\n')
        .filter((line) => !line.includes(' balance is '))
        .join('\n');
    // Between two that give the same, redis-cli's order is that of its sort.
    const sorted = (text: string): string[] => comparable(text).replace(/#+/g, '#').split('\n').sort();
    expect(sorted(ours.out).filter((line) => !line.startsWith('Moving'))).toEqual(
      sorted(theirs).filter((line) => !line.startsWith('Moving')),
    );
    const counts = (text: string): number =>
      [...text.matchAll(/^Moving (\d+) slots/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
    expect(counts(ours.out)).toBe(counts(theirs));
    expect(await viewsOf(nodes)).toEqual(before);
  });

  it('refuses weights that make no sense', async () => {
    const wrong = await trib(`rebalance ${nodes[0].address} --weight ${ids[0]}`);
    expect(wrong.out).toContain(`*** invalid input ${ids[0]}\n`);
    const unknown = await trib(`rebalance ${nodes[0].address} --weight beef0000=2`);
    expect(unknown.out).toContain('*** No such master node beef0000\n');
    const limitless = await trib(`rebalance ${nodes[0].address} --auto-weights`);
    expect(limitless.out).toContain(`[ERR] Node ${nodes[0].address} has no maxmemory`);
    expect([wrong.code, unknown.code, limitless.code]).toEqual([1, 1, 1]);
  });

  it('gives each master its share, and finishes after an interruption when fix has been run', async () => {
    const command = `rebalance ${nodes[1].address} --weight ${ids[0]}=1.004 --threshold 0.1 --key-by-key --yes`;
    const broken = await trib(command, { onCommand: interrupt((_, changes) => changes === 20) });
    expect(broken.code).toBe(1);
    expect(broken.out).toContain(`trib fix ${nodes[1].address}\n      Then run the same command again for the rest.\n`);
    expect((await trib(`fix ${nodes[1].address} --yes`)).code).toBe(0);
    await untilHealthy(nodes[1]);
    const { code, out } = await trib(command);
    expect(code, out).toBe(0);
    expect(out).toMatch(new RegExp(`Moving \\d+ slots from 127.0.0.1:\\d+ to ${nodes[0].address}\n#+\n`));
    await untilHealthy(nodes[0]);
    expect((await trib(command)).out).toContain('*** No rebalancing needed!');
  });

  it('takes weights from the memory that masters may use', async () => {
    for (const [i, node] of nodes.entries()) await node.call('CONFIG', 'SET', 'maxmemory', i === 0 ? '200mb' : '100mb');
    const { code, out } = await trib(`rebalance ${nodes[0].address} --auto-weights --dry-run`);
    expect(code).toBe(0);
    expect(out).toContain('>>> Rebalancing across 3 nodes. Total weight = 4.00\n');
    expect(out).toMatch(/>>> Dry run: nothing was changed\n$/);
  });
});
