/**
 * The append-only folder: its manifest, the files that it names, and every change of them.
 *
 *   dir/appendonlydir/appendonly.aof.1.base.aof     snapshot
 *                     appendonly.aof.1.incr.aof     commands since
 *                     appendonly.aof.manifest       which of them hold the data
 *                     appendonly.aof.lock           who uses the folder (ours; redis-server does not look at it)
 *
 * The manifest on disk is the truth: a file counts from the moment the manifest that names it is in place, and is deleted
 * only after it stopped counting. So a crash between any two steps leaves a folder that loads.
 */
import path from 'node:path';
import {
  type AofManifest,
  manifestName,
  TEMP_BASE,
  tempIncrName,
  withNewBase,
  withNewIncr,
} from '../format/aofManifest.js';
import { type AofFolderOptions, AofManifestFile } from './aofManifestFile.js';
import { AofRotation } from './aofRotation.js';
import { errorText, type FileSystem, writeSynced } from './fileSystem.js';
import { type ProcessTable, releaseLock, takeLock } from './folderLock.js';
import { isRefusal, type LogSink, type Refusal, refuse } from './logSink.js';

export interface AofFilesOptions extends AofFolderOptions {
  readonly processes: ProcessTable;
  /** History files stay until somebody deletes them, `aof-disable-auto-gc`. */
  readonly keepsHistory?: boolean;
  /** An RDB file without data, for the base of a new folder; by default it has no commands instead. */
  readonly emptyBase?: () => Uint8Array;
}

/** A file to load at start. */
export interface AofDataFile {
  readonly kind: 'base' | 'incr';
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** A file that takes the new commands. */
export interface OpenFile {
  readonly fd: number;
  readonly sizeBytes: number;
  /** Of base and incremental files together. */
  readonly totalBytes: number;
  readonly baseBytes: number;
}

export interface OpenIncr extends OpenFile {
  readonly name: string;
}

export class AofFiles {
  /** Changes of the folder while it is written. */
  readonly rotation: AofRotation;
  readonly #options: AofFilesOptions;
  readonly #files: FileSystem;
  readonly #log: LogSink;
  readonly #place: AofManifestFile;

