/** Which slots go when some are to leave several masters. Pure. */

/** A master as planners see it. */
export interface SlotOwner {
  readonly id: string;
  /** In ascending order. */
  readonly slots: readonly number[];
}

/** One line of the resharding plan. */
export interface SlotMove<O> {
  readonly slot: number;
  readonly source: O;
}

/**
 * Takes `count` slots from the sources, from each in proportion to what it has, its lowest slots first: the table that
 * redis-trib and redis-cli compute. Rounded as there: up for the largest source, down for the others, so a few slots less
 * may come of it.
 */
export function reshardTable<O extends SlotOwner>(sources: readonly O[], count: number): SlotMove<O>[] {
  const total = sources.reduce((sum, { slots }) => sum + slots.length, 0);
  if (total === 0) return [];
  const largestFirst = [...sources].sort((a, b) => b.slots.length - a.slots.length);
  const moves: SlotMove<O>[] = [];
  for (const [i, source] of largestFirst.entries()) {
    const share = (count / total) * source.slots.length;
    const taken = Math.min(i === 0 ? Math.ceil(share) : Math.floor(share), count - moves.length);
    for (const slot of source.slots.slice(0, taken)) moves.push({ slot, source });
  }
  return moves;
}
