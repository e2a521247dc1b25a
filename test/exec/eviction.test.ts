import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import type { ArgVector } from '../../src/resp/argVector.js';
import { type FakeStream, Harness } from '../net/harness.js';
import { encodeRequest, type Reply } from '../support/resp.js';

const OOM = "OOM command not allowed when used memory > 'maxmemory'.";

function setup(directives: Readonly<Record<string, string>> = {}): {
  harness: Harness;
  client: FakeStream;
  call: (...args: string[]) => Reply;
} {
  const harness = new Harness(directives);
  const client = harness.connect();
  return { harness, client, call: (...args) => harness.call(client, ...args) };
}

/** Sets maxmemory to what is in use now and `roomBytes` more (or less). */
function limitTo(harness: Harness, roomBytes: number): void {
  const bytes = harness.server.executor.eviction.usedBytes + roomBytes;
  const refused = harness.server.config.set([['maxmemory', String(bytes)]], { isLocal: true, isLoading: false });
  if (refused !== undefined) throw new Error(refused);
}

/** Sets maxmemory so that about `share` of the data fits, and lets a command make room. */
function shrinkTo(harness: Harness, call: (...args: string[]) => Reply, share: number): void {
  const { store } = harness.server;
  limitTo(harness, -Math.round(store.usedBytes() * (1 - share)));
  expect(call('PING')).toEqual({ type: 'simple', text: 'PONG' });
}

/** The bulk string that was stored under each key: 100 bytes, so that entries weigh more than the index. */
const VALUE = 'v'.repeat(100);

function fill(call: (...args: string[]) => Reply, count: number, prefix = 'key:', ...options: string[]): void {
  for (let i = 0; i < count; i++) call('SET', `${prefix}${i}`, VALUE, ...options);
}

/** The numbers of the keys `prefix`0 ... that are still there, looked at without touching them. */
function survivors(harness: Harness, count: number, prefix = 'key:', dbIndex = 0): number[] {
  const db = harness.server.store.databases[dbIndex];
  const left: number[] = [];
  for (let i = 0; i < count; i++) {
    const key = Buffer.from(`${prefix}${i}`);
    if (db.find(key, 0, key.length) !== 0) left.push(i);
  }
  return left;
}

function infoField(call: (...args: string[]) => Reply, name: string): string {
  const reply = call('INFO', 'everything') as { text: string };
  const line = reply.text.split('\r\n').find((candidate) => candidate.startsWith(`${name}:`));
  if (line === undefined) throw new Error(`INFO has no ${name}`);
  return line.slice(name.length + 1);
}

