/**
 * What the parts of the core share while a step runs: the state, the links, the clock of the step, and the effects
 * collected so far. `finish` closes the step and keeps its one promise: what has to be on disk comes before any send.
 */
import type { CoreDependencies, Effect, LogLevel } from './effects.js';
import { Election, ManualFailover } from './failoverState.js';
import type { FrameHeader } from './frame.js';
import { ClusterNode, type Link } from './node.js';
import { printNodesConf } from './nodesConf.js';
import { MESSAGE_NAMES, MSG_PAUSED, SLOT_BITMAP_BYTES } from './protocol.js';
import type { ClusterState } from './state.js';

export class CoreContext {
  readonly dependencies: CoreDependencies;
  readonly state: ClusterState;
  readonly links = new Map<number, Link>();
  /** By message type, since the start. */
  readonly framesSent = new Float64Array(MESSAGE_NAMES.length);
  readonly framesReceived = new Float64Array(MESSAGE_NAMES.length);
  nowMs = 0;
  /** CLUSTER INFO's cluster_state. */
  stateOk = false;
  /** Masters that serve at least one slot: those whose majority decides. */
  size = 1;
  /** Nodes in PFAIL at the last tick, all of which go into every gossip section. */
  pfailCount = 0;
  ticks = 0;
  /** Gossip sections made so far. */
  gossipNumber = 0;
  /** When the last tick came; 0 before the first. */
  lastTickMs = 0;
  /** A member has reached us, since the start, at the address we believe to be ours. */
  ownAddressConfirmed = false;
  /** When the state was first computed, for the delay after a restart; undefined before. */
  firstComputedAtMs: number | undefined = undefined;
  /** When we last saw ourselves in a minority. */
  inMinorityAtMs = 0;
  readonly election = new Election();
  readonly manual = new ManualFailover();
  /** DEBUG DROP-CLUSTER-PACKET-FILTER: frames of this type are ignored; -1 for none. */
  droppedType = -1;
  /** Slots that our master had when we last replicated it: what our data is about. */
  readonly coveredSlots = new Uint8Array(SLOT_BITMAP_BYTES);
  /** The master that the shell was told to replicate; '' for none. */
  followedId = '';

  #effects: Effect[] = [];
  #nextLinkId = 1;
  #mustPersist = false;
  #mustBeDurable = false;
  #mustRecompute = false;

  constructor(dependencies: CoreDependencies, state: ClusterState) {
    this.dependencies = dependencies;
    this.state = state;
  }

  get config(): CoreDependencies['config'] {
    return this.dependencies.config;
  }

  newLinkId(): number {
    return this.#nextLinkId++;
  }

  /** The state of this step has to be in nodes.conf, and on disk, before anyone hears of it. */
  persist(): void {
    this.#mustPersist = true;
    this.#mustBeDurable = true;
  }

  /** It has to be in nodes.conf, which survives this process; whether a power cut now loses it is not worth a wait. */
  persistSoon(): void {
    this.#mustPersist = true;
  }

  /** Something changed that cluster_state depends on. */
  recompute(): void {
    this.#mustRecompute = true;
  }

  persistAndRecompute(): void {
    this.persist();
    this.#mustRecompute = true;
  }

  emit(effect: Effect): void {
    this.#effects.push(effect);
  }

  log(level: LogLevel, text: string): void {
    this.#effects.push({ kind: 'log', level, text });
  }

  /** True once per `recompute` request: the core recomputes cluster_state at the end of a step. */
  takeRecompute(): boolean {
    const must = this.#mustRecompute;
    this.#mustRecompute = false;
    return must;
  }

  /** Ends a manual failover, whatever has become of it. */
  resetManualFailover(): void {
    if (this.manual.replica !== undefined) this.emit({ kind: 'resumeWrites' });
    this.manual.reset();
  }

