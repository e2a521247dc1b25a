/** What a local cluster is made of: its folder, the processes written down, what is told of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { changesBetween } from '../../src/trib/local/changes.js';
import { type NodePlace, placesOf, readShape, writeShape } from '../../src/trib/local/folder.js';
import { clusterOf, findDaemon } from '../../src/trib/local/local-cluster.js';
import { logTail, readFrom } from '../../src/trib/local/log-tail.js';
import { linesWithoutPasswords, prepareConfig, readUserConfig } from '../../src/trib/local/node-config.js';
import { readRecord, recordOf, stillRuns, writeRecord } from '../../src/trib/local/process-record.js';
import { settleShape } from '../../src/trib/local/shape.js';
import type { NodeAnswer, NodeStatus } from '../../src/trib/local/survey.js';
import { clusterJson, clusterTable } from '../../src/trib/local/table.js';
import { tempDir } from '../support/process.js';

const SIX = { nodes: 6, replicas: 1, port: 7000, config: undefined };

describe('which cluster is to run', () => {
  it.each([
    [{}, SIX],
    [{ nodes: 3 }, { ...SIX, nodes: 3, replicas: 0 }],
    [
      { nodes: 9, replicas: 2, port: 8000 },
      { nodes: 9, replicas: 2, port: 8000, config: undefined },
    ],
    [{ config: '/a/my.conf' }, { ...SIX, config: '/a/my.conf' }],
  ])('a new one, asked for as %j', (asked, shape) => {
    expect(settleShape('/d', asked, undefined)).toEqual(shape);
  });

  it('the kept one, when nothing else is asked for, with another configuration if one is named', () => {
    const kept = { nodes: 4, replicas: 0, port: 7100, config: '/a/my.conf' };
    expect(settleShape('/d', {}, kept)).toEqual(kept);
    expect(settleShape('/d', { nodes: 4, port: 7100, replicas: 0 }, kept)).toEqual(kept);
    expect(settleShape('/d', { config: '/b.conf' }, kept)).toEqual({ ...kept, config: '/b.conf' });
    expect(settleShape('/d', { config: '' }, kept)).toEqual({ ...kept, config: undefined });
  });

  it('none, when what is asked for does not fit what is kept, or no machine', () => {
    expect(settleShape('/d', { nodes: 8, replicas: 2, port: 7000 }, SIX)).toEqual([
      expect.stringContaining(
        '/d holds a cluster with data, which these options do not fit: --nodes 8 (it has 6), --repl',
      ),
      expect.stringContaining('6 nodes, 1 replica(s) for each master, ports from 7000'),
      expect.stringContaining('--dir'),
    ]);
    expect(settleShape('/d', { nodes: 5, replicas: 1 }, undefined)).toContain(
      '*** This is not possible with 5 nodes and 1 replicas per node.',
    );
    expect(settleShape('/d', { port: 55_531 }, undefined)).toEqual([expect.stringContaining('bus ports 65531 and up')]);
    expect(settleShape('/d', { port: 55_530 }, undefined)).toEqual({ ...SIX, port: 55_530 });
  });

  it('is written into the folder, and told from the folders of nodes where that was not done', () => {
    const dir = tempDir();
    expect(readShape(join(dir, 'none'))).toBeUndefined();
    expect(readShape(dir)).toBeUndefined();
    const lines = ['a :7000@17000 myself,master - 0 0 1 connected 0-16383', 'b :7001@17001 slave a 0 0 1 connected'];
    for (const port of ['7000', '7001']) {
      mkdirSync(join(dir, port));
      writeFileSync(join(dir, port, 'nodes.conf'), `${lines.join('\n')}\nvars currentEpoch 1 lastVoteEpoch 0\n`);
    }
    expect(readShape(dir)).toEqual({ nodes: 2, replicas: 1, port: 7000, config: undefined });
    writeShape(dir, { ...SIX, config: '/c' });
    expect(readShape(dir)).toEqual({ ...SIX, config: '/c' });
    writeFileSync(join(dir, 'cluster.json'), '{"nodes":"six"}');
    expect(() => readShape(dir)).toThrow('cluster.json cannot be understood');
  });
});

describe('a process that is written down', () => {
  it('is trusted only when it is that very process', async () => {
    const dir = tempDir();
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    await once(child, 'spawn');
    writeRecord(dir, 'p.json', recordOf(child.pid as number, 5));
    const record = readRecord(dir, 'p.json');
    if (record === undefined) throw new Error('nothing was written down');
    expect(record).toMatchObject({ pid: child.pid, startedAtMs: 5 });
    expect(stillRuns(record)).toBe(true);
    // Another process that has got the number.
    expect(stillRuns({ ...record, startMark: recordOf(process.ppid, 0).startMark })).toBe(false);
    // A system that tells nothing.
    expect(stillRuns({ ...record, startMark: undefined })).toBeUndefined();
    child.stdin?.end();
    await once(child, 'exit');
    expect(stillRuns(record)).toBe(false);
    expect(readRecord(dir, 'none.json')).toBeUndefined();
    writeFileSync(join(dir, 'broken.json'), '{"pid":-1}');
    expect(readRecord(dir, 'broken.json')).toBeUndefined();
  });

  it.runIf(process.platform === 'linux')('has ended when only its parent has not heard of it', async () => {
    // `cat` does not know that it has a child.
    const parent = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const [pid] = (await once(parent.stdout, 'data')).map(Number) as [number];
    const record = recordOf(pid, 0);
    while (!/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) await new Promise(setImmediate);
    expect(stillRuns(record)).toBe(false);
    expect(stillRuns(recordOf(pid, 0))).toBe(false);
    parent.stdin.end();
    await once(parent, 'exit');
  });
});

describe('the configuration of a node', () => {
  it('takes from the lines of the user what those who run the nodes must know', () => {
    const file = join(tempDir(), 'my.conf');
    writeFileSync(file, '# bind 1.2.3.4\nPort 1\nbind -::1 127.0.0.1\nrequirepass "a \\"b\\" ü"\nlogfile x\n');
    expect(readUserConfig(file)).toEqual({
      ...{ file, password: 'a "b" ü', hasMasterAuth: false, host: '127.0.0.1' },
      overridden: ['port', 'logfile'],
    });
    writeFileSync(file, 'bind 10.0.0.1 10.0.0.2\nmasterauth x\n');
    expect(readUserConfig(file)).toMatchObject({ host: '10.0.0.1', hasMasterAuth: true, password: undefined });
    writeFileSync(file, 'a 1\n RequirePass x\nmasterauth y\nb 2');
    expect(linesWithoutPasswords(file)).toBe('a 1\nb 2');
  });

  it('includes them, gives replicas the password, and is left alone once CONFIG REWRITE has changed it', () => {
    const dir = tempDir();
    const [place] = placesOf(dir, SIX) as [NodePlace];
    mkdirSync(place.dir);
    const user = { file: '/a b/ü.conf', password: 'p"w', hasMasterAuth: false, host: '127.0.0.1', overridden: [] };
    const { args, kept } = prepareConfig(place, user);
    expect(kept).toBe(false);
    const file = join(place.dir, 'redis.conf');
    expect(args.slice(0, 5)).toEqual([file, '--port', '7000', '--dir', place.dir]);
    expect(args).not.toContain('p"w');
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('\nmasterauth "p\\"w"\ninclude "/a b/\\xc3\\xbc.conf"\n');
    expect(prepareConfig(place, undefined).kept).toBe(false);
    expect(readFileSync(file, 'utf8')).not.toContain('include');
    appendFileSync(file, '# Generated by CONFIG REWRITE\nmaxmemory 1gb\n');
    expect(prepareConfig(place, user).kept).toBe(true);
    expect(readFileSync(file, 'utf8')).toContain('maxmemory 1gb');
  });
});

describe('a node is named by', () => {
  const dir = tempDir();
  const cluster = clusterOf(dir, SIX);
  const ids = ['abcd01', 'abcd02', '700000', 'ef0000', 'ef1111', '000000'];
  for (const [i, { place }] of cluster.daemons.entries()) {
    mkdirSync(place.dir);
    writeFileSync(join(place.dir, 'nodes.conf'), `${ids[i]} :0@0 myself,master - 0 0 1 connected\n`);
  }

  it.each([
    ['7003', 7003],
    ['3', 7003],
    ['127.0.0.1:7003', 7003],
    ['localhost:7003', 7003],
    ['abcd02', 7001],
    ['ABCD02', 7001],
    ['700000', 7002],
  ])('%s', (text, port) => {
    expect(findDaemon(cluster, text).place.port).toBe(port);
  });

  it.each([
    ['abcd', 'Several nodes have an id that begins with abcd: 127.0.0.1:7000, 127.0.0.1:7001.'],
    ['ef0', "There is no node 'ef0'. The nodes are 0 (port 7000), 1 (port 7001)"],
    ['6', "There is no node '6'."],
  ])('not by %s', (text, error) => {
    expect(() => findDaemon(cluster, text)).toThrow(error);
  });
});

describe('the end of a log', () => {
  it('has so many lines, none of them cut', () => {
    const file = join(tempDir(), 'log');
    expect(logTail(file, 3)).toEqual([]);
    writeFileSync(file, 'one\ntwo\nthree\n');
    expect(logTail(file, 2)).toEqual(['two', 'three']);
    expect(logTail(file, 5)).toEqual(['one', 'two', 'three']);
    expect(logTail(file, 0)).toEqual([]);
    writeFileSync(file, `${'x'.repeat(300_000)}\nlast\n`);
    expect(logTail(file, 5)).toEqual(['last']);
    writeFileSync(file, 'short\n');
    expect(readFrom(file, 100_000)).toEqual({ bytes: Buffer.from('short\n'), end: 6 });
    expect(readFrom(file, 2)).toEqual({ bytes: Buffer.from('ort\n'), end: 6 });
  });
});

interface Brief {
  readonly pid?: number | undefined;
  readonly ok?: boolean;
  readonly master?: string;
  readonly slots?: [number, number];
  readonly inSync?: boolean;
  readonly mute?: boolean;
}

/** A node with the id `n<index>` on port 7000 + index, which runs and answers unless said otherwise. */
function node(index: number, brief: Brief): NodeStatus {
  const { pid, ok = true, master, slots, inSync, mute = false } = { pid: 100 + index, ...brief };
  const [first, last] = slots ?? [0, -1];
  const myself = {
    ...{ id: `n${index}`, host: '', port: 7000 + index, busPort: 17_000 + index, flags: [], masterId: master },
    ...{ configEpoch: 1, linked: true, slots: slots ? [{ first, last }] : [], migrating: [], importing: [] },
  };
  const answers = pid !== undefined && !mute;
  const answer: NodeAnswer | undefined = answers
    ? {
        view: { myself, others: [] },
        stateOk: ok,
        keys: 7,
        inSync: master === undefined ? undefined : (inSync ?? true),
      }
    : undefined;
  return {
    ...{ index, port: 7000 + index, name: `:${7000 + index}`, dir: `/d/${index}`, logFile: `/d/${index}/log` },
    ...{ pid, startedAtMs: pid && 5, id: `n${index}`, answer, trouble: answers ? undefined : 'a reason' },
  };
}

