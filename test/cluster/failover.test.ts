/** Replicas, elections, manual failover and replica migration, on a virtual clock and network. */
import { describe, expect, it } from 'vitest';
import { encodeBare } from '../../src/cluster/core/frame.js';
import { parseNodesConf } from '../../src/cluster/core/nodesConf.js';
import { AUTH_ACK } from '../../src/cluster/core/protocol.js';
import { ownerOf, SimCluster, type SimNode } from './simCluster.js';

const TIMEOUT_MS = 2000;

function cluster(replicas: number, seed = 1): { sim: SimCluster; masters: SimNode[]; replicas: SimNode[] } {
  const sim = SimCluster.withReplicas({ masters: 3, replicas, seed, nodeTimeoutMs: TIMEOUT_MS });
  return { sim, masters: sim.nodes.slice(0, 3), replicas: sim.nodes.slice(3) };
}

function settled(sim: SimCluster): boolean {
  return sim.converged() && sim.nodes.every((node) => !node.alive || node.core.stateOk);
}

function masterOf(node: SimNode): string | undefined {
  return node.core.myself.master?.id;
}

/** The epoch of the last election that the node stood in; 0 for none. */
function electionEpoch(node: SimNode): number {
  const line = node.log.findLast((text) => text.startsWith('Starting a failover election for epoch '));
  return Number.parseInt(line?.slice('Starting a failover election for epoch '.length) ?? '0', 10);
}

describe('CLUSTER REPLICATE', () => {
  it('says what it cannot do', () => {
    const { sim, masters, replicas } = cluster(1);
    const fresh = sim.addNode();
    sim.meet(fresh, masters[0]);
    sim.runUntil(() => sim.converged(), 10_000, 'the new node joins');
    const replicate = (node: SimNode, id: string): string => sim.admin(node, { kind: 'replicate', id });
    expect(replicate(fresh, 'f'.repeat(40))).toBe(`ERR Unknown node ${'f'.repeat(40)}`);
    expect(replicate(fresh, fresh.id)).toBe("ERR Can't replicate myself");
    expect(replicate(fresh, replicas[0].id)).toBe('ERR I can only replicate a master, not a replica.');
    const refusal = 'ERR To set a master the node must be empty and without assigned slots.';
    expect(replicate(masters[0], masters[1].id)).toBe(refusal);
    fresh.keysInSlot.set(1, 1);
    expect(replicate(fresh, masters[1].id)).toBe(refusal);
  });

  it('a replica may change its master, and starts as a replica again', () => {
    const { sim, masters, replicas } = cluster(1);
    expect(sim.admin(replicas[0], { kind: 'replicate', id: masters[1].id })).toBe('OK');
    expect(replicas[0].following).toBe(masters[1].ip);
    sim.kill(replicas[0]);
    replicas[0].following = undefined;
    sim.restart(replicas[0]);
    expect(replicas[0].following).toBe(masters[1].ip);
    sim.runUntil(() => settled(sim), 10_000, 'all is well');
    expect(masters[2].core.findNode(replicas[0].id)?.master?.id).toBe(masters[1].id);
  });

  it('a replica follows its master to a new address', () => {
    const { sim, masters, replicas } = cluster(1);
    sim.kill(masters[0]);
    (masters[0] as { ip: string }).ip = '10.0.0.99';
    sim.restart(masters[0]);
    sim.runUntil(() => replicas[0].following === '10.0.0.99', 20_000, 'the replica follows');
  });

  it('CLUSTER RESET makes an empty master of it', () => {
    const { sim, replicas } = cluster(1);
    replicas[0].keysInSlot.set(5, 3);
    expect(sim.admin(replicas[0], { kind: 'reset', hard: false })).toBe('OK');
    expect(replicas[0].core.myself.isMaster).toBe(true);
    expect(replicas[0].effects.findLast(({ kind }) => kind === 'unfollow')).toEqual({ kind: 'unfollow', flush: true });
  });
});

