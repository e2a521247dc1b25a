/**
 * The election of a replica whose master has failed, or is to step down (manualFailover.ts): asks all masters for their
 * votes and, with a majority, takes the master's place.
 *
 *   master FAIL ─> delay (500..1000 ms, and 1 s per replica with more data) ─> AUTH_REQUEST ─> votes ─> takeMastersPlace
 *                    ^                                                            │
 *                    └──── no majority within 2 node timeouts: again after 4 ─────┘
 *
 * Rules: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ (replica election and promotion).
 */
import type { CoreContext } from './context.js';
import { quorum } from './failure.js';
import { encodeBare, type FrameHeader } from './frame.js';
import { broadcastPongToReplicas } from './gossip.js';
import type { ClusterNode } from './node.js';
import { AUTH_REQUEST, MSG_FORCE_ACK, NODE_NOFAILOVER } from './protocol.js';
import { takeMastersPlace } from './role.js';

/** Time for the news of the failure to spread, before votes are asked for. */
const FIXED_DELAY_MS = 500;
/** So that replicas of one rank do not ask at once. */
const RANDOM_DELAY_MS = 500;
const DELAY_PER_RANK_MS = 1000;
const MIN_VOTING_MS = 2000;
const VOTING_TIMEOUTS = 2;
/** Within this of the failure nobody needs to hear why it takes so long. */
const QUIET_MS = 5000;

const DATA_TOO_OLD =
  "Disconnected from master for longer than allowed. Please check the 'cluster-replica-validity-factor' configuration option.";
const WAITING_FOR_DELAY = 'Waiting the delay before I can start a new failover.';
const EXPIRED = 'Failover attempt expired.';
const WAITING_FOR_VOTES = 'Waiting for votes, but majority still not reached.';

/** Goes on with the election as far as it can now. Due with every tick, and whenever something it waits for has come. */
export function driveElection(ctx: CoreContext): void {
  const { election, manual, nowMs } = ctx;
  const { master } = ctx.state.myself;
  if (master === undefined || !isCalledFor(ctx, master)) return election.noProblem();
  if (!manual.canStart && isDataTooOld(ctx, master)) return tellProblem(ctx, master, DATA_TOO_OLD);
  const votingMs = Math.max(ctx.config.nodeTimeoutMs * VOTING_TIMEOUTS, MIN_VOTING_MS);
  const ageMs = nowMs - election.startsAtMs;
  if (ageMs > votingMs * 2) schedule(ctx, master);
  else if (!election.asked && !manual.active) delayByRank(ctx, master);
  if (nowMs < election.startsAtMs) return tellProblem(ctx, master, WAITING_FOR_DELAY);
  if (nowMs - election.startsAtMs > votingMs) return tellProblem(ctx, master, EXPIRED);
  if (!election.asked) askForVotes(ctx);
  else if (election.voters.size >= quorum(ctx)) win(ctx);
  else tellProblem(ctx, master, WAITING_FOR_VOTES);
}

function isCalledFor(ctx: CoreContext, master: ClusterNode): boolean {
  if (!ctx.state.myself.isReplica || master.slotCount === 0) return false;
  // Votes may be read before the tick that ends it, when we were stopped: by then the master writes again.
  if (ctx.manual.active && ctx.manual.canStart && ctx.nowMs <= ctx.manual.endsAtMs) return true;
  return master.isFailed && !ctx.config.replicaNoFailover;
}

/** Due with every tick of a replica, before it may change its master. */
export function noteCoveredSlots(ctx: CoreContext): void {
  const { master } = ctx.state.myself;
  if (master !== undefined && ctx.dependencies.masterLinkUp()) ctx.coveredSlots.set(master.slotBitmap);
}

/**
 * We have come to this master from another, and have nothing of it yet: in its place we would serve its slots empty. Not so
 * when it has taken over from the master that we had. (Redis looks at the time since the last word of whichever master.)
 */
function isDataForeign(ctx: CoreContext, master: ClusterNode): boolean {
  const { coveredSlots } = ctx;
  return master.slotBitmap.every((byte, i) => (byte & coveredSlots[i]) === 0);
}

