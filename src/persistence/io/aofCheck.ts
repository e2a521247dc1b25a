/**
 * Looks whether append-only files are sound, in the words of redis-check-aof; cuts off a bad end, or what is later than a time,
 * when asked to. A command at a time is in memory.
 *
 *   manifest  -> base (an RDB file, perhaps with commands behind it, or commands) -> incremental files; only the last may be cut
 *   any other -> one file as Redis had it before version 7
 */
import path from 'node:path';
import { equalsIgnoreCase } from '../../base/bytes.js';
import type { Config } from '../../config/config.js';
import { type AofManifest, parseManifest } from '../format/aofManifest.js';
import { AofReader, COMMAND, MORE, TIMESTAMP } from '../format/aofReader.js';
import { isRdb } from './aofFiles.js';
import { errorText, type FileSystem, readWhole } from './fileSystem.js';
import { type ProcessTable, releaseLock, takeLock } from './folderLock.js';
import { checkRdb } from './rdbCheck.js';

export interface AofCheckOptions {
  readonly files: FileSystem;
  readonly processes: ProcessTable;
  readonly config: Config;
  readonly nowMs: number;
  /** Takes a line, with one byte a character. */
  readonly print: (line: string) => void;
  /** Puts a question and answers what the operator typed. */
  readonly ask: (question: string) => string;
  /** Cuts off a bad end, if the operator agrees. */
  readonly fixing: boolean;
  /** Cuts off what was written after this second. */
  readonly upToSeconds: number | undefined;
}

/** What became of a file. `bad` has been told already. */
type Verdict = 'valid' | 'empty' | 'cut' | 'cut to time' | 'bad';

interface OpenFile {
  /** For people. */
  readonly name: string;
  readonly path: string;
  readonly fd: number;
  readonly sizeBytes: number;
  readonly isLast: boolean;
}

/** What the commands of a file are like. */
interface Finding {
  /** All is well up to here. */
  readonly upTo: number;
  /** What is wrong there; undefined when the file only ends where it should not, or is whole. */
  readonly problem: string | undefined;
  /** There is something else than the end of the file. */
  readonly isDamaged: boolean;
  /** An annotation there is later than asked for. */
  readonly isLate: boolean;
}

const OFFSET_DIGITS = 16;
/** Longer files are no manifests. */
const MANIFEST_BYTES_MAX = 1024 * 1024;
const MANIFEST_SUFFIX = '.manifest';
/** As long as a range can be. */
const BULK_BYTES_MAX = 0x7fff0000;

/** Checks a manifest and its files, or one file. Answers whether all is well, or has been made so. */
export function checkAof(file: string, options: AofCheckOptions): boolean {
  return new AofCheck(options).run(file);
}

class AofCheck {
  readonly #options: AofCheckOptions;
  readonly #print: (line: string) => void;
  /** As redis-check-aof counts: line ends of commands, of all files together. */
  #line = 1;

  constructor(options: AofCheckOptions) {
    this.#options = options;
    this.#print = options.print;
  }

  run(file: string): boolean {
    try {
      return this.#isManifest(file) ? this.#checkFolder(file) : this.#checkOldStyle(file);
    } catch (error) {
      return this.#fail(`Cannot open file ${printed(file)}: ${errorText(error)}`);
    }
  }

  /** The first line of a manifest that is no comment names a file. */
  #isManifest(file: string): boolean {
    const { files } = this.#options;
    const stat = files.stat(file);
    if (stat === undefined || stat.kind !== 'file' || stat.size > MANIFEST_BYTES_MAX) return false;
    const text = Buffer.from(readWhole(files, file)).toString('latin1');
    return /^(#.*\n)*file/.test(text) || (text !== '' && file.endsWith(MANIFEST_SUFFIX) && !/^[*#R]/.test(text));
  }

