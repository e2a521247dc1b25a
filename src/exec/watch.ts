/** Optimistic locking: which clients WATCH which keys, and which of them lost the race. */
import { latin1 } from '../base/bytes.js';
import type { Database } from '../store/database.js';
import type { Session } from './session.js';

export class WatchTable {
  /** Per database, the watchers of each key. */
  readonly #watchers = new Map<Database, Map<string, Set<Session>>>();

  /** True while nobody watches anything: the hot path stops here. */
  empty = true;

  watch(session: Session, db: Database, key: string, expired: boolean): void {
    if (session.watched.some((watched) => watched.db === db && watched.key === key)) return;
    const keys = this.#watchers.get(db) ?? new Map<string, Set<Session>>();
    const sessions = keys.get(key) ?? new Set<Session>();
    this.#watchers.set(db, keys.set(key, sessions.add(session)));
    session.watched.push({ db, key, expired });
    this.empty = false;
  }

  unwatch(session: Session): void {
    if (session.watched.length === 0) return;
    for (const { db, key } of session.watched) {
      const keys = this.#watchers.get(db);
      const sessions = keys?.get(key);
      sessions?.delete(session);
      if (sessions?.size === 0) keys?.delete(key);
      if (keys?.size === 0) this.#watchers.delete(db);
    }
    session.watched = [];
    session.watchBroken = false;
    this.empty = this.#watchers.size === 0;
  }

  /** The key was changed or removed. */
  touched(db: Database, buf: Uint8Array, start: number, end: number, exists: boolean): void {
    const key = latin1(buf, start, end);
    for (const session of this.#watchers.get(db)?.get(key) ?? []) {
      const watched = session.watched.find((candidate) => candidate.db === db && candidate.key === key);
      if (watched?.expired && !exists) {
        // The key that was already expired has been removed at last: logically nothing changed.
        watched.expired = false;
        continue;
      }
      session.watchBroken = true;
    }
  }

  /** Every key of `db` may have changed: breaks the watches whose key `affected` names. */
  allTouched(db: Database, affected: (key: string) => boolean): void {
    for (const [key, sessions] of this.#watchers.get(db) ?? []) {
      if (!affected(key)) continue;
      for (const session of sessions) session.watchBroken = true;
    }
  }
}
