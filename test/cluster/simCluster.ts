/**
 * Whole clusters of the real core on a virtual clock and network, in one process and from one seed. No time passes but
 * what `run` lets pass. The order of effects is checked after every step of every node, the state's invariants
 * after every step that changed something.
 *
 * The network: a connection is a FIFO pair of directions with a fixed latency. Between nodes that a partition keeps
 * apart, connecting hangs and frames are lost (on TCP they would come late or never). A killed node resets its
 * connections and refuses new ones; its nodes.conf stays.
 */
import { Prng } from '../../src/base/prng.js';
import type { AdminCommand } from '../../src/cluster/core/admin.js';
import { ClusterCore } from '../../src/cluster/core/core.js';
import type { CoreConfig, CoreDependencies, Effect, Input } from '../../src/cluster/core/effects.js';
import { TICK_MS } from '../../src/cluster/core/effects.js';
import { parseNodesConf } from '../../src/cluster/core/nodesConf.js';

export const PORT = 6379;
export const BUS_PORT = 16379;
const LATENCY_MS = 1;
/** How often runUntil looks. */
const CONDITION_STEP_MS = 20;
/** verify() walks all slots: after steps that changed nothing durable it is run once in so many. */
const VERIFY_EVERY = 50;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Connection {
  readonly from: SimNode;
  readonly fromLink: number;
  readonly to: SimNode;
  toLink: number;
  open: boolean;
}

export class SimNode {
  readonly ip: string;
  readonly config: Mutable<CoreConfig>;
  readonly keysInSlot = new Map<number, number>();
  readonly log: string[] = [];
  readonly effects: Effect[] = [];
  core!: ClusterCore;
  alive = true;
  /** The text of nodes.conf as it is on disk. */
  disk: string | undefined = undefined;
  droppedSlots: number[] = [];
  /** The replication offset: a master's grows by hand, a replica's becomes its master's with each tick that reaches it. */
  offset = 0;
  /** Address of the master we were told to follow. */
  following: string | undefined = undefined;
  heardOfMasterAtMs = 0;
  paused = false;
  /** What came since it was stopped; undefined while it runs. */
  kept: Input[] | undefined = undefined;

  constructor(ip: string, nodeTimeoutMs: number) {
    this.ip = ip;
    this.config = {
      nodeTimeoutMs,
      requireFullCoverage: true,
      allowReplicaMigration: true,
      replicaNoFailover: false,
      replicaValidityFactor: 10,
      pingReplicaPeriodMs: 10_000,
      migrationBarrier: 1,
      announceIp: '',
      announceHostname: '',
      announcedPort: PORT,
      announcedPlainPort: 0,
      announcedBusPort: BUS_PORT,
    };
  }

  get id(): string {
    return this.core.myself.id;
  }
}

export class SimCluster {
  readonly nodes: SimNode[] = [];
  readonly random: Prng;
  readonly #nodeTimeoutMs: number;
  nowMs = 1_700_000_000_000;
  #steps = 0;
  #events: { readonly atMs: number; readonly run: () => void }[] = [];
  /** By link: node index and link id of either end -> connection. */
  readonly #connections = new Map<string, Connection>();
  readonly #cuts = new Set<string>();
  readonly #groupOf = new Map<SimNode, number>();

  constructor(options: { nodes: number; seed?: number; nodeTimeoutMs?: number }) {
    this.random = new Prng(options.seed ?? 1);
    this.#nodeTimeoutMs = options.nodeTimeoutMs ?? 2000;
    for (let i = 0; i < options.nodes; i++) this.addNode();
  }

