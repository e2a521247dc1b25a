/**
 * Changes an append-only folder while it is written: a rewrite begins with a new incremental file, and ends with a new base.
 *
 *   begin    openNextIncr     append 2.incr.aof; the manifest names it behind 1.incr.aof
 *            openTempIncr     append temp-appendonly.aof.incr; no manifest names it until there is a base (appendonly was off)
 *   beside   temp-rewriteaof-bg-PID.aof is written (snapshotFile.ts)
 *   end      adopt            2.base.rdb takes the place of 1.base.rdb and 1.incr.aof, which become history
 *   after    removeHistory
 *
 * A crash, or an error, between any two file operations leaves a folder that loads as it was before the operation or as it is
 * after it. Names are on disk before the manifest that counts on them.
 */
import {
  type AofBaseFormat,
  type AofFileEntry,
  type AofManifest,
  tempBaseName,
  tempIncrName,
  withNewBase,
  withNewIncr,
  withOldIncrAsHistory,
  withoutHistory,
} from '../format/aofManifest.js';
import type { AofManifestFile } from './aofManifestFile.js';
import { errorText, type FileSystem } from './fileSystem.js';
import { type LogSink, type Refusal, refuse } from './logSink.js';

/** What takes the commands from here on: the file of a manifest, a temporary one, or nothing while the AOF is off. */
export type RewriteIncr = 'next' | 'temp' | 'none';

export interface NewBase {
  /** Of the server: it is part of the temporary file's name. */
  readonly pid: number;
  readonly format: AofBaseFormat;
  /** Where commands went meanwhile. */
  readonly incr: RewriteIncr;
}

export class AofRotation {
  readonly #files: FileSystem;
  readonly #log: LogSink;
  readonly #place: AofManifestFile;

  constructor(files: FileSystem, log: LogSink, place: AofManifestFile) {
    this.#files = files;
    this.#log = log;
    this.#place = place;
  }

  /** Where the new base is written. */
  tempBasePath(pid: number): string {
    return this.#place.pathOf(tempBaseName(pid));
  }

  /** Puts one more incremental file behind the others. Answers its descriptor; on a refusal commands go on in the old one. */
  openNextIncr(): { fd: number } | Refusal {
    const manifest = withNewIncr(this.#place.manifest, this.#place.appendFileName);
    const { name } = manifest.incr[manifest.incr.length - 1];
    const opened = this.#create(name);
    if ('refused' in opened) return opened;
    const refused = this.#syncFolder() ?? this.#place.persist(manifest);
    if (refused !== undefined) {
      this.#files.close(opened.fd);
      if (this.#place.manifest !== manifest) this.#remove(name);
      return refused;
    }
    this.#log('notice', `Creating AOF incr file ${name} on background rewrite`);
    return opened;
  }

  /** For the commands since the first base was begun. */
  openTempIncr(): { fd: number } | Refusal {
    const name = tempIncrName(this.#place.appendFileName);
    const opened = this.#create(name);
    if (!('refused' in opened)) this.#log('notice', `Creating AOF incr file ${name} on background rewrite`);
    return opened;
  }

  removeTempIncr(): void {
    const name = tempIncrName(this.#place.appendFileName);
    this.#log('notice', `Removing the temp incr aof file ${name} in the background`);
    this.#remove(name);
  }

  /** The base that was written, which is on disk, takes its place. Answers its length; on a refusal nothing has changed. */
  adopt(base: NewBase): { baseBytes: number } | Refusal {
    const place = this.#place;
    const manifest = this.#manifestWith(base);
    const { name } = manifest.base as AofFileEntry;
    // Without a manifest this one tells the next start, should we not get to its end, what the files are.
    const refused = place.stage(manifest) ?? (place.isEmpty ? this.#syncFolder() : undefined);
    if (refused !== undefined) return refused;
    const failure =
      this.#rename('base', tempBaseName(base.pid), name) ??
      this.#syncFolder() ??
      (base.incr === 'temp' ? this.#renameTempIncr(manifest.incr[0].name) : undefined) ??
      place.commit(manifest);
    if (place.manifest !== manifest) {
      place.unstage();
      this.#remove(name);
      if (base.incr === 'temp') this.#remove(manifest.incr[0].name);
      return failure as Refusal;
    }
    // The manifest is in place, though perhaps not on disk yet (the log tells so): what it replaced is kept then.
    return { baseBytes: this.#files.stat(place.pathOf(name))?.size ?? 0 };
  }

  /** Deletes history files, and takes them out of the manifest. */
  removeHistory(): void {
    const { history } = this.#place.manifest;
    if (history.length === 0 || !this.#place.isSettled) return;
    const removed: AofFileEntry[] = [];
    for (const entry of history) {
      this.#log('notice', `Removing the history file ${entry.name} in the background`);
      // Those that are left still look like what a rewrite leaves: the base behind its incremental files.
      if (!this.#remove(entry.name)) break;
      removed.push(entry);
    }
    if (removed.length > 0) this.#place.persist(withoutHistory(this.#place.manifest, removed));
  }

  #manifestWith({ format, incr }: NewBase): AofManifest {
    const { appendFileName } = this.#place;
    const based = withNewBase(this.#place.manifest, appendFileName, format);
    if (incr === 'next') return withOldIncrAsHistory(based, 1);
    // The number goes on behind those that become history.
    if (incr === 'temp') return withOldIncrAsHistory(withNewIncr(based, appendFileName), 1);
    return withOldIncrAsHistory(based, 0);
  }

  #create(name: string): { fd: number } | Refusal {
    try {
      return { fd: this.#files.open(this.#place.pathOf(name), 'create') };
    } catch (error) {
      return this.#refuse(`Can't open the append-only file ${name}: ${errorText(error)}`);
    }
  }

  /** Behind the base: never is there an incremental file without it. */
  #renameTempIncr(name: string): Refusal | undefined {
    return this.#rename('incr', tempIncrName(this.#place.appendFileName), name) ?? this.#syncFolder();
  }

  #rename(kind: 'base' | 'incr', from: string, to: string): Refusal | undefined {
    try {
      this.#files.rename(this.#place.pathOf(from), this.#place.pathOf(to));
    } catch (error) {
      return this.#refuse(
        `Error trying to rename the temporary AOF ${kind} file ${from} into ${to}: ${errorText(error)}`,
      );
    }
    this.#log('notice', `Successfully renamed the temporary AOF ${kind} file ${from} into ${to}`);
    return undefined;
  }

  #syncFolder(): Refusal | undefined {
    try {
      this.#files.syncDirectory(this.#place.folder);
      return undefined;
    } catch (error) {
      return this.#refuse(`Fail to fsync AOF directory ${this.#place.folder}: ${errorText(error)}.`);
    }
  }

  #remove(name: string): boolean {
    try {
      this.#files.remove(this.#place.pathOf(name));
      return true;
    } catch (error) {
      this.#log('warning', `Can't remove the file ${name} from the append-only dir: ${errorText(error)}`);
      return false;
    }
  }

  #refuse(reason: string): Refusal {
    return refuse(this.#log, reason);
  }
}
