import { describe, expect, it } from 'vitest';
import { keySlot } from '../../src/base/crc16.js';
import { Prng } from '../../src/base/prng.js';
import { Store } from '../../src/store/store.js';
import { NO_EXPIRE, StoreFullError, TYPE_HASH, TYPE_STRING } from '../../src/store/types.js';
import { bytes, find, keyIn, newStore, put, remove, valueIn } from './model.js';

const AT = 1_700_000_000_000;

describe('a value', () => {
  it('of any length comes back as it was written', () => {
    const store = newStore(1);
    const db = store.databases[0];
    const lengths = [0, 1, 7, 8, 9, 199, 200, 201, 255, 256, 4095, 4096, 65_535, 65_536, 65_537, 5_000_000];
    for (const length of lengths) put(db, `k${length}`, Buffer.alloc(length, `${length}.`));
    for (const length of lengths) {
      expect(valueIn(db, find(db, `k${length}`)).equals(Buffer.alloc(length, `${length}.`))).toBe(true);
    }
    store.verify();
  });

  it('of the same size class is overwritten in place', () => {
    const db = newStore(1).databases[0];
    const ref = put(db, 'k', '0123456789');
    expect(put(db, 'k', '9876543210')).toBe(ref);
    expect(put(db, 'k', 'short')).toBe(ref);
    expect(valueIn(db, ref).toString()).toBe('short');
  });

  it('may be bytes of the store itself', () => {
    const store = newStore(1, false, 2);
    const [a, b] = store.databases;
    for (const length of [0, 3, 40, 300, 5000, 100_000]) {
      const text = 'abcdefghij'.repeat(length).slice(0, length);
      const ref = put(a, 'source', text);
      const view = a.readValue(ref);
      put(a, 'other', 'x');
      const { buf, start, end } = a.readValue(find(a, 'source'));
      expect(view.length).toBe(length);
      // Into another key, over another key, into another database, over itself, and a part of itself.
      a.put(bytes('copy'), 0, 4, buf, start, end, NO_EXPIRE);
      a.put(bytes('other'), 0, 5, buf, start, end, AT);
      b.put(bytes('copy'), 0, 4, buf, start, end, NO_EXPIRE);
      expect(valueIn(a, find(a, 'copy')).toString()).toBe(text);
      expect(valueIn(a, find(a, 'other')).toString()).toBe(text);
      expect(valueIn(b, find(b, 'copy')).toString()).toBe(text);
      const own = a.readValue(find(a, 'source'));
      a.setValue(find(a, 'source'), own.buf, own.start, own.end);
      expect(valueIn(a, find(a, 'source')).toString()).toBe(text);
      const again = a.readValue(find(a, 'source'));
      a.put(bytes('source'), 0, 6, again.buf, again.start + (length >> 1), again.end, AT);
      expect(valueIn(a, find(a, 'source')).toString()).toBe(text.slice(length >> 1));
      store.verify();
    }
  });

  it('may be the key of the store itself', () => {
    const store = newStore(1);
    const db = store.databases[0];
    for (const key of ['k', 'key:with:some:length', 'K'.repeat(300), 'K'.repeat(40_000)]) {
      const view = db.readKey(put(db, key, 'v'));
      const ref = db.put(view.buf, view.start, view.end, view.buf, view.start, view.end, NO_EXPIRE);
      expect(keyIn(db, ref)).toBe(key);
      expect(valueIn(db, ref).toString()).toBe(key);
    }
    store.verify();
  });

  it('grows by appending without copying the whole each time', () => {
    const store = newStore(1);
    const db = store.databases[0];
    put(db, 'k', '');
    let moves = 0;
    let buf: Uint8Array | undefined;
    let start = -1;
    for (let length = 100; length <= 1_000_000; length += 100) {
      const view = db.resizeValue(find(db, 'k'), length);
      if (view.buf !== buf || view.start !== start) moves++;
      ({ buf, start } = view);
      view.buf.fill(0x61, view.end - 100, view.end);
    }
    expect(moves).toBeLessThan(40);
    expect(valueIn(db, find(db, 'k')).equals(Buffer.alloc(1_000_000, 'a'))).toBe(true);
    store.verify();
  });

  it('keeps its prefix when resized, and new bytes are zero', () => {
    const db = newStore(1).databases[0];
    put(db, 'k', 'abcdef', AT);
    expect(db.forcedRaw(find(db, 'k'))).toBe(false);
    db.resizeValue(find(db, 'k'), 3);
    db.resizeValue(find(db, 'k'), 6);
    expect(valueIn(db, find(db, 'k')).toString('latin1')).toBe('abc\0\0\0');
    expect(db.forcedRaw(db.lastRef)).toBe(true);
    expect(db.expireAtMs(db.lastRef)).toBe(AT);
    put(db, 'k', 'new');
    expect(db.forcedRaw(find(db, 'k'))).toBe(false);
  });

  it('can be of another type and encoding, which a SET forgets', () => {
    const db = newStore(1).databases[0];
    const k = bytes('k');
    const v = bytes('listpack');
    const ref = db.putTyped(TYPE_HASH, 2, k, 0, 1, v, 0, v.length, NO_EXPIRE);
    expect([db.type(ref), db.encoding(ref), valueIn(db, ref).toString()]).toEqual([TYPE_HASH, 2, 'listpack']);
    const copy = db.copyTo(ref, db, bytes('c'), 0, 1, AT);
    expect([db.type(copy), db.encoding(copy), db.expireAtMs(copy)]).toEqual([TYPE_HASH, 2, AT]);
    expect(db.type(put(db, 'k', 'text'))).toBe(TYPE_STRING);
  });

  it('can be an object, which is cloned by a copy, moved by a rename and dropped by an overwrite', () => {
    const store = newStore(1);
    const db = store.databases[0];
    let clones = 0;
    const object = {
      bytesUsed: 1000,
      clone() {
        clones++;
        return { ...this };
      },
    };
    const k = bytes('k');
    const before = store.usedBytes();
    const ref = db.putObject(TYPE_HASH, 1, k, 0, 1, object, AT);
    expect(db.object(ref)).toBe(object);
    expect(store.usedBytes() - before).toBeGreaterThanOrEqual(1000);
    db.copyTo(ref, db, bytes('copy'), 0, 4, NO_EXPIRE);
    expect(clones).toBe(1);
    const renamed = db.rename(find(db, 'k'), bytes('renamed'), 0, 7);
    expect(db.object(renamed)).toBe(object);
    expect(db.expireAtMs(renamed)).toBe(AT);
    store.verify();
    put(db, 'renamed', 'text');
    remove(db, 'copy');
    store.verify();
  });
});

