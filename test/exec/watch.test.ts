import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { Session, type Transport } from '../../src/exec/session.js';
import { WatchTable } from '../../src/exec/watch.js';
import { Store } from '../../src/store/store.js';

const store = new Store({ databases: 2, clusterMode: false, random: new Prng(1) });
const [db, otherDb] = store.databases as [(typeof store.databases)[0], (typeof store.databases)[0]];

function newSession(): Session {
  const transport = {} as Transport;
  return new Session(1, transport, { nowMs: 0, databases: 2, authenticated: true });
}

function touch(table: WatchTable, key: string, exists = true, where = db): void {
  const bytes = Buffer.from(key, 'latin1');
  table.touched(where, bytes, 0, bytes.length, exists);
}

describe('WatchTable', () => {
  it('is empty until somebody watches, and again when the last one stops', () => {
    const table = new WatchTable();
    const [a, b] = [newSession(), newSession()];
    expect(table.empty).toBe(true);
    table.watch(a, db, 'k', false);
    table.watch(b, db, 'k', false);
    expect(table.empty).toBe(false);
    table.unwatch(a);
    expect(table.empty).toBe(false);
    table.unwatch(b);
    expect(table.empty).toBe(true);
  });

  it('breaks the watch of everybody who watches the key, and of nobody else', () => {
    const table = new WatchTable();
    const [a, b, c] = [newSession(), newSession(), newSession()];
    table.watch(a, db, 'k', false);
    table.watch(b, db, 'k', false);
    table.watch(c, db, 'other', false);
    touch(table, 'k');
    expect([a.watchBroken, b.watchBroken, c.watchBroken]).toEqual([true, true, false]);
  });

  it('tells databases apart', () => {
    const table = new WatchTable();
    const session = newSession();
    table.watch(session, db, 'k', false);
    touch(table, 'k', true, otherDb);
    expect(session.watchBroken).toBe(false);
    touch(table, 'k');
    expect(session.watchBroken).toBe(true);
  });

  it('keeps bytes apart that are no UTF-8', () => {
    const table = new WatchTable();
    const session = newSession();
    table.watch(session, db, '\xff', false);
    touch(table, '\xfe');
    expect(session.watchBroken).toBe(false);
    touch(table, '\xff');
    expect(session.watchBroken).toBe(true);
  });

  it('watches a key once however often that is said', () => {
    const table = new WatchTable();
    const session = newSession();
    table.watch(session, db, 'k', false);
    table.watch(session, db, 'k', false);
    expect(session.watched).toHaveLength(1);
    table.unwatch(session);
    expect(table.empty).toBe(true);
  });

  it('forgives the removal of a key that had expired when it was watched, but not what comes after', () => {
    const table = new WatchTable();
    const session = newSession();
    table.watch(session, db, 'k', true);
    touch(table, 'k', false);
    expect(session.watchBroken).toBe(false);
    touch(table, 'k', true);
    expect(session.watchBroken).toBe(true);
  });

  it('breaks the watches of the keys that a flush or a swap affects', () => {
    const table = new WatchTable();
    const [a, b] = [newSession(), newSession()];
    table.watch(a, db, 'there', false);
    table.watch(b, db, 'not there', false);
    table.replaced(
      db,
      (key) => (key === 'there' ? 'alive' : 'absent'),
      () => 'absent',
    );
    expect([a.watchBroken, b.watchBroken]).toEqual([true, false]);
  });

  it.each([
    // was, becomes, was expired when watched: broken, and expired from then on
    ['absent', 'absent', false, false, false],
    ['absent', 'alive', false, true, false],
    ['absent', 'expired', false, false, true],
    ['alive', 'absent', false, true, false],
    ['alive', 'expired', false, true, false],
    ['expired', 'absent', true, false, false],
    ['expired', 'expired', true, false, true],
    ['expired', 'alive', true, true, true],
    ['absent', 'absent', true, false, true],
  ] as const)('a key that was %s becomes %s with its database', (was, becomes, expired, broken, expiredNow) => {
    const table = new WatchTable();
    const session = newSession();
    table.watch(session, db, 'k', expired);
    table.replaced(
      db,
      () => was,
      () => becomes,
    );
    expect([session.watchBroken, session.watched[0]?.expired]).toEqual([broken, expiredNow]);
  });

  it('starts again after UNWATCH', () => {
    const table = new WatchTable();
    const session = newSession();
    table.watch(session, db, 'k', false);
    touch(table, 'k');
    table.unwatch(session);
    expect([session.watchBroken, session.watched]).toEqual([false, []]);
    touch(table, 'k');
    expect(session.watchBroken).toBe(false);
  });
});
