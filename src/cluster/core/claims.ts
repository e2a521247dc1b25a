/** Who owns a slot when nodes disagree: the larger config epoch. And how two nodes never keep the same one. */
import { SLOT_COUNT } from '../../base/crc16.js';
import type { CoreContext } from './context.js';
import { encodeUpdate } from './frame.js';
import type { ClusterNode, Link } from './node.js';
import { UPDATE } from './protocol.js';
import { becomeReplicaOf } from './role.js';

function hasBit(bitmap: Uint8Array, slot: number): boolean {
  return (bitmap[slot >> 3] & (1 << (slot & 7))) !== 0;
}

/**
 * `claimer`, a master, says that it owns exactly the slots of `bitmap` since `configEpoch`. It gets those that are free
 * or whose owner has a smaller epoch. Slots it no longer claims stay bound until somebody else claims them.
 */
export function applyClaim(ctx: CoreContext, claimer: ClusterNode, configEpoch: number, bitmap: Uint8Array): void {
  const { state } = ctx;
  if (claimer.isMyself) return;
  const ours = state.myself.master ?? state.myself;
  const lostWithKeys: number[] = [];
  let claimed = 0;
  let takenFromUs = 0;
  let handedOver = false;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const owner = state.owners[slot];
    if (!hasBit(bitmap, slot)) {
      if (owner === claimer) state.markNotClaimed(slot);
      continue;
    }
    claimed++;
    if (owner === claimer) {
      state.clearNotClaimed(slot);
      continue;
    }
    // While we import a slot only the operator decides where it goes.
    if (state.importing[slot] !== undefined) continue;
    if (owner !== undefined && !state.isUnclaimed(slot) && owner.configEpoch >= configEpoch) continue;
    if (owner === ours) takenFromUs++;
    if (owner?.isMyself) {
      if (ctx.dependencies.countKeysInSlot(slot) > 0) lostWithKeys.push(slot);
      handedOver ||= state.migrating[slot] === claimer;
      state.migrating[slot] = undefined;
    }
    state.setOwner(slot, claimer);
    ctx.persistAndRecompute();
  }
  const leftEmpty = takenFromUs > 0 && ours.slotCount === 0;
  const mayFollow = ctx.config.allowReplicaMigration || claimed === takenFromUs;
  if (leftEmpty && mayFollow && !(handedOver && holdsImportedKeys(ctx))) followNewOwner(ctx, claimer);
  else if (lostWithKeys.length > 0) ctx.emit({ kind: 'dropSlots', slots: lostWithKeys });
}

/**
 * A slot that we import has keys here, of which nobody else has a copy. A master that hands over its last slot stays what it
 * is then: the data of the new owner would replace them. (Redis lets them go.)
 */
export function holdsImportedKeys(ctx: CoreContext): boolean {
  const { importing } = ctx.state;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (importing[slot] !== undefined && ctx.dependencies.countKeysInSlot(slot) > 0) return true;
  }
  return false;
}

/** We lost our last slot, or our master did. */
export function followNewOwner(ctx: CoreContext, owner: ClusterNode): void {
  ctx.log('notice', `Configuration change detected. Reconfiguring myself as a replica of ${owner.id}`);
  becomeReplicaOf(ctx, owner);
}

/**
 * The sender of a frame claims slots under an epoch that is out of date: it was away when they moved. Tells it, once a
 * frame, about one owner with a larger epoch; it goes on with its next frame.
 */
export function correctStaleClaim(
  ctx: CoreContext,
  sender: ClusterNode,
  configEpoch: number,
  bitmap: Uint8Array,
  link: Link,
): void {
  const { owners } = ctx.state;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (!hasBit(bitmap, slot)) continue;
    const owner = owners[slot];
    if (owner === undefined || owner === sender || ctx.state.isUnclaimed(slot)) continue;
    if (owner.configEpoch <= configEpoch) continue;
    ctx.log('verbose', `Node ${sender.id} has old slots configuration, sending an UPDATE message about ${owner.id}`);
    const frame = encodeUpdate(ctx.header(), owner.id, owner.configEpoch, owner.slotBitmap);
    ctx.send(sender.link?.connected ? sender.link : link, UPDATE, frame);
    return;
  }
}

/** Another master has our config epoch. The one with the smaller id takes a new one, so that one of the two moves. */
export function resolveEpochCollision(ctx: CoreContext, sender: ClusterNode): void {
  const { state } = ctx;
  const { myself } = state;
  if (!myself.isMaster || !sender.isMaster || sender.configEpoch !== myself.configEpoch) return;
  if (sender.id <= myself.id) return;
  myself.configEpoch = ++state.currentEpoch;
  ctx.persist();
  ctx.log('verbose', `WARNING: configEpoch collision with node ${sender.id}. configEpoch set to ${myself.configEpoch}`);
}

/**
 * Takes a new config epoch without asking anyone, unless ours is the largest already; returns whether it did. For
 * manual resharding only: should another node take the same one, the collision is resolved afterwards.
 */
export function bumpConfigEpoch(ctx: CoreContext): boolean {
  const { state } = ctx;
  const { myself } = state;
  if (myself.configEpoch !== 0 && myself.configEpoch === state.maxEpoch()) return false;
  state.currentEpoch = state.maxEpoch() + 1;
  myself.configEpoch = state.currentEpoch;
  ctx.persist();
  ctx.log('notice', `New configEpoch set to ${myself.configEpoch}`);
  return true;
}
