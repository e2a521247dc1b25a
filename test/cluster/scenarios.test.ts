/** Whole clusters of the real core, on a virtual clock and network. */
import { describe, expect, it } from 'vitest';
import { encodeBare } from '../../src/cluster/core/frame.js';
import { AUTH_ACK, AUTH_REQUEST, NODE_REPLICA } from '../../src/cluster/core/protocol.js';
import { countFailureReports, infoText, nodesText } from '../../src/cluster/core/queries.js';
import { ownerOf, SimCluster, type SimNode } from './simCluster.js';

const TIMEOUT_MS = 2000;

function sees(viewer: SimNode, node: SimNode): string {
  const line = nodesText(viewer.core)
    .split('\n')
    .find((text) => text.startsWith(node.id));
  return line?.split(' ')[2] ?? 'unknown';
}

describe('joining', () => {
  it('six nodes that meet one of them learn of each other and of all slots', () => {
    const sim = SimCluster.joined({ nodes: 6, nodeTimeoutMs: TIMEOUT_MS });
    for (const node of sim.nodes) {
      expect(node.core.state.nodes.size).toBe(6);
      expect(infoText(node.core, 0)).toContain('cluster_slots_ok:16384\r\n');
      expect(nodesText(node.core)).not.toContain('disconnected');
      expect(node.core.state.list.map((member) => member.configEpoch).sort()).toEqual([1, 2, 3, 4, 5, 6]);
    }
  });

  it('a node that nobody answers is dropped after the node timeout', () => {
    const sim = new SimCluster({ nodes: 1, nodeTimeoutMs: TIMEOUT_MS });
    expect(sim.admin(sim.nodes[0], { kind: 'meet', ip: '10.9.9.9', port: '7000' })).toBe('OK');
    expect(nodesText(sim.nodes[0].core)).toContain('10.9.9.9:7000@17000 handshake');
    sim.run(TIMEOUT_MS + 300);
    expect(sim.nodes[0].core.state.nodes.size).toBe(1);
  });

  it('meeting oneself changes nothing', () => {
    const sim = new SimCluster({ nodes: 1, nodeTimeoutMs: TIMEOUT_MS });
    sim.meet(sim.nodes[0], sim.nodes[0]);
    sim.run(3000);
    expect(sim.nodes[0].core.state.nodes.size).toBe(1);
  });

  it('meeting a member again changes nothing', () => {
    const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
    sim.meet(sim.nodes[0], sim.nodes[1]);
    sim.run(3000);
    expect(sim.converged()).toBe(true);
    expect(sim.nodes[0].core.state.nodes.size).toBe(3);
  });

  it('host names travel, and go away when they are no longer announced', () => {
    const sim = SimCluster.joined({ nodes: 2, nodeTimeoutMs: TIMEOUT_MS });
    sim.nodes[1].config.announceHostname = 'two.example';
    sim.run(TIMEOUT_MS);
    expect(nodesText(sim.nodes[0].core)).toContain('10.0.0.2:6379@16379,two.example master');
    sim.nodes[1].config.announceHostname = '';
    sim.run(TIMEOUT_MS);
    expect(nodesText(sim.nodes[0].core)).not.toContain('two.example');
  });
});

