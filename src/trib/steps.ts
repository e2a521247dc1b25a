/**
 * From a plan and the nodes as they are to the steps that are still to be taken. Pure. A fresh set of nodes needs every
 * step; nodes on which the same `create` was interrupted need the rest; a finished cluster needs none.
 */
import { type Address, isLoopback } from './address.js';
import { metIds } from './node-state.js';
import { isHandshake, isMaster, type KnownNode, type NodeView } from './node-view.js';
import type { Plan } from './plan.js';
import { countSlots, type SlotRange, subtractRanges } from './slots.js';

/** A node as the steps are computed from it. */
export interface Candidate {
  readonly host: string;
  readonly port: number;
  readonly keyCount: number;
  readonly view: NodeView;
}

/** What is still to do, in the order in which it is done. */
export interface Steps<N> {
  readonly addSlots: readonly { readonly node: N; readonly ranges: readonly SlotRange[] }[];
  readonly setEpoch: readonly { readonly node: N; readonly epoch: number }[];
  /** The node that the others are told to meet. */
  readonly meetingPoint: N;
  readonly meet: readonly N[];
  readonly replicate: readonly { readonly node: N; readonly master: N }[];
}

/** The steps that lead from `nodes` (in the operator's order) to the plan. */
export function remainingSteps<N extends Candidate>(plan: Plan<N>, nodes: readonly N[]): Steps<N> {
  const addSlots = plan.masters
    .map(({ node, range }) => ({ node, ranges: subtractRanges([range], node.view.myself.slots) }))
    .filter(({ ranges }) => ranges.length > 0);
  const epochs = pickEpochs(nodes.map((node) => node.view.myself.configEpoch));
  // A node takes an epoch only before it knows others; from then on the cluster itself tells colliding epochs apart.
  const setEpoch = nodes
    .map((node, i) => ({ node, epoch: epochs[i] }))
    .filter(({ node }) => node.view.myself.configEpoch === 0 && node.view.others.length === 0);
  // A name may lead to loopback on its own host (Debian's 127.0.1.1), where the other hosts cannot follow.
  const meetingPoint = nodes.find(({ host }) => !isLoopback(host)) ?? nodes[0];
  const meet = nodes.filter((node) => node !== meetingPoint && !haveMet(node, meetingPoint));
  const replicate = plan.replicas.filter(({ node, master }) => node.view.myself.masterId !== idOf(master));
  return { addSlots, setEpoch, meetingPoint, meet, replicate };
}

export function nothingLeft<N>({ addSlots, setEpoch, meet, replicate }: Steps<N>): boolean {
  return addSlots.length + setEpoch.length + meet.length + replicate.length === 0;
}

/**
 * Epochs for nodes in order, all different: a node with an epoch keeps it, the others get their place in the order (from
 * 1), or the smallest number that is free.
 */
export function pickEpochs(current: readonly number[]): number[] {
  const taken = new Set(current.filter((epoch) => epoch !== 0));
  return current.map((epoch, i) => {
    if (epoch !== 0) return epoch;
    let free = taken.has(i + 1) ? 1 : i + 1;
    while (taken.has(free)) free++;
    taken.add(free);
    return free;
  });
}

/**
 * True when every node is in a state that an interrupted `create` of this very plan may have left: no keys, no slot but
 * those planned for it, no node known but those of the plan, and nobody with another role than the planned one.
 */
export function isUnfinished<N extends Candidate>(plan: Plan<N>, nodes: readonly N[]): boolean {
  const planned = new Map<string, Planned>();
  for (const { node, range } of plan.masters) planned.set(idOf(node), { slots: [range], masterId: undefined });
  for (const { node, master } of plan.replicas) planned.set(idOf(node), { slots: [], masterId: idOf(master) });
  const addresses = new Set(nodes.map((node) => `${node.host}:${node.port}`));
  const fits = (known: KnownNode): boolean => {
    if (isHandshake(known)) return addresses.has(`${known.host}:${known.port}`);
    const place = planned.get(known.id);
    if (place === undefined || known.migrating.length + known.importing.length > 0) return false;
    if (countSlots(subtractRanges(known.slots, place.slots)) > 0) return false;
    return isMaster(known) || (place.masterId !== undefined && known.masterId === place.masterId);
  };
  return nodes.every(({ keyCount, view }) => keyCount === 0 && fits(view.myself) && view.others.every(fits));
}

interface Planned {
  readonly slots: readonly SlotRange[];
  readonly masterId: string | undefined;
}

/** The bus port that other nodes are to use: the one given on the command line, else what the node itself says. */
export function busPortOf(named: Address, view: NodeView): number {
  return named.busPort ?? view.myself.busPort;
}

function haveMet(a: Candidate, b: Candidate): boolean {
  return metIds(a.view).has(idOf(b)) && metIds(b.view).has(idOf(a));
}

function idOf(node: Candidate): string {
  return node.view.myself.id;
}
