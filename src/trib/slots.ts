import { SLOT_COUNT } from '../base/crc16.js';

/** Slots first to last, both included. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
}

/** How many slots the ranges hold. */
export function countSlots(ranges: readonly SlotRange[]): number {
  return ranges.reduce((sum, range) => sum + range.last - range.first + 1, 0);
}

/** `0-5460,6000` as redis-trib prints it. */
export function formatRanges(ranges: readonly SlotRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/** Every slot of the ranges, in order. */
export function listSlots(ranges: readonly SlotRange[]): number[] {
  return ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

/** The slots for which `wanted` holds, as ranges. */
export function rangesWhere(wanted: (slot: number) => boolean): SlotRange[] {
  const ranges: SlotRange[] = [];
  let first = -1;
  for (let slot = 0; slot <= SLOT_COUNT; slot++) {
    const hit = slot < SLOT_COUNT && wanted(slot);
    if (hit && first === -1) first = slot;
    if (!hit && first !== -1) {
      ranges.push({ first, last: slot - 1 });
      first = -1;
    }
  }
  return ranges;
}

/** The slots of `ranges` that are not in `taken`. */
export function subtractRanges(ranges: readonly SlotRange[], taken: readonly SlotRange[]): SlotRange[] {
  const left = new Set(listSlots(ranges));
  for (const slot of listSlots(taken)) left.delete(slot);
  return rangesWhere((slot) => left.has(slot));
}

/** The slots of a list in any order, as ranges. */
export function rangesOf(slots: Iterable<number>): SlotRange[] {
  const wanted = new Set(slots);
  return rangesWhere((slot) => wanted.has(slot));
}
