import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../src/config/argv.js';
import { type RunningServer, startServerProcess, tempDir } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { load, loadText, NEWER, newConfig, realGet, runRefused, writeConf } from './support.js';

const VALID = `# a comment
   # another, indented
port 0
MAXMEMORY 64mb
 timeout\t 30  \r
appendfsync "always"
slave-priority 50
hash-max-ziplist-entries 77
loglevel 'verbose'
save 60 1
save 30 2 20 1
bind "127.0.0.1 ::1"
shutdown-on-sigterm "nosave now"
client-output-buffer-limit normal 1mb 1k 5
client-output-buffer-limit "replica 2mb 2k 6"
latency-tracking-info-percentiles 50 90.5
oom-score-adj-values 1 2 3
notify-keyspace-events KEA
masterauth "p\\x41ss \\"word\\""
masteruser 'it\\'s me'
list-max-ziplist-value 64
lua-replicate-commands yes
lua-time-limit 6000
unixsocketperm 0755
repl-backlog-size 1
hz 1000
sentinel
rename-command GET ""
rename-command config CFG
maxmemory-clients 7%
activerehashing no
cluster-announce-hostname host.example
tls-key-file-pass abc
syslog-ident "a b"
save ""
save 5 6`;

/** Texts that no server starts with. */
const BROKEN: readonly string[] = [
  '"" x',
  'foo bar',
  'hz 5\n\n# ok\n  FOO  bar\t\nhz x',
  'port "1',
  "port '1",
  'port "1"2',
  'port',
  'port 1 2',
  'port abc',
  'port ""',
  'port 65536',
  '"port" x',
  'PORT x',
  'appendonly x',
  'appendonly "yes "',
  'maxmemory 1x',
  'maxmemory -1',
  'unixsocketperm 999',
  'unixsocketperm 7777',
  'unixsocketperm -1',
  'appendfsync bogus',
  'supervised x',
  'syslog-facility x',
  'enable-debug-command x',
  'list-max-ziplist-value 5 6',
  'lua-replicate-commands',
  'shutdown-on-sigterm nosave save',
  'shutdown-on-sigterm',
  'shutdown-on-sigint ""',
  'cluster-announce-hostname a_b',
  'replicaof a',
  'replicaof a b',
  'replicaof a 70000',
  'replicaof',
  'slaveof no one x',
  'replicaof 127.0.0.1 -1',
  'cluster-enabled yes\nreplicaof 127.0.0.1 5',
  'client-output-buffer-limit a b',
  'client-output-buffer-limit a b c d',
  'client-output-buffer-limit normal b c d',
  'client-output-buffer-limit "normal 1 2 3" slave 1 2 3',
  'oom-score-adj-values 1 2',
  'oom-score-adj-values ""',
  'oom-score-adj-values 0 200 x',
  'notify-keyspace-events Q',
  'latency-tracking-info-percentiles x',
  'latency-tracking-info-percentiles 101',
  'bind 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7',
  'maxclients 0',
  'maxmemory-clients 101%',
  'dbfilename a/b',
  'appendfilename ""',
  'appendfilename a/b',
  'appenddirname ""',
  'appenddirname a/b',
  'proc-title-template {x}',
  'dir /nonexistent',
  'logfile /nonexistent/x',
  'databases 0',
  'io-threads 200',
  'save 60',
  'save "60 1" "30 2"',
  'save "60 x"',
  'save 1 2 ""',
  'include',
  'include a b',
  'include /nonexistent/a.conf',
  'include bad-1.conf',
  'hz 5\ninclude bad-*.conf',
  'loadmodule',
  'a.b',
  'user',
  'rename-command get',
  'rename-command nope x',
  'rename-command get set',
  'sentinel monitor x',
  'dir sub\ninclude inner.conf\nport x',
];

