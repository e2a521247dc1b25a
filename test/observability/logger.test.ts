import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.js';
import { createLogger, type Logger, type LogThreshold } from '../../src/observability/logger.js';
import { formatLogLine, type LogLevel } from '../../src/observability/logLine.js';

/** Local time, as the log has it. */
const AT_MS = new Date(2026, 10, 2, 8, 3, 5, 42).getTime();
const LEVELS: readonly LogLevel[] = ['debug', 'verbose', 'notice', 'warning'];

function logger(level: LogThreshold): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const sink = (line: string) => lines.push(line);
  return { logger: createLogger({ sink, level, pid: 77, clock: new ManualClock(AT_MS), role: 'M' }), lines };
}

describe('a log line', () => {
  it('names process, role, time and level', () => {
    const line = formatLogLine({
      pid: 1234,
      role: 'M',
      atMs: AT_MS,
      level: 'notice',
      text: 'Ready to accept connections',
    });
    expect(line).toBe('1234:M 02 Nov 2026 08:03:05.042 * Ready to accept connections');
  });

  it('marks each level with its character', () => {
    const marks = LEVELS.map(
      (level) => formatLogLine({ pid: 1, role: 'S', atMs: AT_MS, level, text: '' }).split(' ')[5],
    );
    expect(marks).toEqual(['.', '-', '*', '#']);
  });
});

describe('the logger', () => {
  for (const [level, expected] of [
    ['debug', LEVELS],
    ['verbose', ['verbose', 'notice', 'warning']],
    ['notice', ['notice', 'warning']],
    ['warning', ['warning']],
    ['nothing', []],
  ] as const) {
    it(`at ${level} writes ${expected.join(', ') || 'nothing'}`, () => {
      const { logger: log, lines } = logger(level);
      for (const each of LEVELS) log.log(each, each);
      expect(lines.map((line) => line.trimEnd().split(' ').at(-1))).toEqual(expected);
    });
  }

  it('changes its level and role at run time', () => {
    const { logger: log, lines } = logger('warning');
    log.log('notice', 'one');
    log.setLevel('notice');
    log.setRole('S');
    log.log('notice', 'two');
    expect(lines).toEqual(['77:S 02 Nov 2026 08:03:05.042 * two\n']);
  });

  it('takes texts as they are', () => {
    const { logger: log, lines } = logger('notice');
    log.log('notice', 'a %s "quoted" \\ text');
    expect(lines[0]).toContain(' * a %s "quoted" \\ text\n');
  });
});
