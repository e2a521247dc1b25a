/** The walk-through: five lines of redis.conf, six daemons, one `trib create`, and `redis-cli` on what came of it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { withoutWaiting } from '../support/transcript.js';
import { endAfter, parseNodeLine, startNodes } from './support/cluster.js';
import { ask, type Daemon, launch, run, TRIB, until } from './support/daemon.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('redis-cli on the cluster of the walk-through');

const FIVE_LINES = `bind 0.0.0.0
appendonly yes
cluster-enabled yes
cluster-config-file nodes.conf
cluster-node-timeout 5000
`;

let ports: number[] = [];
let daemons: Daemon[] = [];
let dirs: string[] = [];
const addresses = (): string[] => ports.map((port) => `127.0.0.1:${port}`);

/** `SERVER redis.conf` in a folder of its own; the port is all that six daemons on one host need besides. */
async function startAll(): Promise<void> {
  daemons = ports.map((port, i) => {
    const cwd = dirs[i] as string;
    writeFileSync(join(cwd, 'redis.conf'), `${FIVE_LINES}port ${port}\n`);
    return launch(['redis.conf'], { cwd });
  });
  await Promise.all(daemons.map((daemon) => daemon.ready()));
}

beforeAll(async () => {
  ports = await freePorts(6);
  dirs = ports.map(() => tempDir('shoal-walk-'));
  await startAll();
});

afterAll(() => Promise.all(daemons.map((daemon) => daemon.end())));

describe('six daemons with five lines of redis.conf', () => {
  it('are left untouched when the plan is not accepted', async () => {
    const { code, output } = await run(TRIB, ['create', ...addresses()], { stdin: 'no\n' });
    expect(code).toBe(1);
    expect(output).toContain("Can I set the above configuration? (type 'yes' to accept): ");
    for (const port of ports) {
      const info = await ask(port, 'CLUSTER', 'INFO');
      expect(info).toContain('cluster_slots_assigned:0\r\n');
      expect(info).toContain('cluster_known_nodes:1\r\n');
    }
  });

  it('are joined by trib create, with the transcript that operators know', async () => {
    const ids = await Promise.all(ports.map((port) => ask(port, 'CLUSTER', 'MYID')));
    const { code, output } = await run(TRIB, ['create', ...addresses()], { stdin: 'yes\n' });
    expect({ code, output }).toMatchObject({ code: 0 });
    const names = new Map(ids.map((id, i) => [id, `<id ${i}>`]));
    let named = output;
    for (const [id, name] of names) named = named.replaceAll(id, name);
    for (const [i, port] of ports.entries()) named = named.replaceAll(`127.0.0.1:${port}`, `<node ${i}>`);
    expect(withoutWaiting(named)).toMatchInlineSnapshot(`
      ">>> Creating cluster
      >>> Performing hash slots allocation on 6 nodes...
      Using 6 masters:
      <node 0>
      <node 1>
      <node 2>
      <node 3>
      <node 4>
      <node 5>
      M: <id 0> <node 0>
         slots:0-2730 (2731 slots) master
      M: <id 1> <node 1>
         slots:2731-5460 (2730 slots) master
      M: <id 2> <node 2>
         slots:5461-8191 (2731 slots) master
      M: <id 3> <node 3>
         slots:8192-10922 (2731 slots) master
      M: <id 4> <node 4>
         slots:10923-13652 (2730 slots) master
      M: <id 5> <node 5>
         slots:13653-16383 (2731 slots) master
      Can I set the above configuration? (type 'yes' to accept): yes
      >>> Nodes configuration updated
      >>> Assign a different config epoch to each node
      >>> Sending CLUSTER MEET messages to join the cluster
      Waiting for the cluster to join...
      >>> Performing Cluster Check (using node <node 0>)
      M: <id 0> <node 0>
         slots:0-2730 (2731 slots) master
         0 additional replica(s)
      M: <id 1> <node 1>
         slots:2731-5460 (2730 slots) master
         0 additional replica(s)
      M: <id 2> <node 2>
         slots:5461-8191 (2731 slots) master
         0 additional replica(s)
      M: <id 3> <node 3>
         slots:8192-10922 (2731 slots) master
         0 additional replica(s)
      M: <id 4> <node 4>
         slots:10923-13652 (2730 slots) master
         0 additional replica(s)
      M: <id 5> <node 5>
         slots:13653-16383 (2731 slots) master
         0 additional replica(s)
      [OK] All nodes agree about slots configuration.
      >>> Check for open slots...
      >>> Check slots coverage...
      [OK] All 16384 slots covered.
      "
    `);
  });
});

