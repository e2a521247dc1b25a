/**
 * Joins the fresh nodes of a local cluster. The steps are those of `trib create`, and one that was interrupted is gone on
 * with, but all nodes take theirs at once, and a replica gets its master as soon as it has met it: a master is writable two
 * seconds after its start at the earliest, and all of this fits into them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeClient } from '../node-client.js';
import { metIds, readView } from '../node-state.js';
import { type Plan, planCluster } from '../plan.js';
import { listSlots } from '../slots.js';
import { busPortOf, type Candidate, isUnfinished, nothingLeft, remainingSteps } from '../steps.js';

/** A node that answers. */
export interface Member extends Candidate {
  readonly name: string;
  readonly client: NodeClient;
}

const POLL_MS = 50;
/** Longer than a meeting takes on a machine that is not busy. */
const HEAR_MS = 300;
const MEET_TIMEOUT_MS = 30_000;

/** What is to be done; undefined when the nodes are a cluster already, whatever has become of it since. */
export function planJoin(nodes: readonly Member[], replicas: number): Plan<Member> | undefined {
  const plan = planCluster(nodes, replicas);
  if (!isUnfinished(plan, nodes) || nothingLeft(remainingSteps(plan, nodes))) return undefined;
  return plan;
}

export async function join(plan: Plan<Member>, nodes: readonly Member[]): Promise<void> {
  const steps = remainingSteps(plan, nodes);
  await Promise.all(
    steps.addSlots.map(({ node, ranges }) =>
      node.client.call(['CLUSTER', 'ADDSLOTS', ...listSlots(ranges).map(String)]),
    ),
  );
  await Promise.all(
    steps.setEpoch.map(({ node, epoch }) => node.client.call(['CLUSTER', 'SET-CONFIG-EPOCH', String(epoch)])),
  );
  await Promise.all(steps.meet.map((node) => meet(node, steps.meetingPoint)));
  const replicas = steps.replicate.map(({ node, master }) => replicate(node, master));
  const masters = plan.masters.map(({ node }) => node);
  await Promise.all([...replicas, ...nodes.map((node) => hearOf(node, masters))]);
}

async function meet(node: Member, other: Member): Promise<void> {
  const bus = busPortOf(other.client.named, other.view);
  await node.client.call(['CLUSTER', 'MEET', other.host, String(other.port), String(bus)]);
}

/**
 * Sees to it that a node hears from every master which slots it has. Nodes that have met tell each other with their next
 * ping, for which they may take half the node timeout; another MEET makes them talk at once.
 */
async function hearOf(node: Member, masters: readonly Member[]): Promise<void> {
  const deadlineMs = Date.now() + MEET_TIMEOUT_MS;
  while (Date.now() < deadlineMs) {
    await sleep(HEAR_MS);
    const { others } = await readView(node.client);
    const heard = new Set(others.filter(({ slots }) => slots.length > 0).map(({ id }) => id));
    const missing = masters.filter((master) => master !== node && !heard.has(master.view.myself.id));
    if (missing.length === 0) return;
    await Promise.all(missing.map((master) => meet(node, master)));
  }
}

async function replicate(node: Member, master: Member): Promise<void> {
  const masterId = master.view.myself.id;
  const deadlineMs = Date.now() + MEET_TIMEOUT_MS;
  while (!metIds(await readView(node.client)).has(masterId)) {
    if (Date.now() > deadlineMs) throw new Error(`${node.name} has not met its master ${master.name} in 30 s.`);
    await sleep(POLL_MS);
  }
  await node.client.call(['CLUSTER', 'REPLICATE', masterId]);
}
