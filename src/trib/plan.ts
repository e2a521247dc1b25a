/**
 * The planner of `create`: which node becomes a master, which slots it gets, which node replicates which.
 * Pure: nodes in, plan out; the same command gives the same plan, which is what lets an interrupted create go on.
 *
 * Order. Nodes are taken one from each host in turn, so that masters land on as many hosts as there are. Hosts take their
 * turn in the reverse of the order in which they were named, the nodes of one host in the order in which they were named:
 * of six hosts the last one named gets slot 0 (as the operators of redis-trib know it), of six ports on one host the first.
 */
import { SLOT_COUNT } from '../base/crc16.js';
import type { SlotRange } from './slots.js';

export const MIN_MASTERS = 3;

/** The cluster that `create` is to make of nodes of type `N`. */
export interface Plan<N> {
  /** In slot order. */
  readonly masters: readonly { readonly node: N; readonly range: SlotRange }[];
  readonly replicas: readonly { readonly node: N; readonly master: N }[];
  /** How many replicas live on their master's host, because no other host was free. */
  readonly replicasOnMasterHost: number;
}

/** Why so many nodes cannot make a cluster, in redis-cli's words; undefined when they can. */
export function shapeError(nodeCount: number, replicasPerMaster: number): string[] | undefined {
  if (Math.floor(nodeCount / (replicasPerMaster + 1)) >= MIN_MASTERS) return undefined;
  return [
    '*** ERROR: Invalid configuration for cluster creation.',
    `*** Redis Cluster requires at least ${MIN_MASTERS} master nodes.`,
    `*** This is not possible with ${nodeCount} nodes and ${replicasPerMaster} replicas per node.`,
    `*** At least ${MIN_MASTERS * (replicasPerMaster + 1)} nodes are required.`,
  ];
}

/** Plans a cluster of `nodes` (in the operator's order). The caller has seen to it that {@link shapeError} is content. */
export function planCluster<N extends { readonly host: string }>(
  nodes: readonly N[],
  replicasPerMaster: number,
): Plan<N> {
  const interleaved = interleaveByHost(nodes);
  const masterCount = Math.floor(nodes.length / (replicasPerMaster + 1));
  const ranges = divideSlots(masterCount);
  const masters = interleaved.slice(0, masterCount).map((node, i) => ({ node, range: ranges[i] }));
  const replicas = placeReplicas(
    masters.map(({ node }) => node),
    interleaved.slice(masterCount),
    replicasPerMaster,
  );
  const replicasOnMasterHost = replicas.filter(({ node, master }) => node.host === master.host).length;
  return { masters, replicas, replicasOnMasterHost };
}

/** One node from each host in turn; see the head of this file for the order. */
export function interleaveByHost<N extends { readonly host: string }>(nodes: readonly N[]): N[] {
  const byHost = new Map<string, N[]>();
  for (const node of nodes) byHost.set(node.host, [...(byHost.get(node.host) ?? []), node]);
  const hosts = [...byHost.values()].reverse();
  const rounds = Math.max(0, ...hosts.map((host) => host.length));
  return Array.from({ length: rounds }, (_, round) => hosts.flatMap((host) => host.slice(round, round + 1))).flat();
}

/** All slots in `count` contiguous ranges. The borders are rounded fractions, so sizes differ by one at the most. */
export function divideSlots(count: number): SlotRange[] {
  const size = SLOT_COUNT / count;
  let first = 0;
  return Array.from({ length: count }, (_, i) => {
    const last = i === count - 1 ? SLOT_COUNT - 1 : Math.round(i * size + size - 1);
    const range = { first, last };
    first = last + 1;
    return range;
  });
}

/** Assignments while they are being looked for: `node` replicates the master at `masterIndex`. */
interface Seat<N> {
  node: N;
  readonly masterIndex: number;
}

/**
 * Gives each master `perMaster` of the spare nodes, and what is left one each in turn; a node of another host than the
 * master's first. Where that greedy choice ends badly, two replicas change places as long as that helps.
 */
function placeReplicas<N extends { readonly host: string }>(
  masters: readonly N[],
  spare: readonly N[],
  perMaster: number,
): { node: N; master: N }[] {
  // Turned by one, the spare nodes of the hosts no longer meet the masters of the same hosts in step.
  const pool = [...spare.slice(1), ...spare.slice(0, 1)];
  const seats: Seat<N>[] = [];
  const seat = (masterIndex: number): void => {
    if (pool.length === 0) return;
    const elsewhere = pool.findIndex((node) => node.host !== masters[masterIndex].host);
    seats.push({ node: pool.splice(Math.max(elsewhere, 0), 1)[0], masterIndex });
  };
  masters.forEach((_, masterIndex) => {
    for (let i = 0; i < perMaster; i++) seat(masterIndex);
  });
  for (let i = 0; pool.length > 0; i++) seat(i % masters.length);
  while (swapOnce(masters, seats));
  return seats.map(({ node, masterIndex }) => ({ node, master: masters[masterIndex] }));
}

/** Makes the first exchange of two replicas that lowers the cost; false when none does. */
function swapOnce<N extends { readonly host: string }>(masters: readonly N[], seats: Seat<N>[]): boolean {
  for (const a of seats) {
    for (const b of seats) {
      if (a.masterIndex >= b.masterIndex || a.node.host === b.node.host) continue;
      const cost = (): number => hostCost(masters, seats, a.masterIndex) + hostCost(masters, seats, b.masterIndex);
      const before = cost();
      [a.node, b.node] = [b.node, a.node];
      if (cost() < before) return true;
      [a.node, b.node] = [b.node, a.node];
    }
  }
  return false;
}

/** A replica beside its master costs far more than two replicas of one master side by side. */
function hostCost<N extends { readonly host: string }>(
  masters: readonly N[],
  seats: readonly Seat<N>[],
  masterIndex: number,
): number {
  const hosts = seats.filter((seat) => seat.masterIndex === masterIndex).map((seat) => seat.node.host);
  const besideMaster = hosts.filter((host) => host === masters[masterIndex].host).length;
  return 10_000 * besideMaster + hosts.length - new Set(hosts).size;
}
