/** Asks the masters who has what of which slots. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SLOT_COUNT } from '../../base/crc16.js';
import { type Cluster, idOf, type Member, mastersOf } from '../cluster.js';
import { NodeCallError } from '../node-client.js';
import { readView } from '../node-state.js';
import { countSlots, listSlots } from '../slots.js';
import type { SlotHolder } from './fix-plan.js';
import { isOver, MIGRATION_POLL_MS, readMigrations } from './migrations.js';

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

/**
 * Where servers move slots themselves, keys may lie elsewhere for a while: a copy that is on its way, and what was left at the
 * source, which goes bit by bit. So the slots of moves that are under way do not count, nor does what is becoming less.
 */
async function strayKeysOf(member: Member): Promise<StrayKeys> {
  let found = await lookForStrays(member, new Set());
  for (let before = Number.POSITIVE_INFINITY; found.keys > 0 && found.keys < before; ) {
    const moves = (await readMigrations(member)) ?? [];
    if (moves.length === 0) break;
    before = found.keys;
    await sleep(MIGRATION_POLL_MS);
    const underWay = moves.filter((move) => !isOver(move));
    found = await lookForStrays(member, new Set(underWay.flatMap(({ slots }) => listSlots(slots))));
  }
  return found;
}

async function lookForStrays(member: Member, without: ReadonlySet<number>): Promise<StrayKeys> {
  // A move may have ended since the cluster was read.
  const own = new Set(listSlots((await readView(member.client)).myself.slots));
  const total = Number(await member.client.call(['DBSIZE']));
  const nothing = { member, slots: [], keys: 0 };
  if (total === 0) return nothing;
  const ownKeys = sum(await countKeys(member, [...own]));
  if (ownKeys === total) return nothing;
  const foreign = Array.from({ length: SLOT_COUNT }, (_, slot) => slot).filter((slot) => {
    return !own.has(slot) && !without.has(slot);
  });
  const counts = await countKeys(member, foreign);
  return { member, slots: foreign.filter((_, i) => counts[i] > 0), keys: sum(counts) };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
