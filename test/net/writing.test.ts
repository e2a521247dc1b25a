import { describe, expect, it } from 'vitest';
import { encodeRequest } from '../support/resp.js';
import { endOfRound, Harness } from './harness.js';

const MEGABYTE = 1024 * 1024;

describe('a reader that does not keep up', () => {
  it('gets every reply in order once it reads again', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.takesWrites = 0;
    for (let i = 0; i < 100; i++) stream.receive(encodeRequest(['ECHO', `reply ${i}`]));
    expect(stream.text).toBe('');
    stream.drain();
    const texts = stream.takeReplies().map((reply) => ('text' in reply ? reply.text : ''));
    expect(texts).toEqual(Array.from({ length: 100 }, (_, i) => `reply ${i}`));
  });

  it('stalls again and again without losing or doubling a byte', () => {
    const harness = new Harness();
    const stream = harness.connect();
    let expected = '';
    for (let round = 0; round < 50; round++) {
      stream.takesWrites = round % 3;
      for (let i = 0; i < 4; i++) {
        const word = `${round}.${i}.${'x'.repeat(round * 40)}`;
        expected += `$${word.length}\r\n${word}\r\n`;
        stream.receive(encodeRequest(['ECHO', word]));
      }
      while (stream.waiting) stream.drain(round % 2);
    }
    expect(stream.text).toBe(expected);
  });

  it('keeps the replies of other clients out of the memory that is being written for it', () => {
    const harness = new Harness();
    const [slow, fast] = [harness.connect(), harness.connect()];
    slow.takesWrites = 0;
    slow.receive(encodeRequest(['ECHO', 'slow'.repeat(1000)]));
    for (let i = 0; i < 10; i++) expect(harness.call(fast, 'ECHO', `fast ${i}`)).toMatchObject({ text: `fast ${i}` });
    // The stream itself checks that its memory has not changed.
    slow.drain();
    expect(slow.takeReplies()).toEqual([{ type: 'bulk', text: 'slow'.repeat(1000) }]);
  });

  it('counts what waits for it as its output', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.takesWrites = 0;
    stream.receive(encodeRequest(['ECHO', 'x'.repeat(100)]));
    stream.receive(encodeRequest(['ECHO', 'x'.repeat(100)]));
    const [client] = [...harness.server.clients.all()];
    expect(client.outputBytes()).toBe(2 * (6 + 102));
    stream.drain();
    expect(client.outputBytes()).toBe(0);
  });
});

describe('client-output-buffer-limit', () => {
  it('ends a client at the hard limit, at once', () => {
    const harness = new Harness({ 'client-output-buffer-limit': 'normal 1mb 0 0' });
    const stream = harness.connect();
    harness.call(stream, 'SET', 'k', 'v'.repeat(MEGABYTE / 4));
    stream.takesWrites = 0;
    for (let i = 0; i < 3; i++) stream.receive(encodeRequest(['GET', 'k']));
    expect(stream.closed).toBe(false);
    stream.receive(encodeRequest(['GET', 'k']));
    expect(stream.closed).toBe(true);
    expect(harness.server.stats.clientOutputBufferLimitDisconnections).toBe(1);
    expect(harness.log.join('')).toContain('closed for overcoming of output buffer limits');
  });

  it('ends a client that stays over the soft limit for longer than its time', () => {
    const harness = new Harness({ 'client-output-buffer-limit': 'normal 0 100kb 10' });
    const stream = harness.connect();
    harness.call(stream, 'SET', 'k', 'v'.repeat(60 * 1024));
    stream.takesWrites = 0;
    const get = (): void => stream.receive(encodeRequest(['GET', 'k']));
    get();
    get();
    harness.clock.advance(9000);
    get();
    expect(stream.closed).toBe(false);
    harness.clock.advance(2000);
    get();
    expect(stream.closed).toBe(true);
  });

  it('ends a client that stays over the soft limit, although nothing more is sent to it', () => {
    const harness = new Harness({ 'client-output-buffer-limit': 'normal 0 100kb 10' });
    const stream = harness.connect();
    harness.call(stream, 'SET', 'k', 'v'.repeat(60 * 1024));
    stream.takesWrites = 0;
    for (let i = 0; i < 2; i++) stream.receive(encodeRequest(['GET', 'k']));
    harness.clock.advance(9000);
    harness.server.clients.closeSlowReaders();
    expect(stream.closed).toBe(false);
    harness.clock.advance(2000);
    harness.server.clients.closeSlowReaders();
    expect(stream.closed).toBe(true);
  });

  it('forgives a client that came below the soft limit in between', () => {
    const harness = new Harness({ 'client-output-buffer-limit': 'normal 0 100kb 10' });
    const stream = harness.connect();
    harness.call(stream, 'SET', 'k', 'v'.repeat(60 * 1024));
    const get = (): void => stream.receive(encodeRequest(['GET', 'k']));
    for (let i = 0; i < 3; i++) {
      stream.takesWrites = 0;
      get();
      get();
      harness.clock.advance(9000);
      stream.drain();
    }
    expect(stream.closed).toBe(false);
  });

  it('is small for a client that has not authenticated, whatever the directive says', () => {
    const harness = new Harness({ requirepass: 'secret' });
    const [stranger, known] = [harness.connect(), harness.connect()];
    harness.call(known, 'AUTH', 'secret');
    for (const stream of [stranger, known]) {
      stream.takesWrites = 0;
      for (let i = 0; i < 400; i++) stream.receive(encodeRequest(['ECHO', 'x'.repeat(40)]));
      expect(stream.closed).toBe(false);
      for (let i = 0; i < 200; i++) if (!stream.closed) stream.receive(encodeRequest(['ECHO', 'x'.repeat(40)]));
    }
    expect([stranger.closed, known.closed]).toEqual([true, false]);
  });

  it('ends a client for a reply that is longer, of which nothing leaves, and bounds its memory', () => {
    const harness = new Harness({ 'client-output-buffer-limit': 'normal 3mb 0 0' });
    for (const [set, random] of [
      ['HSET h f v', 'HRANDFIELD h'],
      ['SADD s m', 'SRANDMEMBER s'],
      ['ZADD z 1 m', 'ZRANDMEMBER z'],
    ] as const) {
      const stream = harness.connect();
      harness.call(stream, ...set.split(' '));
      const before = stream.text;
      stream.receive(encodeRequest([...random.split(' '), '-999999999999']));
      expect([stream.closed, stream.text]).toEqual([true, before]);
      expect(harness.server.executor.reply.buf.length).toBeLessThan(8 * MEGABYTE);
      expect(harness.call(harness.connect(), 'PING')).toEqual({ type: 'simple', text: 'PONG' });
    }
    expect(harness.server.stats.clientOutputBufferLimitDisconnections).toBe(3);
  });

  it('lets a transaction run to its end although its client is ended for the replies', () => {
    const harness = new Harness({ 'client-output-buffer-limit': 'normal 100kb 0 0' });
    const [stream, other] = [harness.connect(), harness.connect()];
    const long = encodeRequest(['ECHO', 'x'.repeat(60 * 1024)]);
    const request = (line: string): Buffer => encodeRequest(line.split(' '));
    stream.receive(Buffer.concat([request('MULTI'), long, long, request('SET done 1'), request('EXEC')]));
    expect(stream.closed).toBe(true);
    expect(harness.call(other, 'GET', 'done')).toMatchObject({ text: '1' });
  });

  it('bounds a pipeline that asks for much and reads nothing', () => {
    const harness = new Harness({ 'client-output-buffer-limit': 'normal 8mb 0 0' });
    const stream = harness.connect();
    harness.call(stream, 'SET', 'k', 'v'.repeat(MEGABYTE));
    stream.takesWrites = 0;
    stream.receive(Buffer.concat(Array.from({ length: 1000 }, () => encodeRequest(['GET', 'k']))));
    expect(stream.closed).toBe(true);
    // Replies left the shared buffer on the way: it never held all of the thousand.
    expect(harness.server.executor.reply.buf.length).toBeLessThan(32 * MEGABYTE);
  });
});

