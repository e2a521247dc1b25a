/** What a node does by itself, ten times a second: connect, ping, and notice who does not answer. */
import type { CoreContext } from './context.js';
import { TICK_MS } from './effects.js';
import { driveElection, noteCoveredSlots } from './election.js';
import { markPossiblyFailed, noteStall } from './failure.js';
import { refreshMyself, sendPing } from './gossip.js';
import { driveManualFailover, endManualFailoverIfLate } from './manualFailover.js';
import type { ClusterNode } from './node.js';
import { NODE_HANDSHAKE, NODE_MYSELF, NODE_NOADDR, PING } from './protocol.js';
import { migrateIfDue } from './replicaMigration.js';
import { followIfDue, leaveSubReplica } from './role.js';

const TICKS_PER_PING = 1000 / TICK_MS;
const PING_CANDIDATES = 5;
const MIN_HANDSHAKE_TIMEOUT_MS = 1000;

export function tick(ctx: CoreContext): void {
  noteStall(ctx);
  refreshMyself(ctx);
  maintainLinks(ctx);
  if (++ctx.ticks % TICKS_PER_PING === 0) pingQuietest(ctx);
  for (const node of ctx.state.list) checkNode(ctx, node);
  endManualFailoverIfLate(ctx);
  if (ctx.state.myself.isReplica) tickAsReplica(ctx);
  if (!ctx.stateOk) ctx.recompute();
}

function tickAsReplica(ctx: CoreContext): void {
  noteCoveredSlots(ctx);
  leaveSubReplica(ctx);
  followIfDue(ctx);
  driveManualFailover(ctx);
  driveElection(ctx);
  migrateIfDue(ctx);
}

/** Dials everyone we have no link to, and gives up on handshakes that got no answer. */
function maintainLinks(ctx: CoreContext): void {
  const handshakeTimeoutMs = Math.max(ctx.config.nodeTimeoutMs, MIN_HANDSHAKE_TIMEOUT_MS);
  ctx.pfailCount = 0;
  const { list } = ctx.state;
  // Backwards: whoever is removed is replaced by the last of the list, which has been looked at.
  for (let i = list.length - 1; i >= 0; i--) {
    const node = list[i];
    if ((node.flags & (NODE_MYSELF | NODE_NOADDR)) !== 0) continue;
    if (node.isPfail) ctx.pfailCount++;
    if (node.inHandshake && ctx.nowMs - node.createdAtMs > handshakeTimeoutMs) ctx.removeNode(node);
    else if (node.link === undefined) ctx.openLink(node);
  }
}

/** Once a second: of a few members at random, pings the one we have not heard of for longest. */
function pingQuietest(ctx: CoreContext): void {
  const { list } = ctx.state;
  let quietest: ClusterNode | undefined;
  for (let i = 0; i < PING_CANDIDATES; i++) {
    const node = list[ctx.dependencies.random.below(list.length)];
    if (node.link === undefined || node.pingSentMs !== 0) continue;
    if ((node.flags & (NODE_MYSELF | NODE_HANDSHAKE)) !== 0) continue;
    if (quietest === undefined || node.pongReceivedMs < quietest.pongReceivedMs) quietest = node;
  }
  if (quietest?.link !== undefined) sendPing(ctx, quietest.link, PING);
}

function checkNode(ctx: CoreContext, node: ClusterNode): void {
  if ((node.flags & (NODE_MYSELF | NODE_NOADDR | NODE_HANDSHAKE)) !== 0) return;
  const timeoutMs = ctx.config.nodeTimeoutMs;
  const sincePingMs = ctx.nowMs - node.pingSentMs;
  const sinceDataMs = ctx.nowMs - node.dataReceivedMs;
  const waiting = node.pingSentMs !== 0;
  // Half the timeout without a byte: perhaps only the connection is broken. Try a new one while there is time.
  if (node.link !== undefined && waiting && ctx.nowMs - node.link.createdAtMs > timeoutMs) {
    if (sincePingMs > timeoutMs / 2 && sinceDataMs > timeoutMs / 2) ctx.closeLink(node.link);
  }
  if (node.link !== undefined && !waiting && ctx.nowMs - node.pongReceivedMs > timeoutMs / 2) {
    sendPing(ctx, node.link, PING);
    return;
  }
  // It wants our place, and waits for the offset at which we have paused.
  if (node.link !== undefined && ctx.manual.replica === node) {
    sendPing(ctx, node.link, PING);
    return;
  }
  // Any data proves that the node lives: its PONG may be queued behind a large message.
  if (waiting && Math.min(sincePingMs, sinceDataMs) > timeoutMs) markPossiblyFailed(ctx, node);
}
