/** A file without a name: what is in it is gone when it is closed, or when the process ends. */
import path from 'node:path';
import type { ScratchFile } from '../format/waitingRoom.js';
import { type FileSystem, writeWhole } from './fileSystem.js';

export function openScratchFile(files: FileSystem, dir: string, pid: number): ScratchFile {
  const file = path.join(dir, `temp-scratch-${pid}`);
  const fd = files.open(file, 'scratch');
  files.remove(file);
  return {
    append: (buf, length) => writeWhole(files, fd, buf.subarray(0, length)),
    read(buf, length, position) {
      for (let at = 0; at < length; ) {
        const count = files.read(fd, buf, at, length - at, position + at);
        if (count === 0) throw new Error(`${file} has become shorter`);
        at += count;
      }
    },
    close: () => files.close(fd),
  };
}
