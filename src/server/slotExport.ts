/**
 * One atomic move of slots, on the node that has them. Nothing of it is seen before its last step; until then this node serves the slots as ever.
 *
 *   connect ──> BEGIN ──> marks, all keys ──> what changed, until little is left ──> writers to these slots wait ──> the rest
 *     ──> marks here ──> FINISH: the target takes all slots in one step ──> they are given up here, and who waited is redirected
 *
 * A failure before FINISH leaves everything as it was: the target throws away what it has when the connection ends. Whether FINISH arrived
 * is the one thing that may be in doubt. Then writers wait on until the target answers, or the bus tells whose the slots are: to serve
 * them from here while they may have an owner with a newer epoch would lose what is written.
 */
import type { ClusterNode } from '../cluster/core/node.js';
import type { ClusterPort } from '../commands/clusterPort.js';
import type { SlotBounds, SlotMoveFacts, SlotMoveState } from '../commands/slotMovesPort.js';
import type { Executor } from '../exec/executor.js';
import type { Session } from '../exec/session.js';
import { MoveFailure, SlotLink } from './slotLink.js';
import type { SlotMarks } from './slotMarks.js';
import { SlotSender } from './slotSender.js';

/** For connecting and for each answer. */
const PATIENCE_MS = 10_000;
/** How long writers wait at most before FINISH. */
const PAUSE_MS = 5000;
/** So little is sent while they wait. */
const FEW_KEYS = 200;
/** What changes faster than it can be sent is not going to become less. */
const MAX_ROUNDS = 20;
/** In doubt: how often to ask, and how long to wait for an answer. */
const ASK_EVERY_MS = 100;
const ASK_PATIENCE_MS = 1000;

const NO_MASTER = 'This node is no master any more';

export interface SlotExportHost {
  readonly executor: Executor;
  readonly cluster: ClusterPort;
  readonly marks: SlotMarks;
  /** The server is going down: nothing is changed any more. */
  readonly isStopped: boolean;
  /** Lets requests go on that were held back. */
  release(sessions: Iterable<Session>): void;
  /** What was written goes to the files and replicas now. */
  flush(): void;
}

export interface SlotExportOptions {
  readonly id: string;
  readonly ranges: readonly SlotBounds[];
  readonly targetId: string;
}

export class SlotExport {
  readonly slots: ReadonlySet<number>;
  state: SlotMoveState = 'queued';
  /** There are marks in slots that we serve. */
  isMarked = false;
  readonly #host: SlotExportHost;
  readonly #options: SlotExportOptions;
  readonly #createdAtMs: number;
  readonly #sourceId: string;
  #updatedAtMs: number;
  #message = '';
  #link: SlotLink | undefined;
  #sender: SlotSender | undefined;
  #isCancelled = false;
  #deadlineMs = Number.POSITIVE_INFINITY;

  constructor(host: SlotExportHost, options: SlotExportOptions) {
    this.#host = host;
    this.#options = options;
    this.slots = new Set(slotsOf(options.ranges));
    this.#sourceId = host.cluster.core.myself.id;
    this.#createdAtMs = host.executor.server.clock.nowMs();
    this.#updatedAtMs = this.#createdAtMs;
  }

  get isOver(): boolean {
    return this.state === 'success' || this.state === 'failed' || this.state === 'cancelled';
  }

  facts(): SlotMoveFacts {
    return {
      ...this.#options,
      operation: 'EXPORT',
      sourceId: this.#sourceId,
      createdAtMs: this.#createdAtMs,
      updatedAtMs: this.#updatedAtMs,
      state: this.state,
      message: this.#message,
      sentKeys: this.#sender?.sentKeys ?? 0,
      changedKeys: this.#sender?.changedKeys ?? 0,
    };
  }

  /** False when it is over, or the target may have the slots already. */
  cancel(): boolean {
    if (this.isOver || this.state === 'waiting-for-owner') return false;
    this.#isCancelled = true;
    if (this.state === 'queued') this.#enter('cancelled');
    this.#link?.close();
    return true;
  }

