/**
 * Lists as commands see them: a short one is a listpack inside its entry, a long one a quicklist behind a handle, and this is the
 * one way to both. A single object a server: it is opened on one list after the other, and is a cursor on the elements of
 * that list.
 *
 *   entry: header | key | listpack                 ENCODING_LISTPACK
 *   entry: header | key | handle ──> Quicklist     ENCODING_QUICKLIST
 *
 * Ownership: what {@link Lists.text} answers dies with the next step or edit. Elements that are put in must not lie in the same
 * list: {@link Lists.take} copies what is to move.
 */
import type { Config } from '../../config/config.js';
import type { Database } from '../../store/database.js';
import { type ByteView, type ExpireAtMs, NO_EXPIRE, type Ref, TYPE_LIST } from '../../store/types.js';
import { BufferListpack } from '../listpack/bufferListpack.js';
import type { ListpackCursor } from '../listpack/cursor.js';
import { ListpackElement } from '../listpack/element.js';
import { EntryListpack } from '../listpack/entryListpack.js';
import { EMPTY_BYTES } from '../listpack/format.js';
import { fitsListpack, maxListpackBytes, maxListpackCount } from './limits.js';
import { NodeListpack } from './nodeListpack.js';
import { Quicklist } from './quicklist.js';

export const ENCODING_LISTPACK = 0;
export const ENCODING_QUICKLIST = 1;

/** What OBJECT ENCODING says, by the encoding bits. */
export const LIST_ENCODINGS: readonly string[] = ['listpack', 'quicklist'];

/** A buffer for elements in passing that grew beyond this is not kept. */
const KEEP_BYTES = 64 * 1024;

export class Lists {
  /** For the element that a command puts in or looks for. */
  readonly element = new ListpackElement();
  private readonly config: Config;
  private readonly small = new EntryListpack();
  private readonly builder = new BufferListpack();
  private nodes: NodeListpack | undefined;
  /** A long list that has been begun and not yet been given to a key. */
  private begun: Quicklist | undefined;
  private large: Quicklist | undefined;
  private db: Database | undefined;
  private ref: Ref = 0;
  private taken: Uint8Array = Buffer.alloc(256);

  constructor(config: Config) {
    this.config = config;
  }

  /** The present value of list-max-listpack-size. */
  private get fill(): number {
    return this.config.values['list-max-listpack-size'];
  }

  /** Opens the list of an entry whose type is TYPE_LIST. */
  open(db: Database, ref: Ref): this {
    this.db = db;
    this.ref = ref;
    if (db.encoding(ref) === ENCODING_LISTPACK) {
      this.large = undefined;
      this.small.openEntry(db, ref);
    } else {
      this.large = db.object(ref) as Quicklist;
    }
    return this;
  }

  get length(): number {
    return this.large === undefined ? this.small.count : this.large.length;
  }

  // ---------------------------------------------------------------- the cursor

  /** Goes to the element with this index; negative ones count from the end. False when there is none. */
  seek(index: number): boolean {
    return this.large === undefined ? this.small.seek(index) : this.large.seek(index);
  }

  next(): boolean {
    return this.large === undefined ? this.small.next() : this.large.next();
  }

  previous(): boolean {
    return this.large === undefined ? this.small.previous() : this.large.previous();
  }

  /** The listpack that stands on the element. */
  get at(): ListpackCursor {
    return this.large === undefined ? this.small : this.large.current;
  }

  /** The element as bytes. */
  text(): ByteView {
    return this.at.text();
  }

  /** Copies the element it stands on to where no edit reaches it, until the next call; answers it, ready to be put in. */
  take(): ListpackElement {
    const { buf, start, end } = this.at.text();
    const length = end - start;
    if (this.taken.length < length || this.taken.length > Math.max(length, KEEP_BYTES)) {
      this.taken = Buffer.allocUnsafeSlow(Math.max(length, 256));
    }
    this.taken.set(buf.subarray(start, end), 0);
    return this.element.set(this.taken, 0, length);
  }

  // ---------------------------------------------------------------- edits; each command ends with close()

  /**
   * The list is going to get `count` elements of `bytes` bytes altogether: becomes a quicklist if they are too much for a
   * listpack.
   */
  prepareFor(bytes: number, count: number): void {
    if (this.large !== undefined) return;
    const { fill } = this;
    if (fitsListpack(fill, this.small.byteLength + bytes, this.small.count + count)) return;
    const db = this.db!;
    const { buf, start, end } = this.small;
    const large = this.newList(db);
    large.appendListpack(buf, start, end, this.small.count);
    const key = db.readKey(this.ref);
    const expireAtMs = db.expireAtMs(this.ref);
    this.ref = db.putObject(TYPE_LIST, ENCODING_QUICKLIST, key.buf, key.start, key.end, large, expireAtMs);
    this.large = large;
  }

