/** Nodes that die, hang, come back, and nodes.conf through all of it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { freePort, freePorts } from '../support/ports.js';
import {
  ClusterNode,
  endAfter,
  endNodes,
  join,
  parseNodeLine,
  startNodes,
  untilFlagged,
  untilJoined,
  untilState,
} from './support/cluster.js';
import { launch, ONLY_REDIS, until } from './support/daemon.js';

const SEED = Number(process.env.SHOAL_SEED ?? Date.now() % 1_000_000);
const KILLS = Number(process.env.SHOAL_KILLS ?? 8);

const program = ONLY_REDIS ? 'redis-server' : undefined;
describe.concurrent('a node of three', () => {
  it('that hangs is marked as failed by the others and comes back when it goes on', async (test) => {
    const nodes = endAfter(test, await startNodes(3, { program }));
    await join(nodes);
    const [first, second, victim] = nodes as [ClusterNode, ClusterNode, ClusterNode];
    const id = await victim.id();
    await first.ask('SET', '{06S}', 'v');
    victim.daemon.signal('SIGSTOP');
    try {
      await untilFlagged(first, id, 'fail');
      await untilFlagged(second, id, 'fail');
      await untilState([first, second], 'fail');
      expect(await first.ask('GET', '{06S}')).toBe('CLUSTERDOWN The cluster is down');
      expect(await first.ask('CLUSTER', 'INFO')).toContain('cluster_slots_fail:5462\r\n');
    } finally {
      victim.daemon.signal('SIGCONT');
    }
    await untilJoined(nodes);
    expect(await first.ask('GET', '{06S}')).toBe('v');
    // The one that was away agrees with the others about who owns what.
    const views = await Promise.all(nodes.map(async (node) => slotTable(node)));
    expect(views[2]).toEqual(views[0]);
  });

  it('that is cut off from the majority stops serving, and serves again after', async (test) => {
    const nodes = endAfter(test, await startNodes(3, { program }));
    await join(nodes);
    const [alone, second, third] = nodes as [ClusterNode, ClusterNode, ClusterNode];
    await Promise.all([second.end(), third.end()]);
    await untilState([alone], 'fail');
    expect(await alone.ask('SET', '{06S}', 'v')).toBe('CLUSTERDOWN The cluster is down');
    // Alone it may not call them failed: that takes a majority.
    const flags = (await alone.view()).flatMap((line) => line.flags);
    expect(flags).not.toContain('fail');
    expect(flags.filter((flag) => flag === 'fail?')).toHaveLength(2);
    await Promise.all([second.start(), third.start()]);
    await untilJoined(nodes);
    expect(await alone.ask('SET', '{06S}', 'v')).toBe('OK');
  });

  it('that is restarted under another address is found again by its id', async (test) => {
    const nodes = endAfter(test, await startNodes(3, { program }));
    await join(nodes);
    const [first, , victim] = nodes as [ClusterNode, ClusterNode, ClusterNode];
    const id = await victim.id();
    await victim.end();
    await untilFlagged(first, id, 'fail');
    const [port] = [await freePort()];
    const moved = new ClusterNode({ port, program });
    writeFileSync(joinPath(moved.dir, 'nodes.conf'), readFileSync(joinPath(victim.dir, 'nodes.conf')));
    await moved.start();
    endAfter(test, [moved]);
    await untilJoined([...nodes.slice(0, 2), moved]);
    expect(await moved.id()).toBe(id);
    expect((await first.view()).find((line) => line.id === id)?.port).toBe(port);
  });
});

async function slotTable(node: ClusterNode): Promise<string[]> {
  return (await node.view()).map((line) => `${line.id} ${line.configEpoch} ${line.slots.join(' ')}`).sort();
}

describe.concurrent('nodes.conf', () => {
  it('brings back id, slots, epochs and known nodes after a clean end and after kill -9', async (test) => {
    const nodes = endAfter(test, await startNodes(2, { program }));
    await join(nodes);
    const [node] = nodes as [ClusterNode];
    const before = await slotTable(node);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await node.end(signal);
      await node.start();
      expect(await slotTable(node)).toEqual(before);
      await untilJoined(nodes);
    }
  });

  it(`is whole after every kill -9 in the middle of changes (seed ${SEED})`, async (test) => {
    const random = new Prng(SEED);
    const [port] = [await freePort()];
    const node = new ClusterNode({ port, program });
    endAfter(test, [node]);
    let acknowledged = -1;
    let id = '';
    for (let kill = 0; kill < KILLS; kill++) {
      await node.start();
      id ||= await node.id();
      expect(await node.id()).toBe(id);
      const slots = new Set((await node.view()).flatMap((line) => line.slots.flatMap(expand)));
      for (let slot = 0; slot <= acknowledged; slot++)
        expect({ slot, there: slots.has(slot) }).toEqual({ slot, there: true });
      // One more may have been written without its reply getting out.
      expect(slots.size).toBeLessThanOrEqual(acknowledged + 2);
      if (slots.has(acknowledged + 1)) acknowledged++;
      const killing = sleep(20 + random.below(150)).then(() => node.end('SIGKILL'));
      for (;;) {
        const reply = await node.ask('CLUSTER', 'ADDSLOTS', String(acknowledged + 1)).catch(() => 'gone');
        if (reply !== 'OK') break;
        acknowledged++;
      }
      await killing;
      const text = readFileSync(joinPath(node.dir, 'nodes.conf'), 'utf8');
      expect(text).toMatch(/^[0-9a-f]{40} .*myself,master.*\nvars currentEpoch \d+ lastVoteEpoch \d+\n$/);
    }
    expect(acknowledged).toBeGreaterThan(KILLS);
  });

  it('belongs to one process: a second one is refused and changes nothing', async (test) => {
    const [node] = endAfter(test, await startNodes(1, { program })) as [ClusterNode];
    const before = readFileSync(joinPath(node.dir, 'nodes.conf'), 'utf8');
    const [port] = [await freePort()];
    const second = launch(
      ['--port', String(port), '--bind', '127.0.0.1', '--dir', node.dir, '--cluster-enabled', 'yes', '--save', ''],
      program === undefined ? {} : { program },
    );
    test.onTestFinished(() => second.end().then(() => undefined));
    expect(await second.ending).toEqual({ code: 1, signal: null });
    expect(second.output).toContain('nodes.conf is already used by a different');
    expect(readFileSync(joinPath(node.dir, 'nodes.conf'), 'utf8')).toBe(before);
    expect(await node.ask('PING')).toBe('PONG');
    await node.end('SIGKILL');
    await node.start();
  });

  it('that cannot be understood stops the start and stays as it is', async (test) => {
    const [port] = [await freePort()];
    const node = new ClusterNode({ port, program });
    endAfter(test, [node]);
    mkdirSync(node.dir, { recursive: true });
    const text = 'this is not a cluster configuration\n';
    writeFileSync(joinPath(node.dir, 'nodes.conf'), text);
    const daemon = node.launch();
    expect(await daemon.ending).toEqual({ code: 1, signal: null });
    expect(daemon.output).toContain('Unrecoverable error: corrupted cluster config file');
    expect(readFileSync(joinPath(node.dir, 'nodes.conf'), 'utf8')).toBe(text);
  });

  it.skipIf(ONLY_REDIS)('written by us is read by Redis, and the other way round', async (test) => {
    const ports = await freePorts(2);
    const pair = endAfter(
      test,
      ports.map((port) => new ClusterNode({ port })),
    );
    await Promise.all(pair.map((node) => node.start()));
    await join(pair);
    const before = await slotTable(pair[0] as ClusterNode);
    await endNodes(pair);
    for (const program of ['redis-server', undefined]) {
      const again = pair.map((node) => {
        const next = new ClusterNode({ port: node.port, program });
        writeFileSync(joinPath(next.dir, 'nodes.conf'), readFileSync(joinPath(node.dir, 'nodes.conf')));
        return next;
      });
      endAfter(test, again);
      await Promise.all(again.map((node) => node.start()));
      await untilJoined(again);
      expect(await slotTable(again[0] as ClusterNode)).toEqual(before);
      for (const [i, node] of again.entries()) {
        await node.end('SIGTERM');
        writeFileSync(joinPath(pair[i]?.dir ?? '', 'nodes.conf'), readFileSync(joinPath(node.dir, 'nodes.conf')));
      }
    }
  });
});

/** `5-7` to 5, 6, 7. */
function expand(range: string): number[] {
  const [from = 0, to = from] = range.split('-').map(Number);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

describe.concurrent('the bus', () => {
  it('shrugs off bytes that are no frames', async (test) => {
    const nodes = endAfter(test, await startNodes(2, { program }));
    await join(nodes);
    const [first] = nodes as [ClusterNode];
    const { connect } = await import('node:net');
    for (const bytes of [
      'GET / HTTP/1.1\r\n\r\n'.repeat(200),
      'RCmb'.padEnd(4000, '\0'),
      `RCmb\xff\xff\xff\xff${'\0'.repeat(3000)}`,
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(first.port + 10_000, '127.0.0.1', () => socket.write(Buffer.from(bytes, 'latin1')));
        socket.on('error', () => undefined);
        socket.on('close', () => resolve());
        // A server that waits for the rest of a frame may keep the connection.
        setTimeout(() => socket.destroy(), 300);
      });
    }
    expect(await first.ask('PING')).toBe('PONG');
    await untilJoined(nodes);
    await until('both still know each other', async () => (await first.view()).length === 2);
    expect(parseNodeLine((await first.ask('CLUSTER', 'NODES')).split('\n')[0] ?? '').link).toBe('connected');
  });
});
