/**
 * Micro-benchmark of the keyspace alone, without protocol or sockets: `npx tsx bench/store.ts`, or through the build.
 * Arguments: number of keys (1000000), number of keys of the insertion test (2000000).
 */
import { Prng } from '../src/base/prng.js';
import type { Database } from '../src/store/database.js';
import { Store } from '../src/store/store.js';
import { NO_EXPIRE } from '../src/store/types.js';

const KEY_BYTES = 16;
const KEYS = Number(process.argv[2] ?? 1_000_000);
const INSERTS = Number(process.argv[3] ?? 2_000_000);
const FAR_MS = 4_000_000_000_000;

/** All keys in one buffer, one behind the other, in random order, as they would come from the network. */
function makeKeys(count: number, prefix: string): Buffer {
  const random = new Prng(7);
  const order = new Int32Array(count).map((_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  const buf = Buffer.alloc(count * KEY_BYTES);
  order.forEach((id, i) => {
    buf.write(prefix + String(id).padStart(KEY_BYTES - prefix.length, '0'), i * KEY_BYTES, 'latin1');
  });
  return buf;
}

function newStore(clusterMode = false): Store {
  return new Store({ databases: 1, clusterMode, random: new Prng(1) });
}

function timed(name: string, count: number, run: () => void): void {
  const start = process.hrtime.bigint();
  run();
  const ns = Number(process.hrtime.bigint() - start) / count;
  console.log(`${name.padEnd(34)} ${ns.toFixed(1).padStart(8)} ns`);
}

function forKeys(keys: Buffer, visit: (start: number) => void): void {
  for (let at = 0; at < keys.length; at += KEY_BYTES) visit(at);
}

function measureKeys(keys: Buffer, valueBytes: number, expireAtMs: number, clusterMode: boolean): void {
  const store = newStore(clusterMode);
  const [db] = store.databases;
  const value = Buffer.alloc(valueBytes, 'v');
  const before = store.usedBytes();
  forKeys(keys, (at) => db.put(keys, at, at + KEY_BYTES, value, 0, valueBytes, expireAtMs));
  const perKey = (store.usedBytes() - before) / db.size;
  const what = `16 B / ${valueBytes} B${expireAtMs === NO_EXPIRE ? '' : ' TTL'}${clusterMode ? ' cluster' : ''}`;
  console.log(`${`bytes per key, ${what}`.padEnd(34)} ${perKey.toFixed(1).padStart(8)}`);
}

function operations(keys: Buffer, absent: Buffer): void {
  const store = newStore();
  const [db] = store.databases as [Database];
  const value = Buffer.alloc(2048, 'v');
  const count = keys.length / KEY_BYTES;
  let sink = 0;
  timed('put new', count, () => forKeys(keys, (at) => db.put(keys, at, at + KEY_BYTES, value, 0, 16, NO_EXPIRE)));
  for (let round = 0; round < 2; round++) {
    timed('find hit', count, () => forKeys(keys, (at) => (sink ^= db.find(keys, at, at + KEY_BYTES))));
    timed('find hit, read value', count, () =>
      forKeys(keys, (at) => (sink ^= db.readValue(db.find(keys, at, at + KEY_BYTES)).start)),
    );
    timed('find miss', count, () => forKeys(absent, (at) => (sink ^= db.find(absent, at, at + KEY_BYTES))));
    timed('overwrite, same size', count, () =>
      forKeys(keys, (at) => db.put(keys, at, at + KEY_BYTES, value, 1, 17, NO_EXPIRE)),
    );
  }
  const hot = keys.subarray(0, 1000 * KEY_BYTES);
  timed('find hit, 1000 hot keys', 2_000_000, () => {
    for (let i = 0; i < 2000; i++) forKeys(hot, (at) => (sink ^= db.find(keys, at, at + KEY_BYTES)));
  });
  timed('overwrite, 1000 hot keys', 2_000_000, () => {
    for (let i = 0; i < 2000; i++) forKeys(hot, (at) => db.put(keys, at, at + KEY_BYTES, value, 0, 16, NO_EXPIRE));
  });
  timed('set expire', count, () =>
    forKeys(keys, (at) => db.setExpire(db.find(keys, at, at + KEY_BYTES), FAR_MS + (at % 1e6))),
  );
  timed('expire all', count, () => {
    for (;;) {
      const ref = db.nextExpired(FAR_MS + 1e6);
      if (ref !== 0) db.delete(ref);
      else if (!db.expiryBehind(FAR_MS + 1e6)) break;
    }
  });
  forKeys(keys, (at) => db.put(keys, at, at + KEY_BYTES, value, 0, 16, NO_EXPIRE));
  timed('delete', count, () => forKeys(keys, (at) => db.deleteKey(keys, at, at + KEY_BYTES)));
  timed('put new, 1 KiB', count / 4, () => {
    for (let i = 0; i < count / 4; i++) db.put(keys, i * KEY_BYTES, (i + 1) * KEY_BYTES, value, i & 7, 1024, NO_EXPIRE);
  });
  timed('overwrite, 1 KiB', count / 4, () => {
    for (let i = 0; i < count / 4; i++) db.put(keys, i * KEY_BYTES, (i + 1) * KEY_BYTES, value, i & 7, 1024, NO_EXPIRE);
  });
  if (sink === 42) console.log('');
}

/** The longest single insert, once the compiler has settled. */
function longestInsert(): void {
  const keys = makeKeys(INSERTS, 'ins:');
  const value = Buffer.alloc(16, 'v');
  for (const count of [Math.min(200_000, INSERTS), INSERTS]) {
    const [db] = newStore().databases as [Database];
    let worstMs = 0;
    let slow = 0;
    let last = performance.now();
    forKeys(keys.subarray(0, count * KEY_BYTES), (at) => {
      db.put(keys, at, at + KEY_BYTES, value, 0, 16, NO_EXPIRE);
      const now = performance.now();
      if (now - last > worstMs) worstMs = now - last;
      if (now - last > 0.1) slow++;
      last = now;
    });
    if (count < INSERTS) continue;
    const name = `longest of ${INSERTS} puts`.padEnd(34);
    console.log(`${name} ${(worstMs * 1000).toFixed(0).padStart(8)} us (${slow} over 100 us)`);
  }
}

const keys = makeKeys(KEYS, 'key:');
operations(keys, makeKeys(KEYS, 'abs:'));
measureKeys(keys, 16, NO_EXPIRE, false);
measureKeys(keys, 16, FAR_MS, false);
measureKeys(keys, 16, NO_EXPIRE, true);
measureKeys(keys, 100, NO_EXPIRE, false);
longestInsert();
