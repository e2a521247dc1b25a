/**
 * One run: a cluster on a virtual network, clients that write, an operator who moves slots and nodes, faults; then
 * everything is healed, and the cluster has to come to rest with all that it has promised.
 */
import { Prng } from '../../src/base/prng.js';
import { ClusterNode } from '../../src/cluster/core/node.js';
import { printNodesConf } from '../../src/cluster/core/nodesConf.js';
import { NODE_MASTER, NODE_MYSELF, NODE_REPLICA } from '../../src/cluster/core/protocol.js';
import { ClusterState } from '../../src/cluster/core/state.js';
import { Checks, type Counts, LOOK_MS, Violation } from './checks.js';
import { startClient } from './clients.js';
import { Faults } from './faults.js';
import { type Excuse, Ledger } from './ledger.js';
import { BUS_PORT, type Message, PORT } from './messages.js';
import { Network } from './network.js';
import { SimNode, slotRange } from './node.js';
import { Operator } from './operator.js';
import { recover } from './recovery.js';
import { VirtualTime } from './virtualTime.js';

const START_MS = 1_700_000_000_000;
const HOT_SLOTS = 24;
const VERIFY_MS = 5000;

export interface SimulationOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly minutes: number;
}

export interface Result {
  readonly seed: number;
  /** What went wrong, with the events before it; undefined when nothing did. */
  readonly violation: { readonly text: string; readonly events: readonly string[] } | undefined;
  readonly counts: Counts;
  readonly faults: ReadonlyMap<string, number>;
  readonly moves: Readonly<Operator['counts']>;
  readonly acknowledged: number;
  readonly lost: ReadonlyMap<Excuse, number>;
  readonly fullSyncs: number;
  readonly partialSyncs: number;
  readonly messages: number;
  /** From the end of the faults until all agreed and every slot was served. */
  readonly healedMs: number;
}

