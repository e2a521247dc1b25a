/**
 * The end of a run: faults end, everybody is started, an operator closes what migrations have left open. In bounded time all
 * views agree, every slot is served, no two masters have one epoch, and what was acknowledged is there.
 */
import { SLOT_COUNT } from '../../src/base/crc16.js';
import { LOOK_MS } from './checks.js';
import { PORT } from './messages.js';
import type { SimNode } from './node.js';
import type { Simulation } from './simulation.js';

/** The cluster gets this long, and as many node timeouts, before the operator looks what is left to do, again and again. */
const ROUND_MS = 5000;
const ROUND_TIMEOUTS = 4;
const MAX_CONVERGENCE_MS = 150_000;
/** Replicas that retry a connection, and a full resynchronization. */
const MAX_SYNC_MS = 20_000;

/** Answers how long it took until all agreed. */
export function recover(sim: Simulation): number {
  sim.checks.note('all faults end');
  sim.faults.endAll();
  while (sim.live.some(({ isStopping }) => isStopping)) sim.pass(LOOK_MS);
  for (const node of sim.nodes) if (!node.isUp && !sim.hasLeft(node)) sim.restart(node);
  const startMs = sim.time.nowMs;
  for (let reason = disagree(sim); reason !== undefined || openSlots(sim) > 0; reason = disagree(sim)) {
    if (sim.time.nowMs - startMs > MAX_CONVERGENCE_MS) {
      sim.checks.fail(`no agreement ${MAX_CONVERGENCE_MS} ms after the end of all faults: ${reason ?? 'open slots'}`);
    }
    forgetThoseWhoLeft(sim);
    closeOpenSlots(sim);
    meetAgain(sim);
    coverSlots(sim);
    bringKeysHome(sim);
  }
  const tookMs = sim.time.nowMs - startMs;
  bringKeysHome(sim);
  checkWrites(sim);
  checkReplicas(sim);
  return tookMs;
}

/** Lets time pass until all agree, or for a round; why they do not. */
function disagree(sim: Simulation): string | undefined {
  const endMs = sim.time.nowMs + ROUND_MS + ROUND_TIMEOUTS * sim.nodeTimeoutMs;
  for (;;) {
    const reason = disagreement(sim);
    if (reason === undefined || sim.time.nowMs > endMs) return reason;
    sim.pass(LOOK_MS * 2);
  }
}

function openSlots(sim: Simulation): number {
  const isOpen = (slot: number): boolean =>
    sim.live.some(({ core }) => core.importingFrom(slot) !== undefined || core.migratingTo(slot) !== undefined);
  return sim.hotSlots.filter(isOpen).length;
}

/** Why the nodes do not agree; undefined when they do. */
export function disagreement(sim: Simulation): string | undefined {
  const nodes = sim.live;
  const epochs = new Map<number, string>();
  for (const { core, name } of nodes) {
    if (!core.stateOk) return `${name} says that the cluster is down`;
    for (const known of core.state.list) {
      if (sim.byId(known.id)?.isUp !== true) return `${name} knows ${known.id} at ${known.ip}, which is gone`;
    }
    if (!core.myself.isMaster) continue;
    const other = epochs.get(core.myself.configEpoch);
    if (other !== undefined) return `${name} and ${other} have the config epoch ${core.myself.configEpoch}`;
    epochs.set(core.myself.configEpoch, name);
  }
  for (const viewer of nodes) {
    const reason = differs(sim, viewer);
    if (reason !== undefined) return reason;
  }
  const served = nodes.reduce((sum, { core }) => sum + (core.myself.isMaster ? core.myself.slotCount : 0), 0);
  if (served !== SLOT_COUNT) return `${SLOT_COUNT - served} slots are not served`;
  return undefined;
}

function differs(sim: Simulation, viewer: SimNode): string | undefined {
  for (const node of sim.live) {
    const seen = viewer.core.findNode(node.id);
    const { myself } = node.core;
    const who = `${viewer.name} sees ${node.name}`;
    if (seen === undefined) return `${viewer.name} does not know ${node.name}`;
    if (seen.isUnreachable) return `${who} as failed`;
    if (seen.ip !== node.ip) return `${who} at ${seen.ip} instead of ${node.ip}`;
    if (seen.isMaster !== myself.isMaster) return `${who} as ${seen.isMaster ? 'master' : 'replica'}`;
    if (seen.master?.id !== myself.master?.id) return `${who} with another master`;
    if (Buffer.compare(seen.slotBitmap, myself.slotBitmap) !== 0) return `${who} with other slots`;
    if (seen.isMaster && seen.configEpoch !== myself.configEpoch) return `${who} with epoch ${seen.configEpoch}`;
  }
  return undefined;
}

