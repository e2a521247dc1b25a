/** What is right and wrong with a cluster, from what its members say. Pure. */
import { SLOT_COUNT } from '../base/crc16.js';
import { allNodes, type NodeView, slotSignature } from './node-view.js';
import { countSlots, formatRanges, listSlots, rangesWhere, type SlotRange } from './slots.js';

/** A member and what it believes. */
export interface Witness {
  readonly name: string;
  readonly view: NodeView;
}

export interface Diagnosis {
  /** Where members contradict each other about slots, in words; empty when all agree. */
  readonly disagreements: readonly string[];
  readonly migrating: readonly { readonly name: string; readonly slots: readonly number[] }[];
  readonly importing: readonly { readonly name: string; readonly slots: readonly number[] }[];
  readonly openSlots: readonly number[];
  /** Slots that no member claims for itself. */
  readonly uncovered: readonly SlotRange[];
  /** Members that others hold for failed, or suspect. */
  readonly suspected: readonly string[];
}

export function diagnose(witnesses: readonly Witness[]): Diagnosis {
  const claimed = new Uint8Array(SLOT_COUNT);
  for (const { view } of witnesses) for (const slot of listSlots(view.myself.slots)) claimed[slot] = 1;
  const migrating = openSlotsOf(witnesses, 'migrating');
  const importing = openSlotsOf(witnesses, 'importing');
  const open = [...migrating, ...importing].flatMap(({ slots }) => slots);
  return {
    disagreements: findDisagreements(witnesses),
    migrating,
    importing,
    openSlots: [...new Set(open)].sort((a, b) => a - b),
    uncovered: rangesWhere((slot) => claimed[slot] === 0),
    suspected: findSuspected(witnesses),
  };
}

function openSlotsOf(
  witnesses: readonly Witness[],
  direction: 'migrating' | 'importing',
): { name: string; slots: number[] }[] {
  return witnesses
    .map(({ name, view }) => ({ name, slots: view.myself[direction].map(({ slot }) => slot) }))
    .filter(({ slots }) => slots.length > 0);
}

/** Each member's belief about another one is held against what that one says of itself. */
function findDisagreements(witnesses: readonly Witness[]): string[] {
  if (new Set(witnesses.map(({ view }) => slotSignature(view))).size <= 1) return [];
  const contradictions: string[] = [];
  for (const { name, view } of witnesses) {
    const beliefs = new Map(view.others.map((node) => [node.id, node]));
    for (const owner of witnesses) {
      if (owner.view.myself.id === view.myself.id) continue;
      const belief = beliefs.get(owner.view.myself.id);
      if (belief === undefined) {
        contradictions.push(`${name} does not know ${owner.name}`);
      } else if (formatRanges(belief.slots) !== formatRanges(owner.view.myself.slots)) {
        const [theirs, own] = [belief.slots, owner.view.myself.slots].map(describeSlots);
        contradictions.push(`${name} gives ${owner.name} ${theirs}, ${owner.name} itself claims ${own}`);
      }
    }
  }
  // Then it is about a node that is no witness: an unreachable one.
  return contradictions.length > 0 ? contradictions : ['they differ about nodes that cannot be reached'];
}

function describeSlots(ranges: readonly SlotRange[]): string {
  return countSlots(ranges) === 0 ? 'no slots' : `slots ${formatRanges(ranges)}`;
}

function findSuspected(witnesses: readonly Witness[]): string[] {
  const suspected = new Map<string, string[]>();
  for (const { name, view } of witnesses) {
    for (const node of allNodes(view)) {
      if (!node.flags.includes('fail') && !node.flags.includes('fail?')) continue;
      const who = `${node.host}:${node.port}`;
      suspected.set(who, [...(suspected.get(who) ?? []), name]);
    }
  }
  return [...suspected].map(([who, by]) => `Node ${who} is failing in the eyes of ${by.join(', ')}.`);
}
