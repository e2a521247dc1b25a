import { expect } from 'vitest';
import { keySlot } from '../../src/base/crc16.js';
import { Prng } from '../../src/base/prng.js';
import type { Database } from '../../src/store/database.js';
import { Store } from '../../src/store/store.js';
import { type ExpireAtMs, NO_EXPIRE, TYPE_STRING } from '../../src/store/types.js';

export interface ModelEntry {
  value: Buffer;
  expireAtMs: ExpireAtMs;
  raw: boolean;
}

/** What a database must hold, keyed by the key's bytes as latin1. */
export type Model = Map<string, ModelEntry>;

export function newStore(seed: number, clusterMode = false, databases = 1): Store {
  return new Store({ databases, clusterMode, random: new Prng(seed) });
}

/** Milliseconds since the epoch that no number holds: from 2^53 up to the greatest. */
export function farTime(random: Prng): bigint {
  const bits = (BigInt(random.nextU32()) << 31n) | BigInt(random.nextU32() >>> 1);
  return (2n ** 62n + (bits >> 1n)) >> BigInt(random.below(10));
}

export const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

export function put(db: Database, key: string, value: Buffer | string, expireAtMs: ExpireAtMs = NO_EXPIRE): number {
  const k = bytes(key);
  const v = typeof value === 'string' ? bytes(value) : value;
  return db.put(k, 0, k.length, v, 0, v.length, expireAtMs);
}

export function find(db: Database, key: string): number {
  const k = bytes(key);
  return db.find(k, 0, k.length);
}

export function remove(db: Database, key: string): boolean {
  const k = bytes(key);
  return db.deleteKey(k, 0, k.length);
}

export function valueIn(db: Database, ref: number): Buffer {
  const view = db.readValue(ref);
  return Buffer.from(view.buf.subarray(view.start, view.end));
}

export function keyIn(db: Database, ref: number): string {
  const view = db.readKey(ref);
  return Buffer.from(view.buf.subarray(view.start, view.end)).toString('latin1');
}

/** Compares one key, without expect() on the way: it is called very often. */
export function checkKey(db: Database, key: string, entry: ModelEntry | undefined): void {
  const ref = find(db, key);
  if (entry === undefined) {
    if (ref !== 0) expect.fail(`key of ${key.length} bytes should be absent`);
    return;
  }
  if (ref === 0) expect.fail(`key of ${key.length} bytes is missing`);
  if (db.type(ref) !== TYPE_STRING) expect.fail('type');
  if (db.valueLength(ref) !== entry.value.length) expect.fail('value length');
  if (!valueIn(db, ref).equals(entry.value)) expect.fail(`value of ${entry.value.length} bytes differs`);
  if (keyIn(db, ref) !== key) expect.fail('key differs');
  if (db.expireAtMs(ref) !== entry.expireAtMs) expect.fail(`expires at ${db.expireAtMs(ref)}, not ${entry.expireAtMs}`);
  if (db.forcedRaw(ref) !== entry.raw) expect.fail('raw flag');
}

/** Compares everything, and lets the store check itself. */
export function checkAll(store: Store, models: readonly Model[], clusterMode: boolean): void {
  store.verify();
  models.forEach((model, index) => {
    const db = store.databases[index];
    expect(db.size).toBe(model.size);
    let expires = 0;
    for (const [key, entry] of model) {
      checkKey(db, key, entry);
      if (entry.expireAtMs !== NO_EXPIRE) expires++;
    }
    expect(db.expires).toBe(expires);
    const walked = new Set<string>();
    db.forEach((ref) => {
      walked.add(keyIn(db, ref));
    });
    expect(walked.size).toBe(model.size);
    if (clusterMode) checkSlots(db, model);
  });
}

function checkSlots(db: Database, model: Model): void {
  const slots = new Map<number, Set<string>>();
  for (const key of model.keys()) {
    const k = bytes(key);
    const slot = keySlot(k, 0, k.length);
    if (!slots.has(slot)) slots.set(slot, new Set());
    slots.get(slot)!.add(key);
  }
  for (const [slot, keys] of slots) {
    expect(db.slotKeyCount(slot)).toBe(keys.size);
    const listed = new Set<string>();
    for (let ref = db.slotFirst(slot); ref !== 0; ref = db.slotNext(ref)) listed.add(keyIn(db, ref));
    expect(listed).toEqual(keys);
  }
}
