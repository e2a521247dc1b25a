/**
 * Writes the data to an RDB file: under another name in the same directory, synced, then renamed, then the directory synced.
 * Until the rename the old file is what it was, and whatever fails before leaves nothing behind.
 */
import path from 'node:path';
import type { Store } from '../../store/store.js';
import { type RdbFileFacts, RdbFileWriter } from '../format/rdbFileWriter.js';
import type { RdbValues } from '../format/rdbValue.js';
import { errorText, type FileSystem } from './fileSystem.js';
import type { LogSink } from './logSink.js';

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
  readonly values: RdbValues;
  readonly facts: RdbFileFacts;
  /** `rdb-save-incremental-fsync` */
  readonly syncingOften: boolean;
}

/** Saves all of `store`. False when that failed; the reason has been logged. */
export function saveRdb(store: Store, options: RdbSaveOptions): boolean {
  const { files, log, dir, fileName } = options;
  const tempName = `temp-${options.pid}.rdb`;
  const temp = path.join(dir, tempName);
  const inDir = `(in server root dir ${dir})`;
  let fd: number;
  try {
    fd = files.open(temp, 'create');
  } catch (error) {
    log('warning', `Failed opening the temp RDB file ${tempName} ${inDir} for saving: ${errorText(error)}`);
    return false;
  }
  try {
    writeFile(store, fd, options);
  } catch (error) {
    log('warning', `Write error saving DB on disk(rdbSaveRio): ${errorText(error)}`);
    removeTemp(files, temp);
    return false;
  }
  try {
    files.rename(temp, path.join(dir, fileName));
  } catch (error) {
    const where = `on the final destination ${fileName} ${inDir}`;
    log('warning', `Error moving temp DB file ${tempName} ${where}: ${errorText(error)}`);
    removeTemp(files, temp);
    return false;
  }
  try {
    files.syncDirectory(dir);
  } catch (error) {
    log('warning', `Write error saving DB on disk(fsyncFileDir): ${errorText(error)}`);
    return false;
  }
  log('notice', 'DB saved on disk');
  return true;
}

/** On return the file is whole, on disk and closed; it is closed also when that fails. */
function writeFile(store: Store, fd: number, { files, values, facts, syncingOften }: RdbSaveOptions): void {
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

function removeTemp(files: FileSystem, temp: string): void {
  try {
    files.remove(temp);
  } catch {
    // The reason why the save failed has been told; the next one writes over this file.
  }
}
