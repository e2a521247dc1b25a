/** What a connection promises however its bytes are cut: order, completeness, and that others are served meanwhile. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatReply, textOf } from '../support/notation.js';
import type { RunningServer } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';
import { encodeRequest, type Reply } from '../support/resp.js';
import { startShoal } from '../support/shoal.js';

const only = process.env.SHOAL_SPEC_TARGET;

if (only !== 'redis') describe('pipelines (shoal-server)', () => describePipelines(startShoal));
if (only !== 'shoal') {
  if (redisServerOnPath() !== undefined) describe('pipelines (redis-server)', () => describePipelines(startRedis));
  else {
    skipLoudly('pipelines against redis-server');
    describe.skip('pipelines (redis-server) [no redis-server on PATH]', () => it.skip('is skipped', () => {}));
  }
}

function describePipelines(start: (args?: readonly string[]) => Promise<RunningServer>): void {
  let server: RunningServer;
  const clients: RawClient[] = [];
  const open = async (): Promise<RawClient> => {
    const client = await RawClient.connect(server.port);
    clients.push(client);
    return client;
  };
  beforeAll(async () => {
    server = await start();
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await server?.stop();
  });

  it('answers ten thousand commands sent at once, in their order', async () => {
    const client = await open();
    const replies = await client.pipeline(Array.from({ length: 10_000 }, () => ['INCR', 'ten-thousand']));
    expect(replies.map(textOf)).toEqual(Array.from({ length: 10_000 }, (_, i) => String(i + 1)));
  });

  it('answers ten thousand inline commands sent at once', async () => {
    const client = await open();
    client.write('PING\r\n'.repeat(10_000));
    for (let i = 0; i < 10_000; i++) expect(textOf((await client.read()) as Reply)).toBe('PONG');
  });

  it('gives the same replies wherever a pipeline is cut in two', async () => {
    const requests = [
      ['SET', 'cut', 'a\r\nb'],
      ['GET', 'cut'],
      ['ECHO', ''],
      ['FOO', 'x'],
      ['DEL', 'cut', 'none'],
    ];
    const bytes = Buffer.concat([
      Buffer.from('PING\r\n'),
      ...requests.map(encodeRequest),
      Buffer.from('*0\r\n\r\nPING x\r\n'),
    ]);
    const client = await open();
    const witness = await open();
    client.write(bytes);
    const whole = await readTexts(client, requests.length + 2);
    for (let cut = 1; cut < bytes.length; cut++) {
      client.write(bytes.subarray(0, cut));
      // A round trip of another connection: the server has read the first piece.
      await witness.call('PING');
      client.write(bytes.subarray(cut));
      expect(await readTexts(client, requests.length + 2), `cut at byte ${cut}`).toEqual(whole);
    }
  });

  it('takes a request of a hundred thousand arguments', async () => {
    const client = await open();
    const keys = Array.from({ length: 50_000 }, (_, i) => `many:${i}`);
    const replies = await client.pipeline([
      ['MSET', ...keys.flatMap((key) => [key, `value of ${key}`])],
      ['MGET', ...keys],
      ['DEL', ...keys],
    ]);
    const [set, values, deleted] = replies as [Reply, Reply, Reply];
    expect(textOf(set)).toBe('OK');
    expect(values.type === 'array' && values.items.map(textOf)).toEqual(keys.map((key) => `value of ${key}`));
    expect(textOf(deleted)).toBe('50000');
  });

  it('takes a value of 32 MB in small pieces and gives it back', async () => {
    const client = await open();
    const value = Buffer.alloc(32 << 20);
    for (let i = 0; i < value.length; i++) value[i] = (i * 31 + (i >>> 13)) & 255;
    const request = encodeRequest(['SET', 'big', value.toString('latin1')]);
    for (let at = 0; at < request.length; at += 10_007) client.write(request.subarray(at, at + 10_007));
    expect(textOf((await client.read(30_000)) as Reply)).toBe('OK');
    const reply = await client.call('GET', 'big');
    expect(Buffer.from(textOf(reply), 'latin1').equals(value)).toBe(true);
    expect(textOf(await client.call('DEL', 'big'))).toBe('1');
  });

  it('serves others while one reads slowly, and then gives it all', async () => {
    const slow = await open();
    const other = await open();
    await other.call('SET', 'mb', 'x'.repeat(1 << 20));
    slow.pause();
    slow.write(Buffer.concat(Array.from({ length: 64 }, () => encodeRequest(['GET', 'mb']))));
    for (let i = 0; i < 100; i++) expect(textOf(await other.call('INCR', 'meanwhile'))).toBe(String(i + 1));
    slow.resume();
    for (let i = 0; i < 64; i++) expect(textOf((await slow.read(30_000)) as Reply).length).toBe(1 << 20);
    expect(textOf(await slow.call('PING'))).toBe('PONG');
  });

  it('closes a reader whose output passes client-output-buffer-limit, and nobody else', async () => {
    const slow = await open();
    const other = await open();
    await other.call('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 4mb 0 0');
    await other.call('SET', 'mb', 'x'.repeat(1 << 20));
    const id = textOf(await slow.call('CLIENT', 'ID'));
    slow.pause();
    slow.write(Buffer.concat(Array.from({ length: 200 }, () => encodeRequest(['GET', 'mb']))));
    slow.send('SET', 'unreached', '1');
    // The limit has struck once the slow one is no longer listed.
    await untilTrue(async () => textOf(await other.call('CLIENT', 'LIST', 'ID', id)) === '');
    slow.resume();
    let received = 0;
    for (;;) {
      const outcome = await slow.read(30_000);
      if (outcome.type === 'closed') break;
      received++;
    }
    expect(received).toBeLessThan(200);
    expect(formatReply(await other.call('EXISTS', 'unreached'))).toBe(':0');
    await other.call('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 0 0 0');
  });

  it('keeps the pipelines of many connections apart', async () => {
    const many = await Promise.all(Array.from({ length: 20 }, open));
    await Promise.all(
      many.map(async (client, i) => {
        const replies = await client.pipeline(Array.from({ length: 500 }, (_, n) => ['ECHO', `${i}:${n}`]));
        expect(replies.map(textOf)).toEqual(Array.from({ length: 500 }, (_, n) => `${i}:${n}`));
      }),
    );
  });

  it('runs a transaction of five thousand commands in one piece', async () => {
    const client = await open();
    const queue = Array.from({ length: 5000 }, () => ['INCR', 'in-one-piece']);
    const replies = await client.pipeline([['MULTI'], ...queue, ['EXEC']]);
    const last = replies.at(-1) as Reply;
    expect(last.type === 'array' && last.items.map(textOf)).toEqual(queue.map((_, i) => String(i + 1)));
  });

  it('goes on when a client leaves in the middle of a request', async () => {
    for (const piece of ['*2\r\n$4\r\nECHO\r\n$100\r\nabc', 'SET k ', '*3\r\n', '*1\r\n$536870912\r\nabc']) {
      const client = await open();
      client.write(piece);
      client.close();
    }
    expect(textOf(await (await open()).call('PING'))).toBe('PONG');
  });

  it('runs what was sent before a client left', async () => {
    const client = await open();
    await client.pipeline([['SET', 'before', '1']]);
    client.write(Buffer.concat([encodeRequest(['INCR', 'before']), Buffer.from('*2\r\n$3\r\n')]));
    const other = await open();
    await untilTrue(async () => textOf(await other.call('GET', 'before')) === '2');
    client.close();
    expect(textOf(await other.call('GET', 'before'))).toBe('2');
  });
}

async function readTexts(client: RawClient, count: number): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) {
    const outcome = await client.read();
    if (outcome.type === 'closed' || outcome.type === 'timeout') return [...texts, outcome.type];
    texts.push(formatReply(outcome));
  }
  return texts;
}

async function untilTrue(condition: () => Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('what was awaited did not happen');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
