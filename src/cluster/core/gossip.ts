/** What nodes tell each other: the gossip section of a PING, and what we learn from others'. */
import type { CoreContext } from './context.js';
import { dropReport, liveReports, markFailedByMajority, report } from './failure.js';
import { encodePing, type FrameHeader, type GossipEntry, type GossipSection, type PingExtensions } from './frame.js';
import type { ClusterNode, Link } from './node.js';
import {
  NODE_FAIL,
  NODE_HANDSHAKE,
  NODE_MEET,
  NODE_MYSELF,
  NODE_NOADDR,
  NODE_NOFAILOVER,
  NODE_PFAIL,
  PING,
  PONG,
} from './protocol.js';

/** A pong time from a gossip entry may be this far ahead of our clock. */
const CLOCK_TOLERANCE_MS = 500;
const MIN_GOSSIP_ENTRIES = 3;

/** Brings the description of this node in line with the configuration, which may have changed since the last tick. */
export function refreshMyself(ctx: CoreContext): void {
  const { myself } = ctx.state;
  const { config } = ctx;
  const nofailover = config.replicaNoFailover ? NODE_NOFAILOVER : 0;
  myself.flags = (myself.flags & ~NODE_NOFAILOVER) | nofailover;
  myself.port = config.announcedPort;
  myself.plainPort = config.announcedPlainPort;
  myself.busPort = config.announcedBusPort;
  if (config.announceIp !== '' && myself.ip !== config.announceIp) {
    myself.ip = config.announceIp;
    ctx.persist();
  }
  if (myself.hostname !== config.announceHostname) {
    myself.hostname = config.announceHostname;
    ctx.persist();
  }
}

// ---------------------------------------------------------------------------------------------------- sending

/** Sends PING, PONG or MEET with a sample of what we know. */
export function sendPing(ctx: CoreContext, link: Link, type: number): void {
  if (!link.inbound && link.node !== undefined && type === PING) link.node.pingSentMs = ctx.nowMs;
  if (!link.connected) return;
  const gossip = chooseGossip(ctx, link.node);
  ctx.send(link, type, encodePing(type, ctx.header(), gossip, ctx.state.myself.hostname));
}

export function broadcastPong(ctx: CoreContext): void {
  for (const node of ctx.state.list) {
    if (!node.isMyself && !node.inHandshake && node.link !== undefined) sendPing(ctx, node.link, PONG);
  }
}

/** To the other replicas of our master. */
export function broadcastPongToReplicas(ctx: CoreContext): void {
  for (const node of ctx.state.myself.master?.replicas ?? []) {
    if (!node.isMyself && node.link !== undefined) sendPing(ctx, node.link, PONG);
  }
}

/**
 * A tenth of the members, at random, so that within two node timeouts every failing node is reported by enough masters
 * to reach a majority; and all that look unreachable, so that a failure spreads faster than that.
 */
function chooseGossip(ctx: CoreContext, receiver: ClusterNode | undefined): ClusterNode[] {
  const { list } = ctx.state;
  const gossipNumber = ++ctx.gossipNumber;
  const chosen: ClusterNode[] = [];
  let fresh = list.length - 2;
  const wanted = Math.min(Math.max(Math.floor(list.length / 10), MIN_GOSSIP_ENTRIES), fresh);
  for (let tries = wanted * 3; tries > 0 && fresh > 0 && chosen.length < wanted; tries--) {
    const node = list[ctx.dependencies.random.below(list.length)];
    if (node.isMyself || node === receiver || node.isPfail) continue;
    const useless = (node.flags & (NODE_HANDSHAKE | NODE_NOADDR)) !== 0;
    if (useless || (node.link === undefined && node.slotCount === 0)) {
      fresh--;
      continue;
    }
    if (node.gossipNumber === gossipNumber) continue;
    node.gossipNumber = gossipNumber;
    chosen.push(node);
    fresh--;
  }
  if (ctx.pfailCount > 0) {
    for (const node of list) {
      if (node.isPfail && (node.flags & (NODE_HANDSHAKE | NODE_NOADDR)) === 0) chosen.push(node);
    }
  }
  return chosen;
}

// ---------------------------------------------------------------------------------------------------- learning

/** `sender` is undefined for a MEET from a node we do not know: then nothing is learned but nothing is lost either. */
export function learnFromGossip(ctx: CoreContext, sender: ClusterNode | undefined, gossip: GossipSection): void {
  for (let i = 0; i < gossip.length; i++) {
    const node = ctx.state.findById(gossip.buf, gossip.start(i));
    if (node !== undefined) {
      if (!node.isMyself) updateKnown(ctx, sender, node, gossip, i);
    } else if (sender !== undefined) addUnknown(ctx, gossip.entry(i));
  }
}

