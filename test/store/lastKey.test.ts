/** A key that is found again and again is compared with the one that was found last (lastKey.ts). */
import { describe, expect, it } from 'vitest';
import { NO_EXPIRE } from '../../src/store/types.js';
import { bytes, find, newStore, put, remove, valueIn } from './model.js';

const AT = 1_700_000_000_000;

describe('the key that was found last', () => {
  it('is found again, and no other one for it', () => {
    const db = newStore(1).databases[0];
    const long = 'l'.repeat(300);
    for (const key of ['', 'k', 'kk', 'abcd', 'abce', 'bbcd', 'abcdefgh', long, `${long}m`]) put(db, key, `of ${key}`);
    for (const key of ['k', 'kk', 'abcd', 'abce', 'bbcd', '', 'abcd', long, `${long}m`, long, 'abcdefgh']) {
      for (let i = 0; i < 3; i++) expect(valueIn(db, find(db, key)).toString()).toBe(`of ${key}`);
    }
    expect([find(db, 'xbcd'), find(db, 'abcx'), find(db, 'abc')]).toEqual([0, 0, 0]);
  });

  it('is found where it has moved', () => {
    const store = newStore(1);
    const db = store.databases[0];
    put(db, 'k', 'short');
    const first = find(db, 'k');
    put(db, 'k', 'long'.repeat(100));
    expect(valueIn(db, find(db, 'k')).toString()).toBe('long'.repeat(100));
    const timed = db.setExpire(find(db, 'k'), AT);
    expect(find(db, 'k')).toBe(timed);
    expect(find(db, 'k')).not.toBe(first);
    const persisted = db.persist(timed);
    expect(persisted).not.toBe(timed);
    expect(find(db, 'k')).toBe(persisted);
    store.verify();
  });

  it('is gone when it was removed, renamed or cleared, and new when it came again', () => {
    const store = newStore(1);
    const db = store.databases[0];
    put(db, 'k', 'v');
    expect(find(db, 'k')).not.toBe(0);
    remove(db, 'k');
    expect(find(db, 'k')).toBe(0);
    // The memory of the old entry is another key's now.
    put(db, 'j', 'v');
    expect(find(db, 'k')).toBe(0);
    const renamed = db.rename(find(db, 'j'), bytes('k'), 0, 1);
    expect([find(db, 'j'), find(db, 'k')]).toEqual([0, renamed]);
    store.clear();
    expect(find(db, 'k')).toBe(0);
    put(db, 'k', 'again');
    expect(valueIn(db, find(db, 'k')).toString()).toBe('again');
    store.verify();
  });

  it('is that of its own database', () => {
    const store = newStore(1, false, 2);
    const [a, b] = store.databases;
    put(a, 'k', 'of a');
    put(b, 'k', 'of b');
    expect([valueIn(a, find(a, 'k')).toString(), valueIn(b, find(b, 'k')).toString()]).toEqual(['of a', 'of b']);
    store.swap(0, 1);
    expect([valueIn(a, find(a, 'k')).toString(), valueIn(b, find(b, 'k')).toString()]).toEqual(['of b', 'of a']);
    b.clear();
    expect(find(b, 'k')).toBe(0);
    expect(valueIn(a, find(a, 'k')).toString()).toBe('of b');
  });

  it('leaves its hash behind, for the entry that takes its place', () => {
    const store = newStore(1);
    const db = store.databases[0];
    put(db, 'k', 'v');
    put(db, 'other', 'w');
    for (let i = 0; i < 3; i++) {
      expect(find(db, 'k')).not.toBe(0);
      db.put(bytes('k'), 0, 1, Buffer.alloc(100_000, 120 + i), 0, 100_000, i === 1 ? AT : NO_EXPIRE);
      store.verify();
    }
    expect(valueIn(db, find(db, 'k'))[0]).toBe(122);
  });
});
