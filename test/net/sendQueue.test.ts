import { describe, expect, it } from 'vitest';
import { Lease } from '../../src/base/lease.js';
import { Prng } from '../../src/base/prng.js';
import { SendQueue } from '../../src/net/sendQueue.js';

function drain(queue: SendQueue, max: number): Buffer[] {
  const pieces: Buffer[] = [];
  while (queue.length > 0) {
    const { buf, from, to, parcel } = queue.take(max);
    expect(to - from).toBeGreaterThan(0);
    pieces.push(Buffer.from(buf.subarray(from, to)));
    parcel?.landed();
  }
  return pieces;
}

describe('SendQueue', () => {
  it('joins short pieces and leaves long ones where they are', () => {
    const queue = new SendQueue();
    const long = Buffer.alloc(200_000, 'x');
    for (const item of [Buffer.from('a'), Buffer.from('b'), long, Buffer.from('c')]) queue.push(item);
    expect(queue.bytes).toBe(200_003);
    expect(queue.take(1 << 20).buf.toString()).toBe('ab');
    expect(queue.take(150_000)).toEqual({ buf: long, from: 0, to: 150_000, parcel: undefined });
    expect(queue.take(1000)).toMatchObject({ from: 150_000, to: 151_000 });
    // What is left of the long one is short by now.
    expect(queue.take(150_000)).toMatchObject({ from: 0, to: 49_001 });
    expect([queue.bytes, queue.length]).toEqual([0, 0]);
  });

  it('does not copy a single piece: subscribers share it', () => {
    const [queue, message] = [new SendQueue(), Buffer.from('message')];
    queue.push(message);
    expect(queue.take(100).buf).toBe(message);
  });

  it('gives back what is lent when it is dropped', () => {
    const [queue, lease] = [new SendQueue(), new Lease()];
    queue.push(Buffer.from('a'));
    queue.push(lease.lend(Buffer.from('lent'), 0, 4));
    expect(lease.isHeld).toBe(true);
    queue.release();
    expect([lease.isHeld, queue.bytes, queue.length]).toEqual([false, 0, 0]);
  });

  it.each([1, 2, 3])('keeps every byte in order (seed %i)', (seed) => {
    const random = new Prng(seed);
    const queue = new SendQueue();
    const lease = new Lease();
    const pushed: Buffer[] = [];
    const taken: Buffer[] = [];
    for (let i = 0; i < 300; i++) {
      const item = Buffer.alloc(random.below(20) === 0 ? random.below(100_000) : random.below(200), i % 251);
      pushed.push(item);
      queue.push(random.below(4) === 0 ? lease.lend(item, 0, item.length) : item);
      for (let n = random.below(3); n > 0 && queue.length > 0; n--) {
        const { buf, from, to, parcel } = queue.take(1 + random.below(100_000));
        taken.push(Buffer.from(buf.subarray(from, to)));
        parcel?.landed();
      }
    }
    taken.push(...drain(queue, 50_000));
    expect(Buffer.compare(Buffer.concat(taken), Buffer.concat(pushed))).toBe(0);
    expect(queue.bytes).toBe(0);
  });
});
