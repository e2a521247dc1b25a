/** Asks the masters who has what of which slots. */
import { SLOT_COUNT } from '../../base/crc16.js';
import { type Cluster, idOf, type Member, mastersOf } from '../cluster.js';
import { NodeCallError } from '../node-client.js';
import { countSlots, listSlots } from '../slots.js';
import type { SlotHolder } from './fix-plan.js';

export interface Holder extends SlotHolder {
  readonly member: Member;
}

/** How many keys of each of the slots a node has. */
export async function countKeys({ client }: Member, slots: readonly number[]): Promise<number[]> {
  const replies = await client.callAll(slots.map((slot) => ['CLUSTER', 'COUNTKEYSINSLOT', String(slot)]));
  return replies.map((reply) => {
    if (reply instanceof NodeCallError) throw reply;
    return Number(reply);
  });
}

/** What every master says about each of the slots. */
export async function surveySlots(cluster: Cluster, slots: readonly number[]): Promise<Map<number, Holder[]>> {
  const masters = mastersOf(cluster);
  const counts = await Promise.all(masters.map((master) => countKeys(master, slots)));
  const owned = masters.map(({ view }) => new Set(listSlots(view.myself.slots)));
  const holders = new Map<number, Holder[]>();
  for (const [i, slot] of slots.entries()) {
    const row = masters.map((member, m): Holder => {
      const { myself } = member.view;
      return {
        member,
        id: idOf(member),
        name: member.name,
        owns: owned[m].has(slot),
        keys: counts[m][i],
        migratingTo: myself.migrating.find((open) => open.slot === slot)?.peerId,
        importingFrom: myself.importing.find((open) => open.slot === slot)?.peerId,
        slotCount: countSlots(myself.slots),
      };
    });
    holders.set(slot, row);
  }
  return holders;
}

/** Slots that several masters claim. */
export function sharedSlots(cluster: Cluster): number[] {
  const claims = new Uint8Array(SLOT_COUNT);
  for (const { view } of mastersOf(cluster)) for (const slot of listSlots(view.myself.slots)) claims[slot]++;
  return [...claims.keys()].filter((slot) => claims[slot] > 1);
}

/** Keys that a master holds of slots that it does not own. */
export interface StrayKeys {
  readonly member: Member;
  readonly slots: readonly number[];
  readonly keys: number;
}

/**
 * Finds stray keys. The masters that hold no more keys than their own slots have are let off: asking about the slots of
 * others takes a call for each.
 */
export async function findStrayKeys(cluster: Cluster): Promise<StrayKeys[]> {
  const found = await Promise.all(mastersOf(cluster).map(strayKeysOf));
  return found.filter(({ keys }) => keys > 0);
}

async function strayKeysOf(member: Member): Promise<StrayKeys> {
  const own = new Set(listSlots(member.view.myself.slots));
  const total = Number(await member.client.call(['DBSIZE']));
  const nothing = { member, slots: [], keys: 0 };
  if (total === 0) return nothing;
  const ownKeys = sum(await countKeys(member, [...own]));
  if (ownKeys === total) return nothing;
  const foreign = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter((slot) => !own.has(slot));
  const counts = await countKeys(member, foreign);
  return { member, slots: foreign.filter((_, i) => counts[i] > 0), keys: sum(counts) };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
