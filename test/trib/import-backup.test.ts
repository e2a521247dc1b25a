import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeMixtures, idsOf, joinNodes, startNodes, stopNodes } from './clusters.js';
import { interrupt, startNode, type TestNode, trib } from './nodes.js';

describeMixtures('trib import', { together: true }, (mixture) => {
  let nodes: TestNode[] = [];
  let source: TestNode;

  beforeAll(async () => {
    nodes = await startNodes(mixture, 3);
    source = await startNode(mixture.kinds[0], { 'cluster-enabled': 'no', requirepass: 'sesame' });
    await source.call('AUTH', 'sesame');
    await joinNodes(nodes);
  });
  afterAll(() => stopNodes([...nodes, source]));

  const command = (options = ''): string =>
    `import ${nodes[0].address} --from ${source.address} --from-pass sesame ${options}`;
  const held = async (): Promise<number> => {
    const sizes = await Promise.all(nodes.map(async (node) => Number(await node.call('DBSIZE'))));
    return sizes.reduce((sum, size) => sum + size, 0);
  };
  const fill = async (count: number, value: string): Promise<void> => {
    for (let i = 0; i < count; i++) await source.call('SET', `key:${i}`, value);
  };

  it('asks first, wants the password of the source, and no cluster for a source', async () => {
    await fill(40, 'x');
    const asked = await trib(command(), { stdin: 'no\n' });
    expect(asked.out).toContain(
      "*** Importing 40 keys from DB 0\nMove these keys to the cluster? (type 'yes' to accept): no\n",
    );
    expect(asked.code).toBe(1);
    const locked = await trib(`import ${nodes[0].address} --from ${source.address} --yes`);
    expect(locked.out).toContain('The server asks for a password (requirepass) and none was given.');
    const cluster = await trib(`import ${nodes[0].address} --from ${nodes[1].address} --yes`);
    expect(cluster.out).toContain('[ERR] The source node should not be a cluster node.\n');
    expect(await held()).toBe(0);
  });

  it('moves the keys, and goes on after an interruption', async () => {
    const askPass = `import ${nodes[0].address} --from ${source.address} --from-askpass --dry-run`;
    const planned = await trib(askPass, { stdin: 'sesame\n', env: { TRIB_FROM_AUTH: 'wrong' } });
    expect(planned.code, planned.out).toBe(0);
    expect(planned.out).toContain('Importing 40 keys from DB 0');
    expect(planned.out).not.toContain('sesame');
    const broken = await trib(command('--pipeline 4 --yes'), { onCommand: interrupt((_, changes) => changes === 5) });
    expect(broken.code).toBe(1);
    expect(await held()).toBeGreaterThan(0);
    const { code, out } = await trib(command('--yes'));
    expect(code, out).toBe(0);
    expect(out).toMatch(/\nMigrating key:\d+ to 127\.0\.0\.1:\d+: OK\n/);
    expect([await held(), await source.call('DBSIZE')]).toEqual([40, 0]);
  });

  it('copies them, more than once if need be, and overwrites others only with --replace', async () => {
    await fill(10, 'x');
    for (let round = 0; round < 2; round++) {
      const { code, out } = await trib(command('--copy --yes'));
      expect(code, out).toBe(0);
    }
    expect([await held(), await source.call('DBSIZE')]).toEqual([40, 10]);
    await fill(1, 'other');
    const refused = await trib(command('--copy --yes'));
    expect(refused.code).toBe(1);
    expect(refused.out).toMatch(
      /\n\[ERR\] The import broke off: \d+ of 10 keys are in the cluster\.\n {6}The cluster has keys of these names .*\n {6}- key:0\n/,
    );
    expect(await source.call('DBSIZE')).toBe(10);
    const replaced = await trib(command('--copy --replace --yes'));
    expect(replaced.code, replaced.out).toBe(0);
  });
});

describeMixtures('trib backup', { together: true }, (mixture) => {
  it('saves an RDB file of every master that a server can load, and the configuration', async () => {
    const nodes = await startNodes(mixture, 3);
    const directory = await mkdtemp(join(tmpdir(), 'trib-backup-'));
    try {
      await joinNodes(nodes);
      for (const node of nodes) for (let i = 0; i < 30; i++) await node.call('SET', `key:${i}`, 'x').catch(() => {});
      const { code, out } = await trib(`backup ${nodes[0].address} ${directory}/new`);
      expect(code, out).toBe(0);
      expect(out).toContain(`[OK] Backup created into: ${directory}/new\n`);
      const ids = await idsOf(nodes);
      const files = nodes.map(({ port }, i) => `redis-node-127.0.0.1-${port}-${ids[i]}.rdb`);
      expect((await readdir(`${directory}/new`)).sort()).toEqual([...files, 'nodes.json'].sort());
      const described = JSON.parse(await readFile(`${directory}/new/nodes.json`, 'utf8'));
      expect(described).toHaveLength(3);
      expect(described[0]).toMatchObject({ name: ids[0], port: nodes[0].port, replicate: null, slots: [[0, 5460]] });
      const restored = await startNode(nodes[1].server, {
        dir: `${directory}/new`,
        dbfilename: files[1],
        'cluster-enabled': 'no',
      });
      expect(await restored.call('DBSIZE')).toBe(await nodes[1].call('DBSIZE'));
      await restored.stop();
    } finally {
      await stopNodes(nodes);
      await rm(directory, { recursive: true, force: true });
    }
  });
});
