/** The same server on a Node whose stream handles we do not know: everything goes through `node:net` sockets. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { textOf } from '../support/notation.js';
import { type RunningServer, startServerProcess } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { encodeRequest } from '../support/resp.js';

const executable = fileURLToPath(new URL('../../bin/shoal-server', import.meta.url));
const WITHOUT_HANDLES = 'data:text/javascript,process.binding = undefined';

describe('without raw handles', () => {
  let server: RunningServer;
  const clients: RawClient[] = [];

  beforeAll(async () => {
    server = await startServerProcess([process.execPath, '--import', WITHOUT_HANDLES, executable], ['--save', '']);
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    await server.stop();
  });

  const open = async (): Promise<RawClient> => {
    const client = await RawClient.connect(server.port);
    clients.push(client);
    return client;
  };

  it('answers pipelined requests in order', async () => {
    const client = await open();
    client.write(Buffer.concat(Array.from({ length: 5000 }, () => encodeRequest(['INCR', 'n']))));
    for (let i = 1; i <= 5000; i++) expect(textOf(await client.read())).toBe(String(i));
  });

  it('gives a slow reader everything, and others meanwhile', async () => {
    const slow = await open();
    const other = await open();
    await other.call('SET', 'big', 'x'.repeat(1 << 20));
    slow.pause();
    slow.write(Buffer.concat(Array.from({ length: 32 }, () => encodeRequest(['GET', 'big']))));
    for (let i = 1; i <= 20; i++) expect(textOf(await other.call('INCR', 'meanwhile'))).toBe(String(i));
    slow.resume();
    for (let i = 0; i < 32; i++) expect(textOf(await slow.read(30_000)).length).toBe(1 << 20);
  });

  it('closes after QUIT', async () => {
    const client = await open();
    expect(textOf(await client.call('QUIT'))).toBe('OK');
    await expect(client.call('PING')).rejects.toThrow();
  });
});
