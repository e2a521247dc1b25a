/** What a frame from another node does to our view. */
import { applyClaim, correctStaleClaim, resolveEpochCollision } from './claims.js';
import type { CoreContext } from './context.js';
import { receiveVote } from './election.js';
import { markFailed, reachableAgain } from './failure.js';
import { decodeFrame, type Frame, type FrameBody, type FrameHeader } from './frame.js';
import { learnFromExtensions, learnFromGossip, sendPing, updateAddress } from './gossip.js';
import { notePausedMaster, receiveManualFailover } from './manualFailover.js';
import type { ClusterNode, Link } from './node.js';
import {
  AUTH_ACK,
  AUTH_REQUEST,
  MEET,
  MESSAGE_NAMES,
  MFSTART,
  NODE_HANDSHAKE,
  NODE_MASTER,
  NODE_MEET,
  NODE_MIGRATE_TO,
  NODE_NOADDR,
  NODE_NOFAILOVER,
  NODE_REPLICA,
  PING,
  PONG,
  PUBLISH_SHARD,
} from './protocol.js';
import { voteIfDue } from './voting.js';

type PingBody = Extract<FrameBody, { kind: 'ping' }>;

/** Handles one whole frame. A frame that makes no sense is logged and dropped; the link goes on. */
export function receiveFrame(ctx: CoreContext, link: Link, bytes: Uint8Array): void {
  const frame = decodeFrame(bytes);
  if ('malformed' in frame) {
    ctx.log('warning', `Received invalid packet on the cluster bus from ${link.remoteIp}: ${frame.malformed}`);
    return;
  }
  if (frame.type < MESSAGE_NAMES.length) ctx.framesReceived[frame.type]++;
  if (frame.type === ctx.droppedType) return ctx.log('warning', 'Packet that matches debug drop filter dropped');
  const sender = identifySender(ctx, link, frame.header);
  // We met ourselves. Answering is all there is to do: the PONG ends the handshake.
  if (sender?.isMyself && link.inbound) {
    if (frame.type === PING || frame.type === MEET) sendPing(ctx, link, PONG);
    return;
  }
  if (sender !== undefined) noteSender(ctx, sender, frame.header);
  dispatch(ctx, link, frame, sender);
}

/** The member that sent the frame; undefined when we do not know it (yet). */
function identifySender(ctx: CoreContext, link: Link, header: FrameHeader): ClusterNode | undefined {
  if (link.node !== undefined && !link.node.inHandshake) return link.node;
  const sender = ctx.state.nodes.get(header.sender);
  if (sender !== undefined && link.node === undefined && !sender.isMyself) ctx.bindInboundLink(link, sender);
  return sender;
}

/** What every frame of a member tells: that it is alive, and its epochs. */
function noteSender(ctx: CoreContext, sender: ClusterNode, header: FrameHeader): void {
  const { state } = ctx;
  sender.dataReceivedMs = ctx.nowMs;
  if (sender.inHandshake) return;
  if (header.currentEpoch > state.currentEpoch) state.currentEpoch = header.currentEpoch;
  if (header.configEpoch > sender.configEpoch) {
    sender.configEpoch = header.configEpoch;
    // nodes.conf has no epoch of a replica, and none is believed from there.
    if (!sender.isReplica) ctx.persist();
  }
  sender.replicationOffset = header.replicationOffset;
  notePausedMaster(ctx, sender, header);
}

function dispatch(ctx: CoreContext, link: Link, frame: Frame, sender: ClusterNode | undefined): void {
  const { type, header, body } = frame;
  if (body.kind === 'ping') receivePing(ctx, link, type, header, body, sender);
  else if (sender === undefined) {
    if (body.kind === 'fail') {
      ctx.log('notice', `Ignoring FAIL message from unknown node ${header.sender} about ${body.nodeId}`);
    }
  } else if (body.kind === 'fail') receiveFail(ctx, sender, body.nodeId);
  else if (body.kind === 'update') receiveUpdate(ctx, body.nodeId, body.configEpoch, body.slots);
  else if (type === AUTH_REQUEST) voteIfDue(ctx, sender, header);
  else if (type === AUTH_ACK) receiveVote(ctx, sender, header);
  else if (type === MFSTART) receiveManualFailover(ctx, sender, link);
  else if (body.kind === 'publish') {
    const { channel, message } = body;
    ctx.emit({ kind: 'published', sharded: type === PUBLISH_SHARD, channel, message });
  }
}

// ---------------------------------------------------------------------------------------------------- PING family

function receivePing(
  ctx: CoreContext,
  link: Link,
  type: number,
  header: FrameHeader,
  body: PingBody,
  sender: ClusterNode | undefined,
): void {
  if (type === PING || type === MEET) {
    learnOwnAddress(ctx, link, type, sender);
    if (sender === undefined && type === MEET) welcome(ctx, link, header);
    sendPing(ctx, link, PONG);
  }
  if (!link.inbound && !checkIdentity(ctx, link, header, sender)) return;
  if (sender !== undefined) {
    sender.flags = (sender.flags & ~NODE_NOFAILOVER) | (header.flags & NODE_NOFAILOVER);
    if (type === PING && !sender.inHandshake && updateAddress(ctx, sender, link, header)) ctx.persistAndRecompute();
  }
  if (!link.inbound && type === PONG && link.node !== undefined) {
    link.node.pongReceivedMs = ctx.nowMs;
    link.node.pingSentMs = 0;
    reachableAgain(ctx, link.node);
  }
  if (sender === undefined) return;
  updateRole(ctx, sender, header);
  updateSlots(ctx, sender, header, link);
  if (header.configEpoch === ctx.state.myself.configEpoch) resolveEpochCollision(ctx, sender);
  learnFromGossip(ctx, sender, body.gossip);
  learnFromExtensions(ctx, sender, body.extensions);
}