  private constructor(options: AofFilesOptions) {
    this.#options = options;
    this.#files = options.files;
    this.#log = options.log;
    this.#place = new AofManifestFile(options);
    this.rotation = new AofRotation(this.#files, this.#log, this.#place);
  }

  /**
   * Takes the folder for this server: creates it when missing, locks it, reads its manifest. Nothing is loaded yet. `loading`:
   * it is going to be, so an append-only file of the old single-file kind is moved into it.
   */
  static open(options: AofFilesOptions, loading = true): AofFiles | Refusal {
    const folder = new AofFiles(options);
    const refusal = folder.#create() ?? folder.#lock();
    if (refusal !== undefined) return refusal;
    const failure =
      folder.#place.read() ??
      folder.#finishFirstRewrite() ??
      folder.#checkOrphans() ??
      (loading ? folder.#upgradeSingleFile() : undefined);
    if (failure !== undefined) {
      folder.release();
      return failure;
    }
    return folder;
  }

  /** The folder's path. */
  get folder(): string {
    return this.#place.folder;
  }

  get manifestPath(): string {
    return this.#place.path;
  }

  get manifest(): AofManifest {
    return this.#place.manifest;
  }

  /** What to load, in order: the base file, then the incremental ones. Empty on a first start. */
  dataFiles(): AofDataFile[] | Refusal {
    const { base, incr } = this.manifest;
    const found: AofDataFile[] = [];
    const entries = base === undefined ? incr : [base, ...incr];
    for (const entry of entries) {
      const file = this.#pathOf(entry.name);
      try {
        const stat = this.#files.stat(file);
        if (stat === undefined)
          return this.#refuse(`Unable to obtain the AOF file ${entry.name} length. stat: ${MISSING}`);
        if (stat.kind !== 'file') return this.#refuse(`The AOF file ${file} is not a regular file`);
        const kind = entry === base ? 'base' : 'incr';
        found.push({ kind, name: entry.name, path: file, sizeBytes: stat.size });
      } catch (error) {
        return this.#refuse(`Unable to obtain the AOF file ${entry.name} length. stat: ${errorText(error)}`);
      }
    }
    return found;
  }

  /**
   * After loading: deletes what no longer counts, creates what is missing, and opens the last incremental file for
   * appending.
   */
  openForAppend(): OpenIncr | Refusal {
    const { appendFileName } = this.#options;
    const found = this.dataFiles();
    if (isRefusal(found)) return found;
    const failure = this.removeLeftovers();
    if (failure !== undefined) return failure;
    let manifest = this.manifest;
    if (manifest.base === undefined && manifest.incr.length === 0) {
      const { emptyBase } = this.#options;
      manifest = withNewBase(manifest, appendFileName, emptyBase === undefined ? 'aof' : 'rdb');
      const name = manifest.base?.name ?? '';
      const refused = this.#writeBase(name, emptyBase?.() ?? new Uint8Array());
      if (refused !== undefined) return refused;
      this.#log('notice', `Creating AOF base file ${name} on server start`);
    }
    const isNew = manifest.incr.length === 0;
    if (isNew) manifest = withNewIncr(manifest, appendFileName);
    const name = manifest.incr[manifest.incr.length - 1].name;
    if (isNew && this.#holdsData(name)) {
      return this.#refuse(
        `The AOF file ${this.#pathOf(name)} holds data, but the manifest does not name it. Move it elsewhere.`,
      );
    }
    const fd = this.#openFile(name);
    if (typeof fd !== 'number') return fd;
    const unsaved = manifest === this.manifest ? undefined : (this.#syncNames() ?? this.#place.persist(manifest));
    if (unsaved !== undefined) {
      this.#files.close(fd);
      return unsaved;
    }
    this.#log('notice', `${isNew ? 'Creating' : 'Opening'} AOF incr file ${name} on server start`);
    return this.#describe(name, fd);
  }

  /** Gives the folder back. */
  release(): void {
    try {
      releaseLock(this.#files, this.#lockPath());
    } catch (error) {
      this.#log('warning', `Can't remove the lock file ${this.#lockPath()}: ${errorText(error)}`);
    }
  }

  #create(): Refusal | undefined {
    try {
      if (this.#files.stat(this.folder)?.kind === 'directory') return undefined;
      this.#files.makeDirectory(this.folder);
      this.#files.syncDirectory(this.#options.dir);
      return undefined;
    } catch (error) {
      return this.#refuse(`Can't open or create append-only dir ${this.#options.appendDirName}: ${errorText(error)}`);
    }
  }

  #lock(): Refusal | undefined {
    const file = this.#lockPath();
    try {
      const holder = takeLock(this.#files, file, this.#options.processes);
      if (holder === undefined) return undefined;
      return this.#refuse(
        `The append-only dir ${this.folder} is in use by the process with pid ${holder} (lock file ${file}). ` +
          "Stop that process, or give this server another 'dir' or 'appenddirname'.",
      );
    } catch (error) {
      return this.#refuse(`Can't lock the append-only dir ${this.folder} with ${file}: ${errorText(error)}`);
    }
  }

  /**
   * A crash while the first base was put in place leaves no manifest, but the staged one. If its base is there, which was
   * renamed behind it, everything it names is, under this name or the temporary one.
   */
  #finishFirstRewrite(): Refusal | undefined {
    const place = this.#place;
    if (!place.isEmpty) return undefined;
    try {
      const staged = place.readStaged();
      if (staged?.base === undefined || this.#files.stat(this.#pathOf(staged.base.name)) === undefined)
        return undefined;
      const tempIncr = this.#pathOf(tempIncrName(this.#options.appendFileName));
      for (const { name } of staged.incr) {
        if (this.#files.stat(this.#pathOf(name)) !== undefined) continue;
        if (this.#files.stat(tempIncr) === undefined) return undefined;
        this.#files.rename(tempIncr, this.#pathOf(name));
      }
      this.#files.syncDirectory(this.folder);
      const refused = place.commit(staged);
      if (refused !== undefined) return refused;
      this.#log(
        'notice',
        `Took over the AOF base file ${staged.base.name}, which was being put in place at the last end`,
      );
      return undefined;
    } catch (error) {
      return this.#refuse(`Can't take over the AOF manifest file ${place.tempPath}: ${errorText(error)}`);
    }
  }

  /**
   * Without a manifest the folder would be taken for a new one. When it holds commands all the same, somebody lost the
   * manifest: starting empty, and writing behind those commands, would lose data silently.
   */
  #checkOrphans(): Refusal | undefined {
    if (!this.#place.isEmpty) return undefined;
    const prefix = `${this.#options.appendFileName}.`;
    try {
      for (const name of this.#files.list(this.folder)) {
        if (!name.startsWith(prefix) || !/^\d+\.(base|incr)\.(aof|rdb)$/.test(name.slice(prefix.length))) continue;
        if (!this.#holdsData(name)) continue;
        return this.#refuse(
          `The AOF manifest file ${manifestName(this.#options.appendFileName)} doesn't exist or names no file, ` +
            `but ${this.#pathOf(name)} holds data. Put the manifest back, or move the AOF files elsewhere to start empty.`,
        );
      }
      return undefined;
    } catch (error) {
      return this.#refuse(`Can't read the append-only dir ${this.folder}: ${errorText(error)}`);
    }
  }

  /**
   * Up to version 6 Redis had a single file in `dir`. It becomes the base file of the folder, under its own name. The
   * manifest goes first: a crash before the move is seen at the next start, because the file is not in the folder then.
   */
  #upgradeSingleFile(): Refusal | undefined {
    const { dir, appendDirName, appendFileName } = this.#options;
    const oldPath = path.join(dir, appendFileName);
    const newPath = this.#pathOf(appendFileName);
    const { base, incr } = this.manifest;
    try {
      if (this.#files.stat(oldPath)?.kind !== 'file') return undefined;
      const isUnused = base === undefined && incr.length === 0;
      const isHalfDone = base?.name === appendFileName && incr.length === 0 && this.#files.stat(newPath) === undefined;
      if (!isUnused && !isHalfDone) return undefined;
      const unsaved = this.#place.persist({ base: { name: appendFileName, seq: 1 }, history: [], incr: [] });
      if (unsaved !== undefined) return unsaved;
      this.#files.rename(oldPath, newPath);
      this.#files.syncDirectory(this.folder);
      this.#files.syncDirectory(dir);
    } catch (error) {
      return this.#refuse(
        `Error trying to move the old AOF file ${appendFileName} into dir ${appendDirName}: ${errorText(error)}`,
      );
    }
    this.#log(
      'notice',
      `Successfully migrated an old-style AOF file (${appendFileName}) into the AOF directory (${appendDirName}).`,
    );
    return undefined;
  }

  /** Deletes history files, and what a crash left half written. */
  removeLeftovers(): Refusal | undefined {
    try {
      this.#place.unstage();
      this.#files.remove(this.#pathOf(tempIncrName(this.#options.appendFileName)));
      for (const name of this.#files.list(this.folder))
        if (TEMP_BASE.test(name)) this.#files.remove(this.#pathOf(name));
    } catch (error) {
      return this.#refuse(`Can't remove old files from the append-only dir ${this.folder}: ${errorText(error)}`);
    }
    if (this.#options.keepsHistory !== true) this.rotation.removeHistory();
    return undefined;
  }

  #writeBase(name: string, bytes: Uint8Array): Refusal | undefined {
    try {
      writeSynced(this.#files, this.#pathOf(name), bytes);
      return undefined;
    } catch (error) {
      return this.#refuse(`Can't open the append-only file ${name}: ${errorText(error)}`);
    }
  }

  #syncNames(): Refusal | undefined {
    try {
      this.#files.syncDirectory(this.folder);
      return undefined;
    } catch (error) {
      return this.#refuse(`Fail to fsync AOF directory ${this.folder}: ${errorText(error)}.`);
    }
  }

  #openFile(name: string): number | Refusal {
    try {
      return this.#files.open(this.#pathOf(name), 'append');
    } catch (error) {
      return this.#refuse(`Can't open the append-only file ${name}: ${errorText(error)}`);
    }
  }

  #describe(name: string, fd: number): OpenIncr | Refusal {
    const found = this.dataFiles();
    if (isRefusal(found)) {
      this.#files.close(fd);
      return found;
    }
    let totalBytes = 0;
    let baseBytes = 0;
    for (const file of found) {
      totalBytes += file.sizeBytes;
      if (file.kind === 'base') baseBytes = file.sizeBytes;
    }
    return { name, fd, sizeBytes: found[found.length - 1].sizeBytes, totalBytes, baseBytes };
  }

  #holdsData(name: string): boolean {
    return (this.#files.stat(this.#pathOf(name))?.size ?? 0) > 0;
  }

  #pathOf(name: string): string {
    return this.#place.pathOf(name);
  }

  #lockPath(): string {
    return this.#pathOf(`${this.#options.appendFileName}.lock`);
  }

  #refuse(reason: string): Refusal {
    return refuse(this.#log, reason);
  }
}

const MISSING = 'No such file or directory';

/** True when the file begins like an RDB file does. */
export function isRdb(files: FileSystem, file: string): boolean {
  const magic = Buffer.alloc(5);
  const fd = files.open(file, 'read');
  try {
    return files.read(fd, magic, 0, 5, 0) === 5 && magic.toString('latin1') === 'REDIS';
  } finally {
    files.close(fd);
  }
}
