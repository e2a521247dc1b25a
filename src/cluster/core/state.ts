/**
 * What a node knows of the cluster: the members, who owns which slot, the epochs. Pure bookkeeping: every method keeps
 * the invariants, none decides anything.
 *
 *     nodes      id -> ClusterNode          owners[slot]        -> ClusterNode | undefined
 *     byIdHash   hash of id -> one of them  migrating[slot] / importing[slot] -> the other end
 *     list       the same, for sampling
 *       node.slotBitmap, node.slotCount     notClaimed: bit per slot, see below
 *       node.replicas <-> replica.master
 *
 * Invariants (checked by {@link ClusterState.verify}):
 * - owners[slot] is n exactly when n's bitmap has the slot; slotCount is the number of its bits.
 * - `list` holds the nodes of `nodes`, in any order.
 * - Every node that is an owner, a master, a replica or the other end of an open slot is in `nodes` under its id.
 * - `myself` is in `nodes` and the only one with NODE_MYSELF; a node is never master and replica at once.
 */
import { assert } from '../../base/assert.js';
import { latin1 } from '../../base/bytes.js';
import { SLOT_COUNT } from '../../base/crc16.js';
import type { ClusterNode } from './node.js';
import { NODE_ID_LENGTH, NODE_MASTER, NODE_MIGRATE_TO, NODE_REPLICA, SLOT_BITMAP_BYTES } from './protocol.js';

/** How long a node that was told to FORGET another refuses to learn of it again. */
export const FORGET_MS = 60_000;

/** Ids are random: some of their characters tell them apart. */
const HASHED_CHARACTERS = 10;

function hashOfId(id: string): number {
  let hash = 0;
  for (let i = 0; i < HASHED_CHARACTERS; i++) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) | 0;
  return hash;
}

function spells(id: string, buf: Uint8Array, at: number): boolean {
  for (let i = 0; i < NODE_ID_LENGTH; i++) if (id.charCodeAt(i) !== buf[at + i]) return false;
  return true;
}

export class ClusterState {
  readonly myself: ClusterNode;
  readonly nodes = new Map<string, ClusterNode>();
  readonly #byIdHash = new Map<number, ClusterNode>();
  readonly list: ClusterNode[] = [];
  readonly owners: (ClusterNode | undefined)[] = new Array(SLOT_COUNT).fill(undefined);
  readonly migrating: (ClusterNode | undefined)[] = new Array(SLOT_COUNT).fill(undefined);
  readonly importing: (ClusterNode | undefined)[] = new Array(SLOT_COUNT).fill(undefined);
  /**
   * Slots whose owner has stopped to claim them while nobody else does yet (the middle of a migration). They stay bound,
   * so that there is no hole, but count as free for whoever claims them, and we tell nobody that the old owner has them.
   */
  readonly notClaimed = new Uint8Array(SLOT_BITMAP_BYTES);
  notClaimedCount = 0;
  /** Node id -> when it may be learned again. */
  readonly forgotten = new Map<string, number>();
  slotsAssigned = 0;
  currentEpoch = 0;
  lastVoteEpoch = 0;

  constructor(myself: ClusterNode) {
    this.myself = myself;
    this.addNode(myself);
  }

  /** The largest epoch known, of any kind. */
  maxEpoch(): number {
    let max = this.currentEpoch;
    for (const node of this.list) if (node.configEpoch > max) max = node.configEpoch;
    return max;
  }

  addNode(node: ClusterNode): void {
    assert(!this.nodes.has(node.id), 'a node is added once');
    this.#file(node);
    this.list.push(node);
  }

  renameNode(node: ClusterNode, id: string): void {
    assert(!this.nodes.has(id) || this.nodes.get(id) === node, 'a node id belongs to one node');
    this.#unfile(node);
    node.id = id;
    this.#file(node);
  }

