/**
 * Which process is a node, written down so that other shells and later runs find it. A process id alone proves nothing: the
 * system gives it to somebody else sooner or later. So the record also has the time at which the process started, as the
 * system counts it; where the system cannot be asked, the server's own word about its process id counts.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readIfThere, replaceFile } from './folder.js';

export interface ProcessRecord {
  readonly pid: number;
  /** What the system says about the start of that process; undefined where it says nothing. */
  readonly startMark: string | undefined;
  readonly startedAtMs: number;
  /** What is ending it on purpose, so that whoever watches does not take that for a crash. */
  readonly endedBy?: string;
}

const POLL_MS = 20;
/** In place of a mark: the process has ended, and only its parent has not heard of it yet. */
const ENDED = 'ended';

/** A process that runs, as it is written down. */
export function recordOf(pid: number, startedAtMs: number): ProcessRecord {
  return { pid, startMark: startMarkOf(pid), startedAtMs };
}

export function readRecord(dir: string, name: string): ProcessRecord | undefined {
  const text = readIfThere(path.join(dir, name));
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as ProcessRecord;
    return Number.isInteger(record.pid) && record.pid > 0 ? record : undefined;
  } catch {
    return undefined;
  }
}

export function writeRecord(dir: string, name: string, record: ProcessRecord): void {
  replaceFile(path.join(dir, name), `${JSON.stringify(record)}\n`);
}

export function removeRecord(dir: string, name: string): void {
  rmSync(path.join(dir, name), { force: true });
}

/**
 * Whether that very process still runs; undefined when the system does not tell and somebody else must be asked.
 * `seen`: it has been found to run before. Where a look at its start costs a process of its own, that is enough.
 */
export function stillRuns({ pid, startMark }: ProcessRecord, seen = false): boolean | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: somebody else's process, which none of ours is.
    if (['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
  if (seen && (process.platform !== 'linux' || startMark === undefined)) return true;
  if (startMark === undefined) return undefined;
  const mark = startMarkOf(pid);
  return mark !== ENDED && mark === startMark;
}

/** Waits until the process is gone; false when `timeoutMs` has passed. */
export async function untilGone(record: ProcessRecord, timeoutMs: number): Promise<boolean> {
  const deadlineMs = Date.now() + timeoutMs;
  for (let seen = false; stillRuns(record, seen) !== false; seen = true) {
    if (Date.now() > deadlineMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Linux counts the start in ticks since the boot, so the boot is part of it; others have `ps`. */
function startMarkOf(pid: number): string | undefined {
  if (process.platform === 'linux') return linuxStartMark(pid);
  if (process.platform === 'win32') return undefined;
  const { status, stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return status === 0 && stdout.trim() !== '' ? stdout.trim() : undefined;
}

function linuxStartMark(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; fields are counted behind it, the state being the third of all.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return ENDED;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${fields[19]}`;
  } catch {
    return undefined;
  }
}
