/**
 * Deletes the keys of slots that other nodes serve now, a little at a time between requests: nobody can reach them meanwhile,
 * for their slots are redirected. A slot that comes back is emptied first.
 */
import { copyOf } from '../base/copy.js';
import { EVENT_GENERIC } from '../commands/context.js';
import type { Executor } from '../exec/executor.js';
import type { Database } from '../store/database.js';
import type { Ref } from '../store/types.js';
import { isMark, type SlotMarks } from './slotMarks.js';

/** Keys between two looks at the clock. */
const KEYS_A_LOOK = 32;
const SLICE_US = 1000;

export interface SlotDropperOptions {
  readonly db: Database;
  readonly executor: Pick<Executor, 'removed' | 'propagation'>;
  readonly marks: SlotMarks;
  monotonicUs(): number;
  /** Whether clients may reach the slot's keys here, by right or with ASKING. */
  isServed(slot: number): boolean;
  /** Calls back soon, after what waits in the event loop. */
  later(callback: () => void): void;
}

export class SlotDropper {
  readonly #options: SlotDropperOptions;
  readonly #slots = new Set<number>();
  #scheduled = false;

  constructor(options: SlotDropperOptions) {
    this.#options = options;
  }

  /** Slots of which something is left. */
  get slots(): ReadonlySet<number> {
    return this.#slots;
  }

  /** Should the server end meanwhile, or a replica take its place: the mark says what is left there. */
  drop(slots: readonly number[]): void {
    const { db, executor, marks } = this.#options;
    for (const slot of slots) {
      if (db.slotKeyCount(slot) === 0) continue;
      if (!this.#slots.has(slot)) marks.add(db, executor, slot);
      this.#slots.add(slot);
    }
    this.#schedule();
  }

  /** Who serves which slot has changed: empties at once what is about to be used again. */
  ownersChanged(): void {
    for (const slot of this.#slots) {
      if (!this.#options.isServed(slot)) continue;
      while (this.#deleteSome(slot)) {}
      this.#slots.delete(slot);
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#slots.size === 0) return;
    this.#scheduled = true;
    this.#options.later(() => {
      this.#scheduled = false;
      this.#slice();
      this.#schedule();
    });
  }

  #slice(): void {
    const { monotonicUs } = this.#options;
    const endUs = monotonicUs() + SLICE_US;
    for (const slot of this.#slots) {
      while (this.#deleteSome(slot)) if (monotonicUs() >= endUs) return;
      this.#slots.delete(slot);
    }
  }

  /** Answers whether the slot has more. */
  #deleteSome(slot: number): boolean {
    const { db, executor } = this.#options;
    for (let i = 0; i < KEYS_A_LOOK; i++) {
      const ref = this.#next(slot);
      if (ref === 0) return false;
      const key = db.readKey(ref);
      const copy = copyOf(key.buf, key.start, key.end);
      db.delete(ref);
      executor.removed(db, copy, EVENT_GENERIC, 'del');
    }
    return db.slotKeyCount(slot) > 0;
  }

  /** A mark goes last: as long as anything is left, it tells what that is. */
  #next(slot: number): Ref {
    const { db } = this.#options;
    const ref = db.slotFirst(slot);
    if (ref === 0) return 0;
    const { buf, start, end } = db.readKey(ref);
    return (isMark(buf, start, end) && db.slotNext(ref)) || ref;
  }
}
