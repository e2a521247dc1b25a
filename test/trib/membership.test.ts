import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pickMaster } from '../../src/trib/placement.js';
import {
  describeMixtures,
  idsOf,
  itWithOneKind,
  joinNodes,
  keysOfSlot,
  LiveLoad,
  startNodes,
  stopNodes,
  untilHealthy,
} from './clusters.js';
import { interrupt, normalise, onPath, resetNodes, type TestNode, trib, viewsOf, waitUntil } from './nodes.js';

const noRedisCli = onPath('redis-cli') ? undefined : 'there is no redis-cli on PATH';

describe('the master for a new replica', () => {
  it.each([
    ['the one without a replica', 'a:1 b:0 c:1', 'x', 'b'],
    ['even on the same host', 'a:1 b:0 c:1', 'b', 'b'],
    ['else one on another host', 'a:1 b:1', 'a', 'b'],
    ['with most slots among equals', 'a:0:10 b:0:20', 'x', 'b'],
    ['none without slots', 'a:0:0 b:3', 'x', 'b'],
    ['unless there is no other', 'a:0:0', 'x', 'a'],
  ])('is %s', (_, text, host, expected) => {
    const masters = text.split(' ').map((part) => {
      const [name, replicas, slots] = part.split(':');
      return { host: name, replicaCount: Number(replicas), slotCount: Number(slots ?? 100) };
    });
    expect(pickMaster(masters, host)?.host).toBe(expected);
  });
});

