/** Sets in the RDB format. */
import type { Config } from '../../config/config.js';
import type { Database } from '../../store/database.js';
import { Elements } from '../../store/elements.js';
import { ByteView, type Ref, TYPE_SET } from '../../store/types.js';
import { ListpackCursor } from '../../types/listpack/cursor.js';
import { Intset, intsetCount, validateIntset } from '../../types/set/intset.js';
import { SET_INTSET, SET_LISTPACK, SET_TABLE, SetEditor } from '../../types/set/set.js';
import { RDB_SET, RDB_SET_INTSET, RDB_SET_LISTPACK } from './rdbFormat.js';
import { FrozenElements, type WriteElement } from './rdbFrozen.js';
import { type RdbInput, RdbString } from './rdbInput.js';
import { ELEMENTS_A_STEP, LoadedBytes, type LoadedValue, readInSteps, type ValueReading } from './rdbLoaded.js';
import type { RdbOutput } from './rdbOutput.js';
import { openGroups } from './rdbPairs.js';
import { type EarlyParts, SLICED_FROM_ELEMENTS, SlicedElements, type SlicedValue } from './rdbSliced.js';

export class RdbSets {
  private readonly config: Config;
  private readonly set: SetEditor;
  private readonly bytes = new LoadedBytes();
  private readonly cursor = new ListpackCursor();
  private readonly text = new RdbString();

  constructor(config: Config) {
    this.config = config;
    this.set = new SetEditor(config);
  }

  /** Redis 7.0 knows no listpacks of members: they are written one by one. */
  write(out: RdbOutput, db: Database, ref: Ref): void {
    if (db.encoding(ref) === SET_INTSET) {
      out.byte(RDB_SET_INTSET);
      return out.view(db.readValue(ref));
    }
    const set = this.set.open(db, ref);
    out.byte(RDB_SET);
    out.count(set.count);
    set.walk((position) => {
      out.view(set.keyAt(position));
      return true;
    });
  }

  slice(db: Database, ref: Ref, early: EarlyParts | undefined): SlicedValue | undefined {
    const elements = db.object(ref);
    if (!(elements instanceof Elements) || elements.count <= SLICED_FROM_ELEMENTS) return undefined;
    const member = new ByteView();
    const value = new ByteView();
    const write: WriteElement = (out, element) => {
      elements.readBoth(element, member, value);
      out.view(member);
    };
    if (early === undefined) return new FrozenElements(RDB_SET, elements, write);
    return new SlicedElements(RDB_SET, elements, early, write);
  }

  read(input: RdbInput, type: number, db: Database): LoadedValue {
    if (type === RDB_SET_INTSET) return this.readIntset(input, db);
    return type === RDB_SET_LISTPACK ? this.readListpack(input, db) : this.readPlain(input, db);
  }

  *readInSteps(input: RdbInput, type: number, db: Database): ValueReading {
    if (type !== RDB_SET) return this.read(input, type, db);
    const { set } = this;
    const count = this.beginPlain(input, db);
    const readSome = (some: number): void => this.readMembers(input, some);
    yield* readInSteps(count, ELEMENTS_A_STEP, readSome, () => set.discard());
    if (set.count === 0) input.fail();
    return set;
  }

  private readPlain(input: RdbInput, db: Database): LoadedValue {
    const { set } = this;
    this.readMembers(input, this.beginPlain(input, db));
    if (set.count === 0) input.fail();
    return set;
  }

  /** Answers how many members follow. */
  private beginPlain(input: RdbInput, db: Database): number {
    const { values } = this.config;
    const count = input.count();
    const isLarge = count > Math.max(values['set-max-intset-entries'], values['set-max-listpack-entries']);
    this.set.beginAs(db, isLarge ? SET_TABLE : SET_INTSET, input.expected(count));
    return count;
  }

  private readMembers(input: RdbInput, count: number): void {
    const { set, text } = this;
    for (let i = 0; i < count && !input.failed; i++) {
      input.string(text);
      if (!input.failed && !set.add(text.buf, text.start, text.end)) input.fail();
    }
  }

  private readIntset(input: RdbInput, db: Database): LoadedValue {
    const { set, text } = this;
    input.string(text);
    const { buf, data, start, end } = text;
    if (input.failed || !validateIntset(data, start, end, true)) {
      input.fail();
      return this.bytes;
    }
    if (intsetCount(data, start) <= this.config.values['set-max-intset-entries']) {
      return this.bytes.set(db, TYPE_SET, SET_INTSET, buf, start, end);
    }
    const integers = new Intset({ resize: () => new ByteView() }).open(new ByteView().set(buf, data, start, end));
    set.beginAs(db, SET_TABLE);
    for (let i = 0; i < integers.count; i++) {
      const member = integers.textAt(i);
      set.add(member.buf, member.start, member.end);
    }
    return set;
  }

  private readListpack(input: RdbInput, db: Database): LoadedValue {
    const { set, text, cursor } = this;
    input.string(text);
    if (!openGroups(input, text, cursor, 1, input.sanitizing)) return this.bytes;
    if (cursor.count <= this.config.values['set-max-listpack-entries']) {
      return this.bytes.set(db, TYPE_SET, SET_LISTPACK, text.buf, text.start, text.end);
    }
    set.beginAs(db, SET_TABLE);
    while (cursor.next() && !input.failed) {
      const member = cursor.text();
      if (!set.add(member.buf, member.start, member.end)) input.fail();
    }
    return set;
  }
}
