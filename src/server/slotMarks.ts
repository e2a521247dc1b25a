/**
 * Marks in slots that are on their way: a key each, in the slot itself. On the way to us it comes before all other keys and goes last. What we
 * serve is marked before the target may take it, and what we have lost before it is deleted. So the data says for itself, in the files, on
 * replicas and after a crash, that somebody else may have it. A slot with a mark that is not ours is to be emptied; in one that is ours
 * only the mark goes.
 */
import { crc16, SLOT_COUNT } from '../base/crc16.js';
import { EVENT_GENERIC } from '../commands/context.js';
import type { Executor } from '../exec/executor.js';
import { ArgVector } from '../resp/argVector.js';
import type { Database } from '../store/database.js';
import { NO_EXPIRE, StoreFullError } from '../store/types.js';

const PREFIX = '\0shoal:import\0';
const PREFIX_BYTES = Buffer.from(PREFIX, 'latin1');
const BRACES = /[{}]/;
const VALUE = Buffer.from('leaving');

export class SlotMarks {
  /** Two characters for each slot that hash to it. */
  readonly #tags: string[] = new Array<string>(SLOT_COUNT);

  constructor() {
    const bytes = Buffer.alloc(2);
    for (let value = 0; value < 0x10000; value++) {
      bytes.writeUInt16BE(value);
      const tag = bytes.toString('latin1');
      if (!BRACES.test(tag)) this.#tags[crc16(bytes, 0, 2) & (SLOT_COUNT - 1)] = tag;
    }
  }

  key(slot: number): Buffer {
    return Buffer.from(`${PREFIX}{${this.#tags[slot]}}`, 'latin1');
  }

  isMarked(db: Database, slot: number): boolean {
    const key = this.key(slot);
    return db.find(key, 0, key.length) !== 0;
  }

  /** Marks what lies in the slot. Without memory for that it stays unmarked. */
  add(db: Database, { propagation }: Pick<Executor, 'propagation'>, slot: number): void {
    const key = this.key(slot);
    try {
      db.put(key, 0, key.length, VALUE, 0, VALUE.length, NO_EXPIRE);
    } catch (error) {
      if (!(error instanceof StoreFullError)) throw error;
      return;
    }
    if (propagation.active) propagation.feed(db.index, ArgVector.from(['SET', key, VALUE]));
  }

  /** Takes the mark away, if there is one. */
  remove(db: Database, executor: Pick<Executor, 'removed'>, slot: number): void {
    const key = this.key(slot);
    const ref = db.find(key, 0, key.length);
    if (ref === 0) return;
    db.delete(ref);
    executor.removed(db, key, EVENT_GENERIC, 'del');
  }
}

/** Whether a key is a mark. */
export function isMark(buf: Uint8Array, start: number, end: number): boolean {
  return end - start > PREFIX_BYTES.length && PREFIX_BYTES.every((byte, i) => buf[start + i] === byte);
}