  #checkOldStyle(file: string): boolean {
    this.#print('Start checking Old-Style AOF');
    const name = printed(file);
    return this.#conclude('AOF', name, this.#checkFile(name, file, true));
  }

  #checkFolder(file: string): boolean {
    const { files, processes, fixing, upToSeconds } = this.#options;
    this.#print('Start checking Multi Part AOF');
    const manifest = parseManifest(readWhole(files, file));
    if ('error' in manifest) {
      this.#print('*** FATAL AOF MANIFEST FILE ERROR ***');
      if (manifest.lineNumber > 0) {
        this.#print(`Reading the manifest file, at line ${manifest.lineNumber}`);
        this.#print(`>>> '${manifest.line}'`);
      }
      return this.#fail(manifest.error);
    }
    if (!fixing && upToSeconds === undefined) return this.#checkParts(path.dirname(file), manifest);
    const lock = file.endsWith(MANIFEST_SUFFIX) ? `${file.slice(0, -MANIFEST_SUFFIX.length)}.lock` : `${file}.lock`;
    const holder = takeLock(files, lock, processes);
    if (holder !== undefined) {
      return this.#fail(
        `The process with pid ${holder} uses these files (${lock}): stop it first. Nothing was changed.`,
      );
    }
    try {
      return this.#checkParts(path.dirname(file), manifest);
    } finally {
      releaseLock(files, lock);
    }
  }

  #checkParts(folder: string, { base, incr }: AofManifest): boolean {
    const { files } = this.#options;
    if (base !== undefined) {
      const file = path.join(folder, base.name);
      const name = printed(base.name);
      if (files.stat(file) === undefined) return this.#cannotOpen(name, 'No such file or directory');
      this.#print(`Start to check BASE AOF (${isRdb(files, file) ? 'RDB' : 'RESP'} format).`);
      if (!this.#conclude('BASE AOF', name, this.#checkFile(name, file, incr.length === 0))) return false;
    }
    if (incr.length > 0) this.#print('Start to check INCR files.');
    for (const entry of incr) {
      const name = printed(entry.name);
      const verdict = this.#checkFile(name, path.join(folder, entry.name), entry === incr.at(-1));
      if (!this.#conclude('INCR AOF', name, verdict)) return false;
    }
    this.#print('All AOF files and manifest are valid');
    return true;
  }

  #conclude(kind: string, name: string, verdict: Verdict): boolean {
    if (verdict === 'bad') return false;
    if (verdict === 'cut') this.#print(`Successfully truncated AOF ${name}`);
    else if (verdict === 'cut to time') {
      this.#print(`Successfully truncated AOF ${name} to timestamp ${this.#options.upToSeconds}`);
    } else this.#print(`${kind} ${name} is ${verdict}`);
    return true;
  }

  #checkFile(name: string, file: string, isLast: boolean): Verdict {
    const { files, fixing, upToSeconds } = this.#options;
    let fd: number;
    try {
      fd = files.open(file, fixing || upToSeconds !== undefined ? 'update' : 'read');
    } catch (error) {
      this.#cannotOpen(name, errorText(error));
      return 'bad';
    }
    try {
      return this.#checkOpen({ name, path: file, fd, sizeBytes: files.size(fd), isLast });
    } catch (error) {
      this.#fail(`Failed to read from AOF ${name}, aborting: ${errorText(error)}`);
      return 'bad';
    } finally {
      files.close(fd);
    }
  }

  #checkOpen(file: OpenFile): Verdict {
    if (file.sizeBytes === 0) return 'empty';
    let commandsAt = 0;
    if (isRdb(this.#options.files, file.path)) {
      const endAt = this.#checkPreamble(file);
      if (endAt === undefined) return 'bad';
      commandsAt = endAt;
    }
    const finding = this.#findCommands(file, commandsAt);
    return finding.isLate ? this.#cutToTime(file, finding.upTo) : this.#judge(file, finding);
  }

  #checkPreamble({ name, fd, sizeBytes }: OpenFile): number | undefined {
    const { files, config, nowMs } = this.#options;
    const endAt = checkRdb({
      config,
      nowMs,
      fileName: name,
      readBytes: (buf, offset, length, position) => files.read(fd, buf, offset, length, position),
      sizeBytes,
      print: this.#print,
    });
    this.#print(
      endAt === undefined
        ? 'RDB preamble of AOF file is not sane, aborting.'
        : 'RDB preamble is OK, proceeding with AOF tail...',
    );
    return endAt;
  }

  // ---------------------------------------------------------------- reading

  /** Reads the commands from `from` on, to the end or to the first thing that is not as it should be. */
  #findCommands(file: OpenFile, from: number): Finding {
    const { upToSeconds } = this.#options;
    const reader = new AofReader({ bulkBytesMax: BULK_BYTES_MAX, noticingTimestamps: upToSeconds !== undefined });
    reader.reset(from);
    /** Of the MULTI that is still open: what follows counts only with its EXEC. */
    let multiAt = -1;
    const finding = (problem: string | undefined, isDamaged = false, isLate = false): Finding => {
      this.#line += reader.linesInside;
      return { upTo: multiAt < 0 ? reader.validUpTo : multiAt, problem, isDamaged, isLate };
    };
    for (;;) {
      switch (reader.next()) {
        case COMMAND: {
          this.#line += 1 + 2 * reader.argc;
          const unexpected = transactionProblem(reader, multiAt >= 0);
          if (unexpected !== undefined) {
            const upTo = multiAt < 0 ? reader.commandAt : multiAt;
            const problem = at(reader.commandAt, `Unexpected ${unexpected} in AOF ${file.name}`);
            return { upTo, problem, isDamaged: true, isLate: false };
          }
          multiAt = multiAfter(reader, multiAt);
          break;
        }
        case TIMESTAMP:
          if (upToSeconds === undefined || reader.timestamp <= upToSeconds) break;
          return {
            upTo: multiAt < 0 ? reader.timestampAt : multiAt,
            problem: undefined,
            isDamaged: false,
            isLate: true,
          };
        case MORE: {
          if (this.#readChunk(file, reader)) break;
          const problem = missing(reader, file.sizeBytes);
          if (problem !== undefined || multiAt < 0) return finding(problem);
          return finding(at(file.sizeBytes, 'Reached EOF before reading EXEC for MULTI'));
        }
        default:
          // BAD
          if (reader.problemAt === reader.validUpTo) this.#print(`AOF ${file.name} format error`);
          return finding(at(reader.problemAt, reader.problem), true);
      }
    }
  }

  /** False at the end of the file, or as soon as it is clear that the command does not fit into its rest. */
  #readChunk({ fd, sizeBytes }: OpenFile, reader: AofReader): boolean {
    const left = sizeBytes - reader.readUpTo;
    if (reader.bytesNeeded > left) return false;
    reader.prepare(left);
    const room = Math.min(reader.buf.length - reader.filled, left);
    const count = this.#options.files.read(fd, reader.buf, reader.filled, room, reader.readUpTo);
    reader.filled += count;
    return count > 0;
  }

  // ---------------------------------------------------------------- verdict

  #judge(file: OpenFile, { upTo, problem, isDamaged }: Finding): Verdict {
    const { upToSeconds, fixing } = this.#options;
    const { name, sizeBytes } = file;
    if (problem !== undefined) this.#print(problem);
    const rest = sizeBytes - upTo;
    if (rest === 0 && upToSeconds !== undefined) {
      this.#print(`Truncate nothing in AOF ${name} to timestamp ${upToSeconds}`);
      return 'valid';
    }
    this.#print(
      `AOF analyzed: filename=${name}, size=${sizeBytes}, ok_up_to=${upTo}, ok_up_to_line=${this.#line}, diff=${rest}`,
    );
    if (rest === 0) return 'valid';
    if (fixing) return this.#fix(file, upTo, isDamaged);
    this.#print(`AOF ${name} is not valid. Use the --fix option to try fixing it.`);
    if (isDamaged) this.#warnOfDamage(rest);
    return 'bad';
  }

  #fix(file: OpenFile, upTo: number, isDamaged: boolean): Verdict {
    const { name, sizeBytes, isLast } = file;
    const rest = sizeBytes - upTo;
    if (!isLast) {
      this.#print(`Failed to truncate AOF ${name} because it is not the last file`);
      return 'bad';
    }
    this.#print(`This will shrink the AOF ${name} from ${sizeBytes} bytes, with ${rest} bytes, to ${upTo} bytes`);
    if (isDamaged) this.#warnOfDamage(rest);
    if (!/^y/i.test(this.#options.ask('Continue? [y/N]: '))) {
      this.#print('Aborting...');
      return 'bad';
    }
    return this.#truncate(file, upTo) ? 'cut' : 'bad';
  }

  /** A cut end is what a crash leaves; damage in the middle may have good commands behind it. */
  #warnOfDamage(rest: number): void {
    this.#print(
      `The file was not cut there, it is damaged: --fix takes the ${rest} bytes from there on away, good commands among ` +
        'them. Make a copy of the file first.',
    );
  }

  #cutToTime(file: OpenFile, upTo: number): Verdict {
    const { upToSeconds } = this.#options;
    const { name, isLast } = file;
    if (upTo === 0) {
      this.#print(`AOF ${name} has nothing before timestamp ${upToSeconds}, aborting...`);
      return 'bad';
    }
    if (!isLast) {
      this.#print(
        `Failed to truncate AOF ${name} to timestamp ${upToSeconds} to offset ${upTo} because it is not the last file.`,
      );
      this.#print(
        'If you insist, delete the files that the manifest names behind it, and their lines in the manifest, and run ' +
          'this again.',
      );
      return 'bad';
    }
    return this.#truncate(file, upTo) ? 'cut to time' : 'bad';
  }

  #truncate({ name, fd }: OpenFile, length: number): boolean {
    const { files } = this.#options;
    try {
      files.truncate(fd, length);
      files.datasync(fd);
      return true;
    } catch (error) {
      return this.#fail(`Failed to truncate AOF ${name}: ${errorText(error)}`);
    }
  }

  #cannotOpen(name: string, reason: string): false {
    return this.#fail(`Cannot open file ${name}: ${reason}, aborting...`);
  }

  #fail(line: string): false {
    this.#print(line);
    return false;
  }
}

