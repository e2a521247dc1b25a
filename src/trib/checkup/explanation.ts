/** What check says about one thing that is wrong. */

/** The names are a promise to scripts that read `--json`. */
export type FindingKind =
  | 'node-unreachable'
  | 'wrong-announced-address'
  | 'bus-port-closed'
  | 'link-down'
  | 'node-unknown'
  | 'stuck-handshake'
  | 'leftover-node'
  | 'view-differs'
  | 'state-fail'
  | 'open-slots'
  | 'uncovered-slots'
  | 'slot-with-two-owners'
  | 'epoch-collision'
  | 'stray-keys'
  | 'replica-without-data'
  | 'clock-differs'
  | 'version-differs'
  | 'master-without-replica'
  | 'replica-on-master-host';

export interface Explanation {
  readonly kind: FindingKind;
  /** Warnings leave the exit code alone. */
  readonly severity: 'error' | 'warning';
  /** Addresses of the nodes that it is about. */
  readonly nodes: readonly string[];
  readonly message: string;
  readonly advice: readonly string[];
}
