import path from 'node:path';
import { errorCode, type FileStat, type FileSystem, type OpenMode } from '../../src/persistence/io/fileSystem.js';

interface Inode {
  data: Buffer;
  /** What a power cut leaves of it. */
  durable: Buffer;
}

interface Descriptor {
  readonly inode: Inode;
  readonly file: string;
}

interface BackgroundSync {
  readonly fd: number;
  readonly done: (error: unknown) => void;
}

/** Thrown when the machine dies in the middle of a file operation. */
export class PowerCut extends Error {}

/**
 * Files in memory on a disk that can be full, write short, fail, and lose at a power cut everything that was not synced:
 * bytes without datasync(), names without syncDirectory().
 */
export class MemoryFileSystem implements FileSystem {
  /** Bytes that fit on the disk. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** What a single write takes at most. */
  writeBytesMax = Number.POSITIVE_INFINITY;
  /** Operations that fail, with their error code: `faults.set('datasync', 'EIO')`. */
  readonly faults = new Map<keyof FileSystem, string>();
  /** How often each operation was called. */
  readonly calls = new Map<keyof FileSystem, number>();
  /** Background syncs under way; they end when the test says so. */
  readonly backgroundSyncs: BackgroundSync[] = [];
  /** Changing operations until the power goes. */
  operationsLeft = Number.POSITIVE_INFINITY;
  /** Changing operations so far; those from `from` to before `to` fail. */
  operations = 0;
  failing = { from: 0, to: 0, code: 'ENOSPC' };
  /** Background syncs end by themselves, in a later round. */
  syncsByItself = false;

  readonly #directories = new Set<string>(['/', '/data']);
  readonly #names = new Map<string, Inode>();
  readonly #durableNames = new Map<string, Inode>();
  readonly #descriptors = new Map<number, Descriptor>();
  #nextFd = 3;