describe('election', () => {
  it.each([1, 2, 3, 4, 5])('a killed master is replaced, and returns as a replica (seed %d)', (seed) => {
    const { sim, masters, replicas } = cluster(3, seed);
    const [victim] = masters;
    const [heir] = replicas;
    sim.kill(victim);
    const others = sim.nodes.filter((node) => node !== victim);
    const tookMs = sim.runUntil(
      () => others.every((node) => ownerOf(sim, node, 0) === heir && node.core.stateOk),
      20_000,
      'the replica has taken over',
    );
    // Failure within two timeouts, at most a second of delay, and the votes.
    expect(tookMs).toBeLessThan(2 * TIMEOUT_MS + 1500);
    expect(heir.following).toBeUndefined();
    sim.restart(victim);
    sim.runUntil(() => masterOf(victim) === heir.id, 10_000, 'the old master steps down');
    expect(victim.following).toBe(heir.ip);
    sim.runUntil(() => settled(sim), 20_000, 'all agree');
  });

  it('the epoch asked for and the vote are on disk before anybody hears of them', () => {
    const { sim, masters, replicas } = cluster(1);
    sim.kill(masters[0]);
    sim.runUntil(() => electionEpoch(replicas[0]) > 0, 20_000, 'the replica asks');
    const epoch = electionEpoch(replicas[0]);
    const onDisk = parseNodesConf(replicas[0].disk as string, sim.nowMs);
    if ('reason' in onDisk) throw new Error(onDisk.reason);
    expect(onDisk.state.currentEpoch).toBe(epoch);
    sim.runUntil(() => masters[1].core.state.lastVoteEpoch === epoch, 1000, 'a master votes');
    sim.kill(masters[1]);
    sim.restart(masters[1]);
    expect(masters[1].core.state.lastVoteEpoch).toBe(epoch);
  });

  it('of two replicas the one with more data wins', () => {
    const { sim, masters, replicas } = cluster(6);
    const [older, newer] = [replicas[0], replicas[3]];
    sim.cut(older, masters[0]);
    masters[0].offset = 100;
    sim.run(300);
    expect([older.offset, newer.offset]).toEqual([0, 100]);
    sim.kill(masters[0]);
    sim.runUntil(() => ownerOf(sim, masters[1], 0) === newer, 20_000, 'the newer one takes over');
    sim.runUntil(() => masterOf(older) === newer.id, 5000, 'the other one follows it');
  });

  it('a replica without a word from its master for too long does not stand', () => {
    const { sim, masters, replicas } = cluster(1);
    replicas[0].config.replicaValidityFactor = 1;
    replicas[0].config.pingReplicaPeriodMs = 1000;
    sim.kill(masters[0]);
    replicas[0].heardOfMasterAtMs = sim.nowMs - 20_000;
    sim.run(20_000);
    expect(ownerOf(sim, masters[1], 0)).toBe(masters[0]);
    expect(replicas[0].log.join('\n')).toContain('Currently unable to failover: Disconnected from master for longer');
    replicas[0].config.replicaValidityFactor = 0;
    sim.runUntil(() => ownerOf(sim, masters[1], 0) === replicas[0], 20_000, 'without a limit it does');
  });

  it('a replica that has come from another master does not stand before it has anything of the new one', () => {
    const { sim, masters, replicas } = cluster(4);
    const [, , , second] = replicas;
    const newMaster = masters[1];
    sim.kill(replicas[1]);
    sim.cut(second, newMaster);
    expect(sim.admin(second, { kind: 'replicate', id: newMaster.id })).toBe('OK');
    sim.kill(newMaster);
    sim.run(20_000);
    expect(second.log.join('\n')).not.toContain('Starting a failover election');
    sim.restart(newMaster);
    sim.heal();
    sim.runUntil(() => second.core.context.coveredSlots[900] !== 0, 20_000, 'it replicates its new master');
    sim.kill(newMaster);
    sim.runUntil(() => ownerOf(sim, masters[2], 8000) === second, 20_000, 'now it stands');
  });

  it('cluster-replica-no-failover leaves it to the operator', () => {
    const { sim, masters, replicas } = cluster(1);
    replicas[0].config.replicaNoFailover = true;
    sim.kill(masters[0]);
    sim.run(20_000);
    expect(ownerOf(sim, masters[1], 0)).toBe(masters[0]);
    expect(sim.admin(replicas[0], { kind: 'failover', mode: 'FORCE' })).toBe('OK');
    sim.runUntil(() => ownerOf(sim, masters[1], 0) === replicas[0], 5000, 'by hand it does');
  });

  it('without a majority of masters nobody is elected', () => {
    const { sim, masters, replicas } = cluster(2);
    for (const replica of replicas) replica.config.replicaValidityFactor = 0;
    sim.kill(masters[0]);
    sim.kill(masters[1]);
    sim.run(30_000);
    expect(replicas.every((node) => node.core.myself.isReplica)).toBe(true);
    sim.restart(masters[1]);
    sim.runUntil(() => ownerOf(sim, masters[2], 0) === replicas[0], 30_000, 'with one it is');
  });

  it('an election that fails is held again, under a new epoch', () => {
    const { sim, masters, replicas } = cluster(1);
    sim.kill(masters[0]);
    sim.runUntil(() => replicas[0].core.context.election.startsAtMs > sim.nowMs, 20_000, 'an election is due');
    for (const master of masters.slice(1)) sim.cut(replicas[0], master);
    sim.runUntil(() => electionEpoch(replicas[0]) > 0, 5000, 'it is held');
    const epoch = electionEpoch(replicas[0]);
    sim.run(3000);
    expect(replicas[0].core.myself.isReplica).toBe(true);
    sim.heal();
    sim.runUntil(() => ownerOf(sim, masters[1], 0) === replicas[0], 30_000, 'the next one succeeds');
    expect(replicas[0].core.myself.configEpoch).toBeGreaterThan(epoch);
  });

  it('an isolated master stops, is replaced on the other side, and follows its heir afterwards', () => {
    const { sim, masters, replicas } = cluster(3);
    sim.partition([masters[0]], [...masters.slice(1), ...replicas]);
    sim.runUntil(() => !masters[0].core.stateOk, 2 * TIMEOUT_MS, 'it stops');
    sim.runUntil(() => ownerOf(sim, masters[1], 0) === replicas[0], 20_000, 'it is replaced');
    expect(ownerOf(sim, masters[0], 0)).toBe(masters[0]);
    sim.heal();
    sim.runUntil(() => masterOf(masters[0]) === replicas[0].id, 20_000, 'it follows');
    sim.runUntil(() => settled(sim), 20_000, 'all agree');
  });
});

