/** Where a node is in an election (election.ts) and in a manual failover (manualFailover.ts). */
import type { ClusterNode } from './node.js';

const RELOG_MS = 10_000;

/** The election we stand in. */
export class Election {
  /** When votes are, or were, to be asked for; 0 before the first election. */
  startsAtMs = 0;
  asked = false;
  /** The epoch that votes are asked for. */
  epoch = 0;
  /** Replicas of our master that had more data, when the delay was computed. */
  rank = 0;
  /** Who has voted for us. */
  readonly voters = new Set<ClusterNode>();
  #problem = '';
  #problemAtMs = 0;

  reset(): void {
    this.startsAtMs = 0;
    this.asked = false;
    this.voters.clear();
    this.#problem = '';
  }

  /** True when this reason is new, or was told long ago. */
  mayTell(problem: string, nowMs: number): boolean {
    if (problem === this.#problem && nowMs - this.#problemAtMs < RELOG_MS) return false;
    this.#problem = problem;
    this.#problemAtMs = nowMs;
    return true;
  }

  /** Nothing stands in the way, as far as there is anything to do. */
  noProblem(): void {
    this.#problem = '';
  }
}

/** Where we are in a manual failover, as master or as replica. */
export class ManualFailover {
  /** When we give up; 0 while there is none. */
  endsAtMs = 0;
  /** A replica's: we may ask for votes. */
  canStart = false;
  /** A master's: who wants our place. */
  replica: ClusterNode | undefined = undefined;
  /** A replica's: the offset at which the master has paused; -1 until it has told. */
  masterOffset = -1;

  reset(): void {
    this.endsAtMs = 0;
    this.canStart = false;
    this.replica = undefined;
    this.masterOffset = -1;
  }

  get active(): boolean {
    return this.endsAtMs !== 0;
  }

  /** The replica waits until it has applied the stream up to {@link ManualFailover.masterOffset}. */
  get awaitsOffset(): boolean {
    return this.active && !this.canStart && this.masterOffset !== -1;
  }
}
