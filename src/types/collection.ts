/**
 * What hashes and sets have in common: elements with distinct keys (the fields of a hash, the members of a set), of which each
 * has a value as well when the stride is 2.
 *
 *   small   entry of the key: listpack | key | value | key | value | ...     (without the values when the stride is 1)
 *   large   entry of the key: handle ---> Elements (store/elements.ts): key -> value
 *
 * One object is opened on one collection after the other. A new collection is built aside, and then given to a key: so what
 * a command computes may go to a key that it was computed from.
 *
 * Invariants: keys are distinct; a large collection never becomes small again; a collection under a key is not empty but
 * within the command that empties it.
 */
import { assert } from '../base/assert.js';
import { latin1 } from '../base/bytes.js';
import type { Random } from '../base/prng.js';
import { Selection } from '../base/selection.js';
import type { Database } from '../store/database.js';
import type { Elements } from '../store/elements.js';
import type { ByteView, ExpireAtMs, Ref } from '../store/types.js';
import { BufferListpack } from './listpack/bufferListpack.js';
import type { EditableListpack } from './listpack/editable.js';
import { ListpackElement } from './listpack/element.js';
import { EntryListpack } from './listpack/entryListpack.js';
import { validate } from './listpack/format.js';

/** Drawing by chance is done while the wanted are at most one in so many; else a walk over all chooses. */
const DRAW_UP_TO_ONE_IN = 3;

/**
 * Names an element until the next write to the collection: the reference of a large collection's element, the offset in a
 * listpack, the index in an intset.
 */
export type Position = number;

export abstract class Collection {
  protected db!: Database;
  /** The entry of the key; 0 for a collection aside. */
  protected entry: Ref = 0;
  /** Set when the collection is large. */
  protected elements: Elements | undefined;
  /** The listpack at hand: in the entry, or aside. */
  protected listpack: EditableListpack;
  /** Where {@link find} found what it looked for. */
  position: Position = 0;

  protected readonly wanted = new ListpackElement();
  protected readonly buffer = new BufferListpack();
  private readonly entryListpack = new EntryListpack();
  private readonly selection = new Selection();
  private readonly type: number;
  private readonly stride: number;
  private readonly listpackEncoding: number;
  private readonly tableEncoding: number;
  /** Elements that are no key's yet. */
  private loose: Elements | undefined;

  protected constructor(type: number, stride: number, listpackEncoding: number, tableEncoding: number) {
    this.type = type;
    this.stride = stride;
    this.listpackEncoding = listpackEncoding;
    this.tableEncoding = tableEncoding;
    this.listpack = this.buffer;
  }

  /** Opens the collection of an entry, which must be of this type. */
  open(db: Database, ref: Ref): this {
    this.db = db;
    this.entry = ref;
    if (db.encoding(ref) === this.tableEncoding) {
      this.elements = db.object(ref) as Elements;
    } else {
      this.elements = undefined;
      this.listpack = this.entryListpack.openEntry(db, ref);
    }
    return this;
  }

  /** Begins an empty collection aside. With `expected`, which counts its elements about, it is large from the start. */
  begin(db: Database, expected = 0): this {
    this.discard();
    this.db = db;
    this.entry = 0;
    this.loose = expected > 0 ? db.newElements() : undefined;
    this.loose?.reserve(expected);
    this.elements = this.loose;
    this.listpack = this.buffer.empty();
    return this;
  }

  /** Gives the collection that was built aside, which must not be empty, to a key in place of whatever that holds. */
  store(kbuf: Uint8Array, ks: number, ke: number, expireAtMs: ExpireAtMs): Ref {
    const { db, type, elements, listpack } = this;
    this.entry =
      elements !== undefined
        ? db.putObject(type, this.tableEncoding, kbuf, ks, ke, elements, expireAtMs)
        : db.putTyped(
            type,
            this.listpackEncoding,
            kbuf,
            ks,
            ke,
            listpack.buf,
            listpack.start,
            listpack.end,
            expireAtMs,
          );
    this.loose = undefined;
    return this.entry;
  }

  /** Lets a collection go that was built aside. One that has been stored stays. */
  discard(): void {
    this.loose?.release();
    this.loose = undefined;
  }

  /** Where the entry is: edits move it. */
  get ref(): Ref {
    return this.elements === undefined && this.listpack === this.entryListpack ? this.entryListpack.ref : this.entry;
  }

  /** It was begun and not stored yet. */
  get isAside(): boolean {
    return this.entry === 0;
  }

  /** Kept as {@link Elements}. */
  get isLarge(): boolean {
    return this.elements !== undefined;
  }

  get count(): number {
    if (this.elements !== undefined) return this.elements.count;
    return this.stride === 1 ? this.listpack.count : this.listpack.count >>> 1;
  }

