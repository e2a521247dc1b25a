/** Hashes in the RDB format. */
import type { Config } from '../../config/config.js';
import type { Database } from '../../store/database.js';
import { Elements } from '../../store/elements.js';
import { ByteView, type Ref, TYPE_HASH } from '../../store/types.js';
import { HASH_LISTPACK, HashEditor } from '../../types/hash/hash.js';
import { ListpackCursor } from '../../types/listpack/cursor.js';
import { RDB_HASH, RDB_HASH_LISTPACK, RDB_HASH_ZIPLIST, RDB_HASH_ZIPMAP } from './rdbFormat.js';
import { FrozenElements, type WriteElement } from './rdbFrozen.js';
import { type RdbInput, RdbString } from './rdbInput.js';
import { ELEMENTS_A_STEP, LoadedBytes, type LoadedValue, readInSteps, type ValueReading } from './rdbLoaded.js';
import type { RdbOutput } from './rdbOutput.js';
import { becomeListpack, openGroups } from './rdbPairs.js';
import { type EarlyParts, SLICED_FROM_ELEMENTS, SlicedElements, type SlicedValue } from './rdbSliced.js';
import { Zipmap } from './rdbZipmap.js';

export class RdbHashes {
  private readonly config: Config;
  private readonly hash: HashEditor;
  private readonly bytes = new LoadedBytes();
  private readonly cursor = new ListpackCursor();
  private readonly field = new RdbString();
  private readonly value = new RdbString();

  constructor(config: Config) {
    this.config = config;
    this.hash = new HashEditor(config);
  }

  write(out: RdbOutput, db: Database, ref: Ref): void {
    if (db.encoding(ref) === HASH_LISTPACK) {
      out.byte(RDB_HASH_LISTPACK);
      return out.view(db.readValue(ref));
    }
    const hash = this.hash.open(db, ref);
    out.byte(RDB_HASH);
    out.count(hash.count);
    hash.walk((position) => {
      out.view(hash.keyAt(position));
      out.view(hash.valueAt(position));
      return true;
    });
  }

  slice(db: Database, ref: Ref, early: EarlyParts | undefined): SlicedValue | undefined {
    const elements = db.object(ref);
    if (!(elements instanceof Elements) || elements.count <= SLICED_FROM_ELEMENTS) return undefined;
    const field = new ByteView();
    const value = new ByteView();
    const write: WriteElement = (out, element) => {
      elements.readBoth(element, field, value);
      out.view(field);
      out.view(value);
    };
    if (early === undefined) return new FrozenElements(RDB_HASH, elements, write);
    return new SlicedElements(RDB_HASH, elements, early, write);
  }

  read(input: RdbInput, type: number, db: Database): LoadedValue {
    switch (type) {
      case RDB_HASH_LISTPACK:
      case RDB_HASH_ZIPLIST:
        return this.readListpack(input, db, type);
      case RDB_HASH_ZIPMAP:
        return this.readZipmap(input, db);
      default:
        return this.readPlain(input, db);
    }
  }

  *readInSteps(input: RdbInput, type: number, db: Database): ValueReading {
    if (type !== RDB_HASH) return this.read(input, type, db);
    const count = input.count();
    const hash = this.begin(db, count, input.expected(count));
    const readSome = (some: number): void => this.readFields(input, some);
    yield* readInSteps(count, ELEMENTS_A_STEP, readSome, () => hash.discard());
    return this.end(input);
  }

  private readPlain(input: RdbInput, db: Database): LoadedValue {
    const count = input.count();
    this.begin(db, count, input.expected(count));
    this.readFields(input, count);
    return this.end(input);
  }

  private readFields(input: RdbInput, count: number): void {
    const { field, value } = this;
    for (let i = 0; i < count && !input.failed; i++) {
      input.string(field);
      input.string(value);
      if (!input.failed) this.add(input, field, value);
    }
  }

  /** A listpack is the value as it is, unless it has more fields than listpacks may have here. */
  private readListpack(input: RdbInput, db: Database, type: number): LoadedValue {
    const { field: text, cursor } = this;
    input.string(text);
    const isOld = type === RDB_HASH_ZIPLIST;
    if (isOld) becomeListpack(input, text);
    // Redis looks at all of an old value, whatever sanitize-dump-payload says.
    if (!openGroups(input, text, cursor, 2, isOld || input.sanitizing)) return this.begin(db, 0);
    const fields = cursor.count / 2;
    if (fields <= this.config.values['hash-max-listpack-entries']) {
      return this.bytes.set(db, TYPE_HASH, HASH_LISTPACK, text.buf, text.start, text.end);
    }
    this.begin(db, fields);
    const value = new ListpackCursor();
    while (cursor.next() && !input.failed) {
      const key = cursor.text();
      value.open(text.buf, text.data, text.start, text.end).moveTo(cursor.offset);
      value.next();
      this.add(input, key, value.text());
      cursor.next();
    }
    return this.end(input);
  }

  private readZipmap(input: RdbInput, db: Database): LoadedValue {
    const { field, value } = this;
    const text = new RdbString();
    input.string(text);
    const map = new Zipmap(text);
    this.begin(db, 0);
    while (!input.failed && map.next(field, value)) this.add(input, field, value);
    if (!map.isWhole) input.fail();
    return this.end(input);
  }

  private begin(db: Database, count: number, expected = count): HashEditor {
    return this.hash.begin(db, count > this.config.values['hash-max-listpack-entries'] ? expected : 0);
  }

  private add(input: RdbInput, field: Range, value: Range): void {
    const isNew = this.hash.set(field.buf, field.start, field.end, value.buf, value.start, value.end);
    if (!isNew) input.fail();
  }

  private end(input: RdbInput): HashEditor {
    if (this.hash.count === 0) input.fail();
    return this.hash;
  }
}

interface Range {
  readonly buf: Uint8Array;
  readonly start: number;
  readonly end: number;
}
