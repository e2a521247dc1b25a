/** Starting and ending the server, as an operator and an init system see it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import {
  ask,
  type Daemon,
  type LaunchOptions,
  launch,
  ONLY_REDIS,
  plainArgs,
  processRuns,
  until,
} from './support/daemon.js';

const started: Daemon[] = [];

function start(args: readonly string[], options?: LaunchOptions): Daemon {
  const daemon = launch(args, options);
  started.push(daemon);
  return daemon;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((daemon) => daemon.end()));
});

/** Starts on a free port and waits until it serves. */
async function serve(...more: string[]): Promise<{ daemon: Daemon; port: number }> {
  const port = await freePort();
  const daemon = start(plainArgs(port, more));
  await daemon.ready();
  return { daemon, port };
}

describe.skipIf(!existsSync('/proc/self/cmdline'))('the title of the process', () => {
  const titleOf = (pid: number): string =>
    (readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[0] as string).trim();

  it('tells where it serves, and follows the template', async () => {
    const { daemon, port } = await serve();
    const { pid } = daemon;
    expect(titleOf(pid)).toBe(`shoal-server 127.0.0.1:${port}`);
    await ask(port, 'CONFIG', 'SET', 'proc-title-template', 'at {port} {{ {server-mode}');
    expect(titleOf(pid)).toBe(`at ${port} {`);
  });

  it('stays as it was with set-proc-title no', async () => {
    const { daemon } = await serve('--set-proc-title', 'no');
    expect(titleOf(daemon.pid)).toMatch(/node$/);
  });
});

describe('what the server prints when it starts', () => {
  it('warns of a maxmemory beyond what references reach', async () => {
    const { daemon } = await serve('--maxmemory', '64gb');
    expect(daemon.output).toMatch(/maxmemory is 68719476736 bytes, but .* have room for 34359738368/);
  });

  // Redis draws its banner on terminals only.
  it.skipIf(ONLY_REDIS)('is a banner with the pid of that very process, the mode and the port', async () => {
    const { daemon, port } = await serve();
    expect(daemon.output).toContain(` PID: ${daemon.pid}\n`);
    expect(daemon.output).toContain(`Port: ${port}`);
    expect(daemon.output).toContain('Running in standalone mode');
    expect(await ask(port, 'INFO', 'server')).toContain(`process_id:${daemon.pid}\r\n`);
  });

  it.skipIf(ONLY_REDIS)('is cluster mode where it is one', async () => {
    const port = await freePort();
    const daemon = start(plainArgs(port, ['--cluster-enabled', 'yes']));
    await daemon.ready();
    expect(daemon.output).toContain('Running in cluster mode');
    // Standard output opens with it: no log line comes before.
    expect(daemon.output.indexOf('PID: ')).toBeLessThan(daemon.output.indexOf('is starting'));
  });

  it('ends with the lines that tools wait for, each with pid, role, time and level', async () => {
    const { daemon } = await serve();
    const line = `${daemon.pid}:M \\d\\d \\w{3} \\d{4} \\d\\d:\\d\\d:\\d\\d\\.\\d{3} [#*]`;
    expect(daemon.output).toMatch(new RegExp(`^${line} Server initialized$`, 'm'));
    expect(daemon.output).toMatch(new RegExp(`^${line} Ready to accept connections$`, 'm'));
    expect(daemon.output.indexOf('Server initialized')).toBeLessThan(daemon.output.indexOf('Ready to accept'));
  });

  it('goes to the log file when there is one', async () => {
    const port = await freePort();
    const dir = tempDir();
    const daemon = start(plainArgs(port, ['--dir', dir, '--logfile', 'server.log']));
    const file = join(dir, 'server.log');
    await until(
      'the log file tells it is ready',
      () => existsSync(file) && readFileSync(file, 'utf8').includes('Ready'),
    );
    expect(readFileSync(file, 'utf8')).toContain(`${daemon.pid}:M `);
    expect(daemon.output).not.toContain('Ready to accept');
  });

  it('is less at a higher log level', async () => {
    const port = await freePort();
    const daemon = start(plainArgs(port, ['--loglevel', 'warning']));
    await daemon.prints('Server initialized');
    await until('it serves', () =>
      ask(port, 'PING').then(
        (reply) => reply === 'PONG',
        () => false,
      ),
    );
    expect(daemon.output).not.toContain('Ready to accept connections');
  });
});