/**
 * A node that sends MEET had to know our address, so the one it used is our official one. A plain PING will do while we
 * have none, and once after a start: the host may have moved, and members find us at the new address by our own PINGs.
 */
function learnOwnAddress(ctx: CoreContext, link: Link, type: number, sender: ClusterNode | undefined): void {
  const { myself } = ctx.state;
  if (ctx.config.announceIp !== '' || link.localIp === '') return;
  const firstFromMember = sender !== undefined && !ctx.ownAddressConfirmed;
  if (type !== MEET && myself.ip !== '' && !firstFromMember) return;
  ctx.ownAddressConfirmed = true;
  if (link.localIp === myself.ip) return;
  myself.ip = link.localIp;
  ctx.log('warning', `IP address for this node updated to ${myself.ip}`);
  ctx.persist();
}

/** A stranger wants us in its cluster: dial back. Its flags and slots come with its PONG. */
function welcome(ctx: CoreContext, link: Link, header: FrameHeader): void {
  const ip = header.announcedIp === '' ? link.remoteIp : header.announcedIp;
  ctx.addNode(undefined, NODE_HANDSHAKE, ip, header.port, header.plainPort, header.busPort);
  ctx.persist();
}

/**
 * A frame on a link that we opened: the one who answers has to be the one we dialled. Ends a handshake. Returns false
 * when the link is gone after that.
 */
function checkIdentity(ctx: CoreContext, link: Link, header: FrameHeader, sender: ClusterNode | undefined): boolean {
  const node = link.node!;
  if (node.inHandshake) {
    if (sender !== undefined) {
      ctx.log('verbose', `Handshake: we already know node ${sender.id}, updating the address if needed.`);
      if (!sender.isMyself && updateAddress(ctx, sender, link, header)) ctx.persistAndRecompute();
      ctx.removeNode(node);
      return false;
    }
    ctx.state.renameNode(node, header.sender);
    ctx.log('debug', `Handshake with node ${node.id} completed.`);
    node.flags &= ~(NODE_HANDSHAKE | NODE_MEET);
    node.flags |= header.flags & (NODE_MASTER | NODE_REPLICA);
    ctx.persist();
    return true;
  }
  if (node.id === header.sender) return true;
  ctx.log(
    'debug',
    `PONG contains mismatching sender ID. About node ${node.id} added ${ctx.nowMs - node.createdAtMs} ms ago, ` +
      `having flags ${node.flags}`,
  );
  node.flags |= NODE_NOADDR;
  node.ip = '';
  node.port = 0;
  node.plainPort = 0;
  node.busPort = 0;
  ctx.closeLink(link);
  ctx.persist();
  return false;
}

function updateRole(ctx: CoreContext, sender: ClusterNode, header: FrameHeader): void {
  const { state } = ctx;
  if (header.masterId === '') {
    if (state.turnIntoMaster(sender)) ctx.persistAndRecompute();
    return;
  }
  if (!sender.isReplica) {
    state.releaseSlots(sender);
    sender.flags = (sender.flags & ~(NODE_MASTER | NODE_MIGRATE_TO)) | NODE_REPLICA;
    ctx.persistAndRecompute();
  }
  const master = state.nodes.get(header.masterId);
  if (master !== undefined && master !== sender && sender.master !== master) {
    state.setMaster(sender, master);
    ctx.persist();
  }
}

/** Must come after {@link updateRole}: only a master's slots are its own. */
function updateSlots(ctx: CoreContext, sender: ClusterNode, header: FrameHeader, link: Link): void {
  const owner = sender.isMaster ? sender : sender.master;
  if (owner === undefined) return;
  const differs = Buffer.compare(owner.slotBitmap, header.slots) !== 0;
  if (sender.isMaster && (differs || ctx.state.notClaimedCount > 0)) {
    applyClaim(ctx, sender, header.configEpoch, header.slots);
  }
  if (differs) correctStaleClaim(ctx, sender, header.configEpoch, header.slots, link);
}

// ---------------------------------------------------------------------------------------------------- the others

function receiveFail(ctx: CoreContext, sender: ClusterNode, nodeId: string): void {
  const node = ctx.state.nodes.get(nodeId);
  if (node === undefined || node.isFailed || node.isMyself) return;
  ctx.log('notice', `FAIL message received from ${sender.id} about ${nodeId}`);
  markFailed(ctx, node);
}

/** Somebody tells us who owns the slots that we believe to be ours or another's. */
function receiveUpdate(ctx: CoreContext, nodeId: string, configEpoch: number, slots: Uint8Array): void {
  const node = ctx.state.nodes.get(nodeId);
  if (node === undefined || node.isMyself || node.configEpoch >= configEpoch) return;
  if (node.isReplica) ctx.state.turnIntoMaster(node);
  node.configEpoch = configEpoch;
  ctx.persistAndRecompute();
  applyClaim(ctx, node, configEpoch, slots);
}
