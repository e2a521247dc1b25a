/**
 * The file operations that persistence needs, small enough for tests to stand in for: a disk that is full, that writes
 * short, that fails to sync, or that loses at a power cut what was not synced.
 *
 * All of them throw NodeJS.ErrnoException; the callers turn that into results and log lines with {@link errorText}.
 */
import fs from 'node:fs';
import path from 'node:path';

export interface FileSystem {
  /** 'read', 'append' (created when missing), 'create' (emptied when it exists), 'exclusive' (must not exist), 'update', 'scratch' ('create' and 'read'). */
  open(file: string, mode: OpenMode): number;
  close(fd: number): void;
  /** Bytes read to buf[offset...) from the file's offset `position`; 0 at the end. */
  read(fd: number, buf: Uint8Array, offset: number, length: number, position: number): number;
  /** Bytes written to the file's end; may be fewer than asked for. */
  write(fd: number, buf: Uint8Array, offset: number, length: number): number;
  truncate(fd: number, length: number): void;
  /** On return the file's bytes are on disk. */
  datasync(fd: number): void;
  /** The same without waiting; `done` gets undefined or the error. */
  datasyncInBackground(fd: number, done: (error: unknown) => void): void;
  /** The length of an open file. */
  size(fd: number): number;
  /** Undefined when there is nothing of that name. */
  stat(file: string): FileStat | undefined;
  list(directory: string): string[];
  /** What had the name `to` gives its space back in the background. */
  rename(from: string, to: string): void;
  /** Gives the file one more name. Does nothing when it has that already. */
  link(file: string, name: string): void;
  /** On return the name is gone; a large file gives its space back in the background. Does nothing when there is none. */
  remove(file: string): void;
  /** Does nothing when the directory exists. */
  makeDirectory(directory: string): void;
  /** On return the directory's names are on disk. */
  syncDirectory(directory: string): void;
  /** The same without waiting; `done` gets undefined or the error. */
  syncDirectoryInBackground(directory: string, done: (error: unknown) => void): void;
}

export type OpenMode = 'read' | 'append' | 'create' | 'exclusive' | 'update' | 'scratch';

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other';
  readonly size: number;
}

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = fs.constants;

/** Everything written goes to the end, also after truncate(): without O_APPEND that would leave a hole of zeros. */
const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  append: O_WRONLY | O_APPEND | O_CREAT,
  create: O_WRONLY | O_APPEND | O_CREAT | O_TRUNC,
  exclusive: O_WRONLY | O_APPEND | O_CREAT | O_EXCL,
  update: O_RDWR,
  scratch: O_RDWR | O_APPEND | O_CREAT | O_TRUNC,
};