describe('how the server ends', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends it cleanly', async (signal) => {
    const { daemon } = await serve();
    expect(await daemon.end(signal)).toEqual({ code: 0, signal: null });
    expect(daemon.output).toContain('User requested shutdown');
    expect(daemon.output).toContain('ready to exit, bye bye');
    expect(daemon.output.endsWith('\n')).toBe(true);
  });

  it.each([['SHUTDOWN'], ['SHUTDOWN', 'NOSAVE'], ['SHUTDOWN', 'NOSAVE', 'NOW', 'FORCE']])(
    '%s %s %s %s ends it: the client sees the connection close',
    async (...words) => {
      const { daemon, port } = await serve();
      const client = await RawClient.connect(port);
      client.send(...words.filter((word) => word !== undefined));
      expect(await client.read()).toEqual({ type: 'closed' });
      expect(await daemon.ending).toEqual({ code: 0, signal: null });
      expect(daemon.output).toContain('bye bye');
    },
  );

  it('DEBUG PAUSE-CRON holds a signal up, and SHUTDOWN ABORT takes it back', async () => {
    const { daemon, port } = await serve('--enable-debug-command', 'yes');
    await ask(port, 'DEBUG', 'PAUSE-CRON', '1');
    process.kill(daemon.pid, 'SIGTERM');
    await until('the signal has come', async () => daemon.output.includes('Received SIGTERM'));
    expect(await ask(port, 'SHUTDOWN', 'ABORT')).toBe('OK');
    await daemon.prints('Shutdown manually aborted');
    await ask(port, 'DEBUG', 'PAUSE-CRON', '0');
    expect(await ask(port, 'PING')).toBe('PONG');
  });

  it('clients that are in the middle of something do not hold it up', async () => {
    const { daemon, port } = await serve();
    const client = await RawClient.connect(port);
    client.write('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nhalf');
    const multi = await RawClient.connect(port);
    await multi.call('MULTI');
    expect(await daemon.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await client.read()).toEqual({ type: 'closed' });
  });

  it('its port is free at once for the next one', async () => {
    const { daemon, port } = await serve();
    await ask(port, 'PING');
    await daemon.end('SIGTERM');
    await start(plainArgs(port)).ready();
  });
});

describe('a port in use', () => {
  it('stops the start, says so and leaves the other server alone', async () => {
    const { port } = await serve();
    const second = start(plainArgs(port));
    expect(await second.ending).toEqual({ code: 1, signal: null });
    expect(second.output).toContain(`Failed listening on port ${port}`);
    expect(second.output).toContain('Address already in use');
    expect(second.output).not.toContain('Ready to accept');
    expect(await ask(port, 'PING')).toBe('PONG');
  });
});

describe('daemonize', () => {
  it('comes back at once and leaves a daemon with its pid file and its log', async () => {
    const port = await freePort();
    const dir = tempDir();
    const file = (name: string): string => join(dir, name);
    const more = ['--dir', dir, '--daemonize', 'yes', '--pidfile', file('server.pid'), '--logfile', file('server.log')];
    const launcher = start(plainArgs(port, more));
    expect(await launcher.ending).toEqual({ code: 0, signal: null });
    await until('it serves', () =>
      ask(port, 'PING').then(
        (reply) => reply === 'PONG',
        () => false,
      ),
    );
    const pid = Number(readFileSync(file('server.pid'), 'utf8').trim());
    try {
      expect(pid).not.toBe(launcher.pid);
      expect(await ask(port, 'INFO', 'server')).toContain(`process_id:${pid}\r\n`);
      expect(readFileSync(file('server.log'), 'utf8')).toContain(`${pid}:M `);
    } finally {
      process.kill(pid, 'SIGTERM');
    }
    await until('the daemon has ended', () => !processRuns(pid));
    expect(existsSync(file('server.pid'))).toBe(false);
    expect(readFileSync(file('server.log'), 'utf8')).toContain('bye bye');
  });

  it('a pid file without a daemon is written and removed too', async () => {
    const dir = tempDir();
    const pidFile = join(dir, 'my.pid');
    const { daemon } = await serve('--pidfile', pidFile);
    expect(readFileSync(pidFile, 'utf8')).toBe(`${daemon.pid}\n`);
    await daemon.end('SIGTERM');
    expect(existsSync(pidFile)).toBe(false);
  });
});