  /** A cluster whose masters share all slots and which has settled. */
  static joined(options: { nodes: number; seed?: number; nodeTimeoutMs?: number }): SimCluster {
    const sim = new SimCluster(options);
    const count = sim.nodes.length;
    for (let i = 0; i < count; i++) {
      const start = Math.floor((i * 16384) / count);
      const end = Math.floor(((i + 1) * 16384) / count) - 1;
      sim.admin(sim.nodes[i], { kind: 'addSlotsRange', bounds: [String(start), String(end)] });
      sim.admin(sim.nodes[i], { kind: 'setConfigEpoch', epoch: String(i + 1) });
    }
    for (const node of sim.nodes.slice(1)) sim.meet(node, sim.nodes[0]);
    sim.runUntil(() => sim.converged() && sim.nodes.every((node) => node.core.stateOk), 30_000, 'the cluster settles');
    return sim;
  }

  /** The same, with replicas for each master, spread in order: node n of the replicas follows master n. */
  static withReplicas(options: {
    masters: number;
    replicas: number;
    seed?: number;
    nodeTimeoutMs?: number;
  }): SimCluster {
    const { masters, replicas, ...rest } = options;
    const sim = SimCluster.joined({ nodes: masters, ...rest });
    for (let i = 0; i < replicas; i++) sim.addReplica(sim.nodes[i % masters]);
    sim.runUntil(() => sim.converged(), 30_000, 'the replicas are known');
    return sim;
  }

  addReplica(master: SimNode): SimNode {
    const replica = this.addNode();
    this.meet(replica, this.nodes[0]);
    this.runUntil(() => replica.core.findNode(master.id) !== undefined, 10_000, 'the new node knows its master');
    const reply = this.admin(replica, { kind: 'replicate', id: master.id });
    if (reply !== 'OK') throw new Error(reply);
    this.runUntil(
      () => this.nodes.every((node) => !node.alive || node.core.findNode(replica.id)?.master?.id === master.id),
      10_000,
      'everybody knows the replica',
    );
    return replica;
  }

  addNode(): SimNode {
    const node = new SimNode(`10.0.0.${this.nodes.length + 1}`, this.#nodeTimeoutMs);
    this.nodes.push(node);
    this.#boot(node);
    return node;
  }

  #boot(node: SimNode): void {
    const dependencies: CoreDependencies = {
      config: node.config,
      random: this.random,
      newNodeId: () => Array.from({ length: 40 }, () => this.random.below(16).toString(16)).join(''),
      countKeysInSlot: (slot) => node.keysInSlot.get(slot) ?? 0,
      isDatabaseEmpty: () => node.keysInSlot.size === 0,
      replicationOffset: () => node.offset,
      masterSilentMs: () => this.nowMs - node.heardOfMasterAtMs,
    };
    const loaded = node.disk === undefined ? undefined : parseNodesConf(node.disk, this.nowMs);
    if (loaded !== undefined && 'reason' in loaded) throw new Error(`line ${loaded.line}: ${loaded.reason}`);
    const core = new ClusterCore(dependencies, loaded?.state, this.nowMs);
    node.core = core;
    node.alive = true;
    this.#carryOut(node, core.start(this.nowMs));
    const tick = (): void => {
      if (node.core !== core || !node.alive) return;
      this.#replicate(node);
      this.#step(node, { kind: 'tick' });
      this.#at(TICK_MS, tick);
    };
    this.#at(1 + this.random.below(TICK_MS), tick);
  }