/** The files of the machine. */
export const nodeFileSystem: FileSystem = {
  open: (file, mode) => fs.openSync(file, FLAGS[mode], 0o644),
  close: (fd) => fs.closeSync(fd),
  read: (fd, buf, offset, length, position) => fs.readSync(fd, buf, offset, length, position),
  write: (fd, buf, offset, length) => fs.writeSync(fd, buf, offset, length),
  truncate: (fd, length) => fs.ftruncateSync(fd, length),
  datasync: (fd) => fs.fdatasyncSync(fd),
  datasyncInBackground: (fd, done) => fs.fdatasync(fd, (error) => done(error ?? undefined)),
  size: (fd) => fs.fstatSync(fd).size,
  stat(file) {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    return { kind: stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other', size: stat.size };
  },
  list: (directory) => fs.readdirSync(directory),
  rename: (from, to) => closingInBackground(to, () => fs.renameSync(from, to)),
  link(file, name) {
    const there = fs.statSync(name, { throwIfNoEntry: false });
    const { dev, ino } = fs.statSync(file);
    if (there?.dev !== dev || there.ino !== ino) fs.linkSync(file, name);
  },
  remove: (file) => closingInBackground(file, () => fs.rmSync(file, { force: true })),
  makeDirectory(directory) {
    if (fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
    fs.mkdirSync(directory, 0o755);
  },
  syncDirectory(directory) {
    const fd = fs.openSync(directory, 'r');
    try {
      fs.fsyncSync(fd);
    } catch (error) {
      if (!isNothingToSync(error)) throw error;
    } finally {
      fs.closeSync(fd);
    }
  },
  syncDirectoryInBackground(directory, done) {
    fs.open(directory, 'r', (failure, fd) => {
      if (failure !== null) return done(failure);
      fs.fsync(fd, (error) => {
        fs.close(fd, () => done(error === null || isNothingToSync(error) ? undefined : error));
      });
    });
  },
};

/** Some file systems have nothing to sync for a directory and say so. */
function isNothingToSync(error: unknown): boolean {
  return errorCode(error) === 'EINVAL' || errorCode(error) === 'EBADF';
}

/** To free the blocks of a large file takes its time: whoever has it open last does that, here a thread of the pool. */
function closingInBackground(file: string, takeItsName: () => void): void {
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, O_RDONLY);
  } catch {
    // There is none, or it can perhaps be replaced without being opened.
  }
  try {
    takeItsName();
  } finally {
    if (fd !== undefined) fs.close(fd, () => undefined);
  }
}

/** The whole file. */
export function readWhole(files: FileSystem, file: string): Uint8Array {
  const fd = files.open(file, 'read');
  try {
    const bytes = Buffer.alloc(files.size(fd));
    let at = 0;
    while (at < bytes.length) {
      const count = files.read(fd, bytes, at, bytes.length - at, at);
      if (count === 0) break;
      at += count;
    }
    return bytes.subarray(0, at);
  } finally {
    files.close(fd);
  }
}

/** Writes all of `bytes`, however short the single writes are. */
export function writeWhole(files: FileSystem, fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += files.write(fd, bytes, at, bytes.length - at);
}

/** Makes a file of these bytes, which are on disk on return; that it has this name need not be. */
export function writeSynced(files: FileSystem, file: string, bytes: Uint8Array): void {
  const fd = files.open(file, 'create');
  try {
    writeWhole(files, fd, bytes);
    files.datasync(fd);
  } finally {
    files.close(fd);
  }
}

/**
 * Replaces a file so that after a crash at any point it holds either the old or the new bytes: written and synced under
 * another name in the same directory, then renamed, then the directory synced.
 */
export function replaceFile(files: FileSystem, file: string, tempFile: string, bytes: Uint8Array): void {
  writeSynced(files, tempFile, bytes);
  files.rename(tempFile, file);
  files.syncDirectory(path.dirname(file));
}

/** `ENOENT` and so on; undefined for anything that is not a system error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** The words that strerror(3) has for it, because operators search logs and replies for them. */
export function errorText(error: unknown): string {
  const code = errorCode(error);
  if (code !== undefined && code in STRERROR) return STRERROR[code];
  return error instanceof Error ? error.message : String(error);
}

const STRERROR: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EBADF: 'Bad file descriptor',
  EBUSY: 'Device or resource busy',
  EDQUOT: 'Disk quota exceeded',
  EEXIST: 'File exists',
  EFBIG: 'File too large',
  EINVAL: 'Invalid argument',
  EIO: 'Input/output error',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  EMFILE: 'Too many open files',
  ENAMETOOLONG: 'File name too long',
  ENFILE: 'Too many open files in system',
  ENODEV: 'No such device',
  ENOENT: 'No such file or directory',
  ENOMEM: 'Cannot allocate memory',
  ENOSPC: 'No space left on device',
  ENOTDIR: 'Not a directory',
  ENXIO: 'No such device or address',
  EPERM: 'Operation not permitted',
  EROFS: 'Read-only file system',
  ESTALE: 'Stale file handle',
  EXDEV: 'Invalid cross-device link',
};