describe('the end of a connection', () => {
  it('waits until the replies in front of it have left', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.takesWrites = 0;
    stream.receive(encodeRequest(['ECHO', 'first']));
    stream.receive(encodeRequest(['QUIT']));
    expect(stream.closed).toBe(false);
    stream.drain();
    expect(stream.text).toBe('$5\r\nfirst\r\n+OK\r\n');
    expect(stream.closed).toBe(true);
    expect(harness.clients).toBe(0);
  });

  it('comes without a word to a client that wanted no replies', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.receive(Buffer.concat([encodeRequest(['CLIENT', 'REPLY', 'OFF']), encodeRequest(['QUIT'])]));
    expect(stream.text).toBe('');
    expect(stream.closed).toBe(true);
  });

  it('in the middle of a write frees what waited', () => {
    const harness = new Harness();
    const stream = harness.connect();
    stream.takesWrites = 0;
    stream.receive(encodeRequest(['ECHO', 'a']));
    stream.receive(encodeRequest(['ECHO', 'b']));
    stream.hangUp();
    expect(harness.clients).toBe(0);
    expect(harness.call(harness.connect(), 'PING')).toEqual({ type: 'simple', text: 'PONG' });
  });
});

describe('replies that must wait for the disk', () => {
  it('leave at the end of the round, those of all clients together', async () => {
    const harness = new Harness();
    harness.server.outbox.deferred = true;
    const [a, b] = [harness.connect(), harness.connect()];
    a.receive(encodeRequest(['SET', 'k', '1']));
    b.receive(encodeRequest(['INCR', 'k']));
    a.receive(encodeRequest(['INCR', 'k']));
    expect([a.text, b.text]).toEqual(['', '']);
    await endOfRound();
    expect([a.text, b.text]).toEqual(['+OK\r\n:3\r\n', ':2\r\n']);
  });

  it('leave before the end of the round when they have become many', () => {
    const harness = new Harness();
    harness.server.outbox.deferred = true;
    const stream = harness.connect();
    stream.receive(encodeRequest(['SET', 'k', 'v'.repeat(MEGABYTE / 2)]));
    stream.receive(Buffer.concat(Array.from({ length: 10 }, () => encodeRequest(['GET', 'k']))));
    expect(stream.writes.length).toBeGreaterThan(0);
  });

  it('of a client that says QUIT leave before it is closed', async () => {
    const harness = new Harness();
    harness.server.outbox.deferred = true;
    const stream = harness.connect();
    stream.receive(Buffer.concat([encodeRequest(['SET', 'k', '1']), encodeRequest(['QUIT'])]));
    expect(stream.closed).toBe(false);
    await endOfRound();
    expect(stream.text).toBe('+OK\r\n+OK\r\n');
    expect(stream.closed).toBe(true);
  });

  it('of a client that is gone by then go nowhere and hold up nobody', async () => {
    const harness = new Harness();
    harness.server.outbox.deferred = true;
    const [gone, there] = [harness.connect(), harness.connect()];
    gone.receive(encodeRequest(['ECHO', 'gone']));
    there.receive(encodeRequest(['ECHO', 'there']));
    gone.hangUp();
    await endOfRound();
    expect(there.text).toBe('$5\r\nthere\r\n');
    expect(gone.text).toBe('');
  });
});
