/** Which master a replica is best given to. Pure. */

/** A master in the eyes of a replica that looks for one. */
export interface Candidate {
  readonly host: string;
  readonly replicaCount: number;
  readonly slotCount: number;
}

/**
 * The master with the fewest replicas: even one on its own host is better than none. Among equals one on another host than
 * the replica's; then the one with most slots. Masters without slots, which have nothing to replicate, come last.
 */
export function pickMaster<C extends Candidate>(masters: readonly C[], replicaHost: string): C | undefined {
  const rank = ({ host, replicaCount, slotCount }: C): number[] => [
    slotCount === 0 ? 1 : 0,
    replicaCount,
    host === replicaHost ? 1 : 0,
    -slotCount,
  ];
  return masters.toSorted((a, b) => compare(rank(a), rank(b)))[0];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at === -1 ? 0 : a[at] - b[at];
}
