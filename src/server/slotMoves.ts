/** Atomic moves of slots, to other nodes (slotExport.ts, one at a time) and from them (slotImport.ts). */
import { randomBytes } from 'node:crypto';
import { SLOT_COUNT } from '../base/crc16.js';
import type { ClusterPort } from '../commands/clusterPort.js';
import type {
  MoveClient,
  SlotBounds,
  SlotMoveFacts,
  SlotMoveRequest,
  SlotMovesPort,
} from '../commands/slotMovesPort.js';
import type { Executor } from '../exec/executor.js';
import type { Session } from '../exec/session.js';
import { HiddenSlots } from './hiddenSlots.js';
import type { SlotDropper } from './slotDropper.js';
import { SlotExport, type SlotExportHost, slotsOf } from './slotExport.js';
import { SlotImport, type SlotImportHost } from './slotImport.js';
import { SlotMarks } from './slotMarks.js';

/** How long a new master waits for news of who owns what before it throws copies away. */
const SETTLE_AFTER_MS = 10_000;
/** So many moves that are over are remembered. */
const MAX_REMEMBERED = 1000;

const NONE: ReadonlySet<number> = new Set();

export interface ClusterParts {
  readonly port: ClusterPort;
  readonly dropper: SlotDropper;
}

export interface SlotMovesOwner {
  readonly executor: Executor;
  /** Whether requests must pass the gates has changed. */
  refreshGates(): void;
  /** Serves those who wait for keys that have changed. */
  serveBlocked(): void;
  /** What was written goes to the files and replicas now. */
  flush(): void;
  running(): ClusterParts | undefined;
}

export class SlotMoves implements SlotMovesPort, SlotExportHost, SlotImportHost {
  isStopped = false;
  readonly #owner: SlotMovesOwner;
  #marks: SlotMarks | undefined;
  /** Oldest first. */
  readonly #moves: (SlotExport | SlotImport)[] = [];
  readonly #imports = new Map<Session, SlotImport>();
  readonly #queue: SlotExport[] = [];
  #running: SlotExport | undefined;
  /** When copies are to be thrown away; Infinity when there is no reason to look for any. */
  #settleAtMs = Number.POSITIVE_INFINITY;

  readonly #hidden: HiddenSlots | undefined;

