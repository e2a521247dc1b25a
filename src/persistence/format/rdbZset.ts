/** Sorted sets in the RDB format. */
import { latin1 } from '../../base/bytes.js';
import type { Config } from '../../config/config.js';
import type { Database } from '../../store/database.js';
import { ByteView, type ExpireAtMs, NO_EXPIRE, type Ref, TYPE_ZSET } from '../../store/types.js';
import { ListpackCursor } from '../../types/listpack/cursor.js';
import { putResult } from '../../types/zset/editor.js';
import { ZSET_LISTPACK, type ZsetLimits } from '../../types/zset/encoding.js';
import { parseDouble, parseShortDecimal } from '../../types/zset/score.js';
import { SortedSet } from '../../types/zset/sortedSet.js';
import { RDB_ZSET, RDB_ZSET_2, RDB_ZSET_LISTPACK, RDB_ZSET_ZIPLIST } from './rdbFormat.js';
import { FrozenElements, type WriteElement } from './rdbFrozen.js';
import { type RdbInput, RdbString } from './rdbInput.js';
import { ELEMENTS_A_STEP, LoadedBytes, type LoadedValue, readInSteps, type ValueReading } from './rdbLoaded.js';
import type { RdbOutput } from './rdbOutput.js';
import { becomeListpack, openGroups } from './rdbPairs.js';
import { type EarlyParts, SLICED_FROM_ELEMENTS, SlicedElements, type SlicedValue } from './rdbSliced.js';

/** Longer texts are no scores. */
const SCORE_BYTES_MAX = 128;

export class RdbZsets {
  private readonly config: Config;
  private readonly bytes = new LoadedBytes();
  private readonly cursor = new ListpackCursor();
  private readonly text = new RdbString();

  constructor(config: Config) {
    this.config = config;
  }

  /** A large one from its greatest element down, so that whoever reads it always inserts in front. */
  write(out: RdbOutput, db: Database, ref: Ref): void {
    if (db.encoding(ref) === ZSET_LISTPACK) {
      out.byte(RDB_ZSET_LISTPACK);
      return out.view(db.readValue(ref));
    }
    const set = db.object(ref) as SortedSet;
    out.byte(RDB_ZSET_2);
    out.count(set.count);
    set.seek(set.count - 1);
    do {
      out.view(set.member());
      out.double(set.score);
    } while (set.previous());
  }

  /** The elements then come in no order. */
  slice(db: Database, ref: Ref, early: EarlyParts | undefined): SlicedValue | undefined {
    const set = db.object(ref);
    if (!(set instanceof SortedSet) || set.count <= SLICED_FROM_ELEMENTS) return undefined;
    const { elements } = set;
    const member = new ByteView();
    const score = new ByteView();
    const write: WriteElement = (out, element) => {
      elements.readBoth(element, member, score);
      out.view(member);
      out.double(score.data.getFloat64(score.start, true));
    };
    if (early === undefined) return new FrozenElements(RDB_ZSET_2, elements, write);
    return new SlicedElements(RDB_ZSET_2, elements, early, write);
  }

  read(input: RdbInput, type: number, db: Database): LoadedValue {
    if (type === RDB_ZSET || type === RDB_ZSET_2) return this.readPlain(input, db, type);
    return this.readListpack(input, db, type);
  }

  private begin(db: Database, count: number): LoadedZset {
    const { values } = this.config;
    const limits = { entries: values['zset-max-listpack-entries'], valueBytes: values['zset-max-listpack-value'] };
    return new LoadedZset(db, limits, count);
  }

  private readPlain(input: RdbInput, db: Database, type: number): LoadedValue {
    const count = input.count();
    const loaded = this.begin(db, input.expected(count));
    this.readMembers(input, type, loaded, count);
    return loaded.end(input);
  }

  *readInSteps(input: RdbInput, type: number, db: Database): ValueReading {
    if (type !== RDB_ZSET && type !== RDB_ZSET_2) return this.read(input, type, db);
    const count = input.count();
    const loaded = this.begin(db, input.expected(count));
    const readSome = (some: number): void => this.readMembers(input, type, loaded, some);
    yield* readInSteps(count, ELEMENTS_A_STEP, readSome, () => loaded.discard());
    return loaded.end(input);
  }

  private readMembers(input: RdbInput, type: number, loaded: LoadedZset, count: number): void {
    const { text } = this;
    for (let i = 0; i < count && !input.failed; i++) {
      input.string(text);
      const score = type === RDB_ZSET ? input.textDouble() : input.double();
      if (!input.failed) loaded.add(input, score, text);
    }
  }

  private readListpack(input: RdbInput, db: Database, type: number): LoadedValue {
    const { text, cursor } = this;
    input.string(text);
    const isOld = type === RDB_ZSET_ZIPLIST;
    if (isOld) becomeListpack(input, text);
    if (!openGroups(input, text, cursor, 2, isOld || input.sanitizing) || !this.scoresAreNumbers(input))
      return this.bytes;
    if (cursor.count / 2 <= this.config.values['zset-max-listpack-entries']) {
      return this.bytes.set(db, TYPE_ZSET, ZSET_LISTPACK, text.buf, text.start, text.end);
    }
    const loaded = this.begin(db, cursor.count / 2);
    const scores = new ListpackCursor();
    while (cursor.next() && !input.failed) {
      scores.open(text.buf, text.data, text.start, text.end).moveTo(cursor.offset);
      scores.next();
      loaded.add(input, scoreOf(scores), cursor.text());
      cursor.next();
    }
    return loaded;
  }

  private scoresAreNumbers(input: RdbInput): boolean {
    const { cursor } = this;
    while (cursor.next() && cursor.next()) if (Number.isNaN(scoreOf(cursor))) input.fail();
    cursor.rewind();
    return !input.failed;
  }
}

/** The score on which the cursor stands; NaN when it is none. */
function scoreOf(cursor: ListpackCursor): number {
  if (cursor.isInt) return cursor.int;
  const { buf, start, end } = cursor.text();
  const easy = parseShortDecimal(buf, start, end);
  return Number.isNaN(easy) ? parseDouble(latin1(buf, start, Math.min(end, start + SCORE_BYTES_MAX))) : easy;
}

/** A sorted set that has been read element by element. */
class LoadedZset implements LoadedValue {
  private readonly db: Database;
  private readonly limits: ZsetLimits;
  private readonly set: SortedSet;

  constructor(db: Database, limits: ZsetLimits, count: number) {
    const elements = db.newElements();
    elements.reserve(count);
    this.db = db;
    this.limits = limits;
    this.set = new SortedSet(elements);
  }

  add(input: RdbInput, score: number, { buf, start, end }: { buf: Uint8Array; start: number; end: number }): void {
    if (Number.isNaN(score) || this.set.find(buf, start, end) !== 0) input.fail();
    else this.set.addSought(score, buf, start, end);
  }

  end(input: RdbInput): this {
    if (this.set.count === 0) input.fail();
    return this;
  }

  store(kbuf: Uint8Array, ks: number, ke: number, expireAtMs: ExpireAtMs): Ref {
    const ref = putResult(this.db, kbuf, ks, ke, this.set, this.limits);
    return expireAtMs === NO_EXPIRE ? ref : this.db.setExpire(ref, expireAtMs);
  }

  discard(): void {
    this.set.release();
  }
}
