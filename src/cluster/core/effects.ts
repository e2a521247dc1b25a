/** What goes into a step of the core, and what comes out of it for the shell to do. Plain data both ways. */

export type Input =
  /** Due every {@link TICK_MS}. */
  | { readonly kind: 'tick' }
  /** The peer opened a connection; `link` comes from {@link ClusterCore.newLinkId}. */
  | { readonly kind: 'accepted'; readonly link: number; readonly remoteIp: string; readonly localIp: string }
  /** A connection asked for by a `connect` effect is up. */
  | { readonly kind: 'connected'; readonly link: number; readonly localIp: string }
  /** A connection ended, or could not be made. Ids the core has already dropped are ignored. */
  | { readonly kind: 'closed'; readonly link: number; readonly reason: string }
  /** One whole frame arrived. The bytes are read within the step only. */
  | { readonly kind: 'frame'; readonly link: number; readonly frame: Uint8Array }
  /** Something of {@link CoreConfig} may be different now: what others are told of us follows at once. */
  | { readonly kind: 'configured' }
  /** More of the master's stream has been applied. Due only while {@link ClusterCore.awaitsOffset}. */
  | { readonly kind: 'replicated' };

export type LogLevel = 'debug' | 'verbose' | 'notice' | 'warning';

/**
 * To be carried out in order. A `persist` comes before every `send` of its step and must be in the file, a durable one on disk,
 * before the next effect runs; when it fails the node has to stop, for it could break a promise it already made.
 */
export type Effect =
  | { readonly kind: 'persist'; readonly text: string; readonly durable: boolean }
  | { readonly kind: 'connect'; readonly link: number; readonly ip: string; readonly busPort: number }
  | { readonly kind: 'disconnect'; readonly link: number }
  /** The buffer is not changed afterwards and may be queued; several links may share it. */
  | { readonly kind: 'send'; readonly link: number; readonly frame: Uint8Array }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string }
  /** Cluster state went ok or fail; {@link ClusterCore.stateOk} has it already. */
  | { readonly kind: 'stateChanged'; readonly ok: boolean }
  /** Slots that we lost while other slots stay with us: the keys in them must go. */
  | { readonly kind: 'dropSlots'; readonly slots: readonly number[] }
  /** Become a replica of that node, or look for it at a new address. */
  | { readonly kind: 'follow'; readonly nodeId: string; readonly ip: string; readonly port: number }
  /** Stop replicating: we are a master now. With `flush` (CLUSTER RESET) the database is emptied. */
  | { readonly kind: 'unfollow'; readonly flush: boolean }
  /** A replica is about to take over: hold writes back, until `resumeWrites` or so long. */
  | { readonly kind: 'pauseWrites'; readonly forMs: number }
  | { readonly kind: 'resumeWrites' }
  /** A PUBLISH or PUBLISHSHARD message of another node; the ranges are only valid within the step. */
  | {
      readonly kind: 'published';
      readonly sharded: boolean;
      readonly channel: Uint8Array;
      readonly message: Uint8Array;
    };

/** The core counts on a tick this often. */
export const TICK_MS = 100;

/** Settings the core reads each time it needs them, so CONFIG SET takes effect at once. */
export interface CoreConfig {
  readonly nodeTimeoutMs: number;
  readonly requireFullCoverage: boolean;
  readonly allowReplicaMigration: boolean;
  readonly replicaNoFailover: boolean;
  /** cluster-replica-validity-factor; 0: data is never too old for a failover. */
  readonly replicaValidityFactor: number;
  /** repl-ping-replica-period. */
  readonly pingReplicaPeriodMs: number;
  /** cluster-migration-barrier: how many working replicas a master keeps. */
  readonly migrationBarrier: number;
  /** '' unless cluster-announce-ip is set; likewise the next. */
  readonly announceIp: string;
  readonly announceHostname: string;
  /** Client port that others are told: the TLS one where the bus runs on TLS. */
  readonly announcedPort: number;
  /** Plain port when `announcedPort` is the TLS one, else 0. */
  readonly announcedPlainPort: number;
  readonly announcedBusPort: number;
}

/** What the core asks of the rest of the server. */
export interface CoreDependencies {
  readonly config: CoreConfig;
  /** Random for sampling. */
  readonly random: { below(bound: number): number };
  /** A fresh 40-character lower-case hex id, unique in the world. */
  newNodeId(): string;
  countKeysInSlot(slot: number): number;
  isDatabaseEmpty(): boolean;
  /** Our replication offset as announced in frame headers. */
  replicationOffset(): number;
  /** How long our master has not been heard of: since its last word, or since the link broke. Infinity without any. */
  masterSilentMs(): number;
  /** We replicate: what we have is what our master had, up to our offset. */
  masterLinkUp(): boolean;
}
