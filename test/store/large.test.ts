import { describe, expect, it } from 'vitest';
import { allocateBytes, GROWABLE_FROM_BYTES, grownInPlace } from '../../src/base/growable.js';
import { Lease, type Parcel } from '../../src/base/lease.js';
import { Prng } from '../../src/base/prng.js';
import { LargeBytes } from '../../src/store/objects.js';
import { NO_EXPIRE } from '../../src/store/types.js';
import { bytes, find, newStore, put, remove, valueIn } from './model.js';

const MIB = 1 << 20;

/** What is left of a parcel. */
function allOf(parcel: Parcel): string {
  let text = '';
  while (parcel.length > 0) {
    parcel.landed();
    const { buf, from, to } = parcel.take(100_000);
    text += buf.toString('latin1', from, to);
  }
  return text;
}

describe('growable memory', () => {
  it('grows where it is, zeros behind what was there', () => {
    const memory = allocateBytes(GROWABLE_FROM_BYTES);
    memory.fill(1);
    const grown = grownInPlace(memory, 3 * GROWABLE_FROM_BYTES) as Buffer;
    expect(grown.buffer).toBe(memory.buffer);
    expect(grown.length).toBe(3 * GROWABLE_FROM_BYTES);
    expect(grown[GROWABLE_FROM_BYTES - 1]).toBe(1);
    expect(grown.subarray(GROWABLE_FROM_BYTES).every((byte) => byte === 0)).toBe(true);
  });

  it('is not used for what is small, and has an end', () => {
    expect(grownInPlace(allocateBytes(1000), 2000)).toBeUndefined();
    expect(grownInPlace(allocateBytes(GROWABLE_FROM_BYTES), 2 ** 31)).toBeUndefined();
  });
});