describe('what came of it', () => {
  it('has six nodes, connected, with epochs 1 to 6 and all slots, whomever one asks', async () => {
    for (const port of ports) {
      const lines = (await ask(port, 'CLUSTER', 'NODES')).trimEnd().split('\n').map(parseNodeLine);
      expect(lines.map((line) => line.port).sort()).toEqual([...ports].sort());
      expect(lines.map((line) => line.link)).toEqual(Array(6).fill('connected'));
      expect(lines.map((line) => line.configEpoch).sort()).toEqual([1, 2, 3, 4, 5, 6]);
      expect(lines.flatMap((line) => line.slots).sort()).toEqual([
        '0-2730',
        '10923-13652',
        '13653-16383',
        '2731-5460',
        '5461-8191',
        '8192-10922',
      ]);
    }
  });

  it('is found in order by trib check and trib info', async () => {
    const check = await run(TRIB, ['check', addresses()[3] as string]);
    expect(check.output).toContain('[OK] All 16384 slots covered.');
    expect(check.code).toBe(0);
    const info = await run(TRIB, ['info', addresses()[3] as string]);
    expect(info.output).toContain('[OK] 0 keys in 6 masters.');
    expect(info.code).toBe(0);
  });

  it('stays as it is when the same trib create is run again', async () => {
    const before = await run(TRIB, ['check', addresses()[0] as string]);
    expect((await run(TRIB, ['create', '--yes', ...addresses()])).code).toBe(0);
    expect((await run(TRIB, ['check', addresses()[0] as string])).output).toBe(before.output);
  });

  it('is in the way of another cluster: which node, why, and the two commands that clear it', async (test) => {
    const [fresh] = endAfter(test, await startNodes(1));
    const others = [fresh?.address ?? '', ...addresses().slice(0, 2)];
    const { code, output } = await run(TRIB, ['create', '--yes', ...others]);
    expect(code).toBe(1);
    for (const address of addresses().slice(0, 2)) expect(output).toContain(`[ERR] Node ${address} is not empty`);
    expect(output).toMatch(/it knows 5 other nodes \(.*\), it has 273\d slots assigned/);
    expect(output).toMatch(/flushall/i);
    expect(output).toMatch(/cluster reset/i);
    expect(await fresh?.view()).toHaveLength(1);
  });
});

describe.skipIf(!hasRedis)('redis-cli', () => {
  const cli = (...args: string[]) => run('redis-cli', ['-p', String(ports[0]), ...args]);

  it('lists six connected nodes', async () => {
    const { code, output } = await cli('cluster', 'nodes');
    expect(code).toBe(0);
    expect(output.match(/ connected /g)).toHaveLength(6);
  });

  it('-c follows keys from node to node', async () => {
    const keys = Array.from({ length: 60 }, (_, i) => `key:${i}`);
    const set = await run('redis-cli', ['-c', '-p', String(ports[0])], {
      stdin: keys.map((key) => `set ${key} value-of-${key}\n`).join(''),
    });
    expect(set.output.match(/^OK$/gm)).toHaveLength(keys.length);
    const get = await run('redis-cli', ['-c', '-p', String(ports[5])], {
      stdin: keys.map((key) => `get ${key}\n`).join(''),
    });
    const values = get.output.split('\n').filter((line) => line.includes('value-of'));
    expect(values).toEqual(keys.map((key) => `value-of-${key}`));
    const sizes = await Promise.all(ports.map((port) => ask(port, 'DBSIZE')));
    expect(sizes.every((size) => Number(size) > 0)).toBe(true);
    expect(sizes.reduce((sum, size) => sum + Number(size), 0)).toBe(keys.length);
  });

  it('without -c is told where to go', async () => {
    const { output } = await cli('get', 'key:0');
    const slot = await ask(ports[0] as number, 'CLUSTER', 'KEYSLOT', 'key:0');
    const owner = Math.floor((Number(slot) * 6) / 16384);
    expect(output).toMatch(
      owner === 0 ? /^value-of-key:0\n/ : new RegExp(`^MOVED ${slot} 127\\.0\\.0\\.1:${ports[owner]}\n`),
    );
  });

  it('--cluster check finds nothing wrong', async () => {
    const { code, output } = await run('redis-cli', ['--cluster', 'check', addresses()[2] as string]);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toContain('[OK] All nodes agree about slots configuration.');
    expect(output).toContain('[OK] All 16384 slots covered.');
  });

  it('--cluster info counts keys and slots', async () => {
    const { code, output } = await run('redis-cli', ['--cluster', 'info', addresses()[2] as string]);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toContain('[OK] 60 keys in 6 masters.');
  });

  it('--cluster call reaches every node', async () => {
    const { output } = await run('redis-cli', ['--cluster', 'call', addresses()[2] as string, 'ping']);
    expect(output.match(/: PONG$/gm)).toHaveLength(6);
  });
});

describe.skipIf(!hasRedis)('redis-benchmark', () => {
  it('--cluster runs over all nodes', async () => {
    const args = ['--cluster', '-p', String(ports[0]), '-n', '20000', '-P', '16', '-t', 'set,get', '-q', '-r', '1000'];
    const { code, output } = await run('redis-benchmark', args);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toContain('Cluster has 6 master nodes');
    expect(output).toMatch(/SET: [\d.]+ requests per second/);
    expect(output).toMatch(/GET: [\d.]+ requests per second/);
    expect(output).not.toMatch(/error/i);
  });
});

describe('the morning after', () => {
  it('six daemons that were killed with -9 find their cluster and their data again', async () => {
    const before = await Promise.all(ports.map((port) => ask(port, 'DBSIZE')));
    expect(before.some((size) => size !== '0')).toBe(true);
    await Promise.all(daemons.map((daemon) => daemon.end('SIGKILL')));
    await startAll();
    await until('the cluster is ok again', async () => {
      const infos = await Promise.all(ports.map((port) => ask(port, 'CLUSTER', 'INFO')));
      return infos.every((info) => info.includes('cluster_state:ok\r\n'));
    });
    expect(await Promise.all(ports.map((port) => ask(port, 'DBSIZE')))).toEqual(before);
    expect((await run(TRIB, ['check', addresses()[0] as string])).code).toBe(0);
  });
});
