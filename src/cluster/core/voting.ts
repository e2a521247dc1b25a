/** Our vote in the election of a replica. One an epoch, and on disk before it is cast. */
import { SLOT_COUNT } from '../../base/crc16.js';
import type { CoreContext } from './context.js';
import { encodeBare, type FrameHeader } from './frame.js';
import type { ClusterNode } from './node.js';
import { AUTH_ACK, MSG_FORCE_ACK } from './protocol.js';

/** We vote for replicas of one master once in this many node timeouts: the winner needs time to be heard. */
const VOTE_PAUSE_TIMEOUTS = 2;

/** Answers an AUTH_REQUEST: a vote or silence. */
export function voteIfDue(ctx: CoreContext, candidate: ClusterNode, request: FrameHeader): void {
  const { state } = ctx;
  if (!state.myself.hasVote) return;
  const reason = reasonAgainst(ctx, candidate, request);
  if (reason !== undefined) {
    ctx.log('warning', `Failover auth denied to ${candidate.id}: ${reason}`);
    return;
  }
  candidate.master!.votedAtMs = ctx.nowMs;
  state.lastVoteEpoch = state.currentEpoch;
  ctx.persist();
  ctx.send(candidate.link, AUTH_ACK, encodeBare(AUTH_ACK, ctx.header()));
  ctx.log('warning', `Failover auth granted to ${candidate.id} for epoch ${state.currentEpoch}`);
}

function reasonAgainst(ctx: CoreContext, candidate: ClusterNode, request: FrameHeader): string | undefined {
  const { state } = ctx;
  if (request.currentEpoch < state.currentEpoch) {
    return `reqEpoch (${request.currentEpoch}) < curEpoch(${state.currentEpoch})`;
  }
  if (state.lastVoteEpoch >= state.currentEpoch) return `already voted for epoch ${state.currentEpoch}`;
  const { master } = candidate;
  if (candidate.isMaster) return 'it is a master node';
  if (master === undefined) return "I don't know its master";
  const forced = (request.messageFlags & MSG_FORCE_ACK) !== 0;
  if (!master.isFailed && !forced) return 'its master is up';
  // Nothing to vote with when the vote could not be delivered: it would be lost for this epoch.
  if (candidate.link?.connected !== true) return 'no link to it';
  const waitMs = master.votedAtMs + ctx.config.nodeTimeoutMs * VOTE_PAUSE_TIMEOUTS - ctx.nowMs;
  if (waitMs > 0) return `can't vote about this master before ${waitMs} milliseconds`;
  return staleSlot(ctx, request);
}

/** A replica whose view of the slots is older than ours must not win them. */
function staleSlot(ctx: CoreContext, request: FrameHeader): string | undefined {
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if ((request.slots[slot >> 3] & (1 << (slot & 7))) === 0 || ctx.state.isUnclaimed(slot)) continue;
    const epoch = ctx.state.owners[slot]!.configEpoch;
    if (epoch > request.configEpoch) return `slot ${slot} epoch (${epoch}) > reqEpoch (${request.configEpoch})`;
  }
  return undefined;
}