  /** Takes all that its master has, if it can reach it. */
  #replicate(node: SimNode): void {
    const master = this.nodes.find(({ ip, alive }) => alive && ip === node.following);
    if (master === undefined || !this.reachable(node, master)) return;
    node.offset = master.offset;
    node.heardOfMasterAtMs = this.nowMs;
    if (node.core.awaitsOffset) this.#step(node, { kind: 'replicated' });
  }

  // ------------------------------------------------------------------------------------------------ time

  run(ms: number): void {
    const endMs = this.nowMs + ms;
    while (this.#events.length > 0 && this.#events[0].atMs <= endMs) this.#next();
    this.nowMs = endMs;
  }

  runUntil(condition: () => boolean, maxMs: number, what: string): number {
    const startMs = this.nowMs;
    while (!condition()) {
      if (this.nowMs - startMs > maxMs) throw new Error(`not within ${maxMs} ms: ${what}`);
      this.run(CONDITION_STEP_MS);
    }
    return this.nowMs - startMs;
  }

  #next(): void {
    const event = this.#events.shift()!;
    this.nowMs = Math.max(this.nowMs, event.atMs);
    event.run();
  }

  #at(delayMs: number, run: () => void): void {
    const atMs = this.nowMs + delayMs;
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#events[middle].atMs <= atMs) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, { atMs, run });
  }

  // ------------------------------------------------------------------------------------------------ what happens to nodes

  admin(node: SimNode, command: AdminCommand): string {
    const { reply, effects } = node.core.admin(this.nowMs, command);
    this.#carryOut(node, effects);
    return 'ok' in reply ? reply.ok : reply.error;
  }

  meet(node: SimNode, other: SimNode): string {
    return this.admin(node, { kind: 'meet', ip: other.ip, port: String(PORT) });
  }

  /** kill -9. */
  kill(node: SimNode): void {
    node.alive = false;
    for (const connection of this.#connectionsOf(node)) this.#close(connection, node, 'reset');
  }

  restart(node: SimNode): void {
    this.#boot(node);
  }

  /** Cuts the network between the groups. */
  partition(...groups: (readonly SimNode[])[]): void {
    this.#groupOf.clear();
    groups.forEach((group, index) => {
      for (const node of group) this.#groupOf.set(node, index + 1);
    });
  }

  /** Cuts the network between two nodes only. */
  cut(a: SimNode, b: SimNode): void {
    this.#cuts.add(`${a.ip} ${b.ip}`).add(`${b.ip} ${a.ip}`);
  }

  /** Ends partitions and cuts. */
  heal(): void {
    this.#groupOf.clear();
    this.#cuts.clear();
  }

  reachable(a: SimNode, b: SimNode): boolean {
    return (this.#groupOf.get(a) ?? 0) === (this.#groupOf.get(b) ?? 0) && !this.#cuts.has(`${a.ip} ${b.ip}`);
  }

  /** Gives a frame to a node as if it came from `from` on the connection that `from` opened. */
  inject(from: SimNode, to: SimNode, frame: Uint8Array): void {
    const link = to.core.findNode(from.id)!.inboundLink!;
    this.#step(to, { kind: 'frame', link: link.id, frame });
  }

  // ------------------------------------------------------------------------------------------------ what one sees

  /** True when all live nodes know exactly each other, at the right address and up, and agree on epochs and slots. */
  converged(): boolean {
    const nodes = this.nodes.filter((node) => node.alive);
    const [first, ...others] = nodes.map((node) => node.core.state);
    for (const viewer of nodes) {
      if (viewer.core.state.nodes.size !== nodes.length) return false;
      for (const node of nodes) {
        const seen = viewer.core.findNode(node.id);
        if (seen === undefined || seen.isUnreachable || seen.ip !== node.ip) return false;
        // A replica shows its master's, which is compared there.
        if (seen.master?.id !== node.core.myself.master?.id || seen.isMaster !== node.core.myself.isMaster)
          return false;
        if (seen.isMaster && seen.configEpoch !== node.core.myself.configEpoch) return false;
      }
    }
    return others.every((state) => state.owners.every((owner, slot) => owner?.id === first.owners[slot]?.id));
  }

  // ------------------------------------------------------------------------------------------------ effects

  /** SIGSTOP: what comes is kept until {@link proceed}. */
  stop(node: SimNode): void {
    node.kept = [];
  }

  /** SIGCONT. The tick that is overdue comes first. */
  proceed(node: SimNode): void {
    const kept = node.kept ?? [];
    node.kept = undefined;
    this.#step(node, { kind: 'tick' });
    for (const input of kept) this.#at(0, () => this.#step(node, input));
  }

  #step(node: SimNode, input: Input): void {
    if (!node.alive) return;
    if (node.kept !== undefined) {
      if (input.kind !== 'tick') node.kept.push(input);
      return;
    }
    this.#carryOut(node, node.core.step(this.nowMs, input));
  }

  #carryOut(node: SimNode, effects: readonly Effect[]): void {
    const changed = effects.some((effect) => effect.kind === 'persist');
    if (changed || ++this.#steps % VERIFY_EVERY === 0) node.core.state.verify();
    effects.forEach((effect, index) => {
      node.effects.push(effect);
      if (effect.kind === 'persist') {
        if (index !== 0) throw new Error('a persist has to be the first effect of its step');
        node.disk = effect.text;
      } else if (effect.kind === 'connect') this.#connect(node, effect.link, effect.ip, effect.busPort);
      else if (effect.kind === 'send') this.#send(node, effect.link, effect.frame);
      else if (effect.kind === 'disconnect') {
        const connection = this.#connections.get(key(node, effect.link));
        if (connection !== undefined) this.#close(connection, node, 'closed');
      } else if (effect.kind === 'log') node.log.push(effect.text);
      else if (effect.kind === 'dropSlots') node.droppedSlots.push(...effect.slots);
      else if (effect.kind === 'follow') node.following = effect.ip;
      else if (effect.kind === 'unfollow') node.following = undefined;
      else if (effect.kind === 'pauseWrites') node.paused = true;
      else if (effect.kind === 'resumeWrites') node.paused = false;
    });
  }

  #connect(from: SimNode, fromLink: number, ip: string, busPort: number): void {
    const to = this.nodes.find((node) => node.ip === ip && node.config.announcedBusPort === busPort);
    const connection: Connection = { from, fromLink, to: to ?? from, toLink: 0, open: true };
    this.#connections.set(key(from, fromLink), connection);
    this.#at(LATENCY_MS, () => {
      if (!connection.open || (to !== undefined && !this.reachable(from, to))) return;
      if (to?.alive !== true) {
        this.#forget(connection);
        this.#step(from, { kind: 'closed', link: fromLink, reason: 'Connection refused' });
        return;
      }
      connection.toLink = to.core.newLinkId();
      this.#connections.set(key(to, connection.toLink), connection);
      this.#step(to, { kind: 'accepted', link: connection.toLink, remoteIp: from.ip, localIp: to.ip });
      this.#step(from, { kind: 'connected', link: fromLink, localIp: from.ip });
    });
  }

  #send(node: SimNode, link: number, frame: Uint8Array): void {
    const connection = this.#connections.get(key(node, link));
    if (connection === undefined) return;
    const outgoing = connection.from === node && connection.fromLink === link;
    const peer = outgoing ? connection.to : connection.from;
    const peerLink = outgoing ? connection.toLink : connection.fromLink;
    this.#at(LATENCY_MS, () => {
      if (connection.open && this.reachable(node, peer)) this.#step(peer, { kind: 'frame', link: peerLink, frame });
    });
  }

  /** `node` ends the connection; the other end hears of it if it can. */
  #close(connection: Connection, node: SimNode, reason: string): void {
    this.#forget(connection);
    const outgoing = connection.from === node;
    const peer = outgoing ? connection.to : connection.from;
    const link = outgoing ? connection.toLink : connection.fromLink;
    this.#at(LATENCY_MS, () => {
      if (link !== 0 && this.reachable(node, peer)) this.#step(peer, { kind: 'closed', link, reason });
    });
  }

  #forget(connection: Connection): void {
    connection.open = false;
    this.#connections.delete(key(connection.from, connection.fromLink));
    this.#connections.delete(key(connection.to, connection.toLink));
  }

  #connectionsOf(node: SimNode): Set<Connection> {
    return new Set([...this.#connections.values()].filter((c) => c.from === node || c.to === node));
  }
}

function key(node: SimNode, link: number): string {
  return `${node.ip}/${link}`;
}

/** The owner of a slot as one node sees it. */
export function ownerOf(sim: SimCluster, viewer: SimNode, slot: number): SimNode | undefined {
  const owner = viewer.core.slotOwner(slot);
  return sim.nodes.find((node) => node.id === owner?.id);
}