/** A file's name with one byte a character. */
function printed(name: string): string {
  return Buffer.from(name, 'utf8').toString('latin1');
}

/** `0x              1f: text`, as redis-check-aof prints where something is wrong. */
function at(offset: number, text: string): string {
  return `0x${offset.toString(16).padStart(OFFSET_DIGITS)}: ${text}`;
}

/** What is missing where the file ends; undefined when nothing is. */
function missing(reader: AofReader, sizeBytes: number): string | undefined {
  const { offset, argumentBytes } = reader;
  if (argumentBytes >= 0) {
    return at(offset, `Expected to read ${argumentBytes + 2} bytes, got ${sizeBytes - offset} bytes`);
  }
  return reader.isInside ? at(offset, 'Expected \\r\\n, got the end of the file') : undefined;
}

function transactionProblem(reader: AofReader, isOpen: boolean): string | undefined {
  if (isOpen && isWord(reader, 'multi')) return 'MULTI';
  return !isOpen && isWord(reader, 'exec') ? 'EXEC' : undefined;
}

function multiAfter(reader: AofReader, multiAt: number): number {
  if (multiAt < 0) return isWord(reader, 'multi') ? reader.commandAt : -1;
  return isWord(reader, 'exec') ? -1 : multiAt;
}

function isWord({ buf, start, end }: AofReader, word: string): boolean {
  return equalsIgnoreCase(buf, start[0], end[0], word);
}
