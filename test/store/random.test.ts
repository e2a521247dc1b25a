import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { type ExpireAtMs, NO_EXPIRE } from '../../src/store/types.js';
import { bytes, checkAll, checkKey, farTime, find, type Model, newStore, put, remove } from './model.js';

const NOW = 1_700_000_000_000;

/** One seeded history of random operations on three databases, held against a Map all the way. */
class History {
  readonly random: Prng;
  readonly store;
  readonly models: Model[];
  /** Bytes of random payload to cut values from. */
  readonly noise: Buffer;
  readonly keys: string[] = [];

  constructor(seed: number, clusterMode: boolean, databases: number) {
    this.random = new Prng(seed);
    this.store = newStore(seed + 1, clusterMode, databases);
    this.models = Array.from({ length: databases }, () => new Map());
    this.noise = Buffer.alloc(400_000);
    for (let i = 0; i < this.noise.length; i += 4) this.noise.writeUInt32LE(this.random.nextU32(), i);
  }

  value(): Buffer {
    const dice = this.random.below(1000);
    let length = this.random.below(40);
    if (dice < 300) length = this.random.below(400);
    if (dice < 60) length = this.random.below(6000);
    if (dice < 20) length = 60_000 + this.random.below(12_000);
    if (dice < 6) length = this.random.below(300_000);
    const start = this.random.below(this.noise.length - length);
    return this.noise.subarray(start, start + length);
  }

  /** Mostly one of a pool of known keys, so that they meet again. */
  key(spread: number): string {
    const id = this.random.below(spread);
    const shape = id % 97;
    if (shape === 0) return `${'L'.repeat(256 + (id % 500))}${id}`;
    if (shape === 1 && id < 400) return `${'H'.repeat(33_000)}${id}`;
    if (id === 5) return '';
    if (shape < 30) return `{tag${id % 7}}:${id}`;
    return `key:${'x'.repeat(id % 13)}${id}`;
  }

  expireAt(): ExpireAtMs {
    if (this.random.below(20) === 0) return farTime(this.random);
    return this.random.below(3) === 0 ? NOW + this.random.below(10_000_000) : NO_EXPIRE;
  }

  step(spread: number, writes: number): void {
    const { random } = this;
    const at = random.below(this.models.length);
    const db = this.store.databases[at];
    const model = this.models[at];
    const key = this.key(spread);
    const ref = find(db, key);
    const known = model.get(key);
    if ((ref !== 0) !== (known !== undefined)) expect.fail('presence');
    const dice = random.below(100);
    if (dice < writes) {
      const entry = { value: this.value(), expireAtMs: this.expireAt(), raw: false };
      put(db, key, entry.value, entry.expireAtMs);
      model.set(key, entry);
    } else if (dice < writes + 5) {
      if (ref !== 0) this.resize(at, key);
    } else if (known === undefined) {
      return;
    } else if (dice < writes + 10) {
      known.expireAtMs = this.expireAt();
      if (known.expireAtMs === NO_EXPIRE) db.persist(ref);
      else db.setExpire(ref, known.expireAtMs);
    } else if (dice < writes + 15) {
      known.value = this.value();
      known.raw = false;
      db.setValue(ref, known.value, 0, known.value.length);
    } else if (dice < writes + 20) {
      this.copyOrMove(at, key, dice % 2 === 0, spread);
    } else {
      remove(db, key);
      model.delete(key);
    }
    checkKey(db, key, model.get(key));
  }

  resize(at: number, key: string): void {
    const db = this.store.databases[at];
    const known = this.models[at].get(key)!;
    const target =
      this.random.below(2) === 0
        ? known.value.length + this.random.below(2000)
        : this.random.below(known.value.length + 1);
    const view = db.resizeValue(find(db, key), target);
    const grown = Buffer.alloc(target);
    known.value.copy(grown);
    known.value = grown;
    known.raw = true;
    if (target > 0) {
      const spot = this.random.below(target);
      view.buf[view.start + spot] = 7;
      grown[spot] = 7;
    }
    checkKey(db, key, known);
    if (find(db, key) !== db.lastRef) expect.fail('lastRef');
  }

  copyOrMove(at: number, key: string, move: boolean, spread: number): void {
    const from = this.store.databases[at];
    const to = this.random.below(this.models.length);
    const newKey = this.key(spread);
    if (to === at && newKey === key) return;
    const known = this.models[at].get(key)!;
    const k = bytes(newKey);
    const ref = find(from, key);
    from.setLru(ref, 0xabcdef);
    if (move) {
      const moved = from.moveTo(ref, this.store.databases[to], k, 0, k.length);
      if (this.store.databases[to].getLru(moved) !== 0xabcdef) expect.fail('LRU bits move along');
      this.models[at].delete(key);
      this.models[to].set(newKey, known);
    } else {
      const expireAtMs = this.expireAt();
      from.copyTo(ref, this.store.databases[to], k, 0, k.length, expireAtMs);
      this.models[to].set(newKey, { ...known, expireAtMs });
    }
    checkKey(this.store.databases[to], newKey, this.models[to].get(newKey));
  }
}

describe('random operations agree with a Map', () => {
  for (const clusterMode of [false, true]) {
    for (const seed of [1, 2, 3]) {
      it(`seed ${seed}, ${clusterMode ? 'cluster' : 'plain'} mode`, () => {
        const history = new History(seed, clusterMode, clusterMode ? 1 : 3);
        const { store, models } = history;
        // Grow, churn, shrink, and grow again after a flush.
        for (const [steps, spread, writes] of [
          [4000, 6000, 75],
          [3000, 3000, 40],
          [5000, 6000, 5],
          [800, 1000, 60],
        ]) {
          for (let i = 0; i < steps; i++) {
            history.step(spread, writes);
            if (history.random.below(50) === 0) store.step(history.random.below(20));
          }
          checkAll(store, models, clusterMode);
        }
        const cleared = history.random.below(models.length);
        store.databases[cleared].clear();
        models[cleared].clear();
        expect(store.databases[cleared].size).toBe(0);
        checkAll(store, models, clusterMode);
        for (let i = 0; i < 1500; i++) {
          history.step(2000, 60);
          if (i % 40 === 0) store.step(3);
        }
        checkAll(store, models, clusterMode);
        if (models.length > 1) {
          store.swap(0, 1);
          [models[0], models[1]] = [models[1], models[0]];
          for (let i = 0; i < 500; i++) history.step(2000, 60);
          checkAll(store, models, clusterMode);
        }
        while (store.step(1000));
        checkAll(store, models, clusterMode);
        store.clear();
        for (const model of models) model.clear();
        while (store.step(1000));
        checkAll(store, models, clusterMode);
        for (let i = 0; i < 500; i++) history.step(500, 60);
        checkAll(store, models, clusterMode);
      });
    }
  }
});
