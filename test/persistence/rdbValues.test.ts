/** Values of every type: dumped, loaded into another key, damaged. */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { Config } from '../../src/config/config.js';
import { ValueDumps } from '../../src/persistence/format/rdbDump.js';
import type { Database } from '../../src/store/database.js';
import { NO_EXPIRE, type Ref, TYPE_STREAM } from '../../src/store/types.js';
import { HashEditor } from '../../src/types/hash/hash.js';
import { Lists } from '../../src/types/list/lists.js';
import { SET_TABLE, SetEditor } from '../../src/types/set/set.js';
import { StreamId } from '../../src/types/stream/id.js';
import { Stream } from '../../src/types/stream/stream.js';
import { StreamEditor } from '../../src/types/stream/streamEditor.js';
import { ZsetEditor } from '../../src/types/zset/editor.js';
import { newStore } from '../store/model.js';
import { ranges } from './support.js';

const SIZES = [1, 5, 100, 700];
const config = new Config({ directory: '/tmp', changeDirectory: (_, path) => ({ ok: true, path }) });

function word(random: Prng): Buffer {
  switch (random.below(4)) {
    case 0:
      return Buffer.from(String(random.below(100_000) - 50_000));
    case 1:
      return Buffer.from(`word ${random.below(1000)}`.repeat(1 + random.below(12)));
    case 2:
      return Buffer.from(Array.from({ length: random.below(30) }, () => random.below(256)));
    default:
      return Buffer.from(`${random.nextU32()}${random.nextU32()}`);
  }
}

type Make = (db: Database, key: Buffer, random: Prng, size: number) => void;

const makers: Record<string, Make> = {
  string: (db, key, random, size) => {
    const value = Buffer.concat(Array.from({ length: size }, () => word(random)));
    db.put(key, 0, key.length, value, 0, value.length, NO_EXPIRE);
  },
  hash: (db, key, random, size) => {
    const hash = new HashEditor(config).begin(db) as HashEditor;
    for (let i = 0; i < size; i++) {
      const field = word(random);
      const value = word(random);
      hash.set(field, 0, field.length, value, 0, value.length);
    }
    hash.store(key, 0, key.length, NO_EXPIRE);
  },
  set: (db, key, random, size) => {
    const set = new SetEditor(config).beginAs(db, size > 500 ? SET_TABLE : 0);
    for (let i = 0; i < size; i++) {
      const member = size === 5 ? Buffer.from(String(i * 1e9)) : word(random);
      set.add(member, 0, member.length);
    }
    set.store(key, 0, key.length, NO_EXPIRE);
  },
  zset: (db, key, random, size) => {
    const editor = new ZsetEditor();
    editor.open(db, 0, { entries: 128, valueBytes: 64 });
    for (let i = 0; i < size; i++) {
      const member = word(random);
      const score = random.below(20) === 0 ? Number.POSITIVE_INFINITY : (random.below(2000) - 1000) / 8;
      editor.set(score, member, 0, member.length, 0);
    }
    editor.close(key, 0, key.length);
  },
  list: (db, key, random, size) => {
    const lists = new Lists(config);
    const words = Array.from({ length: size }, () => word(random));
    const bytes = words.reduce((sum, each) => sum + each.length, 0);
    lists.begin(db, bytes, size);
    for (const each of words) lists.add(lists.element.set(each, 0, each.length), false);
    lists.create(db, key, 0, key.length);
  },
  stream: (db, key, random, size) => {
    const stream = new Stream();
    const editor = new StreamEditor();
    const id = new StreamId();
    for (let i = 0; i < size; i++) {
      const fields = ranges('field', word(random), 'other', word(random));
      id.setMs(1000 + i * 3);
      editor.append(stream, id, { ...fields, first: 0, fieldCount: 2 }, { maxBytes: 4096, maxEntries: 100 });
    }
    const group = stream.addGroup('group', id, BigInt(size))!;
    const consumer = group.addConsumer('consumer', 1_700_000_000_000);
    for (let i = 0; i < size; i += 7) group.deliver(id.setMs(1000 + i * 3), consumer, 1_700_000_000_000 + i);
    stream.takeGrowth();
    db.putObject(TYPE_STREAM, 0, key, 0, key.length, stream, NO_EXPIRE);
  },
};

function dump(dumps: ValueDumps, db: Database, ref: Ref): Buffer {
  let payload = Buffer.alloc(0);
  dumps.dump(db, ref, (buf, length) => {
    payload = Buffer.from(buf.subarray(0, length));
  });
  return payload;
}

/** Payload of a set or hash in a table: its order is that of the table. */
const UNORDERED = new Set(['set', 'hash']);

