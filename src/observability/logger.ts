/** The server's log: pino decides what passes, one plain line for each message goes to the sink. */
import { pino } from 'pino';
import type { Clock } from '../base/clock.js';
import { formatLogLine, type LogLevel, type LogRole } from './logLine.js';

/** What loglevel may be: from this level on messages are written. */
export type LogThreshold = LogLevel | 'nothing';

/** `nothing` lies above every level that messages have. */
const LEVELS = { debug: 20, verbose: 30, notice: 40, warning: 50, nothing: 100 } as const;
const LEVEL_OF_NUMBER: ReadonlyMap<number, LogLevel> = new Map([
  [LEVELS.debug, 'debug'],
  [LEVELS.verbose, 'verbose'],
  [LEVELS.notice, 'notice'],
  [LEVELS.warning, 'warning'],
]);

export interface LoggerOptions {
  /** Takes one line with its line end. */
  readonly sink: (line: string) => void;
  readonly level: LogThreshold;
  readonly pid: number;
  readonly clock: Clock;
  readonly role: LogRole;
}

export interface Logger {
  log(level: LogLevel, text: string): void;
  setLevel(level: LogThreshold): void;
  /** The letter behind the pid from now on. */
  setRole(role: LogRole): void;
}

/**
 * Where pino writes: it leaves level and message here, unpacked, when the stream bears its metadata symbol, so that the
 * JSON it also made need not be read again.
 */
interface PlainStream {
  readonly [METADATA]: true;
  lastLevel: number;
  lastMsg: string;
  write(json: string): void;
}
const METADATA = Symbol.for('pino.metadata');

export function createLogger({ sink, level, pid, clock, role }: LoggerOptions): Logger {
  let currentRole = role;
  const stream: PlainStream = {
    [METADATA]: true,
    lastLevel: 0,
    lastMsg: '',
    write() {
      const messageLevel = LEVEL_OF_NUMBER.get(stream.lastLevel) ?? 'warning';
      const record = { pid, role: currentRole, atMs: clock.nowMs(), level: messageLevel, text: stream.lastMsg };
      sink(`${formatLogLine(record)}\n`);
    },
  };
  const logger = pino({ level, customLevels: LEVELS, useOnlyCustomLevels: true, base: null, timestamp: false }, stream);
  return {
    log: (messageLevel, text) => logger[messageLevel](text),
    setLevel: (threshold) => {
      logger.level = threshold;
    },
    setRole: (letter) => {
      currentRole = letter;
    },
  };
}