// ---------------------------------------------------------------------------------------------------- the operator's part

/** FORGET reaches only those who are there, and nobody forgets its master. */
function forgetThoseWhoLeft(sim: Simulation): void {
  const heir = sim.live.find(({ core }) => core.myself.isMaster && core.myself.slotCount > 0);
  for (const node of sim.live) {
    for (const id of sim.left) {
      if (node.core.findNode(id) === undefined) continue;
      if (node.core.myself.master?.id === id && heir !== undefined) node.admin({ kind: 'replicate', id: heir.id });
      node.admin({ kind: 'forget', id });
    }
  }
}

/**
 * A handshake that only one side has finished, when the other's was cut short, leaves a node that knows the others while
 * they do not know it, or the other way round. As in Redis nothing but another MEET helps.
 */
function meetAgain(sim: Simulation): void {
  for (const node of sim.live.slice(1)) {
    const [first] = sim.live;
    const isKnown = node.core.findNode(first.id) !== undefined && first.core.findNode(node.id) !== undefined;
    if (!isKnown) node.admin({ kind: 'meet', ip: first.ip, port: String(PORT) });
  }
}

function closeOpenSlots(sim: Simulation): void {
  for (const node of sim.live) {
    if (!node.core.myself.isMaster) continue;
    for (const slot of sim.hotSlots) {
      if (node.core.importingFrom(slot) === undefined && node.core.migratingTo(slot) === undefined) continue;
      node.admin({ kind: 'setSlot', args: [String(slot), 'STABLE'] });
    }
  }
}

/** Keys that a migration has left with somebody who does not own the slot. As for everybody, not into a master that holds writes back. */
function bringKeysHome(sim: Simulation): void {
  while (sim.live.some(({ writesArePaused }) => writesArePaused)) sim.pass(LOOK_MS);
  for (const slot of sim.hotSlots) {
    const owner = sim.live.find(({ core }) => core.isMine(slot));
    if (owner === undefined) continue;
    for (const node of sim.live) {
      if (node === owner || !node.core.myself.isMaster) continue;
      for (const key of node.replication.store.keysOf(slot)) {
        if (owner.replication.store.get(slot, key) === undefined) {
          owner.replication.set(slot, key, node.replication.store.get(slot, key)!);
        }
        node.replication.delete(slot, key);
      }
    }
  }
}

/** A slot whose two ends both think that the other has it goes to the one with most of its keys. */
function coverSlots(sim: Simulation): void {
  const masters = sim.live.filter(({ core }) => core.myself.isMaster);
  for (const slot of sim.hotSlots) {
    if (masters.length === 0 || masters.some(({ core }) => core.isMine(slot))) continue;
    const byKeys = [...masters].sort((a, b) => b.replication.store.countIn(slot) - a.replication.store.countIn(slot));
    const [heir] = byKeys;
    sim.checks.note(`operator: slot ${slot}, which nobody has, goes to ${heir.name}`);
    for (const node of masters) node.admin({ kind: 'delSlots', slots: [String(slot)] });
    heir.admin({ kind: 'addSlots', slots: [String(slot)] });
    heir.admin({ kind: 'bumpEpoch' });
  }
}

// ---------------------------------------------------------------------------------------------------- promises

function checkWrites(sim: Simulation): void {
  for (const { acknowledged, excuse, key, slot, atMs } of sim.ledger.writes.values()) {
    if (!acknowledged || excuse !== undefined) continue;
    const owner = sim.live.find(({ core }) => core.isMine(slot));
    if (owner?.replication.store.get(slot, key) !== undefined) continue;
    sim.checks.fail(`${key} of slot ${slot}, acknowledged at ${(atMs / 1000).toFixed(3)}, is not at ${owner?.name}`);
  }
}

/** All replicas come to what their masters have. */
function checkReplicas(sim: Simulation): void {
  const endMs = sim.time.nowMs + MAX_SYNC_MS;
  for (let reason = staleReplica(sim); reason !== undefined; reason = staleReplica(sim)) {
    if (sim.time.nowMs > endMs) sim.checks.fail(reason);
    sim.pass(LOOK_MS);
  }
}

function staleReplica(sim: Simulation): string | undefined {
  for (const node of sim.live) {
    const master = sim.byId(node.core.myself.master?.id);
    if (master === undefined) continue;
    const [a, b] = [node.replication, master.replication];
    if (a.history.id !== b.history.id) return `${node.name} has another history than its master ${master.name}`;
    if (a.store.digest !== b.store.digest) return `${node.name} has other data than its master ${master.name}`;
  }
  return undefined;
}
