/** A local cluster in the background, and the commands that other shells have for it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import type { ClusterJson } from '../../src/trib/local/table.js';
import { launch, processRuns, TRIB } from '../e2e/support/daemon.js';
import { freePorts } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { interrupt, type TribRun, trib } from './nodes.js';

const dirs: string[] = [];

afterEach(async () => {
  for (const dir of dirs.splice(0)) if (existsSync(join(dir, 'cluster.json'))) await trib(`down --dir ${dir}`);
});

function newDir(): string {
  const dir = tempDir('trib-local-');
  dirs.push(dir);
  return dir;
}

async function statusOf(dir: string): Promise<ClusterJson & { code: number }> {
  const { code, out } = await trib(`status --json --dir ${dir}`);
  return { ...(JSON.parse(out) as { result: ClusterJson }).result, code };
}

async function ask(port: number | undefined, command: string, ...args: string[]): Promise<unknown> {
  const client = new Redis({ port: port as number, password: 'open sesame' });
  try {
    return await client.call(command, args);
  } finally {
    client.disconnect();
  }
}

describe('a cluster in the background', () => {
  it('is looked at, killed in part, restarted and ended from elsewhere', async () => {
    const [dir, ports] = [newDir(), await freePorts(3)];
    const config = join(dir, 'my.conf');
    writeFileSync(config, 'requirepass "open sesame"\nport 1\nmaxmemory 50mb\ncluster-node-timeout 60000\n');
    const inDir = (command: string): Promise<TribRun> => trib(`${command} --dir ${dir}`);

    const up = await inDir(`up --detach --nodes 3 --port ${ports[0]} --config ${config}`);
    expect(up.out).toContain(`[WARNING] Each node gets its own of these lines of ${config}: port.\n`);
    expect(up.out).toContain(`npx trib status | logs | kill NODE | restart NODE | down --dir ${dir}\n`);
    expect(up.code).toBe(0);
    const first = await statusOf(dir);
    expect(first).toMatchObject({ code: 0, state: 'ok', watcher: null });
    expect(first.nodes.map(({ address }) => address)).toEqual(ports.map((port) => `127.0.0.1:${port}`));
    const pids = first.nodes.map(({ pid }) => pid as number);
    expect(pids.every(processRuns)).toBe(true);
    // Nobody reads the password off a list of processes.
    expect(pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')).join()).not.toContain('sesame');

    const again = await inDir('up --detach');
    expect(again).toMatchObject({
      code: 0,
      out: expect.stringContaining('Running already, and taken over as they are'),
    });
    const refused = await inDir('up --detach --nodes 6');
    expect(refused).toMatchObject({ code: 1, out: expect.stringContaining('--nodes 6 (it has 3)') });
    expect((await statusOf(dir)).nodes.map(({ pid }) => pid)).toEqual(pids);

    await ask(ports[1], 'CONFIG', 'SET', 'maxmemory', '60mb');
    await ask(ports[1], 'CONFIG', 'REWRITE');
    expect((await inDir('kill 1')).out).toContain(`Killed 127.0.0.1:${ports[1]} (pid ${pids[1]})`);
    expect(processRuns(pids[1] as number)).toBe(false);
    const holed = await statusOf(dir);
    expect(holed).toMatchObject({ code: 1, state: 'fail' });
    expect(holed.nodes[1]).toMatchObject({ pid: null, role: null, id: first.nodes[1]?.id });
    expect(await inDir('kill 1')).toMatchObject({ code: 1, out: `[ERR] 127.0.0.1:${ports[1]} does not run.\n` });

    const restarted = await inDir(`restart ${first.nodes[1]?.id?.slice(0, 8)}`);
    expect(restarted.out).toContain('redis.conf is as CONFIG REWRITE left it.');
    expect(restarted.out).toContain(`Started 127.0.0.1:${ports[1]} (pid `);
    expect(await ask(ports[1], 'CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', String(60 << 20)]);
    expect(await ask(ports[0], 'CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', String(50 << 20)]);
    expect((await inDir(`restart ${ports[0]}`)).out).toContain(`Restarted 127.0.0.1:${ports[0]} (pid `);

    const down = await inDir('down');
    expect(down).toMatchObject({ code: 0, out: `Ended 3 nodes. The data stays in ${dir}.\n` });
    expect(await statusOf(dir)).toMatchObject({ code: 1, state: 'down' });
    expect((await inDir('down')).out).toBe('No node was running.\n');
  });

  it('shows its logs, and goes on as they grow', async () => {
    const [dir, ports] = [newDir(), await freePorts(3)];
    expect((await trib(`up --detach --nodes 3 --port ${ports[0]} --dir ${dir}`)).code).toBe(0);
    const all = (await trib(`logs -n 2 --dir ${dir}`)).out.trimEnd().split('\n');
    expect(all.map((line) => line.slice(0, 8))).toEqual(ports.flatMap((port) => [`${port} | `, `${port} | `]));
    const one = (await trib(`logs 2 -n 1 --dir ${dir}`)).out;
    expect(one).toMatch(/^\d+:M .*\n$/);

    const follower = launch([TRIB, 'logs', '-f', '--dir', dir], { program: process.execPath });
    await follower.prints(all[0] as string);
    expect((await trib(`down --dir ${dir}`)).code).toBe(0);
    for (const port of ports) await follower.prints(new RegExp(`^${port} \\| .*Received SIGTERM`, 'm'));
    expect(await follower.end('SIGINT')).toEqual({ code: 0, signal: null });
  });

  it('whose first start broke off is joined by the next one', async () => {
    const [dir, ports] = [newDir(), await freePorts(3)];
    const config = join(dir, 'my.conf');
    writeFileSync(config, 'cluster-node-timeout 2000\n');
    const onCommand = interrupt((args) => args[1] === 'MEET');
    const broken = await trib(`up --detach --nodes 3 --port ${ports[0]} --dir ${dir} --config ${config}`, {
      onCommand,
    });
    expect(broken).toMatchObject({ code: 1, out: expect.stringContaining('[ERR] interrupted by the test\n') });
    expect(await statusOf(dir)).toMatchObject({ state: 'down' });
    const up = await trib(`up --detach --dir ${dir}`);
    expect(up).toMatchObject({ code: 0, out: expect.stringContaining('Joining them into a cluster ...\n') });
    expect(await statusOf(dir)).toMatchObject({ code: 0, state: 'ok' });
  });

  it('does not start with a configuration that a node refuses, and shows what the node says', async () => {
    const [dir, ports] = [newDir(), await freePorts(3)];
    const config = join(dir, 'my.conf');
    writeFileSync(config, 'maxmemory plenty\n');
    const { code, out } = await trib(`up --detach --nodes 3 --port ${ports[0]} --dir ${dir} --config ${config}`);
    expect(code).toBe(1);
    expect(out).toContain('[ERR] These nodes ended:\n');
    expect(out).toContain("'maxmemory plenty'");
    expect(await statusOf(dir)).toMatchObject({ state: 'down' });
    const without = await trib(`up --detach --dir ${dir} --config ${config}.none`);
    expect(without).toMatchObject({ code: 1, out: expect.stringContaining('which is not there') });
  });
});

describe('the command line', () => {
  it.each(['up', 'down', 'status', 'logs', 'kill', 'restart'])(
    '%s has a summary, examples and --json',
    async (name) => {
      expect((await trib('help')).out).toMatch(new RegExp(`^  ${name} `, 'm'));
      const { code, out } = await trib(`${name} --help`);
      expect(code).toBe(0);
      expect(out).toMatch(new RegExp(`\nExamples:\n  trib ${name}`));
      expect(out).toContain('--json ');
    },
  );

  it.each(['down', 'status', 'logs', 'kill 0', 'restart 0'])('%s says where there is no cluster', async (command) => {
    const dir = tempDir('trib-local-');
    const { code, out } = await trib(`--json ${command} --dir ${dir}`);
    expect(code).toBe(1);
    expect(JSON.parse(out).errors[0].message).toBe(
      `There is no local cluster in ${dir}: start one with trib up, or name its folder with --dir.`,
    );
  });
});

describe('a cluster in the foreground', () => {
  it('is ended from elsewhere, is not started twice, and tells what is done to it', async () => {
    const [dir, ports] = [newDir(), await freePorts(3)];
    const daemon = launch([TRIB, 'up', '--nodes', '3', '--port', String(ports[0]), '--dir', dir], {
      program: process.execPath,
    });
    await daemon.prints('Press Ctrl-C');
    expect((await statusOf(dir)).watcher).toBe(daemon.pid);
    const second = await trib(`up --dir ${dir}`);
    expect(second).toMatchObject({ code: 1, out: expect.stringContaining(`Another trib up (pid ${daemon.pid})`) });
    await trib(`kill 2 --dir ${dir}`);
    await daemon.prints(`127.0.0.1:${ports[2]} was ended by trib kill.`);
    await trib(`restart 2 --dir ${dir}`);
    await daemon.prints(`127.0.0.1:${ports[2]} runs again (pid `);
    expect((await trib(`down --dir ${dir}`)).out).toContain('Ended 3 nodes.');
    expect(await daemon.ending).toEqual({ code: 0, signal: null });
    expect(existsSync(join(dir, 'watcher.json'))).toBe(false);
  });

  it('ends on Ctrl-C while it starts', async () => {
    const [dir, ports] = [newDir(), await freePorts(3)];
    const daemon = launch([TRIB, 'up', '--nodes', '3', '--port', String(ports[0]), '--dir', dir], {
      program: process.execPath,
    });
    await daemon.prints('Starting 3 nodes ...');
    expect(await daemon.end('SIGINT')).toEqual({ code: 0, signal: null });
    expect(await statusOf(dir)).toMatchObject({ state: 'down' });
  });
});
