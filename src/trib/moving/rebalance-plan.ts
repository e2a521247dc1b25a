/** How slots are to move so that every master has its share. Pure. */
import { SLOT_COUNT } from '../../base/crc16.js';
import type { SlotOwner } from './reshard-plan.js';

export interface WeightedOwner extends SlotOwner {
  readonly weight: number;
}

/** Slots that one master gives to another. */
export interface Transfer<O> {
  readonly source: O;
  readonly target: O;
  readonly slots: readonly number[];
}

export interface RebalancePlan<O> {
  readonly totalWeight: number;
  /** False when every master is within the threshold: then nothing moves. */
  readonly needed: boolean;
  /** How many slots each has too many (or, below zero, too few), the neediest first. */
  readonly balances: readonly { readonly owner: O; readonly balance: number }[];
  readonly transfers: readonly Transfer<O>[];
}

/** `owners` are the masters that take part; `thresholdPercent` is how far from its share one may be. */
export function planRebalance<O extends WeightedOwner>(
  owners: readonly O[],
  thresholdPercent: number,
): RebalancePlan<O> {
  const totalWeight = owners.reduce((sum, { weight }) => sum + weight, 0);
  const shares = owners.map((owner) => {
    const expected = totalWeight === 0 ? owner.slots.length : Math.floor((SLOT_COUNT / totalWeight) * owner.weight);
    return { owner, expected, balance: owner.slots.length - expected };
  });
  const needed = shares.some(({ owner, expected }) => isOver(owner.slots.length, expected, thresholdPercent));
  spreadRest(shares);
  const balances = shares
    .map(({ owner, balance }) => ({ owner, balance }))
    .sort((a, b) => a.balance - b.balance || a.owner.id.localeCompare(b.owner.id));
  return { totalWeight, needed, balances, transfers: needed ? pair(balances) : [] };
}

function isOver(has: number, expected: number, thresholdPercent: number): boolean {
  if (thresholdPercent <= 0) return has !== expected && Math.abs(has - expected) > 1;
  if (has === 0) return expected > 1;
  return Math.abs(100 - (100 * expected) / has) > thresholdPercent;
}

/** Shares are rounded down, so a few slots are nobody's: they go, one each, to those that are to receive some. */
function spreadRest(shares: { readonly owner: WeightedOwner; balance: number }[]): void {
  let rest = shares.reduce((sum, { balance }) => sum + balance, 0);
  const takers = shares.filter(({ owner, balance }) => balance <= 0 && owner.weight > 0);
  for (let i = 0; rest > 0 && takers.length > 0; i++, rest--) takers[i % takers.length].balance--;
}

/** The neediest gets from the richest, and so on, until one of the two lists is done. */
function pair<O extends SlotOwner>(
  balances: readonly { readonly owner: O; readonly balance: number }[],
): Transfer<O>[] {
  const left = balances.map(({ owner, balance }) => ({ owner, open: balance, slots: [...owner.slots] }));
  const transfers: Transfer<O>[] = [];
  for (let to = 0, from = left.length - 1; to < from; ) {
    const [target, source] = [left[to], left[from]];
    const count = Math.min(Math.max(-target.open, 0), Math.max(source.open, 0));
    if (count > 0) {
      transfers.push({ source: source.owner, target: target.owner, slots: source.slots.splice(0, count) });
      target.open += count;
      source.open -= count;
    }
    if (target.open >= 0) to++;
    if (source.open <= 0) from--;
  }
  return transfers;
}
