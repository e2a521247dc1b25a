import { describe, expect, it } from 'vitest';
import { encodeRequest } from '../support/resp.js';
import { endOfRound, type FakeStream, Harness } from './harness.js';

const MIB = 1024 * 1024;

/** Lets a stream have everything that waits for it. */
async function receiveAll(stream: FakeStream): Promise<void> {
  for (let round = 0; round < 10; round++) {
    while (stream.waiting) stream.drain();
    await endOfRound();
  }
}

describe('a large value', () => {
  it('reaches a slow reader as it was when it was asked for, whatever happens to it meanwhile', async () => {
    const harness = new Harness();
    const [slow, other] = [harness.connect(), harness.connect()];
    harness.call(other, 'SET', 'k', 'x'.repeat(5 * MIB));
    slow.takesWrites = 2;
    slow.receive(
      Buffer.concat([encodeRequest(['ECHO', 'before']), encodeRequest(['GET', 'k']), encodeRequest(['PING'])]),
    );
    expect(harness.call(other, 'SETRANGE', 'k', String(4 * MIB), 'changed')).toMatchObject({ text: String(5 * MIB) });
    harness.call(other, 'SETRANGE', 'k', '10', 'at the front');
    harness.call(other, 'APPEND', 'k', 'more');
    harness.call(other, 'SET', 'k', 'small');
    harness.call(other, 'DEL', 'k');
    await receiveAll(slow);
    expect(slow.text === `$6\r\nbefore\r\n$${5 * MIB}\r\n${'x'.repeat(5 * MIB)}\r\n+PONG\r\n`).toBe(true);
    harness.server.store.verify();
  });

  it('leaves in pieces, between which others are served', async () => {
    const harness = new Harness();
    const stream = harness.connect();
    harness.call(stream, 'SET', 'k', 'x'.repeat(8 * MIB));
    stream.writes.length = 0;
    stream.receive(encodeRequest(['GET', 'k']));
    expect(stream.writes.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(2 * MIB);
    expect(Math.max(...stream.writes)).toBeLessThanOrEqual(MIB / 4);
    for (let round = 0; round < 10; round++) await endOfRound();
    expect(stream.takeReplies()).toMatchObject([{ text: 'x'.repeat(8 * MIB) }]);
  });

  it('is complete before a client that said QUIT is let go', async () => {
    const harness = new Harness();
    const stream = harness.connect();
    harness.call(stream, 'SET', 'k', 'x'.repeat(3 * MIB));
    stream.receive(Buffer.concat([encodeRequest(['GET', 'k']), encodeRequest(['QUIT'])]));
    for (let round = 0; round < 10; round++) await endOfRound();
    expect(stream.closed).toBe(true);
    expect(stream.text === `$${3 * MIB}\r\n${'x'.repeat(3 * MIB)}\r\n+OK\r\n`).toBe(true);
  });

  it('is no longer held when its reader hangs up, or wanted no reply', () => {
    const harness = new Harness();
    const [db] = harness.server.store.databases;
    const stream = harness.connect();
    harness.call(stream, 'SET', 'k', 'x'.repeat(MIB));
    const lease = () => db.readValue(db.find(Buffer.from('k'), 0, 1)).lease;
    stream.takesWrites = 0;
    stream.receive(encodeRequest(['GET', 'k']));
    expect(lease()?.isHeld).toBe(true);
    stream.hangUp();
    expect(lease()?.isHeld).toBe(false);
    const silent = harness.connect();
    silent.receive(Buffer.concat([encodeRequest(['CLIENT', 'REPLY', 'SKIP']), encodeRequest(['GET', 'k'])]));
    expect(lease()?.isHeld).toBe(false);
    expect(silent.text).toBe('');
  });

  it('comes in pieces with requests behind it, and each means what it says', () => {
    const harness = new Harness();
    const stream = harness.connect();
    const set = (key: string, letter: string): Buffer => encodeRequest(['SET', key, letter.repeat(5 * MIB)]);
    const all = Buffer.concat([
      set('a', 'a'),
      encodeRequest(['APPEND', 'a', 'end']),
      set('b', 'b'),
      encodeRequest(['SETRANGE', 'b', '1', 'X']),
      set('c', 'c'),
    ]);
    for (let at = 0; at < all.length; at += 60_000) stream.receive(all.subarray(at, at + 60_000));
    expect(stream.takeReplies().length).toBe(5);
    expect(harness.call(stream, 'GETRANGE', 'a', '-5', '-1')).toMatchObject({ text: 'aaend' });
    expect(harness.call(stream, 'GETRANGE', 'b', '0', '3')).toMatchObject({ text: 'bXbb' });
    expect(harness.call(stream, 'APPEND', 'c', 'end')).toMatchObject({ text: String(5 * MIB + 3) });
    expect(harness.call(stream, 'GETRANGE', 'c', '-5', '-1')).toMatchObject({ text: 'ccend' });
    harness.server.store.verify();
  });
});
