/** Moves that the servers make themselves, which reshard and rebalance use where both servers can. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  describeMixtures,
  idsOf,
  joinNodes,
  keysOfSlot,
  LiveLoad,
  ownSlots,
  startNodes,
  stopNodes,
  untilHealthy,
} from './clusters.js';
import { interrupt, REDIS, SHOAL, type TestNode, trib, waitUntil } from './nodes.js';

const BIN = fileURLToPath(new URL('../../bin/trib', import.meta.url));

/** How many moves a node has made to others by itself. */
async function movesOf(node: TestNode): Promise<number> {
  const moves = (await node.call('CLUSTER', 'GETSLOTMIGRATIONS')) as string[][];
  return moves.filter((fields) => fields[fields.indexOf('operation') + 1] === 'EXPORT').length;
}

describeMixtures('trib reshard and rebalance, with atomic moves where there are such', {}, ({ name, kinds }) => {
  let nodes: TestNode[] = [];
  let ids: string[] = [];

  beforeAll(async () => {
    nodes = await startNodes({ name, kinds }, 3);
    await joinNodes(nodes);
    ids = await idsOf(nodes);
  });
  afterAll(() => stopNodes(nodes));

  it('move slots under live load, there and back', async () => {
    const load = new LiveLoad(nodes, Array.from({ length: 8 }, (_, slot) => keysOfSlot(slot, 30)).flat());
    await load.start();
    const there = await trib(`reshard ${nodes[0].address} --from ${ids[0]} --to ${ids[1]} --slots 8 --yes`);
    expect(there.code, there.out).toBe(0);
    const moves = there.out.split('\n').filter((line) => line.includes(': .'));
    expect(moves).toEqual(
      Array.from({ length: 8 }, (_, slot) => {
        return `Moving slot ${slot} from ${nodes[0].address} to ${nodes[1].address}: ${'.'.repeat(30)}`;
      }),
    );
    expect(there.out + there.err).not.toMatch(/ERR|WARN|unknown/);
    expect(await ownSlots(nodes[0])).toBe('8-5460');
    await untilHealthy(nodes[2]);
    const back = await trib(`rebalance ${nodes[2].address} --threshold 0 --yes`);
    expect(back.code, back.out).toBe(0);
    await untilHealthy(nodes[0]);
    const { lost, expected } = await load.stopAndVerify(nodes);
    expect(lost).toEqual([]);
    if (name === 'shoal') {
      expect(await movesOf(nodes[0])).toBe(1);
      expect(await movesOf(nodes[1])).toBe(back.out.match(/^Moving \d+ slots/gm)?.length);
    }
    // What was left on the sources goes bit by bit.
    await waitUntil('each key is in one place', async () => {
      const sizes = await Promise.all(nodes.map(async (node) => Number(await node.call('DBSIZE'))));
      return sizes.reduce((sum, size) => sum + size, 0) === expected;
    });
  });
});

describe.skipIf(REDIS.missing !== undefined)('trib reshard in a cluster of both kinds', () => {
  it('lets the servers move what they can, and moves key by key between the others, without a word', async () => {
    const nodes = await startNodes({ name: 'mixed', kinds: [SHOAL, REDIS, SHOAL] }, 3);
    try {
      await joinNodes(nodes);
      const shoals = nodes.filter(({ server }) => server.name === 'shoal');
      const redis = nodes.find(({ server }) => server.name === 'redis') as TestNode;
      const command = `reshard ${redis.address} --to ${shoals[0].address} --from all --slots 20 --yes`;
      const { code, out, err } = await trib(command);
      expect(code, out).toBe(0);
      expect(out + err).not.toMatch(/ERR|WARN|unknown/);
      expect(out.match(/^Moving slot \d+ from /gm)).toHaveLength(20);
      expect(await movesOf(shoals[1])).toBe(1);
      await untilHealthy(redis);
    } finally {
      await stopNodes(nodes);
    }
  });
});

