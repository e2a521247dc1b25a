/** `supervised systemd`: what systemd hears of the server, here from a systemd-notify that writes it down. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { ask, type Daemon, launch, ONLY_REDIS, plainArgs, until } from './support/daemon.js';

const started: Daemon[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((daemon) => daemon.end()));
});

/** A folder with a systemd-notify that takes a while for the first message, and where it writes to. */
function notifier(body: string): { folder: string; heard: () => string[] } {
  const folder = tempDir('shoal-supervisor-');
  const file = join(folder, 'heard');
  const program = join(folder, 'systemd-notify');
  writeFileSync(program, `#!/bin/sh\n${body.replaceAll('FILE', `'${file}'`)}\n`);
  chmodSync(program, 0o755);
  const heard = (): string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []);
  return { folder, heard };
}

async function serve(mode: string, folder: string, env: Record<string, string>, ...more: string[]) {
  const port = await freePort();
  const args = plainArgs(port, ['--supervised', mode, ...more]);
  const daemon = launch(args, { env: { PATH: `${folder}:${process.env.PATH}`, ...env } });
  started.push(daemon);
  await daemon.ready();
  const info = String(await ask(port, 'INFO', 'server'));
  return { daemon, port, supervised: /process_supervised:(\w+)/.exec(info)?.[1] };
}

describe.skipIf(ONLY_REDIS)('a server that systemd starts', () => {
  it.each(['systemd', 'auto'])('tells it when it is ready and when it ends (supervised %s)', async (mode) => {
    const { folder, heard } = notifier('case "$1" in *Loading*) sleep 0.2 ;; esac\necho "$NOTIFY_SOCKET $*" >> FILE');
    const { daemon, port, supervised } = await serve(mode, folder, { NOTIFY_SOCKET: '@here' }, '--daemonize', 'yes');
    expect(supervised).toBe('systemd');
    // Otherwise systemd would wait for a process that is gone.
    expect(daemon.running).toBe(true);
    const start = ['@here STATUS=Loading data', '@here READY=1 STATUS=Ready to accept connections'];
    await until('systemd has heard that it is ready', () => heard().length === 2);
    expect(heard()).toEqual(start);
    await ask(port, 'SHUTDOWN', 'NOSAVE').catch(() => undefined);
    await until('systemd has heard that it ends', () => heard().length === 3);
    expect(heard()).toEqual([...start, '@here STOPPING=1 STATUS=Shutting down']);
  });

  it('says so when systemd cannot be told', async () => {
    const { folder } = notifier('exit 3');
    const { daemon } = await serve('systemd', folder, { NOTIFY_SOCKET: '@here' });
    await daemon.prints(
      "systemd was not told 'READY=1', systemd-notify failed: exit code 3. A unit of Type=notify takes",
    );
  });

  it.each([
    ['systemd', /supervised systemd, but there is no NOTIFY_SOCKET: nobody is told/],
    ['upstart', /supervised upstart is not supported: nobody is told/],
    ['auto', /^(?![\s\S]*supervised)/],
  ])('and one that nobody supervises says so (supervised %s)', async (mode, words) => {
    const { folder, heard } = notifier('echo "$*" >> FILE');
    const { daemon, supervised } = await serve(mode, folder, { NOTIFY_SOCKET: '' });
    expect(supervised).toBe('no');
    expect(daemon.output).toMatch(words);
    expect(heard()).toEqual([]);
  });
});
