import { describe, expect, it } from 'vitest';
import { ExpireCycle } from '../../src/exec/expireCycle.js';
import { encodeRequest } from '../support/resp.js';
import { endOfRound, Harness } from './harness.js';

function paused(mode: 'ALL' | 'WRITE'): { harness: Harness; unpause: () => Promise<void> } {
  const harness = new Harness();
  const admin = harness.connect();
  harness.call(admin, 'SET', 'k', 'old');
  harness.call(admin, 'CLIENT', 'PAUSE', '100000', mode);
  // Not by CLIENT UNPAUSE: PAUSE ALL holds that back as well.
  const unpause = (): Promise<void> => {
    harness.server.clients.unpause();
    return endOfRound();
  };
  return { harness, unpause };
}

describe('CLIENT PAUSE', () => {
  it('holds requests back until UNPAUSE, and then runs them in order', async () => {
    const { harness, unpause } = paused('ALL');
    const stream = harness.connect();
    stream.receive(encodeRequest(['APPEND', 'k', '1']));
    stream.receive(Buffer.concat([encodeRequest(['APPEND', 'k', '2']), encodeRequest(['GET', 'k'])]));
    expect(stream.text).toBe('');
    await unpause();
    expect(stream.takeReplies()).toEqual([
      { type: 'integer', text: '4' },
      { type: 'integer', text: '5' },
      { type: 'bulk', text: 'old12' },
    ]);
  });

  it('holds back a request at every place of a pipeline that arrives in any pieces', async () => {
    const bytes = Buffer.concat([encodeRequest(['APPEND', 'k', 'a']), encodeRequest(['APPEND', 'k', 'b'])]);
    for (let at = 1; at < bytes.length; at++) {
      const { harness, unpause } = paused('WRITE');
      const stream = harness.connect();
      stream.receive(Buffer.from(bytes.subarray(0, at)));
      stream.receive(Buffer.from(bytes.subarray(at)));
      expect(stream.text).toBe('');
      await unpause();
      expect({ at, text: stream.text }).toEqual({ at, text: ':4\r\n:5\r\n' });
    }
  });

  it('WRITE lets reads through, also in front of the write that is held back', async () => {
    const { harness, unpause } = paused('WRITE');
    const stream = harness.connect();
    stream.receive(
      Buffer.concat([encodeRequest(['GET', 'k']), encodeRequest(['SET', 'k', 'new']), encodeRequest(['GET', 'k'])]),
    );
    expect(stream.takeReplies()).toEqual([{ type: 'bulk', text: 'old' }]);
    await unpause();
    expect(stream.takeReplies()).toEqual([
      { type: 'simple', text: 'OK' },
      { type: 'bulk', text: 'new' },
    ]);
  });

  it.each([
    ['PFCOUNT', 'k'],
    ['PUBLISH', 'c', 'm'],
    ['SPUBLISH', 'c', 'm'],
  ])('WRITE holds back %s, which may be propagated', async (...words) => {
    const { harness, unpause } = paused('WRITE');
    harness.server.clients.unpause();
    const stream = harness.connect();
    harness.call(stream, 'DEL', 'k');
    harness.call(stream, 'CLIENT', 'PAUSE', '100000', 'WRITE');
    stream.receive(encodeRequest(words));
    expect(stream.text).toBe('');
    await unpause();
    expect(stream.text).toBe(':0\r\n');
  });

  it('leaves keys where they are whose time comes, and hides them', async () => {
    const harness = new Harness();
    const stream = harness.connect();
    for (const key of ['a', 'b']) harness.call(stream, 'SET', key, 'v', 'PX', '10');
    harness.call(stream, 'CLIENT', 'PAUSE', '100000', 'WRITE');
    harness.clock.advance(20);
    const cycle = new ExpireCycle(harness.server.executor);
    expect(cycle.run()).toBe(false);
    expect(harness.call(stream, 'GET', 'a')).toEqual({ type: 'nil' });
    expect(harness.server.stats.expiredKeys).toBe(0);
    expect(harness.server.store.databases[0]?.size).toBe(2);
    harness.server.clients.unpause();
    await endOfRound();
    expect(harness.call(stream, 'GET', 'a')).toEqual({ type: 'nil' });
    cycle.run();
    expect(harness.server.stats.expiredKeys).toBe(2);
  });

  it('in a transaction that goes on, a write finds no trace of a key whose time was over', () => {
    const harness = new Harness();
    const stream = harness.connect();
    harness.call(stream, 'SET', 'k', 'v', 'PX', '10');
    harness.clock.advance(20);
    for (const words of [['MULTI'], ['CLIENT', 'PAUSE', '100000', 'WRITE'], ['EXISTS', 'k'], ['RPUSH', 'k', 'a']]) {
      harness.call(stream, ...words);
    }
    const reply = harness.call(stream, 'EXEC');
    expect(reply).toMatchObject({ items: [{ text: 'OK' }, { text: '0' }, { text: '1' }] });
    harness.server.store.verify();
    expect(harness.server.store.databases[0]?.size).toBe(1);
  });

  it('WRITE holds back EXEC when the transaction writes, and not when it reads', async () => {
    const harness = new Harness();
    const [writer, reader, admin] = [harness.connect(), harness.connect(), harness.connect()];
    for (const request of [['SET', 'k', 'old'], ['MULTI'], ['SET', 'k', 'new']]) writer.receive(encodeRequest(request));
    for (const request of [['MULTI'], ['GET', 'k']]) reader.receive(encodeRequest(request));
    harness.call(admin, 'CLIENT', 'PAUSE', '100000', 'WRITE');
    writer.receive(encodeRequest(['EXEC']));
    reader.receive(encodeRequest(['EXEC']));
    expect(writer.text).toBe('+OK\r\n+OK\r\n+QUEUED\r\n');
    expect(reader.text).toBe('+OK\r\n+QUEUED\r\n*1\r\n$3\r\nold\r\n');
    harness.call(admin, 'CLIENT', 'UNPAUSE');
    await endOfRound();
    expect(writer.text).toBe('+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n');
  });

  it('WRITE holds back a write that a transaction would queue', async () => {
    const { harness, unpause } = paused('WRITE');
    const stream = harness.connect();
    for (const request of [['MULTI'], ['SET', 'k', 'new'], ['EXEC']]) stream.receive(encodeRequest(request));
    expect(stream.text).toBe('+OK\r\n');
    await unpause();
    expect(stream.text).toBe('+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n');
  });

  it('stops reading from a client that goes on sending, and reads again afterwards', async () => {
    const { harness, unpause } = paused('ALL');
    const stream = harness.connect();
    stream.receive(encodeRequest(['ECHO', 'first']));
    const more = encodeRequest(['ECHO', 'x'.repeat(60_000)]);
    for (let i = 0; i < 40 && stream.reading; i++) stream.receive(more);
    expect(stream.reading).toBe(false);
    await unpause();
    expect(stream.reading).toBe(true);
    const replies = stream.takeReplies();
    expect(replies.length).toBeGreaterThan(10);
    expect(replies[0]).toEqual({ type: 'bulk', text: 'first' });
  });

  it('forgets the request of a client that hangs up meanwhile', async () => {
    const { harness, unpause } = paused('ALL');
    const stream = harness.connect();
    stream.receive(encodeRequest(['SET', 'k', 'new']));
    stream.hangUp();
    await unpause();
    expect(harness.call(harness.connect(), 'GET', 'k')).toEqual({ type: 'bulk', text: 'old' });
  });

  it('does not end a client for its silence while it is held back', async () => {
    const harness = new Harness({ timeout: '1' });
    const [admin, stream] = [harness.connect(), harness.connect()];
    harness.call(admin, 'CLIENT', 'PAUSE', '100000');
    stream.receive(encodeRequest(['PING']));
    harness.clock.advance(5000);
    harness.server.clients.closeIdle();
    expect(stream.closed).toBe(false);
    admin.hangUp();
    harness.server.clients.unpause();
    await endOfRound();
    expect(stream.text).toBe('+PONG\r\n');
  });

  it('keeps the replies of a pipeline around UNPAUSE apart from those of the clients that go on', async () => {
    const harness = new Harness();
    const [admin, stream] = [harness.connect(), harness.connect()];
    harness.call(admin, 'CLIENT', 'PAUSE', '100000', 'WRITE');
    stream.receive(encodeRequest(['SET', 'k', 'v']));
    admin.takeReplies();
    admin.receive(
      Buffer.concat([encodeRequest(['PING']), encodeRequest(['CLIENT', 'UNPAUSE']), encodeRequest(['GET', 'k'])]),
    );
    await endOfRound();
    expect(stream.text).toBe('+OK\r\n');
    expect(admin.takeReplies().map(({ type }) => type)).toEqual(['simple', 'simple', 'nil']);
  });

  it('shows the client as blocked', () => {
    const { harness } = paused('ALL');
    const stream = harness.connect();
    stream.receive(encodeRequest(['PING']));
    const held = [...harness.server.clients.all()].find((client) => client.flagLetters().includes('b'));
    expect(held?.id).toBe(2);
    harness.server.clients.unpause();
  });
});