describe('failure', () => {
  it('a killed master is seen as failing by all, the cluster state fails, and its return heals it', () => {
    const sim = SimCluster.joined({ nodes: 6, nodeTimeoutMs: TIMEOUT_MS });
    const [victim, ...others] = sim.nodes;
    sim.kill(victim);
    const tookMs = sim.runUntil(
      () => others.every((node) => sees(node, victim).includes('fail') && !sees(node, victim).includes('fail?')),
      10_000,
      'all see the failure',
    );
    expect(tookMs).toBeGreaterThan(TIMEOUT_MS);
    expect(tookMs).toBeLessThan(2 * TIMEOUT_MS);
    expect(others.some((node) => node.core.stateOk)).toBe(false);
    expect(infoText(others[0].core, 0)).toContain('cluster_slots_fail:2730\r\n');
    sim.restart(victim);
    // The others wait two timeouts for a replica to take over, and all masters before they accept writes again.
    sim.runUntil(() => sim.nodes.every((node) => node.core.stateOk) && sim.converged(), 20_000, 'all is well again');
  });

  it('a node that only hangs (connections are made but nothing comes) is found as well', () => {
    const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
    const [victim, ...others] = sim.nodes;
    sim.partition([victim], others);
    sim.runUntil(() => others.every((node) => sees(node, victim) === 'master,fail'), 3 * TIMEOUT_MS, 'FAIL');
  });

  it('without full coverage required, the others go on serving', () => {
    const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
    for (const node of sim.nodes) node.config.requireFullCoverage = false;
    sim.kill(sim.nodes[0]);
    sim.run(4 * TIMEOUT_MS);
    expect(sees(sim.nodes[1], sim.nodes[0])).toBe('master,fail');
    expect(sim.nodes[1].core.stateOk).toBe(true);
  });

  it('a minority stops, a majority without its slots too, and both resume after the partition', () => {
    const sim = SimCluster.joined({ nodes: 5, nodeTimeoutMs: TIMEOUT_MS });
    for (const node of sim.nodes) node.config.requireFullCoverage = false;
    const minority = sim.nodes.slice(0, 2);
    const majority = sim.nodes.slice(2);
    sim.partition(minority, majority);
    sim.runUntil(() => minority.every((node) => !node.core.stateOk), 2 * TIMEOUT_MS, 'the minority stops');
    sim.run(2 * TIMEOUT_MS);
    expect(majority.every((node) => node.core.stateOk)).toBe(true);
    // Two of five can suspect, never condemn.
    for (const node of majority) expect(sees(minority[0], node)).toBe('master,fail?');
    for (const node of minority) expect(sees(majority[0], node)).toBe('master,fail');
    sim.heal();
    const tookMs = sim.runUntil(() => minority.every((node) => node.core.stateOk), 20_000, 'the minority resumes');
    expect(tookMs).toBeGreaterThanOrEqual(TIMEOUT_MS);
    sim.runUntil(() => sim.converged(), 20_000, 'all agree');
  });

  it('a node without slots that returns is taken back at once', () => {
    const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
    const empty = sim.addNode();
    sim.meet(empty, sim.nodes[0]);
    sim.runUntil(() => sim.converged(), 10_000, 'the empty node joins');
    sim.kill(empty);
    sim.runUntil(() => sees(sim.nodes[0], empty) === 'master,fail', 10_000, 'FAIL');
    expect(sim.nodes[0].core.stateOk).toBe(true);
    sim.restart(empty);
    sim.runUntil(() => sees(sim.nodes[0], empty) === 'master', 1000, 'back');
    expect(sim.nodes[0].log.join('\n')).toContain(`Clear FAIL state for node ${empty.id}: master without slots`);
  });

  it('a restarted master waits two seconds before it accepts writes', () => {
    const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
    sim.kill(sim.nodes[0]);
    sim.restart(sim.nodes[0]);
    const tookMs = sim.runUntil(() => sim.nodes[0].core.stateOk, 10_000, 'writable');
    expect(tookMs).toBeGreaterThanOrEqual(2000);
  });

  it('a node that comes back at another address is found again', () => {
    const sim = SimCluster.joined({ nodes: 4, nodeTimeoutMs: TIMEOUT_MS });
    const mover = sim.nodes[3];
    sim.kill(mover);
    (mover as { ip: string }).ip = '10.0.0.99';
    sim.restart(mover);
    sim.runUntil(() => sim.converged(), 20_000, 'all know the new address');
    expect(sim.nodes[0].core.findNode(mover.id)?.ip).toBe('10.0.0.99');
  });
});

