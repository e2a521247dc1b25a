/** Replication, as commands and INFO see it. */

import type { ReplyWriter } from '../resp/replyWriter.js';

/** A client, by its session. */
export interface ReplicationClient {
  readonly id: number;
}

export interface MasterAddress {
  readonly host: string;
  readonly port: number;
}

/** How far a replica is with its master. */
export type MasterLinkState = 'connect' | 'connecting' | 'handshake' | 'sync' | 'connected';

/** The master that this server follows. */
export interface MasterFacts extends MasterAddress {
  readonly state: MasterLinkState;
  /** What was done of the stream, and what was received; -1 before there was any. */
  readonly offset: number;
  readonly readOffset: number;
  readonly secondsSinceIo: number;
  /** -1: the link has never been up. */
  readonly secondsDown: number;
  /** The snapshot that is being received: its bytes (0 when unknown), those that came, and since when none has. */
  readonly sync:
    | { readonly totalBytes: number; readonly readBytes: number; readonly secondsSinceIo: number }
    | undefined;
}

/** A replica that follows this server. */
export interface ReplicaFacts {
  readonly host: string;
  readonly port: number;
  readonly state: 'wait_bgsave' | 'send_bulk' | 'online';
  readonly ackedOffset: number;
  readonly lagSeconds: number;
}

export interface BacklogFacts {
  /** Offset of its first byte, counted from 1. */
  readonly firstByteOffset: number;
  readonly length: number;
  readonly bytesUsed: number;
}

/** What a replica says of itself before PSYNC (REPLCONF). */
export interface ReplicaAnnouncement {
  listeningPort: number;
  /** '' : the one that it connects from. */
  ip: string;
  /** Capabilities: a snapshot of unknown length; another replication id in +CONTINUE. */
  takesMark: boolean;
  takesNewId: boolean;
  /** It wants a snapshot and nothing behind it. */
  snapshotOnly: boolean;
  /** It wants a snapshot without data. */
  withoutData: boolean;
}

export interface SyncRequest {
  /** Undefined: SYNC, of a replica that knows nothing of offsets. */
  readonly psync: { readonly id: string; readonly offset: number } | undefined;
}

export interface FailoverOptions {
  readonly target: MasterAddress | undefined;
  readonly force: boolean;
  readonly timeoutMs: number;
}

/** What WAITAOF asks for: everything written so far on our disk (`local`), and on those of so many replicas. */
export interface DiskWish {
  readonly local: boolean;
  readonly replicas: number;
  /** 0 is for ever. */
  readonly timeoutMs: number;
  readonly mayBlock: boolean;
}

/** Who waits for what replicas and the disk have of the stream of writes. */
export interface AcksPort {
  /** How many replicas have acknowledged all of the stream up to `offset`. */
  countAcked(offset: number): number;
  /** WAIT: `client` waits for so many to acknowledge what was written so far; 0 ms is for ever. */
  wait(client: ReplicationClient, replicas: number, timeoutMs: number): void;
  /** WAITAOF. Answers at once where it need not, or may not, wait. */
  waitForDisk(client: ReplicationClient, wish: DiskWish): void;
}

/** What the stream of writes takes of memory. */
export interface StreamBuffers {
  /** The backlog included. */
  readonly bytesUsed: number;
  /** The part of it that only waits for replicas. */
  readonly heldForReplicasBytes: number;
}

export const NO_BUFFERS: StreamBuffers = { bytesUsed: 0, heldForReplicasBytes: 0 };

export interface ReplicationPort {
  readonly id: string;
  readonly secondId: string;
  /** -1 without a second id. */
  readonly secondOffset: number;
  /** Bytes of the stream of writes so far. */
  readonly offset: number;
  /** Undefined: this server is a master. */
  readonly master: MasterFacts | undefined;
  readonly replicaFacts: readonly ReplicaFacts[];
  readonly backlog: BacklogFacts | undefined;
  readonly failoverState: string;
  readonly acks: AcksPort;
  /** Replicas that were heard of within `min-replicas-max-lag`. */
  readonly goodReplicas: number;
  readonly buffers: StreamBuffers;
  /** Keys that clients of a writable replica gave an expire time. */
  readonly ownExpiresCount: number;
  /** Bytes of replication received and sent. */
  readonly netInputBytes: number;
  readonly netOutputBytes: number;

  /** REPLICAOF host port. */
  follow(master: MasterAddress): void;
  /** REPLICAOF NO ONE. */
  promote(): void;
  /** DEBUG CHANGE-REPL-ID. */
  changeId(): void;

  /** What this client has said of itself; to be changed by REPLCONF. */
  announcement(client: ReplicationClient): ReplicaAnnouncement;
  /** Makes the client a replica. Answers an error, or nothing; what else there is to say is written to `reply` or follows. */
  sync(client: ReplicationClient, request: SyncRequest, reply: ReplyWriter): string | undefined;
  /** PSYNC ... FAILOVER of our master: we are to be it. Answers an error, or nothing. */
  takeOver(id: string): string | undefined;
  /** A replica says how far it is and, if it has an append-only file, how much of that is on disk. */
  acknowledge(client: ReplicationClient, offset: number, onDiskOffset: number | undefined): void;
  /** The master wants to know how far we are. */
  sendAck(): void;
  /** FAILOVER. Answers an error, or nothing. */
  failover(options: FailoverOptions): string | undefined;
  /** FAILOVER ABORT. False: none is under way. */
  abortFailover(): boolean;
}