describe('eviction by policy', () => {
  it('allkeys-lru removes those that were used longest ago', () => {
    const { harness, call } = setup({ 'maxmemory-policy': 'allkeys-lru' });
    fill(call, 4000);
    harness.clock.advance(10_000);
    for (let i = 1; i < 4000; i += 2) call('GET', `key:${i}`);
    harness.clock.advance(10_000);
    shrinkTo(harness, call, 0.6);
    const left = survivors(harness, 4000);
    expect(left.length).toBeGreaterThan(2000);
    expect(left.length).toBeLessThan(2800);
    // Of 1700 victims or so: 15 on average, in 120 runs 51 at the most; 850 by chance.
    expect(2000 - left.filter((i) => i % 2 === 1).length).toBeLessThan(150);
    harness.server.store.verify();
  });

  it('allkeys-lru spares a key that is used after it was found to be a victim', () => {
    const { harness, call } = setup({ 'maxmemory-policy': 'allkeys-lru' });
    fill(call, 300);
    harness.clock.advance(100_000);
    for (let round = 0; round < 200; round++) {
      call('GET', 'key:7');
      call('SET', `new:${round}`, VALUE);
      harness.clock.advance(1000);
      limitTo(harness, -100);
      call('PING');
    }
    expect(survivors(harness, 300)).toContain(7);
    expect(survivors(harness, 300).length).toBeLessThan(150);
  });

  it('allkeys-lfu removes those that are used least, however lately', () => {
    const { harness, call } = setup({ 'maxmemory-policy': 'allkeys-lfu', 'lfu-log-factor': '1' });
    fill(call, 2000);
    for (let round = 0; round < 40; round++) for (let i = 0; i < 500; i++) call('GET', `key:${i}`);
    harness.clock.advance(30_000);
    // The others are used last, but only once.
    for (let i = 500; i < 2000; i++) call('GET', `key:${i}`);
    shrinkTo(harness, call, 0.4);
    const left = survivors(harness, 2000);
    expect(left.filter((i) => i < 500).length).toBeGreaterThan(450);
    expect(left.length).toBeLessThan(1000);
  });

  it('allkeys-lfu forgets with time', () => {
    const { harness, call } = setup({ 'maxmemory-policy': 'allkeys-lfu', 'lfu-log-factor': '1' });
    fill(call, 1000);
    for (let round = 0; round < 40; round++) for (let i = 0; i < 500; i++) call('GET', `key:${i}`);
    harness.clock.advance(60 * 60_000);
    for (let round = 0; round < 5; round++) for (let i = 500; i < 1000; i++) call('GET', `key:${i}`);
    shrinkTo(harness, call, 0.6);
    const left = survivors(harness, 1000);
    expect(left.length).toBeLessThan(700);
    expect(500 - left.filter((i) => i >= 500).length).toBeLessThan(75);
  });

  it.each(['volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl'])(
    '%s touches no key without an expire time, and refuses writes when there is no other',
    (policy) => {
      const { harness, call } = setup({ 'maxmemory-policy': policy });
      fill(call, 500, 'stays:');
      fill(call, 500, 'goes:', 'EX', '1000');
      harness.clock.advance(5000);
      shrinkTo(harness, call, 0.75);
      expect(survivors(harness, 500, 'stays:')).toHaveLength(500);
      const gone = 500 - survivors(harness, 500, 'goes:').length;
      expect(gone).toBeGreaterThan(150);
      expect(gone).toBeLessThan(400);
      shrinkTo(harness, call, 0.3);
      expect(survivors(harness, 500, 'stays:')).toHaveLength(500);
      expect(survivors(harness, 500, 'goes:')).toEqual([]);
      expect(call('SET', 'x', 'y')).toEqual({ type: 'error', text: OOM });
      expect(call('GET', 'stays:1')).toEqual({ type: 'bulk', text: VALUE });
      harness.server.store.verify();
    },
  );

  it.each(['volatile-lru', 'volatile-lfu', 'volatile-random'])(
    '%s finds the few keys with an expire time among very many without',
    (policy) => {
      const { harness, call } = setup({ 'maxmemory-policy': policy });
      fill(call, 5000, 'stays:');
      fill(call, 50, 'goes:', 'EX', '1000');
      limitTo(harness, -1000);
      call('PING');
      expect(survivors(harness, 5000, 'stays:')).toHaveLength(5000);
      expect(survivors(harness, 50, 'goes:').length).toBeLessThan(50);
      limitTo(harness, -100_000);
      call('PING');
      expect(survivors(harness, 50, 'goes:')).toEqual([]);
      expect(infoField(call, 'evicted_keys')).toBe('50');
    },
  );

  it('volatile-lru takes the least lately used among a few keys with an expire time', () => {
    const { harness, call } = setup({ 'maxmemory-policy': 'volatile-lru' });
    fill(call, 20_000, 'stays:');
    fill(call, 1000, 'goes:', 'EX', '100000');
    harness.clock.advance(60_000);
    for (let i = 0; i < 500; i++) call('GET', `goes:${i}`);
    harness.clock.advance(60_000);
    for (let n = 0; survivors(harness, 1000, 'goes:').length > 600 && n < 1000; n++) {
      limitTo(harness, -100);
      call('PING');
    }
    const left = survivors(harness, 1000, 'goes:');
    expect(left.length).toBeGreaterThan(590);
    expect(left.filter((i) => i < 500).length).toBeGreaterThan(460);
  });

  it('volatile-ttl takes those that expire first, in all databases', () => {
    const { harness, call } = setup({ 'maxmemory-policy': 'volatile-ttl' });
    const random = new Prng(5);
    const ttls: { seconds: number; key: string; db: number }[] = [];
    for (let i = 0; i < 2000; i++) {
      const db = i % 2;
      const seconds = 1 + random.below(1_000_000);
      call('SELECT', String(db));
      call('SET', `key:${i}`, VALUE, 'EX', String(seconds));
      ttls.push({ seconds, key: `key:${i}`, db });
    }
    const { databases } = harness.server.store;
    // What the cron does all the time: the wheel is turned to the present.
    const nowMs = harness.clock.nowMs();
    for (const db of databases) while (db.expiryBehind(nowMs)) db.nextExpired(nowMs);
    shrinkTo(harness, call, 0.5);
    const alive = ({ key, db }: { key: string; db: number }): boolean =>
      databases[db].find(Buffer.from(key), 0, key.length) !== 0;
    const dead = ttls.filter((each) => !alive(each)).map(({ seconds }) => seconds);
    const left = ttls.filter(alive).map(({ seconds }) => seconds);
    expect(dead.length).toBeGreaterThan(700);
    // Keys in one slot of the wheel (here 4.7 hours wide) are not told apart beyond some looks.
    expect(Math.max(...dead) - Math.min(...left)).toBeLessThan(2 * 16_778);
  });

  it('allkeys-random takes any key with the same chance', () => {
    const { harness, call } = setup({ 'maxmemory-policy': 'allkeys-random' });
    fill(call, 4000);
    shrinkTo(harness, call, 0.5);
    const left = survivors(harness, 4000);
    for (const from of [0, 1000, 2000, 3000]) {
      const share = left.filter((i) => i >= from && i < from + 1000).length / left.length;
      expect(share).toBeGreaterThan(0.2);
      expect(share).toBeLessThan(0.3);
    }
  });

  it('takes victims from every database', () => {
    const { harness, call } = setup({ 'maxmemory-policy': 'allkeys-lru' });
    fill(call, 500);
    call('SELECT', '9');
    harness.clock.advance(50_000);
    fill(call, 500);
    harness.clock.advance(50_000);
    shrinkTo(harness, call, 0.6);
    expect(survivors(harness, 500, 'key:', 0).length).toBeLessThan(150);
    expect(survivors(harness, 500, 'key:', 9).length).toBeGreaterThan(450);
  });

  it('stays sound whatever happens to the keys it has looked at', () => {
    const random = new Prng(77);
    for (const policy of ['allkeys-lru', 'allkeys-lfu', 'volatile-lru', 'volatile-ttl', 'volatile-random']) {
      const { harness, call } = setup({ 'maxmemory-policy': policy });
      fill(call, 300);
      limitTo(harness, 0);
      for (let step = 0; step < 3000; step++) {
        const key = `key:${random.below(400)}`;
        const dice = random.below(100);
        if (dice < 40) call('SET', key, 'x'.repeat(random.below(400)), 'PX', String(1 + random.below(100_000)));
        else if (dice < 55) call('SET', key, VALUE);
        else if (dice < 75) call('GET', key);
        else if (dice < 85) call('DEL', key);
        else if (dice < 90) call('RENAME', key, `key:${random.below(400)}`);
        else if (dice < 95) call('PERSIST', key);
        else if (dice === 95) call('SWAPDB', '0', '1');
        else if (dice === 96 && random.below(20) === 0) call('FLUSHDB');
        else harness.clock.advance(random.below(3000));
        if (step % 500 === 0) harness.server.store.verify();
      }
      const { eviction } = harness.server.executor;
      // Whatever the last command has added is all that can be too much.
      call('PING');
      expect(eviction.over && !policy.startsWith('volatile')).toBe(false);
      harness.server.store.verify();
    }
  });
});

