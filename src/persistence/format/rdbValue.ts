/** Values of any type in the RDB format, as RDB files and DUMP carry them: a byte for how it is written, and the value. */
import type { Config } from '../../config/config.js';
import type { Database } from '../../store/database.js';
import { LargeBytes } from '../../store/objects.js';
import {
  ENCODING_DEFAULT,
  type Ref,
  TYPE_HASH,
  TYPE_LIST,
  TYPE_SET,
  TYPE_STREAM,
  TYPE_STRING,
  TYPE_ZSET,
} from '../../store/types.js';
import * as rdb from './rdbFormat.js';
import { RdbHashes } from './rdbHash.js';
import { type RdbInput, RdbString } from './rdbInput.js';
import { RdbLists } from './rdbList.js';
import { LoadedBytes, type LoadedValue, type ValueReading } from './rdbLoaded.js';
import type { RdbOutput } from './rdbOutput.js';
import { RdbSets } from './rdbSet.js';
import { type EarlyParts, SLICED_FROM_BYTES, SlicedString, type SlicedValue } from './rdbSliced.js';
import { RdbStreams } from './rdbStream.js';
import { RdbZsets } from './rdbZset.js';

/** One type of values. */
interface TypeCodec {
  write(out: RdbOutput, db: Database, ref: Ref): void;
  /** Takes the value as it is, to be written in pieces; undefined when it is small enough to be written at once. */
  slice(db: Database, ref: Ref, early: EarlyParts | undefined): SlicedValue | undefined;
  /** Answers something to discard also when the input fails. */
  read(input: RdbInput, type: number, db: Database): LoadedValue;
  /** The same in steps, for types of which values can be too large for one. */
  readInSteps?(input: RdbInput, type: number, db: Database): ValueReading;
}

class RdbStrings implements TypeCodec {
  private readonly bytes = new LoadedBytes();
  private readonly text = new RdbString();

  write(out: RdbOutput, db: Database, ref: Ref): void {
    out.byte(rdb.RDB_STRING);
    out.view(db.readValue(ref));
  }

  slice(db: Database, ref: Ref, early: EarlyParts | undefined): SlicedValue | undefined {
    const object = db.object(ref);
    if (!(object instanceof LargeBytes) || object.length <= SLICED_FROM_BYTES) return undefined;
    return new SlicedString(rdb.RDB_STRING, object, early);
  }

  read(input: RdbInput, _type: number, db: Database): LoadedValue {
    const { text } = this;
    input.string(text);
    return this.bytes.set(db, TYPE_STRING, ENCODING_DEFAULT, text.buf, text.start, text.end);
  }
}

/** One a server: it reads and writes one value after the other. */
export class RdbValues {
  /** By type of the store. */
  private readonly byType: TypeCodec[] = [];
  /** By type of the RDB format. */
  private readonly byMark: TypeCodec[] = [];

  constructor(config: Config) {
    this.enter(new RdbStrings(), TYPE_STRING, [rdb.RDB_STRING]);
    this.enter(new RdbLists(config), TYPE_LIST, [
      rdb.RDB_LIST,
      rdb.RDB_LIST_ZIPLIST,
      rdb.RDB_LIST_QUICKLIST,
      rdb.RDB_LIST_QUICKLIST_2,
    ]);
    this.enter(new RdbSets(config), TYPE_SET, [rdb.RDB_SET, rdb.RDB_SET_INTSET, rdb.RDB_SET_LISTPACK]);
    this.enter(new RdbZsets(config), TYPE_ZSET, [
      rdb.RDB_ZSET,
      rdb.RDB_ZSET_2,
      rdb.RDB_ZSET_ZIPLIST,
      rdb.RDB_ZSET_LISTPACK,
    ]);
    this.enter(new RdbHashes(config), TYPE_HASH, [
      rdb.RDB_HASH,
      rdb.RDB_HASH_ZIPMAP,
      rdb.RDB_HASH_ZIPLIST,
      rdb.RDB_HASH_LISTPACK,
    ]);
    this.enter(new RdbStreams(), TYPE_STREAM, [rdb.RDB_STREAM, rdb.RDB_STREAM_2, rdb.RDB_STREAM_3]);
  }

  private enter(codec: TypeCodec, type: number, marks: readonly number[]): void {
    this.byType[type] = codec;
    for (const mark of marks) this.byMark[mark] = codec;
  }

  /** Writes the value of an entry. */
  write(out: RdbOutput, db: Database, ref: Ref): void {
    this.byType[db.type(ref)].write(out, db, ref);
  }

  /**
   * Takes the value of an entry as it is, to be written in pieces while it may change; undefined when it is small enough to be
   * written at once. Whoever gets one releases it before he asks for the next of the same entry.
   *
   * Without `early` the caller sees to it that nobody changes the value until the last piece was written; any number may then read it
   * (rdbFrozen.ts).
   */
  slice(db: Database, ref: Ref, early: EarlyParts | undefined): SlicedValue | undefined {
    return this.byType[db.type(ref)].slice(db, ref, early);
  }

  /**
   * Reads a value, to be given to a key of `db` or discarded before the next is read; its bytes may still lie in those of the
   * input. Undefined when it is damaged or of an unknown kind; the input has then failed. Throws StoreFullError.
   */
  read(input: RdbInput, db: Database): LoadedValue | undefined {
    return this.readAs(input.byte(), input, db);
  }

  /** The same in steps; no other value may be read by this object until it is through. The input is the reading's until then. */
  *readInSteps(input: RdbInput, db: Database): Generator<undefined, LoadedValue | undefined, undefined> {
    const mark = input.byte();
    const codec = input.failed ? undefined : this.byMark[mark];
    if (codec?.readInSteps === undefined) return this.readAs(mark, input, db);
    const value = yield* codec.readInSteps(input, mark, db);
    if (!input.failed) return value;
    value.discard();
    return undefined;
  }

  /** The same where the byte for how it is written has been read: in a file the key stands behind that. */
  readAs(mark: number, input: RdbInput, db: Database): LoadedValue | undefined {
    const codec = input.failed ? undefined : this.byMark[mark];
    if (codec === undefined) {
      input.fail();
      return undefined;
    }
    const value = codec.read(input, mark, db);
    if (!input.failed) return value;
    value.discard();
    return undefined;
  }
}
