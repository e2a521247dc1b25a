/**
 * Loads an append-only folder: reads its files one after another and hands every command to the server, in slices of a
 * few milliseconds between which the event loop runs.
 *
 * A file that ends in the middle of a command, or between MULTI and EXEC, was cut by a crash. If it is the last one, and
 * `aof-load-truncated` allows it, the cut tail is removed and the server starts; anything else is refused with the file,
 * the byte and what to do.
 */
import { equalsIgnoreCase } from '../../base/bytes.js';
import type { Clock } from '../../base/clock.js';
import { AofReader, COMMAND, MORE } from '../format/aofReader.js';
import { type AofDataFile, type AofFiles, isRdb } from './aofFiles.js';
import { errorText, type FileSystem } from './fileSystem.js';
import { isRefusal, type LogSink, type Refusal, refuse } from './logSink.js';

/**
 * Runs one command on the keyspace. Returns undefined, or why it can not be run (`Unknown command 'foo'`), which ends
 * the loading. The ranges are good until it returns. MULTI, the commands behind it and EXEC come one by one; a MULTI
 * without EXEC at the end of the last file is followed by nothing and has to be dropped.
 */
export type ApplyCommand = (buf: Uint8Array, start: Int32Array, end: Int32Array, argc: number) => string | undefined;

export interface LoadedSnapshot {
  /** File offset behind it. */
  readonly endAt: number;
  /** What it says that the server had in use which wrote it; 0 if it does not say. */
  readonly usedMemoryBytes: number;
}

/** Loads the RDB snapshot that a file begins with. Between slices it calls `pause` with what is known so far. */
export type LoadSnapshot = (
  path: string,
  pause: (loadedBytes: number, usedMemoryBytes: number) => Promise<void>,
) => Promise<LoadedSnapshot | Refusal>;

export interface AofLoaderOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly log: LogSink;
  /** `aof-load-truncated` */
  readonly loadTruncated: boolean;
  readonly apply: ApplyCommand;
  readonly loadSnapshot: LoadSnapshot;
  /** Lets the event loop run once. */
  readonly yieldNow: () => Promise<void>;
  readonly chunkBytes?: number;
  /** `proto-max-bulk-len` */
  readonly bulkBytesMax?: number;
}

/** What INFO persistence prints while loading. */
export interface AofLoadProgress {
  /** `loading_start_time`, here in milliseconds. */
  readonly startTimeMs: number;
  readonly totalBytes: number;
  readonly loadedBytes: number;
  /** See {@link LoadedSnapshot}. */
  readonly usedMemoryBytes: number;
  /** 0 to 100 */
  readonly loadedPercent: number;
  readonly etaSeconds: number;
}

/** 'nothing': there was no file to load. */
export type AofLoadOutcome = { readonly loaded: 'data' | 'nothing'; readonly commands: number };

const SLICE_US = 4000;
const COMMANDS_PER_CLOCK_READ = 32;
const LOG_INTERVAL_US = 2_000_000;

type FileOutcome = 'complete' | 'empty' | Refusal;

export class AofLoader {
  readonly #options: AofLoaderOptions;
  readonly #reader: AofReader;
  #startTimeMs = 0;
  #startUs = 0;
  #sliceStartUs = 0;
  #lastLogUs = 0;
  #totalBytes = 0;
  /** Of the files before the one being read. */
  #earlierBytes = 0;
  /** Of the snapshot being read. */
  #snapshotBytes = 0;
  #usedMemoryBytes = 0;
  #commands = 0;
  #manifestPath = '';

  constructor(options: AofLoaderOptions) {
    this.#options = options;
    this.#reader = new AofReader(options);
  }