describeMixtures('trib add-node and del-node', { together: true }, (mixture) => {
  // redis-cli gives up where one server has functions and the other has not.
  const oneKind = itWithOneKind(mixture);
  let nodes: TestNode[] = [];
  let extra: TestNode;
  let extraId = '';
  let ids: string[] = [];

  beforeAll(async () => {
    [extra, ...nodes] = await startNodes(mixture, 4);
    await joinNodes(nodes);
    ids = await idsOf(nodes);
    extraId = String(await extra.call('CLUSTER', 'MYID'));
  });
  afterAll(() => stopNodes([...nodes, extra]));

  const add = (options = '--yes', input = {}) =>
    trib(`add-node ${extra.address} ${nodes[1].address} ${options}`, input);
  const del = (options = '--yes', input = {}, entry = nodes[1]) =>
    trib(`del-node ${entry.address} ${extraId} ${options}`, input);
  const alone = async (): Promise<void> => {
    const [view, ...views] = await viewsOf([extra, ...nodes]);
    expect(view).toHaveLength(1);
    for (const other of views) expect(other).toHaveLength(3);
    await untilHealthy(nodes[0]);
  };

  oneKind('do nothing without consent', async () => {
    expect((await add('', { stdin: 'no\n' })).code).toBe(1);
    const dry = await add('--dry-run --json');
    expect(JSON.parse(dry.out)).toMatchObject({
      command: 'add-node',
      ok: true,
      result: { node: extraId, address: extra.address, master: null, changed: false },
    });
    await alone();
  });

  oneKind('refuse nodes that they cannot take', async () => {
    const own = await trib(`add-node ${nodes[1].address} ${nodes[1].address} --yes`);
    expect(own.code).toBe(1);
    await extra.call('CLUSTER', 'ADDSLOTS', '3');
    const busy = await add();
    expect(busy.code).toBe(1);
    expect(busy.out).toContain(`[ERR] Node ${extra.address} is not empty: it has 1 slot assigned.\n`);
    await extra.call('CLUSTER', 'DELSLOTS', '3');
    const unknown = await del();
    expect(unknown.code).toBe(1);
    expect(unknown.out).toContain(`[ERR] No such node ID ${extraId}\n`);
    const full = await trib(`del-node ${nodes[0].address} ${ids[2]} --yes`);
    expect(full.code).toBe(1);
    expect(full.out).toContain(`[ERR] Node ${nodes[2].address} is not empty! Reshard data away and try again.\n`);
    await alone();
  });

  oneKind.skipIf(noRedisCli !== undefined)('do what redis-cli does, in its words', async () => {
    const redisCli = async (...args: string[]): Promise<string> => {
      const { stdout } = await promisify(execFile)('redis-cli', ['--cluster', ...args]);
      return stdout.replace(/\x1b\[[\d;]*m/g, '');
    };
    // redis-cli lists the nodes in no order, says nothing of replicas where there are none, and does not wait for a join.
    const comparable = async (text: string): Promise<string[]> => {
      const plain = (await normalise(text, [extra, ...nodes])).replace(/slots:\S* /g, 'slots ');
      const own = /additional replica|^Waiting|^Adding |^Removing |^>>> Failed retrieving|^>>> .* has no functions/;
      return plain
        .split('\n')
        .filter((line) => !own.test(line))
        .sort();
    };
    const added = await add();
    expect(added.code, added.out).toBe(0);
    const deleted = await del();
    expect(deleted.code, deleted.out).toBe(0);
    const ours = [await comparable(added.out), await comparable(deleted.out)];
    await alone();
    // redis-cli meets one node, and the others take no news of a node that they have just forgotten.
    await resetNodes([extra]);
    extraId = String(await extra.call('CLUSTER', 'MYID'));
    const theirs = await redisCli('add-node', extra.address, nodes[1].address);
    await waitUntil('all know it', async () => (await viewsOf([extra, ...nodes])).every((view) => view.length === 4));
    expect(ours[0]).toEqual(await comparable(theirs));
    expect(ours[1]).toEqual(await comparable(await redisCli('del-node', nodes[1].address, extraId)));
    await alone();
  });

  it('interrupted at every step under live load, are finished by the same command', async () => {
    await Promise.all(nodes.map((node) => node.call('FLUSHALL')));
    const keys = [0, 6000, 12000].flatMap((slot) => keysOfSlot(slot, 10));
    const load = new LiveLoad(nodes, keys);
    await load.start();
    let broken = 0;
    // As a replica: three MEET, REPLICATE; as a master: FUNCTION RESTORE where there is one, three MEET.
    const runs = ['1 --slave', '2 --slave', '3 --slave', '4 --slave', '1'];
    for (const run of runs) {
      const [step, role = ''] = run.split(' ');
      const first = await add(`--yes ${role}`, { onCommand: interrupt((_, changes) => changes === Number(step)) });
      if (first.code !== 0) broken++;
      const second = await add(`--yes ${role}`);
      expect({ step, code: second.code, out: second.out }).toMatchObject({ code: 0 });
      expect(second.out).toContain('[OK] New node added correctly.\n');
      // A third time there is nothing to do.
      expect((await add(role)).code).toBe(0);
      await untilHealthy(extra);
      // Any node may be asked, also the one that leaves.
      const entry = Number(step) % 2 === 0 ? extra : nodes[1];
      const gone = await del('--yes', { onCommand: interrupt((_, changes) => changes === Number(step)) }, entry);
      expect(gone.code).toBe(1);
      const finished = await del('--yes', {}, entry);
      expect(finished.code, finished.out).toBe(0);
      await alone();
    }

    expect(broken).toBe(runs.length);
    const { lost, held, expected } = await load.stopAndVerify(nodes);
    expect({ lost, held }).toEqual({ lost: [], held: expected });
  }, 240_000);

  oneKind('give the replicas of a node that leaves another master', async () => {
    expect((await add()).code).toBe(0);
    const [replica] = await startNodes(mixture, 1);
    try {
      const added = await trib(`add-node ${replica.address} ${nodes[0].address} --slave --master-id ${extraId} --yes`);
      expect(added.code, added.out).toBe(0);
      const gone = await del();
      expect(gone.code, gone.out).toBe(0);
      expect(gone.out).toMatch(new RegExp(`\n>>> ${replica.address} as replica of 127.0.0.1:\\d+\n`));
      const replicaId = String(await replica.call('CLUSTER', 'MYID'));
      await untilHealthy(nodes[0]);
      const left = await trib(`del-node ${nodes[0].address} ${replicaId.slice(0, 10)} --yes`);
      expect(left.code, left.out).toBe(0);
      await alone();
    } finally {
      await replica.stop();
    }
  });
});