describe.each(Object.keys(makers))('a %s', (type) => {
  const make = makers[type] as Make;

  it('comes back from its dump', () => {
    for (const [i, size] of SIZES.entries()) {
      const db = newStore(i + 1).databases[0] as Database;
      const dumps = new ValueDumps(config);
      const key = Buffer.from('key');
      make(db, key, new Prng(size), size);
      const ref = db.find(key, 0, key.length);
      const payload = dump(dumps, db, ref);
      expect(dumps.isIntact(payload, 0, payload.length)).toBe(true);
      const value = dumps.load(payload, 0, payload.length, db, true);
      const copy = Buffer.from('copy');
      const loaded = value!.store(copy, 0, copy.length, 4_000_000_000_000);
      expect(db.type(loaded)).toBe(db.type(db.find(key, 0, key.length)));
      expect(db.expireAtMs(loaded)).toBe(4_000_000_000_000);
      const again = dump(dumps, db, loaded);
      expect(again.length).toBe(payload.length);
      if (!UNORDERED.has(type) || size <= 5) expect(Buffer.compare(again, payload)).toBe(0);
      // What was loaded before is gone, what comes now is the same again.
      const third = dumps.load(again, 0, again.length, db, false)!.store(copy, 0, copy.length, NO_EXPIRE);
      expect(db.expireAtMs(third)).toBe(NO_EXPIRE);
      db.verify(() => {});
    }
  });

  it('whose dump is damaged is refused, or is at least a value', () => {
    const random = new Prng(99);
    const dumps = new ValueDumps(config);
    dumps.skipsChecksum = true;
    let refused = 0;
    for (const size of [1, 5, 100, 300]) {
      const db = newStore(size).databases[0] as Database;
      const key = Buffer.from('key');
      make(db, key, random, size);
      const payload = dump(dumps, db, db.find(key, 0, key.length));
      for (let round = 0; round < 150; round++) {
        const damaged = Buffer.from(payload);
        const flips = 1 + random.below(3);
        for (let n = 0; n < flips; n++) damaged[random.below(Math.min(damaged.length, 2000))] = random.below(256);
        if (!dumps.isIntact(damaged, 0, damaged.length)) continue;
        const value = dumps.load(damaged, 0, damaged.length, db, round % 2 === 0);
        if (value === undefined) refused++;
        else if (round % 3 === 0) value.discard();
        else dump(dumps, db, value.store(key, 0, key.length, NO_EXPIRE));
      }
      db.verify(() => {});
    }
    expect(refused).toBeGreaterThan(type === 'string' ? 10 : 100);
  });
});

describe('a payload', () => {
  const dumps = new ValueDumps(config);
  const db = newStore(1).databases[0] as Database;
  const key = Buffer.from('key');
  db.put(key, 0, 3, key, 0, 3, NO_EXPIRE);
  const payload = dump(dumps, db, db.find(key, 0, 3));

  it('of which a byte was changed is not intact', () => {
    for (let at = 0; at < payload.length; at++) {
      const damaged = Buffer.from(payload);
      damaged[at] = (damaged[at] as number) ^ 4;
      expect(dumps.isIntact(damaged, 0, damaged.length)).toBe(false);
    }
    for (let end = 0; end < payload.length; end++) expect(dumps.isIntact(payload, 0, end)).toBe(false);
  });
});

/** As Redis before version 7 wrote them. */
const OLD_PAYLOADS: readonly (readonly [name: string, hex: string])[] = [
  [
    'a list in a ziplist',
    '0a40a9a9000000a5000000110000016103f102fd02fe0d03feff03fe7f03fe8003c02c0104c0d08a04f070110105f000ee8505d00094357706d00000008006e001000000000020000ae000000000000000800a40536120737472696e67206f66206d6f7265207468616e2073697874792d74687265652062797465732c20666f72207768696368206f6e652062797465206f66206c656e677468206973206e6f7420656e6f756768560162ff090086fb3dbed0ca19e3',
  ],
  [
    'a quicklist of ziplists, one of them empty',
    '0e0310100000000d000000020000016103f2ff0b0b0000000a0000000000ff10100000000c000000020000f3020162ff0900e78e150729ce1996',
  ],
  ['a sorted set in a ziplist', '0c1e1e00000019000000060000016103f20201620303322e3505f802c02c01ff0900a84bf85eedb54120'],
  ['a hash in a zipmap', '0910020166010076016702033132787878ff090035579301f5564b81'],
  [
    'a hash in a ziplist',
    '0d406e6e00000017000000060000016603017603016703fd02f80240536120737472696e67206f66206d6f7265207468616e2073697874792d74687265652062797465732c20666f72207768696368206f6e652062797465206f66206c656e677468206973206e6f7420656e6f756768ff0900c2881b7c6541e7e2',
  ],
];

describe.each(OLD_PAYLOADS)('%s', (_name, hex) => {
  it('is read, and refused when it is damaged', () => {
    const db = newStore(1).databases[0] as Database;
    const dumps = new ValueDumps(config);
    const key = Buffer.from('key');
    const payload = Buffer.from(hex, 'hex');
    expect(dumps.isIntact(payload, 0, payload.length)).toBe(true);
    const good = dumps.load(payload, 0, payload.length, db, true);
    const expected = dump(dumps, db, good!.store(key, 0, key.length, NO_EXPIRE)).length;
    expect(expected).toBeGreaterThan(10);

    const random = new Prng(7);
    let refused = 0;
    for (let round = 0; round < 2000; round++) {
      const damaged = Buffer.from(payload);
      damaged[1 + random.below(damaged.length - 11)] = random.below(256);
      const value = dumps.load(damaged, 0, damaged.length, db, round % 2 === 0);
      if (value === undefined) refused++;
      else dump(dumps, db, value.store(key, 0, key.length, NO_EXPIRE));
    }
    expect(refused).toBeGreaterThan(200);
    db.verify(() => {});
  });
});
