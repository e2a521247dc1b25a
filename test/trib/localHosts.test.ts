/** `trib up --hosts`: the file, the scripts, and all of it over an ssh that runs what it is told on this machine. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { hostScript } from '../../src/trib/local/hosts/host-script.js';
import { type HostNode, parseHosts, planHosts } from '../../src/trib/local/hosts/hosts-file.js';
import { launch, processRuns, REPOSITORY, TRIB, until } from '../e2e/support/daemon.js';
import { freePorts } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { onPath, skipAloud, trib } from './nodes.js';

const SERVER = join(REPOSITORY, 'bin/shoal-server');
/** With all that must not be taken for quoting, by a shell or by redis.conf. */
const PASSWORD = `it's "50%" \\ $HOME #x`;

describe('the file of hosts', () => {
  it('has a node on each line, port 6379 if not said otherwise, and comments', () => {
    const text =
      '# all of them\n10.0.0.1\n\nnode2:7000  # the second\n[fe80::1]\n10.0.0.1:6380 replica-of node2:7000\n';
    const hosts = parseHosts(text) as HostNode[];
    expect(hosts.map(({ name, replicaOf }) => [name, replicaOf])).toEqual([
      ['10.0.0.1:6379', undefined],
      ['node2:7000', undefined],
      ['[fe80::1]:6379', undefined],
      ['10.0.0.1:6380', 'node2:7000'],
    ]);
  });

  it.each([
    ['10.0.0.1 10.0.0.2', 'Line 1: '],
    ['10.0.0.1 replica-of', 'Line 1: '],
    ['a\na:6379', 'Line 2: a:6379 is there twice.'],
    ['-oProxyCommand=x', "Line 1: '-oProxyCommand=x' is no host name."],
    ['a:b', 'Line 1: '],
    ['a replica-of b', 'a:6379 is to replicate b:6379, which is no line of this file.'],
    ['a\nb replica-of a\nc replica-of b', 'c:6379 is to replicate b:6379, which is a replica itself.'],
  ])('refuses %j', (text, error) => {
    const errors = parseHosts(text) as string[];
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(`[ERR] ${error}`);
  });

  it('gives roles as it says, or as the planner of create does', () => {
    const planned = planHosts(...twice(parseHosts('a\nb\nc\nd\ne\nf') as HostNode[]), 1);
    expect(planned).toMatchObject({ masters: [{}, {}, {}], replicas: [{}, {}, {}], replicasOnMasterHost: 0 });
    const said = planHosts(...twice(parseHosts('a\nb\nc\nd replica-of a\ne replica-of a') as HostNode[]), 0);
    if (Array.isArray(said)) throw new Error(said.join());
    expect(said.replicas.map(({ node, master }) => `${node.name} ${master.name}`)).toEqual([
      'd:6379 a:6379',
      'e:6379 a:6379',
    ]);
    expect(planHosts(...twice(parseHosts('a\nb\nc replica-of a') as HostNode[]), 0)).toEqual([
      expect.stringContaining('at least 3 masters: 2 lines'),
    ]);
  });
});

function twice<T>(value: T): [T, T] {
  return [value, value];
}

