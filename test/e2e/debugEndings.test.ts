/** The DEBUG subcommands with which tests of clusters break a node, on our server and on Redis's. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import {
  type ClusterNode,
  endAfter,
  join,
  startNodes,
  type TestContext,
  untilFlagged,
  untilJoined,
} from './support/cluster.js';
import { ask, type Daemon, launch, plainArgs, until } from './support/daemon.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('DEBUG SEGFAULT and the like');

/** The kind of frame, as the header of a frame has it. */
const PING_FRAME = '0';
// A relative name would not be found again from the folder that it has changed to.
const redisServer = hasRedis ? execFileSync('which', ['redis-server'], { encoding: 'utf8' }).trim() : undefined;

const kinds: { name: string; program: string | undefined }[] = [{ name: 'ours', program: undefined }];
if (hasRedis) kinds.push({ name: 'redis-server', program: redisServer });

describe.each(kinds)('$name', { concurrent: true }, ({ program }) => {
  /** A server that writes everything down, and may be debugged. */
  async function serve(test: TestContext): Promise<{ daemon: Daemon; port: number }> {
    const port = await freePort();
    const more = [
      '--enable-debug-command',
      'yes',
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
      '--dir',
      tempDir(),
    ];
    const daemon = launch(plainArgs(port, more), program === undefined ? {} : { program });
    test.onTestFinished(async () => {
      // What started again in its place: with Node.js, which cannot exec, another process, with the same output.
      const pid = await processId(port).catch(() => 0);
      if (pid > 0) process.kill(pid, 'SIGKILL');
      await daemon.end();
    });
    await daemon.ready();
    return { daemon, port };
  }

  /** Sends what ends the server; there is no answer. */
  async function say(port: number, ...args: string[]): Promise<void> {
    const client = await RawClient.connect(port);
    client.send(...args);
    expect(await client.read(20_000)).toEqual({ type: 'closed' });
  }

  async function processId(port: number): Promise<number> {
    return Number(/process_id:(\d+)/.exec(await ask(port, 'INFO', 'server'))?.[1]);
  }

  it('ends by the signal with DEBUG SEGFAULT', async (test) => {
    const { daemon, port } = await serve(test);
    await say(port, 'DEBUG', 'SEGFAULT');
    expect(await daemon.ending).toEqual({ code: null, signal: 'SIGSEGV' });
  });

  it.for(['RESTART', 'CRASH-AND-RECOVER'])('is back with its data after DEBUG %s', async (how, test) => {
    const { daemon, port } = await serve(test);
    await ask(port, 'SET', 'k', 'v');
    await say(port, 'DEBUG', how);
    await until('it serves again', async () => (await ask(port, 'GET', 'k').catch(() => '')) === 'v');
    if (how === 'RESTART') expect(daemon.output).toContain('User requested shutdown');
    else expect(daemon.output).not.toContain('User requested shutdown');
  });

  it('stays away for as long as DEBUG RESTART says', async (test) => {
    const { port } = await serve(test);
    await say(port, 'DEBUG', 'RESTART', '1500');
    const gone = performance.now();
    await until('it serves again', async () => (await ask(port, 'PING').catch(() => '')) === 'PONG');
    expect(performance.now() - gone).toBeGreaterThan(1400);
  });

  it('in a cluster, hears nothing of a kind of frame with DEBUG DROP-CLUSTER-PACKET-FILTER', async (test) => {
    const nodes = endAfter(test, await startNodes(2, { program, more: ['--enable-debug-command', 'yes'] }));
    await join(nodes);
    const [a, b] = nodes as [ClusterNode, ClusterNode];
    const id = await b.id();
    // No ping, and no answer to one: nothing is heard any more.
    for (const node of nodes) await node.ask('DEBUG', 'DROP-CLUSTER-PACKET-FILTER', PING_FRAME);
    await untilFlagged(a, id, 'fail?');
    for (const node of nodes) await node.ask('DEBUG', 'DROP-CLUSTER-PACKET-FILTER', '-1');
    await untilJoined(nodes);
  });
});
