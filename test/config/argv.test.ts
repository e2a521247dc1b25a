import { beforeAll, describe, expect, it } from 'vitest';
import { type CommandLine, parseCommandLine } from '../../src/config/argv.js';
import { tempDir } from '../support/process.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { load, newConfig, runRefused, writeConf } from './support.js';

const run = (optionsText: string | undefined, configFile?: string, stdin = false): CommandLine => ({
  kind: 'run',
  configFile,
  stdin,
  optionsText,
});

const LINES: readonly (readonly [args: readonly string[], result: CommandLine])[] = [
  [[], run(undefined)],
  [['--version'], { kind: 'version' }],
  [['-v', 'x'], { kind: 'version' }],
  [['--help'], { kind: 'help' }],
  [['-h'], { kind: 'help' }],
  [['--check-system'], { kind: 'check-system' }],
  [['--check-rdb', 'dump.rdb'], { kind: 'check', what: 'rdb' }],
  [['--check-aof', '--fix', 'x.manifest'], { kind: 'check', what: 'aof' }],
  [['--test-memory', '64'], { kind: 'test-memory', megabytes: 64 }],
  [['a.conf'], run('', 'a.conf')],
  [['-'], run('', undefined, true)],
  [['a.conf', '-'], run('', 'a.conf', true)],
  [['--port', '6380', '-'], run('port "6380" ', undefined, true)],
  [['--port', '6380'], run('port "6380" ')],
  [['--port', '6380', '--version'], run('port "6380" \nversion ')],
  [['a.conf', '--port', '6380', '--hz', '5'], run('port "6380" \nhz "5" ', 'a.conf')],
  [['--port 6380', '--hz 5'], run('port 6380 \nhz 5 ')],
  [['--bind', '127.0.0.1', '::1'], run('bind "127.0.0.1" "::1" ')],
  [['--bind', '127.0.0.1 ::1', '--port', '0'], run('bind "127.0.0.1 ::1" \nport "0" ')],
  [['--bind', '-::1'], run('bind "-::1" ')],
  [['--masteruser', '--x', '--y', 'z'], run('masteruser "--x" \ny "z" ')],
  [['--save', '3600', '1', '--save', '60', '100'], run('save "3600" "1" \nsave "60" "100" ')],
  [['--save', '--hz', '5'], run('save ""\nhz "5" ')],
  [['--hz', '5', '--SAVE'], run('hz "5" \nSAVE ""')],
  [['--save', '', '--hz', '5'], run('save "" \nhz "5" ')],
  [['--masterauth', 'a"b\\\n\xff'], run('masterauth "a\\"b\\\\\\n\\xff" ')],
  [['--a', '-', 'b'], run('a "-" "b" ')],
  [['a.conf', '-', 'b'], run('"-" "b" ', 'a.conf')],
];

/** Command lines that no server starts with. */
const REFUSED: readonly (readonly string[])[] = [
  ['--foo'],
  ['--port', '0', '--foo'],
  ['--port'],
  ['--port', '--bogus'],
  ['--port', '0', 'foo'],
  ['-x'],
  ['--port', '-', '5'],
  ['--port', '0', '--version'],
  ['--port', '0', '--help'],
  ['--save', '--bogus', 'x'],
  ['--SAVE', '--bogus', 'x'],
  ['--port 0', '--bogus'],
  ['--port 0 --bogus'],
  ['--port "17', '--bogus'],
  ['--', '--bogus'],
  ['--port', '0', '--bo gus'],
  ['--bind', '-::1', '--bogus', 'a'],
  ['--bind', '127.0.0.1', '--bogus', '--x', '--y'],
  ['ok.conf', 'ok.conf'],
  ['ok.conf', '--bogus', '1'],
  ['missing.conf'],
  ['--"po\nrt"', 'x'],
  ['--port', '0', '--save', 'a', 'b', 'c', '--dir', '/nonexistent'],
  ['--port', '0', 'a\x01"b\\'],
  ['--port', '0', '--', 'x'],
  ['--port', '1', '-', '2'],
  ['--hz', '5', '--include', 'missing.conf'],
];

describe('parseCommandLine', () => {
  it.each(LINES)('%j', (args, expected) => {
    expect(parseCommandLine(args)).toEqual(expected);
  });

  it('asks --test-memory for a size', () => {
    for (const args of [['--test-memory'], ['--test-memory', '1', '2']]) {
      expect(parseCommandLine(args)).toMatchObject({ kind: 'error' });
    }
  });

  it('refuses to be a sentinel', () => {
    expect(parseCommandLine(['s.conf', '--sentinel'])).toEqual({
      kind: 'error',
      message: 'Sentinel mode is not supported.',
    });
  });
});

const redis = redisServerOnPath();
if (redis === undefined) skipLoudly('the command line');

describe.skipIf(redis === undefined)('the command line and the real server agree', () => {
  let dir = '';
  beforeAll(() => {
    dir = tempDir();
    writeConf(dir, 'ok.conf', 'hz 5');
  });

  it.each(REFUSED.map((args) => [args]))('on refusing %j', (args) => {
    const { stderr, stdout } = runRefused(args, dir);
    const line = parseCommandLine(args);
    if (line.kind !== 'run') throw new Error(line.kind);
    const file = line.configFile === undefined ? undefined : `${dir}/${line.configFile}`;
    const error = load(newConfig(dir), { file, options: line.optionsText });
    if (error?.channel === 'log') expect(stdout.trimEnd().endsWith(`# ${error.message}`), stdout).toBe(true);
    else expect(error?.message).toBe(stderr);
  });
});
