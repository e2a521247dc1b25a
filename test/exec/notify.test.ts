import { describe, expect, it } from 'vitest';
import { Harness } from '../net/harness.js';
import { formatReply } from '../support/notation.js';

describe('keyspace notifications', () => {
  it('are off until a class and a channel are chosen', () => {
    const harness = new Harness();
    const client = harness.connect();
    const { notifier } = harness.server.executor;
    expect(notifier.classes).toBe(0);
    harness.call(client, 'CONFIG', 'SET', 'notify-keyspace-events', 'A');
    expect(notifier.classes).toBe(0);
    harness.call(client, 'CONFIG', 'SET', 'notify-keyspace-events', 'KE');
    expect(notifier.classes).toBe(0);
    harness.call(client, 'CONFIG', 'SET', 'notify-keyspace-events', 'Kg');
    expect(notifier.classes).not.toBe(0);
    harness.call(client, 'CONFIG', 'SET', 'notify-keyspace-events', '');
    expect(notifier.classes).toBe(0);
  });

  it('can be on from the start, and take keys of any length', () => {
    const harness = new Harness({ 'notify-keyspace-events': 'KEA' });
    const [client, listener] = [harness.connect(), harness.connect()];
    harness.call(listener, 'PSUBSCRIBE', '__key*');
    const key = 'k'.repeat(5000);
    harness.call(client, 'SET', key, 'v');
    const [space, event] = listener.takeReplies();
    expect(space).toMatchObject({
      items: [{}, {}, { text: `__keyspace@0__:${key}` }, { text: 'set' }],
    });
    expect(event).toMatchObject({ items: [{}, {}, { text: '__keyevent@0__:set' }, { text: key }] });
  });

  it('tell of keys that nobody asks for: they come by the expiry cycle', () => {
    const harness = new Harness({ 'notify-keyspace-events': 'Ex' });
    const [client, listener] = [harness.connect(), harness.connect()];
    harness.call(listener, 'SUBSCRIBE', '__keyevent@0__:expired');
    harness.call(client, 'SET', 'k', 'v', 'PX', '10');
    harness.clock.advance(20);
    client.receive('GET k\r\n');
    expect(listener.takeReplies().map((reply) => formatReply(reply))).toEqual([
      '["message", "__keyevent@0__:expired", "k"]',
    ]);
  });
});