const MASTER: Brief = { slots: [0, 16_383] };
const REPLICA: Brief = { master: 'n0' };
const DOWN: Brief = { pid: undefined };

describe('what happened between two looks', () => {
  it.each<[string, [Brief, Brief], [Brief, Brief], string[]]>([
    ['nothing', [MASTER, REPLICA], [MASTER, REPLICA], []],
    ['a failover', [DOWN, REPLICA], [DOWN, MASTER], [':7001 took over: it is the master of slots 0-16383 now.']],
    [
      'a manual failover',
      [MASTER, REPLICA],
      [{ master: 'n1' }, MASTER],
      [':7000 is a replica of :7001 now, and in sync.', ':7001 took over: it is the master of slots 0-16383 now.'],
    ],
    ['a return', [DOWN, MASTER], [{ pid: 9, mute: true }, MASTER], [':7000 runs again (pid 9).']],
    [
      'a return to the other role',
      [{ pid: 9, mute: true }, MASTER],
      [{ pid: 9, master: 'n1', inSync: false }, MASTER],
      [':7000 answers.'],
    ],
    [
      'its data are there',
      [{ master: 'n1', inSync: false }, MASTER],
      [{ master: 'n1' }, MASTER],
      [':7000 is in sync with its master :7001.'],
    ],
    ['a node hangs', [MASTER, REPLICA], [MASTER, { mute: true }], ['[WARNING] :7001 does not answer: a reason.']],
    [
      'the cluster fails',
      [MASTER, REPLICA],
      [DOWN, { ...REPLICA, ok: false }],
      ['[WARNING] The cluster does not serve: cluster_state:fail.'],
    ],
    [
      'it serves again',
      [DOWN, { ...MASTER, ok: false }],
      [DOWN, MASTER],
      ['[OK] The cluster serves: cluster_state:ok.'],
    ],
    ['no node is left', [DOWN, MASTER], [DOWN, DOWN], []],
  ])('%s', (_, before, after, lines) => {
    const look = (briefs: readonly Brief[]): NodeStatus[] => briefs.map((brief, i) => node(i, brief));
    expect(changesBetween(look(before), look(after))).toEqual(lines);
  });
});