  /** Resolves when it is over. */
  async run(): Promise<void> {
    if (this.isOver) return;
    try {
      await this.#move();
      this.#enter('success');
    } catch (error) {
      if (!(error instanceof MoveFailure)) throw error;
      this.#message = this.#isCancelled ? '' : error.message;
      this.#enter(this.#isCancelled ? 'cancelled' : 'failed');
    } finally {
      this.#end();
    }
  }

  #end(): void {
    const { executor, release } = this.#host;
    this.#link?.close();
    this.#sender?.stop();
    this.#unmark();
    release(executor.moving.unlockSlots());
  }

  /** Should we end before we know whether the target has the slots, our files and our replica do not take the keys for the only ones. */
  #mark(): void {
    const { executor, flush, marks } = this.#host;
    const [db] = executor.server.store.databases;
    for (const slot of this.slots) if (db.slotKeyCount(slot) > 0) marks.add(db, executor, slot);
    this.isMarked = true;
    flush();
  }

  #unmark(): void {
    const { cluster, executor, isStopped, marks } = this.#host;
    // Of a replica everything is its master's.
    if (!this.isMarked || isStopped || executor.following) return;
    this.isMarked = false;
    const [db] = executor.server.store.databases;
    for (const slot of this.slots) if (cluster.core.isMine(slot)) marks.remove(db, executor, slot);
  }

  async #move(): Promise<void> {
    const { id, ranges } = this.#options;
    this.#check();
    this.#enter('connecting');
    const link = await this.#connect();
    await link.demand('CLUSTER', 'SYNCSLOTS', 'BEGIN', id, this.#sourceId, ...boundsOf(ranges));
    this.#check();
    const sender = this.#startSender(link);
    this.#enter('copying');
    for (const slot of this.slots) link.requests.add(['SET', this.#host.marks.key(slot), id]);
    await sender.sendAll();
    this.#check();
    this.#enter('catching-up');
    for (let round = 0; round < MAX_ROUNDS && sender.changedKeys > FEW_KEYS; round++) {
      await sender.sendChanged();
      this.#check();
    }
    this.#holdWriters();
    while (sender.changedKeys > 0) {
      await sender.sendChanged();
      this.#check();
    }
    this.#mark();
    // Not a moment lies between this check and FINISH.
    this.#check();
    await this.#finish(link);
  }

  async #connect(): Promise<SlotLink> {
    const { executor } = this.#host;
    const { masteruser, masterauth } = executor.server.config.values;
    const { ip, port } = this.#target as ClusterNode;
    this.#link = await SlotLink.connect(ip, port, () => this.#patienceMs());
    this.#check();
    if (masterauth !== '') {
      await this.#link.demand('AUTH', ...(masteruser === '' ? [masterauth] : [masteruser, masterauth]));
    }
    return this.#link;
  }

  #startSender(link: SlotLink): SlotSender {
    const { executor, release } = this.#host;
    const sender = new SlotSender({ executor, release, check: () => this.#check() }, this.slots, link);
    this.#sender = sender;
    executor.propagation.add(sender);
    return sender;
  }

  #holdWriters(): void {
    const { executor, release } = this.#host;
    this.#enter('pausing');
    this.#deadlineMs = executor.server.clock.monotonicUs() / 1000 + PAUSE_MS;
    executor.moving.lockSlots(this.slots);
    release([]);
  }

  // ---------------------------------------------------------------- the last step

  async #finish(link: SlotLink): Promise<void> {
    this.#enter('waiting-for-owner');
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    const line = await link.ask('CLUSTER', 'SYNCSLOTS', 'FINISH', this.#options.id);
    if (line !== undefined && line !== '+OK')
      throw new MoveFailure(`The target answered: ${line.replace(/^[-+]/, '')}`);
    if (line === undefined) {
      link.close();
      await this.#resolve();
    }
    this.#giveUp();
  }

  /** Waits until it is sure that the slots are the target's. Throws when it is sure that they are not. */
  async #resolve(): Promise<void> {
    const doubt =
      'it is not known whether the target has taken the slots, asking it. CLUSTER FORGET it here if it never comes back';
    this.#host.executor.server.log('warning', `Slot migration ${this.#options.id}: ${doubt}`);
    for (;;) {
      this.#demandMaster();
      const verdict = this.#ownerByBus() ?? (await this.#ownerByTarget()) ?? this.#ownerByBus();
      if (verdict === 'target') return;
      if (verdict === 'source') throw new MoveFailure('The target has not taken the slots');
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
  }

  /** Whoever has taken our place decides, or we do at the next start. */
  #demandMaster(): void {
    const { executor, isStopped } = this.#host;
    if (isStopped || executor.following) throw new MoveFailure(`${NO_MASTER}; the target may have the slots`);
  }

  #ownerByBus(): 'target' | 'source' | undefined {
    const target = this.#target;
    // It was forgotten, or another node has taken its place without these slots.
    if (target?.isMaster !== true) return 'source';
    // It takes all of them or none. What we have given up otherwise tells nothing.
    for (const slot of this.slots) if (this.#host.cluster.core.slotOwner(slot) === target) return 'target';
    return undefined;
  }

  async #ownerByTarget(): Promise<'target' | 'source' | undefined> {
    const { ip, port } = this.#target as ClusterNode;
    const { masteruser, masterauth } = this.#host.executor.server.config.values;
    let link: SlotLink | undefined;
    try {
      link = await SlotLink.connect(ip, port, () => ASK_PATIENCE_MS);
      if (masterauth !== '') {
        await link.demand('AUTH', ...(masteruser === '' ? [masterauth] : [masteruser, masterauth]));
      }
      const { id, ranges } = this.#options;
      const line = await link.ask('CLUSTER', 'SYNCSLOTS', 'RESOLVE', id, ...boundsOf(ranges));
      if (line === '+OWNED') return 'target';
      return line === '+CANCELLED' ? 'source' : undefined;
    } catch (error) {
      if (!(error instanceof MoveFailure)) throw error;
      return undefined;
    } finally {
      link?.close();
    }
  }

  /** The slots are the target's: we say so as well, and drop the keys. */
  #giveUp(): void {
    const { cluster, executor, isStopped } = this.#host;
    if (isStopped || executor.following) return;
    cluster.admin({ kind: 'giveSlots', slots: [...this.slots], id: this.#options.targetId });
  }

  // ---------------------------------------------------------------- all the time

  get #target(): ClusterNode | undefined {
    return this.#host.cluster.core.findNode(this.#options.targetId);
  }

  #patienceMs(): number {
    const leftMs = this.#deadlineMs - this.#host.executor.server.clock.monotonicUs() / 1000;
    return Math.max(1, Math.min(PATIENCE_MS, leftMs));
  }

  #check(): void {
    const problem = this.#problem();
    if (problem !== undefined) throw new MoveFailure(problem);
  }

  #problem(): string | undefined {
    const { cluster, executor, isStopped } = this.#host;
    const { core } = cluster;
    if (this.#isCancelled || isStopped) return 'cancelled';
    if (executor.following || !core.myself.isMaster) return NO_MASTER;
    if (core.isHandingOver) return 'A replica is about to take the place of this node';
    if (this.#target?.isMaster !== true) return 'The target is no master any more';
    for (const slot of this.slots) {
      if (!core.isMine(slot)) return `Slot ${slot} is not ours any more`;
      if (core.migratingTo(slot) !== undefined) return `Slot ${slot} was opened for another move`;
    }
    if (executor.server.clock.monotonicUs() / 1000 > this.#deadlineMs) {
      return 'What changes while it is sent could not be sent in the time for which writers may wait';
    }
    return this.#sender?.problem;
  }

  #enter(state: SlotMoveState): void {
    const { server } = this.#host.executor;
    this.state = state;
    this.#updatedAtMs = server.clock.nowMs();
    const { id, ranges, targetId } = this.#options;
    const what = `Slot migration ${id} (${textOf(ranges)} to ${targetId})`;
    server.log(state === 'failed' ? 'warning' : 'notice', `${what}: ${state}${this.#message && `: ${this.#message}`}`);
  }
}

export function slotsOf(ranges: readonly SlotBounds[]): number[] {
  return ranges.flatMap(([start, end]) => Array.from({ length: end - start + 1 }, (_, i) => start + i));
}

/** `0-9 20-29` */
export function textOf(ranges: readonly SlotBounds[]): string {
  return ranges.map(([start, end]) => `${start}-${end}`).join(' ');
}

function boundsOf(ranges: readonly SlotBounds[]): string[] {
  return ranges.flat().map(String);
}