  progress(): AofLoadProgress {
    const loadedBytes = this.#earlierBytes + Math.max(this.#snapshotBytes, this.#reader.validUpTo);
    const elapsedSeconds = (this.#options.clock.monotonicUs() - this.#startUs) / 1_000_000;
    const isStarting = loadedBytes === 0;
    return {
      startTimeMs: this.#startTimeMs,
      totalBytes: this.#totalBytes,
      loadedBytes,
      usedMemoryBytes: this.#usedMemoryBytes,
      loadedPercent: this.#totalBytes === 0 ? 100 : (loadedBytes / this.#totalBytes) * 100,
      etaSeconds: isStarting ? 1 : Math.floor((elapsedSeconds * (this.#totalBytes - loadedBytes)) / loadedBytes),
    };
  }

  /** Loads all files of the folder. */
  async load(folder: AofFiles): Promise<AofLoadOutcome | Refusal> {
    const { clock, log } = this.#options;
    const dataFiles = folder.dataFiles();
    if (isRefusal(dataFiles)) return dataFiles;
    if (dataFiles.length === 0) return { loaded: 'nothing', commands: 0 };
    this.#manifestPath = folder.manifestPath;
    this.#startTimeMs = clock.nowMs();
    this.#startUs = clock.monotonicUs();
    this.#sliceStartUs = this.#startUs;
    this.#lastLogUs = this.#startUs;
    this.#totalBytes = dataFiles.reduce((sum, file) => sum + file.sizeBytes, 0);
    for (let i = 0; i < dataFiles.length; i++) {
      const file = dataFiles[i];
      const fileStartUs = clock.monotonicUs();
      const outcome = await this.#loadFile(file, isLastWithData(dataFiles, i));
      if (typeof outcome === 'object') return outcome;
      this.#earlierBytes += file.sizeBytes;
      this.#reader.reset();
      this.#snapshotBytes = 0;
      if (outcome === 'empty') continue;
      log(
        'notice',
        `DB loaded from ${file.kind} file ${file.name}: ${seconds(clock.monotonicUs() - fileStartUs)} seconds`,
      );
    }
    log('notice', `DB loaded from append only file: ${seconds(clock.monotonicUs() - this.#startUs)} seconds`);
    return { loaded: 'data', commands: this.#commands };
  }

  async #loadFile(file: AofDataFile, isLast: boolean): Promise<FileOutcome> {
    if (file.sizeBytes === 0) return 'empty';
    let fd: number;
    try {
      if (isRdb(this.#options.files, file.path)) {
        const failure = await this.#loadSnapshot(file);
        if (failure !== undefined) return failure;
        if (this.#reader.validUpTo === file.sizeBytes) return 'complete';
        this.#options.log('notice', `Reading the remaining AOF tail of ${file.name}...`);
      }
      fd = this.#options.files.open(file.path, 'read');
    } catch (error) {
      return this.#refuse(`Fatal error: can't open the append log file ${file.name} for reading: ${errorText(error)}`);
    }
    try {
      const cutAt = await this.#readCommands(file, fd);
      if (typeof cutAt === 'object') return cutAt;
      return cutAt < 0 ? 'complete' : this.#handleCut(file, cutAt, isLast);
    } finally {
      this.#options.files.close(fd);
    }
  }

  /** The command that repairs the folder. */
  get #remedy(): string {
    return `shoal-check aof --fix ${this.#manifestPath}`;
  }

  /** The reader then stands behind it. A snapshot that is not whole is never cut off: it holds all data of the past. */
  async #loadSnapshot(file: AofDataFile): Promise<Refusal | undefined> {
    const isBase = file.name.endsWith('.rdb');
    this.#options.log(
      'notice',
      isBase ? 'Reading RDB base file on AOF loading...' : 'Reading RDB preamble from AOF file...',
    );
    const loaded = await this.#options.loadSnapshot(file.path, (loadedBytes, usedMemoryBytes) => {
      this.#snapshotBytes = loadedBytes;
      this.#usedMemoryBytes = usedMemoryBytes;
      return this.#yield(file);
    });
    if (isRefusal(loaded)) {
      return this.#refuse(`Error reading the RDB snapshot in the AOF file ${file.name}: ${loaded.refused}`);
    }
    this.#usedMemoryBytes = loaded.usedMemoryBytes;
    this.#reader.reset(loaded.endAt);
    return undefined;
  }

  /** Applies all commands. Returns -1, or where the cut tail begins when the file ends inside of something. */
  async #readCommands(file: AofDataFile, fd: number): Promise<number | Refusal> {
    const { apply, clock } = this.#options;
    const reader = this.#reader;
    let multiAt = -1;
    for (;;) {
      const outcome = reader.next();
      if (outcome === COMMAND) {
        if (reader.argc === 1) multiAt = this.#trackTransaction(multiAt);
        const problem = apply(reader.buf, reader.start, reader.end, reader.argc);
        if (problem !== undefined) {
          return this.#refuse(
            `${problem} reading the append only file ${file.name}: the command begins at byte ${reader.commandAt}`,
          );
        }
        this.#commands++;
        if (this.#commands % COMMANDS_PER_CLOCK_READ !== 0) continue;
        if (clock.monotonicUs() - this.#sliceStartUs >= SLICE_US) await this.#yield(file);
      } else if (outcome === MORE) {
        const hasMore = this.#readChunk(file, fd);
        if (typeof hasMore === 'object') return hasMore;
        if (hasMore) continue;
        if (multiAt >= 0) {
          this.#options.log('warning', `Revert incomplete MULTI/EXEC transaction in AOF file ${file.name}`);
          return multiAt;
        }
        return reader.isInside ? reader.validUpTo : -1;
      } else {
        return this.#refuse(
          `Bad file format reading the append only file ${file.name}: make a backup of your AOF file, then use ` +
            `${this.#remedy}. At byte ${reader.problemAt}: ${reader.problem}. ` +
            `All is well up to byte ${reader.validUpTo} of ${file.sizeBytes}.`,
        );
      }
    }
  }

