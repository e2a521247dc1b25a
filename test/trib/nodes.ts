/** Real server processes for the tests of trib, and a way to run trib in this process. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { describe } from 'vitest';
import { runTrib } from '../../src/trib/cli.js';
import { freePort } from '../support/ports.js';
import { withoutWaiting } from '../support/transcript.js';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const START_TIMEOUT_MS = 30_000;

/** A server that can be a node. */
export interface ServerKind {
  readonly name: 'shoal' | 'redis';
  readonly executable: string;
  /** Why it cannot run here; undefined when it can. */
  readonly missing: string | undefined;
}

/** Our own server, as built in dist/. It is always there: a test run without a build is to fail. */
export const SHOAL: ServerKind = {
  name: 'shoal',
  // SHOAL_SERVER names another build's start file, as in all tests.
  executable: process.env.SHOAL_SERVER ?? join(REPOSITORY, 'bin/shoal-server'),
  missing: undefined,
};

export const REDIS: ServerKind = {
  name: 'redis',
  executable: 'redis-server',
  missing: onPath('redis-server') ? undefined : 'there is no redis-server on PATH',
};

/** SHOAL_TRIB_SERVER=shoal (or redis) leaves the other one out. */
const ONLY = process.env.SHOAL_TRIB_SERVER;
if (ONLY !== undefined && ONLY !== 'shoal' && ONLY !== 'redis') {
  throw new Error(`SHOAL_TRIB_SERVER must be shoal or redis, not '${ONLY}'`);
}

/**
 * The same specification for each server, under `SERVER: title`. What cannot run (a server that is missing, or `unless`
 * gives a reason) is skipped aloud.
 */
export function describeServers(title: string, specify: (server: ServerKind) => void, unless?: string): void {
  for (const server of [SHOAL, REDIS]) {
    if (ONLY !== undefined && server.name !== ONLY) continue;
    const reason = server.missing ?? unless;
    skipAloud(`${server.name}: ${title}`, reason);
    describe.skipIf(reason !== undefined)(`${server.name}: ${title}`, () => specify(server));
  }
}

/** Says that `what` is skipped, if there is a reason. */
export function skipAloud(what: string, reason: string | undefined): void {
  if (reason !== undefined) console.warn(`SKIPPED: ${what}, because ${reason}`);
}

/** Whether a program that knows `--version` is on PATH. */
export function onPath(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

export interface TestNode {
  readonly server: ServerKind;
  readonly host: string;
  readonly port: number;
  /** `host:port`, as trib takes it. */
  readonly address: string;
  call(...args: string[]): Promise<unknown>;
  /** Ends the process at once; {@link start} brings it back with what it has on disk. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a cluster node on free ports and waits until it answers. `directives` win over the usual ones. */
export async function startNode(server: ServerKind, directives: Record<string, string> = {}): Promise<TestNode> {
  const dir = await mkdtemp(join(tmpdir(), 'trib-node-'));
  const port = Number(directives.port ?? (await freePort()));
  const all: Record<string, string> = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    'cluster-enabled': 'yes',
    'cluster-node-timeout': '1000',
    save: '',
    // A master waits for no further replicas before it sends its data.
    'repl-diskless-sync-delay': '0',
    appendonly: 'no',
    ...directives,
  };
  const argv = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  let child = await spawnServer(server, argv, dir);
  // A test run that breaks off must not leave servers behind.
  const cleanUp = (): void => {
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);
  const host = all.bind === '0.0.0.0' ? '127.0.0.1' : all.bind;
  const redis = new Redis({ host, port, lazyConnect: true, enableReadyCheck: false, retryStrategy: () => 20 });
  redis.on('error', () => {});
  redis.connect().catch(() => {});
  await waitUntilUp(redis, child, join(dir, 'log'));
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    server,
    host,
    port,
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    call: (command, ...args) => redis.call(command, args),
    kill,
    async start() {
      child = await spawnServer(server, argv, dir);
      await waitUntilUp(redis, child, join(dir, 'log'));
    },
    async stop() {
      redis.disconnect();
      process.removeListener('exit', cleanUp);
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function spawnServer(server: ServerKind, argv: readonly string[], dir: string): Promise<ChildProcess> {
  const log = await open(join(dir, 'log'), 'a');
  const child = spawn(server.executable, argv, { stdio: ['ignore', log.fd, log.fd] });
  await log.close();
  return child;
}

async function waitUntilUp(redis: Redis, child: ChildProcess, logFile: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    // Any reply will do: a node with a password answers with an error.
    const answer = await redis.call('PING').catch((error: Error) => (error.name === 'ReplyError' ? 'up' : undefined));
    if (answer !== undefined) return;
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the node did not start: ${await readFile(logFile, 'utf8').catch(() => 'no log')}`);
    }
    await sleep(20);
  }
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
  readonly onCommand?: ((node: string, args: readonly string[]) => void) | undefined;
}

/** Runs trib in this process. Arguments are given as on a command line, divided by spaces. */
export async function trib(commandLine: string, input: TribInput = {}): Promise<TribRun> {
  // All of it is read at the end.
  const [stdout, stderr] = [1, 2].map(() => new PassThrough({ highWaterMark: 2 ** 30 }));
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
  return withoutWaiting(result);
}

/** What each node believes, a sorted list of lines without the times of the last pings. */
export async function viewsOf(nodes: readonly TestNode[]): Promise<string[][]> {
  return await Promise.all(
    nodes.map(async (node) => {
      const lines = String(await node.call('CLUSTER', 'NODES'))
        .trim()
        .split('\n');
      return lines.map((line) => line.split(' ').toSpliced(4, 2).join(' ')).sort();
    }),
  );
}

/** The config epochs in one of {@link viewsOf}. */
export function epochsIn(view: readonly string[]): number[] {
  return view.map((line) => Number(line.split(' ')[4])).sort();
}

/**
 * Stops trib in front of the command for which `stop` holds; `changes` counts the commands that change something, that
 * one included.
 */
export function interrupt(stop: (args: readonly string[], changes: number) => boolean): TribInput['onCommand'] {
  let changes = 0;
  return (_, args) => {
    if (isChange(args)) changes++;
    if (stop(args, changes)) throw new Error('interrupted by the test');
  };
}

/** Whether a command changes a cluster. */
export function isChange(args: readonly string[]): boolean {
  const subcommands =
    /^(ADDSLOTS|DELSLOTS|SETSLOT|SET-CONFIG-EPOCH|BUMPEPOCH|MIGRATESLOTS|MEET|REPLICATE|FORGET|RESET|FAILOVER|RESTORE|SET|REWRITE)$/;
  return args[0] === 'MIGRATE' || (/^(CLUSTER|FUNCTION|CONFIG)$/.test(args[0]) && subcommands.test(args[1] ?? ''));
}

/** Waits until `holds` does, or fails the test with what it was about. */
export async function waitUntil(what: string, holds: () => Promise<boolean>, timeoutMs = 50_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await sleep(50);
  }
}
