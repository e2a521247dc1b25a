/** One member of the cluster as this node sees it. */
import {
  NODE_FAIL,
  NODE_HANDSHAKE,
  NODE_MASTER,
  NODE_MYSELF,
  NODE_PFAIL,
  NODE_REPLICA,
  SLOT_BITMAP_BYTES,
} from './protocol.js';

const NO_SLOTS = new Uint8Array(SLOT_BITMAP_BYTES);

/** One TCP connection of the bus. The shell knows the socket, the core knows what it means. */
export interface Link {
  /** Given out by {@link ClusterCore.newLinkId}. */
  readonly id: number;
  /** True when the peer opened it. */
  readonly inbound: boolean;
  readonly createdAtMs: number;
  /** Address of the peer; of outgoing links the address we dialled. */
  readonly remoteIp: string;
  /** Our own address on this connection; '' until known. */
  localIp: string;
  /** Undefined for an incoming link whose sender is not yet known. */
  node: ClusterNode | undefined;
  /** False while an outgoing connection is being made. */
  connected: boolean;
}

export class ClusterNode {
  /** 40 lower-case hex characters. Random while in handshake, see {@link NODE_HANDSHAKE}. */
  id: string;
  /** Bits NODE_*. */
  flags: number;
  readonly createdAtMs: number;
  /** '' when unknown. */
  ip = '';
  /** Client port; the TLS one where TLS is announced. */
  port = 0;
  /** Plain client port when `port` is the TLS one, else 0. */
  plainPort = 0;
  busPort = 0;
  /** Announced host name, '' when it has none. */
  hostname = '';
  /** Shard id as the node announced it, '' when it never did (servers before 7.2). */
  announcedShardId = '';
  configEpoch = 0;
  /** What {@link slotBitmap} is while there are slots; most nodes of a large cluster have none. */
  #ownBitmap: Uint8Array | undefined = undefined;
  slotCount = 0;
  /** The master this node replicates; undefined for masters and while unknown. */
  master: ClusterNode | undefined = undefined;
  readonly replicas: ClusterNode[] = [];
  /** When the PING was sent that still waits for its PONG; 0 when none does. */
  pingSentMs = 0;
  pongReceivedMs = 0;
  /** When anything at all arrived from it. */
  dataReceivedMs = 0;
  failedAtMs = 0;
  /** When we last voted for a replica of this master. */
  votedAtMs = 0;
  replicationOffset = 0;
  /** Since when this master is without replicas, though it had some; 0 while it is not. */
  orphanedSinceMs = 0;
  /** Masters that report this node as unreachable, with the time of their last report; undefined while nobody does. */
  failureReports: Map<ClusterNode, number> | undefined = undefined;
  /** The gossip section that took this node last, so that none takes it twice. */
  gossipNumber = 0;
  /** The link we opened. */
  link: Link | undefined = undefined;
  inboundLink: Link | undefined = undefined;

  constructor(id: string, flags: number, nowMs: number) {
    this.id = id;
    this.flags = flags;
    this.createdAtMs = nowMs;
  }

  get isMyself(): boolean {
    return (this.flags & NODE_MYSELF) !== 0;
  }

  get isMaster(): boolean {
    return (this.flags & NODE_MASTER) !== 0;
  }

  get isReplica(): boolean {
    return (this.flags & NODE_REPLICA) !== 0;
  }

  get inHandshake(): boolean {
    return (this.flags & NODE_HANDSHAKE) !== 0;
  }

  get isPfail(): boolean {
    return (this.flags & NODE_PFAIL) !== 0;
  }

  get isFailed(): boolean {
    return (this.flags & NODE_FAIL) !== 0;
  }

  get isUnreachable(): boolean {
    return (this.flags & (NODE_PFAIL | NODE_FAIL)) !== 0;
  }

  /** What gossip tells of it: Unix times in seconds. */
  get pingSentS(): number {
    return Math.floor(this.pingSentMs / 1000);
  }

  get pongReceivedS(): number {
    return Math.floor(this.pongReceivedMs / 1000);
  }

  /** Bit n of byte n >> 3 is slot n. Kept equal to the owners' table by ClusterState, and not to be changed by others. */
  get slotBitmap(): Uint8Array {
    return this.#ownBitmap ?? NO_SLOTS;
  }

  ownsSlot(slot: number): boolean {
    return (this.slotBitmap[slot >> 3] & (1 << (slot & 7))) !== 0;
  }

  /** For ClusterState: the node did not have the slot. */
  gainSlot(slot: number): void {
    this.#ownBitmap ??= new Uint8Array(SLOT_BITMAP_BYTES);
    this.#ownBitmap[slot >> 3] |= 1 << (slot & 7);
    this.slotCount++;
  }

  /** For ClusterState: the node had the slot. */
  loseSlot(slot: number): void {
    this.#ownBitmap![slot >> 3] &= ~(1 << (slot & 7));
    if (--this.slotCount === 0) this.#ownBitmap = undefined;
  }

  /** True for the nodes whose word counts: masters that serve slots. */
  get hasVote(): boolean {
    return this.isMaster && this.slotCount > 0;
  }
}
