/**
 * How gossip, joining and elections cost and take with the number of nodes: half of them masters, half replicas, the default
 * node timeout of 15 s, 1 ms from host to host, and no faults but the one that is measured.
 */
import { Prng } from '../../src/base/prng.js';
import type { Effect } from '../../src/cluster/core/effects.js';
import { type Message, PORT } from './messages.js';
import { Network } from './network.js';
import { type NodeObserver, SimNode } from './node.js';
import { memberConf, memberIds } from './simulation.js';
import { VirtualTime } from './virtualTime.js';

const NODE_TIMEOUT_MS = 15_000;
const LOOK_MS = 20;
const LIMIT_MS = 300_000;
const SECONDS_OF_GOSSIP = 30;

export interface ScaleResult {
  readonly nodes: number;
  /** Of a node, sent and received together. */
  readonly framesASecond: number;
  readonly bytesASecond: number;
  /** From MEET until everybody knows the new node and it knows everybody. */
  readonly joinMs: number;
  /** From the kill of a master until the first, and until all, say that its slots are served. */
  readonly promotedMs: number;
  readonly servedMs: number;
}

export function measureScale(count: number): ScaleResult {
  return new Scale(count).measure();
}

/** Counts what is sent. */
class Traffic implements NodeObserver {
  frames = 0;
  bytes = 0;

  stepped(_node: SimNode, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind !== 'send') continue;
      this.frames++;
      this.bytes += effect.frame.length;
    }
  }

  trace(): void {}
  stepping(): void {}
  moved(): void {}
  accepted(): void {}
  restored(): void {}
  failoverAsked(): void {}
  promoted(): void {}
  booted(): void {}
}

class Scale {
  readonly #time = new VirtualTime(1_700_000_000_000);
  readonly #traffic = new Traffic();
  readonly #network: Network<Message>;
  readonly #nodes: SimNode[] = [];
  readonly #random = new Prng(1);

  constructor(count: number) {
    this.#network = new Network(this.#time, this.#random, { latencyMs: 1, jitterMs: 0, loss: 0 });
    for (let i = 0; i < count; i++) this.#newNode();
    const ids = memberIds(count);
    for (const [self, node] of this.#nodes.entries()) {
      node.disk.nodesConf = memberConf({ nodes: this.#nodes, ids, masters: count >> 1, self });
      node.boot(0);
    }
  }

  #newNode(): SimNode {
    const number = this.#nodes.length + 1;
    const node = new SimNode(
      { time: this.#time, network: this.#network, random: new Prng(number), observer: this.#traffic },
      { name: `n${number}`, ip: `10.0.${number >> 8}.${number & 255}`, nodeTimeoutMs: NODE_TIMEOUT_MS, durable: true },
    );
    this.#nodes.push(node);
    return node;
  }

  measure(): ScaleResult {
    const nodes = this.#nodes.length;
    this.#until('the cluster is up', () => this.#nodes.every(({ core }) => core.stateOk));
    this.#time.run(NODE_TIMEOUT_MS * 2);
    const { frames, bytes } = this.#traffic;
    this.#time.run(SECONDS_OF_GOSSIP * 1000);
    // Each frame is sent by one node and received by another.
    const perSecond = (total: number): number => (total * 2) / nodes / SECONDS_OF_GOSSIP;
    const gossip = {
      framesASecond: perSecond(this.#traffic.frames - frames),
      bytesASecond: perSecond(this.#traffic.bytes - bytes),
    };
    return { nodes, ...gossip, joinMs: this.#join(), ...this.#kill() };
  }

  #join(): number {
    const [first] = this.#nodes;
    const node = this.#newNode();
    node.boot(0);
    node.admin({ kind: 'meet', ip: first.ip, port: String(PORT) });
    return this.#until('everybody knows the new node', () => {
      const isKnown = this.#nodes.every(({ core }) => core.findNode(node.id) !== undefined);
      return isKnown && node.core.state.nodes.size === this.#nodes.length;
    });
  }

  #kill(): { promotedMs: number; servedMs: number } {
    const [victim] = this.#nodes;
    victim.crash(false);
    const live = this.#nodes.filter(({ isUp }) => isUp);
    const promotedMs = this.#until('somebody takes over', () => live.some(({ core }) => core.isMine(0)));
    const moreMs = this.#until('all know who', () =>
      live.every(({ core }) => core.stateOk && core.slotOwner(0)?.id !== victim.id),
    );
    return { promotedMs, servedMs: promotedMs + moreMs };
  }

  #until(what: string, condition: () => boolean): number {
    const startMs = this.#time.nowMs;
    while (!condition()) {
      if (this.#time.nowMs - startMs > LIMIT_MS) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
      this.#time.run(LOOK_MS);
    }
    return this.#time.nowMs - startMs;
  }
}