describe('a large value', () => {
  it('grows by appending without ever being copied', () => {
    const store = newStore(1);
    const db = store.databases[0];
    const piece = Buffer.alloc(MIB, 'abcdefgh');
    put(db, 'k', Buffer.concat(Array.from({ length: 5 }, () => piece)));
    const memory = db.readValue(find(db, 'k')).buf.buffer;
    for (let length = 6 * MIB; length <= 40 * MIB; length += MIB) {
      const view = db.resizeValue(find(db, 'k'), length, length - MIB);
      piece.copy(view.buf as Buffer, view.end - MIB);
      expect(view.buf.buffer).toBe(memory);
    }
    expect(valueIn(db, find(db, 'k')).equals(Buffer.alloc(40 * MIB, 'abcdefgh'))).toBe(true);
    store.verify();
    remove(db, 'k');
    store.verify();
  });

  it('stays as readers see it until they are done', () => {
    const store = newStore(1);
    const db = store.databases[0];
    put(db, 'k', 'x'.repeat(MIB));
    const { buf, end, lease } = db.readValue(find(db, 'k'));
    const parcel = (lease as Lease).lend(buf as Buffer, 0, end);
    parcel.take(15);
    const writes: (() => void)[] = [
      () => db.resizeValue(find(db, 'k'), MIB, 10).buf.fill(0x79, 10, 20),
      () => db.setValue(find(db, 'k'), Buffer.alloc(MIB, 'z'), 0, MIB),
      () => db.writableValue(find(db, 'k')).buf.fill(0x71, 0, MIB),
      () => remove(db, 'k'),
    ];
    for (const write of writes) {
      write();
      store.verify();
    }
    expect(allOf(parcel)).toBe('x'.repeat(MIB - 15));
  });

  it('copies for a slow reader only what is overwritten, and not even that once it is sent', () => {
    const lease = new Lease();
    const memory = Buffer.alloc(MIB, 'x');
    const parcel = lease.lend(memory, 0, MIB);
    parcel.take(1000);
    expect(lease.clear(900, 950)).toBe(false);
    parcel.landed();
    expect(lease.clear(900, 950)).toBe(true);
    memory.fill('!', 900, 950);
    expect(lease.clear(5000, 5010)).toBe(true);
    memory.fill('!', 5000, 5010);
    expect(parcel.take(MIB).to).toBe(5000);
    parcel.landed();
    expect(parcel.take(MIB).buf.length).toBe(10);
    parcel.landed();
    const last = parcel.take(MIB);
    expect([last.buf === memory, last.from, last.to]).toEqual([true, 5010, MIB]);
    expect(lease.isHeld).toBe(true);
    parcel.landed();
    expect(lease.isHeld).toBe(false);
  });

  it('is appended to in place while it is being read, and written in place afterwards', () => {
    const store = newStore(1);
    const db = store.databases[0];
    put(db, 'k', 'x'.repeat(GROWABLE_FROM_BYTES));
    const { buf, end, lease } = db.readValue(find(db, 'k'));
    const parcel = (lease as Lease).lend(buf as Buffer, 0, end);
    const view = db.resizeValue(find(db, 'k'), end + 100, end);
    expect(view.buf.buffer).toBe(buf.buffer);
    parcel.release();
    expect(db.resizeValue(find(db, 'k'), end + 100, 5, 50).buf.buffer).toBe(buf.buffer);
    store.verify();
  });

  it('stays in the buffer that it came in, when that is on offer and mostly the value', () => {
    const store = newStore(1);
    const db = store.databases[0];
    const k = bytes('k');
    for (const [length, room, adopted] of [
      [6 * MIB, 1000, true],
      [6 * MIB, 2 * MIB, false],
      [300 * 1024, 1000, true],
      [100 * 1024, 1000, false],
    ] as const) {
      const own = allocateBytes(40 + length + room);
      own.fill('v', 40, 40 + length).fill('!', 40 + length);
      store.offer(own);
      db.put(k, 0, 1, own, 40, 40 + length, NO_EXPIRE);
      store.offer(undefined);
      expect(db.readValue(find(db, 'k')).buf.buffer === own.buffer).toBe(adopted);
      // What stood behind it in the buffer is not to be seen when it grows.
      const view = db.resizeValue(find(db, 'k'), length + room + 50, length + room + 40);
      view.buf.fill(0x65, view.start + length + room + 40, view.end);
      const text = valueIn(db, find(db, 'k'));
      expect(text.subarray(0, length).equals(Buffer.alloc(length, 'v'))).toBe(true);
      expect(text.subarray(length, length + room + 40).every((byte) => byte === 0)).toBe(true);
      expect(text.subarray(length + room + 40).toString()).toBe('e'.repeat(10));
      store.verify();
    }
  });

  for (const seed of [1, 2, 3]) {
    it(`agrees with a plain buffer after random resizes, writes and readers, seed ${seed}`, () => {
      const random = new Prng(seed);
      const large = new LargeBytes(0, 0);
      let model = Buffer.alloc(0);
      const readers: { parcel: Parcel; was: string; got: string }[] = [];
      for (let i = 0; i < 300; i++) {
        const jump = random.below(8) === 0;
        const length = jump ? random.below(9 * MIB) : Math.min(9 * MIB, model.length + random.below(5000));
        const from = random.below(length + 1);
        const to = Math.min(length, from + random.below(3000));
        large.resize(length, from, to);
        const next = Buffer.alloc(length);
        model.copy(next);
        model = next;
        large.bytes.fill(i & 255, from, to);
        model.fill(i & 255, from, to);
        if (length > 0 && random.below(20) === 0) {
          const parcel = large.lease.lend(large.bytes, 0, length);
          readers.push({ parcel, was: model.toString('latin1'), got: '' });
        }
        for (const reader of readers) {
          if (reader.parcel.length === 0) continue;
          if (random.below(2) === 0) reader.parcel.landed();
          const piece = reader.parcel.take(random.below(300_000));
          // In flight until the next piece is taken, which proves that the one before has left.
          reader.got += piece.buf.toString('latin1', piece.from, piece.to);
          if (reader.parcel.length > 0) continue;
          reader.parcel.landed();
          if (reader.got !== reader.was) expect.fail(`reader disturbed at step ${i}`);
        }
        if (!large.bytes.subarray(0, length).equals(model)) expect.fail(`differs at step ${i}`);
      }
    });
  }
});