export class Simulation {
  readonly time = new VirtualTime(START_MS);
  readonly random: Prng;
  readonly network: Network<Message>;
  readonly nodes: SimNode[] = [];
  readonly ledger = new Ledger();
  readonly hotSlots: readonly number[];
  readonly checks: Checks;
  readonly operator: Operator;
  readonly faults: Faults;
  readonly nodeTimeoutMs: number;
  readonly durable: boolean;
  /** Ids of nodes that have left for good. */
  readonly left: string[] = [];
  readonly initialNodes: number;
  isOver = false;
  readonly #options: SimulationOptions;
  #sinceVerifyMs = 0;
  #syncs = { full: 0, partial: 0 };

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.initialNodes = options.nodes;
    this.random = new Prng(options.seed);
    const { random } = this;
    this.network = new Network(this.time, new Prng(random.nextU32()), {
      latencyMs: 1 + random.below(5),
      jitterMs: random.below(20),
      loss: 0,
    });
    this.hotSlots = Array.from(
      { length: HOT_SLOTS },
      (_, i) => Math.floor((i * 16384) / HOT_SLOTS) + random.below(600),
    );
    this.nodeTimeoutMs = 500 * (1 + random.below(6));
    this.durable = random.below(10) < 7;
    const sim = this;
    this.checks = new Checks({
      nodes: this.nodes,
      hotSlots: this.hotSlots,
      ledger: this.ledger,
      nowMs: () => this.time.nowMs,
      canTalk: (a, b) => this.network.canTalk(a.ip, b.ip),
      get isWhole() {
        return sim.network.isWhole;
      },
      get slowestMs() {
        const { latencyMs, jitterMs, loss } = sim.network.conditions;
        return latencyMs + jitterMs + sim.faults.slowestWayMs + (loss > 0 ? 1000 : 0);
      },
    });
    this.#formCluster(options.nodes);
    this.operator = new Operator(this);
    this.faults = new Faults(this, new Prng(random.nextU32()));
  }

  // ------------------------------------------------------------------------------------------------ members

  addNode(): SimNode {
    const number = this.nodes.length + 1;
    const node = new SimNode(
      { time: this.time, network: this.network, random: new Prng(this.random.nextU32()), observer: this.checks },
      {
        name: `n${number}`,
        ip: `10.0.${number >> 8}.${number & 255}`,
        nodeTimeoutMs: this.nodeTimeoutMs,
        durable: this.durable,
      },
    );
    this.nodes.push(node);
    return node;
  }

  restart(node: SimNode): void {
    if (node.isUp || this.hasLeft(node)) return;
    this.#countSyncs(node);
    node.boot(this.clockErrorMs());
    this.checks.cameBack(node);
  }

  /** Takes the node out for good. */
  remove(node: SimNode): void {
    this.checks.note(`operator: ${node.name} leaves`);
    this.left.push(node.id);
    node.crash(false);
  }

  hasLeft(node: SimNode): boolean {
    return this.left.includes(node.id);
  }

  /** Half of the nodes are masters, three at least; the others are replicas. All know each other from their nodes.conf. */
  #formCluster(count: number): void {
    const masters = Math.max(3, count >> 1);
    const requireFullCoverage = this.random.below(3) === 0;
    const factor = this.random.below(4) === 0 ? 0 : 10;
    for (let i = 0; i < count; i++) {
      const { config } = this.addNode();
      config.requireFullCoverage = requireFullCoverage;
      config.replicaValidityFactor = factor;
    }
    const confs = memberConfs(this.nodes, masters);
    for (const [i, node] of this.nodes.entries()) {
      node.disk.nodesConf = confs[i];
      node.boot(this.clockErrorMs());
    }
  }

  /** Clocks of machines differ, and are set anew now and then. */
  clockErrorMs(): number {
    return this.random.below(3) === 0 ? 0 : this.random.below(120_000) - 60_000;
  }

  get live(): SimNode[] {
    return this.nodes.filter(({ isUp }) => isUp);
  }

  byId(id: string | undefined): SimNode | undefined {
    return this.nodes.find(({ core }) => core.myself.id === id);
  }

  // ------------------------------------------------------------------------------------------------ the run

  run(): Result {
    let violation: Result['violation'];
    let healedMs = 0;
    try {
      this.#settle();
      this.#letThingsHappen();
      healedMs = recover(this);
    } catch (error) {
      const text = error instanceof Violation ? error.message : String((error as Error).stack);
      violation = { text, events: this.checks.lastEvents() };
    }
    return this.#result(violation, healedMs);
  }

  #settle(): void {
    const endMs = this.time.nowMs + 20_000;
    while (!this.nodes.every(({ core }) => core.stateOk)) {
      if (this.time.nowMs > endMs) this.checks.fail('the cluster does not start');
      this.pass(LOOK_MS);
    }
    for (const clientNumber of [1, 2, 3]) startClient(this, clientNumber);
  }

  #letThingsHappen(): void {
    const endMs = this.time.nowMs + this.#options.minutes * 60_000;
    this.faults.start();
    this.operator.start();
    while (this.time.nowMs < endMs) this.pass(LOOK_MS);
    this.isOver = true;
  }

  /** Time goes on, under watch. */
  pass(ms: number): void {
    this.time.run(ms);
    this.checks.look();
    this.#sinceVerifyMs += ms;
    if (this.#sinceVerifyMs < VERIFY_MS) return;
    this.#sinceVerifyMs = 0;
    for (const { core } of this.live) core.state.verify();
  }

  #result(violation: Result['violation'], healedMs: number): Result {
    const lost = new Map<Excuse, number>();
    for (const { acknowledged, excuse, key, slot } of this.ledger.writes.values()) {
      if (!acknowledged || excuse === undefined) continue;
      if (this.live.some((node) => node.core.isMine(slot) && node.replication.store.get(slot, key) !== undefined))
        continue;
      lost.set(excuse, (lost.get(excuse) ?? 0) + 1);
    }
    for (const node of this.nodes) this.#countSyncs(node);
    return {
      seed: this.#options.seed,
      violation,
      counts: this.checks.counts,
      faults: this.faults.counts,
      moves: this.operator.counts,
      acknowledged: this.ledger.acknowledged,
      lost,
      fullSyncs: this.#syncs.full,
      partialSyncs: this.#syncs.partial,
      messages: this.network.messages,
      healedMs,
    };
  }

  #countSyncs(node: SimNode): void {
    this.#syncs.full += node.replication.fullSyncs;
    this.#syncs.partial += node.replication.partialSyncs;
  }
}

/** What each of the nodes has in its nodes.conf when the cluster has been formed. */
export function memberConfs(nodes: readonly SimNode[], masters: number): string[] {
  const members = nodes.map(({ ip }, i) => {
    const id = i.toString(16).padStart(4, '0').padEnd(40, 'abcdef0123456789');
    const member = new ClusterNode(id, i < masters ? NODE_MASTER : NODE_REPLICA, START_MS);
    member.ip = ip;
    member.port = PORT;
    member.busPort = BUS_PORT;
    if (i < masters) member.configEpoch = i + 1;
    return member;
  });
  members[0].flags |= NODE_MYSELF;
  const state = new ClusterState(members[0]);
  for (const member of members.slice(1)) state.addNode(member);
  members.forEach((member, i) => {
    if (i >= masters) state.setMaster(member, members[i % masters]);
    const [first, last] = i < masters ? slotRange(i, masters) : [0, -1];
    for (let slot = first; slot <= last; slot++) state.setOwner(slot, member);
  });
  state.currentEpoch = masters;
  const lines = printNodesConf(state).replace('myself,', '').split('\n');
  return members.map((_, i) => lines.with(i, lines[i].replace(/ (master|slave) /, ' myself,$1 ')).join('\n'));
}