describe('a process that was stopped', () => {
  it('accepts no write until it has heard who is in its place', () => {
    const { sim, masters, replicas } = cluster(3);
    sim.stop(masters[0]);
    sim.runUntil(() => ownerOf(sim, masters[1], 0) === replicas[0], 20_000, 'it is replaced');
    expect(masters[0].core.stateOk).toBe(true);
    sim.proceed(masters[0]);
    expect(masters[0].core.stateOk).toBe(false);
    sim.runUntil(() => masterOf(masters[0]) === replicas[0].id, 5000, 'it follows');
    sim.runUntil(() => settled(sim), 20_000, 'all agree');
  });

  it('takes nobody for dead because it did not listen', () => {
    const { sim, masters } = cluster(1);
    sim.stop(masters[1]);
    sim.run(10 * TIMEOUT_MS);
    sim.proceed(masters[1]);
    const { list } = masters[1].core.state;
    expect(list.filter((node) => node.isUnreachable)).toEqual([]);
    sim.runUntil(() => settled(sim), 20_000, 'all agree');
    expect(masters[1].core.isMine(8000)).toBe(true);
  });
});

describe('CLUSTER FAILOVER', () => {
  it('says what it cannot do', () => {
    const { sim, masters, replicas } = cluster(1);
    const failover = (node: SimNode, mode?: string): string => sim.admin(node, { kind: 'failover', mode });
    expect(failover(masters[0])).toBe('ERR You should send CLUSTER FAILOVER to a replica');
    expect(failover(replicas[0], 'now')).toBe('ERR syntax error');
    sim.kill(masters[0]);
    sim.runUntil(() => replicas[0].core.findNode(masters[0].id)?.link === undefined, 10_000, 'the link is gone');
    expect(failover(replicas[0])).toBe('ERR Master is down or failed, please use CLUSTER FAILOVER FORCE');
  });

  it('waits until the replica has what the paused master wrote, and neither waits for a timeout', () => {
    const { sim, masters, replicas } = cluster(3);
    masters[0].offset = 50;
    expect(sim.admin(replicas[0], { kind: 'failover', mode: undefined })).toBe('OK');
    const tookMs = sim.runUntil(() => ownerOf(sim, masters[1], 0) === replicas[0], 2000, 'it takes over');
    expect(tookMs).toBeLessThan(500);
    expect(replicas[0].offset).toBe(50);
    expect(masters[0].effects.some(({ kind }) => kind === 'pauseWrites')).toBe(true);
    sim.runUntil(() => masterOf(masters[0]) === replicas[0].id, 1000, 'the old master follows');
    expect(masters[0].paused).toBe(false);
    sim.runUntil(() => settled(sim), 20_000, 'all agree');
  });

  it('does not take equal offsets of a fresh replica and an idle master for equal data', () => {
    const { sim, masters, replicas } = cluster(1);
    replicas[0].following = undefined;
    expect([masters[0].offset, replicas[0].offset]).toEqual([0, 0]);
    expect(sim.admin(replicas[0], { kind: 'failover', mode: undefined })).toBe('OK');
    sim.run(1000);
    expect(replicas[0].core.myself.isReplica).toBe(true);
    replicas[0].following = masters[0].ip;
    sim.runUntil(() => replicas[0].core.myself.isMaster, 4000, 'with the link it takes over');
  });

  it('is over after five seconds, also for a replica that was stopped and finds its votes then', () => {
    // Votes count for two node timeouts, which is longer than a manual failover here.
    const sim = SimCluster.withReplicas({ masters: 3, replicas: 1, nodeTimeoutMs: 4000 });
    const masters = sim.nodes.slice(0, 3);
    const [, , , replica] = sim.nodes;
    sim.run(4000);
    for (const master of masters.slice(1)) sim.cut(replica, master);
    expect(sim.admin(replica, { kind: 'failover', mode: undefined })).toBe('OK');
    sim.runUntil(() => electionEpoch(replica) > 0, 2000, 'the replica asks');
    const epoch = electionEpoch(replica);
    sim.stop(replica);
    sim.run(6000);
    replica.kept = undefined;
    for (const master of masters) {
      sim.inject(master, replica, encodeBare(AUTH_ACK, { ...master.core.context.header(), currentEpoch: epoch }));
    }
    expect(replica.core.myself.isReplica).toBe(true);
  });

  it('gives up after five seconds when the replica cannot catch up, and the master goes on', () => {
    const { sim, masters, replicas } = cluster(3);
    replicas[0].following = undefined;
    masters[0].offset = 50;
    sim.admin(replicas[0], { kind: 'failover', mode: undefined });
    sim.run(1000);
    expect(masters[0].paused).toBe(true);
    sim.run(5000);
    expect(masters[0].paused).toBe(false);
    expect(ownerOf(sim, masters[1], 0)).toBe(masters[0]);
    expect(replicas[0].log).toContain('Manual failover timed out.');
  });

  it('TAKEOVER asks nobody', () => {
    const { sim, masters, replicas } = cluster(1);
    sim.kill(masters[0]);
    sim.kill(masters[1]);
    expect(sim.admin(replicas[0], { kind: 'failover', mode: 'takeover' })).toBe('OK');
    expect(replicas[0].core.isMine(0)).toBe(true);
    sim.run(1000);
    expect(ownerOf(sim, masters[2], 0)).toBe(replicas[0]);
  });
});