describe('without room', () => {
  function full(directives: Readonly<Record<string, string>> = {}): ReturnType<typeof setup> {
    const result = setup(directives);
    result.call('SET', 'k', 'v');
    limitTo(result.harness, -1);
    return result;
  }

  it('refuses what may use more memory, and nothing else', () => {
    const { call } = full();
    for (const request of [
      ['SET', 'a', 'b'],
      ['INCR', 'n'],
      ['APPEND', 'k', 'x'],
      ['MSET', 'a', '1'],
      ['COPY', 'k', 'l'],
    ]) {
      expect(call(...request), request.join(' ')).toEqual({ type: 'error', text: OOM });
    }
    expect(call('GET', 'k')).toEqual({ type: 'bulk', text: 'v' });
    expect(call('EXPIRE', 'k', '100')).toEqual({ type: 'integer', text: '1' });
    expect(call('RENAME', 'k', 'l')).toEqual({ type: 'simple', text: 'OK' });
    expect(call('DEL', 'l')).toEqual({ type: 'integer', text: '1' });
    expect(call('CONFIG', 'SET', 'maxmemory', '0')).toEqual({ type: 'simple', text: 'OK' });
    expect(call('SET', 'a', 'b')).toEqual({ type: 'simple', text: 'OK' });
  });

  it('queues nothing in a transaction, and lets it only end', () => {
    const { call } = full();
    expect(call('MULTI')).toEqual({ type: 'simple', text: 'OK' });
    expect(call('GET', 'k')).toEqual({ type: 'error', text: OOM });
    expect(call('EXEC')).toMatchObject({ type: 'error', text: expect.stringMatching(/^EXECABORT/) });
    call('MULTI');
    expect(call('DISCARD')).toEqual({ type: 'simple', text: 'OK' });
  });

  it('refuses an EXEC only when one of its commands may use more memory', () => {
    const { harness, call } = setup();
    for (const [queued, expected] of [
      [['GET', 'k'], { type: 'array', items: [{ type: 'nil' }] }],
      [['SET', 'a', 'b'], { type: 'error', text: `EXECABORT Transaction discarded because of: ${OOM}` }],
    ] as const) {
      call('MULTI');
      call(...queued);
      limitTo(harness, -1);
      expect(call('EXEC')).toEqual(queued[0] === 'GET' ? expected : { type: 'error', text: expect.any(String) });
      limitTo(harness, 100_000);
      expect(call('GET', 'a')).toEqual({ type: 'nil' });
    }
  });

  it('runs an EXEC whole once it has begun', () => {
    const { harness, call } = setup();
    call('MULTI');
    call('SET', 'a', VALUE);
    call('SET', 'b', VALUE);
    call('SET', 'c', VALUE);
    limitTo(harness, 10);
    expect(call('EXEC')).toMatchObject({ type: 'array', items: [{ text: 'OK' }, { text: 'OK' }, { text: 'OK' }] });
    expect(call('SET', 'd', VALUE)).toEqual({ type: 'error', text: OOM });
  });

  it('evicts and refuses nothing while data is loaded or CLIENT PAUSE is on', () => {
    const { harness, call } = setup({ 'maxmemory-policy': 'allkeys-random' });
    fill(call, 100);
    const { executor } = harness.server;
    executor.pause.start(harness.clock.nowMs() + 1000, true, harness.clock.nowMs());
    limitTo(harness, -5000);
    expect(call('GET', 'key:1')).toEqual({ type: 'bulk', text: VALUE });
    executor.pause.end();
    executor.loading = true;
    expect(call('PING').type).toBe('error');
    executor.loading = false;
    expect(survivors(harness, 100)).toHaveLength(100);
    call('PING');
    expect(survivors(harness, 100).length).toBeLessThan(100);
  });

  it('takes what FLUSHDB has left before it evicts or refuses', () => {
    for (const policy of ['allkeys-lru', 'noeviction']) {
      const { harness, call } = setup({ 'maxmemory-policy': policy });
      fill(call, 200);
      call('SELECT', '1');
      fill(call, 2000);
      limitTo(harness, 0);
      call('FLUSHDB');
      call('SELECT', '0');
      expect(call('SET', 'x', VALUE)).toEqual({ type: 'simple', text: 'OK' });
      expect(survivors(harness, 200)).toHaveLength(200);
      harness.server.store.verify();
    }
  });
});

