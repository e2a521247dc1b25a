/**
 * Sets: distinct members. A set is kept in one of three forms, as in Redis 7.2:
 *
 *   intset     integers only, up to `set-max-intset-entries` (intset.ts)
 *   listpack   anything else, up to `set-max-listpack-entries` members of `set-max-listpack-value` bytes at most
 *   table      collection.ts
 *
 *   intset ---> listpack ---> table         by adding; nothing leads back
 *      +--------------------->
 */

import { copyOf } from '../../base/copy.js';
import type { Random } from '../../base/prng.js';
import type { Config } from '../../config/config.js';
import type { Database } from '../../store/database.js';
import type { Elements } from '../../store/elements.js';
import { ByteView, type ExpireAtMs, type Ref, TYPE_SET } from '../../store/types.js';
import { Collection, type Position } from '../collection.js';
import { ListpackElement } from '../listpack/element.js';
import { INTSET_HEADER_BYTES, INTSET_MAX_COUNT, Intset, writeEmptyIntset } from './intset.js';

/** What the encoding bits of an entry mean for a set. */
export const SET_INTSET = 0;
export const SET_LISTPACK = 1;
export const SET_TABLE = 2;
/** The names of OBJECT ENCODING. */
export const SET_ENCODINGS: readonly string[] = ['intset', 'listpack', 'hashtable'];

export type SetEncoding = typeof SET_INTSET | typeof SET_LISTPACK | typeof SET_TABLE;

export class SetEditor extends Collection {
  private readonly config: Config;
  private isIntset = false;
  private readonly intset = new Intset({ resize: (length) => this.resizeIntset(length) });
  private readonly loaded = new ListpackElement();
  /** Where an intset aside lies. */
  private readonly aside = new ByteView();

  constructor(config: Config) {
    super(TYPE_SET, 1, SET_LISTPACK, SET_TABLE);
    this.config = config;
  }

  override open(db: Database, ref: Ref): this {
    this.isIntset = db.encoding(ref) === SET_INTSET;
    if (!this.isIntset) return super.open(db, ref);
    this.db = db;
    this.entry = ref;
    this.elements = undefined;
    this.intset.open(db.readValue(ref));
    return this;
  }

  /** Begins an empty set aside in a form that suits the first member buf[start, end) and the number of members expected. */
  beginFor(db: Database, buf: Uint8Array, start: number, end: number, members: number): this {
    const { values } = this.config;
    const isInt = this.wanted.set(buf, start, end).isInt;
    if (isInt && members <= values['set-max-intset-entries']) return this.beginAs(db, SET_INTSET);
    return this.beginAs(db, members <= values['set-max-listpack-entries'] ? SET_LISTPACK : SET_TABLE);
  }

  /** Begins an empty set aside, which in a table will have about so many members. */
  beginAs(db: Database, encoding: SetEncoding, members = 1): this {
    this.begin(db, encoding === SET_TABLE ? members : 0);
    this.isIntset = encoding === SET_INTSET;
    if (this.isIntset) {
      const view = this.resizeIntset(INTSET_HEADER_BYTES);
      writeEmptyIntset(view.buf, view.start);
      this.intset.open(view);
    }
    return this;
  }

  override store(kbuf: Uint8Array, ks: number, ke: number, expireAtMs: ExpireAtMs): Ref {
    if (!this.isIntset) return super.store(kbuf, ks, ke, expireAtMs);
    const { buf } = this.aside;
    this.entry = this.db.putTyped(TYPE_SET, SET_INTSET, kbuf, ks, ke, buf, 0, this.intset.byteLength, expireAtMs);
    this.intset.open(this.db.readValue(this.entry));
    return this.entry;
  }

  override get ref(): Ref {
    return this.isIntset ? this.entry : super.ref;
  }

  get encoding(): SetEncoding {
    if (this.isIntset) return SET_INTSET;
    return this.elements === undefined ? SET_LISTPACK : SET_TABLE;
  }

  override get count(): number {
    return this.isIntset ? this.intset.count : super.count;
  }

  override find(buf: Uint8Array, start: number, end: number): boolean {
    if (!this.isIntset) return super.find(buf, start, end);
    const found = this.intset.has(this.wanted.set(buf, start, end));
    this.position = this.intset.index;
    return found;
  }

  override keyAt(position: Position): ByteView {
    return this.isIntset ? this.intset.textAt(position) : super.keyAt(position);
  }

  override deleteAt(position: Position): void {
    if (this.isIntset) this.intset.removeAt(position);
    else super.deleteAt(position);
  }

