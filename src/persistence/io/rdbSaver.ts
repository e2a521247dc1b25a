/**
 * Brings the data to an RDB file: under another name in the same directory, synced, then renamed, then the directory synced.
 * Until the rename the old file is what it was, and whatever fails before leaves nothing behind.
 */
import path from 'node:path';
import type { Store } from '../../store/store.js';
import type { RdbFileFacts } from '../format/rdbFileFormat.js';
import { RdbFileWriter } from '../format/rdbFileWriter.js';
import type { RdbValues } from '../format/rdbValue.js';
import { errorText, type FileSystem } from './fileSystem.js';
import type { LogSink } from './logSink.js';
import { SnapshotFile } from './snapshotFile.js';

/** With `rdb-save-incremental-fsync` no more than this waits for the disk at the end. */
const SYNC_EVERY_BYTES = 4 * 1024 * 1024;

export interface RdbSaveOptions {
  readonly files: FileSystem;
  readonly log: LogSink;
  readonly dir: string;
  /** `dbfilename` */
  readonly fileName: string;
  /** Of this process: it is part of the temporary file's name. */
  readonly pid: number;
  /** `rdb-save-incremental-fsync` */
  readonly syncingOften: boolean;
}

export interface RdbSaveData {
  readonly values: RdbValues;
  readonly facts: RdbFileFacts;
}

/** Saves all of `store`. False when that failed; the reason has been logged. */
export function saveRdb(store: Store, options: RdbSaveOptions & RdbSaveData): boolean {
  const { files, log, dir } = options;
  const tempName = `temp-${options.pid}.rdb`;
  const temp = path.join(dir, tempName);
  let fd: number;
  try {
    fd = files.open(temp, 'create');
  } catch (error) {
    log('warning', cannotOpen(tempName, dir, error));
    return false;
  }
  try {
    writeFile(store, fd, options);
  } catch (error) {
    log('warning', cannotWrite(error));
    removeTemp(files, temp);
    return false;
  }
  if (!takeOver(temp, tempName, options)) return false;
  try {
    files.syncDirectory(dir);
  } catch (error) {
    log('warning', cannotSyncDirectory(error));
    return false;
  }
  log('notice', 'DB saved on disk');
  return true;
}

/** On return the file is whole, on disk and closed; it is closed also when that fails. */
function writeFile(store: Store, fd: number, options: RdbSaveOptions & RdbSaveData): void {
  const { files, values, facts, syncingOften } = options;
  let isOpen = true;
  let unsyncedBytes = 0;
  try {
    const writer = new RdbFileWriter(values, facts, (buf, length) => {
      for (let at = 0; at < length; ) at += files.write(fd, buf, at, length - at);
      unsyncedBytes += length;
      if (!syncingOften || unsyncedBytes < SYNC_EVERY_BYTES) return;
      files.datasync(fd);
      unsyncedBytes = 0;
    });
    writer.write(store);
    files.datasync(fd);
    isOpen = false;
    files.close(fd);
  } finally {
    if (isOpen) files.close(fd);
  }
}

/** A file that a snapshot is written to while the server serves; it becomes the data file in the end. */
export class RdbBackgroundFile {
  readonly sink: SnapshotFile;
  private readonly options: RdbSaveOptions;
  private readonly temp: string;
  private readonly tempName: string;

  private constructor(options: RdbSaveOptions, tempName: string) {
    this.options = options;
    this.tempName = tempName;
    this.temp = path.join(options.dir, tempName);
    this.sink = new SnapshotFile(options.files, this.temp, options.syncingOften);
  }

  /** Undefined when it cannot be made; the reason has been logged. */
  static create(options: RdbSaveOptions): RdbBackgroundFile | undefined {
    // Not the name that SAVE uses: a shutdown may save while what was begun here still closes.
    const tempName = `temp-bg-${options.pid}.rdb`;
    try {
      return new RdbBackgroundFile(options, tempName);
    } catch (error) {
      options.log('warning', cannotOpen(tempName, options.dir, error));
      return undefined;
    }
  }

  /** All has been written (or not, and why): `done` hears whether it is the data file now, on disk. The reason has been logged. */
  finish(error: unknown, done: (ok: boolean) => void): void {
    if (error !== undefined) return done(this.fail(error));
    this.sink.finish((problem) => {
      if (problem !== undefined) return done(this.fail(problem));
      if (!takeOver(this.temp, this.tempName, this.options)) return done(false);
      this.syncDirectory(done);
    });
  }

  /** Nothing is to become of it. */
  abandon(): void {
    try {
      this.sink.abandon();
    } catch {
      // The next save writes over the file.
    }
  }

  private fail(error: unknown): false {
    this.options.log('warning', cannotWrite(error));
    this.abandon();
    return false;
  }

  private syncDirectory(done: (ok: boolean) => void): void {
    const { files, log, dir } = this.options;
    files.syncDirectoryInBackground(dir, (error) => {
      if (error === undefined) log('notice', 'DB saved on disk');
      else log('warning', cannotSyncDirectory(error));
      done(error === undefined);
    });
  }
}

/** The temporary file takes the name of the data file. False when it cannot; the reason has been logged. */
function takeOver(temp: string, tempName: string, { files, log, dir, fileName }: RdbSaveOptions): boolean {
  try {
    files.rename(temp, path.join(dir, fileName));
    return true;
  } catch (error) {
    const where = `on the final destination ${fileName} (in server root dir ${dir})`;
    log('warning', `Error moving temp DB file ${tempName} ${where}: ${errorText(error)}`);
    removeTemp(files, temp);
    return false;
  }
}

function cannotOpen(tempName: string, dir: string, error: unknown): string {
  return `Failed opening the temp RDB file ${tempName} (in server root dir ${dir}) for saving: ${errorText(error)}`;
}

function cannotWrite(error: unknown): string {
  return `Write error saving DB on disk(rdbSaveRio): ${errorText(error)}`;
}

function cannotSyncDirectory(error: unknown): string {
  return `Write error saving DB on disk(fsyncFileDir): ${errorText(error)}`;
}

function removeTemp(files: FileSystem, temp: string): void {
  try {
    files.remove(temp);
  } catch {
    // The reason why the save failed has been told; the next one writes over this file.
  }
}
