import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { normalise, resetNodes, serverMissing, startNode, type TestNode, trib } from './nodes.js';

const BIN = fileURLToPath(new URL('../../bin/trib', import.meta.url));
const built = existsSync(new URL('../../dist/trib/main.js', import.meta.url));
if (!built) console.warn('SKIPPED: bin/trib itself, because dist/ is missing (npm run build)');
if (serverMissing !== undefined) console.warn(`SKIPPED: trib check, info and call, because ${serverMissing}`);

describe.skipIf(serverMissing !== undefined)('on a cluster of three masters and three replicas', () => {
  let nodes: TestNode[] = [];
  let six = '';

  beforeAll(async () => {
    nodes = await Promise.all(Array.from({ length: 6 }, () => startNode()));
    nodes.sort((a, b) => a.port - b.port);
    six = nodes.map(({ address }) => address).join(' ');
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  });
  beforeEach(async () => {
    await resetNodes(nodes);
    expect((await trib(`create --yes --replicas 1 ${six}`)).code).toBe(0);
  });

  it('check, info and call do their work', async () => {
    // Slot 12182 is the third master's.
    await nodes[2].call('SET', 'foo', 'bar');

    const checked = await trib(`check ${nodes[1].address}`);
    expect(await normalise(checked.out, nodes)).toMatchSnapshot();
    expect(checked.code).toBe(0);

    const counted = await trib(`info ${nodes[4].address}`);
    expect(await normalise(counted.out, nodes)).toMatchSnapshot();
    expect(counted.code).toBe(0);

    const called = await trib(`call ${nodes[0].address} dbsize`);
    expect(called.out.split('\n')[0]).toBe('>>> Calling dbsize');
    for (const { address } of nodes.slice(0, 2)) expect(called.out).toContain(`\n${address}: 0\n`);
    expect(called.out).toContain(`\n${nodes[2].address}: 1\n`);
    expect(called.code).toBe(0);

    const options = await trib(`call ${nodes[0].address} config set maxmemory-samples -1`);
    expect(options.out.match(/: ERR /g)).toHaveLength(6);
    expect(options.code).toBe(1);
  });

  it('check names uncovered slots, and who disagrees about them', async () => {
    await nodes[2].call('CLUSTER', 'DELSLOTS', '16383');
    const { code, out } = await trib(`check ${nodes[0].address}`);
    expect(code).toBe(1);
    expect(out).toContain("[ERR] Nodes don't agree about configuration!\n");
    expect(out).toContain(`${nodes[0].address} gives ${nodes[2].address} slots 10923-16383, `);
    expect(out).toContain('[ERR] Not all 16384 slots are covered by nodes.\n      Missing: 16383 (1 slots)\n');
  });

  it('check names open slots', async () => {
    const [from, to] = await Promise.all(nodes.slice(0, 2).map((node) => node.call('CLUSTER', 'MYID')));
    await nodes[0].call('CLUSTER', 'SETSLOT', '93', 'MIGRATING', String(to));
    await nodes[1].call('CLUSTER', 'SETSLOT', '93', 'IMPORTING', String(from));
    const { code, out } = await trib(`check ${nodes[0].address}`);
    expect(code).toBe(1);
    expect(out).toContain(`[WARNING] Node ${nodes[0].address} has slots in migrating state (93).\n`);
    expect(out).toContain(`[WARNING] Node ${nodes[1].address} has slots in importing state (93).\n`);
    expect(out).toContain('[WARNING] The following slots are open: 93.\n');
    expect(out).toContain('[OK] All nodes agree about slots configuration.\n');
  });

  it('a member that is gone makes check, info and call say so and fail', async () => {
    const gone = await startNode();
    await nodes[0].call('CLUSTER', 'MEET', gone.host, String(gone.port));
    while (!String(await gone.call('CLUSTER', 'INFO')).includes('cluster_known_nodes:7')) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await gone.stop();
    for (const commandLine of [
      `check ${nodes[0].address}`,
      `info ${nodes[0].address}`,
      `call ${nodes[0].address} ping`,
    ]) {
      const { code, out } = await trib(commandLine);
      expect(code).toBe(1);
      expect(out).toContain(`[ERR] Sorry, can't connect to node ${gone.address}\n`);
    }
  });
});

const noIpv6 = !Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
if (noIpv6) console.warn('SKIPPED: trib over IPv6, because this machine has no ::1');

describe.skipIf(serverMissing !== undefined || noIpv6)('over IPv6', () => {
  it('creates and checks a cluster, with and without brackets', async () => {
    const nodes = await Promise.all(Array.from({ length: 3 }, () => startNode({ bind: '::1' })));
    try {
      const [a, b, c] = nodes.map(({ port }) => port);
      const created = await trib(`create --yes [::1]:${a} ::1:${b} [::1]:${c}@${c + 10000}`);
      expect(created.out).toContain(`Using 3 masters:\n[::1]:${a}\n[::1]:${b}\n[::1]:${c}\n`);
      expect(created.code).toBe(0);
      expect((await trib(`check ::1:${b}`)).code).toBe(0);
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
    }
  });
});

describe('trib help', () => {
  it.each(['create', 'check', 'info', 'call'])('lists %s and explains it', async (name) => {
    expect((await trib('help')).out).toMatch(new RegExp(`^  ${name} `, 'm'));
    const { code, out, err } = await trib(`help ${name}`);
    expect(out).toMatch(new RegExp(`^Usage: trib ${name} `));
    expect({ code, err }).toEqual({ code: 0, err: '' });
  });

  it('without any command, prints the same and fails', async () => {
    const { code, err } = await trib('');
    expect(err).toContain('Usage: trib');
    expect(code).toBe(1);
  });
});

describe.skipIf(!built)('bin/trib', () => {
  it('runs what is built', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [BIN, 'help']);
    expect(stdout).toContain('Usage: trib');
  });

  it('hands on the exit code', async () => {
    const run = promisify(execFile)(process.execPath, [BIN, 'check', '127.0.0.1:1']);
    await expect(run).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining("[ERR] Sorry, can't connect") });
  });

  it.skipIf(serverMissing !== undefined)(
    'killed with SIGKILL in the middle of a create, finishes it when run again',
    async () => {
      const nodes = await Promise.all(Array.from({ length: 3 }, () => startNode()));
      try {
        const command = [BIN, 'create', '--yes', ...nodes.map(({ address }) => address)];
        const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
        child.stdout.on('data', (text: Buffer) => {
          if (text.includes('Nodes configuration updated')) child.kill('SIGKILL');
        });
        expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
        const { stdout } = await promisify(execFile)(process.execPath, command);
        expect(stdout).toContain('[OK] All 16384 slots covered.');
      } finally {
        await Promise.all(nodes.map((node) => node.stop()));
      }
    },
  );
});
