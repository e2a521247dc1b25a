/** What the commands that change who belongs to a cluster, and in which role, have in common. */
import { isLoopback } from './address.js';
import { type Cluster, idOf, type Member, mastersOf, replicasOf } from './cluster.js';
import { type Joiner, waitForReplicas } from './join.js';
import { NodeCallError } from './node-client.js';
import { pickMaster } from './placement.js';
import { countSlots } from './slots.js';
import { busPortOf } from './steps.js';
import type { Terminal } from './terminal.js';

const ROLE_TIMEOUT_MS = 60_000;

export function joinerOf({ name, client, view }: Member): Joiner {
  return { name, id: view.myself.id, client, busPort: busPortOf(client.named, view) };
}

/** The best master for a replica on `replicaHost`; `without` is not asked. */
export function masterWithFewestReplicas(cluster: Cluster, replicaHost: string, without?: Member): Member | undefined {
  const masters = mastersOf(cluster).filter((master) => master !== without);
  const candidates = masters.map((member) => ({
    member,
    host: member.client.ip,
    replicaCount: replicasOf(cluster, member).length,
    slotCount: countSlots(member.view.myself.slots),
  }));
  return pickMaster(candidates, replicaHost)?.member;
}

/** Makes `replica` replicate `master`, and waits until every member of the cluster has heard of it. */
export async function makeReplica(
  terminal: Terminal,
  cluster: Cluster,
  replica: Member,
  master: Member,
): Promise<boolean> {
  terminal.print(`>>> Configure node as replica of ${master.name}.`);
  await replica.client.call(['CLUSTER', 'REPLICATE', idOf(master)]);
  const joiners = [...new Set([...cluster.members, replica])].map(joinerOf);
  const change = { name: replica.name, id: idOf(replica), masterId: idOf(master) };
  return await waitForReplicas(terminal, joiners, [change], ROLE_TIMEOUT_MS);
}

/** Tells members to forget a node. One that does not know it (any more) has nothing to do. */
export async function forgetNode(members: readonly Member[], nodeId: string): Promise<void> {
  for (const { client } of members) {
    await client.call(['CLUSTER', 'FORGET', nodeId]).catch((error: unknown) => {
      if (!(error instanceof NodeCallError) || !/Unknown node/.test(error.reply)) throw error;
    });
  }
}

/**
 * The members that a new node is told to meet: at addresses that other hosts can reach, where there are such. One would do
 * for a node that was never there; but for a minute after a node was forgotten, members take no news of it from each other.
 */
export function meetingPoints({ members }: Cluster): readonly Member[] {
  const reachable = members.filter(({ client }) => !isLoopback(client.ip));
  return reachable.length > 0 ? reachable : members;
}
