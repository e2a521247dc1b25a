import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeServers, epochsIn, normalise, resetNodes, startNode, type TestNode, trib, viewsOf } from './nodes.js';

describeServers('trib create', (server) => {
  let nodes: TestNode[] = [];
  let six = '';
  let three = '';

  beforeAll(async () => {
    nodes = await Promise.all(Array.from({ length: 6 }, () => startNode(server)));
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

  it('prints the transcript of redis-trib and leaves six masters that know each other', async () => {
    const { code, out, err } = await trib(`create ${six}`, { stdin: 'yes\n' });
    await expect(await normalise(out, nodes)).toMatchFileSnapshot('transcripts/create.txt');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const view of await viewsOf(nodes)) {
      expect(view).toHaveLength(6);
      for (const line of view) expect(line).toMatch(/master - [1-6] connected \d+-\d+$/);
      expect(epochsIn(view)).toEqual([1, 2, 3, 4, 5, 6]);
    }
    expect(await nodes[5].call('CLUSTER', 'INFO')).toContain('cluster_state:ok');
  });

  it.each(['no', 'y', 'YES', '', 'yes please'])('leaves all nodes untouched when the answer is %j', async (answer) => {
    const before = await viewsOf(nodes);
    const { code, out } = await trib(`create ${six}`, { stdin: `${answer}\n` });
    expect(code).toBe(1);
    expect(out).toMatch(/\(type 'yes' to accept\): .*\n\*\*\* Aborting\.\.\.\nNo node was changed\.\n$/);
    expect(await viewsOf(nodes)).toEqual(before);
  });

  it('refuses to go on when there is nobody to answer', async () => {
    const before = await viewsOf(nodes);
    const { code, out } = await trib(`create ${six}`);
    expect(code).toBe(1);
    expect(out).toContain('no answer on standard input: accept with --yes');
    expect(await viewsOf(nodes)).toEqual(before);
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
});
