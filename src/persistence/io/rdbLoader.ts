/**
 * Loads an RDB file in slices of a few milliseconds, between which the event loop may run: the data file of a server, what an
 * append-only file begins with, or what comes in from a master. Nothing but what is being read is in memory beside the data.
 */
import type { Clock } from '../../base/clock.js';
import type { Database } from '../../store/database.js';
import { NO_EXPIRE, StoreFullError } from '../../store/types.js';
import type { RdbFeed } from '../format/rdbFeed.js';
import { RdbFileInput } from '../format/rdbFileInput.js';
import {
  AUX,
  DATABASE,
  END,
  FUNCTIONS,
  KEY,
  MODULE_AUX,
  MODULE_VALUE,
  RdbFileReader,
  SIZE,
  shown,
} from '../format/rdbFileReader.js';
import { RdbPeek } from '../format/rdbPeek.js';
import { RdbStreamInput } from '../format/rdbStreamInput.js';
import type { RdbValues } from '../format/rdbValue.js';
import { errorText, type FileSystem } from './fileSystem.js';
import { type LogSink, type Refusal, refuse } from './logSink.js';

export interface RdbLoaderOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly log: LogSink;
  readonly store: { readonly databases: readonly Database[]; forgetAhead(): void };
  readonly values: RdbValues;
  /** `rdbchecksum` */
  readonly summing: boolean;
  /** `sanitize-dump-payload yes`: looks at values more closely than their safety needs. */
  readonly sanitizing: boolean;
  /** The access bits of a key whose idle time (seconds) and LFU counter the file tells, or not (-1). */
  readonly accessBits: (idleSeconds: number, frequency: number) => number;
  /** Keys whose time is over are for our master to remove. */
  readonly isReplica?: boolean;
  readonly chunkBytes?: number;
}

/** What to load. */
export interface RdbSource {
  readonly path: string;
  /** An append-only file begins with it: keys whose time is over stay, for the commands behind it expect them. */
  readonly isPreamble: boolean;
  /** Keys that are there already are replaced; otherwise a key that comes twice is a mistake. */
  readonly merging: boolean;
}

export interface RdbLoaded {
  readonly keys: number;
  /** Keys left out because their time is over, or about to be removed for that. */
  readonly expired: number;
  /** File offset behind the data. */
  readonly endAt: number;
}

const SLICE_US = 4000;
const KEYS_PER_CLOCK_READ = 32;
const MEBIBYTE = 1024 * 1024;
/** Of the name under which a file stays of which not everything was loaded. */
const LEFT_OUT_SUFFIX = '.left-out';
/** So many of the things that were left out are told one by one. */
const LEFT_OUT_TOLD = 100;

/** A slice has read all that has come so far. */
const STARVED = 'starved';

const STREAM = 'the stream of the master';

/** One a file. */
export class RdbLoader {
  /** 0 when nobody knows. */
  readonly sizeBytes: number;
  readonly #options: RdbLoaderOptions;
  readonly #source: RdbSource;
  /** Undefined for what comes from a socket. */
  readonly #fd: number | undefined;
  readonly #stream: { readonly feed: RdbFeed; readonly input: RdbStreamInput } | undefined;
  readonly #input: RdbFileInput;
  readonly #reader: RdbFileReader;
  readonly #startMs: number;
  #keys = 0;
  #expired = 0;
  #leftOut = 0;
  #hasToldFacts = false;
  readonly #peek = new RdbPeek();
  /** File offset up to which keys have been looked for ahead. */
  #peekedTo = 0;