function updateKnown(
  ctx: CoreContext,
  sender: ClusterNode | undefined,
  node: ClusterNode,
  gossip: GossipSection,
  index: number,
): void {
  const entryFlags = gossip.flags(index);
  const entryDown = (entryFlags & (NODE_PFAIL | NODE_FAIL)) !== 0;
  if (sender?.hasVote) {
    if (entryDown) {
      if (report(ctx, node, sender)) {
        ctx.log('verbose', `Node ${sender.id} reported node ${node.id} as not reachable.`);
      }
      markFailedByMajority(ctx, node);
    } else if (dropReport(ctx, node, sender)) {
      ctx.log('verbose', `Node ${sender.id} reported node ${node.id} is back online.`);
    }
  }
  // Someone else heard from it lately: no need to ping it ourselves.
  if (!entryDown && !node.isUnreachable && node.pingSentMs === 0 && liveReports(ctx, node) === 0) {
    const pongMs = gossip.pongReceivedS(index) * 1000;
    if (pongMs <= ctx.nowMs + CLOCK_TOLERANCE_MS && pongMs > node.pongReceivedMs) node.pongReceivedMs = pongMs;
  }
  // We cannot reach it where we think it is, and a node that can reach it knows another address.
  if (node.isUnreachable && !entryDown && (entryFlags & NODE_NOADDR) === 0) {
    const entry = gossip.entry(index);
    if (entry.ip === '') return;
    if (node.ip !== entry.ip || node.port !== entry.port || node.busPort !== entry.busPort) {
      ctx.closeLink(node.link);
      setAddress(ctx, node, entry.ip, entry.port, entry.plainPort, entry.busPort);
      ctx.persist();
    }
  }
}

/**
 * A member of the cluster that we did not know: its id is trusted, since the sender is a member itself. Whether we can
 * reach it we have to find out for ourselves.
 */
function addUnknown(ctx: CoreContext, entry: GossipEntry): void {
  if ((entry.flags & (NODE_NOADDR | NODE_HANDSHAKE)) !== 0 || entry.ip === '' || entry.busPort === 0) return;
  if (ctx.state.isForgotten(entry.id, ctx.nowMs)) return;
  const node = ctx.addNode(
    entry.id,
    entry.flags & ~(NODE_MYSELF | NODE_MEET | NODE_PFAIL),
    entry.ip,
    entry.port,
    entry.plainPort,
    entry.busPort,
  );
  if (node.isFailed) node.failedAtMs = ctx.nowMs;
  ctx.persistAndRecompute();
}

/** Takes host name, shard id and forgotten nodes from the extensions of a member's PING. */
export function learnFromExtensions(ctx: CoreContext, sender: ClusterNode, extensions: PingExtensions): void {
  if (sender.hostname !== extensions.hostname) {
    sender.hostname = extensions.hostname;
    ctx.persist();
  }
  if (extensions.shardId !== '') sender.announcedShardId = extensions.shardId;
  for (const { id, ttlS } of extensions.forgotten) {
    const node = ctx.state.nodes.get(id);
    if (node === undefined || node.isMyself || node === ctx.state.myself.master || node === sender) continue;
    ctx.state.forget(id, ctx.nowMs, ttlS * 1000);
    ctx.removeNode(node);
    ctx.persistAndRecompute();
  }
}

// ---------------------------------------------------------------------------------------------------- addresses

/** Takes over the address that the sender of a frame shows, when it is new; returns whether it was. */
export function updateAddress(ctx: CoreContext, node: ClusterNode, link: Link, header: FrameHeader): boolean {
  // What arrives on the link we opened comes from the address we dialled.
  if (link === node.link) return false;
  const ip = header.announcedIp === '' ? link.remoteIp : header.announcedIp;
  const { port, plainPort, busPort } = header;
  if (node.ip === ip && node.port === port && node.plainPort === plainPort && node.busPort === busPort) return false;
  ctx.closeLink(node.link);
  setAddress(ctx, node, ip, port, plainPort, busPort);
  ctx.log('warning', `Address updated for node ${node.id}, now ${ip}:${port}`);
  return true;
}

function setAddress(
  ctx: CoreContext,
  node: ClusterNode,
  ip: string,
  port: number,
  plainPort: number,
  busPort: number,
): void {
  node.ip = ip;
  node.port = port;
  node.plainPort = plainPort;
  node.busPort = busPort;
  node.flags &= ~NODE_NOADDR;
  // Our master: the next tick follows it to its new address.
  if (ctx.followedId === node.id) ctx.followedId = '';
}
