/**
 * The manifest of an append-only folder on disk, and the names of the files beside it.
 *
 * A change is staged under another name first and then takes the place of the manifest at once:
 *
 *   stage    temp-appendonly.aof.manifest    written and synced
 *   commit   rename to appendonly.aof.manifest, then sync the folder
 *
 * The manifest in place is the truth, and {@link AofManifestFile.manifest} is what is in place, whatever else failed.
 */
import path from 'node:path';
import {
  type AofManifest,
  doubtfulHistory,
  EMPTY_MANIFEST,
  manifestName,
  parseManifest,
  printManifest,
  tempManifestName,
} from '../format/aofManifest.js';
import { errorText, type FileSystem, readWhole, writeSynced } from './fileSystem.js';
import { type LogSink, type Refusal, refuse } from './logSink.js';

export interface AofFolderOptions {
  readonly files: FileSystem;
  readonly log: LogSink;
  /** The server's working directory, `dir`. */
  readonly dir: string;
  /** `appenddirname` */
  readonly appendDirName: string;
  /** `appendfilename` */
  readonly appendFileName: string;
}

export class AofManifestFile {
  /** The folder's path. */
  readonly folder: string;
  readonly appendFileName: string;
  readonly #files: FileSystem;
  readonly #log: LogSink;
  #manifest: AofManifest = EMPTY_MANIFEST;
  #isSettled = true;

  constructor({ files, log, dir, appendDirName, appendFileName }: AofFolderOptions) {
    this.#files = files;
    this.#log = log;
    this.folder = path.join(dir, appendDirName);
    this.appendFileName = appendFileName;
  }

  /** What is in place. */
  get manifest(): AofManifest {
    return this.#manifest;
  }

  get isEmpty(): boolean {
    return this.#manifest.base === undefined && this.#manifest.incr.length === 0;
  }

  /** False: a power cut may bring the manifest before this one back, so what that one names must stay. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  get path(): string {
    return this.pathOf(manifestName(this.appendFileName));
  }

  get tempPath(): string {
    return this.pathOf(tempManifestName(this.appendFileName));
  }

  pathOf(name: string): string {
    return path.join(this.folder, name);
  }

  /** Reads what is in place; nothing is an empty manifest. */
  read(): Refusal | undefined {
    const file = this.path;
    let bytes: Uint8Array;
    try {
      if (this.#files.stat(file) === undefined) {
        this.#log('debug', `The AOF manifest file ${path.basename(file)} doesn't exist`);
        return undefined;
      }
      bytes = readWhole(this.#files, file);
    } catch (error) {
      return this.#refuse(`Fatal error: can't open the AOF manifest file ${file} for reading: ${errorText(error)}`);
    }
    const parsed = parseManifest(bytes);
    if (!('error' in parsed)) {
      const doubtful = doubtfulHistory(parsed);
      if (doubtful !== undefined) {
        return this.#refuse(
          `The AOF manifest file ${file} gives ${doubtful.name} up as history, but no rewrite replaced it. If it holds ` +
            "data, change its type to 'i'; if not, remove its line.",
        );
      }
      this.#manifest = parsed;
      return undefined;
    }
    this.#log('warning', '*** FATAL AOF MANIFEST FILE ERROR ***');
    if (parsed.lineNumber === 0) return this.#refuse(`${parsed.error}: ${file}`);
    this.#log('warning', `Reading the manifest file, at line ${parsed.lineNumber}`);
    this.#log('warning', `>>> '${parsed.line}'`);
    return this.#refuse(`${parsed.error}: ${file}, line ${parsed.lineNumber}`);
  }

  /** A manifest that was staged and is not in place; undefined when there is none or it is not whole. */
  readStaged(): AofManifest | undefined {
    if (this.#files.stat(this.tempPath) === undefined) return undefined;
    const parsed = parseManifest(readWhole(this.#files, this.tempPath));
    return 'error' in parsed ? undefined : parsed;
  }

  stage(manifest: AofManifest): Refusal | undefined {
    try {
      writeSynced(this.#files, this.tempPath, printManifest(manifest));
      return undefined;
    } catch (error) {
      this.unstage();
      return this.#refuse(`Error trying to write the AOF manifest file ${this.path}: ${errorText(error)}`);
    }
  }

  unstage(): void {
    try {
      this.#files.remove(this.tempPath);
    } catch {
      // The next one is written over it.
    }
  }

  /** Puts the staged manifest in place. */
  commit(manifest: AofManifest): Refusal | undefined {
    const { path: file, tempPath } = this;
    try {
      this.#files.rename(tempPath, file);
    } catch (error) {
      this.unstage();
      return this.#refuse(
        `Error trying to rename the temporary AOF manifest file ${tempPath} into ${file}: ${errorText(error)}`,
      );
    }
    this.#manifest = manifest;
    try {
      this.#files.syncDirectory(this.folder);
      this.#isSettled = true;
      return undefined;
    } catch (error) {
      this.#isSettled = false;
      return this.#refuse(`Fail to fsync AOF directory ${this.folder}: ${errorText(error)}.`);
    }
  }

  /** Replaces what is in place, if it differs. */
  persist(manifest: AofManifest): Refusal | undefined {
    if (manifest === this.#manifest) return undefined;
    return this.stage(manifest) ?? this.commit(manifest);
  }

  #refuse(reason: string): Refusal {
    return refuse(this.#log, reason);
  }
}
