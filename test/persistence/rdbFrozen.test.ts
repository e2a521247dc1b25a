/** Dumps of large values in pieces, and the way back: what DUMP and RESTORE do at once for small ones. */
import { describe, expect, it } from 'vitest';
import { DumpReading } from '../../src/persistence/format/rdbDumpReading.js';
import { RdbOutput } from '../../src/persistence/format/rdbOutput.js';
import type { Database } from '../../src/store/database.js';
import { NO_EXPIRE } from '../../src/store/types.js';
import { Harness } from '../net/harness.js';
import { digestOf, filled, LARGE, snapshotOf } from './rdbFileSupport.js';

const NAMES = ['long', 'noise', 'list', 'set', 'hash', 'zset', 'stream'];
/** With compressed nodes, and groups. */
const DATA: readonly string[][] = [
  ['CONFIG', 'SET', 'list-compress-depth', '1'],
  ...LARGE.filter(([, key]) => !key?.startsWith('key:')),
  ['XGROUP', 'CREATE', 'stream', 'group', '0'],
  ['XREADGROUP', 'GROUP', 'group', 'me', 'COUNT', '100', 'STREAMS', 'stream', '>'],
];

function databaseOf({ server }: Harness): Database {
  return server.store.databases[0] as Database;
}

/** The payload of a key, and how long it was announced to be. `between` is called between the pieces. */
function dumped(
  harness: Harness,
  name: string,
  between: () => void = () => undefined,
): { payload: Buffer; length: number } {
  const db = databaseOf(harness);
  const dump = harness.server.executor.dumps.frozen(db, db.find(Buffer.from(name), 0, name.length));
  if (dump === undefined) {
    let payload = Buffer.alloc(0);
    harness.server.executor.dumps.dump(db, db.find(Buffer.from(name), 0, name.length), (buf, length) => {
      payload = Buffer.from(buf.subarray(0, length));
    });
    return { payload, length: payload.length };
  }
  while (dump.measure()) between();
  const out = new RdbOutput();
  while (dump.write(out)) between();
  dump.release();
  expect(dump.isBroken).toBe(false);
  return { payload: Buffer.from(out.buf.subarray(0, out.length)), length: dump.length };
}

function reading({ server }: Harness, payload: Buffer, db: Database): DumpReading {
  const { dumps } = server.executor;
  return new DumpReading(dumps, server.config, payload, 0, payload.length, db, false);
}

/** Reads a payload to its end and gives the value to the key. Answers how many steps it took. */
function restored(harness: Harness, name: string, payload: Buffer, between: () => void = () => undefined): number {
  const db = databaseOf(harness);
  const value = reading(harness, payload, db);
  let steps = 1;
  for (; value.step(); steps++) between();
  expect(value.isIntact).toBe(true);
  value.take()?.store(Buffer.from(name), 0, name.length, NO_EXPIRE);
  value.release();
  return steps;
}

describe('the dump of a large value', () => {
  it('comes in pieces that add up to what was announced, and back to the same value', () => {
    const source = filled(DATA);
    const target = new Harness();
    for (const name of NAMES) {
      const { payload, length } = dumped(source, name);
      expect({ name, length: payload.length }).toEqual({ name, length });
      expect({ name, steps: restored(target, name, payload) > 1 }).toEqual({ name, steps: true });
    }
    expect(digestOf(target)).toBe(digestOf(source));
    target.server.store.verify();
  });

  it('does not disturb a snapshot that takes the same value at the same time, nor the other way round', () => {
    const source = filled(DATA);
    const before = digestOf(source);
    const { snapshot } = snapshotOf(source);
    const target = new Harness();
    for (const name of NAMES) {
      const { payload } = dumped(source, name, () => {
        if (snapshot.savedKeys < snapshot.totalKeys || snapshot.step()) snapshot.step();
      });
      restored(target, name, payload);
    }
    while (snapshot.step()) {}
    snapshot.finish();
    snapshot.release();
    expect(digestOf(target)).toBe(before);
    source.server.store.verify();
  });

  it('is read by RESTORE as any other', () => {
    const source = filled(DATA);
    const target = new Harness();
    const db = databaseOf(target);
    const { dumps } = target.server.executor;
    for (const name of NAMES) {
      const { payload } = dumped(source, name);
      expect(dumps.isIntact(payload, 0, payload.length)).toBe(true);
      dumps.load(payload, 0, payload.length, db, true)?.store(Buffer.from(name), 0, name.length, NO_EXPIRE);
    }
    expect(digestOf(target)).toBe(digestOf(source));
  });
});

describe('a payload that is read in steps', () => {
  it('notices every damage', () => {
    const source = filled(DATA);
    const target = new Harness();
    const { payload } = dumped(source, 'hash');
    for (const at of [0, 1, 1000, payload.length - 11, payload.length - 9, payload.length - 1]) {
      const damaged = Buffer.from(payload);
      damaged[at] = (damaged[at] as number) ^ 0x11;
      const value = reading(target, damaged, databaseOf(target));
      while (value.step()) {}
      expect({ at, isIntact: value.isIntact }).toEqual({ at, isIntact: false });
      value.release();
    }
    target.server.store.verify();
  });

  it('answers nothing for a value that is not whole, and leaves nothing behind', () => {
    const source = filled(DATA);
    const target = new Harness();
    target.server.executor.dumps.skipsChecksum = true;
    for (const name of NAMES) {
      const { payload } = dumped(source, name);
      const cut = Buffer.concat([payload.subarray(0, payload.length / 2), payload.subarray(-10)]);
      const value = reading(target, cut, databaseOf(target));
      while (value.step()) {}
      expect({ name, value: value.take() }).toEqual({ name, value: undefined });
      value.release();
    }
    while (target.server.store.step(1000)) {}
    target.server.store.verify();
    expect(databaseOf(target).size).toBe(0);
  });

  it('can be given up at any step', () => {
    const source = filled(DATA);
    const target = new Harness();
    for (const name of NAMES) {
      const { payload } = dumped(source, name);
      for (let steps = 0; steps < 40; steps += 3) {
        const value = reading(target, payload, databaseOf(target));
        for (let i = 0; i < steps && value.step(); i++) {}
        value.release();
      }
    }
    while (target.server.store.step(1000)) {}
    target.server.store.verify();
  });

  it('is not lost when all keys are, meanwhile', () => {
    const source = filled(DATA);
    const target = new Harness();
    const stream = target.connect();
    for (const name of NAMES) {
      const { payload } = dumped(source, name);
      let steps = 0;
      restored(target, `new:${name}`, payload, () => {
        if (steps++ % 5 !== 0) return;
        target.call(stream, 'SET', 'other', 'x'.repeat(steps % 100));
        if (steps % 10 === 1) target.call(stream, 'FLUSHALL');
      });
    }
    target.call(stream, 'FLUSHALL', 'ASYNC');
    for (const name of NAMES) restored(target, name, dumped(source, name).payload);
    expect(digestOf(target)).toBe(digestOf(source));
    while (target.server.store.step(1000)) {}
    target.server.store.verify();
  });
});
