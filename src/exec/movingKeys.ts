/**
 * Keys that MIGRATE is moving to another server. redis-server stands still meanwhile; here only those wait who would write to one of them:
 *
 *   MIGRATE ──> locked ──> value on its way ──> answered ──> deleted ──> unlocked ──> writers that waited run, and are redirected
 *
 * Readers are served as ever. Commands that write without naming keys (FLUSHALL, SWAPDB) wait as well. What asks nobody (the stream of a
 * master, a time that is over) is noted: a value that has changed is never deleted for having been sent.
 *
 * An atomic move of whole slots (server/slotExport.ts) has the writers of all their keys wait for the last moments of the move.
 *
 * Keys are told apart by name alone, whatever their database: at worst somebody waits for nothing.
 */
import { latin1 } from '../base/bytes.js';
import { keySlot } from '../base/crc16.js';
import { MAY_REPLICATE, WRITE } from '../commands/command.js';
import type { CommandTablePort, ResolvedCommand } from '../commands/context.js';
import type { ArgVector } from '../resp/argVector.js';
import type { Database } from '../store/database.js';
import type { Session } from './session.js';

/** Keys that nobody may write to. */
export interface KeyLock {
  readonly db: Database;
  /** One character a byte. */
  readonly keys: readonly string[];
  /** Those that changed all the same. */
  readonly changed: Set<string>;
}

/** The keys of one MIGRATE. */
export interface KeyMove extends KeyLock {
  readonly session: Session;
}

export class MovingKeys {
  /** True while nothing moves: the hot path stops here. */
  empty = true;
  readonly #commands: CommandTablePort;
  readonly #moves = new Map<string, KeyLock>();
  #slots: ReadonlySet<number> | undefined;
  #waiting = new Set<Session>();
  readonly #indexes: number[] = [];

  constructor(commands: CommandTablePort) {
    this.#commands = commands;
  }

  /** None of the keys may be locked: whoever locks has passed {@link holdsBack}. */
  lock(move: KeyLock): void {
    for (const key of move.keys) this.#moves.set(key, move);
    this.empty = false;
  }

  /** Answers the sessions that may go on. */
  unlock(move: KeyLock): Iterable<Session> {
    for (const key of move.keys) if (this.#moves.get(key) === move) this.#moves.delete(key);
    return this.#released();
  }

  isLocked(key: string): boolean {
    return this.#moves.has(key);
  }

  /** Has the writers of these slots wait until {@link unlockSlots}; one set at a time. */
  lockSlots(slots: ReadonlySet<number>): void {
    this.#slots = slots;
    this.empty = false;
  }

  /** Answers the sessions that may go on. */
  unlockSlots(): Iterable<Session> {
    this.#slots = undefined;
    return this.#released();
  }

  #released(): Iterable<Session> {
    this.empty = this.#moves.size === 0 && this.#slots === undefined;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    return waiting;
  }

  /** Whether the request must wait; its session then goes on after an {@link unlock}. */
  holdsBack(session: Session, command: ResolvedCommand, args: ArgVector): boolean {
    if (session.inMulti && command.fullName !== 'exec') return false;
    const writes =
      command.fullName === 'exec'
        ? session.queue.some((queued) => this.#writes(queued.command, queued.args))
        : this.#writes(command, args);
    if (writes) this.#waiting.add(session);
    return writes;
  }

  #writes(command: ResolvedCommand, args: ArgVector): boolean {
    // PFCOUNT is no write, but keeps in the value what it has counted.
    if ((command.flags & (WRITE | MAY_REPLICATE)) === 0) return false;
    const indexes = this.#indexes;
    indexes.length = 0;
    if (!this.#commands.keyIndexes(command, args, indexes)) return (command.flags & WRITE) !== 0;
    return indexes.some((at) => this.#moves.has(args.text(at)) || this.#isSlotLocked(args, at));
  }

  #isSlotLocked({ buf, start, end }: ArgVector, at: number): boolean {
    return this.#slots?.has(keySlot(buf, start[at], end[at])) === true;
  }

  /** The key was changed, by whatever had no need to ask. */
  touched(db: Database, buf: Uint8Array, start: number, end: number): void {
    const key = latin1(buf, start, end);
    const move = this.#moves.get(key);
    if (move?.db === db) move.changed.add(key);
  }

  /** The connection is gone. What it had moved goes on. */
  forget(session: Session): void {
    this.#waiting.delete(session);
  }
}
