/**
 * Reads an RDB file piece by piece, whoever the caller is: a server that loads it, or a tool that checks it. After KEY the caller
 * takes {@link RdbFileReader.value}, which it must store or discard before the next call. END and BAD end the reading.
 */
import type { Database } from '../../store/database.js';
import { type ExpireAtMs, NO_EXPIRE } from '../../store/types.js';
import * as file from './rdbFileFormat.js';
import type { Checksum, RdbFileInput } from './rdbFileInput.js';
import { RdbString } from './rdbInput.js';
import type { LoadedValue } from './rdbLoaded.js';
import { skipModuleValue } from './rdbModule.js';
import type { RdbValues } from './rdbValue.js';

export const KEY = 0;
export const END = 1;
export const BAD = 2;
/** An aux field: auxName and auxValue. */
export const AUX = 3;
/** Keys of the database dbIndex follow. */
export const DATABASE = 4;
/** A library of functions, whose code is {@link RdbFileReader.library}. */
export const FUNCTIONS = 5;
/** A key whose value, which a module wrote, was read over: key and moduleName. */
export const MODULE_VALUE = 6;
/** Data of a module beside keys that was read over: moduleName. */
export const MODULE_AUX = 7;
/** About expectedKeys keys of the database dbIndex follow. */
export const SIZE = 8;

/** A type, a key and a value take three bytes at least: more keys than the file has room for are not expected. */
const KEY_BYTES_MIN = 3;

/** What is being read, in the words of redis-check-rdb. */
export type Step =
  | 'start'
  | 'read-type'
  | 'read-expire'
  | 'read-key'
  | 'read-object-value'
  | 'check-sum'
  | 'read-len'
  | 'read-aux'
  | 'read-module-aux'
  | 'read-functions';

/** The same for a sentence. */
const STEP_WORDS: Readonly<Record<Step, string>> = {
  start: 'the header',
  'read-type': 'what comes next',
  'read-expire': 'an expire time',
  'read-key': 'a key',
  'read-object-value': 'a value',
  'check-sum': 'the checksum',
  'read-len': 'the number or size of a database',
  'read-aux': 'an aux field',
  'read-module-aux': 'data of a module',
  'read-functions': 'a library of functions',
};

const SHOWN_KEY_BYTES = 128;

/** Where keys go. */
export interface RdbDatabases {
  readonly length: number;
  /** Undefined when there are not so many. */
  at(index: number): Database | undefined;
}

export class RdbFileReader {
  version = 0;
  /** What the writer tells about itself: `redis-ver`, `ctime`, `used-mem` and so on. */
  readonly aux = new Map<string, string>();
  auxName = '';
  auxValue = '';
  readonly key = new RdbString();
  value!: LoadedValue;
  readonly library = new RdbString();
  moduleName = '';
  dbIndex = 0;
  expectedKeys = 0;
  expireAtMs: ExpireAtMs = NO_EXPIRE;
  /** Seconds since the last access, and the LFU counter; -1 where the file does not say. */
  idleSeconds = -1;
  frequency = -1;
  /** After END of a file that has one. */
  checksum: Checksum = 'missing';
  /** After BAD: what is wrong, and where it was noticed. */
  problem = '';
  problemAt = 0;
  step: Step = 'start';
  /** Of the value that is being read, or was read last. */
  type = 0;

  private readonly input: RdbFileInput;
  private readonly values: RdbValues;
  private readonly databases: RdbDatabases;
  private database: Database | undefined;
  private readonly text = new RdbString();
  private isPastHeader = false;
  /** The caller has seen all of the key that was read last. */
  private isKeyDone = false;

  /** The values come into the memory of `databases`, but under no key. */
  constructor(input: RdbFileInput, values: RdbValues, databases: RdbDatabases) {
    this.input = input;
    this.values = values;
    this.databases = databases;
    this.database = databases.at(0);
  }

  /** Reads up to the next thing that the caller has to know. Throws StoreFullError. */
  next(): number {
    const { input } = this;
    if (this.isKeyDone) this.forgetKey();
    input.mark();
    if (!this.isPastHeader && !this.readHeader()) return BAD;
    for (;;) {
      input.settle();
      this.step = 'read-type';
      const mark = input.byte();
      if (input.failed) return this.bad();
      if (mark < file.OP_FIRST) return this.readKey(mark);
      const outcome = this.readOther(mark);
      if (outcome === BAD) return BAD;
      if (input.failed) return this.bad();
      if (outcome !== undefined) return outcome;
    }
  }

  /** After BAD: whether the same may be read again, because only a part of it had come. */
  retry(): boolean {
    if (!this.input.rewind()) return false;
    this.isPastHeader = this.input.offset > 0;
    this.forgetKey();
    return true;
  }

  private forgetKey(): void {
    this.isKeyDone = false;
    this.expireAtMs = NO_EXPIRE;
    this.idleSeconds = -1;
    this.frequency = -1;
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
    const { input } = this;
    if (!file.isReadable(type)) return this.readStrange(type);
    this.beginKey(type);
    if (input.failed) return this.bad();
    const value = this.values.readAs(type, input, this.database as Database);
    if (value === undefined) return this.bad();
    this.value = value;
    return KEY;
  }

  private beginKey(type: number): void {
    this.step = 'read-key';
    this.type = type;
    this.input.string(this.key);
    if (this.input.failed) return;
    this.step = 'read-object-value';
    this.isKeyDone = true;
  }