/** The master was silent for longer than the time it took to be found failed and than the configuration allows. */
function isDataTooOld(ctx: CoreContext, master: ClusterNode): boolean {
  const { nodeTimeoutMs, replicaValidityFactor, pingReplicaPeriodMs } = ctx.config;
  if (replicaValidityFactor === 0) return false;
  if (isDataForeign(ctx, master)) return true;
  const silentMs = ctx.dependencies.masterSilentMs();
  const ageMs = silentMs > nodeTimeoutMs ? silentMs - nodeTimeoutMs : silentMs;
  return ageMs > pingReplicaPeriodMs + nodeTimeoutMs * replicaValidityFactor;
}

function schedule(ctx: CoreContext, master: ClusterNode): void {
  const { election, nowMs } = ctx;
  election.asked = false;
  election.voters.clear();
  if (ctx.manual.active) {
    election.startsAtMs = nowMs;
    election.rank = 0;
  } else {
    election.rank = rankOf(ctx, master);
    const randomMs = ctx.dependencies.random.below(RANDOM_DELAY_MS);
    election.startsAtMs = nowMs + FIXED_DELAY_MS + randomMs + election.rank * DELAY_PER_RANK_MS;
  }
  const offset = ctx.dependencies.replicationOffset();
  ctx.log(
    'warning',
    `Start of election delayed for ${election.startsAtMs - nowMs} milliseconds (rank #${election.rank}, offset ${offset}).`,
  );
  // The other replicas rank themselves by what they know of our offset.
  broadcastPongToReplicas(ctx);
}

function rankOf(ctx: CoreContext, master: ClusterNode): number {
  const offset = ctx.dependencies.replicationOffset();
  let rank = 0;
  for (const replica of master.replicas) {
    if (replica.isMyself || (replica.flags & NODE_NOFAILOVER) !== 0) continue;
    if (replica.replicationOffset > offset) rank++;
  }
  return rank;
}

/** Other replicas turned out to have more data than we thought. */
function delayByRank(ctx: CoreContext, master: ClusterNode): void {
  const { election } = ctx;
  const rank = rankOf(ctx, master);
  if (rank <= election.rank) return;
  const addedMs = (rank - election.rank) * DELAY_PER_RANK_MS;
  election.startsAtMs += addedMs;
  election.rank = rank;
  ctx.log('warning', `Replica rank updated to #${rank}, added ${addedMs} milliseconds of delay.`);
}

function askForVotes(ctx: CoreContext): void {
  const { election, state } = ctx;
  election.epoch = ++state.currentEpoch;
  election.asked = true;
  ctx.log('warning', `Starting a failover election for epoch ${election.epoch}.`);
  ctx.persistAndRecompute();
  ctx.broadcast(AUTH_REQUEST, encodeBare(AUTH_REQUEST, ctx.header(ctx.manual.active ? MSG_FORCE_ACK : 0)));
}

/** AUTH_ACK came. Votes of an earlier election of ours do not count. */
export function receiveVote(ctx: CoreContext, voter: ClusterNode, header: FrameHeader): void {
  const { election } = ctx;
  if (!voter.hasVote || !election.asked || header.currentEpoch < election.epoch) return;
  election.voters.add(voter);
  driveElection(ctx);
}

function win(ctx: CoreContext): void {
  const { election } = ctx;
  const { myself } = ctx.state;
  ctx.log('warning', "Failover election won: I'm the new master.");
  if (myself.configEpoch < election.epoch) {
    myself.configEpoch = election.epoch;
    ctx.log('warning', `configEpoch set to ${myself.configEpoch} after successful failover`);
  }
  takeMastersPlace(ctx);
}

function tellProblem(ctx: CoreContext, master: ClusterNode, problem: string): void {
  if (!ctx.election.mayTell(problem, ctx.nowMs)) return;
  if (master.isFailed && ctx.nowMs - master.failedAtMs < ctx.config.nodeTimeoutMs + QUIET_MS) return;
  ctx.log('warning', `Currently unable to failover: ${problem}`);
}