  constructor(owner: SlotMovesOwner) {
    this.#owner = owner;
    const { server } = owner.executor;
    if (!server.config.values['cluster-enabled']) return;
    const [db] = server.store.databases;
    this.#hidden = new HiddenSlots({
      db,
      marks: this.marks,
      imports: this.#imports,
      dropping: () => owner.running()?.dropper.slots ?? NONE,
      leaving: () => (this.#running?.isMarked === true ? this.#running.slots : undefined),
      isServed: (slot) => {
        const { core } = this.cluster;
        return core.slotOwner(slot) === (core.myself.master ?? core.myself);
      },
    });
    db.hidden = this.#hidden;
  }

  get executor(): Executor {
    return this.#owner.executor;
  }

  get cluster(): ClusterPort {
    return this.#node.port;
  }

  /** Asked only where cluster mode is on. */
  get #node(): ClusterParts {
    return this.#owner.running() as ClusterParts;
  }

  get marks(): SlotMarks {
    this.#marks ??= new SlotMarks();
    return this.#marks;
  }

  dropSlots = (slots: readonly number[]): void => {
    this.#node.dropper.drop(slots);
  };

  release = (sessions: Iterable<Session>): void => {
    if (this.isStopped) return;
    this.#owner.refreshGates();
    this.#owner.serveBlocked();
    for (const session of sessions) setImmediate(() => session.transport.resume());
  };

  flush = (): void => this.#owner.flush();

  /** Whether a copy of the slot is coming here. */
  isImporting(slot: number): boolean {
    for (const each of this.#imports.values()) if (each.slots.has(slot)) return true;
    return false;
  }

  stop(): void {
    this.isStopped = true;
    for (const each of this.#queue) each.cancel();
    this.#running?.cancel();
  }

  // ---------------------------------------------------------------- away from here

  migrate(requests: readonly SlotMoveRequest[]): string | undefined {
    const taken = new Set<number>();
    for (const { slots } of this.#exports()) for (const slot of slots) taken.add(slot);
    const seen = new Set<number>();
    for (const request of requests) {
      const error = this.#refusal(request, taken, seen);
      if (error !== undefined) return error;
    }
    for (const request of requests) {
      const job = new SlotExport(this, { ...request, id: randomBytes(20).toString('hex') });
      this.#remember(job);
      this.#queue.push(job);
    }
    // The reply comes first.
    setImmediate(() => void this.#runNext());
    return undefined;
  }

  #refusal({ ranges, targetId }: SlotMoveRequest, taken: Set<number>, seen: Set<number>): string | undefined {
    const { core } = this.cluster;
    const target = core.findNode(targetId);
    if (this.executor.following || !core.myself.isMaster) return 'ERR Slots can be moved by masters only';
    if (target === undefined) return `ERR Unknown node ${targetId}`;
    if (target.isMyself) return 'ERR Cannot move slots to the node that has them';
    if (!target.isMaster) return `ERR Node ${targetId} is not a master`;
    for (const slot of slotsOf(ranges)) {
      if (!core.isMine(slot)) return `ERR I'm not the owner of hash slot ${slot}`;
      if (core.migratingTo(slot) !== undefined) return `ERR Slot ${slot} is open for another move`;
      if (taken.has(slot)) return `ERR Slot ${slot} is being moved already`;
      if (seen.has(slot)) return `ERR Slot ${slot} specified multiple times`;
      seen.add(slot);
    }
    return undefined;
  }

  async #runNext(): Promise<void> {
    if (this.#running !== undefined) return;
    for (let job = this.#queue.shift(); job !== undefined && !this.isStopped; job = this.#queue.shift()) {
      this.#running = job;
      await job.run();
      this.#running = undefined;
    }
  }

  #exports(): SlotExport[] {
    return this.#running === undefined ? this.#queue : [this.#running, ...this.#queue];
  }

  cancelAll(): boolean {
    return this.#exports().filter((each) => each.cancel()).length > 0;
  }

  facts(): SlotMoveFacts[] {
    return this.#moves.map((each) => each.facts()).reverse();
  }

  #remember(move: SlotExport | SlotImport): void {
    this.#moves.push(move);
    if (this.#moves.length <= MAX_REMEMBERED) return;
    const at = this.#moves.findIndex(({ state }) => state === 'success' || state === 'failed' || state === 'cancelled');
    if (at >= 0) this.#moves.splice(at, 1);
  }

  // ---------------------------------------------------------------- to here

  begin(client: MoveClient, id: string, sourceId: string, ranges: readonly SlotBounds[]): string | undefined {
    const session = client as Session;
    if (this.#imports.has(session)) return 'ERR This connection moves slots already';
    const job = new SlotImport(this, session, { id, sourceId, ranges });
    for (const slot of job.slots) if (this.isImporting(slot)) return `ERR Slot ${slot} is being moved here already`;
    this.#imports.set(session, job);
    // What is left of slots that were dropped must not be taken for a part of the copy.
    this.#node.dropper.ownersChanged();
    const obstacle = job.obstacle();
    if (obstacle !== undefined) {
      this.#imports.delete(session);
      return obstacle;
    }
    this.#remember(job);
    job.begin();
    return undefined;
  }

  finish(client: MoveClient, id: string): string | undefined {
    const job = this.#imports.get(client as Session);
    return job?.id === id ? job.finish() : `ERR There is no move ${id} on this connection`;
  }

  resolve(id: string, ranges: readonly SlotBounds[]): boolean {
    for (const [session, job] of this.#imports) if (job.id === id) this.#endImport(session, job);
    // They may have gone on to somebody else since, or we have forgotten the move.
    const isDone = this.#moves.some((move) => move instanceof SlotImport && move.id === id && move.state === 'success');
    return isDone || slotsOf(ranges).some((slot) => this.cluster.core.isMine(slot));
  }

  /** The connection is gone. */
  closed(session: Session): void {
    const job = this.#imports.get(session);
    if (job !== undefined) this.#endImport(session, job);
  }

  #endImport(session: Session, job: SlotImport): void {
    this.#imports.delete(session);
    if (!this.isStopped) job.end('The connection to the source ended');
  }

  /** A replica has taken its master's place. The last word of a move may have reached the master, but not us yet. */
  settleCopiesSoon(): void {
    this.#settleAtMs = this.executor.server.clock.nowMs() + SETTLE_AFTER_MS;
  }

  /** Once a second. */
  tick(): void {
    this.#hidden?.look(this.executor.following);
    if (this.executor.server.clock.nowMs() < this.#settleAtMs) return;
    this.#settleAtMs = Number.POSITIVE_INFINITY;
    if (!this.executor.following) this.settleCopies();
  }

  /**
   * Copies that were under way to us, or to the master whose replica we were, are thrown away, a little at a time; where the slots have
   * become ours, only the marks go. What its owner no longer claims stays: it may be the only copy. Answers whose copies go.
   */
  settleCopies(): readonly number[] {
    const { executor } = this;
    const [db] = executor.server.store.databases;
    const copies: number[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (db.slotKeyCount(slot) === 0 || !this.marks.isMarked(db, slot)) continue;
      if (this.cluster.core.isMine(slot)) this.marks.remove(db, executor, slot);
      else if (!this.isImporting(slot) && !this.cluster.core.state.isUnclaimed(slot)) copies.push(slot);
    }
    if (copies.length === 0) return copies;
    executor.server.log('notice', `Copies of ${copies.length} slots that were on their way here are thrown away.`);
    this.dropSlots(copies);
    return copies;
  }
}
