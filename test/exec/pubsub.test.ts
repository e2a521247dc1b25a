import { describe, expect, it } from 'vitest';
import { globMatch } from '../../src/base/glob.js';
import { Prng } from '../../src/base/prng.js';
import type { SubscriptionKind } from '../../src/commands/pushPorts.js';
import { PubSub } from '../../src/exec/pubsub.js';
import { Pushes } from '../../src/exec/pushes.js';
import { Session, type Transport } from '../../src/exec/session.js';
import { Harness } from '../net/harness.js';

class Listener {
  readonly sent: Uint8Array[] = [];
  readonly session: Session;

  constructor(id: number, protocol = 2) {
    const transport = { send: (bytes: Uint8Array) => this.sent.push(bytes) } as unknown as Transport;
    this.session = new Session(id, transport, { nowMs: 0, databases: 1, authenticated: true });
    this.session.protocol = protocol;
  }

  take(): string[] {
    return this.sent.splice(0).map((bytes) => Buffer.from(bytes).toString('latin1'));
  }
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function make(seed = 1): { pubsub: PubSub; pushes: Pushes } {
  const pushes = new Pushes();
  return { pushes, pubsub: new PubSub(pushes, new Prng(seed)) };
}

function subscribe(pubsub: PubSub, { session }: Listener, kind: SubscriptionKind, name: string): void {
  const buf = bytes(name);
  pubsub.subscribe(session, kind, buf, 0, buf.length);
}

function publish(pubsub: PubSub, channel: string, message: string, sharded = false): number {
  const [c, m] = [bytes(channel), bytes(message)];
  return pubsub.publish(c, 0, c.length, m, 0, m.length, sharded);
}

describe('PubSub', () => {
  it('encodes a message once for each protocol, however many get it', () => {
    const { pubsub } = make();
    const listeners = Array.from({ length: 1000 }, (_, i) => new Listener(i, i % 2 === 0 ? 2 : 3));
    for (const listener of listeners) subscribe(pubsub, listener, 'channel', 'c');
    expect(publish(pubsub, 'c', 'hello')).toBe(1000);
    expect(new Set(listeners.map(({ sent }) => sent[0])).size).toBe(2);
    expect(listeners[0]?.take()).toEqual(['*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n']);
    expect(listeners[1]?.take()).toEqual(['>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n']);
    expect(publish(pubsub, 'c', 'again')).toBe(1000);
    expect(listeners[0]?.take()).toEqual(['*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nagain\r\n']);
  });

  it('keeps what subscriptions take of memory with their client, and nothing when it has gone', () => {
    const { pubsub } = make();
    const listener = new Listener(1);
    subscribe(pubsub, listener, 'channel', 'a');
    const one = listener.session.subscriptions?.bytesUsed ?? 0;
    subscribe(pubsub, listener, 'channel', 'a');
    expect(listener.session.subscriptions?.bytesUsed).toBe(one);
    subscribe(pubsub, listener, 'pattern', 'a*');
    subscribe(pubsub, listener, 'shard', 'a');
    expect(listener.session.subscriptions?.bytesUsed).toBeGreaterThan(2 * one);
    pubsub.unsubscribeAll(listener.session);
    expect(listener.session.subscriptions).toBeUndefined();
    expect([pubsub.channelCount(false), pubsub.channelCount(true), pubsub.patternCount]).toEqual([0, 0, 0]);
    expect(pubsub.deaf).toBe(true);
  });

  it('drops shard channels whose slot is not served, and tells their subscribers', () => {
    const { pubsub } = make();
    const [a, b] = [new Listener(1), new Listener(2, 3)];
    subscribe(pubsub, a, 'shard', '{x}1');
    subscribe(pubsub, a, 'shard', '{y}1');
    subscribe(pubsub, b, 'shard', '{x}1');
    pubsub.dropShardChannels((slot) => slot !== 16287);
    expect(a.take()).toEqual(['*3\r\n$12\r\nsunsubscribe\r\n$4\r\n{x}1\r\n:1\r\n']);
    expect(b.take()).toEqual(['>3\r\n$12\r\nsunsubscribe\r\n$4\r\n{x}1\r\n:0\r\n']);
    expect([a.session.subscribed, b.session.subscribed]).toEqual([true, false]);
    expect(publish(pubsub, '{x}1', 'm', true)).toBe(0);
    expect(publish(pubsub, '{y}1', 'm', true)).toBe(1);
    pubsub.verify();
  });

  it.each([1, 2, 3, 4])('delivers what a plain model delivers (seed %i)', (seed) => {
    const random = new Prng(seed);
    const { pubsub } = make(seed);
    const listeners = Array.from({ length: 12 }, (_, i) => new Listener(i));
    const model = listeners.map(() => ({
      channel: new Set<string>(),
      pattern: new Set<string>(),
      shard: new Set<string>(),
    }));
    const names = ['a', 'b', 'ab', 'abc', '', '\xff', 'x'.repeat(300)];
    const patterns = ['*', 'a*', '?', 'ab', '[ab]', '', 'x*x'];
    const kinds: SubscriptionKind[] = ['channel', 'pattern', 'shard'];
    for (let step = 0; step < 2000; step++) {
      const at = random.below(listeners.length);
      const [listener, mine] = [listeners[at] as Listener, model[at] as (typeof model)[0]];
      const kind = kinds[random.below(3)] as SubscriptionKind;
      const pool = kind === 'pattern' ? patterns : names;
      const name = pool[random.below(pool.length)] as string;
      const buf = bytes(name);
      const choice = random.below(10);
      if (choice < 4) {
        pubsub.subscribe(listener.session, kind, buf, 0, buf.length);
        mine[kind].add(name);
      } else if (choice < 7) {
        pubsub.unsubscribe(listener.session, kind, buf, 0, buf.length);
        mine[kind].delete(name);
      } else if (choice === 7 && step % 20 === 0) {
        pubsub.unsubscribeAll(listener.session);
        for (const each of kinds) mine[each].clear();
      } else {
        const sharded = kind === 'shard';
        const channel = bytes(names[random.below(names.length)] as string);
        const expected = model.map((theirs) => {
          if (sharded) return theirs.shard.has(channel.toString('latin1')) ? 1 : 0;
          const matching = [...theirs.pattern].filter((text) => {
            const pattern = bytes(text);
            return globMatch(pattern, 0, pattern.length, channel, 0, channel.length);
          });
          return matching.length + (theirs.channel.has(channel.toString('latin1')) ? 1 : 0);
        });
        const receivers = pubsub.publish(channel, 0, channel.length, channel, 0, channel.length, sharded);
        expect(listeners.map((each) => each.take().length)).toEqual(expected);
        expect(receivers).toBe(expected.reduce((sum, count) => sum + count, 0));
      }
      expect(kinds.map((each) => pubsub.subscriptions(listener.session, each).sort())).toEqual(
        kinds.map((each) => [...mine[each]].sort()),
      );
      expect(listener.session.subscribed).toBe(kinds.some((each) => mine[each].size > 0));
      if (step % 100 === 0) pubsub.verify();
    }
  });
});

describe('messages on their connections', () => {
  it('coalesce: what a pipeline publishes leaves in one write', () => {
    const harness = new Harness();
    const [listener, publisher] = [harness.connect(), harness.connect()];
    harness.call(listener, 'SUBSCRIBE', 'c');
    listener.takesWrites = 1;
    publisher.receive('PUBLISH c 1\r\nPUBLISH c 2\r\nPUBLISH c 3\r\n');
    expect(listener.waiting).toBe(false);
    expect(listener.takeReplies()).toHaveLength(3);
  });

  it('come behind earlier replies that still wait for the AOF', async () => {
    const harness = new Harness();
    const [listener, publisher] = [harness.connect(), harness.connect()];
    harness.server.outbox.deferred = true;
    listener.receive('SUBSCRIBE c\r\n');
    publisher.receive('PUBLISH c 1\r\n');
    listener.receive('PING\r\n');
    publisher.receive('PUBLISH c 2\r\n');
    expect(listener.text).toBe('');
    harness.server.outbox.flush();
    const first = listener.takeReplies().map((reply) => JSON.stringify(reply));
    expect(first.map((text) => /subscribe|pong|"1"|"2"/.exec(text)?.[0])).toEqual(['subscribe', '"1"', 'pong', '"2"']);
  });

  it('leave by themselves when no reply follows', async () => {
    const harness = new Harness();
    const listener = harness.connect();
    harness.call(listener, 'SUBSCRIBE', 'c');
    publish(harness.server.executor.pubsub, 'c', 'm');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(listener.takeReplies()).toHaveLength(1);
  });

  it('do not wait for a subscriber that reads slowly, which is closed when too much waits for it', () => {
    const harness = new Harness({ 'client-output-buffer-limit': 'pubsub 10000 0 0' });
    const [slow, fast, publisher] = [harness.connect(), harness.connect(), harness.connect()];
    harness.call(slow, 'SUBSCRIBE', 'c');
    harness.call(fast, 'SUBSCRIBE', 'c');
    slow.takesWrites = 0;
    const message = 'x'.repeat(1000);
    for (let i = 0; i < 9; i++) publisher.receive(`PUBLISH c ${message}\r\n`);
    expect([slow.closed, fast.takeReplies().length]).toEqual([false, 9]);
    publisher.receive(`PUBLISH c ${message}\r\n`);
    expect([slow.closed, fast.takeReplies().length]).toEqual([true, 1]);
    expect(harness.server.stats.clientOutputBufferLimitDisconnections).toBe(1);
    expect(harness.call(publisher, 'PUBLISH', 'c', 'm')).toEqual({ type: 'integer', text: '1' });
    expect(harness.server.executor.pubsub.subscriberCount(false, bytes('c'), 0, 1)).toBe(1);
  });

  it('of a client that has gone leave nothing behind', () => {
    const harness = new Harness();
    const streams = Array.from({ length: 50 }, () => harness.connect());
    for (const stream of streams) {
      harness.call(stream, 'PSUBSCRIBE', 'c*');
      harness.call(stream, 'SUBSCRIBE', 'c');
      harness.call(stream, 'SSUBSCRIBE', 'c');
    }
    const { executor } = harness.server;
    executor.pubsub.verify();
    for (const stream of streams) stream.hangUp();
    expect([executor.pubsub.channelCount(false), executor.pubsub.channelCount(true)]).toEqual([0, 0]);
    expect(executor.pubsub.patternCount).toBe(0);
    expect(executor.eviction.clientBuffers.bytesUsed).toBe(0);
  });

  it('idle subscribers and monitors are not closed', () => {
    const harness = new Harness({ timeout: '10' });
    const [listener, monitor, silent] = [harness.connect(), harness.connect(), harness.connect()];
    harness.call(listener, 'SUBSCRIBE', 'c');
    harness.call(monitor, 'MONITOR');
    harness.clock.advance(20_000);
    harness.server.clients.closeIdle();
    expect([listener.closed, monitor.closed, silent.closed]).toEqual([false, false, true]);
  });
});
