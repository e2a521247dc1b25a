/** Which part this node has: master, or replica of a master. The one place where it changes. */

import { assert } from '../../base/assert.js';
import { SLOT_COUNT } from '../../base/crc16.js';
import type { CoreContext } from './context.js';
import { broadcastPong } from './gossip.js';
import type { ClusterNode } from './node.js';
import { NODE_MASTER, NODE_MIGRATE_TO, NODE_NOADDR, NODE_REPLICA } from './protocol.js';

/** Replicates `master` from now on. We must have no slots. */
export function becomeReplicaOf(ctx: CoreContext, master: ClusterNode): void {
  const { state } = ctx;
  const { myself } = state;
  assert(master !== myself && myself.slotCount === 0, 'a replica has another node as master, and no slots');
  if (myself.isMaster) {
    myself.flags = (myself.flags & ~(NODE_MASTER | NODE_MIGRATE_TO)) | NODE_REPLICA;
    state.closeAllSlots();
  }
  state.setMaster(myself, master);
  ctx.resetManualFailover();
  ctx.election.reset();
  followAddress(ctx);
  ctx.persistAndRecompute();
  // Redis lets the next pings tell. Until they have, nobody votes for us, and our master refuses a manual failover.
  broadcastPong(ctx);
}

/** Tells the shell where our master is, if we have one and know where: at its first or a new address. */
export function followAddress(ctx: CoreContext): void {
  const { master } = ctx.state.myself;
  if (master === undefined || master.ip === '' || (master.flags & NODE_NOADDR) !== 0) return;
  ctx.followedId = master.id;
  ctx.emit({ kind: 'follow', nodeId: master.id, ip: master.ip, port: master.port });
}

/** A tick of a replica: begins to replicate as soon as the master's address is known. */
export function followIfDue(ctx: CoreContext): void {
  const { myself } = ctx.state;
  if (myself.isReplica && myself.master !== undefined && ctx.followedId !== myself.master.id) followAddress(ctx);
}

/**
 * A tick of a replica: our master has become a replica itself. When it lost its slots to its new master we follow that one
 * for the claim, but without slots no claim would ever move us.
 */
export function leaveSubReplica(ctx: CoreContext): void {
  const grandmaster = ctx.state.myself.master?.master;
  if (grandmaster === undefined || grandmaster.isMyself) return;
  ctx.log('warning', `I'm a sub-replica! Reconfiguring myself as a replica of grandmaster ${grandmaster.id}`);
  becomeReplicaOf(ctx, grandmaster);
}

/** Ends to be a replica. Returns false when we are none. */
export function becomeMaster(ctx: CoreContext, flush: boolean): boolean {
  const { state } = ctx;
  if (!state.turnIntoMaster(state.myself)) return false;
  ctx.followedId = '';
  ctx.emit({ kind: 'unfollow', flush });
  ctx.persistAndRecompute();
  return true;
}

/**
 * The end of each kind of failover: takes the place of our master, with all of its slots, and tells everybody. The caller
 * has given us a config epoch above the master's.
 */
export function takeMastersPlace(ctx: CoreContext): void {
  const { state } = ctx;
  const { myself } = state;
  const { master } = myself;
  if (master === undefined) return;
  becomeMaster(ctx, false);
  for (let slot = 0; slot < SLOT_COUNT; slot++) if (state.owners[slot] === master) state.setOwner(slot, myself);
  ctx.persistAndRecompute();
  broadcastPong(ctx);
  ctx.resetManualFailover();
  ctx.election.reset();
}