describe('a cluster is shown', () => {
  const nodes = [
    node(0, { slots: [9000, 16_383] }),
    node(1, { master: 'n2', inSync: false }),
    node(2, { slots: [0, 8999], ok: false }),
    node(3, DOWN),
    node(4, { mute: true }),
  ];

  it('as a table: masters in the order of their slots, replicas below them', () => {
    expect(clusterTable(nodes)).toEqual([
      '  #  node   pid  role              slots                    keys  state                id',
      '  2  :7002  102  master            0-8999 (9000 slots)      7     cluster_state:fail   n2',
      '  1  :7001  101  replica of :7002  -                        7     not in sync          n1',
      '  0  :7000  100  master            9000-16383 (7384 slots)  7     ok                   n0',
      '  3  :7003  -    -                 -                        -     down                 n3',
      '  4  :7004  104  -                 -                        -     no answer: a reason  n4',
    ]);
  });

  it('as JSON that always has the same names', () => {
    const json = JSON.parse(JSON.stringify(clusterJson('/d', undefined, nodes)));
    expect(json).toMatchObject({ dir: '/d', state: 'fail', watcher: null });
    expect(json.nodes[1]).toEqual({
      ...{ index: 1, address: ':7001', id: 'n1', pid: 101, started_at_ms: 5, role: 'replica', master_id: 'n2' },
      ...{ slots: [], keys: 7, cluster_state: 'ok', in_sync: false, trouble: null, log: '/d/1/log' },
    });
    expect(json.nodes[3]).toEqual({
      ...{ index: 3, address: ':7003', id: 'n3', pid: null, started_at_ms: null, role: null, master_id: null },
      ...{ slots: [], keys: null, cluster_state: null, in_sync: null, trouble: 'a reason', log: '/d/3/log' },
    });
    expect(json.nodes[0].slots).toEqual([[9000, 16_383]]);
  });
});
