/**
 * nodes.conf on disk. Written whole to `<path>.tmp`, fsynced, renamed over the old file, and the directory fsynced: after
 * a crash at any point the file is the old text or the new one. A `.tmp` that a crash left behind is never read; the
 * next write replaces it.
 */
import fs from 'node:fs';
import path from 'node:path';

/** The text; undefined when there is no file yet, or one without a byte in it. Other errors are thrown by node:fs. */
export function readNodesConf(filePath: string): string | undefined {
  try {
    const text = fs.readFileSync(filePath, 'latin1');
    return text === '' ? undefined : text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Returns when the text is safe on disk; throws when it cannot be written, the old file then being untouched. */
export function writeNodesConf(filePath: string, text: string): void {
  replace(filePath, text, (fd) => fs.fsyncSync(fd));
  syncDirectory(path.dirname(filePath));
}

/** The same, but only the kernel has it when this returns, which survives the end of this process. {@link syncNodesConf} does the rest. */
export function handNodesConf(filePath: string, text: string): void {
  replace(filePath, text, () => undefined);
}

function replace(filePath: string, text: string, sync: (fd: number) => void): void {
  const temporary = `${filePath}.tmp`;
  const fd = fs.openSync(temporary, 'w', 0o644);
  try {
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at);
    sync(fd);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(temporary, filePath);
}

/** Brings to disk, in the background, what was handed to the kernel before. */
export async function syncNodesConf(filePath: string): Promise<void> {
  for (const each of process.platform === 'win32' ? [filePath] : [filePath, path.dirname(filePath)]) {
    const handle = await fs.promises.open(each, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

function syncDirectory(directory: string): void {
  // Windows has no handle for a directory, and needs none: its renames are journalled.
  if (process.platform === 'win32') return;
  const fd = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