describe('shoal: an atomic move that is interrupted', () => {
  let nodes: TestNode[] = [];
  let ids: string[] = [];
  let first = 0;

  beforeAll(async () => {
    nodes = await startNodes({ name: 'shoal', kinds: [SHOAL] }, 3);
    await joinNodes(nodes);
    ids = await idsOf(nodes);
  });
  afterAll(() => stopNodes(nodes));
  beforeEach(async () => {
    [first] = (await ownSlots(nodes[0])).split('-').map(Number);
  });

  const command = (slots: number): string =>
    `reshard ${nodes[0].address} --from ${ids[0]} --to ${ids[1]} --slots ${slots} --yes`;
  const fill = async (slots: number): Promise<void> => {
    for (let slot = first; slot < first + slots; slot++) {
      for (const key of keysOfSlot(slot, 20)) await nodes[0].call('SET', key, 'x');
    }
  };
  const heldOf = async (node: TestNode, slots: number): Promise<number> => {
    let held = 0;
    for (let slot = first; slot < first + slots; slot++) {
      held += Number(await node.call('CLUSTER', 'COUNTKEYSINSLOT', String(slot)));
    }
    return held;
  };

  it('at any step under live load leaves nothing open, and fix or the same command goes on', async () => {
    const load = new LiveLoad(nodes, Array.from({ length: 40 }, (_, i) => keysOfSlot(first + i, 12)).flat());
    await load.start();
    const steps = ['COUNTKEYSINSLOT', 'MIGRATESLOTS', 'GETSLOTMIGRATIONS', 'NODES'];
    for (const [round, step] of steps.entries()) {
      // GETSLOTMIGRATIONS and NODES are asked before as well: those after the begin count.
      let begun = step === 'COUNTKEYSINSLOT' || step === 'MIGRATESLOTS';
      const broken = await trib(command(4), {
        onCommand: interrupt((args) => {
          const stop = begun && args[1] === step && (step !== 'COUNTKEYSINSLOT' || args[2] === String(first + 3));
          begun ||= args[1] === 'MIGRATESLOTS';
          return stop;
        }),
      });
      expect(broken.code, broken.out).toBe(1);
      expect(broken.out, step).toContain(
        '      No key is lost: nothing is open, and slots that the servers are moving',
      );
      expect(broken.out).not.toContain('is open, and both nodes know');
      const next = await trib(round % 2 === 0 ? `fix ${nodes[1].address} --yes` : command(4));
      expect(next.code, next.out).toBe(0);
      await untilHealthy(nodes[2]);
      [first] = (await ownSlots(nodes[0])).split('-').map(Number);
    }
    const { lost } = await load.stopAndVerify(nodes);
    expect(lost).toEqual([]);
  }, 120_000);

  it.each(['SIGINT', 'SIGKILL'] as const)('by %s of trib goes on; the next run says so and waits', async (signal) => {
    await fill(6);
    // Writes wait at the target, so the move is not over too soon.
    await nodes[1].call('CLIENT', 'PAUSE', '4000', 'WRITE');
    const child = spawn(process.execPath, [BIN, ...command(6).split(' ')], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text: Buffer) => {
      said += text.toString();
    });
    const before = await movesOf(nodes[0]);
    await waitUntil('the move has begun', async () => (await movesOf(nodes[0])) > before);
    child.kill(signal);
    await once(child, 'close');
    const cli = `redis-cli -h 127.0.0.1 -p ${nodes[0].port} cluster`;
    const words = [
      `Interrupted. No key is lost: the servers go on to move slots ${first}-${first + 5} from ${nodes[0].address} to ${nodes[1].address}.`,
      `To watch it:   ${cli} getslotmigrations`,
      `To end it:     ${cli} cancelslotmigrations`,
      `Finish it, or wait for the end:  trib fix ${nodes[0].address}`,
    ];
    expect(said).toBe(signal === 'SIGINT' ? `\n${words.join('\n')}\n` : '');
    const checked = await trib(`check ${nodes[2].address}`);
    expect(checked.code, checked.out).toBe(0);
    expect(checked.out).not.toContain('slots that are not');
    const fixed = await trib(`fix ${nodes[2].address} --yes`);
    const what = `slots ${first}-${first + 5} from ${nodes[0].address} to ${nodes[1].address}`;
    expect(fixed.out).toContain(`>>> The servers are moving ${what}: an earlier run began that. Waiting for the end`);
    expect(fixed.out).toContain(`>>> Moved: ${what}.\n`);
    expect(fixed.code, fixed.out).toBe(0);
    expect(await ownSlots(nodes[0])).toBe(`${first + 6}-5460`);
    expect(await heldOf(nodes[1], 6)).toBe(120);
  });

  it('by the end of the receiving node is given up, and the same command moves them later', async () => {
    await fill(6);
    await nodes[1].call('CLIENT', 'PAUSE', '20000', 'WRITE');
    const before = await movesOf(nodes[0]);
    const running = trib(command(6));
    await waitUntil('the move has begun', async () => (await movesOf(nodes[0])) > before);
    await nodes[1].kill();
    const broken = await running;
    expect(broken.code, broken.out).toBe(1);
    expect(broken.out).toContain('[ERR] Moving slots failed: ');
    expect(await ownSlots(nodes[0])).toBe(`${first}-5460`);
    expect(await heldOf(nodes[0], 6)).toBe(120);
    await nodes[1].start();
    await untilHealthy(nodes[0]);
    const again = await trib(command(6));
    expect(again.code, again.out).toBe(0);
    await untilHealthy(nodes[0]);
    expect(await heldOf(nodes[1], 6)).toBe(120);
  });

  it('can be cancelled as the next run says', async () => {
    await fill(6);
    await nodes[1].call('CLIENT', 'PAUSE', '60000', 'WRITE');
    await nodes[0].call('CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', String(first), String(first + 5), 'NODE', ids[1]);
    let looks = 0;
    const waiting = trib(`rebalance ${nodes[1].address} --dry-run --threshold 100`, {
      onCommand: (_, args) => {
        if (args[1] === 'GETSLOTMIGRATIONS') looks++;
      },
    });
    // Once to see what moves, on each node; more often to see whether it is over.
    await waitUntil('it waits for the move', async () => looks > 2 * nodes.length);
    await nodes[0].call('CLUSTER', 'CANCELSLOTMIGRATIONS');
    const { code, out } = await waiting;
    expect(out).toContain(
      `    To end it at once instead:  redis-cli -h 127.0.0.1 -p ${nodes[0].port} cluster cancelslotmigrations\n`,
    );
    expect(out).toContain(`>>> Not moved: slots ${first}-${first + 5} from ${nodes[0].address}`);
    expect(code, out).toBe(0);
    expect(await ownSlots(nodes[0])).toBe(`${first}-5460`);
    await nodes[1].call('CLIENT', 'UNPAUSE');
  });
});
