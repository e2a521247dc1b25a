/** RESTORE of large payloads, which are read while others are served. */
import { describe, expect, it } from 'vitest';
import { digestOf, filled } from '../persistence/rdbFileSupport.js';
import { encodeRequest } from '../support/resp.js';
import { endOfRound, type FakeStream, Harness } from './harness.js';

const FIELDS = Array.from({ length: 12_000 }, (_, i) => `field or value ${i} ${'abc'.repeat(i % 9)}`);
const source = filled([
  ['HSET', 'hash', ...FIELDS],
  ['SET', 'text', noise(400_000)],
]);

function noise(length: number): string {
  return Array.from({ length }, (_, i) => String.fromCharCode((i * i * 7919) % 251)).join('');
}

function payloadOf(key: string): string {
  const stream = source.connect();
  stream.receive(encodeRequest(['DUMP', key]));
  const { text } = stream;
  return text.slice(text.indexOf('\r\n') + 2, -2);
}

const HASH = payloadOf('hash');
const TEXT = payloadOf('text');

async function answered(stream: FakeStream, text: string): Promise<void> {
  while (stream.text.length < text.length) await endOfRound();
  expect(stream.text).toBe(text);
}

function begin(...behind: string[][]): { harness: Harness; restorer: FakeStream; other: FakeStream } {
  const harness = new Harness();
  const [restorer, other] = [harness.connect(), harness.connect()];
  const bytes = Buffer.concat([['RESTORE', 'k', '0', HASH], ...behind].map((request) => encodeRequest(request)));
  for (let at = 0; at < bytes.length; at += 50_000) restorer.receive(bytes.subarray(at, at + 50_000));
  return { harness, restorer, other };
}

describe('RESTORE of a large payload', () => {
  it('lets others be served, and answers when the key is there', async () => {
    expect(HASH.length).toBeGreaterThan(256 * 1024);
    const { harness, restorer, other } = begin();
    expect(restorer.text).toBe('');
    expect(harness.call(other, 'EXISTS', 'k')).toEqual({ type: 'integer', text: '0' });
    await answered(restorer, '+OK\r\n');
    expect(harness.call(other, 'HLEN', 'k')).toEqual({ type: 'integer', text: String(FIELDS.length / 2) });
    expect(harness.call(other, 'HGET', 'k', FIELDS[0] as string)).toEqual({ type: 'bulk', text: FIELDS[1] });
    harness.server.store.verify();
  });

  it('keeps the requests behind it waiting, wherever they came with it', async () => {
    const { restorer } = begin(['HLEN', 'k'], ['PING']);
    await answered(restorer, `+OK\r\n:${FIELDS.length / 2}\r\n+PONG\r\n`);
  });

  it('asks again whether the key is there', async () => {
    const { harness, restorer, other } = begin();
    harness.call(other, 'SET', 'k', 'mine');
    await answered(restorer, '-BUSYKEY Target key name already exists.\r\n');
    expect(harness.call(other, 'GET', 'k')).toEqual({ type: 'bulk', text: 'mine' });
    while (harness.server.store.step(1000)) {}
    harness.server.store.verify();
  });

  it('stores nothing when its client has gone', async () => {
    const { harness, restorer, other } = begin();
    restorer.hangUp();
    for (let i = 0; i < 5; i++) await endOfRound();
    expect(harness.call(other, 'DBSIZE')).toEqual({ type: 'integer', text: '0' });
    while (harness.server.store.step(1000)) {}
    harness.server.store.verify();
  });

  it('is not disturbed by FLUSHALL', async () => {
    const { harness, restorer, other } = begin();
    harness.call(other, 'FLUSHALL');
    await answered(restorer, '+OK\r\n');
    harness.server.store.verify();
  });

  it('is no wait that CLIENT UNBLOCK could end', async () => {
    const { harness, restorer, other } = begin();
    const list = harness.call(other, 'CLIENT', 'LIST');
    const id = /id=(\d+) [^\n]*cmd=restore/.exec('text' in list ? list.text : '')?.[1] as string;
    expect(harness.call(other, 'CLIENT', 'UNBLOCK', id)).toEqual({ type: 'integer', text: '0' });
    await answered(restorer, '+OK\r\n');
  });

  it('counts once, and MONITOR shows it once', async () => {
    const { harness, restorer, other } = begin();
    await answered(restorer, '+OK\r\n');
    other.receive(encodeRequest(['MONITOR']));
    restorer.receive(encodeRequest(['RESTORE', 'k', '0', HASH, 'REPLACE']));
    await answered(restorer, '+OK\r\n+OK\r\n');
    await endOfRound();
    expect(other.text.match(/"RESTORE" "k"/g)).toHaveLength(1);
    const info = harness.call(restorer, 'INFO', 'commandstats');
    expect('text' in info ? info.text : '').toContain('cmdstat_restore:calls=2,');
  });

  it('is done at once in a transaction', () => {
    const harness = new Harness();
    const stream = harness.connect();
    harness.call(stream, 'MULTI');
    harness.call(stream, 'RESTORE', 'k', '0', HASH);
    harness.call(stream, 'HLEN', 'k');
    expect(harness.call(stream, 'EXEC')).toMatchObject({
      type: 'array',
      items: [{ text: 'OK' }, { text: String(FIELDS.length / 2) }],
    });
  });

  it('refuses what was damaged', async () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.receive(encodeRequest(['RESTORE', 'k', '0', `${HASH.slice(0, 1000)}!${HASH.slice(1001)}`]));
    await answered(stream, '-ERR DUMP payload version or checksum are wrong\r\n');
    stream.receive(encodeRequest(['RESTORE', 'k', '0', HASH.slice(1)]));
    await answered(stream, '-ERR DUMP payload version or checksum are wrong\r\n'.repeat(2));
  });

  it('several at a time, of any kind', async () => {
    const harness = new Harness();
    const streams = ['hash', 'text', 'hash', 'text'].map((key, i) => {
      const stream = harness.connect();
      const bytes = encodeRequest(['RESTORE', i < 2 ? key : `${key}:${i}`, '0', key === 'hash' ? HASH : TEXT]);
      for (let at = 0; at < bytes.length; at += 70_000) stream.receive(bytes.subarray(at, at + 70_000));
      return stream;
    });
    for (const stream of streams) await answered(stream, '+OK\r\n');
    const other = harness.connect();
    expect(harness.call(other, 'DEL', 'hash:2', 'text:3')).toEqual({ type: 'integer', text: '2' });
    expect(digestOf(harness)).toBe(digestOf(source));
  });
});
