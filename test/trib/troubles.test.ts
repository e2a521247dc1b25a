import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { describeServers, resetNodes, skipAloud, startNode, type TestNode, trib, viewsOf, waitUntil } from './nodes.js';

/** An address of this machine that is not loopback: what protected mode looks at. */
const ownAddress = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
const noOwnAddress = ownAddress === undefined ? 'the machine has loopback only' : undefined;
skipAloud('trib create and protected mode', noOwnAddress);

// Linux serves all of 127.0.0.0/8; other systems have 127.0.0.1 alone.
const noSecondLoopback = process.platform === 'linux' ? undefined : '127.0.0.2 is not local here';
skipAloud('trib create and a node bound to 127.0.0.1', noSecondLoopback);

describeServers('what trib create says when', (server) => {
  let nodes: TestNode[] = [];
  let three = '';
  const extra: TestNode[] = [];

  beforeAll(async () => {
    nodes = await Promise.all(Array.from({ length: 3 }, () => startNode(server)));
    three = nodes.map(({ address }) => address).join(' ');
  });
  afterAll(async () => {
    await Promise.all([...nodes, ...extra].map((node) => node.stop()));
  });
  beforeEach(async () => {
    await resetNodes(nodes);
  });

  const startExtra = async (directives: Record<string, string>): Promise<TestNode> => {
    const node = await startNode(server, directives);
    extra.push(node);
    return node;
  };

  /** Runs a create that must fail, and sees to it that no node was changed by it. */
  const refused = async (commandLine: string, env: Record<string, string> = {}): Promise<string> => {
    const before = await viewsOf(nodes);
    const { code, out } = await trib(`create --yes ${commandLine}`, { env });
    expect(code).toBe(1);
    expect(out.endsWith('No node was changed.\n')).toBe(true);
    expect(await viewsOf(nodes)).toEqual(before);
    return out;
  };

  it('a server is not started', async () => {
    const port = await freePort();
    const out = await refused(`${three} 127.0.0.1:${port}`);
    expect(out).toContain(`[ERR] Sorry, can't connect to node 127.0.0.1:${port}\n`);
    expect(out).toContain(`Connection refused: port ${port} refuses connections on address 127.0.0.1.`);
    expect(out).toContain('Start it on that host:  shoal-server /path/to/redis.conf');
  });

  it('several servers are not started: it names each of them', async () => {
    const ports = [await freePort(), await freePort()];
    const out = await refused(`${three} 127.0.0.1:${ports[0]} 127.0.0.1:${ports[1]}`);
    for (const port of ports) expect(out).toContain(`[ERR] Sorry, can't connect to node 127.0.0.1:${port}`);
  });

  it.skipIf(noSecondLoopback !== undefined)('a server is bound to 127.0.0.1 only', async () => {
    const [{ port }] = nodes;
    const out = await refused(`${three} 127.0.0.2:${port}`);
    expect(out).toContain(`[ERR] Sorry, can't connect to node 127.0.0.2:${port}\n`);
    expect(out).toContain(`port ${port} refuses connections on address 127.0.0.2.`);
    expect(out).toContain(
      `A server does answer on 127.0.0.1:${port} of this machine: it is started, but bound to 127.0.0.1.`,
    );
    expect(out).toContain('Set `bind 0.0.0.0` (every address) or `bind 127.0.0.2` in its redis.conf and restart it.');
  });

  it('nodes are not empty: it names each, why, and the two commands that clear it', async () => {
    const [keys, slots, friends] = nodes;
    await keys.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await waitUntil('it serves', async () => String(await keys.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
    await keys.call('SET', 'foo', 'bar');
    await slots.call('CLUSTER', 'ADDSLOTS', '7');
    const other = await startExtra({});
    await friends.call('CLUSTER', 'MEET', other.host, String(other.port));
    // Until both have met, their views change by themselves.
    await waitUntil('the two have met', async () => {
      const views = (await viewsOf([friends, other])).flat();
      return views.length === 4 && views.every((line) => / (myself,)?master - \d+ connected/.test(line));
    });
    const out = await refused(three);
    expect(out).toContain(
      `[ERR] Node ${keys.address} is not empty: it holds 1 key in database 0, it has 16384 slots assigned.`,
    );
    expect(out).toContain(`[ERR] Node ${slots.address} is not empty: it has 1 slot assigned.`);
    expect(out).toContain(`[ERR] Node ${friends.address} is not empty: it knows 1 other node (${other.address}).`);
    for (const { port } of nodes) {
      expect(out).toContain(`      redis-cli -h 127.0.0.1 -p ${port} flushall\n`);
      expect(out).toContain(`      redis-cli -h 127.0.0.1 -p ${port} cluster reset soft\n`);
    }
    for (const node of [...nodes, other]) {
      await node.call('FLUSHALL');
      await node.call('CLUSTER', 'RESET', 'SOFT');
    }
    expect((await trib(`create --yes ${three}`)).code).toBe(0);
  });

  it('a finished cluster holds keys: it does not talk anybody into deleting them', async () => {
    await trib(`create --yes ${three}`);
    await Promise.any(nodes.map((node) => node.call('SET', 'foo', 'bar')));
    const out = await refused(three);
    expect(out).toContain('is not empty: it holds 1 key in database 0');
    expect(out).toContain('These nodes already are this very cluster. To keep it, do not clear them');
  });

  it('cluster mode is off', async () => {
    const plain = await startExtra({ 'cluster-enabled': 'no' });
    const out = await refused(`${three} ${plain.address}`);
    expect(out).toContain(`[ERR] Node ${plain.address} is not configured as a cluster node.\n`);
    expect(out).toContain('Set `cluster-enabled yes` in its redis.conf and restart it.');
    const checked = await trib(`check ${plain.address}`);
    expect(checked).toEqual({
      code: 1,
      out: `[ERR] Node ${plain.address} is not configured as a cluster node.\n`,
      err: '',
    });
  });

  it('a password is missing, wrong, or not needed', async () => {
    const locked = await startExtra({ requirepass: 'sesame' });
    const all = `${three} ${locked.address}`;
    expect(await refused(all)).toContain('The server asks for a password (requirepass) and none was given.');
    expect(await refused(`-a wrong ${all}`)).toContain('The server does not accept this password (WRONGPASS');
    expect(await refused(`--user nobody -a sesame ${all}`)).toContain('The server does not accept this password');
    // The right one is taken from everywhere, and nodes without a password let it pass.
    for (const run of [
      await trib(`create -a sesame ${all}`, { stdin: 'no\n' }),
      await trib(`-a sesame create ${all}`, { stdin: 'no\n' }),
      await trib(`create --user default -a sesame ${all}`, { stdin: 'no\n' }),
      await trib(`create ${all}`, { stdin: 'no\n', env: { REDISCLI_AUTH: 'sesame' } }),
      await trib(`create ${all}`, { stdin: 'no\n', env: { SHOAL_AUTH: 'sesame', REDISCLI_AUTH: 'wrong' } }),
      await trib(`create -a sesame ${all}`, { stdin: 'no\n', env: { REDISCLI_AUTH: 'wrong' } }),
      await trib(`create --askpass ${all}`, { stdin: 'sesame\nno\n', env: { REDISCLI_AUTH: 'wrong' } }),
    ]) {
      expect(run.out).toContain("Can I set the above configuration? (type 'yes' to accept): no\n");
    }
  });

  it.skipIf(noOwnAddress !== undefined)('a server is in protected mode', async () => {
    const shy = await startExtra({ bind: '0.0.0.0', 'protected-mode': 'yes' });
    const out = await refused(`${three} ${ownAddress}:${shy.port}`);
    expect(out).toContain(`[ERR] Sorry, can't connect to node ${ownAddress}:${shy.port}\n`);
    expect(out).toContain('The server is in protected mode');
    expect(out).toContain(`without a restart, on that host:  redis-cli -p ${shy.port} config set protected-mode no\n`);
  });

  it('a host name is unknown', async () => {
    const out = await refused(`${three} no-such-host.invalid:7000`);
    expect(out).toContain("[ERR] Sorry, can't connect to node no-such-host.invalid:7000\n");
    expect(out).toContain("The host name 'no-such-host.invalid' cannot be resolved");
  });

  it('a bus port is given for a client port', async () => {
    const bus = nodes[0].port + 10000;
    const out = await refused(`${three} 127.0.0.1:${bus}`);
    expect(out).toContain(`[ERR] Sorry, can't connect to node 127.0.0.1:${bus}\n`);
    expect(out).toContain(`If ${bus} is the cluster bus port: give the client port`);
  });

  it('a node is given twice, also under two names', async () => {
    const twice = (name: string): string =>
      `[ERR] Node ${nodes[0].address} is given twice: ${nodes[0].address} and ${name} are`;
    expect(await refused(`${three} ${nodes[0].address}`)).toContain(twice(nodes[0].address));
    const byName = `localhost:${nodes[0].port}`;
    expect(await refused(`${three} ${byName}`)).toContain(twice(byName));
  });

  it('the nodes cannot reach each other over the bus: who has not seen whom, and the bus port', async () => {
    const wrong = await freePort();
    const [first, second, third] = nodes;
    const { code, out } = await trib(
      `create --yes --timeout 600 ${first.address}@${wrong} ${second.address} ${third.address}`,
    );
    expect(code).toBe(1);
    expect(out).toContain(`   ${second.address} has not seen ${first.address}, ${third.address}\n`);
    expect(out).toContain(
      `   The cluster bus port 127.0.0.1:${wrong} of node ${first.address} does not accept connections.\n`,
    );
    expect(out).toContain('the client port + 10000, unless `cluster-port` says otherwise');
    expect(out).toContain('*** The cluster is not finished. Mend the cause and run the same command again');
    // With the right port the same nodes are finished.
    expect((await trib(`create --yes ${three}`)).code).toBe(0);
  });

  it('arguments make no sense: usage on standard error, and nothing is tried', async () => {
    for (const commandLine of ['create', 'create 127.0.0.1', 'create --replicas x a:1 b:2 c:3', 'nonsense', 'check']) {
      const { code, out, err } = await trib(commandLine);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(/^error: /);
    }
  });
});
