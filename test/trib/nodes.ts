/** Real server processes for the tests of trib, and a way to run trib in this process. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { runTrib } from '../../src/trib/cli.js';

/** SHOAL_TRIB_SERVER=shoal runs the same tests against our own server (as built in dist/). */
const KIND = process.env.SHOAL_TRIB_SERVER ?? 'redis';
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const START_TIMEOUT_MS = 8_000;

export const SERVER: string = KIND === 'shoal' ? join(REPOSITORY, 'bin/shoal-server') : 'redis-server';

/** Why the tests that need servers cannot run here; undefined when they can. */
export const serverMissing: string | undefined = findMissing();

function findMissing(): string | undefined {
  if (KIND === 'shoal') return existsSync(join(REPOSITORY, 'dist')) ? undefined : 'dist/ is missing: npm run build';
  try {
    execFileSync('redis-server', ['--version']);
    return undefined;
  } catch {
    return 'there is no redis-server on PATH';
  }
}

export interface TestNode {
  readonly host: string;
  readonly port: number;
  /** `host:port`, as trib takes it. */
  readonly address: string;
  call(...args: string[]): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts a cluster node on free ports and waits until it answers. `directives` win over the usual ones. */
export async function startNode(directives: Record<string, string> = {}): Promise<TestNode> {
  const dir = await mkdtemp(join(tmpdir(), 'trib-node-'));
  const port = Number(directives.port ?? (await findFreePort()));
  const all: Record<string, string> = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    'cluster-enabled': 'yes',
    'cluster-node-timeout': '1500',
    save: '',
    appendonly: 'no',
    logfile: join(dir, 'log'),
    ...directives,
  };
  const argv = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(SERVER, argv, { stdio: 'ignore' });
  // A test run that breaks off must not leave servers behind.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const host = all.bind === '0.0.0.0' ? '127.0.0.1' : all.bind;
  const redis = new Redis({ host, port, lazyConnect: true, enableReadyCheck: false, retryStrategy: () => 20 });
  redis.on('error', () => {});
  await waitUntilUp(redis, child, join(dir, 'log'));
  return {
    host,
    port,
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    call: (command, ...args) => redis.call(command, args),
    async stop() {
      redis.disconnect();
      process.removeListener('exit', kill);
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function waitUntilUp(redis: Redis, child: ChildProcess, logFile: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  redis.connect().catch(() => {});
  for (;;) {
    // Any reply will do: a node with a password answers with an error.
    const answer = await redis.call('PING').catch((error: Error) => (error.name === 'ReplyError' ? 'up' : undefined));
    if (answer !== undefined) return;
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${SERVER} did not start: ${await readFile(logFile, 'utf8').catch(() => 'no log')}`);
    }
    await sleep(20);
  }
}

/** A port on which nobody listens, with a free bus port 10000 above it. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 30000);
    if ((await isFree(port)) && (await isFree(port + 10000))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}

/** Empties nodes and makes them strangers to each other again, with new ids. */
export async function resetNodes(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      // A replica refuses FLUSHALL; the reset empties it.
      await node.call('FLUSHALL').catch(() => undefined);
      await node.call('CLUSTER', 'RESET', 'HARD');
    }),
  );
}

export interface TribRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface TribInput {
  /** What standard input holds before it ends. */
  readonly stdin?: string;
  readonly env?: Record<string, string>;
  readonly isTty?: boolean;
  readonly onCommand?: (node: string, args: readonly string[]) => void;
}

/** Runs trib in this process. Arguments are given as on a command line, divided by spaces. */
export async function trib(commandLine: string, input: TribInput = {}): Promise<TribRun> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const { onCommand } = input;
  const code = await runTrib(commandLine.split(' ').filter(Boolean), {
    stdin: Readable.from(input.stdin === undefined ? [] : [input.stdin]),
    stdout,
    stderr,
    env: input.env ?? {},
    isTty: input.isTty ?? false,
    ...(onCommand && { onCommand }),
  });
  return { code, out: textOf(stdout), err: textOf(stderr) };
}

function textOf(stream: PassThrough): string {
  return (stream.read() as Buffer | null)?.toString() ?? '';
}

/** Node ids and ports become `<id 1>` and `<port 1>` in the order of `nodes`, dots of waiting three. */
export async function normalise(text: string, nodes: readonly TestNode[]): Promise<string> {
  let result = text;
  for (const [i, node] of nodes.entries()) {
    const id = String(await node.call('CLUSTER', 'MYID'));
    result = result.replaceAll(id, `<id ${i + 1}>`).replaceAll(id.slice(0, 8), `<id ${i + 1}>`);
    result = result.replaceAll(`:${node.port}`, `:<port ${i + 1}>`);
  }
  return result.replace(/cluster to join\.*/g, 'cluster to join...');
}
