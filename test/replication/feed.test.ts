import { describe, expect, it } from 'vitest';
import { Backlog } from '../../src/replication/core/backlog.js';
import { Feed } from '../../src/replication/core/feed.js';

function rig() {
  const backlog = new Backlog(0, 1 << 20);
  const log: string[] = [];
  const feed = new Feed(() => backlog, {
    sent: (bytes) => log.push(`sent ${bytes}`),
    fileEnded: (error) => log.push(error === undefined ? 'file ended' : `file: ${(error as Error).message}`),
  });
  const drain = (max = 1000): string => {
    let text = '';
    for (;;) {
      const piece = feed.next(max);
      if (piece === undefined) return text;
      text += piece.buf.toString('latin1', piece.from, piece.to);
      feed.landed();
    }
  };
  const stream = (text: string): void => backlog.append(Buffer.from(text), 0, text.length);
  return { backlog, feed, log, drain, stream };
}

describe('what a replica is sent', () => {
  it('is the snapshot first, and the stream only when it may follow', () => {
    const { feed, drain, stream } = rig();
    stream('before');
    feed.position = 6;
    feed.push(Buffer.from('+FULLRESYNC\r\n'));
    feed.push(Buffer.from('snapshot'));
    stream('after');
    expect(feed.bufferedBytes).toBe(5);
    expect(drain(3)).toBe('+FULLRESYNC\r\nsnapshot');
    expect([feed.chunkBytes, feed.isThroughSnapshot]).toEqual([0, true]);
    feed.streaming = true;
    expect(drain(2)).toBe('after');
    expect([feed.position, feed.bufferedBytes]).toEqual([11, 0]);
  });

  it('counts a piece of the stream as sent when it has landed', () => {
    const { feed, stream } = rig();
    feed.streaming = true;
    stream('abcdef');
    feed.next(4);
    expect(feed.position).toBe(0);
    feed.landed();
    expect(feed.position).toBe(4);
  });

  it('may be a file, which ends when its last piece has landed', () => {
    const { feed, log, drain } = rig();
    const file = Buffer.from('0123456789');
    feed.push(Buffer.from('$10\r\n'));
    feed.pushFile({
      length: 10,
      read: (buf, length, position) => file.copy(buf, 0, position, position + length),
      close: () => log.push('closed'),
    });
    expect(feed.isThroughSnapshot).toBe(false);
    expect(drain(4)).toBe('$10\r\n0123456789');
    expect(log.slice(-2)).toEqual(['closed', 'file ended']);
    expect(feed.isThroughSnapshot).toBe(true);
  });

  it('says when the file cannot be read', () => {
    const { feed, log, drain } = rig();
    feed.pushFile({ length: 10, read: () => 0, close: () => log.push('closed') });
    expect(drain()).toBe('');
    expect(log).toEqual(['closed', 'file: premature EOF']);
  });
});