  /** A value that none of our types is written as. */
  private readStrange(type: number): number {
    const at = this.input.offset - 1;
    const reason = file.unsupportedType(type);
    if (type !== file.MODULE_VALUE && reason === undefined) return this.refuse(`Invalid object type: ${type}`, at);
    this.beginKey(type);
    if (this.input.failed) return this.bad();
    if (reason !== undefined) return this.refuse(`The key '${this.shownKey()}' holds ${reason}`, at);
    return this.readModuleValue();
  }

  private readModuleValue(): number {
    this.moduleName = file.moduleName(this.input.count64());
    return skipModuleValue(this.input, this.text) ? MODULE_VALUE : this.bad();
  }

  /** Anything but a key. Answers what to tell the caller, if anything. */
  private readOther(mark: number): number | undefined {
    const { input } = this;
    switch (mark) {
      case file.OP_EXPIRE_MS:
        this.step = 'read-expire';
        this.expireAtMs = sensibleTime(input.time());
        return undefined;
      case file.OP_EXPIRE_SECONDS:
        this.step = 'read-expire';
        this.expireAtMs = sensibleTime(input.seconds() * 1000);
        return undefined;
      case file.OP_IDLE:
        this.idleSeconds = input.number();
        return undefined;
      case file.OP_FREQ:
        this.frequency = input.byte();
        return undefined;
      case file.OP_SELECT_DB:
        return this.selectDatabase();
      case file.OP_RESIZE_DB:
        return this.readSize();
      case file.OP_SLOT_INFO:
        return this.readSlotInfo();
      case file.OP_AUX:
        return this.readAux();
      case file.OP_EOF:
        return this.readEnd();
      case file.OP_MODULE_AUX:
        return this.readModuleAux();
      default:
        return this.readFunctions(mark);
    }
  }

  private readSize(): number {
    const { input } = this;
    this.step = 'read-len';
    const keys = input.number();
    // How many of them expire.
    input.number();
    this.expectedKeys = Math.min(keys, Math.floor(input.ahead / KEY_BYTES_MIN));
    return SIZE;
  }

  private readSlotInfo(): undefined {
    this.step = 'read-len';
    for (let i = 0; i < 3; i++) this.input.number();
  }

  private selectDatabase(): number | undefined {
    this.step = 'read-len';
    const at = this.input.offset;
    const index = this.input.number();
    if (this.input.failed) return undefined;
    const { databases } = this;
    this.database = databases.at(index);
    if (this.database === undefined) {
      const few = `FATAL: Data file was created with a Redis server configured to handle more than ${databases.length} databases`;
      return this.refuse(`${few}: it has a database ${index}. Raise 'databases' (cluster nodes have only one)`, at);
    }
    this.dbIndex = index;
    return DATABASE;
  }

  private readAux(): number | undefined {
    const { input, text } = this;
    this.step = 'read-aux';
    input.string(text);
    this.auxName = text.latin1();
    input.string(text);
    if (input.failed) return undefined;
    this.auxValue = text.latin1();
    this.aux.set(this.auxName, this.auxValue);
    return AUX;
  }

  /** It begins with a number that says when a module wants to see it. */
  private readModuleAux(): number | undefined {
    const { input } = this;
    this.step = 'read-module-aux';
    this.moduleName = file.moduleName(input.count64());
    if (input.number() !== file.MODULE_UINT) input.fail();
    input.count64();
    return skipModuleValue(input, this.text) ? MODULE_AUX : undefined;
  }

  /** In release candidates of Redis 7.0 name, engine and description stand before the code; later they are in its first line. */
  private readFunctions(mark: number): number {
    const { input, text, library } = this;
    this.step = 'read-functions';
    if (mark === file.OP_FUNCTION) {
      input.string(library);
      return FUNCTIONS;
    }
    input.string(text);
    const name = text.latin1();
    input.string(text);
    const engine = text.latin1();
    if (input.number() !== 0) input.string(text);
    input.string(text);
    const code = Buffer.from(`#!${engine} name=${name}\n${text.latin1()}`, 'latin1');
    library.allocate(code.length).set(code);
    return FUNCTIONS;
  }

  private readEnd(): number {
    if (this.version < file.RDB_CRC_SINCE) return END;
    this.step = 'check-sum';
    this.checksum = this.input.checksum();
    if (this.checksum === 'missing') return this.bad();
    if (this.checksum !== 'wrong') return END;
    return this.refuse('RDB CRC error: the file is not as it was written', this.input.offset);
  }

  /** The input failed. */
  private bad(): number {
    const { isShort, offset } = this.input;
    return this.refuse(isShort ? 'Unexpected EOF reading RDB file' : 'Bad data format in RDB file', offset);
  }

  private refuse(problem: string, at: number): number {
    this.problem = problem;
    this.problemAt = at;
    return BAD;
  }

  /** After BAD: the problem, and in what it is. */
  get fullProblem(): string {
    if (!this.input.failed || this.checksum === 'wrong') return this.problem;
    if (this.step !== 'read-object-value') return `${this.problem}, in ${STEP_WORDS[this.step]}`;
    const value = `the value (${file.typeName(this.type)}) of the key '${this.shownKey()}'`;
    return `${this.problem}, in ${value} in database ${this.dbIndex}`;
  }

  /** The key that was read last. */
  shownKey(): string {
    return shown(this.key.latin1().slice(0, SHOWN_KEY_BYTES));
  }
}

/** Text with one byte a character for a terminal. */
export function shown(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** -1 stands for no expire time in files as well; what is before 1970 otherwise is as good as 1970. */
function sensibleTime(ms: ExpireAtMs): ExpireAtMs {
  return ms < NO_EXPIRE ? 0 : ms;
}