describe('what is evicted', () => {
  function recorder(harness: Harness): string[] {
    const fed: string[] = [];
    harness.server.executor.propagation.add({
      feed: (dbIndex: number, args: ArgVector) => {
        const words = Array.from({ length: args.argc }, (_, i) => args.text(i));
        fed.push(`${dbIndex} ${words.join(' ')}`);
      },
    });
    return fed;
  }

  it.each([
    ['no', 'DEL'],
    ['yes', 'UNLINK'],
  ])('is propagated before the command that needed the room, with lazyfree-lazy-eviction %s as %s', (lazy, verb) => {
    const { harness, call } = setup({ 'maxmemory-policy': 'allkeys-lru', 'lazyfree-lazy-eviction': lazy });
    call('SELECT', '3');
    call('SET', 'old', VALUE);
    const fed = recorder(harness);
    limitTo(harness, -1);
    expect(call('SET', 'new', 'x')).toEqual({ type: 'simple', text: 'OK' });
    expect(fed).toEqual([`3 ${verb} old`, '3 SET new x']);
  });

  it('breaks the WATCH of a client', () => {
    const { harness, call } = setup({ 'maxmemory-policy': 'allkeys-lru' });
    call('SET', 'k', VALUE);
    call('WATCH', 'k');
    limitTo(harness, -1);
    const other = harness.connect();
    harness.call(other, 'PING');
    limitTo(harness, 1000);
    call('MULTI');
    call('PING');
    expect(call('EXEC')).toEqual({ type: 'nil-array' });
  });

  it('is published as an `evicted` event of its database', () => {
    const { harness, call } = setup({ 'maxmemory-policy': 'allkeys-lru' });
    const events: string[] = [];
    const { executor } = harness.server;
    executor.notify = (db, buf, start, end, _class, event) => {
      events.push(`${db.index} ${Buffer.from(buf.subarray(start, end)).toString()} ${event}`);
    };
    call('SELECT', '2');
    call('SET', 'k', VALUE);
    events.length = 0;
    limitTo(harness, -1);
    call('PING');
    expect(events).toEqual(['2 k evicted']);
  });

  it('counts as evicted, not as a change of the data set', () => {
    const { harness, call } = setup({ 'maxmemory-policy': 'allkeys-lru' });
    call('SET', 'k', VALUE);
    const { dirty } = harness.server;
    limitTo(harness, -1);
    call('PING');
    expect(harness.server.dirty).toBe(dirty);
    expect(infoField(call, 'evicted_keys')).toBe('1');
    call('CONFIG', 'RESETSTAT');
    expect(infoField(call, 'evicted_keys')).toBe('0');
  });
});

