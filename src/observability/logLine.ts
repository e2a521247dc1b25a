/** The line format of the log, which operators and tools know from Redis. */

export type LogLevel = 'debug' | 'verbose' | 'notice' | 'warning';

/** Who writes: a master, a replica, a child process that saves, a sentinel. */
export type LogRole = 'M' | 'S' | 'C' | 'X';

const LEVEL_MARKS: Readonly<Record<LogLevel, string>> = { debug: '.', verbose: '-', notice: '*', warning: '#' };
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

export interface LogRecord {
  readonly pid: number;
  readonly role: LogRole;
  readonly atMs: number;
  readonly level: LogLevel;
  readonly text: string;
}

/** `1234:M 22 Nov 2026 18:13:48.123 * text`, in local time, without a line end. */
export function formatLogLine({ pid, role, atMs, level, text }: LogRecord): string {
  return `${pid}:${role} ${formatLogTime(atMs)} ${LEVEL_MARKS[level]} ${text}`;
}

/** `22 Nov 2026 18:13:48.123`, in local time. */
export function formatLogTime(atMs: number): string {
  const at = new Date(atMs);
  const day = `${pad(at.getDate(), 2)} ${MONTHS[at.getMonth()]} ${at.getFullYear()}`;
  const clock = `${pad(at.getHours(), 2)}:${pad(at.getMinutes(), 2)}:${pad(at.getSeconds(), 2)}`;
  return `${day} ${clock}.${pad(at.getMilliseconds(), 3)}`;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
