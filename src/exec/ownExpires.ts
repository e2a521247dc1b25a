/**
 * Keys that clients have given an expire time on a writable replica. The master, who says when all other keys are over, knows
 * nothing of them: they are removed by us.
 */
import { fromLatin1, latin1 } from '../base/bytes.js';
import type { Database } from '../store/database.js';
import type { Ref } from '../store/types.js';

/** So many are looked at a time. */
const KEYS_PER_SWEEP = 1000;

/** What removes them. */
export interface Expirer {
  readonly nowMs: number;
  expire(db: Database, ref: Ref, buf: Uint8Array, start: number, end: number): void;
}

export class OwnExpires {
  readonly #keys = new Map<Database, Set<string>>();

  get count(): number {
    let count = 0;
    for (const keys of this.#keys.values()) count += keys.size;
    return count;
  }

  /** A client has changed the key. */
  note(db: Database, buf: Uint8Array, start: number, end: number): void {
    const ref = db.find(buf, start, end);
    if (ref === 0 || db.expireAtMs(ref) < 0) return;
    const keys = this.#keys.get(db) ?? new Set();
    this.#keys.set(db, keys.add(latin1(buf, start, end)));
  }

  /** Removes those whose time is over, and forgets those that have none any more. */
  sweep(expirer: Expirer): void {
    let left = KEYS_PER_SWEEP;
    for (const [db, keys] of this.#keys) {
      for (const key of keys) {
        if (left-- === 0) return;
        const bytes = fromLatin1(key);
        const ref = db.find(bytes, 0, bytes.length);
        const expireAtMs = ref === 0 ? -1 : db.expireAtMs(ref);
        if (expireAtMs > expirer.nowMs) continue;
        keys.delete(key);
        if (expireAtMs >= 0) expirer.expire(db, ref, bytes, 0, bytes.length);
      }
    }
  }

  clear(): void {
    this.#keys.clear();
  }
}