describe('loadConfig', () => {
  it('reads every form of line', () => {
    const { config, error } = loadText(VALID);
    expect(error).toBeUndefined();
    expect(config.values.port).toBe(0);
    expect(config.values.maxmemory).toBe(64 * 1024 * 1024);
    expect(config.values.timeout).toBe(30);
    expect(config.values.masterauth).toBe('pAss "word"');
    expect(config.values.masteruser).toBe("it's me");
    expect(config.text('save')).toBe('5 6');
  });

  it('adds up the save lines of all sources, but forgets the defaults', () => {
    const config = newConfig();
    load(config, { stdin: 'save 60 1\nsave 30 2', options: 'save 20 3' });
    expect(config.text('save')).toBe('60 1 30 2 20 3');
  });

  it('goes on adding up save lines behind an include, where Redis starts anew at every line', () => {
    const { config } = loadText('include no-such-*.conf\nsave 60 1\nsave 30 2');
    expect(config.text('save')).toBe('60 1 30 2');
  });

  it('refuses modules in plain words', () => {
    const { error } = loadText('loadmodule /some/module.so');
    expect(error?.message).toContain(">>> 'loadmodule /some/module.so'\nmodules are not supported\n");
  });

  it('ends a file that includes itself', () => {
    const dir = tempDir();
    const path = writeConf(dir, 'loop.conf', 'include loop.conf');
    const error = load(newConfig(dir), { file: path });
    expect(error?.message).toContain('Too many nested include directives');
  });

  it('names the line, its number and the reason', () => {
    const { error } = loadText('hz 5\n\n  foo bar');
    expect(error?.channel).toBe('stderr');
    expect(error?.message).toBe(
      "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 3\n>>> 'foo bar'\n" +
        'Bad directive or wrong number of arguments\n',
    );
  });

  it('takes what the host says about users and commands', () => {
    const { error } = loadText('user fine on\nuser broken x');
    expect(error?.message).toContain(
      "at line 2\n>>> 'user broken x'\nError in user declaration 'broken': Syntax error\n",
    );
  });
});

const redis = redisServerOnPath();
if (redis === undefined) skipLoudly('the redis.conf reader');

describe.skipIf(redis === undefined)('the reader and the real server agree', () => {
  let server: RunningServer | undefined;
  let dir = '';
  beforeAll(() => {
    dir = tempDir();
    mkdirSync(`${dir}/sub`);
    writeConf(dir, 'bad-1.conf', 'hz 7\nfoo one');
    writeConf(dir, 'bad-2.conf', 'foo two');
    writeConf(dir, 'good.conf', 'timeout 44');
    writeConf(`${dir}/sub`, 'inner.conf', 'hz 8');
  });
  afterAll(() => server?.stop());

  it.each(BROKEN)('on refusing %j', (text) => {
    const { stderr, stdout } = runRefused([writeConf(dir, 'broken.conf', text)], dir);
    const error = load(newConfig(dir), { file: `${dir}/broken.conf` });
    if (error?.channel === 'log') expect(stdout.trimEnd().endsWith(`# ${error.message}`), stdout).toBe(true);
    else expect(error?.message).toBe(stderr);
  });

  it('on the line numbers over a file without a last newline, standard input and options', () => {
    const file = writeConf(dir, 'first.conf', 'hz 5\ntimeout 1');
    const stdin = '0\nloglevel notice\n';
    for (const args of [
      [file, '--bogus', '1', '-'],
      [file, '--port', '0', '--bogus', '-'],
    ]) {
      const { stderr } = runRefused(args, dir, stdin);
      const line = parseCommandLine(args);
      if (line.kind !== 'run') throw new Error(line.kind);
      const error = load(newConfig(dir), { file, stdin, options: line.optionsText });
      expect(error?.message).toBe(stderr);
    }
  });

  it('on every value that a whole configuration gives', async () => {
    const text = `${VALID}\ninclude good.conf\ninclude no-such-*.conf`;
    // The test itself asks by CONFIG.
    const file = writeConf(dir, 'valid.conf', text.replace(/^rename-command config.*$/m, ''));
    server = await startServerProcess(
      ['redis-server', file],
      ['--dir', dir, '--slaveof', '127.0.0.1 1', '--masteruser', '--x'],
    );
    const client = await RawClient.connect(server.port);
    const theirs = await realGet(client, '*');
    client.close();
    const args = [file, '--dir', dir, '--slaveof', '127.0.0.1 1', '--masteruser', '--x', '--port', `${server.port}`];
    const line = parseCommandLine([...args, '--bind', '127.0.0.1']);
    if (line.kind !== 'run') throw new Error(line.kind);
    const config = newConfig(dir);
    expect(load(config, { file: line.configFile, options: line.optionsText })).toBeUndefined();
    const ours = config.get(['*']).filter(([name]) => !NEWER.includes(name));
    expect([...ours].sort()).toEqual([...theirs].sort());
  });
});