  private constructor(options: RdbLoaderOptions, source: RdbSource, from: number | RdbFeed) {
    const { files, summing, chunkBytes } = options;
    const chunks = chunkBytes === undefined ? {} : { chunkBytes };
    this.#options = options;
    this.#source = source;
    if (typeof from === 'number') {
      this.#fd = from;
      this.sizeBytes = files.size(from);
      this.#input = new RdbFileInput({
        readBytes: (buf, offset, length, position) => files.read(from, buf, offset, length, position),
        sizeBytes: this.sizeBytes,
        summing,
        ...chunks,
      });
    } else {
      this.sizeBytes = from.totalBytes;
      const input = new RdbStreamInput(from, { summing, ...chunks });
      this.#input = input;
      this.#stream = { feed: from, input };
    }
    this.#input.sanitizing = options.sanitizing;
    this.#reader = new RdbFileReader(this.#input, options.values, options.store.databases);
    this.#startMs = options.clock.nowMs();
  }

  /** Undefined when there is no such file. */
  static open(options: RdbLoaderOptions, source: RdbSource): RdbLoader | Refusal | undefined {
    try {
      if (options.files.stat(source.path) === undefined) return undefined;
      return new RdbLoader(options, source, options.files.open(source.path, 'read'));
    } catch (error) {
      return refuse(
        options.log,
        `Fatal error: can't open the RDB file ${source.path} for reading: ${errorText(error)}`,
      );
    }
  }

  /** Loads what comes in from a master. Keys whose time is over stay until it says that they are gone. */
  static ofStream(options: RdbLoaderOptions, feed: RdbFeed): RdbLoader {
    return new RdbLoader(options, { path: STREAM, isPreamble: true, merging: false }, feed);
  }

  /** What is being loaded, in words. */
  get name(): string {
    return this.#source.path;
  }

  /** How much of the file has been read. */
  get loadedBytes(): number {
    return this.#input.offset;
  }

  /** Keys that have been loaded so far. */
  get loadedKeys(): number {
    return this.#keys;
  }

  /** What the file says of itself, as far as it has been read. */
  get aux(): ReadonlyMap<string, string> {
    return this.#reader.aux;
  }

  /** `used-mem` of the server that wrote the file; 0 while it is unknown. */
  get usedMemoryBytes(): number {
    return Number(this.#reader.aux.get('used-mem') ?? 0);
  }

  /** Loads it all; `pause` is called between slices. */
  async load(pause: () => Promise<void>): Promise<RdbLoaded | Refusal> {
    try {
      for (;;) {
        const outcome = this.#slice(this.#options.clock.monotonicUs() + SLICE_US);
        if (outcome === STARVED) await this.#stream?.feed.more(this.#stream.input.markedAt);
        else if (outcome !== undefined) return await this.#afterwards(outcome);
        await pause();
      }
    } finally {
      this.#close();
    }
  }

  /** A stream is whole when its end has come as well, and nothing else. */
  async #afterwards(outcome: RdbLoaded | Refusal): Promise<RdbLoaded | Refusal> {
    const feed = this.#stream?.feed;
    if (feed === undefined || 'refused' in outcome) return outcome;
    await feed.untilEnd();
    if (feed.problem !== undefined) return this.#refuse(feed.problem, outcome.endAt);
    return feed.endAt === outcome.endAt ? outcome : this.#refuse('There is more than one RDB file', outcome.endAt);
  }

  /** Loads it all before it returns. */
  loadAtOnce(): RdbLoaded | Refusal {
    try {
      return this.#slice(Number.POSITIVE_INFINITY) as RdbLoaded | Refusal;
    } finally {
      this.#close();
    }
  }

  /** Loads keys until it is that late, and one run of them at least. Undefined: there is more. */
  #slice(untilUs: number): RdbLoaded | Refusal | typeof STARVED | undefined {
    const { clock, store } = this.#options;
    // Requests may have come in between.
    store.forgetAhead();
    this.#peekedTo = 0;
    const feed = this.#stream?.feed;
    if (feed?.problem !== undefined) return this.#refuse(feed.problem, this.#input.offset);
    this.#stream?.input.goOn();
    try {
      do {
        for (let i = 0; i < KEYS_PER_CLOCK_READ; i++) {
          this.#lookAhead();
          const outcome = this.#step();
          if (outcome !== undefined) return outcome;
        }
      } while (clock.monotonicUs() < untilUs);
      return undefined;
    } catch (error) {
      if (error instanceof StoreFullError) return this.#refuse(`Out of memory: ${error.message}`, this.#input.offset);
      return this.#refuse(`Unrecoverable error reading the RDB file: ${errorText(error)}`, this.#input.offset);
    } finally {
      store.forgetAhead();
    }
  }

  /** Once in some keys: has the store fetch what the next ones need. */
  #lookAhead(): void {
    const input = this.#input;
    const { store } = this.#options;
    // What was hashed ahead is known by the place where it lies.
    if (!input.settle() && input.offset < this.#peekedTo) return;
    store.forgetAhead();
    const db = store.databases[this.#reader.dbIndex];
    if (!db.isWorthFetching) return;
    const peek = this.#peek;
    this.#peekedTo = input.peek(peek);
    db.fetchAhead(peek.buf, peek.start, peek.end, 0, 1, peek.count);
  }

  #step(): RdbLoaded | Refusal | typeof STARVED | undefined {
    const reader = this.#reader;
    const { store } = this.#options;
    switch (reader.next()) {
      case KEY:
        if (!this.#hasToldFacts) this.#tellFacts();
        return this.#keep();
      case AUX:
        if (reader.auxName.startsWith('%')) {
          this.#options.log('notice', `RDB '${shown(reader.auxName)}': ${shown(reader.auxValue)}`);
        }
        return undefined;
      case DATABASE:
        return undefined;
      case SIZE:
        store.databases[reader.dbIndex].expect(reader.expectedKeys);
        return undefined;
      case FUNCTIONS:
        return this.#leaveOut('a library of functions, for this version has no functions yet');
      case MODULE_VALUE:
        return this.#leaveOut(`the key '${reader.shownKey()}' in database ${reader.dbIndex}, ${this.#ofModule()}`);
      case MODULE_AUX:
        return this.#leaveOut(`data beside the keys, ${this.#ofModule()}`);
      case END:
        return this.#end();
      default:
        // BAD
        return reader.retry() ? STARVED : this.#refuse(reader.fullProblem, reader.problemAt);
    }
  }

  #ofModule(): string {
    return `which the module '${this.#reader.moduleName}' wrote, and there are no modules here`;
  }

  /**
   * Goes on without something that cannot be loaded. The next save would replace the file by one that does not have it, so
   * the file is kept under another name as well.
   */
  #leaveOut(what: string): Refusal | undefined {
    const { log, files } = this.#options;
    const { path } = this.#source;
    if (this.#leftOut++ === 0 && this.#fd !== undefined) {
      try {
        files.link(path, path + LEFT_OUT_SUFFIX);
      } catch (error) {
        const also = `because the file cannot be kept as ${path}${LEFT_OUT_SUFFIX}: ${errorText(error)}`;
        return this.#refuse(`The file holds ${what}. It is not left out, ${also}`, this.#input.offset);
      }
    }
    if (this.#leftOut <= LEFT_OUT_TOLD) log('warning', `Left out of what is loaded from ${path}: ${what}`);
    return undefined;
  }

  /** Gives the value that was read to its key. */
  #keep(): Refusal | undefined {
    const { store, accessBits, isReplica } = this.#options;
    const { key, value, dbIndex, expireAtMs, idleSeconds, frequency } = this.#reader;
    const { isPreamble, merging } = this.#source;
    const isOver = expireAtMs !== NO_EXPIRE && expireAtMs < this.#startMs && !isPreamble && isReplica !== true;
    if (isOver) this.#expired++;
    else this.#keys++;
    // Replicas that go on from the moment of this file have the key as well: they must hear that it goes.
    if (isOver && !this.#reader.aux.has('repl-id')) {
      value.discard();
      return undefined;
    }
    const db = store.databases[dbIndex];
    const sizeBefore = db.size;
    const ref = value.store(key.buf, key.start, key.end, expireAtMs);
    db.setLru(ref, accessBits(idleSeconds, frequency));
    if (db.size > sizeBefore || merging) return undefined;
    return this.#refuse(`RDB has duplicated key '${this.#reader.shownKey()}' in DB ${dbIndex}`, this.#input.offset);
  }

  #end(): RdbLoaded {
    const { log } = this.#options;
    if (!this.#hasToldFacts) this.#tellFacts();
    if (this.#reader.checksum === 'not computed') {
      log('notice', 'RDB file was saved with checksum disabled: no check performed.');
    }
    if (this.#leftOut > 0 && this.#fd !== undefined) {
      const kept = `The file stays as ${this.#source.path}${LEFT_OUT_SUFFIX} until you remove it`;
      log('warning', `Things left out of what was loaded, as told above: ${this.#leftOut}. ${kept}`);
    }
    const endAt = this.#input.offset;
    if (endAt < this.sizeBytes && !this.#source.isPreamble) {
      log('warning', `${this.sizeBytes - endAt} bytes behind the end of the data in ${this.#source.path} are ignored`);
    }
    log('notice', `Done loading RDB, keys loaded: ${this.#keys}, keys expired: ${this.#expired}.`);
    return { keys: this.#keys, expired: this.#expired, endAt };
  }

  /** What the file tells about itself, before the first key. */
  #tellFacts(): void {
    const { log, clock } = this.#options;
    const { aux } = this.#reader;
    this.#hasToldFacts = true;
    const version = aux.get('redis-ver');
    const createdAt = aux.get('ctime');
    if (version !== undefined) log('notice', `Loading RDB produced by version ${version}`);
    if (createdAt !== undefined) {
      log('notice', `RDB age ${Math.max(0, Math.floor(clock.nowMs() / 1000) - Number(createdAt))} seconds`);
    }
    if (this.usedMemoryBytes > 0) {
      log('notice', `RDB memory usage when created ${(this.usedMemoryBytes / MEBIBYTE).toFixed(2)} Mb`);
    }
    if (aux.get('aof-base') === '1') log('notice', 'RDB is base AOF');
  }

  #refuse(problem: string, at: number): Refusal {
    const { log } = this.#options;
    if (this.#fd === undefined) return refuse(log, `${problem} (${STREAM}, byte ${at})`);
    return refuse(
      log,
      `${problem} (file ${this.#source.path}, byte ${at} of ${this.sizeBytes}). Nothing in the file was changed; ` +
        `'shoal-check rdb ${this.#source.path}' tells more about it.`,
    );
  }

  #close(): void {
    for (const db of this.#options.store.databases) db.expect(0);
    if (this.#fd !== undefined) this.#options.files.close(this.#fd);
  }
}
