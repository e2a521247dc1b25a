/**
 * CLUSTER FAILOVER: a replica takes its master's place although that is up, without losing a write.
 *
 *   replica  MFSTART ───────────────────────────────────> master: pauses writes
 *   replica  <──── PING, flagged as paused, with offset ─ master, again and again
 *   replica  has applied the stream up to that offset ──> election.ts, with votes though the master is up
 */
import { bumpConfigEpoch } from './claims.js';
import type { CoreContext } from './context.js';
import { driveElection } from './election.js';
import { encodeBare, type FrameHeader } from './frame.js';
import { sendPing } from './gossip.js';
import type { ClusterNode, Link } from './node.js';
import { MFSTART, MSG_PAUSED, PING } from './protocol.js';
import { takeMastersPlace } from './role.js';

const TIMEOUT_MS = 5000;
/** The master holds writes back for longer than that, so that none comes between the end and the news of it. */
const PAUSE_TIMEOUTS = 2;

export type FailoverMode = 'wait' | 'force' | 'takeover';

/** The replica's first step. The caller has checked that we are one and know our master. */
export function startManualFailover(ctx: CoreContext, master: ClusterNode, mode: FailoverMode): void {
  ctx.resetManualFailover();
  ctx.manual.endsAtMs = ctx.nowMs + TIMEOUT_MS;
  if (mode === 'takeover') {
    ctx.log('warning', 'Taking over the master (user request).');
    bumpConfigEpoch(ctx);
    takeMastersPlace(ctx);
  } else if (mode === 'force') {
    ctx.log('warning', 'Forced failover user request accepted.');
    begin(ctx);
  } else {
    ctx.log('warning', 'Manual failover user request accepted.');
    ctx.send(master.link, MFSTART, encodeBare(MFSTART, ctx.header()));
  }
}

/** Nobody waits for an election that is about to fail on its own. */
function begin(ctx: CoreContext): void {
  ctx.manual.canStart = true;
  ctx.election.reset();
  driveElection(ctx);
}

/** The master's part: a replica wants our place. */
export function receiveManualFailover(ctx: CoreContext, sender: ClusterNode, link: Link): void {
  const { manual } = ctx;
  if (sender.master !== ctx.state.myself) return;
  ctx.resetManualFailover();
  manual.endsAtMs = ctx.nowMs + TIMEOUT_MS;
  manual.replica = sender;
  ctx.emit({ kind: 'pauseWrites', forMs: TIMEOUT_MS * PAUSE_TIMEOUTS });
  ctx.log('warning', `Manual failover requested by replica ${sender.id}.`);
  sendPing(ctx, link, PING);
}

/** Any frame of our master may tell the offset at which it has paused. */
export function notePausedMaster(ctx: CoreContext, sender: ClusterNode, header: FrameHeader): void {
  const { manual, state } = ctx;
  if (!manual.active || state.myself.master !== sender || manual.masterOffset !== -1) return;
  if ((header.messageFlags & MSG_PAUSED) === 0) return;
  manual.masterOffset = header.replicationOffset;
  ctx.log('warning', `Received replication offset for paused master manual failover: ${manual.masterOffset}`);
  driveManualFailover(ctx);
}

/** Due with every tick, and when more of the stream has been applied. */
export function driveManualFailover(ctx: CoreContext): void {
  const { manual } = ctx;
  if (!manual.awaitsOffset || ctx.dependencies.replicationOffset() !== manual.masterOffset) return;
  // Until we have its snapshot, an equal number says nothing: that of a fresh replica and an idle master is 0.
  if (!ctx.dependencies.masterLinkUp()) return;
  ctx.log('warning', 'All master replication stream processed, manual failover can start.');
  begin(ctx);
}

export function endManualFailoverIfLate(ctx: CoreContext): void {
  if (!ctx.manual.active || ctx.nowMs <= ctx.manual.endsAtMs) return;
  ctx.log('warning', 'Manual failover timed out.');
  ctx.resetManualFailover();
}
