import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  describeMixtures,
  idsOf,
  itWithOneKind,
  joinNodes,
  keysOfSlot,
  LiveLoad,
  ownSlots,
  startNodes,
  stopNodes,
  untilHealthy,
} from './clusters.js';
import { interrupt, normalise, onPath, type TestNode, trib, viewsOf, waitUntil } from './nodes.js';

const BIN = fileURLToPath(new URL('../../bin/trib', import.meta.url));
const noRedisCli = onPath('redis-cli') ? undefined : 'there is no redis-cli on PATH';

describeMixtures('trib reshard', { together: true }, (mixture) => {
  const oneKind = itWithOneKind(mixture);
  let nodes: TestNode[] = [];
  let ids: string[] = [];

  beforeAll(async () => {
    nodes = await startNodes(mixture, 3);
    await joinNodes(nodes);
    ids = await idsOf(nodes);
  });
  afterAll(() => stopNodes(nodes));

  oneKind(
    'shows the plan and changes nothing when it is not accepted, with --dry-run, or when nobody can answer',
    async () => {
      const before = await viewsOf(nodes);
      const command = `reshard ${nodes[0].address} --from ${ids[0]} --to ${ids[1]} --slots 2`;
      const refused = await trib(command, { stdin: 'no\n' });
      expect(refused.code).toBe(1);
      expect(refused.out).toContain(`    Moving slot 1 from ${ids[0]}\n`);
      expect(refused.out).toMatch(/reshard plan \(yes\/no\)\? no\n\*\*\* Aborting\.\.\.\n$/);
      const unanswered = await trib(command);
      expect(unanswered.code).toBe(1);
      expect(unanswered.out).toContain('no answer on standard input: accept with --yes');
      const dry = await trib(`${command} --dry-run`);
      expect(dry.code).toBe(0);
      expect(dry.out).toMatch(/>>> Dry run: nothing was changed\n$/);
      expect(await viewsOf(nodes)).toEqual(before);
    },
  );

  oneKind.skipIf(noRedisCli !== undefined)('moves what it says, in the words of redis-cli', async () => {
    const options = ['--cluster-from', ids[0], '--cluster-to', ids[1], '--cluster-slots', '1', '--cluster-yes'];
    await Promise.all(keysOfSlot(0, 3).map((key) => nodes[0].call('SET', key, 'x')));
    await Promise.all(keysOfSlot(1, 3).map((key) => nodes[0].call('SET', key, 'x')));
    const ours = await trib(`reshard ${nodes[0].address} ${options.join(' ')}`);
    expect(ours.code).toBe(0);
    await untilHealthy(nodes[0]);
    const { stdout } = await promisify(execFile)('redis-cli', ['--cluster', 'reshard', nodes[0].address, ...options]);
    // redis-cli lists the nodes in no order, and does not say that there are no replicas.
    const comparable = async (text: string): Promise<string[]> => {
      const plain = text.replace(/\x1b\[[\d;]*m/g, '').replace(/slots:(\S*) \(\d+ slots\)/g, 'slots');
      const lines = (await normalise(plain, nodes)).replace(/slot \d+/g, 'slot N').split('\n');
      return lines.filter((line) => !line.includes('additional replica')).sort();
    };
    expect(await comparable(ours.out)).toEqual(await comparable(stdout));
    expect(await ownSlots(nodes[0])).toBe('2-5460');
    await untilHealthy(nodes[0]);
    expect(await nodes[1].call('DBSIZE')).toBe(6);
  });

  oneKind('asks for what it was not told, from a pipe as from a terminal', async () => {
    const stdin = `0\n2\n${ids[0]}\n${ids[0]}\n${ids[1]}\ndone\nyes\n`;
    const { code, out } = await trib(`reshard ${nodes[2].address}`, { stdin });
    expect(out).toContain('How many slots do you want to move (from 1 to 16384)? 0\nHow many slots');
    expect(out).toContain(`What is the receiving node ID? ${ids[0]}\n`);
    expect(out).toContain('*** It is not possible to use the target node as source node.\nSource node #1: ');
    expect(out).toContain(`Source node #2: done\n\nReady to move 2 slots.\n  Source nodes:\n    M: ${ids[1]}`);
    expect(code).toBe(0);
    expect(await ownSlots(nodes[0])).toBe('0-5460');
  });

  oneKind('refuses nodes it does not know, and a cluster that is not as it should be', async () => {
    const unknown = await trib(`reshard ${nodes[0].address} --from all --to deadbeef --slots 1 --yes`);
    expect(unknown.code).toBe(1);
    expect(unknown.out).toContain('*** The specified node (deadbeef) is not known or not a master, please retry.\n');
    await nodes[0].call('CLUSTER', 'SETSLOT', '9', 'MIGRATING', ids[1]);
    const open = await trib(`reshard ${nodes[0].address} --from all --to ${ids[1]} --slots 1 --yes`);
    expect(open.code).toBe(1);
    expect(open.out).toContain('*** Please fix your cluster problems before resharding\n');
    await nodes[0].call('CLUSTER', 'SETSLOT', '9', 'STABLE');
  });

  oneKind('prints one JSON document with --json', async () => {
    const { code, out, err } = await trib(
      `reshard ${nodes[0].address} --from ${nodes[0].address} --to ${ids[1].slice(0, 8)} --slots 1 --dry-run --json`,
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      schema: 1,
      command: 'reshard',
      ok: true,
      exitCode: 0,
      errors: [],
      warnings: [],
      result: { plan: [{ slot: 0, from: ids[0], to: ids[1] }], changed: false },
    });
    expect(err).toContain('Ready to move 1 slots.');
  });

  it('interrupted at every step under live load, is finished by fix: no key lost or served twice', async () => {
    const load = new LiveLoad(nodes, Array.from({ length: 8 }, (_, slot) => keysOfSlot(slot, 12)).flat());
    await Promise.all(nodes.map((node) => node.call('FLUSHALL')));
    await load.start();
    const command = `reshard ${nodes[0].address} --from ${ids[0]} --to ${ids[1]} --slots 1 --pipeline 5 --key-by-key --yes`;
    // IMPORTING, MIGRATING, three MIGRATE, NODE at the target, the source and the third master.
    const steps: string[] = [];
    for (let step = 1; step <= 8; step++) {
      const stop = interrupt((args, changes) => {
        if (changes === step)
          steps.push(args[0] === 'MIGRATE' ? 'MIGRATE' : args.slice(1, 4).toSpliced(1, 1).join(' '));
        return changes === step;
      });
      const broken = await trib(command, { onCommand: stop });
      expect(broken.code, broken.out).toBe(1);
      expect(broken.out).toContain(`      Mend the cause and finish it:  trib fix ${nodes[0].address}\n`);
      const fixed = await trib(`fix ${nodes[step % 3].address} --yes`);
      expect({ step, code: fixed.code, out: fixed.out }).toMatchObject({ code: 0 });
      await untilHealthy(nodes[step % 3]);
    }
    expect(steps).toEqual([
      'SETSLOT IMPORTING',
      'SETSLOT MIGRATING',
      'MIGRATE',
      'MIGRATE',
      'MIGRATE',
      'SETSLOT NODE',
      'SETSLOT NODE',
      'SETSLOT NODE',
    ]);
    const { lost, held, expected } = await load.stopAndVerify(nodes);
    expect({ lost, held }).toEqual({ lost: [], held: expected });
    expect(load.writes).toBeGreaterThan(expected);
  }, 240_000);

  oneKind('moves keys between nodes that have a password', async () => {
    const [slot] = (await ownSlots(nodes[0])).split('-').map(Number);
    await Promise.all(nodes.map((node) => node.call('FLUSHALL')));
    for (const key of keysOfSlot(slot, 3)) await nodes[0].call('SET', key, 'x');
    for (const node of nodes) await node.call('CONFIG', 'SET', 'requirepass', 'sesame');
    const command = `reshard ${nodes[0].address} --from ${ids[0]} --to ${ids[1]} --slots 1 --yes`;
    const locked = await trib(command);
    expect(locked.out).toContain('The server asks for a password (requirepass) and none was given.');
    const { code, out, err } = await trib(command, { env: { REDISCLI_AUTH: 'sesame' } });
    for (const node of nodes) await node.call('CONFIG', 'SET', 'requirepass', '');
    expect(code, out).toBe(0);
    expect(out + err).not.toContain('sesame');
    // trib can give MIGRATE the password; the servers have none for each other without masterauth.
    if (mixture.name === 'shoal')
      expect(out).toContain('by itself (The target answered: NOAUTH Authentication required');
    expect(await nodes[1].call('DBSIZE')).toBe(3);
    // A password that the nodes do not ask for is none that MIGRATE may give.
    await untilHealthy(nodes[0]);
    const needless = await trib(`${command} -a sesame`);
    expect(needless.code, needless.out).toBe(0);
    await untilHealthy(nodes[0]);
  });

  it('killed with SIGKILL on the way, is finished by fix', async () => {
    const [first] = (await ownSlots(nodes[0])).split('-').map(Number);
    await Promise.all(nodes.map((node) => node.call('FLUSHALL')));
    const keys = Array.from({ length: 40 }, (_, i) => keysOfSlot(first + i, 2)).flat();
    await Promise.all(keys.map((key) => nodes[0].call('SET', key, 'x')));
    const args = [
      'reshard',
      nodes[0].address,
      '--from',
      ids[0],
      '--to',
      ids[1],
      '--slots',
      '40',
      '--key-by-key',
      '--yes',
    ];
    const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let seen = '';
    child.stdout.on('data', (text: Buffer) => {
      seen += text.toString();
      if (/\nMoving slot/.test(seen)) child.kill('SIGKILL');
    });
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    const fixed = await trib(`fix ${nodes[1].address} --yes`);
    expect(fixed.code, fixed.out).toBe(0);
    await untilHealthy(nodes[0]);
    const counts = await Promise.all(
      nodes.map(async (node) =>
        Promise.all(Array.from({ length: 40 }, (_, i) => node.call('CLUSTER', 'COUNTKEYSINSLOT', String(first + i)))),
      ),
    );
    expect(counts.flat().reduce((sum: number, count) => sum + Number(count), 0)).toBe(keys.length);
  });

  it('goes on after the receiving node was gone and came back', async () => {
    const [slot] = (await ownSlots(nodes[0])).split('-').map(Number);
    const keys = keysOfSlot(slot, 12);
    await Promise.all(keys.map((key) => nodes[0].call('SET', key, 'x')));
    let gone: Promise<void> | undefined;
    const command = `reshard ${nodes[0].address} --from ${ids[0]} --to ${ids[1]} --slots 1 --timeout 2000 --key-by-key --yes`;
    const broken = await trib(command, {
      onCommand: (_, args) => {
        if (args[0] === 'MIGRATE') gone ??= nodes[1].kill();
      },
    });
    expect(broken.code, broken.out).toBe(1);
    await gone;
    await nodes[1].start();
    await waitUntil('the node is back', async () => {
      const infos = await Promise.all(nodes.map((node) => node.call('CLUSTER', 'INFO')));
      const views = (await viewsOf(nodes)).flat();
      return (
        infos.every((info) => String(info).includes('cluster_state:ok')) &&
        views.every((line) => !line.includes('fail') && line.includes(' connected'))
      );
    });
    const fixed = await trib(`fix ${nodes[0].address} --yes`);
    expect(fixed.code, fixed.out).toBe(0);
    await untilHealthy(nodes[0]);
    expect(await nodes[1].call('CLUSTER', 'COUNTKEYSINSLOT', String(slot))).toBe(keys.length);
  });
});
