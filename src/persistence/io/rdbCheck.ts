/**
 * Looks whether an RDB file is sound, and says so in the words of redis-check-rdb, which scripts of operators look for. Every value
 * is read as a server reads it, more closely even, and let go: one value at a time is in memory.
 */
import { Prng } from '../../base/prng.js';
import type { Config } from '../../config/config.js';
import { Store } from '../../store/store.js';
import { NO_EXPIRE } from '../../store/types.js';
import { encodingName } from '../format/rdbFileFormat.js';
import { RdbFileInput, type ReadBytes } from '../format/rdbFileInput.js';
import { AUX, BAD, DATABASE, END, KEY, MODULE_AUX, MODULE_VALUE, RdbFileReader } from '../format/rdbFileReader.js';
import { RdbValues } from '../format/rdbValue.js';
import { errorText } from './fileSystem.js';

export interface RdbCheckOptions {
  readonly config: Config;
  readonly nowMs: number;
  /** As the operator gave it. */
  readonly fileName: string;
  readonly readBytes: ReadBytes;
  readonly sizeBytes: number;
  /** Takes a line, with one byte a character. */
  readonly print: (line: string) => void;
}

const RECLAIM_UNITS = 1024;

/** Checks the file. Answers the offset behind its data, or undefined when it is bad. */
export function checkRdb(options: RdbCheckOptions): number | undefined {
  return new RdbCheck(options).run();
}

class RdbCheck {
  readonly #options: RdbCheckOptions;
  readonly #input: RdbFileInput;
  readonly #reader: RdbFileReader;
  readonly #store = new Store({ databases: 1, clusterMode: false, random: new Prng(1) });
  #keys = 0;
  #expires = 0;
  #expired = 0;
  #moduleValues = 0;

  constructor(options: RdbCheckOptions) {
    this.#options = options;
    const { readBytes, sizeBytes, config } = options;
    this.#input = new RdbFileInput({ readBytes, sizeBytes, summing: true });
    this.#input.sanitizing = true;
    // Whatever the number of a database, its values only pass through.
    const databases = { length: Number.MAX_SAFE_INTEGER, at: () => this.#store.databases[0] };
    this.#reader = new RdbFileReader(this.#input, new RdbValues(config), databases);
  }

  run(): number | undefined {
    this.#tell(`Checking RDB file ${this.#options.fileName}`);
    try {
      for (;;) {
        const outcome = this.#reader.next();
        if (outcome === END) return this.#praise();
        if (outcome === BAD) return this.#complain(this.#reader.problem, this.#reader.problemAt);
        this.#note(outcome);
      }
    } catch (error) {
      return this.#complain(errorText(error), this.#input.offset);
    }
  }

  #note(outcome: number): void {
    const reader = this.#reader;
    switch (outcome) {
      case KEY:
        this.#countKey();
        reader.value.discard();
        while (this.#store.reclaim(RECLAIM_UNITS));
        return;
      case MODULE_VALUE:
        this.#countKey();
        this.#moduleValues++;
        return this.#tell(`MODULE VALUE of: ${reader.moduleName}, in the key '${reader.shownKey()}'`);
      case MODULE_AUX:
        return this.#tell(`MODULE AUX for: ${reader.moduleName}`);
      case AUX:
        return this.#tell(`AUX FIELD ${reader.auxName} = '${reader.auxValue}'`);
      case DATABASE:
        return this.#tell(`Selecting DB ID ${reader.dbIndex}`);
    }
  }

  #countKey(): void {
    const { expireAtMs } = this.#reader;
    this.#keys++;
    if (expireAtMs === NO_EXPIRE) return;
    this.#expires++;
    if (expireAtMs < this.#options.nowMs) this.#expired++;
  }

  #praise(): number {
    const { checksum } = this.#reader;
    if (checksum === 'right') this.#tell('Checksum OK');
    if (checksum === 'not computed') {
      this.#tell('RDB file was saved with checksum disabled: no check performed.');
    }
    this.#tell('\\o/ RDB looks OK! \\o/');
    this.#tellCounts();
    if (this.#moduleValues > 0) {
      this.#options.print(
        `[info] ${this.#moduleValues} of the keys hold values of modules: shoal-server leaves them out`,
      );
    }
    return this.#input.offset;
  }

  #complain(problem: string, at: number): undefined {
    const { print, sizeBytes } = this.#options;
    const { step, type } = this.#reader;
    print('--- RDB ERROR DETECTED ---');
    print(`[offset ${at}] ${this.#reader.checksum === 'wrong' ? 'RDB CRC error' : problem}`);
    print(`[additional info] While doing: ${step}`);
    if (step === 'read-object-value') {
      this.#keys++;
      print(`[additional info] Reading key '${this.#reader.shownKey()}'`);
    }
    if (step === 'read-key' || step === 'read-object-value') {
      print(`[additional info] Reading type ${type} (${encodingName(type)})`);
    }
    this.#tellCounts();
    print(
      `[next step] Nothing was changed. The file has ${sizeBytes} bytes, and no server loads a part of it: take it from a`,
    );
    print('[next step] backup, or a fresh one from a server that has the data: redis-cli -h HOST -p PORT --rdb FILE');
    return undefined;
  }

  #tell(text: string): void {
    this.#options.print(`[offset ${this.#input.offset}] ${text}`);
  }

  #tellCounts(): void {
    const { print } = this.#options;
    print(`[info] ${this.#keys} keys read`);
    print(`[info] ${this.#expires} expires`);
    print(`[info] ${this.#expired} already expired`);
  }
}
