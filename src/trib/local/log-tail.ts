/** The ends of log files, without reading what lies before. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const TAIL_BYTES = 256 * 1024;

/** The last lines of a file, as far as they lie in its last 256 KiB; none when there is no such file. */
export function logTail(file: string, lines: number): string[] {
  const { bytes, end } = readFrom(file, -TAIL_BYTES);
  const all = linesOf(bytes);
  // Where the file begins earlier, the first line is only the end of one.
  if (end > bytes.length) all.shift();
  return lines === 0 ? [] : all.slice(-lines);
}

export function linesOf(bytes: Buffer): string[] {
  const text = bytes.toString().trimEnd();
  return text === '' ? [] : text.split('\n');
}

export interface Reading {
  readonly bytes: Buffer;
  /** Where the next reading goes on. */
  readonly end: number;
}

/** Reads from a position to the end; a negative one counts from the end. A file that became shorter is read anew. */
export function readFrom(file: string, position: number): Reading {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { bytes: Buffer.alloc(0), end: 0 };
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    const wanted = position < 0 ? Math.max(0, size + position) : position;
    const from = wanted > size ? 0 : wanted;
    const bytes = Buffer.alloc(size - from);
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(fd, bytes, length, bytes.length - length, from + length);
      if (read === 0) break;
      length += read;
    }
    return { bytes: bytes.subarray(0, length), end: from + length };
  } finally {
    closeSync(fd);
  }
}
