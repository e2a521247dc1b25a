/**
 * A soak of the storage engine:  npm run test:soak -- [--minutes 10] [--seed 1] [--megabytes 256]
 *
 * Random writes, reads, expiry, eviction, collections, large values, clearing and defragmentation, without end. After every cycle
 * each structure is checked against every other (which compares `used_memory` with what is there, byte by byte), everything is
 * cleared, and what is left must be what an empty store takes. Resident memory of equal points of the cycles must not grow.
 * Exit code 1 when anything of that fails; the seed replays it.
 */
import { parseArgs } from 'node:util';
import { build, install, root } from './setup.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    megabytes: { type: 'string', default: '256' },
  },
});
install();
build();
const { Store } = await import(`${root}/dist/store/store.js`);
const { Prng } = await import(`${root}/dist/base/prng.js`);
const { NO_EXPIRE, TYPE_HASH, TYPE_STRING } = await import(`${root}/dist/store/types.js`);

const LIMIT_BYTES = Number(values.megabytes) << 20;
const KEYS = 200_000;
const OPERATIONS_A_CYCLE = 3_000_000;
/** What resident memory may grow by from the third cycle to the last: the collector is not on the dot. */
const GROWTH_LIMIT = 1.1;

const prng = new Prng(Number(values.seed));
const store = new Store({ databases: 4, clusterMode: Number(values.seed) % 2 === 0, random: prng });
const key = Buffer.alloc(400, 'k');
const value = Buffer.alloc(3 << 20, 'v');
let nowMs = 1_700_000_000_000;

function anyKey() {
  const id = prng.below(KEYS);
  key.write(String(id).padStart(8, '0'), 0, 'latin1');
  return id % 50 === 0 ? 8 + (id % 390) : 8;
}

function anyLength() {
  const dice = prng.below(1000);
  if (dice === 0) return prng.below(value.length);
  return dice < 20 ? prng.below(100_000) : prng.below(300);
}

/** @param {any} db */
function collection(db, keyLength) {
  let ref = db.find(key, 0, keyLength);
  if (ref === 0 || db.type(ref) !== TYPE_HASH) {
    db.putObject(TYPE_HASH, 1, key, 0, keyLength, db.newElements(), NO_EXPIRE);
    ref = db.find(key, 0, keyLength);
  }
  const elements = db.object(ref);
  for (let i = prng.below(60); i > 0; i--) {
    const member = Buffer.from(`member${prng.below(500)}`);
    if (prng.below(3) > 0) elements.put(member, 0, member.length, value, 0, prng.below(80));
    else {
      const found = elements.find(member, 0, member.length);
      if (found !== 0) elements.delete(found);
    }
  }
}

function operate() {
  const db = store.databases[prng.below(8) === 0 ? prng.below(4) : 0];
  const length = anyKey();
  const dice = prng.below(100);
  if (dice < 50) {
    const expireAtMs = prng.below(4) === 0 ? nowMs + prng.below(100_000) : NO_EXPIRE;
    db.put(key, 0, length, value, 0, anyLength(), expireAtMs);
  } else if (dice < 65) db.deleteKey(key, 0, length);
  else if (dice < 70) collection(db, length);
  else if (dice < 80) {
    const ref = db.find(key, 0, length);
    if (ref !== 0 && db.type(ref) === TYPE_STRING) db.resizeValue(ref, anyLength());
  } else if (dice < 90) {
    const ref = db.find(key, 0, length);
    if (ref !== 0) db.setExpire(ref, prng.below(2) === 0 ? NO_EXPIRE : nowMs + prng.below(50_000));
  } else {
    nowMs += prng.below(20);
    for (let due = db.nextExpired(nowMs); due !== 0; due = db.nextExpired(nowMs)) db.delete(due);
    store.step(20);
  }
  while (store.usedBytes() > LIMIT_BYTES && db.size > 0) {
    if (db.sample(5, false) > 0) db.delete(db.sampled(0));
    if (store.usedBytes() > LIMIT_BYTES) store.reclaim(100);
  }
  if (prng.below(1_000_000) === 0) db.clear();
  if (prng.below(5000) === 0) store.defragmenter.step(200);
}

const emptyBytes = store.usedBytes();
const endMs = Date.now() + Number(values.minutes) * 60_000;
/** @type {number[]} */
const resident = [];
let cycles = 0;
while (Date.now() < endMs || cycles < 4) {
  for (let i = 0; i < OPERATIONS_A_CYCLE; i++) operate();
  store.verify();
  const used = store.usedBytes();
  resident.push(process.memoryUsage().rss);
  store.clear();
  store.defragmenter.stop();
  while (store.step(1000)) {}
  store.verify();
  if (store.usedBytes() !== emptyBytes || store.allocatedBytes() !== 0) {
    console.error(`Empty, the store takes ${store.usedBytes()} bytes; at the start it took ${emptyBytes}.`);
    process.exit(1);
  }
  cycles++;
  const mib = (/** @type {number} */ bytes) => Math.round(bytes / (1 << 20));
  console.log(
    `cycle ${cycles}: ${mib(used)} MiB used, ${mib(resident[cycles - 1])} MiB resident, all structures agree`,
  );
}
const [early, late] = [Math.max(...resident.slice(0, 3)), resident[cycles - 1]];
const operations = cycles * OPERATIONS_A_CYCLE;
console.log(
  `${operations} operations, seed ${values.seed}: resident memory ${(late / early).toFixed(2)} of the first cycles'.`,
);
process.exitCode = late > early * GROWTH_LIMIT ? 1 : 0;
