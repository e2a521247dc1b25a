/**
 * Reads an RDB file key by key. After KEY the caller takes {@link RdbFileReader.value}, which it must store or discard before
 * the next call; after NOTE there is something for the log. END and BAD end the reading.
 */
import type { Store } from '../../store/store.js';
import { type ExpireAtMs, NO_EXPIRE } from '../../store/types.js';
import * as file from './rdbFileFormat.js';
import type { RdbFileInput } from './rdbFileInput.js';
import { RdbString } from './rdbInput.js';
import type { LoadedValue } from './rdbLoaded.js';
import type { RdbValues } from './rdbValue.js';

export const KEY = 0;
export const NOTE = 1;
export const END = 2;
export const BAD = 3;

const SHOWN_KEY_BYTES = 128;

export class RdbFileReader {
  version = 0;
  /** What the writer tells about itself: `redis-ver`, `ctime`, `used-mem` and so on. */
  readonly aux = new Map<string, string>();
  /** After KEY. */
  readonly key = new RdbString();
  value!: LoadedValue;
  dbIndex = 0;
  expireAtMs: ExpireAtMs = NO_EXPIRE;
  /** Seconds since the last access, and the LFU counter; -1 where the file does not say. */
  idleSeconds = -1;
  frequency = -1;
  /** After NOTE. */
  note = '';
  /** After BAD: what is wrong, and where it was noticed. */
  problem = '';
  problemAt = 0;

  private readonly input: RdbFileInput;
  private readonly values: RdbValues;
  private readonly store: Store;
  private readonly text = new RdbString();
  /** What is being read, for people. */
  private what = 'the header';
  private type = 0;
  private skippedLibraries = 0;
  private isPastHeader = false;

  /** The values come into `store`, but under no key. */
  constructor(input: RdbFileInput, values: RdbValues, store: Store) {
    this.input = input;
    this.values = values;
    this.store = store;
  }

  /** Reads up to the next thing that the caller has to know: KEY, NOTE, END or BAD. Throws StoreFullError. */
  next(): number {
    const { input } = this;
    if (!this.isPastHeader && !this.readHeader()) return BAD;
    this.note = '';
    this.expireAtMs = NO_EXPIRE;
    this.idleSeconds = -1;
    this.frequency = -1;
    for (;;) {
      input.settle();
      this.what = 'what comes next';
      const mark = input.byte();
      if (input.failed) return this.bad();
      if (mark < file.OP_FIRST) return this.readKey(mark);
      const outcome = this.readOther(mark);
      if (outcome !== undefined) return outcome;
      if (input.failed) return this.bad();
    }
  }

  private readHeader(): boolean {
    const { input, text } = this;
    this.isPastHeader = true;
    input.raw(file.RDB_HEADER_BYTES, text);
    if (input.failed) return this.bad() !== BAD;
    const header = text.latin1();
    if (!header.startsWith(file.RDB_MAGIC)) {
      return this.refuse('Wrong signature trying to load DB from file: it does not begin with REDIS', 0) !== BAD;
    }
    // All four must be digits: C's atoi would read 'REDIS001p' as version 1, whose files end without a checksum.
    const digits = /^\d{4}$/.exec(header.slice(file.RDB_MAGIC.length));
    this.version = digits === null ? 0 : Number(digits[0]);
    if (this.version < file.RDB_FILE_VERSION_MIN || this.version > file.RDB_FILE_VERSION_MAX) {
      return this.refuse(`Can't handle RDB format version ${header.slice(file.RDB_MAGIC.length)}`, 0) !== BAD;
    }
    return true;
  }

  private readKey(type: number): number {
    const { input, key } = this;
    const at = input.offset - 1;
    const unsupported = file.unsupportedType(type);
    const name = file.typeName(type);
    this.what = 'a key';
    if (name === undefined && unsupported === undefined) return this.refuse(`Unknown type of a value: ${type}`, at);
    input.string(key);
    if (input.failed) return this.bad();
    // Said in bad(), for that takes longer than most values.
    this.what = '';
    this.type = type;
    if (unsupported !== undefined) return this.refuse(`The key '${this.shownKey()}' holds ${unsupported}`, at);
    const value = this.values.readAs(type, input, this.store.databases[this.dbIndex]);
    if (value === undefined) return this.bad();
    this.value = value;
    return KEY;
  }

