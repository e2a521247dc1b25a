import type { ResolvedCommand, ServerPort } from '../commands/context.js';
import type { ArgVector } from '../resp/argVector.js';
import type { Eviction } from './eviction.js';
import type { Session } from './session.js';

/** A request before the gates, and what they need of the executor. */
export interface Request {
  readonly session: Session;
  readonly command: ResolvedCommand;
  readonly args: ArgVector;
  readonly server: ServerPort;
  readonly nowMs: number;
  /** Data files are being read: only commands that may run meanwhile do. */
  readonly loading: boolean;
  readonly loadingAside: boolean;
  readonly eviction: Eviction;
  /** What replication has against requests. */
  readonly replication: ReplicationGates;
  /** The reason why writes must be refused (AOF or RDB errors). */
  readonly writeProblem: () => string | undefined;
  /** Scratch for routing. */
  readonly keySurvey: KeySurvey;
  readonly keyIndexes: number[];
}

/** What replication has against requests; kept up to date by whoever does replication. */
export interface ReplicationGates {
  /** Writes of clients are refused: this is a replica. */
  readOnly: boolean;
  /** The link to the master is down and stale data is not to be served. */
  masterDown: boolean;
  /** Fewer replicas than `min-replicas-to-write` have been heard of lately. */
  fewReplicas: boolean;
}

/** What the keys of one request (all commands of an EXEC together) come to. */
export interface KeySurvey {
  slot: number;
  keyCount: number;
  multipleKeys: boolean;
  missing: number;
  existing: number;
  writes: boolean;
  crossSlot: boolean;
  /** Among them are shard channels. */
  channels: boolean;
  firstBuf: Uint8Array;
  firstStart: number;
  firstEnd: number;
}
