/**
 * Hashes: fields with values. A small one is a listpack of field, value, field, value in the order in which the fields came;
 * beyond `hash-max-listpack-entries` fields, or with a field or value beyond `hash-max-listpack-value` bytes, it is a table
 * (collection.ts) and stays one.
 */
import type { Config } from '../../config/config.js';
import type { Elements } from '../../store/elements.js';
import { type ByteView, TYPE_HASH } from '../../store/types.js';
import { Collection, type Position } from '../collection.js';
import { ListpackCursor } from '../listpack/cursor.js';
import { ListpackElement } from '../listpack/element.js';

/** What the encoding bits of an entry mean for a hash. */
export const HASH_LISTPACK = 0;
export const HASH_TABLE = 1;
/** The names of OBJECT ENCODING. */
export const HASH_ENCODINGS: readonly string[] = ['listpack', 'hashtable'];

const FIELD_AND_VALUE = 2;

export class HashEditor extends Collection {
  private readonly config: Config;
  private readonly value = new ListpackElement();
  /** Shows values, so that a field and its value can be looked at together. */
  private readonly values = new ListpackCursor();

  constructor(config: Config) {
    super(TYPE_HASH, FIELD_AND_VALUE, HASH_LISTPACK, HASH_TABLE);
    this.config = config;
  }

  /** The value of a field; undefined when there is none. The view lasts until the next value is asked for, or the next write. */
  get(buf: Uint8Array, start: number, end: number): ByteView | undefined {
    if (!this.find(buf, start, end)) return undefined;
    if (this.elements !== undefined) return this.elements.readValue(this.position);
    this.listpack.next();
    return this.listpack.text();
  }

  /** The value of an element. The view lasts until the next value is asked for, or the next write. */
  valueAt(position: Position): ByteView {
    if (this.elements !== undefined) return this.elements.readValue(position);
    const { buf, data, start, end } = this.listpack;
    const { values } = this;
    values.open(buf, data, start, end).moveTo(position);
    values.next();
    return values.text();
  }

  /**
   * Gives a field a value; answers whether the field is new. The bytes must not lie in this hash. Throws StoreFullError.
   */
  set(buf: Uint8Array, start: number, end: number, vbuf: Uint8Array, vs: number, ve: number): boolean {
    if (this.elements !== undefined) return this.elements.put(buf, start, end, vbuf, vs, ve);
    const longest = this.config.values['hash-max-listpack-value'];
    if (end - start > longest || ve - vs > longest) return this.enlarge().put(buf, start, end, vbuf, vs, ve);
    const { listpack } = this;
    const value = this.value.set(vbuf, vs, ve);
    if (this.find(buf, start, end)) {
      listpack.next();
      listpack.replace(value);
      return false;
    }
    listpack.append(this.wanted);
    listpack.append(value);
    if (this.count > this.config.values['hash-max-listpack-entries']) this.enlarge();
    return true;
  }

  /** As many fields as that are about to be set: when they are too many for a listpack, it is none from the start. */
  expect(fields: number): void {
    if (this.elements === undefined && fields > this.config.values['hash-max-listpack-entries']) this.enlarge();
  }

  protected override copyTo(elements: Elements): void {
    this.walk((position) => {
      const value = this.valueAt(position);
      const field = this.keyAt(position);
      elements.add(field.buf, field.start, field.end, value.buf, value.start, value.end);
      return true;
    });
  }
}