  /** Anything but a key. Answers what to tell the caller, if anything. */
  private readOther(mark: number): number | undefined {
    const { input } = this;
    switch (mark) {
      case file.OP_EXPIRE_MS:
        this.what = 'an expire time';
        this.expireAtMs = sensibleTime(input.time());
        return undefined;
      case file.OP_EXPIRE_SECONDS:
        this.what = 'an expire time';
        this.expireAtMs = sensibleTime(input.seconds() * 1000);
        return undefined;
      case file.OP_IDLE:
        this.what = 'an idle time';
        this.idleSeconds = input.number();
        return undefined;
      case file.OP_FREQ:
        this.what = 'an LFU counter';
        this.frequency = input.byte();
        return undefined;
      case file.OP_SELECT_DB:
        return this.selectDatabase();
      case file.OP_RESIZE_DB:
        this.what = 'the size of a database';
        input.number();
        input.number();
        return undefined;
      case file.OP_SLOT_INFO:
        this.what = 'facts about a slot';
        for (let i = 0; i < 3; i++) input.number();
        return undefined;
      case file.OP_AUX:
        return this.readAux();
      case file.OP_EOF:
        return this.readEnd();
      default:
        return this.readForeign(mark);
    }
  }

  private selectDatabase(): number | undefined {
    this.what = 'the number of a database';
    const at = this.input.offset;
    const index = this.input.number();
    if (this.input.failed) return undefined;
    const { length } = this.store.databases;
    if (index >= length) {
      const few = `FATAL: Data file was created with a Redis server configured to handle more than ${length} databases`;
      return this.refuse(`${few}: it has a database ${index}. Raise 'databases' (cluster nodes have only one)`, at);
    }
    this.dbIndex = index;
    return undefined;
  }

  private readAux(): number | undefined {
    const { input, text } = this;
    this.what = 'an aux field';
    input.string(text);
    const name = text.latin1();
    input.string(text);
    if (!input.failed) this.aux.set(name, text.latin1());
    if (input.failed || !name.startsWith('%')) return undefined;
    return this.tell(`RDB '${name}': ${text.latin1()}`);
  }

  /** Functions and modules. */
  private readForeign(mark: number): number | undefined {
    const { input } = this;
    const at = input.offset - 1;
    if (mark === file.OP_MODULE_AUX) {
      this.what = 'data of a module';
      const name = file.moduleName(input.count64());
      if (input.failed) return undefined;
      return this.refuse(`The RDB file contains AUX module data I can't load: no matching module '${name}'`, at);
    }
    this.what = 'a library of functions';
    if (mark === file.OP_FUNCTION_OLD) {
      return this.refuse('Pre-release function format not supported', at);
    }
    input.string(this.text);
    if (input.failed || this.skippedLibraries++ > 0) return undefined;
    return this.tell('The RDB file holds functions: they are skipped, for this version has no scripting yet.');
  }

  private readEnd(): number {
    if (this.version < file.RDB_CRC_SINCE) return END;
    this.what = 'the checksum';
    switch (this.input.checksum()) {
      case 'missing':
        return this.bad();
      case 'wrong':
        return this.refuse('Wrong RDB checksum: the file is not as it was written', this.input.offset);
      case 'not computed':
        this.note = 'RDB file was saved with checksum disabled: no check performed.';
        return END;
      default:
        return END;
    }
  }

  private tell(note: string): number {
    this.note = note;
    return NOTE;
  }

  /** The input failed while {@link what} was being read. */
  private bad(): number {
    const { isShort, offset } = this.input;
    const found = isShort ? 'Unexpected EOF reading RDB file' : 'Bad data format in RDB file';
    const value = `the value (${file.typeName(this.type)}) of the key '${this.shownKey()}' in database ${this.dbIndex}`;
    return this.refuse(`${found}, in ${this.what === '' ? value : this.what}`, offset);
  }

  private refuse(problem: string, at: number): number {
    this.problem = problem;
    this.problemAt = at;
    return BAD;
  }

  /** The key that was read last. */
  shownKey(): string {
    const text = this.key.latin1().slice(0, SHOWN_KEY_BYTES);
    return text.replace(/[^\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  }
}

/** -1 stands for no expire time in files as well; what is before 1970 otherwise is as good as 1970. */
function sensibleTime(ms: ExpireAtMs): ExpireAtMs {
  return ms < NO_EXPIRE ? 0 : ms;
}
