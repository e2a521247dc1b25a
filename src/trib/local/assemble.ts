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
  const { host, port, view } = steps.meetingPoint;
  const bus = String(busPortOf(steps.meetingPoint.client.named, view));
  await Promise.all(steps.meet.map(({ client }) => client.call(['CLUSTER', 'MEET', host, String(port), bus])));
  await Promise.all(steps.replicate.map(({ node, master }) => replicate(node, master)));
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
