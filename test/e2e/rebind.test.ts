/** CONFIG SET port and bind while serving, as redis-server 7.0 does it. */
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { RawClient } from '../support/rawclient.js';
import { type Daemon, launch, plainArgs } from './support/daemon.js';

const started: Daemon[] = [];
const clients: RawClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(started.splice(0).map((daemon) => daemon.end()));
});

async function serve(): Promise<{ daemon: Daemon; port: number; client: RawClient }> {
  const port = await freePort();
  const daemon = launch(plainArgs(port, []));
  started.push(daemon);
  await daemon.ready();
  return { daemon, port, client: await dial(port) };
}

async function dial(port: number, host = '127.0.0.1'): Promise<RawClient> {
  const client = await RawClient.connect(port, host);
  clients.push(client);
  return client;
}

async function text(client: RawClient, ...args: string[]): Promise<string> {
  const reply = await client.call(...args);
  return 'text' in reply ? reply.text : JSON.stringify(reply);
}

describe('CONFIG SET port', () => {
  it('moves to the new port, leaves the old one, and keeps the connections', async () => {
    const { port, client } = await serve();
    const other = await freePort();
    expect(await text(client, 'CONFIG', 'SET', 'port', String(other))).toBe('OK');
    expect(await text(client, 'PING')).toBe('PONG');
    expect(await text(await dial(other), 'INFO', 'server')).toContain(`tcp_port:${other}`);
    await expect(RawClient.connect(port)).rejects.toThrow();
  });

  it('stays where it was when somebody else has the port', async () => {
    const { daemon, port, client } = await serve();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port: other } = taken.address() as { port: number };
    expect(await text(client, 'CONFIG', 'SET', 'port', String(other))).toBe(
      "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.",
    );
    await new Promise((resolve) => taken.close(resolve));
    expect(await text(await dial(port), 'CONFIG', 'GET', 'port')).toContain(String(port));
    await daemon.prints(`127.0.0.1:${other}: bind: Address already in use`);
  });

  it('0 listens nowhere until another port is set', async () => {
    const { port, client } = await serve();
    expect(await text(client, 'CONFIG', 'SET', 'port', '0')).toBe('OK');
    await expect(RawClient.connect(port)).rejects.toThrow();
    expect(await text(client, 'CONFIG', 'SET', 'port', String(port))).toBe('OK');
    expect(await text(await dial(port), 'PING')).toBe('PONG');
  });
});

describe('CONFIG SET bind', () => {
  it('takes other addresses, one that may be missing among them', async () => {
    const { port, client } = await serve();
    expect(await text(client, 'CONFIG', 'SET', 'bind', '127.0.0.2 -192.0.2.1')).toBe('OK');
    expect(await text(await dial(port, '127.0.0.2'), 'PING')).toBe('PONG');
    await expect(RawClient.connect(port)).rejects.toThrow();
  });

  it('is refused for an address of another machine, and the old ones serve again', async () => {
    const { port, client } = await serve();
    expect(await text(client, 'CONFIG', 'SET', 'bind', '127.0.0.1 192.0.2.1')).toBe(
      "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses.",
    );
    expect(await text(await dial(port), 'PING')).toBe('PONG');
    expect(await text(client, 'CONFIG', 'GET', 'bind')).not.toContain('192.0.2.1');
  });

  it('changes together with the port', async () => {
    const { client } = await serve();
    const other = await freePort();
    expect(await text(client, 'CONFIG', 'SET', 'bind', '127.0.0.3', 'port', String(other))).toBe('OK');
    expect(await text(await dial(other, '127.0.0.3'), 'PING')).toBe('PONG');
  });
});
