/** What goes wrong, at random: every few seconds one more thing, each of which ends by itself after a while. */
import type { Prng } from '../../src/base/prng.js';
import type { SimNode } from './node.js';
import type { Simulation } from './simulation.js';

const MEAN_PAUSE_MS = 6000;
const MAX_DOWN_MS = 20_000;
const MAX_PAUSE_MS = 12_000;
const MAX_SOON_MS = 60;
const MAX_CUT_MS = 15_000;
const MAX_SLOW_WAY_MS = 400;
const MAX_PERSIST_MS = 500;
const MAX_STREAM_DELAY_MS = 1500;
const MAX_LOSS = 0.1;

type Fault = readonly [name: string, weight: number, inject: () => boolean];

export class Faults {
  readonly counts = new Map<string, number>();
  slowestWayMs = 0;
  readonly #sim: Simulation;
  readonly #random: Prng;
  readonly #faults: readonly Fault[];
  #nextIp = 1;

  constructor(sim: Simulation, random: Prng) {
    this.#sim = sim;
    this.#random = random;
    this.#faults = [
      ['crashes', 4, () => this.#crash(false, false)],
      ['power failures', 2, () => this.#crash(true, false)],
      ['new addresses', 1, () => this.#crash(this.#random.below(2) === 0, true)],
      ['shutdowns', 2, () => this.#shutDown()],
      ['pauses', 4, () => this.#pause()],
      ['isolated nodes', 3, () => this.#isolate()],
      ['partitions', 3, () => this.#partition()],
      ['one-way cuts', 3, () => this.#cutOneWay()],
      ['heals', 5, () => this.#heal()],
      ['broken connections', 4, () => this.#break()],
      ['slow ways', 2, () => this.#slowWays()],
      ['lossy times', 2, () => this.#lose()],
      ['slow disks', 2, () => this.#slowDisk()],
      ['slow streams', 3, () => this.#slowStream()],
    ];
    for (const [name] of this.#faults) this.counts.set(name, 0);
  }

  start(): void {
    this.#later(this.#random.below(MEAN_PAUSE_MS * 2), () => {
      this.#one();
      this.start();
    });
  }

  /** Whatever has been done ends now. */
  endAll(): void {
    const { network, nodes } = this.#sim;
    this.#heal();
    network.conditions.loss = 0;
    for (const node of nodes) {
      node.persistMs = 0;
      node.streamDelayMs = 0;
      node.resume();
    }
  }

  #later(ms: number, run: () => void): void {
    this.#sim.time.after(ms, () => {
      if (!this.#sim.isOver) run();
    });
  }

  #one(): void {
    let dice = this.#random.below(this.#faults.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [name, weight, inject] of this.#faults) {
      dice -= weight;
      if (dice >= 0) continue;
      if (inject()) this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      return;
    }
  }

  #node(): SimNode | undefined {
    const nodes = this.#sim.nodes.filter(({ isRunning, isStopping }) => isRunning && !isStopping);
    return nodes.length === 0 ? undefined : nodes[this.#random.below(nodes.length)];
  }

  #note(text: string): void {
    this.#sim.checks.note(`fault: ${text}`);
  }

  // ------------------------------------------------------------------------------------------------ processes

  #crash(silently: boolean, moves: boolean): boolean {
    const node = this.#node();
    if (node === undefined) return false;
    this.#note(`${node.name} ${silently ? 'loses power' : 'is killed'}`);
    node.crash(silently);
    this.#later(this.#random.below(this.#random.below(2) === 0 ? 1000 : MAX_DOWN_MS), () => {
      if (moves) this.#move(node);
      this.#sim.restart(node);
    });
    return true;
  }

  #move(node: SimNode): void {
    this.#sim.network.detach(node.ip);
    const n = this.#nextIp++;
    node.ip = `10.3.${n >> 8}.${n & 255}`;
  }

  #shutDown(): boolean {
    const node = this.#node();
    if (node === undefined) return false;
    this.#note(`${node.name} is told to shut down`);
    node.shutDown(() => {
      this.#sim.checks.endsInOrder(node);
      this.#later(this.#random.below(MAX_DOWN_MS), () => this.#sim.restart(node));
    });
    return true;
  }

  #pause(): boolean {
    const node = this.#node();
    if (node === undefined) return false;
    this.#stop(node);
    return true;
  }

  #stop(node: SimNode): void {
    const ms = this.#random.below(MAX_PAUSE_MS);
    this.#note(`${node.name} is stopped for ${ms} ms`);
    node.pause();
    this.#later(ms, () => {
      this.#note(`${node.name} goes on`);
      node.resume();
    });
  }

  /** Within the time that a few messages take. */
  stopSoon(node: SimNode): void {
    this.#later(this.#random.below(MAX_SOON_MS), () => {
      if (!node.isRunning || node.isStopping) return;
      this.counts.set('pauses', (this.counts.get('pauses') ?? 0) + 1);
      this.#stop(node);
    });
  }

  #slowDisk(): boolean {
    const node = this.#node();
    if (node === undefined) return false;
    node.persistMs = 1 + this.#random.below(MAX_PERSIST_MS);
    this.#note(`${node.name} has a slow disk: ${node.persistMs} ms`);
    this.#later(this.#random.below(MAX_DOWN_MS), () => {
      node.persistMs = 0;
    });
    return true;
  }

  #slowStream(): boolean {
    const node = this.#node();
    if (node === undefined) return false;
    node.streamDelayMs = this.#random.below(MAX_STREAM_DELAY_MS);
    this.#note(`the replicas of ${node.name} are ${node.streamDelayMs} ms behind`);
    this.#later(this.#random.below(MAX_DOWN_MS), () => {
      node.streamDelayMs = 0;
    });
    return true;
  }

  // ------------------------------------------------------------------------------------------------ network

  #ips(): string[] {
    return [
      ...this.#sim.nodes.filter(({ isUp }) => isUp).map(({ ip }) => ip),
      '10.1.0.1',
      '10.1.0.2',
      '10.1.0.3',
      '10.2.0.1',
    ];
  }

  #healLater(): void {
    this.#later(this.#random.below(MAX_CUT_MS), () => this.#heal());
  }

  #heal(): boolean {
    this.#note('all ways are open');
    this.slowestWayMs = 0;
    this.#sim.network.heal();
    return true;
  }

  #isolate(): boolean {
    const node = this.#node();
    if (node === undefined) return false;
    this.#note(`${node.name} is cut off`);
    // A client may be on its side of the cut.
    const companion = `10.1.0.${this.#random.below(4)}`;
    for (const ip of this.#ips()) {
      if (ip === node.ip || ip === companion) continue;
      this.#sim.network.cut(ip, node.ip);
      this.#sim.network.cut(node.ip, ip);
    }
    this.#healLater();
    return true;
  }

  #partition(): boolean {
    const sides = this.#ips().map((ip) => ({ ip, side: this.#random.below(2) }));
    for (const a of sides) {
      for (const b of sides) if (a.side !== b.side) this.#sim.network.cut(a.ip, b.ip);
    }
    const one = this.#sim.live.filter(({ ip }) => sides.some((each) => each.ip === ip && each.side === 1));
    this.#note(`the network is split, ${one.map(({ name }) => name).join(' ')} and the others`);
    this.#healLater();
    return true;
  }

  #cutOneWay(): boolean {
    const node = this.#node();
    if (node === undefined) return false;
    const isOutgoing = this.#random.below(2) === 0;
    const share = 1 + this.#random.below(3);
    for (const ip of this.#ips()) {
      if (ip === node.ip || this.#random.below(3) >= share) continue;
      if (isOutgoing) this.#sim.network.cut(node.ip, ip);
      else this.#sim.network.cut(ip, node.ip);
    }
    this.#note(`ways ${isOutgoing ? 'from' : 'to'} ${node.name} are cut`);
    this.#healLater();
    return true;
  }

  #break(): boolean {
    const [a, b] = [this.#node(), this.#node()];
    if (a === undefined || b === undefined || a === b) return false;
    this.#note(`connections between ${a.name} and ${b.name} break`);
    this.#sim.network.breakConnections(a.ip, b.ip);
    return true;
  }

  #slowWays(): boolean {
    const ms = this.#random.below(MAX_SLOW_WAY_MS);
    this.slowestWayMs = Math.max(this.slowestWayMs, ms);
    const ips = this.#ips();
    for (const from of ips) {
      for (const to of ips) if (this.#random.below(4) === 0) this.#sim.network.slowDown(from, to, ms);
    }
    this.#note(`a quarter of the ways takes ${ms} ms more`);
    this.#healLater();
    return true;
  }

  #lose(): boolean {
    const { conditions } = this.#sim.network;
    conditions.loss = this.#random.nextFloat() * MAX_LOSS;
    this.#note(`${(conditions.loss * 100).toFixed(1)} % of the segments are lost`);
    this.#later(this.#random.below(MAX_DOWN_MS), () => {
      conditions.loss = 0;
    });
    return true;
  }
}
