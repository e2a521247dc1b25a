import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { normalise, resetNodes, serverMissing, startNode, type TestNode, trib } from './nodes.js';

if (serverMissing !== undefined) console.warn(`SKIPPED: trib create against real nodes, because ${serverMissing}`);

describe.skipIf(serverMissing !== undefined)('trib create', () => {
  let nodes: TestNode[] = [];
  let six = '';
  let three = '';

  beforeAll(async () => {
    nodes = await Promise.all(Array.from({ length: 6 }, () => startNode()));
    // The transcript lists nodes by address, and the tests name them in that order.
    nodes.sort((a, b) => a.port - b.port);
    six = nodes.map(({ address }) => address).join(' ');
    three = six.split(' ').slice(0, 3).join(' ');
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  });
  beforeEach(async () => {
    await resetNodes(nodes);
  });

  const views = async (): Promise<string[]> =>
    Promise.all(nodes.map(async (node) => String(await node.call('CLUSTER', 'NODES'))));
  const epochsIn = (view: string): number[] =>
    view
      .trim()
      .split('\n')
      .map((line) => Number(line.split(' ')[6]))
      .sort();

  it('prints the transcript of redis-trib and leaves six masters that know each other', async () => {
    const { code, out, err } = await trib(`create ${six}`, { stdin: 'yes\n' });
    expect(await normalise(out, nodes)).toMatchSnapshot();
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const view of await views()) {
      const lines = view.trim().split('\n');
      expect(lines).toHaveLength(6);
      for (const line of lines) expect(line).toMatch(/master - \d+ \d+ [1-6] connected \d+-\d+$/);
      expect(epochsIn(view)).toEqual([1, 2, 3, 4, 5, 6]);
    }
    expect(await nodes[5].call('CLUSTER', 'INFO')).toContain('cluster_state:ok');
  });

  it('gives each master a replica and waits until everyone knows', async () => {
    const { code, out } = await trib(`create --replicas 1 --yes ${six}`);
    expect(await normalise(out, nodes)).toMatchSnapshot();
    expect(code).toBe(0);
    for (const view of await views())
      expect(view.match(/ slave | myself,slave /g) ?? view.match(/slave/g)).toHaveLength(3);
  });

  it.each(['no', 'y', 'YES', '', 'yes please'])('leaves all nodes untouched when the answer is %j', async (answer) => {
    const before = await views();
    const { code, out } = await trib(`create ${six}`, { stdin: `${answer}\n` });
    expect(code).toBe(1);
    expect(out).toMatch(/\(type 'yes' to accept\): .*\n\*\*\* Aborting\.\.\.\nNo node was changed\.\n$/);
    expect(await views()).toEqual(before);
  });

  it('refuses to go on when there is nobody to answer', async () => {
    const before = await views();
    const { code, out } = await trib(`create ${six}`);
    expect(code).toBe(1);
    expect(out).toContain('no answer on standard input: accept with --yes');
    expect(await views()).toEqual(before);
  });

  it('refuses too few nodes in the words of redis-cli', async () => {
    const { code, out } = await trib(`create --replicas 1 ${three}`);
    expect(code).toBe(1);
    expect(out).toContain(
      '*** This is not possible with 3 nodes and 1 replicas per node.\n*** At least 6 nodes are required.',
    );
  });

  it('colours the transcript on a terminal, unless NO_COLOR asks it not to', async () => {
    const coloured = await trib(`create ${six}`, { stdin: 'no\n', isTty: true });
    expect(coloured.out).toContain('\x1b[29;1m>>> Creating cluster\x1b[0m\n');
    expect(coloured.out).toContain('\x1b[31;1m*** Aborting...\x1b[0m\n');
    const plain = await trib(`create ${six}`, { stdin: 'no\n', isTty: true, env: { NO_COLOR: '1' } });
    expect(plain.out).not.toContain('\x1b');
  });

  it('takes host names, and hands the nodes IPs', async () => {
    const named = three.replaceAll('127.0.0.1', 'localhost');
    const { code, out } = await trib(`create --yes ${named}`);
    expect({ code, ip: out.includes(`M: ${await nodes[0].call('CLUSTER', 'MYID')} ${nodes[0].address}`) }).toEqual({
      code: 0,
      ip: true,
    });
  });

  describe('run again after an interruption', () => {
    /** Stops trib in front of the command for which `stop` holds. */
    const interrupt = (stop: (args: readonly string[], changes: number) => boolean) => {
      let changes = 0;
      return (_: string, args: readonly string[]): void => {
        if (/^(ADDSLOTS|SET-CONFIG-EPOCH|MEET|REPLICATE)$/.test(args[1] ?? '')) changes++;
        if (stop(args, changes)) throw new Error('interrupted by the test');
      };
    };

    // Three nodes take 3 x ADDSLOTS, 3 x SET-CONFIG-EPOCH, 2 x MEET.
    it.each([1, 2, 4, 5, 7, 8])('before change %i of 8, finishes the work', async (change) => {
      const first = await trib(`create --yes ${three}`, { onCommand: interrupt((_, changes) => changes === change) });
      expect(first.code).toBe(1);
      expect(first.out).toContain('*** The cluster is not finished.');
      const second = await trib(`create ${three}`, { stdin: 'yes\n' });
      expect(second.out).toContain('[OK] All 16384 slots covered.');
      expect(second.out.includes('>>> An earlier run of this very command')).toBe(change > 1 && change !== 1);
      expect(second.code).toBe(0);
      const [view] = await views();
      expect(epochsIn(view)).toEqual([1, 2, 3]);
    });

    it('while waiting for the join, finishes the work', async () => {
      const waiting = interrupt((args) => args[1] === 'INFO');
      expect((await trib(`create --yes ${three}`, { onCommand: waiting })).code).toBe(1);
      expect((await trib(`create --yes ${three}`)).code).toBe(0);
    });

    it('between two replicas, finishes the work', async () => {
      // 3 x ADDSLOTS, 6 x SET-CONFIG-EPOCH, 5 x MEET, and the second REPLICATE.
      const first = await trib(`create --replicas 1 --yes ${six}`, { onCommand: interrupt((_, n) => n === 16) });
      expect(first.code).toBe(1);
      const second = await trib(`create --replicas 1 --yes ${six}`);
      expect(second.code).toBe(0);
      expect(second.out.match(/1 additional replica\(s\)/g)).toHaveLength(3);
    });

    it('after the end, changes nothing and checks', async () => {
      await trib(`create --yes ${three}`);
      const changing = interrupt((_, changes) => changes > 0);
      const again = await trib(`create ${three}`, { onCommand: changing });
      expect(again.out).toContain('>>> These nodes already are this very cluster: there is nothing to change');
      expect(again.out).toContain('[OK] All 16384 slots covered.');
      expect(again.code).toBe(0);
    });

    it('refuses to take it for the plan of other arguments', async () => {
      await trib(`create --yes ${three}`, { onCommand: interrupt((_, changes) => changes === 4) });
      const { code, out } = await trib(`create --yes ${six}`);
      expect(code).toBe(1);
      for (const { address } of nodes.slice(0, 3))
        expect(out).toContain(`[ERR] Node ${address} is not empty: it has 54`);
    });
  });
});