describe('replica migration', () => {
  it('a replica of the best covered master goes to one that lost its last', () => {
    const { sim, masters, replicas } = cluster(4);
    const [only, , , spare] = replicas;
    // Master 0 has two replicas; master 1 loses its only one.
    expect([masterOf(only), masterOf(spare)]).toEqual([masters[0].id, masters[0].id]);
    sim.kill(replicas[1]);
    const moved = (): SimNode | undefined => [only, spare].find((node) => masterOf(node) === masters[1].id);
    sim.runUntil(() => moved() !== undefined, 30_000, 'one of them moves');
    expect(moved()?.id).toBe([only.id, spare.id].sort()[0]);
    sim.run(20_000);
    expect([only, spare].filter((node) => masterOf(node) === masters[0].id)).toHaveLength(1);
  });

  it.each([
    ['cluster-migration-barrier', { migrationBarrier: 2 }],
    ['cluster-allow-replica-migration', { allowReplicaMigration: false }],
  ])('%s keeps it', (_, setting) => {
    const { sim, masters, replicas } = cluster(4);
    for (const node of sim.nodes) Object.assign(node.config, setting);
    sim.kill(replicas[1]);
    sim.run(30_000);
    expect([masterOf(replicas[0]), masterOf(replicas[3])]).toEqual([masters[0].id, masters[0].id]);
  });
});