describe('a large backlog of evictions', () => {
  /** A server whose monotonic clock moves with every look at it. */
  function slow(stepUs = 10): ReturnType<typeof setup> & { behind: () => number } {
    const result = setup({ 'maxmemory-policy': 'allkeys-lru' });
    const { clock, server } = result.harness;
    let elapsedUs = 0;
    clock.monotonicUs = () => {
      elapsedUs += stepUs;
      return elapsedUs;
    };
    let asked = 0;
    server.executor.eviction.onBehind = () => {
      asked++;
    };
    return { ...result, behind: () => asked };
  }

  it('is worked off in slices, and requests run meanwhile', () => {
    const { harness, call, behind } = slow();
    fill(call, 3000);
    limitTo(harness, -200_000);
    expect(call('SET', 'x', 'y')).toEqual({ type: 'simple', text: 'OK' });
    const first = Number(infoField(call, 'evicted_keys'));
    expect(first).toBeGreaterThan(100);
    expect(first).toBeLessThan(1000);
    expect(behind()).toBeGreaterThan(0);
    expect(Number(infoField(call, 'current_eviction_exceeded_time'))).toBeGreaterThanOrEqual(0);
    const { eviction } = harness.server.executor;
    let slices = 0;
    while (eviction.over) {
      const asked = behind();
      eviction.slice();
      expect(behind() > asked).toBe(eviction.over);
      slices++;
    }
    expect(slices).toBeGreaterThan(1);
    expect(infoField(call, 'current_eviction_exceeded_time')).toBe('0');
    expect(Number(infoField(call, 'total_eviction_exceeded_time'))).toBeGreaterThan(0);
  });

  it('does not stop a long pipeline again and again, but lets it take no more memory', () => {
    const { harness, client, call } = slow(3);
    fill(call, 5000);
    limitTo(harness, -400_000);
    const { eviction } = harness.server.executor;
    const before = eviction.usedBytes;
    const requests = Array.from({ length: 50 }, (_, i) => encodeRequest(['SET', `pipelined:${i}`, VALUE]));
    client.takeReplies();
    client.receive(Buffer.concat(requests));
    expect(client.takeReplies().every((reply) => reply.type === 'simple')).toBe(true);
    expect(eviction.usedBytes).toBeLessThanOrEqual(before);
    expect(eviction.over).toBe(true);
    // One slice, and then about one victim for each new key: not a slice for each.
    expect(harness.server.stats.evictedKeys).toBeLessThan(2500);
  });

  it('holds up a pipeline for a few slices at the most, and is worked off behind it', () => {
    const { harness, client, call, behind } = slow(200);
    fill(call, 5000);
    limitTo(harness, -400_000);
    const requests = Array.from({ length: 500 }, (_, i) => encodeRequest(['SET', `pipelined:${i}`, VALUE]));
    client.takeReplies();
    client.receive(Buffer.concat(requests));
    expect(client.takeReplies().every((reply) => reply.type === 'simple')).toBe(true);
    const { eviction } = harness.server.executor;
    expect(eviction.over).toBe(true);
    expect(behind()).toBeGreaterThan(400);
    expect(harness.server.stats.evictedKeys).toBeLessThan(100);
    for (let slices = 0; eviction.over; slices++) {
      expect(slices).toBeLessThan(1000);
      eviction.slice();
    }
  });

  it('lets batch after batch take no more than a bounded piece of memory', () => {
    const { harness, client, call } = slow(200);
    fill(call, 3000);
    limitTo(harness, 0);
    const { eviction } = harness.server.executor;
    const before = eviction.usedBytes;
    for (let batch = 0; batch < 40; batch++) {
      const requests = Array.from({ length: 500 }, (_, i) => encodeRequest(['SET', `batch:${batch}:${i}`, VALUE]));
      client.receive(Buffer.concat(requests));
    }
    // What was written is more than twice that.
    expect(eviction.usedBytes).toBeLessThan(before + (1 << 20) + 100_000);
  });

  it('ends when maxmemory is raised', () => {
    const { harness, call, behind } = slow();
    fill(call, 3000);
    limitTo(harness, -200_000);
    call('PING');
    limitTo(harness, 10_000);
    const asked = behind();
    const left = survivors(harness, 3000).length;
    harness.server.executor.eviction.slice();
    expect(survivors(harness, 3000)).toHaveLength(left);
    expect(behind()).toBe(asked);
  });
});
