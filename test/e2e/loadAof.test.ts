import { afterEach, describe, expect, it } from 'vitest';
import type { RunningServer } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { startShoal } from '../support/shoal.js';

const OK = { type: 'simple', text: 'OK' };

describe('DEBUG LOADAOF', () => {
  let server: RunningServer | undefined;
  afterEach(() => server?.stop());

  async function start(...args: string[]): Promise<RawClient> {
    server = await startShoal(['--enable-debug-command', 'yes', ...args]);
    return RawClient.connect(server.port);
  }

  it('replaces the data by what the append-only file holds, and goes on appending', async () => {
    const client = await start('--appendonly', 'yes');
    for (let i = 0; i < 300; i++) await client.call('INCR', `n${i % 7}`);
    await client.call('SET', 'gone', 'x');
    await client.call('DEL', 'gone');
    await client.call('SELECT', '3');
    await client.call('RPUSH', 'l', 'a', 'b');
    const before = await client.call('DEBUG', 'DIGEST');
    // Not in the file: nothing of DEBUG POPULATE is propagated.
    await client.call('DEBUG', 'POPULATE', '10');
    expect(await client.call('DEBUG', 'DIGEST')).not.toEqual(before);
    expect(await client.call('DEBUG', 'LOADAOF')).toEqual(OK);
    expect(await client.call('DEBUG', 'DIGEST')).toEqual(before);
    expect(await client.call('SET', 'later', 'v')).toEqual(OK);
    expect(await client.call('DEBUG', 'LOADAOF')).toEqual(OK);
    expect(await client.call('GET', 'later')).toEqual({ type: 'bulk', text: 'v' });
    expect(await client.call('LRANGE', 'l', '0', '-1')).toMatchObject({ items: [{ text: 'a' }, { text: 'b' }] });
    client.close();
  });

  it('tells others meanwhile that data is being loaded, and answers what came behind it afterwards', async () => {
    const client = await start('--appendonly', 'yes');
    await client.pipeline(Array.from({ length: 20_000 }, (_, i) => ['SET', `k${i}`, 'v']));
    const other = await RawClient.connect((server as RunningServer).port);
    client.send('DEBUG', 'LOADAOF');
    client.send('DBSIZE');
    let loading = false;
    for (let i = 0; i < 1000 && !loading; i++) {
      const reply = await other.call('DBSIZE');
      loading = reply.type === 'error' && reply.text.startsWith('LOADING ');
      if (!loading && reply.type === 'integer' && i > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await client.read()).toEqual(OK);
    expect(await client.read()).toEqual({ type: 'integer', text: '20000' });
    expect(loading).toBe(true);
    for (const each of [client, other]) each.close();
  });

  it('without an AOF loads what BGREWRITEAOF has written, and goes on without one', async () => {
    const client = await start();
    await client.call('SET', 'kept', 'v');
    await client.call('BGREWRITEAOF');
    const rewriting = async (): Promise<boolean> =>
      JSON.stringify(await client.call('INFO', 'persistence')).includes('aof_rewrite_in_progress:1');
    while (await rewriting());
    await client.call('SET', 'later', 'v');
    for (let times = 0; times < 2; times++) {
      expect(await client.call('DEBUG', 'LOADAOF')).toEqual(OK);
      expect(await client.call('KEYS', '*')).toMatchObject({ items: [{ text: 'kept' }] });
      expect(await client.call('SET', 'later', 'v')).toEqual(OK);
    }
    expect(await client.call('CONFIG', 'SET', 'appendonly', 'yes')).toEqual(OK);
    client.close();
  });

  it('is refused without an append-only file, and in a transaction', async () => {
    const client = await start();
    expect((await client.call('DEBUG', 'LOADAOF')).type).toBe('error');
    client.close();
    await server?.stop();
    const appending = await start('--appendonly', 'yes');
    await appending.call('MULTI');
    await appending.call('DEBUG', 'LOADAOF');
    expect(await appending.call('EXEC')).toMatchObject({ items: [{ type: 'error' }] });
    expect(await appending.call('PING')).toEqual({ type: 'simple', text: 'PONG' });
    appending.close();
  });
});
