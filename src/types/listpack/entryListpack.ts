/** The listpack that is the value of an entry of the keyspace. One object serves one entry after the other. */
import { Mover } from '../../base/move.js';
import type { Database } from '../../store/database.js';
import type { Ref } from '../../store/types.js';
import { EditableListpack } from './editable.js';

export class EntryListpack extends EditableListpack {
  private db: Database | undefined;
  private entry: Ref = 0;
  private readonly mover = new Mover();

  /** Stands before the first element of the entry's listpack. */
  openEntry(db: Database, ref: Ref): this {
    this.db = db;
    this.entry = ref;
    return this.openView(db.readValue(ref));
  }

  /** The entry, wherever an edit has moved it. */
  get ref(): Ref {
    return this.entry;
  }

  protected override splice(offset: number, removed: number, inserted: number): void {
    const db = this.db!;
    const delta = inserted - removed;
    const { byteLength } = this;
    const from = offset + removed;
    if (delta < 0) {
      const { buf, start } = db.writableValue(this.entry);
      this.mover.move(buf, start + from + delta, start + from, start + byteLength);
    }
    const view = delta === 0 ? db.writableValue(this.entry) : db.resizeBytes(this.entry, byteLength + delta);
    if (delta !== 0) this.entry = db.lastRef;
    const { buf, data, start, end } = view;
    if (delta > 0) this.mover.move(buf, start + from + delta, start + from, start + byteLength);
    this.buf = buf;
    this.data = data;
    this.start = start;
    this.end = end;
  }
}