describe('a key', () => {
  it('may have any length and any bytes', () => {
    const store = newStore(4);
    const db = store.databases[0];
    const keys = ['', '\0', '\0\0', 'a'.repeat(255), 'a'.repeat(256), 'a'.repeat(32_767), 'a'.repeat(32_768)];
    keys.push('b'.repeat(3_000_000), '\xff'.repeat(254), '\xff'.repeat(257));
    keys.forEach((key, i) => {
      put(db, key, `v${i}`, i % 2 === 0 ? AT : NO_EXPIRE);
    });
    expect(db.size).toBe(keys.length);
    store.verify();
    keys.forEach((key, i) => {
      const ref = find(db, key);
      expect(valueIn(db, ref).toString()).toBe(`v${i}`);
      expect(db.keyLength(ref)).toBe(key.length);
      expect(keyIn(db, i % 2 === 0 ? db.persist(ref) : db.setExpire(ref, AT)) === key).toBe(true);
    });
    store.verify();
    for (const key of keys) expect(remove(db, key)).toBe(true);
    store.verify();
    expect(db.size).toBe(0);
  });

  it('carries 24 bits of access history through every move', () => {
    const db = newStore(4).databases[0];
    let ref = put(db, 'k', 'v');
    db.setLru(ref, 0xfedcba);
    ref = db.setExpire(ref, AT);
    ref = db.setValue(ref, Buffer.alloc(1000), 0, 1000);
    db.resizeValue(ref, 100_000);
    ref = db.persist(db.lastRef);
    ref = db.rename(ref, bytes('other'), 0, 5);
    expect(db.getLru(ref)).toBe(0xfedcba);
  });

  it('is drawn at random with even odds', () => {
    const db = newStore(9).databases[0];
    expect(db.randomRef()).toBe(0);
    const keys = 200;
    for (let i = 0; i < keys; i++) put(db, `k${i}`, 'v');
    const drawn = new Map<string, number>();
    const draws = keys * 200;
    for (let i = 0; i < draws; i++) {
      const key = keyIn(db, db.randomRef());
      drawn.set(key, (drawn.get(key) ?? 0) + 1);
    }
    expect(drawn.size).toBe(keys);
    // 200 expected, standard deviation 14.
    for (const times of drawn.values()) expect(Math.abs(times - 200)).toBeLessThan(85);
  });

  it('is found at random in a table that is nearly empty', () => {
    const db = newStore(9).databases[0];
    for (let i = 0; i < 3000; i++) put(db, `k${i}`, 'v');
    for (let i = 1; i < 3000; i++) remove(db, `k${i}`);
    for (let i = 0; i < 50; i++) expect(keyIn(db, db.randomRef())).toBe('k0');
  });
});

