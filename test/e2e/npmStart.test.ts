/** `npm start`: a cluster on this machine in one command. */
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Cluster } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { tempDir } from '../support/process.js';
import { clusterPorts } from './support/cluster.js';
import { ask, type Daemon, launch, processRuns, REPOSITORY, until } from './support/daemon.js';

const SCRIPT = join(REPOSITORY, 'scripts/start.mjs');
const started: Daemon[] = [];

afterEach(async () => {
  // By SIGTERM: its nodes are processes of their own, which only it knows.
  await Promise.all(started.splice(0).map((daemon) => daemon.end('SIGTERM')));
});

function npmStart(...args: string[]): Daemon {
  const daemon = launch([SCRIPT, ...args], { program: process.execPath, cwd: REPOSITORY });
  started.push(daemon);
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

describe('npm start', () => {
  it('runs six nodes, shows them and how to connect, ends them on Ctrl-C and finds its data the next time', async () => {
    const ports = await clusterPorts(6);
    const [port] = ports as [number];
    const dir = tempDir('shoal-start-');
    const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`);

    const first = npmStart('--port', String(port), '--dir', dir, '--nodes', '6');
    await first.prints('The cluster is up');
    await first.prints(`redis-cli -c -p ${port}`);
    await first.prints('Press Ctrl-C');
    const table = [...first.output.matchAll(/^ +127\.0\.0\.1:(\d+) +(\d+)-(\d+) +(\d+) slots +([0-9a-f]{40})$/gm)];
    expect(table.map((row) => Number(row[1]))).toEqual(ports);
    expect(table.reduce((sum, row) => sum + Number(row[4]), 0)).toBe(16384);
    expect(first.output).toContain(dir);

    const cluster = connect(port);
    await Promise.all(keys.map((key) => cluster.set(key, `value of ${key}`)));
    cluster.disconnect();
    const pids = await pidsOf(ports);
    expect(pids.every(processRuns)).toBe(true);
    expect(await first.end('SIGINT')).toEqual({ code: 0, signal: null });
    expect(first.output).toContain('All nodes ended');
    expect(pids.filter(processRuns)).toEqual([]);
    expect(readdirSync(dir).sort()).toEqual(ports.map(String).sort());

    const second = npmStart('--port', String(port), '--dir', dir, '--nodes', '6');
    await second.prints('The cluster is up');
    expect(second.output).not.toContain('Joining');
    const again = connect(port);
    expect(await Promise.all(keys.map((key) => again.get(key)))).toEqual(keys.map((key) => `value of ${key}`));
    again.disconnect();
    const secondPids = await pidsOf(ports);
    expect(await second.end('SIGINT')).toEqual({ code: 0, signal: null });
    expect(secondPids.filter(processRuns)).toEqual([]);
  });

  it('says which port is taken, and starts nothing', async () => {
    const ports = await clusterPorts(3);
    const dir = join(tempDir('shoal-start-'), 'data');
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(ports[1], '127.0.0.1', resolve));
    try {
      const daemon = npmStart('--port', String(ports[0]), '--dir', dir, '--nodes', '3');
      expect(await daemon.ending).toEqual({ code: 1, signal: null });
      expect(daemon.output).toContain(`In use on 127.0.0.1 already: port ${ports[1]}`);
      expect(existsSync(dir)).toBe(false);
    } finally {
      holder.close();
    }
  });

  it('tells when a node dies, and ends the others with the rest', async () => {
    const ports = await clusterPorts(3);
    const daemon = npmStart('--port', String(ports[0]), '--dir', tempDir('shoal-start-'), '--nodes', '3');
    await daemon.prints('The cluster is up');
    const pids = await pidsOf(ports);
    process.kill(pids[2] as number, 'SIGKILL');
    await daemon.prints(`The node 127.0.0.1:${ports[2]} ended`);
    expect(daemon.running).toBe(true);
    await daemon.end('SIGTERM');
    await until('no node is left', () => !pids.some(processRuns));
  });
});