  /** The disk after a power cut. Of what was not synced the kernel may have written some names, and the bytes of some files. */
  afterPowerCut(kept: { name?: () => boolean; data?: () => boolean } = {}): MemoryFileSystem {
    const next = new MemoryFileSystem();
    for (const directory of this.#directories) next.#directories.add(directory);
    const names = new Map(this.#durableNames);
    for (const [name, inode] of this.#names) if (kept.name?.() === true) names.set(name, inode);
    for (const [name, inode] of names) next.put(name, kept.data?.() === true ? inode.data : inode.durable);
    return next;
  }

  /** For who wants an object of functions. */
  asFileSystem(): FileSystem {
    return {
      open: (file, mode) => this.open(file, mode),
      close: (fd) => this.close(fd),
      read: (fd, buf, offset, length, position) => this.read(fd, buf, offset, length, position),
      write: (fd, buf, offset, length) => this.write(fd, buf, offset, length),
      truncate: (fd, length) => this.truncate(fd, length),
      datasync: (fd) => this.datasync(fd),
      datasyncInBackground: (fd, done) => this.datasyncInBackground(fd, done),
      size: (fd) => this.size(fd),
      stat: (file) => this.stat(file),
      list: (directory) => this.list(directory),
      rename: (from, to) => this.rename(from, to),
      link: (file, name) => this.link(file, name),
      remove: (file) => this.remove(file),
      makeDirectory: (directory) => this.makeDirectory(directory),
      syncDirectory: (directory) => this.syncDirectory(directory),
      syncDirectoryInBackground: (directory, done) => this.syncDirectoryInBackground(directory, done),
    };
  }

  /** The disk after the process was killed: the kernel still writes everything. */
  afterKill(): MemoryFileSystem {
    const next = new MemoryFileSystem();
    for (const directory of this.#directories) next.#directories.add(directory);
    for (const [name, inode] of this.#names) next.put(name, inode.data);
    return next;
  }

  put(file: string, data: Uint8Array | string): void {
    const bytes = Buffer.from(data as Uint8Array);
    const inode = { data: bytes, durable: bytes };
    this.#names.set(file, inode);
    this.#durableNames.set(file, inode);
  }

  /** The file's bytes, one a character; undefined when it does not exist. */
  text(file: string): string | undefined {
    return this.#names.get(file)?.data.toString('latin1');
  }

  get usedBytes(): number {
    let used = 0;
    for (const { data } of this.#names.values()) used += data.length;
    return used;
  }

  get openDescriptors(): number {
    return this.#descriptors.size;
  }

  /** Ends the oldest background sync. */
  endBackgroundSync(errorCode?: string): void {
    const sync = this.backgroundSyncs.shift();
    if (sync === undefined) throw new Error('no background sync is under way');
    if (errorCode === undefined) this.#settle(sync.fd);
    sync.done(errorCode === undefined ? undefined : systemError(errorCode));
  }

  open(file: string, mode: OpenMode): number {
    this.#enter('open', mode !== 'read' && mode !== 'update');
    let inode = this.#names.get(file);
    if (this.#directories.has(file)) throw systemError('EISDIR');
    if (mode === 'exclusive' && inode !== undefined) throw systemError('EEXIST');
    if (inode === undefined) {
      if (mode === 'read' || mode === 'update' || !this.#directories.has(path.dirname(file)))
        throw systemError('ENOENT');
      inode = { data: Buffer.alloc(0), durable: Buffer.alloc(0) };
      this.#names.set(file, inode);
    } else if (mode === 'create' || mode === 'scratch') {
      inode.data = Buffer.alloc(0);
    }
    const fd = this.#nextFd++;
    this.#descriptors.set(fd, { inode, file });
    return fd;
  }

  close(fd: number): void {
    this.#enter('close', false);
    if (!this.#descriptors.delete(fd)) throw systemError('EBADF');
  }

  read(fd: number, buf: Uint8Array, offset: number, length: number, position: number): number {
    this.#enter('read', false);
    return this.#inode(fd).data.copy(buf, offset, position, position + length);
  }

  write(fd: number, buf: Uint8Array, offset: number, length: number): number {
    this.#enter('write', true);
    const inode = this.#inode(fd);
    const count = Math.min(length, this.writeBytesMax, this.capacityBytes - this.usedBytes);
    if (count <= 0 && length > 0) throw systemError('ENOSPC');
    inode.data = Buffer.concat([inode.data, buf.subarray(offset, offset + count)]);
    return count;
  }

  truncate(fd: number, length: number): void {
    this.#enter('truncate', true);
    const inode = this.#inode(fd);
    inode.data = Buffer.from(inode.data.subarray(0, length));
  }

  datasync(fd: number): void {
    this.#enter('datasync', true);
    this.#settle(fd);
  }

  datasyncInBackground(fd: number, done: (error: unknown) => void): void {
    this.#enter('datasyncInBackground', false);
    this.#inode(fd);
    this.backgroundSyncs.push({ fd, done });
    if (this.syncsByItself) setImmediate(() => this.#syncByItself());
  }

  #syncByItself(): void {
    try {
      this.#enter('datasync', true);
    } catch (error) {
      // Nobody hears of it any more.
      if (error instanceof PowerCut) return;
      return this.endBackgroundSync(errorCode(error));
    }
    this.endBackgroundSync();
  }

  size(fd: number): number {
    return this.#inode(fd).data.length;
  }

  stat(file: string): FileStat | undefined {
    this.#enter('stat', false);
    if (this.#directories.has(file)) return { kind: 'directory', size: 0 };
    const inode = this.#names.get(file);
    return inode === undefined ? undefined : { kind: 'file', size: inode.data.length };
  }

  list(directory: string): string[] {
    this.#enter('list', false);
    return [...this.#names.keys()]
      .filter((name) => path.dirname(name) === directory)
      .map((name) => path.basename(name));
  }

  rename(from: string, to: string): void {
    this.#enter('rename', true);
    const inode = this.#names.get(from);
    if (inode === undefined) throw systemError('ENOENT');
    this.#names.delete(from);
    this.#names.set(to, inode);
  }

  link(file: string, name: string): void {
    this.#enter('link', true);
    const inode = this.#names.get(file);
    const there = this.#names.get(name);
    if (inode === undefined) throw systemError('ENOENT');
    if (there !== undefined && there !== inode) throw systemError('EEXIST');
    this.#names.set(name, inode);
  }

  remove(file: string): void {
    this.#enter('remove', true);
    this.#names.delete(file);
  }

  makeDirectory(directory: string): void {
    this.#enter('makeDirectory', true);
    this.#directories.add(directory);
  }

  syncDirectory(directory: string): void {
    this.#enter('syncDirectory', true);
    for (const name of this.#durableNames.keys()) {
      if (path.dirname(name) === directory && !this.#names.has(name)) this.#durableNames.delete(name);
    }
    for (const [name, inode] of this.#names) {
      if (path.dirname(name) === directory) this.#durableNames.set(name, inode);
    }
  }

  syncDirectoryInBackground(directory: string, done: (error: unknown) => void): void {
    let failure: unknown;
    try {
      this.syncDirectory(directory);
    } catch (error) {
      failure = error;
    }
    setImmediate(() => done(failure));
  }

  #settle(fd: number): void {
    const inode = this.#inode(fd);
    inode.durable = inode.data;
  }

  #inode(fd: number): Inode {
    const descriptor = this.#descriptors.get(fd);
    if (descriptor === undefined) throw systemError('EBADF');
    return descriptor.inode;
  }

  #enter(operation: keyof FileSystem, changes: boolean): void {
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    if (changes && this.operationsLeft-- <= 0) throw new PowerCut(operation);
    const { from, to } = this.failing;
    const fails = changes && this.operations >= from && this.operations < to;
    if (changes) this.operations++;
    const code = fails ? this.failing.code : this.faults.get(operation);
    if (code !== undefined) throw systemError(code);
  }
}

export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: made up by the test`), { code });
}
