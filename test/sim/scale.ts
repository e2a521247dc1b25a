/**
 * How gossip, joining, failure detection and elections cost and take with the number of nodes: half of them masters, half
 * replicas, the default node timeout of 15 s, 1 ms from host to host, and no faults but the one that is measured.
 */
import { Prng } from '../../src/base/prng.js';
import type { Effect } from '../../src/cluster/core/effects.js';
import { type Message, PORT } from './messages.js';
import { Network } from './network.js';
import { type NodeObserver, SimNode } from './node.js';
import { memberConfs } from './simulation.js';
import { VirtualTime } from './virtualTime.js';

const NODE_TIMEOUT_MS = 15_000;
const LOOK_MS = 20;
/** One node starts after the other: all links at once, each with a frame under way, would be gigabytes. */
const START_GAP_MS = 10;
const LIMIT_MS = 300_000;
/** Until what the start of all at once has set off is over. */
const SETTLE_MS = 30_000;
const SECONDS_OF_GOSSIP = 15;

export interface ScaleResult {
  readonly nodes: number;
  /** What a node sends. */
  readonly framesASecond: number;
  readonly bytesASecond: number;
  readonly bytesAFrame: number;
  /** From MEET until everybody knows the new node and it knows everybody. */
  readonly joinMs: number;
  /** From the kill of a master until the first says that it has failed, and until all do. */
  readonly failMs: number;
  readonly failKnownMs: number;
  /** From then on, until its replica serves the slots, and until all say so. */
  readonly electionMs: number;
  readonly agreedMs: number;
  readonly heapBytesAPair: number;
}

/** `note` is told what has been done, for what takes long. */
export function measureScale(count: number, note: (text: string) => void): ScaleResult {
  return new Scale(count, note).measure();
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
  readonly #note: (text: string) => void;

  constructor(count: number, note: (text: string) => void) {
    this.#note = note;
    this.#network = new Network(this.#time, this.#random, { latencyMs: 1, jitterMs: 0, loss: 0 });
    for (let i = 0; i < count; i++) this.#newNode();
    const confs = memberConfs(this.#nodes, count >> 1);
    for (const [i, node] of this.#nodes.entries()) {
      node.disk.nodesConf = confs[i];
      node.boot(0);
      this.#time.run(START_GAP_MS);
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
    globalThis.gc?.();
    const heapBytesAPair = process.memoryUsage().heapUsed / nodes / nodes;
    this.#time.run(SETTLE_MS);
    this.#note('the cluster has settled');
    const { frames, bytes } = this.#traffic;
    this.#time.run(SECONDS_OF_GOSSIP * 1000);
    const sentFrames = this.#traffic.frames - frames;
    const sentBytes = this.#traffic.bytes - bytes;
    this.#note('traffic is measured');
    return {
      nodes,
      framesASecond: sentFrames / nodes / SECONDS_OF_GOSSIP,
      bytesASecond: sentBytes / nodes / SECONDS_OF_GOSSIP,
      bytesAFrame: sentBytes / sentFrames,
      joinMs: this.#join(),
      ...this.#kill(),
      heapBytesAPair,
    };
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

  #kill(): Pick<ScaleResult, 'failMs' | 'failKnownMs' | 'electionMs' | 'agreedMs'> {
    const [victim] = this.#nodes;
    const { id } = victim;
    victim.crash(false);
    const live = this.#nodes.filter(({ isUp }) => isUp);
    // Its replica may have taken over before the last has heard that it failed: then it has no slots any more.
    const saysFailed = ({ core }: SimNode): boolean =>
      core.findNode(id)?.isFailed === true || core.slotOwner(0)?.id !== id;
    const failMs = this.#until('somebody says that it has failed', () => live.some(saysFailed));
    const failKnownMs = failMs + this.#until('all say that it has failed', () => live.every(saysFailed));
    const electionMs = this.#until('somebody takes over', () => live.some(({ core }) => core.isMine(0)));
    const restMs = this.#until('all know who', () =>
      live.every(({ core }) => core.stateOk && core.slotOwner(0)?.id !== id),
    );
    return { failMs, failKnownMs, electionMs, agreedMs: electionMs + restMs };
  }

  #until(what: string, condition: () => boolean): number {
    const startMs = this.#time.nowMs;
    while (!condition()) {
      if (this.#time.nowMs - startMs > LIMIT_MS) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
      this.#time.run(LOOK_MS);
    }
    const passedMs = this.#time.nowMs - startMs;
    this.#note(`${what}: ${passedMs} ms`);
    return passedMs;
  }
}