describe('the script for a host', () => {
  it.each([true, false])('is one that a shell can read (systemd: %s) and holds the lines of the user', (systemd) => {
    const script = hostScript({
      ...{ name: 'a:6379', port: 6379, dir: "/srv/it's here", server: 'shoal-server', systemd },
      ...{ lines: 'maxmemory 1gb\nEND_OF_CONF\n', hasPassword: true, password: PASSWORD },
    });
    const { status, stderr } = spawnSync('sh', ['-n'], { input: script, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(script).toContain('\ncat >"$new" <<\'END_OF_CONF_\'\nbind 0.0.0.0\n');
    expect(script).toContain('\nmaxmemory 1gb\nEND_OF_CONF\nport 6379\n');
  });

  it('does nothing when it breaks off', () => {
    const dir = tempDir('trib-hosts-');
    const script = hostScript({
      ...{ name: 'a:6379', port: 6379, dir, server: 'true', systemd: false },
      ...{ lines: '', hasPassword: false, password: undefined },
    });
    const part = script.slice(0, script.lastIndexOf('}'));
    expect(part).toContain('mkdir');
    spawnSync('sh', ['-s'], { input: part });
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('the systemd unit', () => {
  const noAnalyzer = onPath('systemd-analyze') ? undefined : 'there is no systemd-analyze on PATH';
  skipAloud('systemd-analyze verify of the unit', noAnalyzer);

  /** The unit that the script writes, for a folder with what systemd takes for itself. */
  const unitIn = (dir: string, port: number): string => {
    const script = hostScript({
      ...{ name: `127.0.0.1:${port}`, port, dir, server: SERVER, systemd: true },
      ...{ lines: '', hasPassword: false, password: undefined },
    });
    const part = script.slice(script.indexOf('\nunit='), script.indexOf('\n$root chmod 644'));
    const write = part.replace('$root tee "/etc/systemd/system/$unit" >/dev/null', 'cat');
    const known = `folder='${dir}/${port}' program='${SERVER}' owner=root`;
    const { status, stdout, stderr } = spawnSync('sh', ['-euc', `${known}\n${write}`], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  };
  const settingOf = (unit: string, name: string): string =>
    new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? expect.unreachable(name);

  it('quotes what systemd would take for itself', () => {
    const unit = unitIn('/srv/50% $HOME "x" \\y', 6379);
    expect(settingOf(unit, 'WorkingDirectory')).toBe('/srv/50%% $HOME "x" \\y/6379');
    const conf = String.raw`"/srv/50%% $$HOME \"x\" \\y/6379/redis.conf"`;
    expect(settingOf(unit, 'ExecStart')).toBe(`"${SERVER}" ${conf}`);
  });

  it.skipIf(noAnalyzer)('is one that systemd takes', () => {
    const dir = tempDir('trib-unit-');
    const file = join(dir, 'shoal-6379.service');
    writeFileSync(file, unitIn('/srv/50% x', 6379));
    const { status, stderr, stdout } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    expect((stdout + stderr).split('\n').filter((line) => line.includes('shoal-6379'))).toEqual([]);
    expect(status).toBe(0);
  });

  it('starts a node in the foreground that ends well with SIGTERM, and starts again after a crash', async () => {
    const dir = tempDir('trib-unit-');
    const [port] = await freePorts(1);
    const unit = unitIn(dir, port);
    const folder = settingOf(unit, 'WorkingDirectory');
    mkdirSync(folder);
    writeFileSync(join(folder, 'redis.conf'), `port ${port}\ndir ${folder}\ncluster-enabled yes\nlogfile shoal.log\n`);
    const words = [...settingOf(unit, 'ExecStart').matchAll(/"([^"]*)"/g)].map(([, word]) => word);
    const path = /^"PATH=(.*)"$/.exec(settingOf(unit, 'Environment'))?.[1];
    // As systemd does: nothing in the environment but what the unit says, in its folder, and no terminal.
    const start = async (): Promise<ChildProcess> => {
      const child = spawn(words[0], words.slice(1), { cwd: folder, env: { PATH: path }, stdio: 'ignore' });
      const redis = new Redis({ port, retryStrategy: () => 50, maxRetriesPerRequest: null });
      redis.on('error', () => {});
      expect(await redis.ping()).toBe('PONG');
      redis.disconnect();
      expect([child.exitCode, child.signalCode]).toEqual([null, null]);
      return child;
    };
    for (const [signal, end] of [
      ['SIGKILL', [null, 'SIGKILL']],
      ['SIGTERM', [0, null]],
    ] as const) {
      const child = await start();
      const gone = once(child, 'exit');
      child.kill(signal);
      expect(await gone).toEqual(end);
    }
  });
});

const pidFiles: string[] = [];

afterEach(async () => {
  for (const file of pidFiles.splice(0)) {
    const pid = pidIn(file);
    if (pid === undefined) continue;
    process.kill(pid, 'SIGKILL');
    await until(`${pid} is gone`, () => !processRuns(pid));
  }
});

function pidIn(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

/** A folder with an `ssh` that notes its arguments and runs the command here; `stub` comes before that. */
function fakeSsh(stub = ''): { path: string; calls: () => string[] } {
  const dir = tempDir('trib-ssh-');
  const log = join(dir, 'calls');
  writeFileSync(log, '');
  writeFileSync(join(dir, 'ssh'), `#!/bin/sh\necho "$@" >>'${log}'\n${stub}\nshift\nexec "$@"\n`);
  chmodSync(join(dir, 'ssh'), 0o755);
  return { path: `${dir}:${process.env.PATH}`, calls: () => readFileSync(log, 'utf8').trimEnd().split('\n') };
}

async function upHosts(path: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const daemon = launch([TRIB, 'up', ...args], {
    program: process.execPath,
    env: { PATH: path, SHOAL_AUTH: PASSWORD },
    stdin: '',
  });
  const { code } = await daemon.ending;
  return { code, output: daemon.output };
}

describe('trib up --hosts', () => {
  it('--print shows every script and the join, without the password, and runs nothing', async () => {
    const file = join(tempDir('trib-hosts-'), 'hosts.txt');
    writeFileSync(file, 'a\nb\nc\nd replica-of a:6379\n');
    const { path, calls } = fakeSsh();
    const { code, output } = await upHosts(path, ['--hosts', file, '--print']);
    expect(code).toBe(0);
    expect(calls()).toEqual(['']);
    expect(output).not.toContain('50%');
    expect(output.split(': "${SHOAL_AUTH:?').length).toBe(5);
    expect(output).toContain('\ntrib create a:6379 b:6379 c:6379\n');
    expect(output).toContain(
      '\ntrib add-node --slave --master-id "$(redis-cli -h a -p 6379 cluster myid)" d:6379 a:6379\n',
    );
    expect(spawnSync('sh', ['-n'], { input: output }).status).toBe(0);
  });

  it('asks before it does anything', async () => {
    const file = join(tempDir('trib-hosts-'), 'hosts.txt');
    writeFileSync(file, 'a\nb\nc\n');
    const { path, calls } = fakeSsh();
    const { code, output } = await upHosts(path, ['--hosts', file]);
    expect(code).toBe(1);
    expect(output).toContain('M: c:6379  slots:0-5460 (5461 slots)\n');
    expect(output).toContain('accept with --yes');
    expect(calls()).toEqual(['']);
  });

  it('stops at the first host that fails, with its words', async () => {
    const file = join(tempDir('trib-hosts-'), 'hosts.txt');
    writeFileSync(file, 'a\nb\nc\n');
    const { path, calls } = fakeSsh('case "$1" in b) echo "no route to b" >&2; exit 255;; *) exit 0;; esac');
    const { code, output } = await upHosts(path, ['--hosts', file, '--yes']);
    expect(code).toBe(1);
    expect(calls()).toEqual(['a sh -s', 'b sh -s']);
    expect(output).toContain('    no route to b\n[ERR] Node b:6379 could not be set up: ssh ended with exit code 255.');
  });

  it('sets up all nodes and joins them, and finds all done when it runs again', async () => {
    const ports = await freePorts(4);
    const dir = tempDir('trib-hosts-');
    const [hosts, config, data] = ['hosts.txt', 'my.conf', 'data'].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ];
    const [a, b, c, d] = ports;
    writeFileSync(hosts, `127.0.0.1:${a}\n127.0.0.1:${b}\n127.0.0.1:${c}\n127.0.0.1:${d} replica-of 127.0.0.1:${b}\n`);
    writeFileSync(config, 'bind 127.0.0.1\ncluster-node-timeout 2000\nrepl-diskless-sync-delay 0\n');
    for (const port of ports) pidFiles.push(join(data, String(port), 'shoal.pid'));
    // What is there from earlier is not lost.
    mkdirSync(join(data, String(a)), { recursive: true });
    writeFileSync(join(data, String(a), 'redis.conf'), 'maxmemory 5mb\n');

    const { path, calls } = fakeSsh();
    const args = ['--hosts', hosts, '--yes', '--no-systemd', '--dir', data, '--server', SERVER, '--config', config];
    const first = await upHosts(path, args);
    expect(first.output).toContain('[OK] All 16384 slots covered.');
    expect(first.code).toBe(0);
    expect(calls()).toEqual(ports.map(() => '127.0.0.1 sh -s'));
    const kept = readdirSync(join(data, String(a))).filter((name) => /^redis\.conf\.\d{8}-\d{6}$/.test(name));
    expect(kept.map((name) => readFileSync(join(data, String(a), name), 'utf8'))).toEqual(['maxmemory 5mb\n']);
    const pids = pidFiles.map(pidIn);

    const again = await upHosts(path, args);
    expect(again.output.split('It runs already.').length).toBe(5);
    expect(again.output).toContain('>>> These nodes already are this very cluster: there is nothing to change');
    expect(again.code).toBe(0);
    expect(pidFiles.map(pidIn)).toEqual(pids);

    const client = new Redis({ port: b as number, password: PASSWORD });
    // Slot 6657, which the second of three masters has.
    expect(await client.set('key:1', 'kept')).toBe('OK');
    client.disconnect();
    const withKeys = await upHosts(path, args);
    expect(withKeys.output).toContain('>>> The nodes are a cluster already: it is left as it is');
    expect(withKeys.code).toBe(0);

    const info = await trib(`call 127.0.0.1:${d} info replication`, { env: { SHOAL_AUTH: PASSWORD } });
    expect(info.out).toMatch(new RegExp(`master_host:127\\.0\\.0\\.1\\r?\\n *master_port:${b}\\b`));
  });

  it.each([
    ['--nodes 3', '--nodes cannot be used with --hosts'],
    ['--detach', '--detach cannot be used with --hosts'],
    ['--dir data', 'must be named from the root'],
  ])('refuses %s', async (option, error) => {
    const file = join(tempDir('trib-hosts-'), 'hosts.txt');
    writeFileSync(file, 'a\nb\nc\n');
    const { code, out } = await trib(`up --hosts ${file} ${option}`);
    expect({ code, told: out.includes(error) }).toEqual({ code: 1, told: true });
  });
});
