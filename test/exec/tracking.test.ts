import { describe, expect, it } from 'vitest';
import { endOfRound, type FakeStream, Harness } from '../net/harness.js';
import { formatReply } from '../support/notation.js';

function heard(stream: FakeStream): string[] {
  return stream.takeReplies().map((reply) => formatReply(reply));
}

function tracker(harness: Harness, ...options: string[]): FakeStream {
  const stream = harness.connect();
  harness.call(stream, 'HELLO', '3');
  harness.call(stream, 'CLIENT', 'TRACKING', 'ON', ...options);
  return stream;
}

describe('CLIENT TRACKING', () => {
  it('costs writers nothing once nobody tracks any more', () => {
    const harness = new Harness();
    const { tracking, pushes } = harness.server.executor;
    expect([tracking.active, pushes.observers]).toEqual([false, 0]);
    const [a, b] = [tracker(harness), tracker(harness, 'BCAST')];
    harness.call(a, 'GET', 'k');
    expect([tracking.active, pushes.observers, tracking.keyCount]).toEqual([true, 2, 1]);
    harness.call(b, 'CLIENT', 'TRACKING', 'OFF');
    a.hangUp();
    expect([tracking.active, pushes.observers, tracking.keyCount, tracking.itemCount]).toEqual([false, 0, 0, 0]);
    expect(tracking.prefixCount).toBe(0);
  });

  it('tells of keys that the active expiry removes', () => {
    const harness = new Harness();
    const reader = tracker(harness);
    harness.call(reader, 'SET', 'k', 'v', 'PX', '100');
    harness.call(reader, 'GET', 'k');
    harness.clock.advance(200);
    const { executor, store } = harness.server;
    const db = store.databases[0] as (typeof store.databases)[0];
    const key = Buffer.from('k');
    executor.expire(db, db.find(key, 0, 1), key, 0, 1);
    executor.server.clients.all();
    harness.server.outbox.flush();
    expect(heard(reader)).toEqual(['push["invalidate", ["k"]]']);
  });

  it('writes what many clients are told once for all of them', async () => {
    const harness = new Harness();
    const readers = Array.from({ length: 20 }, () => tracker(harness));
    const listeners = Array.from({ length: 20 }, () => tracker(harness, 'BCAST'));
    for (const reader of readers) harness.call(reader, 'GET', 'k');
    const { pushes } = harness.server.executor;
    const begin = pushes.begin.bind(pushes);
    let written = 0;
    pushes.begin = (protocol) => {
      written++;
      return begin(protocol);
    };
    harness.call(harness.connect(), 'SET', 'k', 'v');
    await endOfRound();
    const told = 'push["invalidate", ["k"]]';
    expect([...readers, ...listeners].flatMap(heard)).toEqual(Array.from({ length: 40 }, () => told));
    expect(written).toBe(2);
  });

  it('tells of evicted keys', () => {
    const harness = new Harness();
    const reader = tracker(harness);
    harness.call(reader, 'SET', 'k', 'v');
    harness.call(reader, 'GET', 'k');
    const other = harness.connect();
    harness.call(other, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    harness.call(other, 'CONFIG', 'SET', 'maxmemory', '1');
    other.receive('GET nothing\r\n');
    harness.server.outbox.flush();
    expect(heard(reader)).toEqual(['push["invalidate", ["k"]]']);
  });

  it('tells of a key that was evicted for a request before it answers: the reply is newer', () => {
    const harness = new Harness();
    const reader = tracker(harness);
    harness.call(reader, 'SET', 'k', 'v');
    harness.call(reader, 'GET', 'k');
    const other = harness.connect();
    harness.call(other, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    harness.call(other, 'CONFIG', 'SET', 'maxmemory', '1');
    reader.receive('GET k\r\n');
    harness.server.outbox.flush();
    expect(heard(reader)).toEqual(['push["invalidate", ["k"]]', '(null)']);
  });

  it('with NOLOOP, tells of what the server did while a command of the client ran', () => {
    const harness = new Harness();
    const reader = tracker(harness, 'NOLOOP');
    harness.call(reader, 'MSET', 'a', '1', 'b', '2', 'c', '3');
    harness.call(reader, 'PEXPIRE', 'c', '100');
    harness.call(reader, 'MGET', 'a', 'b', 'c');
    harness.call(reader, 'SET', 'a', '3');
    expect(heard(reader)).toEqual([]);
    harness.clock.advance(200);
    reader.receive('GET c\r\n');
    harness.server.outbox.flush();
    expect(heard(reader)).toEqual(['(null)', 'push["invalidate", ["c"]]']);
    reader.receive('MGET a c\r\n');
    heard(reader);
    reader.receive('CONFIG SET tracking-table-max-keys 1\r\n');
    harness.server.outbox.flush();
    expect(heard(reader)).toHaveLength(3);
  });

  it('keeps no more keys than tracking-table-max-keys', () => {
    const harness = new Harness({ 'tracking-table-max-keys': '100' });
    const { tracking } = harness.server.executor;
    const [a, b] = [tracker(harness), tracker(harness)];
    for (let i = 0; i < 500; i++) {
      a.receive(`GET key:${i}\r\n`);
      if (i % 2 === 0) b.receive(`GET key:${i}\r\n`);
    }
    expect(tracking.keyCount).toBe(100);
    // Each of the others was given up, and each of its readers was told, once. A key that was given up at once for the first
    // reader may be there for the second: then the first was told of one more.
    const told = heard(a).filter((text) => text.startsWith('push["invalidate"'));
    expect(new Set(told).size).toBe(told.length);
    expect(told.length).toBeGreaterThanOrEqual(400);
    expect(told.length).toBeLessThan(450);
    expect(tracking.itemCount).toBeLessThanOrEqual(200);
  });

  it('sends what BCAST collects in a round in one message, sorted, to others behind nothing and to oneself behind replies', async () => {
    const harness = new Harness();
    const [a, b] = [tracker(harness, 'BCAST'), tracker(harness, 'BCAST', 'PREFIX', 'k:', 'NOLOOP')];
    b.receive('SET k:2 v\r\nSET k:1 v\r\nSET x v\r\nDEL k:2\r\n');
    expect(heard(b)).toEqual(['+OK', '+OK', '+OK', ':1']);
    await endOfRound();
    expect(heard(a)).toEqual(['push["invalidate", ["k:1", "k:2", "x"]]']);
    expect(heard(b)).toEqual([]);
  });

  it('knows whose change a NOLOOP client need not hear of, key by key', async () => {
    const harness = new Harness();
    const [a, b] = [tracker(harness, 'BCAST', 'NOLOOP'), tracker(harness, 'BCAST', 'NOLOOP')];
    a.receive('SET mine v\r\n');
    b.receive('SET theirs v\r\n');
    heard(a);
    heard(b);
    await endOfRound();
    expect(heard(a)).toEqual(['push["invalidate", ["theirs"]]']);
    expect(heard(b)).toEqual(['push["invalidate", ["mine"]]']);
  });

  it('forgets a client that turned to BCAST after it had read', async () => {
    const harness = new Harness();
    const [reader, writer] = [tracker(harness), harness.connect()];
    harness.call(reader, 'GET', 'k');
    harness.call(reader, 'CLIENT', 'TRACKING', 'OFF');
    harness.call(reader, 'CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 'other');
    harness.call(writer, 'SET', 'k', 'v');
    await endOfRound();
    expect(heard(reader)).toEqual([]);
  });

  it('survives a redirection in a circle and to itself', async () => {
    const harness = new Harness();
    const [a, b] = [harness.connect(), harness.connect()];
    const ids = [a, b].map((stream) => {
      harness.call(stream, 'HELLO', '3');
      return formatReply(harness.call(stream, 'CLIENT', 'ID')).slice(1);
    });
    harness.call(a, 'CLIENT', 'TRACKING', 'ON', 'REDIRECT', ids[1] as string);
    harness.call(b, 'CLIENT', 'TRACKING', 'ON', 'REDIRECT', ids[0] as string);
    harness.call(a, 'GET', 'k');
    harness.call(b, 'GET', 'k');
    a.receive('SET k v\r\n');
    harness.server.outbox.flush();
    expect(heard(a)).toEqual(['+OK', 'push["invalidate", ["k"]]']);
    expect(heard(b)).toEqual(['push["invalidate", ["k"]]']);
  });
});
