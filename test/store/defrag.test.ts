import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { NO_EXPIRE, StoreFullError } from '../../src/store/types.js';
import { checkAll, farTime, type Model, newStore, put, remove } from './model.js';

const AT = 1_700_000_000_000;

/** Databases with a model each, changed at random. */
class Churn {
  readonly random: Prng;
  readonly store;
  readonly models: Model[];
  readonly clusterMode: boolean;

  constructor(seed: number, clusterMode: boolean) {
    this.random = new Prng(seed);
    this.clusterMode = clusterMode;
    const databases = clusterMode ? 1 : 3;
    this.store = newStore(seed, clusterMode, databases);
    this.models = Array.from({ length: databases }, () => new Map());
  }

  put(spread: number): void {
    const at = this.random.below(this.models.length);
    const id = this.random.below(spread);
    const key = id % 50 === 0 ? `${'long'.repeat(70)}${id}` : `{${id % 5}}${id}`;
    const length = this.random.below(20) === 0 ? this.random.below(9000) : this.random.below(150);
    const value = Buffer.alloc(this.random.below(900) === 0 ? 70_000 : length, `${id}.`);
    const far = this.random.below(20) === 0;
    const near = this.random.below(3) === 0;
    const expireAtMs = far ? farTime(this.random) : near ? AT + this.random.below(1e7) : NO_EXPIRE;
    put(this.store.databases[at], key, value, expireAtMs);
    this.models[at].set(key, { value, expireAtMs, raw: false });
  }

  /** Removes about `percent` of the keys. */
  thin(percent: number): void {
    this.models.forEach((model, at) => {
      for (const key of [...model.keys()]) {
        if (this.random.below(100) >= percent) continue;
        remove(this.store.databases[at], key);
        model.delete(key);
      }
    });
  }

  check(): void {
    checkAll(this.store, this.models, this.clusterMode);
  }
}

describe('defragmentation', () => {
  it('empties sparse pages, so that they and their segments can be used for something else', () => {
    const churn = new Churn(1, false);
    const { store } = churn;
    for (let i = 0; i < 60_000; i++) churn.put(60_000);
    churn.thin(85);
    const before = store.defragmenter.wastedBytes;
    expect(store.defragmenter.wastedPercent).toBeGreaterThan(200);
    while (store.defragmenter.step(50));
    expect(store.defragmenter.hits).toBeGreaterThan(1000);
    expect(store.defragmenter.wastedBytes).toBeLessThan(before / 2);
    churn.check();
    const reserved = store.reservedBytes();
    for (let i = 0; i < 2000; i++) {
      const value = Buffer.alloc(3500, `${i}.`);
      put(store.databases[1], `other${i}`, value);
      churn.models[1].set(`other${i}`, { value, expireAtMs: NO_EXPIRE, raw: false });
    }
    expect(store.reservedBytes()).toBe(reserved);
    churn.check();
  });

  it('finds nothing to do where pages are full', () => {
    const churn = new Churn(2, false);
    for (let i = 0; i < 20_000; i++) put(churn.store.databases[0], `k${i}`, 'value');
    while (churn.store.defragmenter.step(50));
    expect(churn.store.defragmenter.hits).toBe(0);
    churn.store.verify();
  });

  for (const clusterMode of [false, true]) {
    for (const seed of [3, 4, 5, 6]) {
      it(`goes on while keys come and go, seed ${seed}, ${clusterMode ? 'cluster' : 'plain'} mode`, () => {
        const churn = new Churn(seed, clusterMode);
        const { random, store } = churn;
        for (let i = 0; i < 8000; i++) churn.put(8000);
        for (let round = 0; round < 12; round++) {
          churn.thin(random.below(80));
          for (let step = 0; step < 60; step++) {
            store.defragmenter.step(1 + random.below(40));
            for (let i = random.below(60); i > 0; i--) churn.put(8000);
            if (random.below(20) === 0) churn.thin(random.below(5));
            if (random.below(4) === 0) store.step(random.below(50));
            if (random.below(200) === 0) store.defragmenter.stop();
          }
          const change = random.below(6);
          if (change < 2) {
            const at = random.below(churn.models.length);
            store.databases[at].clear();
            churn.models[at].clear();
          } else if (churn.models.length > 1 && change < 4) {
            store.swap(0, 1);
            [churn.models[0], churn.models[1]] = [churn.models[1], churn.models[0]];
          }
          churn.check();
        }
        while (store.defragmenter.step(50));
        churn.check();
        store.clear();
        for (const model of churn.models) model.clear();
        while (store.defragmenter.step(50));
        while (store.step(1000));
        churn.check();
      });
    }
  }

  it('stops, keeping everything, when the memory that it needs is not there', () => {
    const churn = new Churn(7, false);
    const { store } = churn;
    for (let i = 0; i < 20_000; i++) churn.put(20_000);
    churn.thin(50);
    const run = store.defragmenter;
    while (run.step(1) && run.hits === 0);
    const { arena } = (store as unknown as { memory: { arena: { allocate(cls: number): number } } }).memory;
    const { allocate } = arena;
    arena.allocate = () => {
      throw new StoreFullError('none');
    };
    while (run.step(50));
    arena.allocate = allocate;
    churn.check();
  });
});
