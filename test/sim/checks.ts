/**
 * What has to hold, looked at after every step of every node:
 *
 *   votes        a node votes once an epoch, whatever crashes come between, and an epoch has one winner at most
 *   promises     the persist comes first; epochs on disk never go back
 *   history      the same replication id and offset means the same data
 *   isolation    who does a write has heard from a majority of the masters lately
 *   owners       no two nodes that reach a majority do writes of one slot for longer than the news takes
 *   writes       an acknowledged write is lost only within the windows of ledger.ts
 */
import { type Effect, TICK_MS } from '../../src/cluster/core/effects.js';
import { excuse, type Ledger } from './ledger.js';
import type { NodeObserver, SimNode } from './node.js';

/** A ping goes out half a timeout after the last pong, and fails a whole one later: as in Redis. */
const ISOLATION_TIMEOUTS = 1.5;
/** Others may say that they have heard from somebody this much later than now, for their clocks differ. */
const CLOCK_TOLERANCE_MS = 500;
const HISTORY_KEPT = 200_000;
const TRACE_LINES = 400;
/** How often the cluster as a whole is looked at. */
export const LOOK_MS = 100;

export class Violation extends Error {}

export interface CheckedCluster {
  readonly nodes: readonly SimNode[];
  readonly hotSlots: readonly number[];
  readonly ledger: Ledger;
  nowMs(): number;
  /** Whether frames get from each to the other. */
  canTalk(a: SimNode, b: SimNode): boolean;
  /** Nothing is cut. */
  readonly isWhole: boolean;
  /** Longest way of a message, as things are. */
  readonly slowestMs: number;
}

export interface Counts {
  elections: number;
  manualFailovers: number;
  takeovers: number;
  votes: number;
  refusals: number;
  replicaMigrations: number;
  /** The longest that two nodes believed to serve one slot. */
  overlapMs: number;
  /** The longest from the last word of a majority to a write that was done. */
  isolatedMs: number;
  /** Age of the oldest write that a winner had not got. */
  missedMs: number;
}

/** Before a step: what the step may make use of and reset. */
interface Before {
  readonly electionEpoch: number;
  readonly manual: 'wait' | 'forced' | undefined;
  readonly masterId: string | undefined;
}

export class Checks implements NodeObserver {
  readonly counts: Counts = {
    elections: 0,
    manualFailovers: 0,
    takeovers: 0,
    votes: 0,
    refusals: 0,
    replicaMigrations: 0,
    overlapMs: 0,
    isolatedMs: 0,
    missedMs: 0,
  };
  /** Replicas that were asked for a failover, and how. */
  readonly #asked = new Map<SimNode, 'wait' | 'force' | 'takeover'>();
  /** Masters that ended in order -> the replicas that had everything. */
  readonly #endedInOrder = new Map<string, Set<SimNode>>();
  /** TAKEOVER asks nobody: until the network is whole again it may make a majority of a minority. */
  #isTornByTakeover = false;
  /** Masters in whose place there is another, until they know. */
  readonly #superseded = new Set<SimNode>();
  readonly #cluster: CheckedCluster;
  readonly #trace: string[] = [];
  readonly #votes = new Map<string, string>();
  readonly #winners = new Map<number, string>();
  /** id -> the largest epochs it has been seen with. */
  readonly #epochs = new Map<string, { current: number; vote: number }>();
  readonly #digests = new Map<string, number>();
  readonly #before = new Map<SimNode, Before>();
  readonly #overlapSinceMs = new Map<number, number>();
  readonly #reachesSinceMs = new Map<SimNode, number>();

  constructor(cluster: CheckedCluster) {
    this.#cluster = cluster;
  }

  fail(text: string): never {
    throw new Violation(text);
  }

  note(text: string): void {
    this.#trace.push(`${(this.#cluster.nowMs() / 1000).toFixed(3).padStart(9)} ${text}`);
    if (this.#trace.length > TRACE_LINES * 2) this.#trace.splice(0, TRACE_LINES);
  }

  lastEvents(): string[] {
    return this.#trace.slice(-TRACE_LINES);
  }

  // ------------------------------------------------------------------------------------------------ after each step

  trace(node: SimNode, text: string): void {
    this.note(`${node.name} ${text}`);
    if (text.startsWith('Failover auth denied')) this.counts.refusals++;
    else if (text.startsWith('Migrating to orphaned master')) this.counts.replicaMigrations++;
  }

  booted(node: SimNode): void {
    this.#endedInOrder.delete(node.id);
    for (const whole of this.#endedInOrder.values()) whole.delete(node);
    this.note(`${node.name} runs, ${node.id.slice(0, 6)} at ${node.ip}`);
  }

  stepping(node: SimNode): void {
    const { election, manual } = node.core.context;
    const mode = this.#asked.get(node) === 'wait' ? 'wait' : 'forced';
    this.#before.set(node, {
      electionEpoch: election.epoch,
      manual: manual.canStart ? mode : undefined,
      masterId: node.core.myself.master?.id,
    });
  }