describe('masters that become replicas', () => {
  it('a replica of a replica goes to the master above', () => {
    const { sim, masters, replicas } = cluster(1);
    const empty = sim.addNode();
    sim.meet(empty, masters[0]);
    sim.runUntil(() => sim.converged(), 10_000, 'the new node joins');
    const below = sim.addReplica(empty);
    sim.admin(empty, { kind: 'replicate', id: masters[2].id });
    sim.runUntil(() => masterOf(below) === masters[2].id, 20_000, 'the replica moves up');
    expect(replicas[0].core.findNode(below.id)).toBeDefined();
  });

  it('a master that gives its last slot away follows the new owner, and so do its replicas', () => {
    const { sim, masters, replicas } = cluster(1);
    // As if all slots had been moved one by one.
    const bounds = ['0', '5460'];
    sim.admin(masters[1], { kind: 'delSlotsRange', bounds });
    sim.admin(masters[1], { kind: 'addSlotsRange', bounds });
    sim.admin(masters[1], { kind: 'bumpEpoch' });
    sim.runUntil(() => masterOf(masters[0]) === masters[1].id, 10_000, 'the master follows');
    sim.runUntil(() => masterOf(replicas[0]) === masters[1].id, 10_000, 'its replica too');
    sim.runUntil(() => settled(sim), 20_000, 'all agree');
  });

  it('but not while it holds keys of a slot that it imports, which nobody else has', () => {
    const { sim, masters } = cluster(1);
    const [giver, taker, other] = masters;
    const slot = '10923';
    sim.admin(giver, { kind: 'setSlot', args: [slot, 'importing', other.id] });
    giver.keysInSlot.set(10923, 1);
    sim.admin(giver, { kind: 'delSlotsRange', bounds: ['1', '5460'] });
    sim.admin(giver, { kind: 'setSlot', args: ['0', 'migrating', taker.id] });
    sim.admin(taker, { kind: 'setSlot', args: ['0', 'importing', giver.id] });
    sim.admin(taker, { kind: 'setSlot', args: ['0', 'node', taker.id] });
    sim.runUntil(() => ownerOf(sim, giver, 0) === taker, 10_000, 'the old owner has heard of it');
    expect(giver.core.myself.slotCount).toBe(0);
    expect(giver.core.myself.isMaster).toBe(true);
    expect(giver.core.importingFrom(10923)?.id).toBe(other.id);
  });

  it("nor when the operator tells it that the last slot is another one's", () => {
    const { sim, masters } = cluster(0);
    const [giver, taker, other] = masters;
    sim.admin(giver, { kind: 'setSlot', args: ['10923', 'importing', other.id] });
    giver.keysInSlot.set(10923, 1);
    sim.admin(giver, { kind: 'delSlotsRange', bounds: ['1', '5460'] });
    expect(sim.admin(giver, { kind: 'setSlot', args: ['0', 'node', taker.id] })).toBe('OK');
    expect(giver.core.myself.isMaster).toBe(true);
  });
});
