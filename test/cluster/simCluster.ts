/**
 * Whole clusters of the real core on a virtual clock and network, in one process and from one seed. No time passes but
 * what `run` lets pass. The order of effects is checked after every step of every node, the state's invariants
 * after every step that changed something.
 *
 * Time and network are those of the simulator (test/sim), without its faults: a connection is a FIFO pair of directions with
 * a fixed latency. Between nodes that a partition keeps apart, connecting hangs and frames wait. A killed node resets its
 * connections and refuses new ones; its nodes.conf stays.
 */
import { Prng } from '../../src/base/prng.js';
import type { AdminCommand } from '../../src/cluster/core/admin.js';
import { ClusterCore } from '../../src/cluster/core/core.js';
import type { CoreConfig, CoreDependencies, Effect, Input } from '../../src/cluster/core/effects.js';
import { TICK_MS } from '../../src/cluster/core/effects.js';
import { parseNodesConf } from '../../src/cluster/core/nodesConf.js';
import { type Host, Network, type Socket, type SocketEvents } from '../sim/network.js';
import { VirtualTime } from '../sim/virtualTime.js';

export const PORT = 6379;
export const BUS_PORT = 16379;
const LATENCY_MS = 1;
/** How often runUntil looks. */
const CONDITION_STEP_MS = 20;
/** verify() walks all slots: after steps that changed nothing durable it is run once in so many. */
const VERIFY_EVERY = 50;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class SimNode implements Host<Uint8Array> {
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
  /** By link. */
  readonly sockets = new Map<number, Socket<Uint8Array>>();
  /** What happens when somebody connects; undefined while the node does not run. */
  onConnection: ((socket: Socket<Uint8Array>) => SocketEvents<Uint8Array>) | undefined;

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

  accept(port: number, socket: Socket<Uint8Array>): SocketEvents<Uint8Array> | undefined {
    return port === this.config.announcedBusPort ? this.onConnection?.(socket) : undefined;
  }
}

export class SimCluster {
  readonly nodes: SimNode[] = [];
  readonly random: Prng;
  readonly #nodeTimeoutMs: number;
  readonly #time = new VirtualTime(1_700_000_000_000);
  readonly #network: Network<Uint8Array>;
  #steps = 0;

  constructor(options: { nodes: number; seed?: number; nodeTimeoutMs?: number }) {
    this.random = new Prng(options.seed ?? 1);
    this.#nodeTimeoutMs = options.nodeTimeoutMs ?? 2000;
    this.#network = new Network(this.#time, this.random, { latencyMs: LATENCY_MS, jitterMs: 0, loss: 0 });
    for (let i = 0; i < options.nodes; i++) this.addNode();
  }

  get nowMs(): number {
    return this.#time.nowMs;
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
      masterLinkUp: () => this.#masterOf(node) !== undefined,
    };
    const loaded = node.disk === undefined ? undefined : parseNodesConf(node.disk, this.nowMs);
    if (loaded !== undefined && 'reason' in loaded) throw new Error(`line ${loaded.line}: ${loaded.reason}`);
    const core = new ClusterCore(dependencies, loaded?.state, this.nowMs);
    node.core = core;
    node.alive = true;
    node.onConnection = (socket) => this.#accept(node, socket);
    this.#network.attach(node);
    this.#carryOut(node, core.start(this.nowMs));
    const tick = (): void => {
      if (node.core !== core || !node.alive) return;
      this.#replicate(node);
      this.#step(node, { kind: 'tick' });
      this.#time.after(TICK_MS, tick);
    };
    this.#time.after(1 + this.random.below(TICK_MS), tick);
  }

  /** The master, if it can be reached. */
  #masterOf(node: SimNode): SimNode | undefined {
    return this.nodes.find(({ ip, alive }, i) => alive && ip === node.following && this.reachable(node, this.nodes[i]));
  }

  /** Takes all that its master has, if it can reach it. */
  #replicate(node: SimNode): void {
    const master = this.#masterOf(node);
    if (master === undefined) return;
    node.offset = master.offset;
    node.heardOfMasterAtMs = this.nowMs;
    if (node.core.awaitsOffset) this.#step(node, { kind: 'replicated' });
  }

  // ------------------------------------------------------------------------------------------------ time

  run(ms: number): void {
    this.#time.run(ms);
  }

  runUntil(condition: () => boolean, maxMs: number, what: string): number {
    const startMs = this.nowMs;
    while (!condition()) {
      if (this.nowMs - startMs > maxMs) throw new Error(`not within ${maxMs} ms: ${what}`);
      this.run(CONDITION_STEP_MS);
    }
    return this.nowMs - startMs;
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
    node.onConnection = undefined;
    node.sockets.clear();
    this.#network.killed(node.ip);
  }

  restart(node: SimNode): void {
    this.#boot(node);
  }

  /** Cuts the network between the groups. */
  partition(...groups: (readonly SimNode[])[]): void {
    for (const group of groups) {
      const others = groups.filter((each) => each !== group).flat();
      for (const node of group) for (const other of others) this.#network.cut(node.ip, other.ip);
    }
  }

  /** Cuts the network between two nodes only. */
  cut(a: SimNode, b: SimNode): void {
    this.#network.cut(a.ip, b.ip);
    this.#network.cut(b.ip, a.ip);
  }

  /** Ends partitions and cuts. */
  heal(): void {
    this.#network.heal();
  }

  reachable(a: SimNode, b: SimNode): boolean {
    return this.#network.canTalk(a.ip, b.ip);
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
    for (const input of kept) this.#time.after(0, () => this.#step(node, input));
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
      else if (effect.kind === 'send') node.sockets.get(effect.link)?.send(effect.frame);
      else if (effect.kind === 'disconnect') {
        node.sockets.get(effect.link)?.close();
        node.sockets.delete(effect.link);
      } else if (effect.kind === 'log') node.log.push(effect.text);
      else if (effect.kind === 'dropSlots') node.droppedSlots.push(...effect.slots);
      else if (effect.kind === 'follow') node.following = effect.ip;
      else if (effect.kind === 'unfollow') node.following = undefined;
      else if (effect.kind === 'pauseWrites') node.paused = true;
      else if (effect.kind === 'resumeWrites') node.paused = false;
    });
  }

  #connect(node: SimNode, link: number, ip: string, busPort: number): void {
    const socket = this.#network.connect(node.ip, ip, busPort, {
      connected: () => this.#step(node, { kind: 'connected', link, localIp: node.ip }),
      ...this.#events(node, link),
    });
    node.sockets.set(link, socket);
  }

  #accept(node: SimNode, socket: Socket<Uint8Array>): SocketEvents<Uint8Array> {
    const link = node.core.newLinkId();
    const { remoteIp, localIp } = socket;
    node.sockets.set(link, socket);
    this.#step(node, { kind: 'accepted', link, remoteIp, localIp });
    return this.#events(node, link);
  }

  #events(node: SimNode, link: number): SocketEvents<Uint8Array> {
    return {
      received: (frame) => this.#step(node, { kind: 'frame', link, frame }),
      closed: (reason) => {
        node.sockets.delete(link);
        this.#step(node, { kind: 'closed', link, reason });
      },
    };
  }
}

/** The owner of a slot as one node sees it. */
export function ownerOf(sim: SimCluster, viewer: SimNode, slot: number): SimNode | undefined {
  const owner = viewer.core.slotOwner(slot);
  return sim.nodes.find((node) => node.id === owner?.id);
}
