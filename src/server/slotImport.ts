/**
 * One atomic move of slots, on the node that is to get them. The source's connection may write to these slots although they are not ours; nobody
 * else can reach them. What comes goes to replicas and the append-only file as any write, under marks (slotMarks.ts) that tell the copy from the data
 * of slots that are served. The move ends with the connection: before {@link finish} that throws the copy away.
 */
import type { ClusterPort } from '../commands/clusterPort.js';
import type { SlotBounds, SlotMoveFacts, SlotMoveState } from '../commands/slotMovesPort.js';
import type { Executor } from '../exec/executor.js';
import type { Session } from '../exec/session.js';
import { slotsOf } from './slotExport.js';
import type { SlotMarks } from './slotMarks.js';

export interface SlotImportHost {
  readonly executor: Executor;
  readonly cluster: ClusterPort;
  readonly marks: SlotMarks;
  /** Deletes the keys of slots, bit by bit. */
  dropSlots(slots: readonly number[]): void;
}

export interface SlotImportOptions {
  readonly id: string;
  readonly ranges: readonly SlotBounds[];
  readonly sourceId: string;
}

export class SlotImport {
  readonly slots: ReadonlySet<number>;
  readonly session: Session;
  state: SlotMoveState = 'importing';
  readonly #marked = new Set<number>();
  readonly #host: SlotImportHost;
  readonly #options: SlotImportOptions;
  readonly #targetId: string;
  readonly #createdAtMs: number;
  #updatedAtMs: number;
  #message = '';

  constructor(host: SlotImportHost, session: Session, options: SlotImportOptions) {
    this.#host = host;
    this.session = session;
    this.#options = options;
    this.slots = new Set(slotsOf(options.ranges));
    this.#targetId = host.cluster.core.myself.id;
    this.#createdAtMs = host.executor.server.clock.nowMs();
    this.#updatedAtMs = this.#createdAtMs;
  }

  get id(): string {
    return this.#options.id;
  }

  facts(): SlotMoveFacts {
    return {
      ...this.#options,
      operation: 'IMPORT',
      targetId: this.#targetId,
      createdAtMs: this.#createdAtMs,
      updatedAtMs: this.#updatedAtMs,
      state: this.state,
      message: this.#message,
      sentKeys: 0,
      changedKeys: 0,
    };
  }

  /** Why the slots cannot come here; undefined when they can. */
  obstacle(): string | undefined {
    const { executor, cluster } = this.#host;
    const { core } = cluster;
    const [db] = executor.server.store.databases;
    if (executor.following || !core.myself.isMaster) return 'ERR This node is a replica';
    if (!core.stateOk) return 'CLUSTERDOWN The cluster is down';
    for (const slot of this.slots) {
      if (core.isMine(slot)) return `ERR I'm already the owner of hash slot ${slot}`;
      if (core.slotOwner(slot)?.id !== this.#options.sourceId) return `ERR Slot ${slot} is not served by the source`;
      if (core.importingFrom(slot) !== undefined) return `ERR Slot ${slot} is open for another move`;
      if (db.slotKeyCount(slot) > 0 && !this.#host.marks.isMarked(db, slot)) {
        return `ERR Slot ${slot} has keys here that are not part of the move`;
      }
    }
    return undefined;
  }

  begin(): void {
    this.session.importing = { has: (slot) => this.slots.has(slot) && !this.#isLost(slot) };
  }

  /** The mark was there, and is gone: with it the keys, by FLUSHALL or its like. */
  #isLost(slot: number): boolean {
    const { executor, marks } = this.#host;
    if (!marks.isMarked(executor.server.store.databases[0], slot)) return this.#marked.has(slot);
    this.#marked.add(slot);
    return false;
  }

  /** Takes the slots, all in one step. Answers why not. */
  finish(): string | undefined {
    const { cluster, executor, marks } = this.#host;
    const [db] = executor.server.store.databases;
    const obstacle = this.obstacle();
    if (obstacle !== undefined) return obstacle;
    for (const slot of this.slots) if (!marks.isMarked(db, slot)) return `ERR The copy of slot ${slot} is not whole`;
    const reply = cluster.admin({ kind: 'takeSlots', slots: [...this.slots] });
    if ('error' in reply) return reply.error;
    this.#enter('success');
    return undefined;
  }

  /** The connection has ended, or the source wants no more of it. */
  end(message: string): void {
    const { executor, marks, dropSlots } = this.#host;
    this.session.importing = undefined;
    if (this.state !== 'success') {
      this.#message = message;
      this.#enter('failed');
      // Of a replica everything is its master's.
      if (!executor.following) dropSlots([...this.slots]);
      return;
    }
    if (executor.following) return;
    const [db] = executor.server.store.databases;
    for (const slot of this.slots) marks.remove(db, executor, slot);
  }

  #enter(state: SlotMoveState): void {
    const { server } = this.#host.executor;
    this.state = state;
    this.#updatedAtMs = server.clock.nowMs();
    const { id, sourceId } = this.#options;
    const what = `Slot migration ${id} from ${sourceId}`;
    server.log(state === 'failed' ? 'warning' : 'notice', `${what}: ${state}${this.#message && `: ${this.#message}`}`);
  }
}
