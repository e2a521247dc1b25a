/** What a snapshot takes before its turn comes back as it was, and takes bounded memory, however much it is. */
import { describe, expect, it } from 'vitest';
import type { HeldBytes } from '../../src/base/heldBytes.js';
import { Prng } from '../../src/base/prng.js';
import { type ScratchFile, WaitingRoom } from '../../src/persistence/format/waitingRoom.js';
import { openScratchFile } from '../../src/persistence/io/scratchFile.js';
import { MemoryFileSystem } from './memoryFileSystem.js';
import { commandsIn, DUMP, digestOf, filled, load, type SnapshotFormat, snapshotOf } from './rdbFileSupport.js';

function open(files: MemoryFileSystem): () => ScratchFile {
  return () => openScratchFile(files, '/data', 7);
}

describe('a waiting room', () => {
  it('gives back to each what it put away, in the same order', () => {
    const random = new Prng(1);
    const files = new MemoryFileSystem();
    const room = new WaitingRoom(open(files), 5000);
    const expected = new Map<HeldBytes, Buffer>(Array.from({ length: 20 }, () => [room.hold(), Buffer.alloc(0)]));
    for (let i = 0; i < 5000; i++) {
      const [held, bytes] = [...expected][random.below(20)];
      if (random.below(4) === 0) {
        const piece = held.take();
        const given = piece?.buf.subarray(piece.from, piece.to) ?? Buffer.alloc(0);
        expect(given.equals(bytes.subarray(0, given.length))).toBe(true);
        expect(given.length === 0).toBe(bytes.length === 0);
        expected.set(held, bytes.subarray(given.length));
      } else {
        const more = Buffer.alloc(random.below(i % 100 === 0 ? 70_000 : 300), random.below(256));
        held.push(Buffer.concat([Buffer.from('xx'), more]), 2, 2 + more.length);
        expected.set(held, Buffer.concat([bytes, more]));
        expect(room.memoryBytesUsed).toBeLessThanOrEqual(Math.max(5000, more.length));
      }
    }
    for (const held of expected.keys()) held.release();
    expect(room.memoryBytesUsed).toBe(0);
    room.release();
    expect(files.openDescriptors).toBe(0);
    expect(files.list('/data')).toEqual([]);
  });

  it('makes no file for a little', () => {
    const files = new MemoryFileSystem();
    const room = new WaitingRoom(open(files));
    room.hold().push(Buffer.alloc(1000), 0, 1000);
    room.release();
    expect(files.operations).toBe(0);
  });

  it('tells who takes that the disk is full, and not who puts away', () => {
    const files = new MemoryFileSystem();
    const room = new WaitingRoom(open(files), 100);
    const held = room.hold();
    files.capacityBytes = 0;
    for (let i = 0; i < 10; i++) held.push(Buffer.alloc(90), 0, 90);
    expect(() => held.take()).toThrow('ENOSPC');
    expect(() => room.throwIfFailed()).toThrow('ENOSPC');
    room.release();
    expect(files.openDescriptors).toBe(0);
  });
});

describe.each(['rdb', 'commands'] as const)('a snapshot (%s) while everything changes', (format: SnapshotFormat) => {
  it('puts away what comes before its turn', () => {
    const values = 3000;
    const harness = filled([
      ['SET', 'string', 'x'.repeat(5_000_000)],
      ['HSET', 'hash', ...Array.from({ length: 20_000 }, (_, i) => `field ${i}`)],
      ['HSET', 'other', ...Array.from({ length: 20_000 }, (_, i) => `field ${i} ${'y'.repeat(100)}`)],
      ['RPUSH', 'list', ...Array.from({ length: 20_000 }, (_, i) => `element ${i} ${'z'.repeat(50)}`)],
      ...Array.from({ length: values }, (_, i) => ['SET', `key:${i}`, `${i}`.repeat(200)]),
    ]);
    const before = digestOf(harness);
    const stream = harness.connect();
    const { files, snapshot } = snapshotOf(harness, undefined, format);
    // All large values are taken and wait for their turn; then all others wait for them.
    harness.call(stream, 'HSET', 'hash', 'new', '1');
    harness.call(stream, 'HSET', 'other', 'new', '1');
    harness.call(stream, 'SETRANGE', 'string', '0', 'new');
    harness.call(stream, 'LPUSH', 'list', 'new');
    snapshot.step();
    for (let i = 0; i < values; i++) harness.call(stream, 'SET', `key:${i}`, 'new');
    for (let i = 0; i < 20_000; i += 2) harness.call(stream, 'HSET', 'other', `field ${i} ${'y'.repeat(100)}`, 'new');
    for (let i = 0; i < 20_000; i += 2) harness.call(stream, 'LSET', 'list', String(i), 'new');
    expect(files.list('/data')).toEqual(['dump.rdb']);
    expect(files.openDescriptors).toBe(2);
    while (snapshot.step());
    snapshot.finish();
    snapshot.release();
    expect(files.openDescriptors).toBe(1);
    const copy = filled(format === 'rdb' ? [] : commandsIn(Buffer.from(files.text(DUMP) ?? '', 'latin1')));
    if (format === 'rdb') expect(load(files, copy.server.store)).toHaveProperty('keys', values + 4);
    expect(digestOf(copy)).toBe(before);
  });
});
