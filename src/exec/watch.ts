/** Optimistic locking: which clients WATCH which keys, and which of them lost the race. */
import { latin1 } from '../base/bytes.js';
import type { Database } from '../store/database.js';
import type { Session } from './session.js';

/** `expired`: still there although its time is over. */
export type KeyState = 'absent' | 'alive' | 'expired';

/** What a watched key costs beside its name: its record, and its place among the watchers. */
const WATCHED_KEY_BYTES = 256;

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
    session.watchedBytes += WATCHED_KEY_BYTES + key.length;
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
    session.watchedBytes = 0;
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

  /** All keys of `db` change at once: `before` and `after` tell what each watched key was and is going to be. */
  replaced(db: Database, before: (key: string) => KeyState, after: (key: string) => KeyState): void {
    for (const [key, sessions] of this.#watchers.get(db) ?? []) {
      const was = before(key);
      const is = after(key);
      if (was === 'absent' && is === 'absent') continue;
      for (const session of sessions) {
        const watched = session.watched.find((candidate) => candidate.db === db && candidate.key === key);
        if (watched?.expired === true && is !== 'alive') watched.expired = is === 'expired';
        // It comes with its time over: as good as absent, and so it will be removed.
        else if (watched !== undefined && was === 'absent' && is === 'expired') watched.expired = true;
        else session.watchBroken = true;
      }
    }
  }
}
