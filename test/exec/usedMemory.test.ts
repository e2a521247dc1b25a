import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { type FakeStream, Harness } from '../net/harness.js';
import { encodeRequest, type Reply } from '../support/resp.js';

function used(harness: Harness): number {
  return harness.server.usedMemoryBytes();
}

function memoryStats(reply: Reply): Map<string, Reply> {
  const items = reply.type === 'array' ? reply.items : [];
  const stats = new Map<string, Reply>();
  for (let i = 0; i < items.length; i += 2) stats.set((items[i] as { text: string }).text, items[i + 1] as Reply);
  return stats;
}

describe('used_memory', () => {
  it('is at its start value before there is data, and again when data and clients are gone', () => {
    const harness = new Harness();
    const { startupMemoryBytes } = harness.server;
    expect(used(harness)).toBe(startupMemoryBytes);
    const stream = harness.connect();
    for (let i = 0; i < 5000; i++) harness.call(stream, 'SET', `key:${i}`, 'x'.repeat(i), 'EX', String(1 + i));
    expect(used(harness) - startupMemoryBytes).toBeGreaterThan(5000 * 2500);
    harness.call(stream, 'FLUSHALL');
    while (harness.server.store.step(1000));
    stream.hangUp();
    expect(used(harness)).toBe(startupMemoryBytes);
  });

  it('counts what a client has sent of a request that is not whole', () => {
    const harness = new Harness();
    const stream = harness.connect();
    const before = used(harness);
    stream.receive(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n${'x'.repeat(10_000)}`);
    expect(used(harness) - before).toBeGreaterThan(10_000);
    stream.receive(`${'x'.repeat(990_000)}\r\n`);
    harness.call(stream, 'DEL', 'k');
    expect(used(harness) - before).toBeLessThan(10_000);
  });

  it('counts the keys that a client watches', () => {
    const harness = new Harness();
    const stream = harness.connect();
    const before = used(harness);
    harness.call(stream, 'WATCH', ...Array.from({ length: 100 }, (_, i) => `key:${i}`));
    expect(used(harness) - before).toBeGreaterThan(100 * 40);
    harness.call(stream, 'UNWATCH');
    expect(used(harness)).toBe(before);
  });

  it('counts the prefixes that a client tracks', () => {
    const harness = new Harness();
    const stream = harness.connect();
    const before = used(harness);
    const prefixes = Array.from({ length: 100 }, (_, i) => ['PREFIX', `p${i}:`]).flat();
    harness.call(stream, 'HELLO', '3');
    harness.call(stream, 'CLIENT', 'TRACKING', 'ON', 'BCAST', ...prefixes);
    expect(used(harness) - before).toBeGreaterThan(100 * 40);
    harness.call(stream, 'CLIENT', 'TRACKING', 'OFF');
    expect(used(harness)).toBe(before);
  });

  it('counts what a client does not read', () => {
    const harness = new Harness();
    const stream = harness.connect();
    harness.call(stream, 'SET', 'k', 'x'.repeat(10_000));
    const before = used(harness);
    stream.takesWrites = 0;
    for (let i = 0; i < 50; i++) stream.receive(encodeRequest(['GET', 'k']));
    expect(used(harness) - before).toBeGreaterThan(450_000);
    stream.drain();
    expect(used(harness) - before).toBeLessThan(100_000);
  });

  it('counts what a transaction has queued', () => {
    const harness = new Harness();
    const stream = harness.connect();
    const before = used(harness);
    harness.call(stream, 'MULTI');
    for (let i = 0; i < 100; i++) harness.call(stream, 'SET', 'k', 'x'.repeat(1000));
    expect(used(harness) - before).toBeGreaterThan(100_000);
    harness.call(stream, 'DISCARD');
    expect(used(harness)).toBe(before);
  });

  it('does not drift from what is there over a random history', () => {
    const random = new Prng(42);
    const harness = new Harness();
    const streams: FakeStream[] = [];
    for (let step = 0; step < 4000; step++) {
      const dice = random.below(100);
      if (streams.length === 0 || dice < 5) streams.push(harness.connect());
      const at = random.below(streams.length);
      const stream = streams[at] as FakeStream;
      const key = `key:${random.below(200)}`;
      if (dice < 40) stream.receive(encodeRequest(['SET', key, 'x'.repeat(random.below(3000))]));
      else if (dice < 50) stream.receive(encodeRequest(['APPEND', key, 'y'.repeat(random.below(100_000))]));
      else if (dice < 65) stream.receive(encodeRequest(['GET', key]));
      else if (dice < 70) stream.receive(encodeRequest(['MULTI']));
      else if (dice < 75) stream.receive(encodeRequest(['EXEC']));
      else if (dice < 80) stream.receive(encodeRequest(['PEXPIRE', key, String(random.below(1000))]));
      else if (dice < 85) stream.receive(encodeRequest(['DEL', key]));
      else if (dice < 88) stream.takesWrites = 0;
      else if (dice < 94 && stream.waiting) stream.drain(random.below(3));
      else if (dice < 97) {
        stream.hangUp();
        streams.splice(at, 1);
      } else harness.clock.advance(100);
    }
    let connections = 0;
    for (const client of harness.server.clients.all()) {
      connections += client.outputBytes() + client.multiQueueBytes();
    }
    expect(harness.server.clients.bytesUsed).toBeGreaterThanOrEqual(connections);
    for (const stream of streams) stream.hangUp();
    expect(harness.server.clients.bytesUsed).toBe(0);
    harness.server.store.verify();
  });

  it('is what INFO and MEMORY STATS say', () => {
    const harness = new Harness();
    const stream = harness.connect();
    for (let i = 0; i < 1000; i++) harness.call(stream, 'SET', `key:${i}`, 'value', 'EX', '100');
    const stats = memoryStats(harness.call(stream, 'MEMORY', 'STATS'));
    const info = (harness.call(stream, 'INFO', 'memory') as { text: string }).text;
    const number = (name: string): number => Number((stats.get(name) as { text: string }).text);
    const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
    expect(number('total.allocated')).toBe(used(harness));
    expect(field('used_memory')).toBe(used(harness));
    expect(field('used_memory_startup')).toBe(harness.server.startupMemoryBytes);
    expect(field('used_memory_overhead') + field('used_memory_dataset')).toBe(field('used_memory'));
    expect(number('overhead.total') + number('dataset.bytes')).toBe(number('total.allocated'));
    expect(number('keys.count')).toBe(1000);
    expect(stats.get('db.0')).toMatchObject({ type: 'array', items: { length: 6 } });
    expect(stats.has('db.1')).toBe(false);
  });
});

describe('expired_stale_perc', () => {
  it('is the share of keys that are due and not reclaimed', () => {
    const harness = new Harness();
    const stream = harness.connect();
    const stale = (): string | undefined =>
      /expired_stale_perc:(\S+)/.exec((harness.call(stream, 'INFO', 'stats') as { text: string }).text)?.[1];
    expect(stale()).toBe('0.00');
    for (let i = 0; i < 100; i++) harness.call(stream, 'SET', `key:${i}`, 'v', 'PX', i < 30 ? '500' : '100000');
    expect(stale()).toBe('0.00');
    harness.clock.advance(1000);
    expect(stale()).toBe('30.00');
    harness.call(stream, 'GET', 'key:0');
    expect(stale()).toBe('29.29');
  });
});

describe('OBJECT IDLETIME and FREQ', () => {
  it('IDLETIME counts seconds since the last use; OBJECT and NO-TOUCH are no use', () => {
    const harness = new Harness({ maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' });
    const stream = harness.connect();
    const idle = (): string => (harness.call(stream, 'OBJECT', 'IDLETIME', 'k') as { text: string }).text;
    harness.call(stream, 'SET', 'k', 'v');
    harness.clock.advance(7000);
    expect(idle()).toBe('7');
    harness.call(stream, 'CLIENT', 'NO-TOUCH', 'ON');
    harness.call(stream, 'GET', 'k');
    expect(idle()).toBe('7');
    harness.call(stream, 'CLIENT', 'NO-TOUCH', 'OFF');
    harness.call(stream, 'GET', 'k');
    expect(idle()).toBe('0');
    harness.clock.advance(3000);
    harness.call(stream, 'APPEND', 'k', 'w');
    expect(idle()).toBe('0');
    expect(harness.call(stream, 'OBJECT', 'FREQ', 'k').type).toBe('error');
  });

  it('FREQ starts at 5, grows ever more slowly and decays by the minute', () => {
    const harness = new Harness({ maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lfu', 'lfu-decay-time': '2' });
    const stream = harness.connect();
    const frequency = (): number => Number((harness.call(stream, 'OBJECT', 'FREQ', 'k') as { text: string }).text);
    harness.call(stream, 'SET', 'k', 'v');
    expect(frequency()).toBe(5);
    for (let i = 0; i < 1000; i++) harness.call(stream, 'GET', 'k');
    const afterThousand = frequency();
    // The published table for a log factor of 10: 18 after a thousand hits, 142 after a hundred thousand.
    expect(afterThousand).toBeGreaterThan(11);
    expect(afterThousand).toBeLessThan(30);
    harness.clock.advance(10 * 60_000);
    expect(frequency()).toBe(afterThousand - 5);
    harness.call(stream, 'SET', 'k', 'another');
    expect(frequency()).toBeGreaterThanOrEqual(afterThousand - 5);
    expect(frequency()).toBeLessThanOrEqual(afterThousand - 4);
    harness.clock.advance(1000 * 60_000);
    expect(frequency()).toBe(0);
    expect(harness.call(stream, 'OBJECT', 'IDLETIME', 'k').type).toBe('error');
  });
});

describe('maxmemory', () => {
  it('limits what INFO calls used_memory', () => {
    const harness = new Harness();
    const stream = harness.connect();
    for (let i = 0; i < 500; i++) harness.call(stream, 'SET', `key:${i}`, 'x'.repeat(100));
    harness.call(
      stream,
      'CONFIG',
      'SET',
      'maxmemory-policy',
      'allkeys-random',
      'maxmemory',
      String(used(harness) - 20_000),
    );
    harness.call(stream, 'PING');
    expect(used(harness)).toBeLessThanOrEqual(harness.server.config.values.maxmemory);
    expect(harness.server.store.databases[0]?.size).toBeGreaterThan(200);
    expect(harness.server.uncountedMemoryBytes()).toBe(0);
  });
});

describe('INFO memory', () => {
  it('counts the values that wait to be freed and those that were', () => {
    const harness = new Harness();
    const stream = harness.connect();
    const counts = (): string | undefined => {
      const reply = harness.call(stream, 'INFO', 'memory') as { text: string };
      return /lazyfree_pending_objects:\d+\r\nlazyfreed_objects:\d+/.exec(reply.text)?.[0].replace('\r\n', ' ');
    };
    const members = Array.from({ length: 2000 }, (_, i) => `m${i}`);
    harness.call(stream, 'SADD', 's', ...members);
    harness.call(stream, 'HSET', 'h', ...members);
    harness.call(stream, 'SET', 'k', 'v');
    expect(counts()).toBe('lazyfree_pending_objects:0 lazyfreed_objects:0');
    harness.call(stream, 'UNLINK', 's', 'h', 'k');
    expect(counts()).toBe('lazyfree_pending_objects:2 lazyfreed_objects:0');
    while (harness.server.store.step(1000));
    expect(counts()).toBe('lazyfree_pending_objects:0 lazyfreed_objects:2');
    harness.call(stream, 'CONFIG', 'RESETSTAT');
    for (let i = 0; i < 100; i++) harness.call(stream, 'SET', `k${i}`, 'v');
    harness.call(stream, 'SELECT', '1');
    harness.call(stream, 'SET', 'k', 'v');
    harness.call(stream, 'SELECT', '0');
    harness.call(stream, 'FLUSHDB');
    expect(counts()).toBe('lazyfree_pending_objects:100 lazyfreed_objects:0');
    while (harness.server.store.step(1000));
    expect(counts()).toBe('lazyfree_pending_objects:0 lazyfreed_objects:100');
  });

  it('counts streams and lists of many nodes among the values that were not freed at once', () => {
    const harness = new Harness();
    const stream = harness.connect();
    const freed = (): string | undefined => {
      const reply = harness.call(stream, 'INFO', 'memory') as { text: string };
      return /lazyfreed_objects:(\d+)/.exec(reply.text)?.[1];
    };
    harness.call(stream, 'CONFIG', 'SET', 'stream-node-max-entries', '5', 'list-max-listpack-size', '4');
    for (let i = 0; i < 400; i++) {
      harness.call(stream, 'XADD', 'stream', '*', 'field', String(i));
      harness.call(stream, 'RPUSH', 'list', String(i));
    }
    for (let i = 0; i < 40; i++) {
      harness.call(stream, 'XADD', 'short stream', '*', 'field', String(i));
      harness.call(stream, 'RPUSH', 'short list', String(i));
    }
    harness.call(stream, 'UNLINK', 'short stream', 'short list');
    while (harness.server.store.step(1000));
    expect(freed()).toBe('0');
    harness.call(stream, 'XGROUP', 'CREATE', 'stream', 'group', '0');
    harness.call(stream, 'UNLINK', 'stream');
    expect(freed()).toBe('1');
    harness.call(stream, 'UNLINK', 'list');
    while (harness.server.store.step(1000));
    expect(freed()).toBe('2');
  });
});