  private newList(db: Database): Quicklist {
    if (this.nodes?.blocks !== db.blocks) this.nodes = new NodeListpack(db.blocks);
    const { values } = this.config;
    return new Quicklist(this.nodes, values['list-max-listpack-size'], values['list-compress-depth']);
  }

  push(element: ListpackElement, atHead: boolean): void {
    if (this.large !== undefined) this.large.push(element, atHead);
    else if (atHead) this.small.prepend(element);
    else this.small.append(element);
  }

  /** Puts the element next to the one it stands on. Then it stands nowhere. */
  insert(element: ListpackElement, behind: boolean): void {
    if (this.large !== undefined) return this.large.insert(element, behind);
    if (behind) this.small.next();
    this.small.insert(element);
  }

  /** Puts the element in the place of the one it stands on. Then it stands nowhere. */
  replace(element: ListpackElement): void {
    if (this.large === undefined) this.small.replace(element);
    else this.large.replace(element);
  }

  /** Removes the element it stands on and steps to its neighbour: the one before with `backward`. False when there is none. */
  remove(backward: boolean): boolean {
    if (this.large !== undefined) return backward ? this.large.removeBackward() : this.large.remove();
    const followed = this.small.remove();
    return backward ? this.small.previous() : followed;
  }

  /** Removes so many elements from this index (not negative) on. Then it stands nowhere. */
  removeRange(index: number, count: number): void {
    if (this.large !== undefined) return this.large.removeRange(index, count);
    if (count > 0 && this.small.seek(index)) this.small.removeRange(count);
  }

  /**
   * Ends what changed the list: nodes are compressed again, and an empty list goes. Answers whether the list is empty, and gone.
   * With `shrinking` a quicklist that has become short becomes a listpack again.
   */
  close(shrinking: boolean): boolean {
    const db = this.db!;
    const { large } = this;
    if (large === undefined) {
      this.ref = this.small.ref;
      if (!this.small.isEmpty) return false;
      db.delete(this.ref);
      return true;
    }
    if (large.length === 0) {
      db.delete(this.ref);
      return true;
    }
    large.settle();
    if (shrinking && large.nodeCount === 1) this.shrink(large);
    return false;
  }

  /** Half of what would have made it a quicklist, so that a list at the limit does not go back and forth. */
  private shrink(large: Quicklist): void {
    const listpack = large.onlyListpack;
    if (listpack === undefined) return;
    const { fill } = large;
    if (listpack.byteLength > maxListpackBytes(fill) >> 1 || large.length > Math.floor(maxListpackCount(fill) / 2))
      return;
    const db = this.db!;
    const key = db.readKey(this.ref);
    const expireAtMs = db.expireAtMs(this.ref);
    // The bytes go with the list while the entry takes them.
    const { buf, start, end } = this.builder.assign(listpack.buf, listpack.start, listpack.end);
    this.ref = db.putTyped(TYPE_LIST, ENCODING_LISTPACK, key.buf, key.start, key.end, buf, start, end, expireAtMs);
    this.large = undefined;
  }

  // ---------------------------------------------------------------- new lists

  /** Begins a new list, which {@link create} gives to a key; in between elements are added. `bytes`, `count`: prepareFor. */
  begin(db: Database, bytes: number, count: number): void {
    // One that memory did not suffice for.
    this.begun?.release();
    this.begun = fitsListpack(this.fill, EMPTY_BYTES + bytes, count) ? undefined : this.newList(db);
    this.builder.empty();
  }

  /** Adds an element to the list that has been begun. */
  add(element: ListpackElement, atHead: boolean): void {
    if (this.begun !== undefined) this.begun.push(element, atHead);
    else if (atHead) this.builder.prepend(element);
    else this.builder.append(element);
  }

  /** Gives the list that has been begun to a key. */
  create(db: Database, kbuf: Uint8Array, ks: number, ke: number, expireAtMs: ExpireAtMs = NO_EXPIRE): Ref {
    const { begun } = this;
    this.begun = undefined;
    if (begun !== undefined) return db.putObject(TYPE_LIST, ENCODING_QUICKLIST, kbuf, ks, ke, begun, expireAtMs);
    const { buf, start, end } = this.builder;
    return db.putTyped(TYPE_LIST, ENCODING_LISTPACK, kbuf, ks, ke, buf, start, end, expireAtMs);
  }
}
