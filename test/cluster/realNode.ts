/** Real redis-server processes and real ClusterIo instances on 127.0.0.1, for tests of the bus on the wire. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { systemClock } from '../../src/base/clock.js';
import { Prng } from '../../src/base/prng.js';
import { nodesText } from '../../src/cluster/core/queries.js';
import {
  type ClusterHost,
  ClusterIo,
  type ClusterIoOptions,
  type ClusterSettings,
} from '../../src/cluster/io/clusterIo.js';
import { freePort } from '../support/ports.js';

export const NODE_TIMEOUT_MS = 1000;

/** Undefined when redis-server can be run, else why not. */
export function whyNoRedis(): string | undefined {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'redis-server is not on PATH';
  }
}

export function temporaryDirectory(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'shoal-cluster-'));
}

/** Waits for something that other processes have to do. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 20_000,
): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(50);
  }
}

export class RealRedis {
  readonly port: number;
  readonly directory = temporaryDirectory();
  #process: ChildProcess | undefined;
  client!: Redis;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<RealRedis> {
    const redis = new RealRedis(await freePort());
    await redis.start();
    return redis;
  }

  async start(): Promise<void> {
    const options: Record<string, string | number> = {
      port: this.port,
      bind: '127.0.0.1',
      dir: this.directory,
      'cluster-enabled': 'yes',
      'cluster-node-timeout': NODE_TIMEOUT_MS,
      'cluster-require-full-coverage': 'no',
      save: '',
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.#process = spawn('redis-server', args, { stdio: 'ignore' });
    this.client = new Redis({ port: this.port, host: '127.0.0.1', retryStrategy: () => 50 });
    this.client.on('error', () => {});
    await eventually('redis-server answers', async () => (await this.client.ping().catch(() => '')) === 'PONG');
  }

  async cluster(...args: (string | number)[]): Promise<string> {
    return String(await this.client.call('cluster', ...args));
  }

  /** The line of CLUSTER NODES about that id; '' when it is unknown. */
  async sees(id: string): Promise<string> {
    const text = await this.cluster('nodes');
    return text.split('\n').find((line) => line.startsWith(id)) ?? '';
  }

  async kill(): Promise<void> {
    this.client.disconnect();
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  }

  async remove(): Promise<void> {
    await this.kill();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

export class OurNode {
  readonly port: number;
  readonly directory = temporaryDirectory();
  readonly log: string[] = [];
  readonly settings: { -readonly [K in keyof ClusterSettings]: ClusterSettings[K] };
  fatal: string | undefined;
  io!: ClusterIo;

  constructor(port: number) {
    this.port = port;
    this.settings = {
      nodeTimeoutMs: NODE_TIMEOUT_MS,
      requireFullCoverage: false,
      allowReplicaMigration: true,
      replicaNoFailover: false,
      replicaValidityFactor: 10,
      pingReplicaPeriodMs: 10_000,
      migrationBarrier: 1,
      announceIp: '',
      announceHostname: '',
      announcedPort: port,
      announcedPlainPort: 0,
      announcedBusPort: port + 10_000,
      linkSendBufferLimitBytes: 0,
    };
  }

  get path(): string {
    return path.join(this.directory, 'nodes.conf');
  }

  get id(): string {
    return this.io.core.myself.id;
  }

  options(): ClusterIoOptions {
    const host: ClusterHost = {
      countKeysInSlot: () => 0,
      isDatabaseEmpty: () => true,
      replicationOffset: () => 0,
      masterSilentMs: () => 0,
      masterLinkUp: () => true,
      follow: (ip, port) => this.log.push(`follow ${ip}:${port}`),
      unfollow: (flush) => this.log.push(`unfollow ${flush}`),
      pauseWrites: (forMs) => this.log.push(`pause ${forMs}`),
      resumeWrites: () => this.log.push('resume'),
      log: (_, text) => this.log.push(text),
      stateChanged: () => {},
      configurationChanged: () => {},
      dropSlots: () => {},
      published: (channel, message) => this.log.push(`published ${Buffer.from(channel)} ${Buffer.from(message)}`),
      fatal: (text) => {
        this.fatal = text;
      },
    };
    return {
      nodesConfPath: this.path,
      nodesConfName: 'nodes.conf',
      bindAddresses: ['127.0.0.1', '-::1'],
      busPort: this.port + 10_000,
      settings: this.settings,
      clock: systemClock,
      random: new Prng(this.port),
      host,
    };
  }

  async start(): Promise<void> {
    const io = await ClusterIo.open(this.options());
    if ('error' in io) throw new Error(io.error);
    this.io = io;
  }

  sees(id: string): string {
    return (
      nodesText(this.io.core)
        .split('\n')
        .find((line) => line.startsWith(id)) ?? ''
    );
  }

  async remove(): Promise<void> {
    await this.io?.close();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}
