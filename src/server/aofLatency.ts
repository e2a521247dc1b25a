/** File operations that serving waits for, measured for the latency monitor under the names that Redis has for them. */
import type { LatencyMonitor } from '../exec/latency.js';
import type { FileSystem } from '../persistence/io/fileSystem.js';

/** Those of the file that takes the commands. `cause` tells what a write may have waited for. */
export function timedWrites(files: FileSystem, latency: LatencyMonitor, cause: () => string): FileSystem {
  return {
    ...files,
    write: (fd, buf, offset, length) => {
      const beganUs = latency.begin();
      const written = files.write(fd, buf, offset, length);
      latency.end(cause(), beganUs);
      latency.end('aof-write', beganUs);
      return written;
    },
    datasync: (fd) => {
      const beganUs = latency.begin();
      files.datasync(fd);
      latency.end('aof-fsync-always', beganUs);
    },
  };
}

/** Those of the folder. */
export function timedNames(files: FileSystem, latency: LatencyMonitor): FileSystem {
  return {
    ...files,
    rename: (from, to) => {
      const beganUs = latency.begin();
      files.rename(from, to);
      latency.end('aof-rename', beganUs);
    },
    stat: (file) => {
      const beganUs = latency.begin();
      const stat = files.stat(file);
      latency.end('aof-fstat', beganUs);
      return stat;
    },
  };
}