  /** The offset of the MULTI that is still open; -1 outside of a transaction. */
  #trackTransaction(multiAt: number): number {
    const { buf, start, end, commandAt } = this.#reader;
    if (multiAt < 0) return equalsIgnoreCase(buf, start[0], end[0], 'multi') ? commandAt : -1;
    return equalsIgnoreCase(buf, start[0], end[0], 'exec') ? -1 : multiAt;
  }

  /** Reads on. False at the end of the file, or as soon as it is clear that the command does not fit into its rest. */
  #readChunk(file: AofDataFile, fd: number): boolean | Refusal {
    const reader = this.#reader;
    const left = file.sizeBytes - reader.readUpTo;
    if (reader.bytesNeeded > left) return false;
    reader.prepare(left);
    const room = Math.min(reader.buf.length - reader.filled, left);
    try {
      const count = this.#options.files.read(fd, reader.buf, reader.filled, room, reader.readUpTo);
      reader.filled += count;
      return count > 0;
    } catch (error) {
      return this.#refuse(`Unrecoverable error reading the append only file ${file.name}: ${errorText(error)}`);
    }
  }

  #handleCut(file: AofDataFile, cutAt: number, isLast: boolean): FileOutcome {
    const { log, loadTruncated } = this.#options;
    const where = `It is whole up to byte ${cutAt} of ${file.sizeBytes}.`;
    if (!loadTruncated) {
      return this.#refuse(
        `Unexpected end of file reading the append only file ${file.name}. You can: 1) Make a backup of your AOF file, ` +
          `then use ${this.#remedy}. 2) Alternatively you can set the ` +
          `'aof-load-truncated' configuration option to yes and restart the server. ${where}`,
      );
    }
    log('warning', `!!! Warning: short read while loading the AOF file ${file.name}!!!`);
    if (!isLast) {
      return this.#refuse(
        `Fatal error: the truncated file is not the last file: ${file.name}. ${where} The files behind it build on what is ` +
          `missing. shoal-check aof ${this.#manifestPath} shows the place; restore the file from a copy.`,
      );
    }
    log('warning', `!!! Truncating the AOF ${file.name} at offset ${cutAt} !!!`);
    try {
      this.#truncate(file.path, cutAt);
    } catch (error) {
      return this.#refuse(`Error truncating the AOF file ${file.name}: ${errorText(error)}. ${where}`);
    }
    log('warning', `AOF ${file.name} loaded anyway because aof-load-truncated is enabled`);
    return 'complete';
  }

  #truncate(path: string, length: number): void {
    const { files } = this.#options;
    const fd = files.open(path, 'update');
    try {
      files.truncate(fd, length);
      files.datasync(fd);
    } finally {
      files.close(fd);
    }
  }

  async #yield(file: AofDataFile): Promise<void> {
    const { clock, log, yieldNow } = this.#options;
    const nowUs = clock.monotonicUs();
    if (nowUs - this.#lastLogUs >= LOG_INTERVAL_US) {
      this.#lastLogUs = nowUs;
      const { loadedPercent, loadedBytes, totalBytes, etaSeconds } = this.progress();
      log(
        'notice',
        `Loading the append only file ${file.name}: ${loadedPercent.toFixed(2)}% ` +
          `(${loadedBytes} of ${totalBytes} bytes), about ${etaSeconds} seconds left`,
      );
    }
    await yieldNow();
    this.#sliceStartUs = clock.monotonicUs();
  }

  #refuse(reason: string): Refusal {
    return refuse(this.#options.log, reason);
  }
}

/**
 * A crash right behind the beginning of a rewrite can leave the end of a file missing and the next one empty: nothing was built
 * on what is missing.
 */
function isLastWithData(files: readonly AofDataFile[], i: number): boolean {
  return files.slice(i + 1).every(({ sizeBytes }) => sizeBytes === 0);
}

function seconds(us: number): string {
  return (us / 1_000_000).toFixed(3);
}
