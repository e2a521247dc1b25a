import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { Backlog } from '../../src/replication/core/backlog.js';

function read(backlog: Backlog, from: number, to: number, max = 1 << 20): Buffer {
  const parts: Buffer[] = [];
  for (let at = from; at < to; ) {
    const piece = backlog.piece(at, Math.min(max, to - at));
    parts.push(Buffer.from(piece.buf.subarray(piece.from, piece.to)));
    at += piece.to - piece.from;
  }
  return Buffer.concat(parts);
}

describe('the backlog', () => {
  it('gives back what was appended, from any position on', () => {
    const backlog = new Backlog(1000, 1 << 20);
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7) & 255));
    for (let at = 0; at < bytes.length; at += 3333) backlog.append(bytes, at, Math.min(bytes.length, at + 3333));
    backlog.verify();
    expect([backlog.start, backlog.end]).toEqual([1000, 201_000]);
    expect(read(backlog, 1000, 201_000).equals(bytes)).toBe(true);
    expect(read(backlog, 70_123, 70_130, 2).equals(bytes.subarray(69_123, 69_130))).toBe(true);
  });

  it('keeps at least its size, and what a replica needs, and little more', () => {
    const backlog = new Backlog(0, 100_000);
    const random = new Prng(7);
    const all: number[] = [];
    let needed = 0;
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(Array.from({ length: random.below(3000) }, () => random.below(256)));
      for (const byte of bytes) all.push(byte);
      backlog.append(bytes, 0, bytes.length);
      if (round % 50 === 0) needed = Math.min(backlog.end, needed + random.below(400_000));
      backlog.trim(needed);
      backlog.verify();
      const mustHold = Math.min(needed, Math.max(0, backlog.end - 100_000));
      expect(backlog.start).toBeLessThanOrEqual(mustHold);
      expect(mustHold - backlog.start).toBeLessThan(64 * 1024);
      const waits = Math.max(0, backlog.end - 100_000 - needed);
      expect(backlog.heldForReplicasBytes).toBeLessThanOrEqual(waits);
      expect(backlog.heldForReplicasBytes).toBeGreaterThan(waits - 3 * 64 * 1024);
    }
    const rest = Buffer.from(all.slice(backlog.start));
    expect(read(backlog, backlog.start, backlog.end).equals(rest)).toBe(true);
  });

  it('is never smaller than 16 KiB', () => {
    expect(new Backlog(0, 1).sizeBytes).toBe(16 * 1024);
  });

  it('refuses a position that it does not hold', () => {
    const backlog = new Backlog(10, 1 << 20);
    expect(() => backlog.piece(10, 5)).toThrow();
    backlog.append(Buffer.from('abc'), 0, 3);
    expect(() => backlog.piece(9, 5)).toThrow();
  });
});
