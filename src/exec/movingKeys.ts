/**
 * Keys that MIGRATE is moving to another server. redis-server stands still meanwhile; here only those wait who would write to one of them:
 *
 *   MIGRATE ──> locked ──> value on its way ──> answered ──> deleted ──> unlocked ──> writers that waited run, and are redirected
 *
 * Readers are served as ever. Commands that write without naming keys (FLUSHALL, SWAPDB) wait as well. What asks nobody (the stream of a
 * master, a time that is over) is noted: a value that has changed is never deleted for having been sent.
 *
 * Keys are told apart by name alone, whatever their database: at worst somebody waits for nothing.
 */
import { latin1 } from '../base/bytes.js';
import { MAY_REPLICATE, WRITE } from '../commands/command.js';
import type { CommandTablePort, ResolvedCommand } from '../commands/context.js';
import type { ArgVector } from '../resp/argVector.js';
import type { Database } from '../store/database.js';
import type { Session } from './session.js';

/** The keys of one MIGRATE. */
export interface KeyMove {
  readonly session: Session;
  readonly db: Database;
  /** One character a byte. */
  readonly keys: readonly string[];
  /** Those that changed all the same. */
  readonly changed: Set<string>;
}

export class MovingKeys {
  /** True while nothing moves: the hot path stops here. */
  empty = true;
  readonly #commands: CommandTablePort;
  readonly #moves = new Map<string, KeyMove>();
  #waiting = new Set<Session>();
  readonly #indexes: number[] = [];

  constructor(commands: CommandTablePort) {
    this.#commands = commands;
  }

  /** None of the keys may be locked: whoever locks has passed {@link holdsBack}. */
  lock(move: KeyMove): void {
    for (const key of move.keys) this.#moves.set(key, move);
    this.empty = false;
  }

  /** Answers the sessions that may go on. */
  unlock(move: KeyMove): Iterable<Session> {
    for (const key of move.keys) if (this.#moves.get(key) === move) this.#moves.delete(key);
    this.empty = this.#moves.size === 0;
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
    return indexes.some((at) => this.#moves.has(args.text(at)));
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
