/** `npm start`: a cluster on this machine in one command. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Cluster } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { freePorts } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { ask, type Daemon, launch, processRuns, REPOSITORY, TRIB, until } from './support/daemon.js';

const SCRIPT = join(REPOSITORY, 'scripts/start.mjs');
const started: { readonly daemon: Daemon; readonly dir: string }[] = [];

afterEach(async () => {
  for (const { daemon, dir } of started.splice(0)) {
    // By SIGTERM: its nodes are processes of their own.
    await daemon.end('SIGTERM');
    // What a killed one has left behind.
    if (existsSync(join(dir, 'cluster.json'))) {
      await launch([TRIB, 'down', '--dir', dir], { program: process.execPath }).ending;
    }
  }
});

function npmStart(dir: string, ...args: string[]): Daemon {
  return start(dir, [SCRIPT, '--dir', dir, ...args]);
}

/** The same without the look whether everything is built. */
function tribUp(dir: string, ...args: string[]): Daemon {
  return start(dir, [TRIB, 'up', '--dir', dir, ...args]);
}

function start(dir: string, argv: string[]): Daemon {
  const daemon = launch(argv, { program: process.execPath, cwd: REPOSITORY });
  started.push({ daemon, dir });
  return daemon;
}

async function pidsOf(ports: readonly number[]): Promise<number[]> {
  const infos = await Promise.all(ports.map((port) => ask(port, 'INFO', 'server')));
  return infos.map((info) => Number(/process_id:(\d+)/.exec(info)?.[1]));
}

function connect(port: number): Cluster {
  const cluster = new Cluster([{ host: '127.0.0.1', port }]);
  cluster.on('error', () => undefined);
  return cluster;
}

const MASTER = /^ +\d+ +127\.0\.0\.1:(\d+) +\d+ +master +(\d+)-(\d+) \((\d+) slots\) +\d+ +ok +[0-9a-f]{40}$/gm;
const REPLICA = /^ +\d+ +127\.0\.0\.1:(\d+) +\d+ +replica of 127\.0\.0\.1:(\d+) .* [0-9a-f]{40}$/gm;

describe('npm start', () => {
  it('runs three masters with replicas, shows them and how to connect, ends them on Ctrl-C and finds its data the next time', async () => {
    const ports = await freePorts(6);
    const [port] = ports as [number];
    const dir = tempDir('shoal-start-');
    const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`);

    const first = npmStart(dir, '--port', String(port));
    await first.prints('The cluster is up');
    await first.prints(`redis-cli -c -p ${port}`);
    await first.prints('Press Ctrl-C');
    const masters = [...first.output.matchAll(MASTER)];
    expect(masters.map((row) => Number(row[1]))).toEqual(ports.slice(0, 3));
    expect(masters.reduce((sum, row) => sum + Number(row[4]), 0)).toBe(16384);
    const replicas = [...first.output.matchAll(REPLICA)];
    expect(replicas.map((row) => Number(row[1])).sort()).toEqual(ports.slice(3));
    expect(replicas.map((row) => Number(row[2]))).toEqual(ports.slice(0, 3));
    expect(first.output).toContain(dir);

    const cluster = connect(port);
    await Promise.all(keys.map((key) => cluster.set(key, `value of ${key}`)));
    cluster.disconnect();
    const pids = await pidsOf(ports);
    expect(pids.every(processRuns)).toBe(true);
    expect(await first.end('SIGINT')).toEqual({ code: 0, signal: null });
    expect(first.output).toContain('All nodes ended');
    expect(pids.filter(processRuns)).toEqual([]);
    expect(readdirSync(dir).sort()).toEqual([...ports.map(String), 'cluster.json'].sort());

    const second = npmStart(dir);
    await second.prints('Press Ctrl-C');
    expect(second.output).not.toContain('Joining');
    const again = connect(port);
    expect(await Promise.all(keys.map((key) => again.get(key)))).toEqual(keys.map((key) => `value of ${key}`));
    again.disconnect();
    const secondPids = await pidsOf(ports);
    expect(await second.end('SIGINT')).toEqual({ code: 0, signal: null });
    expect(secondPids.filter(processRuns)).toEqual([]);
  });
});

describe('trib up, which npm start runs,', () => {
  it('says which port is taken, be it a bus port, and starts nothing', async () => {
    const ports = await freePorts(3);
    const [first, second, third] = ports as [number, number, number];
    const dir = join(tempDir('shoal-start-'), 'data');
    const holders = [createServer().listen(second, '127.0.0.1'), createServer().listen(third + 10_000, '127.0.0.1')];
    await Promise.all(holders.map((holder) => new Promise((resolve) => holder.once('listening', resolve))));
    try {
      const daemon = tribUp(dir, '--port', String(first), '--nodes', '3');
      expect(await daemon.ending).toEqual({ code: 1, signal: null });
      expect(daemon.output).toContain(
        `In use on 127.0.0.1 already: port ${second}, port ${third + 10_000} (the cluster bus of ${third}).`,
      );
      expect(existsSync(dir)).toBe(false);
    } finally {
      for (const holder of holders) holder.close();
    }
  });

  it('tells when a node dies and its replica takes over; killed itself, it finds the nodes that it has left', async () => {
    const ports = await freePorts(6);
    const dir = tempDir('shoal-start-');
    const config = join(dir, 'quick.conf');
    writeFileSync(config, 'cluster-node-timeout 3000\n');
    const daemon = tribUp(dir, '--port', String(ports[0]), '--config', config);
    await daemon.prints('Press Ctrl-C');
    const [, , , , replica] = ports;
    expect(daemon.output).toMatch(new RegExp(`127.0.0.1:${replica} .*replica of 127.0.0.1:${ports[0]}`));
    await until('the replica has the data of its master', async () =>
      (await ask(replica as number, 'INFO', 'replication')).includes('master_link_status:up'),
    );
    const pids = await pidsOf(ports);
    process.kill(pids[0] as number, 'SIGKILL');
    await daemon.prints(`The node 127.0.0.1:${ports[0]} ended by SIGKILL. Its log (`);
    await daemon.prints(/^127\.0\.0\.1:\d+ took over: it is the master of slots 0-5460 now\.$/m);

    await daemon.end('SIGKILL');
    expect(pids.slice(1).every(processRuns)).toBe(true);
    const next = tribUp(dir);
    await next.prints('Running already, and taken over as they are:');
    await next.prints(`Starting 127.0.0.1:${ports[0]} ...`);
    await next.prints('Press Ctrl-C');
    const nextPids = await pidsOf(ports);
    expect(nextPids.slice(1)).toEqual(pids.slice(1));
    expect(await next.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(nextPids.filter(processRuns)).toEqual([]);
  });
});