  /** Whether there is an element with this key; {@link position} then names it. */
  find(buf: Uint8Array, start: number, end: number): boolean {
    if (this.elements !== undefined) {
      this.position = this.elements.find(buf, start, end);
      return this.position !== 0;
    }
    const { listpack } = this;
    const found = listpack.rewind().find(this.wanted.set(buf, start, end), this.stride - 1);
    this.position = listpack.offset;
    return found;
  }

  /** The key of an element. The view lasts until the next key or value is asked for, or the next write. */
  keyAt(position: Position): ByteView {
    if (this.elements !== undefined) return this.elements.readKey(position);
    this.listpack.moveTo(position);
    return this.listpack.text();
  }

  deleteAt(position: Position): void {
    if (this.elements !== undefined) return this.elements.delete(position);
    this.listpack.moveTo(position);
    this.listpack.removeRange(this.stride);
  }

  /** Removes the element with this key; false when there is none. */
  delete(buf: Uint8Array, start: number, end: number): boolean {
    const found = this.find(buf, start, end);
    if (found) this.deleteAt(this.position);
    return found;
  }

  /** An element, each with the same probability. There must be one. */
  random(random: Random): Position {
    if (this.elements !== undefined) return this.elements.random(random);
    this.listpack.seek(random.below(this.count) * this.stride);
    return this.listpack.offset;
  }

  /** Visits the elements until the visit answers false. It may look at the element it is given and must write nothing. */
  walk(visit: (position: Position) => boolean): void {
    const { elements, listpack, stride } = this;
    if (elements === undefined) {
      listpack.rewind();
      while (listpack.next()) {
        const { offset } = listpack;
        if (!visit(offset)) return;
        listpack.moveTo(offset);
        if (stride === 2) listpack.next();
      }
      return;
    }
    let going = true;
    let cursor = 0;
    do {
      cursor = elements.scan(cursor, (ref) => {
        if (going) going = visit(ref);
      });
    } while (cursor !== 0 && going);
  }

  /** One step of a scan over a large collection: see {@link Elements.scan}. */
  scan(cursor: number, visit: (position: Position) => void): number {
    return (this.elements as Elements).scan(cursor, visit);
  }

  /** Visits `wanted` elements, less than there are and all of them different: each choice is as likely as any other. */
  sample(wanted: number, random: Random, visit: (position: Position) => void): void {
    const { count } = this;
    if (wanted * DRAW_UP_TO_ONE_IN <= count && this.drawsCheaply) {
      const drawn = new Set<Position>();
      while (drawn.size < wanted) {
        const position = this.random(random);
        if (drawn.has(position)) continue;
        drawn.add(position);
        visit(position);
      }
      return;
    }
    const selection = this.selection.begin(wanted, count);
    let left = wanted;
    this.walk((position) => {
      if (selection.takes(random)) {
        visit(position);
        left--;
      }
      return left > 0;
    });
  }

  /** Checks the invariants of this form. */
  verify(): void {
    if (this.elements !== undefined) return this.elements.verify(() => {});
    const { listpack, stride } = this;
    assert(validate(listpack.buf, listpack.data, listpack.start, listpack.end, true), 'the bytes are a listpack');
    assert(listpack.count % stride === 0, `${listpack.count} entries of a listpack make no whole elements`);
    const keys = new Set<string>();
    this.walk((position) => {
      const { buf, start, end } = this.keyAt(position);
      return keys.add(latin1(buf, start, end)).size > 0;
    });
    assert(keys.size === this.count, 'a key is there twice');
  }

  /** Whether {@link random} is O(1). */
  protected get drawsCheaply(): boolean {
    return this.elements !== undefined;
  }

  /** Makes a small collection large. Throws StoreFullError, nothing being changed. */
  protected enlarge(): Elements {
    const { db } = this;
    const elements = db.newElements();
    try {
      this.copyTo(elements);
      if (this.entry !== 0) {
        const ref = this.ref;
        const key = db.readKey(ref);
        const { type, tableEncoding } = this;
        this.entry = db.putObject(type, tableEncoding, key.buf, key.start, key.end, elements, db.expireAtMs(ref));
      } else this.loose = elements;
    } catch (error) {
      elements.release();
      throw error;
    }
    this.elements = elements;
    return elements;
  }

  /** Puts the listpack of the buffer into the entry, in place of what it held. */
  protected storeBuffer(): void {
    const { db, buffer } = this;
    if (this.entry === 0) {
      this.listpack = buffer;
      return;
    }
    const expireAtMs = db.expireAtMs(this.entry);
    const key = db.readKey(this.entry);
    const { type, listpackEncoding } = this;
    const { buf, start, end } = buffer;
    this.entry = db.putTyped(type, listpackEncoding, key.buf, key.start, key.end, buf, start, end, expireAtMs);
    this.listpack = this.entryListpack.openEntry(db, this.entry);
  }

  /** Adds all elements of a small collection to a large one. */
  protected abstract copyTo(elements: Elements): void;
}