  #file(node: ClusterNode): void {
    this.nodes.set(node.id, node);
    this.#byIdHash.set(hashOfId(node.id), node);
  }

  #unfile(node: ClusterNode): void {
    this.nodes.delete(node.id);
    const hash = hashOfId(node.id);
    if (this.#byIdHash.get(hash) === node) this.#byIdHash.delete(hash);
  }

  /** The member whose id stands at `at`: as `nodes.get`, without making a string of every id that gossip names. */
  findById(buf: Uint8Array, at: number): ClusterNode | undefined {
    let hash = 0;
    for (let i = at; i < at + HASHED_CHARACTERS; i++) hash = (Math.imul(hash, 31) + buf[i]) | 0;
    const node = this.#byIdHash.get(hash);
    if (node !== undefined && spells(node.id, buf, at)) return node;
    return this.nodes.get(latin1(buf, at, at + NODE_ID_LENGTH));
  }

  /** Takes the node out of every place that points at it. Its links are the caller's to close. */
  removeNode(node: ClusterNode): void {
    assert(node !== this.myself, 'a node does not remove itself');
    this.releaseSlots(node);
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.migrating[slot] === node) this.migrating[slot] = undefined;
      if (this.importing[slot] === node) this.importing[slot] = undefined;
    }
    for (const other of this.list) other.failureReports?.delete(node);
    this.setMaster(node, undefined);
    for (const replica of node.replicas.slice()) this.setMaster(replica, undefined);
    this.#unfile(node);
    const last = this.list.pop()!;
    if (last !== node) this.list[this.list.indexOf(node)] = last;
  }

  /** Changes the owner of a slot; undefined leaves it unassigned. */
  setOwner(slot: number, node: ClusterNode | undefined): void {
    const previous = this.owners[slot];
    this.clearNotClaimed(slot);
    if (previous === node) return;
    if (previous !== undefined) {
      previous.loseSlot(slot);
      this.slotsAssigned--;
    }
    if (node !== undefined) {
      // A node that gets its first slot while other masters have replicas is one that replicas may move to.
      if (node.slotCount === 0 && this.#othersHaveReplicas(node)) node.flags |= NODE_MIGRATE_TO;
      node.gainSlot(slot);
      this.slotsAssigned++;
    }
    this.owners[slot] = node;
  }

  #othersHaveReplicas(node: ClusterNode): boolean {
    for (const other of this.list) if (other !== node && other.isMaster && other.replicas.length > 0) return true;
    return false;
  }

  /** Unassigns all slots of a node; returns how many they were. */
  releaseSlots(node: ClusterNode): number {
    const count = node.slotCount;
    for (let slot = 0; slot < SLOT_COUNT && node.slotCount > 0; slot++) {
      if (this.owners[slot] === node) this.setOwner(slot, undefined);
    }
    return count;
  }

  closeAllSlots(): void {
    this.migrating.fill(undefined);
    this.importing.fill(undefined);
  }

  markNotClaimed(slot: number): void {
    const bit = 1 << (slot & 7);
    if ((this.notClaimed[slot >> 3] & bit) === 0) this.notClaimedCount++;
    this.notClaimed[slot >> 3] |= bit;
  }

  clearNotClaimed(slot: number): void {
    const bit = 1 << (slot & 7);
    if ((this.notClaimed[slot >> 3] & bit) !== 0) this.notClaimedCount--;
    this.notClaimed[slot >> 3] &= ~bit;
  }

  /** True when whoever claims the slot may have it whatever its epoch. */
  isUnclaimed(slot: number): boolean {
    return this.owners[slot] === undefined || (this.notClaimed[slot >> 3] & (1 << (slot & 7))) !== 0;
  }

  /** Binds a replica to its master, or to none. Flags are not touched. */
  setMaster(replica: ClusterNode, master: ClusterNode | undefined): void {
    const previous = replica.master;
    if (previous === master) return;
    if (previous !== undefined) {
      previous.replicas.splice(previous.replicas.indexOf(replica), 1);
      if (previous.replicas.length === 0) previous.flags &= ~NODE_MIGRATE_TO;
    }
    replica.master = master;
    if (master !== undefined) {
      master.replicas.push(replica);
      master.flags |= NODE_MIGRATE_TO;
    }
  }

  /** Turns the node into a master; returns false when it already was one. */
  turnIntoMaster(node: ClusterNode): boolean {
    if (node.isMaster) return false;
    if (node.master !== undefined) {
      this.setMaster(node, undefined);
      if (node !== this.myself) node.flags |= NODE_MIGRATE_TO;
    }
    node.flags = (node.flags & ~NODE_REPLICA) | NODE_MASTER;
    return true;
  }

  forget(id: string, nowMs: number, ttlMs = FORGET_MS): void {
    this.forgotten.set(id, nowMs + ttlMs);
  }

  isForgotten(id: string, nowMs: number): boolean {
    if (this.forgotten.size === 0) return false;
    for (const [other, untilMs] of this.forgotten) if (untilMs < nowMs) this.forgotten.delete(other);
    return this.forgotten.has(id);
  }

  /** Stops the program when an invariant of the file head does not hold. */
  verify(): void {
    assert(this.nodes.get(this.myself.id) === this.myself, 'myself is a member');
    assert(new Set(this.list).size === this.nodes.size && this.list.length === this.nodes.size, 'list holds the nodes');
    const counted = new Map<ClusterNode, number>();
    let assigned = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const owner = this.owners[slot];
      this.#verifyKnown(this.migrating[slot]);
      this.#verifyKnown(this.importing[slot]);
      if (owner === undefined) continue;
      assigned++;
      this.#verifyKnown(owner);
      assert(owner.ownsSlot(slot), 'the owner has the slot in its bitmap');
      counted.set(owner, (counted.get(owner) ?? 0) + 1);
    }
    assert(assigned === this.slotsAssigned, 'slotsAssigned counts the owned slots');
    for (const [id, node] of this.nodes) this.#verifyNode(id, node, counted.get(node) ?? 0);
  }

  #verifyKnown(node: ClusterNode | undefined): void {
    assert(node === undefined || this.nodes.get(node.id) === node, 'a node that is pointed at is a member');
  }

  #verifyNode(id: string, node: ClusterNode, owned: number): void {
    assert(node.id === id, 'a node is filed under its id');
    assert(node.isMyself === (node === this.myself), 'NODE_MYSELF marks myself only');
    assert(node.slotCount === owned, 'slotCount equals the slots owned');
    let bits = 0;
    for (const byte of node.slotBitmap) for (let rest = byte; rest > 0; rest &= rest - 1) bits++;
    assert(bits === owned, 'the bitmap has the slots owned and no others');
    assert(!(node.isMaster && node.isReplica), 'a node is not master and replica at once');
    this.#verifyKnown(node.master);
    assert(node.master === undefined || node.master.replicas.includes(node), 'a master knows its replicas');
    for (const replica of node.replicas) assert(replica.master === node, 'a replica knows its master');
    for (const reporter of node.failureReports?.keys() ?? []) this.#verifyKnown(reporter);
  }
}