  /** Ends the step: the persist, if any, then everything else in the order in which it was asked for. */
  finish(): Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    if (this.#mustPersist) {
      effects.unshift({ kind: 'persist', text: printNodesConf(this.state), durable: this.#mustBeDurable });
      this.#mustPersist = false;
      this.#mustBeDurable = false;
    }
    return effects;
  }

  /** The header of every frame we send. */
  header(messageFlags = 0): FrameHeader {
    const { config, state } = this;
    const { myself } = state;
    const master = myself.master ?? myself;
    const paused = myself.isMaster && this.manual.active ? MSG_PAUSED : 0;
    return {
      port: config.announcedPort,
      plainPort: config.announcedPlainPort,
      busPort: config.announcedBusPort,
      currentEpoch: state.currentEpoch,
      configEpoch: master.configEpoch,
      replicationOffset: this.dependencies.replicationOffset(),
      sender: myself.id,
      slots: master.slotBitmap,
      masterId: myself.master?.id ?? '',
      announcedIp: config.announceIp,
      flags: myself.flags,
      stateOk: this.stateOk,
      messageFlags: messageFlags | paused,
    };
  }

  // ------------------------------------------------------------------------------------------------ links

  /** Starts to connect to the node. */
  openLink(node: ClusterNode): void {
    const link: Link = {
      id: this.newLinkId(),
      inbound: false,
      createdAtMs: this.nowMs,
      remoteIp: node.ip,
      localIp: '',
      node,
      connected: false,
    };
    this.links.set(link.id, link);
    node.link = link;
    this.emit({ kind: 'connect', link: link.id, ip: node.ip, busPort: node.busPort });
  }

  addInboundLink(id: number, remoteIp: string, localIp: string): void {
    const createdAtMs = this.nowMs;
    this.links.set(id, { id, inbound: true, createdAtMs, remoteIp, localIp, node: undefined, connected: true });
  }

  /** Now that we know who opened the link. A node has one incoming link at most: the newer replaces the older. */
  bindInboundLink(link: Link, node: ClusterNode): void {
    if (node.inboundLink !== undefined) this.closeLink(node.inboundLink);
    node.inboundLink = link;
    link.node = node;
  }

  /** Ends a link from our side; undefined is fine. */
  closeLink(link: Link | undefined): void {
    if (link === undefined) return;
    this.dropLink(link);
    this.emit({ kind: 'disconnect', link: link.id });
  }

  /** Forgets a link that has ended. */
  dropLink(link: Link): void {
    this.links.delete(link.id);
    if (link.node === undefined) return;
    if (link.node.link === link) link.node.link = undefined;
    if (link.node.inboundLink === link) link.node.inboundLink = undefined;
    link.node = undefined;
  }

  /**
   * Sends a frame, unless the link is not up yet: a new link begins with a PING, which says all that a lost frame said
   * except for votes, and those are asked for again.
   */
  send(link: Link | undefined, type: number, frame: Uint8Array): void {
    if (link === undefined || !link.connected) return;
    this.framesSent[type]++;
    this.emit({ kind: 'send', link: link.id, frame });
  }

  /** To every member we have a link to. */
  broadcast(type: number, frame: Uint8Array): void {
    for (const node of this.state.list) {
      if (!node.isMyself && !node.inHandshake) this.send(node.link, type, frame);
    }
  }

  // ------------------------------------------------------------------------------------------------ nodes

  /** Adds a member. With `id` undefined it gets a random one, to be replaced when the handshake is done. */
  addNode(
    id: string | undefined,
    flags: number,
    ip: string,
    port: number,
    plainPort: number,
    busPort: number,
  ): ClusterNode {
    const node = new ClusterNode(id ?? this.dependencies.newNodeId(), flags, this.nowMs);
    node.ip = ip;
    node.port = port;
    node.plainPort = plainPort;
    node.busPort = busPort;
    this.state.addNode(node);
    return node;
  }

  removeNode(node: ClusterNode): void {
    this.closeLink(node.link);
    this.closeLink(node.inboundLink);
    this.state.removeNode(node);
  }
}
