/** Who is up, who is down, and whether the cluster as a whole can serve. */
import { SLOT_COUNT } from '../../base/crc16.js';
import type { CoreContext } from './context.js';
import { encodeFail } from './frame.js';
import type { ClusterNode } from './node.js';
import { FAIL, NODE_FAIL, NODE_PFAIL } from './protocol.js';

/** A report counts for this many node timeouts. */
const REPORT_VALIDITY_TIMEOUTS = 2;
/** A failed master with slots that answers again is taken back after this many node timeouts without a failover. */
const FAIL_UNDO_TIMEOUTS = 2;
/** After a restart a master waits this long before it accepts writes, so that the cluster can tell it news. */
const WRITABLE_DELAY_MS = 2000;
/** Bounds of the wait before a master that was in a minority accepts writes again. */
const MIN_REJOIN_DELAY_MS = 500;
const MAX_REJOIN_DELAY_MS = 5000;

/** Longer between two ticks than any timer is late by itself. */
const STALL_MS = 1000;

// ---------------------------------------------------------------------------------------------------- reports

/** Notes that `reporter` cannot reach `node`; returns whether that is news. */
export function report(ctx: CoreContext, node: ClusterNode, reporter: ClusterNode): boolean {
  node.failureReports ??= new Map();
  const isNew = !node.failureReports.has(reporter);
  node.failureReports.set(reporter, ctx.nowMs);
  return isNew;
}

/** Notes that `reporter` can reach `node`; returns whether it had said otherwise. */
export function dropReport(ctx: CoreContext, node: ClusterNode, reporter: ClusterNode): boolean {
  const known = node.failureReports?.delete(reporter) === true;
  if (known) liveReports(ctx, node);
  return known;
}

/** How many reports about the node are still valid; drops the others. */
export function liveReports(ctx: CoreContext, node: ClusterNode): number {
  const reports = node.failureReports;
  if (reports === undefined) return 0;
  const oldestMs = ctx.nowMs - ctx.config.nodeTimeoutMs * REPORT_VALIDITY_TIMEOUTS;
  for (const [reporter, atMs] of reports) if (atMs < oldestMs) reports.delete(reporter);
  if (reports.size === 0) node.failureReports = undefined;
  return reports.size;
}

// ---------------------------------------------------------------------------------------------------- one node

/** We cannot reach the node. */
export function markPossiblyFailed(ctx: CoreContext, node: ClusterNode): void {
  if (node.isUnreachable) return;
  ctx.log('debug', `*** NODE ${node.id} possibly failing`);
  node.flags |= NODE_PFAIL;
  ctx.recompute();
  // The only voter there is need not wait for anyone's report.
  if (ctx.size === 1) markFailedByMajority(ctx, node);
}

/** Turns PFAIL into FAIL once most masters agree, and tells everyone at once. */
export function markFailedByMajority(ctx: CoreContext, node: ClusterNode): void {
  if (!node.isPfail || node.isFailed) return;
  const votes = liveReports(ctx, node) + (ctx.state.myself.hasVote ? 1 : 0);
  if (votes < quorum(ctx)) return;
  ctx.log('notice', `Marking node ${node.id} as failing (quorum reached).`);
  markFailed(ctx, node);
  ctx.broadcast(FAIL, encodeFail(ctx.header(), node.id));
}

export function markFailed(ctx: CoreContext, node: ClusterNode): void {
  node.flags = (node.flags & ~NODE_PFAIL) | NODE_FAIL;
  node.failedAtMs = ctx.nowMs;
  ctx.persistAndRecompute();
}

/** A PONG came from a node that was unreachable. */
export function reachableAgain(ctx: CoreContext, node: ClusterNode): void {
  if (node.isPfail) {
    node.flags &= ~NODE_PFAIL;
    ctx.persistAndRecompute();
  } else if (node.isFailed) clearFail(ctx, node);
}

function clearFail(ctx: CoreContext, node: ClusterNode): void {
  if (!node.hasVote) {
    const what = node.isReplica ? 'replica' : 'master without slots';
    ctx.log('notice', `Clear FAIL state for node ${node.id}: ${what} is reachable again.`);
  } else {
    // Its replicas had their chance to take over. Nobody did, so the slots are still its own.
    if (ctx.nowMs - node.failedAtMs <= ctx.config.nodeTimeoutMs * FAIL_UNDO_TIMEOUTS) return;
    ctx.log(
      'notice',
      `Clear FAIL state for node ${node.id}: is reachable again and nobody is serving its slots after some time.`,
    );
  }
  node.flags &= ~NODE_FAIL;
  ctx.persistAndRecompute();
}

// ---------------------------------------------------------------------------------------------------- the cluster

/** How many masters with slots make a majority. */
export function quorum(ctx: CoreContext): number {
  return Math.floor(ctx.size / 2) + 1;
}

/** Computes cluster_state anew, and the number of voters with it. */
export function updateClusterState(ctx: CoreContext): void {
  const { state, config, nowMs } = ctx;
  let size = 0;
  let reachable = 0;
  let failedSlots = 0;
  for (const node of state.list) {
    if (node.slotCount > 0 && node.isFailed) failedSlots += node.slotCount;
    if (!node.hasVote) continue;
    size++;
    if (!node.isUnreachable) reachable++;
  }
  ctx.size = size;
  const isMaster = state.myself.isMaster;
  ctx.firstComputedAtMs ??= nowMs;
  if (isMaster && !ctx.stateOk && nowMs - ctx.firstComputedAtMs < WRITABLE_DELAY_MS) return;
  let ok = !config.requireFullCoverage || (state.slotsAssigned === SLOT_COUNT && failedSlots === 0);
  if (reachable < quorum(ctx)) {
    ok = false;
    ctx.inMinorityAtMs = nowMs;
  }
  if (ok === ctx.stateOk) return;
  const rejoinDelayMs = Math.min(Math.max(config.nodeTimeoutMs, MIN_REJOIN_DELAY_MS), MAX_REJOIN_DELAY_MS);
  if (ok && isMaster && nowMs - ctx.inMinorityAtMs < rejoinDelayMs) return;
  setState(ctx, ok);
}

function setState(ctx: CoreContext, ok: boolean): void {
  ctx.log('warning', `Cluster state changed: ${ok ? 'ok' : 'fail'}`);
  ctx.stateOk = ok;
  ctx.emit({ kind: 'stateChanged', ok });
}

// ---------------------------------------------------------------------------------------------------- stalls

/**
 * Due with every tick. Ticks that did not come say that this process was stopped (SIGSTOP, a suspended machine, a command
 * that took long). Nobody is late for having had no chance to be heard. And when it was longer than others wait, a replica
 * may be in our place: until they have told, as after a minority, we accept no write. (Redis goes on with what its clients
 * have sent meanwhile, and loses that.)
 */
export function noteStall(ctx: CoreContext): void {
  const { myself, list } = ctx.state;
  const stalledMs = ctx.lastTickMs === 0 ? 0 : ctx.nowMs - ctx.lastTickMs;
  ctx.lastTickMs = ctx.nowMs;
  if (stalledMs < STALL_MS) return;
  for (const node of list) {
    if (node.pingSentMs !== 0) node.pingSentMs += stalledMs;
    node.dataReceivedMs += stalledMs;
  }
  if (stalledMs < ctx.config.nodeTimeoutMs || !ctx.stateOk || !myself.hasVote || myself.replicas.length === 0) return;
  ctx.log('warning', `This node was stopped for ${stalledMs} ms. It waits for news before it accepts writes.`);
  ctx.inMinorityAtMs = ctx.nowMs;
  setState(ctx, false);
}
