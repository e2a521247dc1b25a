import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  describeServers,
  normalise,
  resetNodes,
  skipAloud,
  startNode,
  type TestNode,
  trib,
  waitUntil,
} from './nodes.js';

const BIN = fileURLToPath(new URL('../../bin/trib', import.meta.url));
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
const noIpv6 = hasIpv6 ? undefined : 'this machine has no ::1';

describeServers('on a cluster of three masters', (server) => {
  let nodes: TestNode[] = [];
  let three = '';

  beforeAll(async () => {
    nodes = await Promise.all(Array.from({ length: 3 }, () => startNode(server)));
    nodes.sort((a, b) => a.port - b.port);
    three = nodes.map(({ address }) => address).join(' ');
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  });
  beforeEach(async () => {
    await resetNodes(nodes);
    expect((await trib(`create --yes ${three}`)).code).toBe(0);
  });

  it('check, info and call do their work', async () => {
    // Slot 12182 is the third master's.
    await nodes[2].call('SET', 'foo', 'bar');

    const checked = await trib(`check ${nodes[1].address}`);
    await expect(await normalise(checked.out, nodes)).toMatchFileSnapshot('transcripts/check.txt');
    expect(checked.code).toBe(0);

    const counted = await trib(`info ${nodes[0].address}`);
    await expect(await normalise(counted.out, nodes)).toMatchFileSnapshot('transcripts/info.txt');
    expect(counted.code).toBe(0);

    const called = await trib(`call ${nodes[0].address} dbsize`);
    expect(await normalise(called.out, nodes)).toBe(
      '>>> Calling dbsize\n127.0.0.1:<port 1>: 0\n127.0.0.1:<port 2>: 0\n127.0.0.1:<port 3>: 1\n',
    );
    expect(called.code).toBe(0);

    const options = await trib(`call ${nodes[0].address} config set maxmemory-samples -1`);
    expect(options.out.match(/: ERR /g)).toHaveLength(3);
    expect(options.code).toBe(1);
  });

  it('prints one document with --json, whose names stay as they are', async () => {
    const [first, second] = nodes.map(({ address }) => address);
    const owners = 'id,address,keys,slots,replicas';
    const given: readonly (readonly [string, Record<string, string>])[] = [
      [`check ${first}`, { keys: '', masters: owners, findings: '' }],
      [`info ${first}`, { keys: '', masters: owners }],
      [`call --json ${first} ping`, { replies: 'id,address,reply' }],
      [`fix ${first}`, { keys: '', masters: owners, plan: '', changed: '' }],
      [`reshard ${first} --from ${first} --to ${second} --slots 2 --dry-run`, { plan: 'slot,from,to', changed: '' }],
      [`rebalance ${first} --weight ${first}=2 --dry-run`, { plan: 'from,to,slots', changed: '' }],
      [`rebalance ${first}`, { plan: '', changed: '' }],
      [`set-timeout ${first} 1000 --dry-run`, { timeoutMs: '', changed: '' }],
      [`set-timeout ${first} 1000 --yes`, { timeoutMs: '', changed: '', nodes: 'id,address,set,saved,error' }],
      [`create ${three} --dry-run`, { masters: '', replicas: '', changed: '' }],
    ];
    for (const [commandLine, names] of given) {
      const { code, out } = await trib(`--json ${commandLine}`);
      const document = JSON.parse(out);
      expect(Object.keys(document)).toEqual(['schema', 'command', 'ok', 'exitCode', 'errors', 'warnings', 'result']);
      expect([code, document.ok, document.exitCode, document.errors], commandLine).toEqual([0, true, 0, []]);
      expect(Object.keys(document.result).sort(), commandLine).toEqual(Object.keys(names).sort());
      for (const [name, fields] of Object.entries(names)) {
        if (fields !== '') expect(Object.keys(document.result[name][0]).join(), commandLine).toBe(fields);
      }
    }
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
    const gone = await startNode(server);
    await nodes[0].call('CLUSTER', 'MEET', gone.host, String(gone.port));
    await waitUntil('it is a member', async () => {
      return String(await gone.call('CLUSTER', 'INFO')).includes('cluster_known_nodes:4');
    });
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

describeServers(
  'over IPv6',
  (server) => {
    it('creates and checks a cluster, with and without brackets', async () => {
      const nodes = await Promise.all(Array.from({ length: 3 }, () => startNode(server, { bind: '::1' })));
      try {
        const [a, b, c] = nodes.map(({ port }) => port);
        const created = await trib(`create --yes [::1]:${a} ::1:${b} [::1]:${c}@${c + 10000}`);
        expect(created.out).toContain(`Using 3 masters:\n[::1]:${a}\n[::1]:${b}\n[::1]:${c}\n`);
        expect(created.code).toBe(0);
        expect((await trib(`check ::1:${b}`)).code).toBe(0);
        // Bound to ::1 only, they refuse 127.0.0.1, and trib says where they do answer.
        const { code, out } = await trib(`check 127.0.0.1:${a}`);
        expect(out).toContain(`A server does answer on [::1]:${a} of this machine: it is started, but bound to ::1.`);
        expect(code).toBe(1);
      } finally {
        await Promise.all(nodes.map((node) => node.stop()));
      }
    });
  },
  noIpv6,
);

describe('trib help', () => {
  it.each(['create', 'check', 'info', 'call'])('lists %s and explains it', async (name) => {
    expect((await trib('help')).out).toMatch(new RegExp(`^  ${name} `, 'm'));
    const { code, out, err } = await trib(`help ${name}`);
    expect(out).toMatch(new RegExp(`^Usage: trib ${name} `));
    expect({ code, err }).toEqual({ code: 0, err: '' });
  });

  it('--version prints the version of the package', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await trib('--version')).toEqual({ code: 0, out: `trib ${version}\n`, err: '' });
  });

  it('without any command, prints the same and fails', async () => {
    const { code, err } = await trib('');
    expect(err).toContain('Usage: trib');
    expect(code).toBe(1);
  });
});

describe('bin/trib', () => {
  it('runs what is built', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [BIN, 'help']);
    expect(stdout).toContain('Usage: trib');
  });

  it('hands on the exit code', async () => {
    const run = promisify(execFile)(process.execPath, [BIN, 'check', '127.0.0.1:1']);
    await expect(run).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining("[ERR] Sorry, can't connect") });
  });
});

const noProc = process.platform === 'linux' ? undefined : 'there is no /proc';
skipAloud('a password on the command line of trib', noProc);

describe('a password given with -a', () => {
  it.skipIf(noProc !== undefined)('is soon no longer seen by others on the machine', async () => {
    // A server that never answers keeps trib waiting.
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const child = spawn(process.execPath, [BIN, '-a', 'sesame', 'check', `127.0.0.1:${port}`], { stdio: 'ignore' });
    try {
      await once(silent, 'connection');
      const commandLine = await readFile(`/proc/${child.pid}/cmdline`, 'utf8');
      expect(commandLine).toContain('trib');
      expect(commandLine).not.toContain('sesame');
    } finally {
      child.kill('SIGKILL');
      silent.close();
    }
  });
});

describeServers('bin/trib', (server) => {
  it('killed with SIGKILL in the middle of a create, finishes it when run again', async () => {
    const nodes = await Promise.all(Array.from({ length: 3 }, () => startNode(server)));
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
  });
});
