import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { describeMixtures, idsOf, joinNodes, keysOfSlot, startNodes, stopNodes, untilHealthy } from './clusters.js';
import { type TestNode, trib, waitUntil } from './nodes.js';

describeMixtures('trib check explains', { together: true }, (mixture) => {
  let nodes: TestNode[] = [];
  let ids: string[] = [];

  beforeAll(async () => {
    nodes = await startNodes(mixture, 3);
    await joinNodes(nodes);
    ids = await idsOf(nodes);
  });
  afterAll(() => stopNodes(nodes));

  interface Found {
    readonly kind: string;
    readonly severity: string;
    readonly nodes: readonly string[];
    readonly advice: readonly string[];
  }
  const findings = async (from = 0): Promise<Found[]> => {
    const { out, code } = await trib(`check ${nodes[from].address} --json`);
    const { exitCode, result } = JSON.parse(out);
    expect(exitCode).toBe(code);
    // Servers of two kinds have two versions: said once, below.
    if (mixture.kinds.length === 1)
      expect(result.findings.map(({ kind }: Found) => kind)).not.toContain('version-differs');
    return result.findings.filter(({ kind }: Found) => kind !== 'version-differs');
  };
  /** Does what the last line of advice says. */
  const mend = async ({ advice }: Found): Promise<void> => {
    const [program, ...args] = (advice.at(-1) ?? '').split(/ +/);
    if (program === 'trib') {
      const { code, out } = await trib(`${args.join(' ')} --yes`);
      expect(code, out).toBe(0);
    } else {
      expect([program, args[0], args[2]]).toEqual(['redis-cli', '-h', '-p']);
      const node = nodes.find(({ host, port }) => host === args[1] && port === Number(args[3]));
      await node?.call(...args.slice(4));
    }
    await untilHealthy(nodes[0]);
    expect(await findings()).toEqual([]);
  };

  it('an open slot: who gives it, and who takes it', async () => {
    await nodes[0].call('CLUSTER', 'SETSLOT', '7', 'MIGRATING', ids[1]);
    await nodes[1].call('CLUSTER', 'SETSLOT', '7', 'IMPORTING', ids[0]);
    const [open, ...more] = await findings(2);
    expect(more).toEqual([]);
    expect(open.kind).toBe('open-slots');
    expect([...open.nodes].sort()).toEqual([nodes[0].address, nodes[1].address].sort());
    expect([...open.advice.slice(0, 2)].sort()).toEqual(
      [
        `${nodes[0].address} gives 7 to ${nodes[1].address}.`,
        `${nodes[1].address} takes 7 from ${nodes[0].address}.`,
      ].sort(),
    );
    await mend(open);
  });

  it('a slot that its owner has given up, of which the others have not heard', async () => {
    await nodes[2].call('CLUSTER', 'DELSLOTS', '16000');
    const found = await findings();
    expect(found.slice(0, 2).map(({ kind }) => kind)).toEqual(['view-differs', 'uncovered-slots']);
    expect(found[0].advice[0]).toMatch(/^127\.0\.0\.1:\d+ gives .* itself claims slots 10923-15999,16001-16383$/);
    await mend(found[1]);
  });

  it('nothing where nothing is wrong, and draws the slots when asked to', async () => {
    expect(await findings()).toEqual([]);
    const { code, out } = await trib(`check ${nodes[0].address} --map --search-multiple-owners`);
    expect(code).toBe(0);
    if (mixture.kinds.length > 1) {
      expect(out).toMatch(/\[WARNING\] The nodes run 2 versions\.\n/);
      for (const name of ['Shoal', 'Redis']) expect(out).toMatch(new RegExp(`\n {6}${name} \\d+\\.\\S+: 127`));
    }
    expect(out).toContain('>>> Check for multiple slot owners...\n[OK] No multiple owners found.\n');
    expect(out).toMatch(/\n {4}0 A{64}\n/);
    expect(out).toContain(`\n      A ${nodes[0].address}\n`);
  });

  it('keys of slots that are not a node’s own', async () => {
    await nodes[1].call('CLUSTER', 'SETSLOT', '5', 'IMPORTING', ids[0]);
    const [key] = keysOfSlot(5, 1);
    await Promise.all([nodes[1].call('ASKING'), nodes[1].call('SET', key, 'x')]);
    await nodes[1].call('CLUSTER', 'SETSLOT', '5', 'STABLE');
    expect(await findings()).toMatchObject([
      {
        kind: 'stray-keys',
        severity: 'error',
        nodes: [nodes[1].address],
        advice: [expect.any(String), `trib fix ${nodes[0].address}`],
      },
    ]);
    const { code, out } = await trib(`check ${nodes[0].address} --search-multiple-owners`);
    expect(code).toBe(1);
    expect(out).toContain(`[WARNING] Slot 5 has 2 owners:\n    ${nodes[0].address}\n    ${nodes[1].address}\n`);
    await mend((await findings())[0]);
    const held = await Promise.all(nodes.map((node) => node.call('CLUSTER', 'COUNTKEYSINSLOT', '5')));
    expect(held).toEqual([1, 0, 0]);
  });

  it('an announced address that leads nowhere, from that node and from another one', async () => {
    const nowhere = await freePort();
    await nodes[2].call('CONFIG', 'SET', 'cluster-announce-port', String(nowhere));
    const howManyHeard = async (): Promise<number> => {
      const views = await Promise.all([0, 1].map((i) => nodes[i].call('CLUSTER', 'NODES').then(String)));
      return views.filter((view) => view.includes(`127.0.0.1:${nowhere}@`)).length;
    };
    await waitUntil('the others have heard of it', async () => (await howManyHeard()) === 2);
    const own = (await findings(2)).find(({ kind }) => kind === 'wrong-announced-address');
    expect(own?.nodes).toEqual([nodes[2].address]);
    expect(own?.advice.at(-1)).toBe(
      `redis-cli -h 127.0.0.1 -p ${nodes[2].port} config set cluster-announce-port ${nodes[2].port}`,
    );
    const other = (await findings(0)).find(({ kind }) => kind === 'node-unreachable');
    expect(other?.advice[0]).toMatch(/^It runs: .* linked with it over the bus\.$/);
    await nodes[2].call('CONFIG', 'SET', ...(own?.advice.at(-1)?.split(' ').slice(-2) ?? []));
    await waitUntil('the others have heard the right one', async () => (await howManyHeard()) === 0);
    await untilHealthy(nodes[0]);
    await waitUntil('nothing is wrong', async () => (await findings(2)).length === 0);
    await nodes[2].call('CONFIG', 'SET', 'cluster-announce-port', '0');
  });

  it('a node that is gone, and what is missing without it', async () => {
    await nodes[2].kill();
    await waitUntil('the others hold it for failed', async () => {
      const found = await findings();
      return found.some(({ kind }) => kind === 'state-fail') && found.length === 3;
    });
    const found = await findings();
    expect(found.map(({ kind }) => kind)).toEqual(['node-unreachable', 'uncovered-slots', 'state-fail']);
    expect(found[0].advice.at(-1)).toBe(`If it is gone for good:  trib forget ${nodes[0].address} ${ids[2]}`);
    expect(found[1].advice).toEqual([`They are those of ${nodes[2].address}, which cannot be reached (see there).`]);
  });
});