describe('slots and epochs', () => {
  it('two nodes that claim one slot are reconciled: the larger config epoch wins', () => {
    const sim = new SimCluster({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
    const [a, b] = sim.nodes;
    sim.admin(a, { kind: 'addSlotsRange', bounds: ['0', '99'] });
    sim.admin(b, { kind: 'addSlotsRange', bounds: ['50', '149'] });
    a.keysInSlot.set(60, 3);
    sim.admin(a, { kind: 'setConfigEpoch', epoch: '3' });
    sim.admin(b, { kind: 'setConfigEpoch', epoch: '7' });
    for (const node of sim.nodes.slice(1)) sim.meet(node, a);
    sim.runUntil(() => sim.converged(), 10_000, 'all agree');
    for (const viewer of sim.nodes) {
      expect(ownerOf(sim, viewer, 49)).toBe(a);
      expect(ownerOf(sim, viewer, 50)).toBe(b);
      expect(ownerOf(sim, viewer, 99)).toBe(b);
    }
    // a still has other slots, so its keys in the lost one are stray.
    expect(a.droppedSlots).toEqual([60]);
  });

  it('of two masters with one config epoch, one takes another', () => {
    const sim = new SimCluster({ nodes: 4, nodeTimeoutMs: TIMEOUT_MS });
    for (const node of sim.nodes) sim.admin(node, { kind: 'setConfigEpoch', epoch: '5' });
    for (const node of sim.nodes.slice(1)) sim.meet(node, sim.nodes[0]);
    const epochs = (): number => new Set(sim.nodes.map((node) => node.core.myself.configEpoch)).size;
    sim.runUntil(() => sim.converged() && epochs() === 4, 60_000, 'four different epochs');
  });

  it('a node that was away while its slots moved is told so by an UPDATE, from nodes it never lost to', () => {
    const sim = SimCluster.joined({ nodes: 4, nodeTimeoutMs: TIMEOUT_MS });
    const [stale, taker, witness] = sim.nodes;
    sim.kill(stale);
    sim.admin(taker, { kind: 'setSlot', args: ['7', 'node', taker.id] });
    sim.admin(taker, { kind: 'bumpEpoch' });
    sim.runUntil(() => ownerOf(sim, witness, 7) === taker, 10_000, 'the witness learns');
    sim.partition([stale, witness], [taker], [sim.nodes[3]]);
    sim.restart(stale);
    sim.runUntil(() => ownerOf(sim, stale, 7) === taker, 10_000, 'the stale node learns from the witness');
    expect(witness.log.join('\n')).toContain(`Node ${stale.id} has old slots configuration, sending an UPDATE message`);
  });

  it('a slot that is moved by hand ends at its new owner with a new epoch everywhere', () => {
    const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
    const [source, target, other] = sim.nodes;
    expect(sim.admin(target, { kind: 'setSlot', args: ['10', 'importing', source.id] })).toBe('OK');
    expect(sim.admin(source, { kind: 'setSlot', args: ['10', 'migrating', target.id] })).toBe('OK');
    expect(nodesText(source.core)).toContain(`[10->-${target.id}]`);
    expect(nodesText(target.core)).toContain(`[10-<-${source.id}]`);
    sim.run(1000);
    expect(ownerOf(sim, other, 10)).toBe(source);
    expect(target.disk).toContain('[10-<-');
    expect(sim.admin(target, { kind: 'setSlot', args: ['10', 'node', target.id] })).toBe('OK');
    expect(target.disk).not.toContain('[10-<-');
    expect(sim.admin(source, { kind: 'setSlot', args: ['10', 'node', target.id] })).toBe('OK');
    expect(source.disk).not.toContain('[10->-');
    sim.runUntil(() => sim.converged(), 5000, 'all agree');
    expect(ownerOf(sim, other, 10)).toBe(target);
    expect(target.core.myself.configEpoch).toBe(4);
    expect(nodesText(source.core) + nodesText(target.core)).not.toContain('[');
  });

  it('slots that are taken in one step are on disk at once, and everywhere soon, whether or not the source is told', () => {
    const slots = [10, 11, 12, 400];
    for (const isTold of [true, false]) {
      const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
      const [source, target] = sim.nodes;
      expect(sim.admin(target, { kind: 'takeSlots', slots })).toBe('OK');
      expect(target.core.myself.configEpoch).toBe(4);
      const [mine] = (target.disk ?? '').split('\n').filter((line) => line.includes('myself'));
      expect(mine).toContain(' 4 connected 10-12 400 ');
      if (isTold) {
        expect(sim.admin(source, { kind: 'giveSlots', slots, id: target.id })).toBe('OK');
        expect(slots.map((slot) => ownerOf(sim, source, slot))).toEqual(slots.map(() => target));
      }
      sim.runUntil(() => sim.converged(), 5000, 'all agree');
      for (const node of sim.nodes) {
        expect(slots.map((slot) => ownerOf(sim, node, slot))).toEqual(slots.map(() => target));
        expect(ownerOf(sim, node, 13)).toBe(source);
      }
    }
  });

  it('the one who gives slots without having them changes nothing', () => {
    const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
    const [source, target, other] = sim.nodes;
    expect(sim.admin(other, { kind: 'giveSlots', slots: [10], id: target.id })).toBe('OK');
    expect(ownerOf(sim, other, 10)).toBe(source);
    expect(sim.admin(source, { kind: 'giveSlots', slots: [10], id: 'x' })).toBe('ERR Unknown node x');
    expect(ownerOf(sim, source, 10)).toBe(source);
  });
});

describe('details of the rules', () => {
  it('no claim, whatever its epoch, takes a slot that the claimed side is importing', () => {
    const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
    const [source, target, thief] = sim.nodes;
    sim.admin(target, { kind: 'setSlot', args: ['10', 'importing', source.id] });
    sim.admin(thief, { kind: 'setSlot', args: ['10', 'node', thief.id] });
    sim.admin(thief, { kind: 'setSlot', args: ['11', 'node', thief.id] });
    thief.core.myself.configEpoch = 50;
    sim.runUntil(() => ownerOf(sim, source, 10) === thief, 5000, 'the source believes the larger epoch');
    sim.runUntil(() => ownerOf(sim, target, 11) === thief, 5000, 'so does the target for other slots');
    expect(ownerOf(sim, target, 10)).toBe(source);
  });

  it('a slot its owner has let go stays bound, and is free for whoever claims it, even with a smaller epoch', () => {
    const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
    const [low, , high] = sim.nodes;
    sim.admin(high, { kind: 'delSlots', slots: ['16000'] });
    sim.run(2 * TIMEOUT_MS);
    expect(ownerOf(sim, low, 16000)).toBe(high);
    sim.admin(low, { kind: 'delSlots', slots: ['16000'] });
    sim.admin(low, { kind: 'addSlots', slots: ['16000'] });
    sim.runUntil(
      () => sim.nodes.every((node) => ownerOf(sim, node, 16000) === low),
      5000,
      'all give it to the new one',
    );
  });

  it('a report of failure counts for two timeouts, and only while it is repeated', () => {
    const sim = SimCluster.joined({ nodes: 5, nodeTimeoutMs: TIMEOUT_MS });
    const [victim, reporter, other, ...rest] = sim.nodes;
    // Only the reporter cannot reach the victim, so nobody else agrees.
    sim.cut(reporter, victim);
    const reports = (): number | undefined => countFailureReports(other.core, victim.id, sim.nowMs);
    sim.runUntil(() => reports() === 1, 10_000, 'one report');
    sim.run(5 * TIMEOUT_MS);
    expect(reports()).toBe(1);
    expect([other, ...rest].map((node) => sees(node, victim))).toEqual(['master', 'master', 'master']);
    expect(sees(reporter, victim)).toBe('master,fail?');
    sim.kill(reporter);
    sim.run(2 * TIMEOUT_MS + 500);
    expect(reports()).toBe(0);
    expect(countFailureReports(other.core, 'f'.repeat(40), sim.nowMs)).toBeUndefined();
  });

  it('a single master that serves all slots marks a dead companion as failing by itself', () => {
    const sim = new SimCluster({ nodes: 1, nodeTimeoutMs: TIMEOUT_MS });
    sim.admin(sim.nodes[0], { kind: 'addSlotsRange', bounds: ['0', '16383'] });
    const companion = sim.addNode();
    sim.meet(companion, sim.nodes[0]);
    sim.runUntil(() => sim.converged() && sim.nodes[0].core.stateOk, 10_000, 'it joins');
    sim.kill(companion);
    sim.runUntil(() => sees(sim.nodes[0], companion) === 'master,fail', 2 * TIMEOUT_MS, 'FAIL');
    expect(sim.nodes[0].core.stateOk).toBe(true);
  });
});

describe('chaos', () => {
  it.each([1, 2, 3, 4, 5, 6])('of kills, restarts, partitions and moved slots heals in the end (seed %i)', (seed) => {
    const sim = SimCluster.joined({ nodes: 5, seed, nodeTimeoutMs: TIMEOUT_MS });
    const { random } = sim;
    const pick = (): SimNode => sim.nodes[random.below(sim.nodes.length)];
    for (let round = 0; round < 12; round++) {
      const node = pick();
      const dice = random.below(6);
      if (dice === 0) sim.heal();
      else if (dice === 1) {
        const side = new Set(sim.nodes.filter(() => random.below(2) === 0));
        sim.partition(
          [...side],
          sim.nodes.filter((other) => !side.has(other)),
        );
      } else if (dice === 2 && node.alive) sim.kill(node);
      else if (dice === 3 && !node.alive) sim.restart(node);
      else if (dice === 4) sim.cut(node, pick());
      else if (node.alive) {
        const slot = String(random.below(16384));
        sim.admin(node, { kind: 'setSlot', args: [slot, 'node', node.id] });
        sim.admin(node, { kind: 'bumpEpoch' });
      }
      sim.run(random.below(3 * TIMEOUT_MS));
    }
    sim.heal();
    for (const node of sim.nodes) if (!node.alive) sim.restart(node);
    sim.runUntil(() => sim.converged(), 60_000, 'all views agree');
    sim.runUntil(() => sim.nodes.every((node) => node.core.stateOk), 20_000, 'all serve');
    const epochs = new Set(sim.nodes.map((node) => node.core.myself.configEpoch));
    expect(epochs.size).toBe(sim.nodes.length);
  });
});

describe('leaving', () => {
  it('a node that all forget stays away for a minute', () => {
    const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
    const gone = sim.addNode();
    sim.meet(gone, sim.nodes[0]);
    sim.runUntil(() => sim.converged(), 10_000, 'it joins');
    sim.kill(gone);
    for (const node of sim.nodes.slice(0, 3)) {
      expect(sim.admin(node, { kind: 'forget', id: gone.id })).toBe('OK');
    }
    sim.run(10_000);
    for (const node of sim.nodes.slice(0, 3)) expect(sees(node, gone)).toBe('unknown');
  });

  it('a node that only one forgets comes back through gossip, after a minute', () => {
    const sim = SimCluster.joined({ nodes: 4, nodeTimeoutMs: TIMEOUT_MS });
    const [forgetful, other] = sim.nodes;
    sim.admin(forgetful, { kind: 'forget', id: other.id });
    sim.run(50_000);
    expect(sees(forgetful, other)).toBe('unknown');
    sim.run(30_000);
    expect(sees(forgetful, other)).toBe('master');
  });

  it('a soft reset keeps the id, a hard one does not, and both can join again', () => {
    for (const hard of [false, true]) {
      const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
      const node = sim.nodes[2];
      const before = { id: node.id, epoch: node.core.myself.configEpoch };
      node.keysInSlot.set(16000, 1);
      expect(sim.admin(node, { kind: 'reset', hard })).toBe(
        "ERR CLUSTER RESET can't be called with master nodes containing keys",
      );
      node.keysInSlot.clear();
      expect(sim.admin(node, { kind: 'reset', hard })).toBe('OK');
      expect(node.core.state.nodes.size).toBe(1);
      expect(node.core.state.slotsAssigned).toBe(0);
      expect(node.id === before.id).toBe(!hard);
      expect(node.core.myself.configEpoch).toBe(hard ? 0 : before.epoch);
      sim.meet(sim.nodes[0], node);
      sim.run(10_000);
      expect(sees(sim.nodes[1], node)).toBe('master');
      expect(sees(node, sim.nodes[1])).toBe('master');
    }
  });
});

describe('voting', () => {
  /** Three masters and one more node, made a replica of the first in everybody's view, which asks for votes. */
  function election(): { sim: SimCluster; voter: SimNode; replica: SimNode; ask: (epoch: number) => void } {
    const sim = SimCluster.joined({ nodes: 3, nodeTimeoutMs: TIMEOUT_MS });
    const [master, voter] = sim.nodes;
    const replica = sim.addNode();
    // It asks only when it is told to.
    replica.config.replicaNoFailover = true;
    sim.meet(replica, voter);
    sim.runUntil(() => sim.converged(), 10_000, 'the replica joins');
    const { myself, state } = replica.core;
    myself.flags = (myself.flags & ~1) | NODE_REPLICA;
    state.setMaster(myself, replica.core.findNode(master.id));
    sim.run(TIMEOUT_MS);
    const ask = (epoch: number): void => {
      voter.effects.length = 0;
      const frame = encodeBare(AUTH_REQUEST, { ...replica.core.context.header(), currentEpoch: epoch });
      sim.inject(replica, voter, frame);
    };
    return { sim, voter, replica, ask };
  }

  const votes = (node: SimNode): number =>
    node.effects.filter((effect) => effect.kind === 'send' && effect.frame[13] === AUTH_ACK).length;

  it('is for the replica of a failed master, once an epoch, and is on disk before it is sent', () => {
    const { sim, voter, ask } = election();
    sim.kill(sim.nodes[0]);
    sim.runUntil(() => sees(voter, sim.nodes[0]) === 'master,fail', 10_000, 'FAIL');
    ask(10);
    expect(votes(voter)).toBe(1);
    expect(voter.effects[0].kind).toBe('persist');
    expect(voter.disk).toContain('lastVoteEpoch 10\n');
    ask(10);
    expect(votes(voter)).toBe(0);
    // A crash does not bring the vote back.
    sim.kill(voter);
    sim.restart(voter);
    expect(voter.core.state.lastVoteEpoch).toBe(10);
    sim.run(5 * TIMEOUT_MS);
    ask(10);
    expect(votes(voter)).toBe(0);
    expect(voter.log.at(-1)).toContain('already voted for epoch 10');
    ask(9);
    expect(votes(voter)).toBe(0);
    ask(11);
    expect(votes(voter)).toBe(1);
  });

  it('is refused while the master is up, and when the slots are known under a larger epoch', () => {
    const { sim, voter, ask } = election();
    ask(10);
    expect(voter.log.at(-1)).toContain('its master is up');
    sim.kill(sim.nodes[0]);
    sim.runUntil(() => sees(voter, sim.nodes[0]) === 'master,fail', 10_000, 'FAIL');
    voter.core.findNode(sim.nodes[0].id)!.configEpoch = 99;
    ask(11);
    expect(voter.log.at(-1)).toMatch(/slot 0 epoch \(99\) > reqEpoch \(1\)/);
    expect(votes(voter)).toBe(0);
  });
});
