/**
 * Keys that lie here and that no client can reach: copies of slots that are on their way, what is left of slots that other nodes serve now, and
 * the marks among the keys of slots that we serve. KEYS, SCAN, RANDOMKEY and DBSIZE leave them out. CLUSTER COUNTKEYSINSLOT shows what there is.
 */
import { SLOT_COUNT } from '../base/crc16.js';
import type { Database } from '../store/database.js';
import type { HiddenKeys, Ref } from '../store/types.js';
import { isMark, type SlotMarks } from './slotMarks.js';

export interface HiddenSlotsOptions {
  readonly db: Database;
  readonly marks: SlotMarks;
  /** Copies of their slots are coming here. */
  readonly imports: ReadonlyMap<unknown, { readonly slots: ReadonlySet<number> }>;
  /** Slots that are being emptied. */
  dropping(): ReadonlySet<number>;
  /** Slots of ours that have marks, as far as we have set them. */
  leaving(): ReadonlySet<number> | undefined;
  /** By us or, if we are a replica, by our master. */
  isServed(slot: number): boolean;
}

export class HiddenSlots implements HiddenKeys {
  readonly #options: HiddenSlotsOptions;
  /** On a replica: copies that were on their way to its master at the last {@link look}. */
  readonly #copies = new Set<number>();

  constructor(options: HiddenSlotsOptions) {
    this.#options = options;
  }

  hides(ref: Ref): boolean {
    if (this.#isNothing()) return false;
    const { db } = this.#options;
    return this.#isHidden(db.slotOf(ref)) || this.#isMark(ref);
  }

  /** What is being emptied may go at once; what is coming must not, nor what tells them apart. */
  keeps(ref: Ref): boolean {
    if (this.#isNothing()) return false;
    const { db } = this.#options;
    return this.#isImporting(db.slotOf(ref)) || this.#isMark(ref);
  }

  count(): number {
    if (this.#isNothing()) return 0;
    const { db, marks, imports, dropping, leaving, isServed } = this.#options;
    const slots = new Set([...this.#copies, ...dropping(), ...(leaving() ?? [])]);
    for (const each of imports.values()) for (const slot of each.slots) slots.add(slot);
    let count = 0;
    for (const slot of slots) {
      if (!isServed(slot)) count += db.slotKeyCount(slot);
      else if (marks.isMarked(db, slot)) count++;
    }
    return count;
  }

  /** A replica looks for copies; a master knows of those that matter. */
  look(isReplica: boolean): void {
    const { db, marks, isServed } = this.#options;
    this.#copies.clear();
    if (!isReplica) return;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (db.slotKeyCount(slot) > 0 && !isServed(slot) && marks.isMarked(db, slot)) this.#copies.add(slot);
    }
  }

  /** Nearly always: nothing moves. */
  #isNothing(): boolean {
    const { imports, dropping, leaving } = this.#options;
    return imports.size === 0 && this.#copies.size === 0 && dropping().size === 0 && leaving() === undefined;
  }

  #isHidden(slot: number): boolean {
    const { dropping, isServed } = this.#options;
    return (this.#copies.has(slot) || dropping().has(slot) || this.#isImporting(slot)) && !isServed(slot);
  }

  #isImporting(slot: number): boolean {
    for (const each of this.#options.imports.values()) if (each.slots.has(slot)) return true;
    return false;
  }

  #isMark(ref: Ref): boolean {
    const { buf, start, end } = this.#options.db.readKey(ref);
    return isMark(buf, start, end);
  }
}