  stepped(node: SimNode, effects: readonly Effect[]): void {
    for (let i = 0; i < effects.length; i++) {
      const effect = effects[i];
      if (effect.kind === 'persist' && i !== 0)
        this.fail(`${node.name}: a persist is not the first effect of its step`);
      if (effect.kind !== 'log') continue;
      const vote = /^Failover auth granted to (\w+) for epoch (\d+)/.exec(effect.text);
      if (vote !== null) this.#voted(node, vote[1], Number(vote[2]));
      if (effect.text.startsWith('Failover election won')) this.#won(node);
      if (/^New configEpoch set|configEpoch collision/.test(effect.text)) this.#raisedEpoch(node);
    }
    if (node.core.myself.isReplica) this.#superseded.delete(node);
    this.#checkEpochs(node);
  }

  /**
   * Without asking anyone, as SETSLOT NODE does at the slot's new owner. If others have got slots that the node still believes
   * to have, it gets them back by that.
   */
  #raisedEpoch(node: SimNode): void {
    for (const slot of this.#cluster.hotSlots) {
      const rival = this.#cluster.nodes.find((each) => each !== node && each.isUp && each.core.isMine(slot));
      if (rival === undefined || !node.core.isMine(slot)) continue;
      for (const write of this.#cluster.ledger.inSlot(slot)) {
        if (node.replication.store.get(slot, write.key) === undefined) excuse(write, 'racing');
      }
    }
  }

  #voted(node: SimNode, candidate: string, epoch: number): void {
    const key = `${node.id} ${epoch}`;
    const earlier = this.#votes.get(key);
    if (earlier !== undefined) this.fail(`${node.name} votes in epoch ${epoch} for ${candidate} after ${earlier}`);
    this.#votes.set(key, candidate);
    this.counts.votes++;
  }

  #won(node: SimNode): void {
    const epoch = this.#before.get(node)!.electionEpoch;
    const earlier = this.#winners.get(epoch);
    if (earlier !== undefined && this.counts.takeovers === 0)
      this.fail(`epoch ${epoch} is won by ${node.id}, and was by ${earlier}`);
    this.#winners.set(epoch, node.id);
  }

  #checkEpochs(node: SimNode): void {
    const { currentEpoch, lastVoteEpoch } = node.core.state;
    const seen = this.#epochs.get(node.id);
    if (seen === undefined) {
      this.#epochs.set(node.id, { current: currentEpoch, vote: lastVoteEpoch });
      return;
    }
    // A crash in the middle of a step takes back what nobody has heard of: only what was voted counts then.
    const isBack = node.bootedAtMs === this.#cluster.nowMs();
    if (!isBack && currentEpoch < seen.current) {
      this.fail(`${node.name}: epoch ${currentEpoch} after ${seen.current}`);
    }
    if (!isBack && lastVoteEpoch < seen.vote) this.fail(`${node.name}: vote ${lastVoteEpoch} after ${seen.vote}`);
    seen.current = currentEpoch;
    seen.vote = lastVoteEpoch;
  }

  moved(node: SimNode): void {
    const { history, store } = node.replication;
    const key = `${history.id}:${history.offset}`;
    const digest = this.#digests.get(key);
    if (digest === undefined) {
      if (this.#digests.size > HISTORY_KEPT) this.#digests.clear();
      this.#digests.set(key, store.digest);
    } else if (digest !== store.digest) {
      this.fail(`${node.name}: other data at ${key} than somebody else had there`);
    }
  }

  // ------------------------------------------------------------------------------------------------ writes

  accepted(node: SimNode, slot: number, key: string): void {
    this.#checkIsolation(node);
    const write = this.#cluster.ledger.writes.get(key)!;
    write.atMs = this.#cluster.nowMs();
    const epoch = node.core.slotOwner(slot)?.configEpoch ?? 0;
    for (const other of this.#cluster.nodes) {
      if (other === node || !other.isUp || !other.core.isMine(slot)) continue;
      if (other.core.myself.configEpoch > epoch) excuse(write, 'minority');
    }
  }

  restored(node: SimNode, key: string): void {
    const write = this.#cluster.ledger.writes.get(key)!;
    write.atMs = this.#cluster.nowMs();
    if (this.#superseded.has(node)) excuse(write, 'minority');
  }

  #checkIsolation(node: SimNode): void {
    const { context, state } = node.core;
    const nowMs = this.#cluster.nowMs();
    const ages: number[] = [];
    for (const voter of state.list) {
      if (!voter.hasVote) continue;
      // Word of it may have come from others.
      const toldAgeMs = node.nowMs() - voter.pongReceivedMs;
      const ageMs = Math.min(toldAgeMs, nowMs - (node.heardAtMs.get(voter.id) ?? node.bootedAtMs));
      ages.push(voter.isMyself ? 0 : ageMs);
    }
    ages.sort((a, b) => a - b);
    const needed = Math.floor(context.size / 2);
    let silentMs = ages[needed] ?? 0;
    // Whoever was stopped has not had the chance to hear anybody meanwhile.
    if (node.resumedAtMs > nowMs - silentMs) silentMs -= node.lastPauseMs;
    this.counts.isolatedMs = Math.max(this.counts.isolatedMs, silentMs);
    const limitMs =
      node.config.nodeTimeoutMs * ISOLATION_TIMEOUTS + TICK_MS * 2 + CLOCK_TOLERANCE_MS + node.persistMs * 2;
    if (silentMs > limitMs) {
      this.fail(`${node.name} does a write, and has not heard from a majority for ${silentMs} ms (limit ${limitMs})`);
    }
  }

  // ------------------------------------------------------------------------------------------------ promotions

  failoverAsked(node: SimNode, mode: string | undefined): void {
    this.#asked.set(node, mode === undefined ? 'wait' : mode.toLowerCase() === 'force' ? 'force' : 'takeover');
  }

  promoted(node: SimNode): void {
    const before = this.#before.get(node)!;
    const old = this.#cluster.nodes.find(({ core }) => core !== undefined && core.myself.id === before.masterId);
    const kind = this.#kindOf(node, old, before);
    this.#asked.delete(node);
    this.#superseded.delete(node);
    if (old !== undefined) this.#superseded.add(old);
    if (kind === 'takeover') {
      this.counts.takeovers++;
      this.#isTornByTakeover = true;
    } else if (kind === 'manual') this.counts.manualFailovers++;
    else this.counts.elections++;
    this.note(`${node.name} promoted in place of ${old?.name ?? '?'} (${kind})`);
    for (const slot of this.#cluster.hotSlots) {
      const isImported = old?.core.importingFrom(slot) !== undefined;
      if (node.core.isMine(slot) || isImported) this.#lookForMissing(node, old, slot, kind);
    }
  }

  #kindOf(node: SimNode, old: SimNode | undefined, before: Before): Kind {
    const mode = this.#asked.get(node);
    if (mode === 'takeover' || before.manual === 'forced') return 'takeover';
    const nowMs = this.#cluster.nowMs();
    if (before.manual === 'wait') {
      // A master that was started anew in the middle has forgotten that it holds writes back.
      const isUndisturbed = old?.isUp === true && nowMs - old.bootedAtMs > MANUAL_MS;
      return isUndisturbed ? 'manual' : 'election';
    }
    if (old !== undefined && !old.isUp && this.#endedInOrder.get(old.id)?.has(node)) return 'shutdown';
    return 'election';
  }

  /** The writes of a slot that its new master has not got. */
  #lookForMissing(node: SimNode, old: SimNode | undefined, slot: number, kind: Kind): void {
    const nowMs = this.#cluster.nowMs();
    for (const write of this.#cluster.ledger.inSlot(slot)) {
      if (node.replication.store.get(slot, write.key) !== undefined || write.excuse !== undefined) continue;
      // A slot that is only being imported: the keys that have come.
      if (!node.core.isMine(slot) && old?.replication.store.get(slot, write.key) === undefined) continue;
      const isElsewhere = this.#cluster.nodes.some(
        (other) =>
          other !== node &&
          other !== old &&
          other.core.myself.isMaster &&
          other.replication.store.get(slot, write.key) !== undefined,
      );
      if (kind === 'takeover') excuse(write, 'takeover');
      else if (isElsewhere) excuse(write, 'racing');
      else if (kind === 'manual' || kind === 'shutdown') {
        if (write.acknowledged) this.fail(`${node.name} takes over (${kind}) without the acknowledged ${write.key}`);
      } else {
        if (write.acknowledged) this.#checkAge(node, nowMs - write.atMs, write.key);
        excuse(write, 'failover');
      }
    }
  }

  #checkAge(node: SimNode, ageMs: number, key: string): void {
    const { nodeTimeoutMs, replicaValidityFactor, pingReplicaPeriodMs } = node.config;
    this.counts.missedMs = Math.max(this.counts.missedMs, ageMs);
    const limitMs = nodeTimeoutMs * (replicaValidityFactor + 1) + pingReplicaPeriodMs + SLACK_MS;
    if (replicaValidityFactor > 0 && ageMs > limitMs)
      this.fail(`${node.name} is elected without ${key}, which is ${ageMs} ms old (limit ${limitMs})`);
  }

  /** Replicas that are whole and stay up have all that the node has ever acknowledged. */
  endsInOrder(node: SimNode): void {
    const { history } = node.replication;
    const whole = this.#cluster.nodes.filter(({ isUp, core, replication }) => {
      const isSame = replication?.history.id === history.id && replication.offset === history.offset;
      return isUp && core.myself.master?.id === node.id && replication.isConnected && isSame;
    });
    this.note(`${node.name} ends, ${whole.map(({ name }) => name).join(' ') || 'nobody'} has everything`);
    this.#endedInOrder.set(node.id, new Set(whole));
  }

  /** A node came back without its data. If it is still a master, what no other master has is gone. */
  cameBack(node: SimNode): void {
    const { lost } = node;
    if (lost === undefined || !node.core.myself.isMaster) return;
    const others = this.#cluster.nodes.filter(
      (other) => other !== node && other.isUp && other.core.myself.isMaster && !this.#superseded.has(other),
    );
    for (const slot of lost.slots()) {
      for (const key of lost.keysOf(slot)) {
        const isElsewhere = others.some(({ replication }) => replication.store.get(slot, key) !== undefined);
        if (!isElsewhere) excuse(this.#cluster.ledger.writes.get(key)!, 'crash');
      }
    }
  }

  // ------------------------------------------------------------------------------------------------ every LOOK_MS

  /** No slot is served by two for long that both reach a majority. */
  look(): void {
    const nowMs = this.#cluster.nowMs();
    if (this.#cluster.isWhole) this.#isTornByTakeover = false;
    if (this.#isTornByTakeover) this.#overlapSinceMs.clear();
    for (const node of this.#cluster.nodes) {
      if (!node.isRunning || !this.#reachesMajority(node)) this.#reachesSinceMs.delete(node);
      else if (!this.#reachesSinceMs.has(node)) this.#reachesSinceMs.set(node, nowMs);
    }
    for (const slot of this.#cluster.hotSlots) {
      const servers = this.#cluster.nodes.filter((node) => this.#reachesSinceMs.has(node) && node.serves(slot));
      if (servers.length < 2) {
        this.#overlapSinceMs.delete(slot);
        continue;
      }
      if (!this.#overlapSinceMs.has(slot)) this.#overlapSinceMs.set(slot, nowMs);
      const sinceMs = Math.max(
        this.#overlapSinceMs.get(slot)!,
        ...servers.map((node) => this.#reachesSinceMs.get(node)!),
        ...servers.map((node) => node.resumedAtMs),
      );
      this.#checkOverlap(slot, servers, nowMs - sinceMs);
    }
  }

  #checkOverlap(slot: number, servers: readonly SimNode[], ms: number): void {
    this.counts.overlapMs = Math.max(this.counts.overlapMs, ms);
    const { nodeTimeoutMs } = servers[0].config;
    const slowMs = Math.max(...servers.map(({ persistMs }) => persistMs)) + this.#cluster.slowestMs;
    // Half a timeout without a word ends a dead link; the next PING brings the news, and its answer may be lost too.
    const limitMs = nodeTimeoutMs * 1.5 + TICK_MS * 2 + slowMs * 5;
    if (ms > limitMs) {
      this.fail(`slot ${slot} is served by ${servers.map(({ name }) => name).join(' and ')} for ${ms} ms`);
    }
  }

  /** Of the masters that the node knows, most run and can be talked to. */
  #reachesMajority(node: SimNode): boolean {
    let reached = 0;
    let all = 0;
    for (const voter of node.core.state.list) {
      if (!voter.hasVote) continue;
      all++;
      if (voter.isMyself) reached++;
      else {
        const other = this.#cluster.nodes.find(({ core }) => core?.myself.id === voter.id);
        if (other?.isRunning && this.#cluster.canTalk(node, other)) reached++;
      }
    }
    return reached >= Math.floor(all / 2) + 1;
  }
}

type Kind = 'election' | 'manual' | 'shutdown' | 'takeover';

const MANUAL_MS = 10_000;
const SLACK_MS = 2000;
