/**
 * Keeps two servers from writing the same append-only folder: a small file that names the process which uses it.
 *
 *   4711 8829341 1f0c...-boot-id
 *
 * It is no kernel lock, because Node has none: a process killed with -9 leaves its file behind. So a lock counts only as
 * long as a process with that pid runs that also started at that very time of that very boot; anything else is stale and
 * taken over. Where the start time of a process can not be learned (no /proc) every lock counts as stale: a server that
 * refuses to start after a crash would be worse than one that is not protected against its operator.
 */
import fs from 'node:fs';
import { errorCode, type FileSystem, readWhole, writeWhole } from './fileSystem.js';

/** Who runs on this machine. */
export interface ProcessTable {
  readonly selfPid: number;
  /** A text that no other process with this pid, before or after, has; undefined when none runs or it is unknown. */
  identityOf(pid: number): string | undefined;
}

/** The processes of the machine, from /proc. */
export const machineProcesses: ProcessTable = {
  selfPid: process.pid,
  identityOf(pid) {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
      // The second field is the command in parentheses and may hold anything, blanks and parentheses too.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const [state, startTicks] = [fields[0], fields[19]];
      if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined;
      const bootId = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
      return `${startTicks} ${bootId}`;
    } catch {
      return undefined;
    }
  },
};

/** Takes the lock. Returns undefined, or the pid of the process that has it. Throws what the file system throws. */
export function takeLock(files: FileSystem, file: string, processes: ProcessTable): number | undefined {
  for (let attempt = 0; ; attempt++) {
    const holder = holderOf(files, file, processes);
    if (holder !== undefined) return holder;
    files.remove(file);
    try {
      const fd = files.open(file, 'exclusive');
      try {
        const identity = processes.identityOf(processes.selfPid) ?? '-';
        writeWhole(files, fd, Buffer.from(`${processes.selfPid} ${identity}\n`, 'latin1'));
      } finally {
        files.close(fd);
      }
      return undefined;
    } catch (error) {
      // Another server was quicker; look who it is.
      if (errorCode(error) !== 'EEXIST' || attempt === 3) throw error;
    }
  }
}

export function releaseLock(files: FileSystem, file: string): void {
  files.remove(file);
}

function holderOf(files: FileSystem, file: string, processes: ProcessTable): number | undefined {
  if (files.stat(file)?.kind !== 'file') return undefined;
  const text = Buffer.from(readWhole(files, file)).toString('latin1');
  const match = /^(\d+) (.+)\n$/.exec(text);
  if (match === null) return undefined;
  const pid = Number(match[1]);
  return processes.identityOf(pid) === match[2] ? pid : undefined;
}