describe('where it reads its configuration', () => {
  it('a file, its includes, and the command line over both', async () => {
    const port = await freePort();
    const dir = tempDir();
    mkdirSync(join(dir, 'more'));
    writeFileSync(join(dir, 'more', 'a.conf'), 'maxclients 77\nappendfsync no\n');
    writeFileSync(
      join(dir, 'redis.conf'),
      `# five lines\nport ${port}\nbind 127.0.0.1\nsave ""\nmaxmemory 64mb\ninclude ${join(dir, 'more', '*.conf')}\n`,
    );
    const daemon = start([join(dir, 'redis.conf'), '--appendfsync', 'always'], { cwd: dir });
    await daemon.ready();
    const values = await Promise.all(
      ['maxclients', 'appendfsync', 'maxmemory'].map((name) => ask(port, 'CONFIG', 'GET', name)),
    );
    expect(values.join()).toMatch(/"77".*"always".*"67108864"/);
    expect(await ask(port, 'INFO', 'server')).toContain(`config_file:${join(dir, 'redis.conf')}\r\n`);
  });

  it('standard input, with -', async () => {
    const port = await freePort();
    const daemon = start(['-'], { stdin: `port ${port}\nbind 127.0.0.1\nsave ""\nmaxclients 55\n` });
    await daemon.ready();
    expect(await ask(port, 'CONFIG', 'GET', 'maxclients')).toContain('"55"');
  });

  it('what CONFIG REWRITE wrote comes back at the next start', async () => {
    const port = await freePort();
    const dir = tempDir();
    const file = join(dir, 'redis.conf');
    writeFileSync(file, `# mine\nport ${port}\nbind 127.0.0.1\nsave ""\ntimeout 5\n`);
    const first = start([file], { cwd: dir });
    await first.ready();
    await ask(port, 'CONFIG', 'SET', 'timeout', '9', 'maxclients', '66');
    expect(await ask(port, 'CONFIG', 'REWRITE')).toBe('OK');
    await first.end('SIGTERM');
    expect(readFileSync(file, 'utf8')).toContain('# mine\n');
    await start([file], { cwd: dir }).ready();
    expect(await ask(port, 'CONFIG', 'GET', 'timeout')).toContain('"9"');
    expect(await ask(port, 'CONFIG', 'GET', 'maxclients')).toContain('"66"');
  });
});

describe('a configuration that is wrong stops the start', () => {
  async function refusal(lines: readonly string[], args: readonly string[] = []): Promise<string> {
    const dir = tempDir();
    writeFileSync(join(dir, 'redis.conf'), lines.join('\n'));
    const daemon = start([join(dir, 'redis.conf'), ...args], { cwd: dir });
    expect(await daemon.ending).toEqual({ code: 1, signal: null });
    expect(daemon.output).not.toContain('Ready to accept');
    return daemon.output;
  }

  it('an unknown directive: its line, its number and the reason', async () => {
    const output = await refusal(['# comment', 'port 0', 'no-such-directive 1']);
    expect(output).toMatch(/\*\*\* FATAL CONFIG FILE ERROR \([^)]+\) \*\*\*/);
    expect(output).toContain("Reading the configuration file, at line 3\n>>> 'no-such-directive 1'\n");
    expect(output).toContain('Bad directive or wrong number of arguments');
  });

  it.each([
    ['appendonly maybe', "argument must be 'yes' or 'no'"],
    ['port 70000', 'argument must be between 0 and 65535 inclusive'],
    ['maxmemory lots', 'argument must be a memory value'],
    ['appendfsync sometimes', 'argument(s) must be one of the following: everysec, always, no'],
    ['bind "127.0.0.1', 'Unbalanced quotes in configuration line'],
    ['rename-command NOSUCH X', 'No such command in rename-command'],
  ])('%s', async (line, reason) => {
    const output = await refusal([line]);
    expect(output).toContain(`at line 1\n>>> '${line}'\n`);
    expect(output).toContain(reason);
  });

  it('on the command line as well', async () => {
    expect(await refusal([], ['--maxclients', 'none'])).toContain('>>> \'maxclients "none"\'');
  });

  it('and so does a file that is not there', async () => {
    const daemon = start([join(tempDir(), 'missing.conf')]);
    expect(await daemon.ending).toEqual({ code: 1, signal: null });
    expect(daemon.output).toMatch(/Fatal error, can't open config file '.*missing\.conf': No such file or directory/);
  });
});

describe('the command line', () => {
  it.each(['--version', '-v'])('%s names the version', async (flag) => {
    const daemon = start([flag]);
    expect(await daemon.ending).toEqual({ code: 0, signal: null });
    expect(daemon.output).toMatch(/ server v=\d+\.\d+\.\d+ /);
  });

  it.each(['--help', '-h'])('%s explains how to start', async (flag) => {
    const daemon = start([flag]);
    await daemon.ending;
    expect(daemon.output).toMatch(/Usage: .*-server \[\/path\/to\/redis.conf\]/);
  });
});

