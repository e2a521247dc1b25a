/** Our nodes and Redis's own in one cluster: the wire format is the real one. */
import { Cluster } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { freePorts } from '../support/ports.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import {
  ClusterNode,
  endAfter,
  join,
  type TestContext,
  untilFlagged,
  untilJoined,
  untilState,
} from './support/cluster.js';
import { run, until } from './support/daemon.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('our nodes and those of Redis in one cluster');

/** 'o' is one of ours, 'r' one of Redis. */
async function mixed(test: TestContext, kinds: string): Promise<ClusterNode[]> {
  const ports = await freePorts(kinds.length);
  const nodes = endAfter(
    test,
    ports.map((port, i) => new ClusterNode({ port, program: kinds[i] === 'r' ? 'redis-server' : undefined })),
  );
  await Promise.all(nodes.map((node) => node.start()));
  return nodes;
}

async function slotTable(node: ClusterNode): Promise<string[]> {
  return (await node.view())
    .map((line) => `${line.id} ${line.port} ${line.configEpoch} ${line.slots.join(' ')}`)
    .sort();
}

describe.skipIf(!hasRedis).concurrent('one of ours and one of Redis', () => {
  it.for(['or', 'ro'])('meet whoever says MEET first (%s) and agree about slots', async (kinds, test) => {
    const nodes = await mixed(test, kinds);
    const [a, b] = nodes as [ClusterNode, ClusterNode];
    await join(nodes);
    expect(await slotTable(a)).toEqual(await slotTable(b));
    expect(await a.ask('CLUSTER', 'INFO')).toContain('cluster_slots_ok:16384\r\n');
    expect(await b.ask('CLUSTER', 'INFO')).toContain('cluster_slots_ok:16384\r\n');
    // foo is in the upper half, bar (5061) in the lower.
    expect(await a.ask('GET', 'foo')).toBe(`MOVED 12182 127.0.0.1:${b.port}`);
    expect(await b.ask('GET', 'bar')).toBe(`MOVED 5061 127.0.0.1:${a.port}`);
    expect(await b.ask('SET', 'foo', 'x')).toBe('OK');
  });

  it('hear of slots that change hands later', async (test) => {
    const nodes = await mixed(test, 'or');
    const [ours, theirs] = nodes as [ClusterNode, ClusterNode];
    await join(nodes);
    await theirs.ask('CLUSTER', 'DELSLOTS', '16383');
    await ours.ask('CLUSTER', 'DELSLOTS', '16383');
    await ours.ask('CLUSTER', 'ADDSLOTS', '16383');
    await ours.ask('CLUSTER', 'BUMPEPOCH');
    await until('they agree', async () => (await slotTable(ours)).join() === (await slotTable(theirs)).join());
    const line = (await theirs.view()).find((each) => each.port === ours.port);
    expect(line?.slots).toEqual(['0-8191', '16383']);
  });

  it('settle two equal config epochs', async (test) => {
    const nodes = await mixed(test, 'or');
    const [ours, theirs] = nodes as [ClusterNode, ClusterNode];
    await ours.ask('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
    await theirs.ask('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
    await ours.ask('CLUSTER', 'MEET', '127.0.0.1', String(theirs.port));
    await untilJoined(nodes);
    await until('the epochs differ and all agree', async () => {
      const [a, b] = [await ours.view(), await theirs.view()];
      const epochs = new Set(a.map((line) => line.configEpoch));
      return epochs.size === 2 && (await slotTable(ours)).join() === (await slotTable(theirs)).join() && b.length === 2;
    });
  });

  it('forget each other', async (test) => {
    const nodes = await mixed(test, 'or');
    const [ours, theirs] = nodes as [ClusterNode, ClusterNode];
    await join(nodes);
    const [ourId, theirId] = [await ours.id(), await theirs.id()];
    expect(await Promise.all([ours.ask('CLUSTER', 'FORGET', theirId), theirs.ask('CLUSTER', 'FORGET', ourId)])).toEqual(
      ['OK', 'OK'],
    );
    expect(await ours.view()).toHaveLength(1);
    expect(await theirs.view()).toHaveLength(1);
  });
});

describe.skipIf(!hasRedis).concurrent('two of ours and two of Redis', () => {
  it('see a node of either kind fail and come back', async (test) => {
    const nodes = await mixed(test, 'oorr');
    const [a, , c] = nodes as [ClusterNode, ClusterNode, ClusterNode, ClusterNode];
    await join(nodes);
    const tables = await Promise.all(nodes.map(slotTable));
    expect(new Set(tables.map((table) => table.join())).size).toBe(1);
    for (const victim of [a, c]) {
      const id = await victim.id();
      await victim.end('SIGKILL');
      const rest = nodes.filter((node) => node !== victim);
      for (const observer of rest) await untilFlagged(observer, id, 'fail');
      await untilState(rest, 'fail');
      await victim.start();
      for (const observer of rest) await untilFlagged(observer, id, 'fail', false);
      await untilJoined(nodes);
    }
  });

  it('serve ioredis and redis-cli as one cluster', async (test) => {
    const nodes = await mixed(test, 'orro');
    await join(nodes);
    const cluster = new Cluster([{ host: '127.0.0.1', port: nodes[0]?.port }]);
    const keys = Array.from({ length: 80 }, (_, i) => `key:${i}`);
    await Promise.all(keys.map((key) => cluster.set(key, key)));
    expect(await Promise.all(keys.map((key) => cluster.get(key)))).toEqual(keys);
    cluster.disconnect();
    for (const node of nodes) {
      const check = await run('redis-cli', ['--cluster', 'check', node.address]);
      expect({ code: check.code, output: check.output }).toMatchObject({ code: 0 });
    }
  });
});
