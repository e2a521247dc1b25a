/** What trib prints beside what redis-cli --cluster prints, on equal clusters of redis-server. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { idsOf, joinNodes, keysOfSlot, startNodes, stopNodes, untilHealthy } from './clusters.js';
import { normalise, onPath, REDIS, skipAloud, startNode, type TestNode, trib } from './nodes.js';

const missing = REDIS.missing ?? (onPath('redis-cli') ? undefined : 'there is no redis-cli on PATH');
skipAloud('the transcripts beside those of redis-cli', missing);

interface Transcript {
  readonly code: number;
  readonly out: string;
}

/** Its transcript and exit code; it reads `yes` where it asks, and says on standard error why it ends. */
function redisCli(args: readonly string[]): Promise<Transcript> {
  return new Promise((resolve) => {
    const child = execFile('redis-cli', ['--cluster', ...args], (error, stdout, stderr) => {
      const out = (stdout + stderr).replace(/\x1b\[[\d;]*m/g, '').replace(/\(type 'yes' to accept\): /g, '$&\n');
      resolve({ code: error === null ? 0 : Number(error.code), out });
    });
    // It may end without having asked.
    child.stdin?.on('error', () => {});
    child.stdin?.end('yes\n');
  });
}

describe.skipIf(missing !== undefined)('beside redis-cli --cluster', () => {
  let nodes: TestNode[] = [];
  let ids: string[] = [];
  let source: TestNode;
  const folders: string[] = [];

  const folder = async (): Promise<string> => {
    const made = await mkdtemp(join(tmpdir(), 'trib-transcripts-'));
    folders.push(made);
    return made;
  };

  beforeAll(async () => {
    nodes = await startNodes({ name: 'redis', kinds: [REDIS] }, 3);
    source = await startNode(REDIS, { 'cluster-enabled': 'no' });
    await joinNodes(nodes);
    ids = await idsOf(nodes);
  });
  afterEach(() => untilHealthy(nodes[0]));
  afterAll(async () => {
    await stopNodes([...nodes, source]);
    await Promise.all(folders.map((path) => rm(path, { recursive: true, force: true })));
  });

  /**
   * Lines in one order, for redis-cli takes the nodes in any. Where redis-trib and redis-cli differ, we are as redis-trib: brackets around
   * open slots and none around others, and replicas counted where there are none. Lines that match `own` have no counterpart.
   */
  const comparable = async ({ code, out }: Transcript, own?: RegExp): Promise<unknown> => {
    const lines = (await normalise(out, nodes))
      .replaceAll(source.address, 'SOURCE')
      .replace(/slots:\S* \(\d+ slots\)/g, 'slots')
      .replace(/ \d+ slots \|/g, ' slots |')
      .replace(/ing state \(?(\d+)\)?\./g, 'ing state $1.')
      .replace(/^\[?([\d-]+)\]?$/gm, '$1')
      .replace(/[Ss]lot \d+|(?<=the )\d+(?= slot)|(?<=Setting )\d+|(?<=state )\d+|(?<=open: )\d+/g, 'N')
      .split('\n')
      .map((line) => line.trimEnd())
      .filter((line) => line !== '' && !/additional replica/.test(line) && !(own?.test(line) ?? false));
    return { code, lines: lines.sort() };
  };

  const compare = async (args: readonly string[], prepare = async (): Promise<void> => {}, own?: RegExp) => {
    await prepare();
    const theirs = await redisCli(args);
    await untilHealthy(nodes[0]);
    await prepare();
    const ours = await trib(args.join(' '), { stdin: 'yes\n' });
    expect(await comparable(ours, own)).toEqual(await comparable(theirs, own));
  };

  it.each(['check', 'info', 'call'])('%s', async (command) => {
    await compare([command, nodes[0].address, ...(command === 'call' ? ['config', 'get', 'maxmemory'] : [])]);
  });

  it.each(['masters', 'replicas'])('call of %s only', async (which) => {
    await compare(['call', nodes[0].address, 'config', 'get', 'maxmemory', `--cluster-only-${which}`]);
  });

  it('check and info, with host and port in two words', async () => {
    await compare(['check', nodes[1].host, String(nodes[1].port)]);
    await compare(['info', nodes[1].host, String(nodes[1].port)]);
  });

  it('set-timeout, where nodes have no configuration file, and of too few milliseconds', async () => {
    const theirs = await redisCli(['set-timeout', nodes[0].address, '3000']);
    const ours = await trib(`set-timeout ${nodes[0].address} 3000 --yes`);
    const own = /^3 nodes will have|^ {4}It is set/;
    expect(await comparable(ours, own)).toEqual(await comparable(theirs, own));
    expect(ours.code).toBe(0);
    const few = [
      await redisCli(['set-timeout', nodes[0].address, '5']),
      await trib(`set-timeout ${nodes[0].address} 5`),
    ];
    const [theirFew, ourFew] = await Promise.all(few.map((run) => comparable(run)));
    expect(ourFew).toEqual({ code: 1, lines: [`[ERR] ${(theirFew as { lines: string[] }).lines[0]}`] });
  });

  it('backup, with files of the same names', async () => {
    const [theirs, ours] = [await folder(), await folder()];
    await nodes[0].call('SET', keysOfSlot(1, 1)[0], 'x');
    const ran = await redisCli(['backup', nodes[0].address, theirs]);
    const own = await trib(`backup ${nodes[0].address} ${ours}`);
    const plain = ({ code, out }: Transcript): Transcript => ({
      code,
      out: out.replaceAll(theirs, 'DIR').replaceAll(ours, 'DIR').replace('writing 1', 'wrote 1'),
    });
    // How long the files are depends on when they were made.
    const noise = /^SYNC sent to master|^Transfer finished/;
    expect(await comparable(plain(own), noise)).toEqual(await comparable(plain(ran), noise));
    expect((await readdir(ours)).sort()).toEqual((await readdir(theirs)).sort());
    const parsed = async (path: string): Promise<Record<string, unknown>[]> =>
      JSON.parse(await readFile(join(path, 'nodes.json'), 'utf8'));
    const byName = (list: Record<string, unknown>[]): unknown[] => list.map(({ name }) => name).sort();
    expect(byName(await parsed(ours))).toEqual(byName(await parsed(theirs)));
    for (const node of await parsed(theirs)) {
      const same = (await parsed(ours)).find(({ name }) => name === node.name);
      expect(Object.keys(same ?? {})).toEqual(expect.arrayContaining(Object.keys(node)));
    }
  });

  it('import', async () => {
    const prepare = async (): Promise<void> => {
      for (const node of nodes) await node.call('FLUSHALL');
      for (const key of ['a', 'b', 'c']) await source.call('SET', key, 'x');
    };
    const own = /^(Move|Copy) these keys to the cluster/;
    await compare(['import', nodes[0].address, '--cluster-from', source.address], prepare, own);
    // What was imported already is no trouble to us; another value under the same key is, to both.
    await compare(['import', nodes[0].address, '--cluster-from', source.address, '--cluster-replace'], prepare, own);
    const [taken] = keysOfSlot(1, 1);
    const busy = async (): Promise<void> => {
      for (const node of [...nodes, source]) await node.call('FLUSHALL');
      await source.call('SET', taken, 'x');
      await nodes[0].call('SET', taken, 'other');
    };
    const advice = new RegExp(`${own.source}|^\\[ERR\\] The import broke off|^ {6}`);
    for (const options of [[], ['--cluster-copy']]) {
      await compare(['import', nodes[0].address, '--cluster-from', source.address, ...options], busy, advice);
      expect([await nodes[0].call('GET', taken), await source.call('GET', taken)]).toEqual(['other', 'x']);
    }
  });

  it('fix of slots that are open on both sides, on one, and that nobody serves', async () => {
    // It asks and checks again behind the end; its checks of coverage come twice.
    const own = /^Fix this as|Check slots coverage|All 16384 slots covered|^Fix these slots|^ {6}Missing/;
    let slot = 6;
    const move = async (): Promise<void> => {
      slot++;
      for (const node of nodes) await node.call('FLUSHALL');
      for (const key of keysOfSlot(slot, 3)) await nodes[0].call('SET', key, 'x');
      await nodes[1].call('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', ids[0]);
      await nodes[0].call('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', ids[1]);
    };
    await compare(['fix', nodes[0].address], move, own);
    const importing = async (): Promise<void> => {
      await nodes[1].call('CLUSTER', 'SETSLOT', '20', 'IMPORTING', ids[0]);
    };
    await compare(['fix', nodes[0].address], importing, own);
    const migrating = async (): Promise<void> => {
      await nodes[0].call('CLUSTER', 'SETSLOT', '20', 'MIGRATING', ids[1]);
    };
    await compare(['fix', nodes[0].address], migrating, own);
    const uncovered = async (): Promise<void> => {
      for (const node of nodes) await node.call('CLUSTER', 'DELSLOTS', '16000').catch(() => {});
    };
    // redis-cli takes any node, we the one with fewest slots.
    await compare(['fix', nodes[0].address], uncovered, new RegExp(`${own.source}|^>>> Covering`));
  });
});