  override random(random: Random): Position {
    return this.isIntset ? random.below(this.intset.count) : super.random(random);
  }

  override walk(visit: (position: Position) => boolean): void {
    if (!this.isIntset) return super.walk(visit);
    const { count } = this.intset;
    for (let i = 0; i < count; i++) if (!visit(i)) return;
  }

  /** Adds a member; false when it is there already. The bytes must not lie in this set. Throws StoreFullError. */
  add(buf: Uint8Array, start: number, end: number): boolean {
    const { elements } = this;
    if (elements !== undefined) {
      if (elements.find(buf, start, end) !== 0) return false;
      elements.addSought(buf, start, end, buf, end, end);
      return true;
    }
    const { values } = this.config;
    const { isInt } = this.wanted.set(buf, start, end);
    if (this.isIntset) {
      if (!isInt) this.addText(buf, start, end);
      else {
        if (!this.intset.add(this.wanted)) return false;
        if (this.intset.count > Math.min(values['set-max-intset-entries'], INTSET_MAX_COUNT)) this.enlarge();
      }
      return true;
    }
    const { listpack } = this;
    if (listpack.rewind().find(this.wanted, 0)) return false;
    const fits = listpack.count < values['set-max-listpack-entries'] && end - start <= values['set-max-listpack-value'];
    if (fits) listpack.append(this.wanted);
    else this.enlarge().add(buf, start, end, buf, end, end);
    return true;
  }

  /** As many members as that are about to be added: when they are too many for a small set, it is none from the start. */
  expect(members: number): void {
    if (this.elements !== undefined) return;
    const { values } = this.config;
    if (members > values[this.isIntset ? 'set-max-intset-entries' : 'set-max-listpack-entries']) this.enlarge();
  }

  /** Makes a set aside an intset, if its members are integers and not too many. */
  becomeIntset(): void {
    if (this.isIntset || this.count > this.config.values['set-max-intset-entries']) return;
    const members: Uint8Array[] = [];
    this.walk((position) => {
      const { buf, start, end } = this.keyAt(position);
      return this.wanted.set(buf, start, end).isInt && members.push(copyOf(buf, start, end)) > 0;
    });
    if (members.length < this.count) return;
    this.beginAs(this.db, SET_INTSET);
    for (const member of members) this.add(member, 0, member.length);
  }

  override verify(): void {
    if (this.isIntset) this.intset.verify();
    else super.verify();
  }

  protected override get drawsCheaply(): boolean {
    return this.isIntset || super.drawsCheaply;
  }

  protected override enlarge(): Elements {
    const elements = super.enlarge();
    this.isIntset = false;
    return elements;
  }

  protected override copyTo(elements: Elements): void {
    this.walk((position) => {
      const { buf, start, end } = this.keyAt(position);
      elements.add(buf, start, end, buf, end, end);
      return true;
    });
  }

  /** Adds the first member that is no integer to an intset. */
  private addText(buf: Uint8Array, start: number, end: number): void {
    const { intset } = this;
    const { values } = this.config;
    const longest = values['set-max-listpack-value'];
    if (intset.count < values['set-max-listpack-entries'] && end - start <= longest && this.longestText() <= longest) {
      const listpack = this.buffer.empty();
      for (let i = 0; i < intset.count; i++) listpack.append(intset.load(i, this.loaded));
      listpack.append(this.wanted);
      this.storeBuffer();
      this.isIntset = false;
    } else this.enlarge().add(buf, start, end, buf, end, end);
  }

  /** Digits of the longest member of an intset: the first or the last. */
  private longestText(): number {
    const { intset } = this;
    if (intset.count === 0) return 0;
    return Math.max(intset.textAt(0).length, intset.textAt(intset.count - 1).length);
  }

  private resizeIntset(length: number): ByteView {
    if (this.entry !== 0) {
      const view = this.db.resizeBytes(this.entry, length);
      this.entry = this.db.lastRef;
      return view;
    }
    const { aside } = this;
    if (aside.buf.length < length) {
      const grown = new Uint8Array(Math.max(64, length * 2));
      grown.set(aside.buf);
      aside.set(grown, new DataView(grown.buffer), 0, length);
    }
    aside.end = length;
    return aside;
  }
}

/** The sets of one command: operand 0, operand 1 ... and what comes of them. Made when first needed, and kept. */
export class SetEditors {
  private readonly config: Config;
  private readonly editors: SetEditor[] = [];

  constructor(config: Config) {
    this.config = config;
  }

  at(i: number): SetEditor {
    while (this.editors.length <= i) this.editors.push(new SetEditor(this.config));
    return this.editors[i];
  }
}
