/** One of our nodes and two real redis-servers in one cluster, on real sockets. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseNodesConf } from '../../src/cluster/core/nodesConf.js';
import { freePort } from '../support/ports.js';
import { eventually, OurNode, RealRedis, whyNoRedis } from './realNode.js';

const reason = whyNoRedis();
if (reason !== undefined) console.warn(`SKIPPED: cluster bus against real servers: ${reason}`);

/** Flags and slots of a line of CLUSTER NODES. */
function gist(line: string): string {
  const fields = line.split(' ');
  return line === '' ? 'unknown' : [fields[2].replace('myself,', ''), fields[7], ...fields.slice(8)].join(' ');
}

describe.skipIf(reason !== undefined)('a cluster of ours and two redis-servers', () => {
  let ours: OurNode;
  let one: RealRedis;
  let two: RealRedis;
  let ids: { ours: string; one: string; two: string };

  beforeAll(async () => {
    ours = new OurNode(await freePort());
    [one, two] = await Promise.all([RealRedis.start(), RealRedis.start()]);
    await ours.start();
    ids = { ours: ours.id, one: await one.cluster('myid'), two: await two.cluster('myid') };
    expect(ours.io.admin({ kind: 'addSlotsRange', bounds: ['0', '5460'] })).toEqual({ ok: 'OK' });
    await one.cluster('addslotsrange', 5461, 10922);
    await two.cluster('addslotsrange', 10923, 16383);
  });

  afterAll(async () => {
    await ours?.remove();
    await one?.remove();
    await two?.remove();
  });

  const expected = {
    ours: 'master connected 0-5460',
    one: 'master connected 5461-10922',
    two: 'master connected 10923-16383',
  };

  async function allAgree(): Promise<boolean> {
    for (const name of ['ours', 'one', 'two'] as const) {
      const views = [ours.sees(ids[name]), await one.sees(ids[name]), await two.sees(ids[name])];
      if (views.some((line) => gist(line) !== expected[name])) return false;
    }
    return true;
  }

  it('forms when we meet one and the other meets us', async () => {
    expect(ours.io.admin({ kind: 'meet', ip: '127.0.0.1', port: String(one.port) })).toEqual({ ok: 'OK' });
    await two.cluster('meet', '127.0.0.1', ours.port);
    await eventually('all agree', allAgree);
    expect(ours.io.core.myself.ip).toBe('127.0.0.1');
    await eventually('ours is ok', () => ours.io.core.stateOk);
    await eventually('theirs is ok', async () => (await one.cluster('info')).includes('cluster_state:ok'));
  });

  it('settles on three different config epochs', async () => {
    await eventually('epochs differ in every view', async () => {
      const epochs = (text: string): string[] =>
        text
          .trim()
          .split('\n')
          .map((line) => line.split(' ')[6])
          .sort();
      const views = [
        ours.io.core.state.list.map((n) => String(n.configEpoch)).sort(),
        epochs(await one.cluster('nodes')),
      ];
      return views.every((view) => new Set(view).size === 3) && views[0].join() === views[1].join();
    });
  });

  it('passes on host names both ways', async () => {
    await two.client.config('SET', 'cluster-announce-hostname', 'two.example');
    ours.settings.announceHostname = 'ours.example';
    await eventually('they know ours', async () => (await one.sees(ids.ours)).includes(',ours.example '));
    await eventually('we know theirs', () => ours.sees(ids.two).includes(',two.example '));
  });

  it('passes on what clients publish', async () => {
    await one.client.publish('news', 'hello');
    await eventually('their message reaches us', () => ours.log.includes('published news hello'));
    const received: string[] = [];
    const subscriber = two.client.duplicate();
    subscriber.on('message', (channel, message) => received.push(`${channel} ${message}`));
    await subscriber.subscribe('news');
    ours.io.publish(Buffer.from('news'), Buffer.from('and back'), false);
    await eventually('our message reaches them', () => received.includes('news and back'));
    subscriber.disconnect();
  });

  it('moves a slot from theirs to ours by hand, and all agree', async () => {
    expect(ours.io.admin({ kind: 'setSlot', args: ['10000', 'importing', ids.one] })).toEqual({ ok: 'OK' });
    await one.cluster('setslot', 10000, 'migrating', ids.ours);
    expect(ours.io.admin({ kind: 'setSlot', args: ['10000', 'node', ids.ours] })).toEqual({ ok: 'OK' });
    await one.cluster('setslot', 10000, 'node', ids.ours);
    await eventually('two sees it', async () => (await two.sees(ids.ours)).endsWith(' 0-5460 10000'));
    expected.ours = 'master connected 0-5460 10000';
    expected.one = 'master connected 5461-9999 10001-10922';
    await eventually('all agree', allAgree);
  });

  it('sees a killed redis-server fail, and come back', async () => {
    await two.kill();
    await eventually('we see it failed', () => gist(ours.sees(ids.two)).startsWith('master,fail '));
    await eventually('one sees it failed', async () => gist(await one.sees(ids.two)).startsWith('master,fail '));
    await two.start();
    await eventually('all agree again', allAgree);
  });

  it('is seen to fail when ours stops, and to come back with the same id', async () => {
    await ours.io.close();
    await eventually('one sees it', async () => gist(await one.sees(ids.ours)).startsWith('master,fail '));
    await eventually('two sees it', async () => gist(await two.sees(ids.ours)).startsWith('master,fail '));
    await ours.start();
    expect(ours.id).toBe(ids.ours);
    await eventually('all agree again', allAgree);
  });

  it('votes: a replica of a killed master is promoted, for which two of three masters have to vote', async () => {
    const replica = await RealRedis.start();
    try {
      await replica.cluster('meet', '127.0.0.1', ours.port);
      const id = await replica.cluster('myid');
      await eventually('the replica knows its master', async () => (await replica.sees(ids.two)) !== '');
      await replica.cluster('replicate', ids.two);
      await eventually('we see it as a replica', () => gist(ours.sees(id)).startsWith('slave '));
      await eventually('it follows', async () => (await replica.client.info()).includes('master_link_status:up'));
      expect(ours.io.core.findNode(ids.two)?.replicas.map((node) => node.id)).toEqual([id]);
      await two.kill();
      await eventually('we see it promoted', () => gist(ours.sees(id)) === expected.two, 30_000);
      expect(ours.log.join('\n')).toContain(`Failover auth granted to ${id} for epoch`);
      expect(fs.readFileSync(ours.path, 'latin1')).toMatch(/ lastVoteEpoch [1-9]/);
      // The old master returns as a replica of the new one, which then steps back for it.
      await two.start();
      await eventually('the old master steps down', () => gist(ours.sees(ids.two)).startsWith('slave '), 30_000);
      await eventually('it follows', async () => (await two.client.info()).includes('master_link_status:up'));
      await two.cluster('failover');
      await eventually('a manual failover with our vote', () => gist(ours.sees(ids.two)) === expected.two, 30_000);
    } finally {
      const id = await replica.cluster('myid').catch(() => '');
      await replica.remove();
      ours.io.admin({ kind: 'forget', id });
      for (const redis of [one, two]) await redis.cluster('forget', id).catch(() => '');
    }
    await eventually('all agree', allAgree);
  });

  it('loads the nodes.conf that a redis-server wrote, and redis-server loads ours', async () => {
    const theirs = parseNodesConf(fs.readFileSync(`${one.directory}/nodes.conf`, 'latin1'), Date.now());
    if ('reason' in theirs) throw new Error(theirs.reason);
    theirs.state.verify();
    expect(theirs.state.nodes.get(ids.ours)?.ownsSlot(10000)).toBe(true);

    await two.kill();
    fs.copyFileSync(ours.path, `${two.directory}/nodes.conf`);
    await ours.io.close();
    await two.start();
    expect(await two.cluster('myid')).toBe(ids.ours);
    expect(gist(await two.sees(ids.one))).toMatch(/5461-9999 10001-10922$/);
  });
});