describe('slots', () => {
  it('count and list their keys; other modes have none', () => {
    const db = newStore(1, true).databases[0];
    for (let i = 0; i < 300; i++) put(db, `{huge}:${i}`, 'v');
    put(db, 'foo', 'v', AT);
    const huge = keySlot(bytes('huge'), 0, 4);
    expect(db.slotKeyCount(huge)).toBe(300);
    expect(db.slotKeyCount(12182)).toBe(1);
    expect(keyIn(db, db.slotFirst(12182))).toBe('foo');
    let deleted = 0;
    for (let ref = db.slotFirst(huge); ref !== 0; ) {
      const next = db.slotNext(ref);
      db.delete(ref);
      deleted++;
      ref = next;
    }
    expect([deleted, db.slotKeyCount(huge), db.size]).toEqual([300, 0, 1]);
    const plain = newStore(1).databases[0];
    put(plain, 'foo', 'v');
    expect([plain.slotKeyCount(12182), plain.slotFirst(12182)]).toEqual([0, 0]);
  });
});

describe('the store', () => {
  it('makes a database as large at once as it is told to expect, until nothing more is expected', () => {
    for (const expected of [1, 9, 10, 37, 1000, 40_000]) {
      const store = newStore(1, false, 1);
      const [db] = store.databases;
      db.expect(expected);
      const bytes = db.indexBytes;
      expect(store.step(100)).toBe(false);
      for (let i = 0; i < expected; i++) put(db, `k${i}`, 'v');
      expect(db.indexBytes - bytes).toBeLessThan(bytes / 3 + 1000);
      store.verify();
      // With keys it is not made anew.
      db.expect(10 * expected);
      expect(db.indexBytes - bytes).toBeLessThan(bytes / 3 + 1000);
      for (let i = 0; i < expected; i++) put(db, `more${i}`, 'v');
      for (let i = 0; i < expected; i++) expect(find(db, `k${i}`)).not.toBe(0);
      store.verify();
      db.expect(0);
      for (let i = 0; i < expected; i++) remove(db, `more${i}`);
      while (store.step(1000));
      expect(db.indexBytes).toBeLessThan(2 * bytes + 1000);
      store.verify();
    }
  });

  it('swaps the contents of two databases', () => {
    const store = newStore(1, false, 2);
    const [a, b] = store.databases;
    put(a, 'in-a', '1', AT);
    put(b, 'in-b', '2');
    put(b, 'in-b-too', '2');
    store.swap(0, 1);
    expect([a.size, b.size, a.expires, b.expires]).toEqual([2, 1, 0, 1]);
    expect(find(b, 'in-a')).not.toBe(0);
    expect(db0Keys(store)).toEqual(['in-b', 'in-b-too']);
    expect([a.index, b.index]).toEqual([0, 1]);
    store.verify();
  });

  it('gives back what a cleared database held, in slices', () => {
    const store = newStore(1, false, 2);
    const [a, b] = store.databases;
    put(b, 'stays', Buffer.alloc(100_000));
    const before = store.usedBytes();
    for (let i = 0; i < 3000; i++)
      put(a, `k${i}`, Buffer.alloc(i % 30 === 0 ? 70_000 : i % 500), i % 2 ? AT : NO_EXPIRE);
    a.clear();
    expect([a.size, a.expires, find(a, 'k1')]).toEqual([0, 0, 0]);
    put(a, 'k1', 'new');
    let slices = 0;
    while (store.step(10)) slices++;
    expect(slices).toBeGreaterThan(10);
    store.verify();
    remove(a, 'k1');
    // The wheel and one bucket stay.
    expect(store.usedBytes() - before).toBeLessThan(10_000);
    expect(valueIn(b, find(b, 'stays')).length).toBe(100_000);
  });

  it('forgets everything at once when nothing else is alive', () => {
    const store = newStore(1, false, 3);
    for (let i = 0; i < 20_000; i++) put(store.databases[i % 3], `k${i}`, Buffer.alloc(i % 1000 === 0 ? 70_000 : 100));
    store.clear();
    store.verify();
    expect(store.usedBytes()).toBe(0);
    while (store.step(100));
    expect(store.reservedBytes()).toBeLessThanOrEqual(8 << 20);
    for (const db of store.databases) expect(db.size).toBe(0);
    for (let i = 0; i < 3000; i++) put(store.databases[i % 3], `k${i}`, 'v');
    store.verify();
  });

  it('uses the memory of deleted keys for keys of other sizes', () => {
    const store = newStore(1);
    const db = store.databases[0];
    for (let i = 0; i < 40_000; i++) put(db, `small:${i}`, Buffer.alloc(100));
    const reserved = store.reservedBytes();
    for (let i = 0; i < 40_000; i++) remove(db, `small:${i}`);
    while (store.step(1000));
    for (let i = 0; i < 4000; i++) put(db, `large:${i}`, Buffer.alloc(1000));
    expect(store.reservedBytes()).toBeLessThanOrEqual(reserved);
    store.verify();
  });

  it('shrinks its index after a mass delete', () => {
    const store = newStore(1);
    const db = store.databases[0];
    for (let i = 0; i < 50_000; i++) put(db, `k${i}`, 'v');
    const full = db.indexBytes;
    for (let i = 500; i < 50_000; i++) remove(db, `k${i}`);
    while (store.step(100));
    expect(db.indexBytes).toBeLessThan(full / 50);
    expect(db.indexBytes / db.size).toBeLessThan(16);
    store.verify();
  });

  it('costs at most 50 bytes for a key and a value of 16 bytes each', () => {
    const store = newStore(1);
    const db = store.databases[0];
    for (let i = 0; i < 100_000; i++) put(db, `key:${String(i).padStart(12, '0')}`, '0123456789abcdef');
    expect(store.usedBytes() / db.size).toBeLessThan(50);
  });

  it('refuses what does not fit and stays whole', () => {
    const store = new Store({ databases: 1, clusterMode: true, random: new Prng(1), maxSegments: 2 });
    const db = store.databases[0];
    let stored = 0;
    expect(() => {
      for (;;) {
        put(db, `k${stored}`, Buffer.alloc(5000), stored % 2 ? AT : NO_EXPIRE);
        stored++;
      }
    }).toThrow(StoreFullError);
    expect(db.size).toBe(stored);
    store.verify();
    const ref = find(db, 'k0');
    expect(() => db.setExpire(ref, AT)).toThrow(StoreFullError);
    expect(() => db.resizeValue(ref, 60_000)).toThrow(StoreFullError);
    expect(() => db.copyTo(ref, db, bytes('k1'), 0, 2, NO_EXPIRE)).toThrow(StoreFullError);
    expect(() => put(db, 'more', Buffer.alloc(100_000))).toThrow(StoreFullError);
    store.verify();
    expect(valueIn(db, find(db, 'k0')).length).toBe(5000);
    for (let i = 0; i < stored; i += 2) remove(db, `k${i}`);
    for (let i = 0; i < stored; i += 2) put(db, `n${i}`, Buffer.alloc(5000));
    store.verify();
  });
});

function db0Keys(store: Store): string[] {
  const keys: string[] = [];
  const db = store.databases[0];
  db.forEach((ref) => {
    keys.push(keyIn(db, ref));
  });
  return keys.sort();
}