describe('who may come in', () => {
  it('requirepass lets nobody do anything without it', async () => {
    const { port } = await serve('--requirepass', 'secret');
    const client = await RawClient.connect(port);
    expect(await client.call('GET', 'k')).toEqual({ type: 'error', text: 'NOAUTH Authentication required.' });
    expect(await client.call('AUTH', 'wrong')).toEqual({
      type: 'error',
      text: 'WRONGPASS invalid username-password pair or user is disabled.',
    });
    expect(await client.call('AUTH', 'secret')).toEqual({ type: 'simple', text: 'OK' });
    expect(await client.call('SET', 'k', 'v')).toEqual({ type: 'simple', text: 'OK' });
    client.close();
  });

  it('maxclients turns the next one away', async () => {
    const { port } = await serve('--maxclients', '3');
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(port)));
    for (const client of clients) await client.call('PING');
    const fourth = await RawClient.connect(port);
    expect(await fourth.read()).toEqual({ type: 'error', text: 'ERR max number of clients reached' });
    expect(await fourth.read()).toEqual({ type: 'closed' });
    clients[0]?.close();
    await until('there is room again', () =>
      ask(port, 'PING').then(
        (reply) => reply === 'PONG',
        () => false,
      ),
    );
    for (const client of clients) client.close();
  });

  it('timeout closes the connection of a client that says nothing', async () => {
    const { port } = await serve('--timeout', '1');
    const client = await RawClient.connect(port);
    expect(await client.read(10_000)).toEqual({ type: 'closed' });
  });

  it('rename-command hides a command or gives it another name', async () => {
    const { port } = await serve('--rename-command', 'FLUSHALL', '', '--rename-command', 'GET', 'obtain');
    expect(await ask(port, 'FLUSHALL')).toMatch(/^ERR unknown command 'FLUSHALL'/);
    expect(await ask(port, 'GET', 'k')).toMatch(/^ERR unknown command 'GET'/);
    await ask(port, 'SET', 'k', 'v');
    expect(await ask(port, 'OBTAIN', 'k')).toBe('v');
  });

  it('databases says how many there are', async () => {
    const { port } = await serve('--databases', '3');
    expect(await ask(port, 'SELECT', '2')).toBe('OK');
    expect(await ask(port, 'SELECT', '3')).toBe('ERR DB index is out of range');
  });

  const outside = Object.values(networkInterfaces())
    .flat()
    .find((address) => address !== undefined && address.family === 'IPv4' && !address.internal)?.address;
  if (outside === undefined)
    process.stderr.write('\nSKIPPED: protected mode: this machine has only loopback addresses\n');

  it.skipIf(outside === undefined)('protected mode keeps strangers out while there is no password', async () => {
    const port = await freePort();
    const daemon = start(['--port', String(port), '--save', '']);
    await daemon.ready();
    const stranger = await RawClient.connect(port, outside);
    expect(await stranger.read()).toMatchObject({
      type: 'error',
      text: expect.stringMatching(/^DENIED Redis is running/),
    });
    expect(await stranger.read()).toEqual({ type: 'closed' });
    expect(await ask(port, 'CONFIG', 'SET', 'protected-mode', 'no')).toBe('OK');
    const friend = await RawClient.connect(port, outside);
    expect(await friend.call('PING')).toEqual({ type: 'simple', text: 'PONG' });
    friend.close();
  });

  it.skipIf(outside === undefined || ONLY_REDIS)(
    'whoever says bind lets them in, unless protected mode is said too',
    async () => {
      const port = await freePort();
      await start(['--port', String(port), '--save', '', '--bind', '0.0.0.0']).ready();
      const friend = await RawClient.connect(port, outside);
      expect(await friend.call('PING')).toEqual({ type: 'simple', text: 'PONG' });
      friend.close();
      const strictPort = await freePort();
      const strict = ['--port', String(strictPort), '--save', '', '--bind', '0.0.0.0', '--protected-mode', 'yes'];
      await start(strict).ready();
      const stranger = await RawClient.connect(strictPort, outside);
      expect(await stranger.read()).toMatchObject({ type: 'error', text: expect.stringMatching(/^DENIED /) });
    },
  );
});

describe('bad bytes', () => {
  it('cost their sender the connection, and nobody else anything', async () => {
    const { port } = await serve();
    const good = await RawClient.connect(port);
    await good.call('SET', 'k', 'v');
    for (const bytes of [
      '*x\r\n',
      '*1\r\nx\r\n',
      '*1\r\n$-5\r\n',
      '"open\r\n',
      'y'.repeat(70_000),
      '\xff\r\n*9999999999\r\n',
    ]) {
      const bad = await RawClient.connect(port);
      bad.write(bytes);
      let outcome = await bad.read();
      while (outcome.type === 'error' && !outcome.text.startsWith('ERR Protocol error')) outcome = await bad.read();
      expect(outcome).toMatchObject({ type: 'error', text: expect.stringMatching(/^ERR Protocol error: /) });
      expect(await bad.read()).toEqual({ type: 'closed' });
    }
    expect(await good.call('GET', 'k')).toEqual({ type: 'bulk', text: 'v' });
    good.close();
  });

  it.skipIf(ONLY_REDIS)('in great number leave no memory of themselves', async () => {
    const { port } = await serve();
    for (let i = 0; i < 200; i++) {
      const bad = await RawClient.connect(port);
      bad.write('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\nhalf');
      bad.close();
    }
    await until('only the asking client is left', async () =>
      (await ask(port, 'INFO', 'clients')).includes('connected_clients:1\r\n'),
    );
  });
});
