/**
 * What Linux tells about processes. Every function returns null where /proc does not exist: the figure is then shown
 * as n/a.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** @type {number | undefined} */
let ticksPerSecond;

function tickSeconds() {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return 1 / ticksPerSecond;
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/**
 * The numbers of /proc/PID/stat after the command name (which may itself hold spaces and parentheses).
 * Index 0 is the state; utime is at 11, stime 12, cutime 13, cstime 14.
 * @param {number | 'self'} pid
 */
function statFields(pid) {
  const text = read(`/proc/${pid}/stat`);
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/**
 * User and system time of a process in seconds, all its threads included, also those that ended.
 * @param {number} pid
 */
export function cpuSeconds(pid) {
  const fields = statFields(pid);
  return fields === null ? null : (Number(fields[11]) + Number(fields[12])) * tickSeconds();
}

/** CPU time in seconds of the children of this process that have ended: the load generators. */
export function endedChildrenCpuSeconds() {
  const fields = statFields('self');
  return fields === null ? null : (Number(fields[13]) + Number(fields[14])) * tickSeconds();
}

/** CPU time in seconds that the whole machine has spent working, and what its hypervisor took away. */
export function machineCpuSeconds() {
  const text = read('/proc/stat');
  if (text === null) return null;
  const [user, nice, system, , , irq, softirq, steal] = text
    .slice(0, text.indexOf('\n'))
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { busy: (user + nice + system + irq + softirq) * tickSeconds(), stolen: steal * tickSeconds() };
}

/**
 * Resident memory of a process in bytes.
 * @param {number} pid
 */
export function residentBytes(pid) {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '');
  return match === null ? null : Number(match[1]) * 1024;
}
