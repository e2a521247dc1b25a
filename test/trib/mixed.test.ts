/** Two real redis-server nodes and four of ours in one cluster. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { epochsIn, onPath, REDIS, SHOAL, skipAloud, startNode, type TestNode, trib, viewsOf } from './nodes.js';

const TITLE = 'trib over redis-server and shoal nodes together';
const reason = REDIS.missing ?? (onPath('redis-cli') ? undefined : 'there is no redis-cli on PATH');
skipAloud(TITLE, reason);

describe.skipIf(reason !== undefined)(TITLE, () => {
  let nodes: TestNode[] = [];

  const redisCli = async (node: TestNode, ...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)('redis-cli', ['-c', '-p', String(node.port), ...args]);
    return stdout.trim();
  };

  beforeAll(async () => {
    const kinds = [SHOAL, REDIS, SHOAL, SHOAL, REDIS, SHOAL];
    nodes = await Promise.all(kinds.map((kind) => startNode(kind)));
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  });

  it('creates one cluster of them, in which all agree', async () => {
    const { code, out } = await trib(`create --yes ${nodes.map(({ address }) => address).join(' ')}`);
    expect(out).toContain('[OK] All nodes agree about slots configuration.\n');
    expect(out).toContain('[OK] All 16384 slots covered.\n');
    expect(code).toBe(0);

    const slotsById = (view: string[]): string[] => view.map((line) => line.replace(/^(\S+) .* connected/, '$1'));
    const [first, ...others] = await viewsOf(nodes);
    expect(epochsIn(first)).toEqual([1, 2, 3, 4, 5, 6]);
    for (const view of others) expect(slotsById(view)).toEqual(slotsById(first));
    for (const node of nodes) expect(await redisCli(node, 'cluster', 'info')).toContain('cluster_state:ok');
  });

  it('serves keys through redis-cli -c from whichever node it is asked', async () => {
    // Six keys by each node: the writer, the owner and the reader are mostly three different ones.
    for (const [i, node] of nodes.entries()) {
      for (let n = 0; n < 6; n++) expect(await redisCli(node, 'set', `key:${i}:${n}`, `value ${i} ${n}`)).toBe('OK');
    }
    const reader = (i: number): TestNode => nodes[(i + 1) % nodes.length];
    for (const i of nodes.keys()) {
      for (let n = 0; n < 6; n++) expect(await redisCli(reader(i), 'get', `key:${i}:${n}`)).toBe(`value ${i} ${n}`);
    }
    const counts = await Promise.all(nodes.map((node) => node.call('DBSIZE')));
    expect(Math.min(...counts.map(Number))).toBeGreaterThan(0);
    expect(counts.reduce((sum: number, count) => sum + Number(count), 0)).toBe(36);
  });

  it('checks and counts the same from a node of either kind', async () => {
    for (const node of nodes.slice(0, 2)) {
      const checked = await trib(`check ${node.address}`);
      expect(checked.out).toContain('[OK] 36 keys in 6 masters.\n');
      expect(checked.out).toContain('[OK] All 16384 slots covered.\n');
      expect(checked.code).toBe(0);
      const counted = await trib(`info ${node.address}`);
      expect(counted.out).toContain('[OK] 36 keys in 6 masters.\n');
      expect(counted.out.match(/ -> \d+ keys \| 273[01] slots \| 0 slaves\.\n/g)).toHaveLength(6);
      expect(counted.code).toBe(0);
    }
  });
});
