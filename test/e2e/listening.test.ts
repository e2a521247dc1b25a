/** Where the server listens, and what its sockets are like. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { type Daemon, launch, ONLY_REDIS, plainArgs, until } from './support/daemon.js';

/** Of the kernel's clock as /proc tells it. */
const TICKS_A_SECOND = 100;
const onLinux = process.platform === 'linux';
const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
const hasIpv6 = addresses.some(({ address }) => address === '::1');
const outside = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
if (!hasIpv6) process.stderr.write('\nSKIPPED: bind with an IPv6 address: this machine has none\n');

const started: Daemon[] = [];

function start(args: readonly string[]): Daemon {
  const daemon = launch(args);
  started.push(daemon);
  return daemon;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((daemon) => daemon.end()));
});

describe('where it listens', () => {
  it('on every address of bind', async () => {
    const port = await freePort();
    const daemon = start([
      '--port',
      String(port),
      '--save',
      '',
      '--bind',
      '127.0.0.1',
      '127.0.0.2',
      '-::1',
      '-203.0.113.7',
    ]);
    await daemon.ready();
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      const client = await RawClient.connect(port, host);
      expect(await client.call('PING')).toEqual({ type: 'simple', text: 'PONG' });
      client.close();
    }
    await expect(RawClient.connect(port, '127.0.0.3')).rejects.toThrow('ECONNREFUSED');
  });

  it('not at all when an address of bind is not of this machine', async () => {
    const daemon = start(['--port', String(await freePort()), '--save', '', '--bind', '203.0.113.7']);
    expect(await daemon.ending).toEqual({ code: 1, signal: null });
    expect(daemon.output).toContain('Could not create server TCP listening socket 203.0.113.7');
  });

  it('on a Unix socket with its permissions, also without a port', async () => {
    const dir = tempDir();
    const file = join(dir, 'server.sock');
    const daemon = start(['--port', '0', '--save', '', '--dir', dir, '--unixsocket', file, '--unixsocketperm', '700']);
    await daemon.prints(`ready to accept connections at ${file}`);
    await until('the socket file is there', () => existsSync(file));
    expect(statSync(file).mode & 0o777).toBe(0o700);
    expect(await sayPing(file)).toBe('+PONG\r\n');
    await daemon.end('SIGTERM');
    expect(existsSync(file)).toBe(false);
  });

  it('on a Unix socket that a killed server left behind', async () => {
    const dir = tempDir();
    const file = join(dir, 'server.sock');
    const args = ['--port', '0', '--save', '', '--dir', dir, '--unixsocket', file];
    const first = start(args);
    await first.prints(`ready to accept connections at ${file}`);
    await first.end('SIGKILL');
    const second = start(args);
    await second.prints(`ready to accept connections at ${file}`);
    expect(await sayPing(file)).toBe('+PONG\r\n');
  });

  // redis-server removes whatever is there.
  it.skipIf(ONLY_REDIS)(
    'on a Unix socket whose name an empty file reserves, and not over a file with content',
    async () => {
      const dir = tempDir();
      const file = join(dir, 'server.sock');
      const args = ['--port', '0', '--save', '', '--dir', dir, '--unixsocket', file];
      writeFileSync(file, 'mine');
      const refused = start(args);
      expect(await refused.ending).toMatchObject({ code: 1 });
      expect(readFileSync(file, 'utf8')).toBe('mine');
      writeFileSync(file, '');
      await start(args).prints(`ready to accept connections at ${file}`);
      expect(await sayPing(file)).toBe('+PONG\r\n');
    },
  );

  it.skipIf(!hasIpv6)('on IPv6 too, where an address has a colon or a dash before it', async () => {
    const port = await freePort();
    await start(['--port', String(port), '--save', '', '--bind', '127.0.0.1', '-::1']).ready();
    const client = await RawClient.connect(port, '::1');
    expect(await client.call('PING')).toEqual({ type: 'simple', text: 'PONG' });
    client.close();
  });

  it('on every address of the machine with bind *', async () => {
    const port = await freePort();
    await start(['--port', String(port), '--save', '', '--bind', '*', '--protected-mode', 'no']).ready();
    for (const host of ['127.0.0.1', '127.0.0.9', ...(outside === undefined ? [] : [outside])]) {
      const client = await RawClient.connect(port, host);
      expect(await client.call('PING')).toEqual({ type: 'simple', text: 'PONG' });
      client.close();
    }
  });

  // Linux lets one more connection through than the backlog says.
  it.skipIf(!onLinux)('with tcp-backlog, so many may wait that it has not accepted yet', async () => {
    const port = await freePort();
    const daemon = start(plainArgs(port, ['--tcp-backlog', '3']));
    await daemon.ready();
    daemon.signal('SIGSTOP');
    let connected = 0;
    let answered = 0;
    const sockets = Array.from({ length: 10 }, () => {
      const socket = connect({ port, host: '127.0.0.1' }, () => {
        connected++;
        socket.write('PING\r\n');
      });
      return socket.on('data', () => answered++);
    });
    await until('as many are through as may wait', () => connected === 4);
    await sleep(300);
    expect(connected).toBe(4);
    daemon.signal('SIGCONT');
    await until('all are served', () => answered === 10);
    for (const socket of sockets) socket.destroy();
  });

  it.skipIf(!onLinux)('with tcp-keepalive, the system asks a silent client so often whether it is there', async () => {
    const port = await freePort();
    await start(plainArgs(port, ['--tcp-keepalive', '70'])).ready();
    const asked = await RawClient.connect(port);
    await asked.call('PING');
    const seconds = await keepAliveSeconds(port, asked.localPort);
    expect(seconds).toBeGreaterThan(60);
    expect(seconds).toBeLessThanOrEqual(70);
    await asked.call('CONFIG', 'SET', 'tcp-keepalive', '0');
    const left = await RawClient.connect(port);
    await left.call('PING');
    expect(await keepAliveSeconds(port, left.localPort)).toBeUndefined();
    for (const client of [asked, left]) client.close();
  });
});

/** When the kernel will send the next keep-alive probe on the server's side of a connection; undefined when it will not. */
async function keepAliveSeconds(port: number, clientPort: number): Promise<number | undefined> {
  const hex = (number: number): string => number.toString(16).toUpperCase().padStart(4, '0');
  let timer = '';
  let ticks = '';
  await until('the last answer is confirmed', () => {
    const lines = readFileSync('/proc/net/tcp', 'latin1').split('\n');
    const fields = lines
      .map((line) => line.trim().split(/\s+/))
      .find((each) => each[1]?.endsWith(`:${hex(port)}`) && each[2]?.endsWith(`:${hex(clientPort)}`));
    [timer = '', ticks = ''] = fields?.[5]?.split(':') ?? [];
    return timer === '00' || timer === '02';
  });
  return timer === '02' ? Number.parseInt(ticks, 16) / TICKS_A_SECOND : undefined;
}

function sayPing(socketFile: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketFile, () => socket.write('PING\r\n'));
    socket.once('data', (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
