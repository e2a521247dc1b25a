/**
 * The cluster as one node runs it, without a clock, a socket or a file: inputs go in, effects come out. The shell in
 * cluster/io carries the effects out on real sockets; the simulator does so on virtual ones.
 *
 *     tick, frame, link up or down ──> step ──> [persist] send, connect, disconnect, log, stateChanged, ...
 *     CLUSTER subcommand ───────────> admin ─> reply and effects
 *     routing of keys, CLUSTER INFO ─> lookups and queries.ts, which change nothing
 *
 * Within one step's effects the persist, if any, is the first: whatever we tell others survives our crash.
 */
import { type AdminCommand, type AdminReply, runAdmin } from './admin.js';
import { CoreContext } from './context.js';
import type { CoreDependencies, Effect, Input } from './effects.js';
import { updateClusterState } from './failure.js';
import { encodePublish } from './frame.js';
import { refreshMyself, sendPing } from './gossip.js';
import { driveManualFailover } from './manualFailover.js';
import { ClusterNode, type Link } from './node.js';
import { MEET, NODE_MASTER, NODE_MEET, NODE_MYSELF, PING, PUBLISH, PUBLISH_SHARD } from './protocol.js';
import { receiveFrame } from './receive.js';
import { followIfDue } from './role.js';
import { ClusterState } from './state.js';
import { tick } from './tick.js';

export class ClusterCore {
  readonly state: ClusterState;
  readonly context: CoreContext;
  readonly #isNew: boolean;

  /** `state` is what parseNodesConf made of nodes.conf; undefined for a node that starts anew. */
  constructor(dependencies: CoreDependencies, state: ClusterState | undefined, nowMs: number) {
    this.#isNew = state === undefined;
    this.state = state ?? new ClusterState(new ClusterNode(dependencies.newNodeId(), NODE_MYSELF | NODE_MASTER, nowMs));
    this.context = new CoreContext(dependencies, this.state);
  }

  /** The first step. Ticks do the rest. */
  start(nowMs: number): Effect[] {
    const ctx = this.context;
    const { myself } = this.state;
    ctx.nowMs = nowMs;
    if (this.#isNew) ctx.log('notice', `No cluster configuration found, I'm ${myself.id}`);
    else ctx.log('notice', `Node configuration loaded, I'm ${myself.id}`);
    refreshMyself(ctx);
    followIfDue(ctx);
    ctx.persistAndRecompute();
    return this.#finish();
  }

  step(nowMs: number, input: Input): Effect[] {
    const ctx = this.context;
    ctx.nowMs = nowMs;
    switch (input.kind) {
      case 'tick':
        tick(ctx);
        break;
      case 'accepted':
        ctx.addInboundLink(input.link, input.remoteIp, input.localIp);
        break;
      case 'connected':
        this.#linkConnected(ctx.links.get(input.link), input.localIp);
        break;
      case 'closed':
        this.#linkClosed(ctx.links.get(input.link), input.reason);
        break;
      case 'frame': {
        const link = ctx.links.get(input.link);
        if (link !== undefined) receiveFrame(ctx, link, input.frame);
        break;
      }
      case 'configured':
        refreshMyself(ctx);
        break;
      case 'replicated':
        driveManualFailover(ctx);
    }
    return this.#finish();
  }

  /** Runs a CLUSTER subcommand. The effects have to be carried out whatever the reply is. */
  admin(nowMs: number, command: AdminCommand): { reply: AdminReply; effects: Effect[] } {
    this.context.nowMs = nowMs;
    const reply = runAdmin(this.context, command);
    return { reply, effects: this.#finish() };
  }

  /** Sends a message to the subscribers of all other nodes or, when sharded, of the other nodes of our shard. */
  publish(nowMs: number, channel: Uint8Array, message: Uint8Array, sharded: boolean): Effect[] {
    const ctx = this.context;
    ctx.nowMs = nowMs;
    const type = sharded ? PUBLISH_SHARD : PUBLISH;
    const frame = encodePublish(type, ctx.header(), channel, message);
    if (sharded) {
      const master = this.state.myself.master ?? this.state.myself;
      for (const node of [master, ...master.replicas]) ctx.send(node.link, type, frame);
    } else ctx.broadcast(type, frame);
    return this.#finish();
  }

  /** The next tick is late by more than others wait for us: it has to come before anything else is served. */
  isOverdue(nowMs: number): boolean {
    const { lastTickMs, config } = this.context;
    return lastTickMs !== 0 && nowMs - lastTickMs >= config.nodeTimeoutMs;
  }

  /** A manual failover waits for the `replicated` input. */
  get awaitsOffset(): boolean {
    return this.context.manual.awaitsOffset;
  }

  /** A manual failover is under way, in which we are master: nothing of ours may enter the replication stream. */
  get isHandingOver(): boolean {
    return this.context.manual.replica !== undefined;
  }

  /** For an incoming connection; outgoing ones get theirs with the connect effect. */
  newLinkId(): number {
    return this.context.newLinkId();
  }

  // ------------------------------------------------------------------------------------------------ routing

  get myself(): ClusterNode {
    return this.state.myself;
  }

  /** cluster_state:ok. While false, commands on keys are refused. */
  get stateOk(): boolean {
    return this.context.stateOk;
  }

  isMine(slot: number): boolean {
    return this.state.owners[slot] === this.state.myself;
  }

  slotOwner(slot: number): ClusterNode | undefined {
    return this.state.owners[slot];
  }

  migratingTo(slot: number): ClusterNode | undefined {
    return this.state.migrating[slot];
  }

  importingFrom(slot: number): ClusterNode | undefined {
    return this.state.importing[slot];
  }

  findNode(id: string): ClusterNode | undefined {
    return this.state.nodes.get(id);
  }

  // ------------------------------------------------------------------------------------------------ links

  #linkConnected(link: Link | undefined, localIp: string): void {
    const node = link?.node;
    if (link === undefined || node === undefined) return;
    link.connected = true;
    link.localIp = localIp;
    const waitingSinceMs = node.pingSentMs;
    sendPing(this.context, link, node.flags & NODE_MEET ? MEET : PING);
    // A reconnect must not hide for how long the node has not answered.
    if (waitingSinceMs !== 0) node.pingSentMs = waitingSinceMs;
    // One MEET is enough: if no PONG comes, the handshake times out.
    node.flags &= ~NODE_MEET;
  }

  #linkClosed(link: Link | undefined, reason: string): void {
    if (link === undefined) return;
    const { node } = link;
    if (node !== undefined && !link.inbound && !link.connected) {
      this.context.log('verbose', `Connection with Node ${node.id} at ${node.ip}:${node.busPort} failed: ${reason}`);
      // Counts as a PING without an answer, or a node that refuses connections would never look down.
      if (node.pingSentMs === 0) node.pingSentMs = this.context.nowMs;
    }
    this.context.dropLink(link);
  }

  #finish(): Effect[] {
    if (this.context.takeRecompute()) updateClusterState(this.context);
    return this.context.finish();
  }
}
