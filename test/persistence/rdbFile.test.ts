/** RDB files: written, read back, cut, damaged, and on disks that fail. */
import { describe, expect, it } from 'vitest';
import { Crc64 } from '../../src/base/crc64.js';
import { Harness } from '../net/harness.js';
import { MemoryFileSystem, PowerCut } from './memoryFileSystem.js';
import {
  DUMP,
  digestOf,
  emptyStore,
  filled,
  LARGE,
  type LoadOptions,
  load,
  NOW_MS,
  openLoader,
  SMALL,
  save,
} from './rdbFileSupport.js';
import { Log, must, refusalOf } from './support.js';

function bytesOf(files: MemoryFileSystem): Buffer {
  return Buffer.from(files.text(DUMP) ?? '', 'latin1');
}

/** Pieces of a file: numbers are bytes, words are strings with their length before them. */
function pieces(...parts: (number | string | Buffer)[]): Buffer {
  const bytes = parts.map((part) => {
    if (typeof part === 'number') return Buffer.from([part]);
    return typeof part === 'string' ? Buffer.concat([Buffer.from([part.length]), Buffer.from(part, 'latin1')]) : part;
  });
  return Buffer.concat(bytes);
}

/** A file of that version with its end and, from version 5 on, the right sum. */
function fileOf(version: number, ...parts: (number | string | Buffer)[]): MemoryFileSystem {
  const files = new MemoryFileSystem();
  const body = pieces(Buffer.from(`REDIS${String(version).padStart(4, '0')}`), ...parts, 0xff);
  const sum = Buffer.alloc(version < 5 ? 0 : 8);
  if (version >= 5) new Crc64().update(body, 0, body.length).write(sum, 0);
  files.put(DUMP, Buffer.concat([body, sum]));
  return files;
}

/** More keys than the processor's caches hold, of every type and with all that may stand before or in them. */
const MANY = [
  ...Array.from({ length: 18_000 }, (_, i) => ['SET', `key:${i}`, i % 3 === 0 ? String(i * 977) : `value ${i}`]),
  ...Array.from({ length: 700 }, (_, i) => manyTyped(i)).flat(),
];

function manyTyped(i: number): string[][] {
  const few = Array.from({ length: 3 + (i % 9) }, (_, n) => `${n} of ${i}`);
  const more = Array.from({ length: i % 100 === 0 ? 200 : 5 }, (_, n) => `${n}:${'x'.repeat(i % 70)}`);
  return [
    ['SET', `expiring:${i}`, 'text '.repeat(i % 40), 'PX', String(1_000_000 + i)],
    ['RPUSH', `list:${i}`, ...few],
    ['SADD', `set:${i}`, ...more],
    ['SADD', `ints:${i}`, '1', String(i), String(i * 70_000)],
    ['HSET', `hash:${i}`, ...more.flatMap((field) => [field, `is ${i}`])],
    ['ZADD', `zset:${i}`, ...more.flatMap((member, n) => [String(n / 4), member])],
    ['XADD', `stream:${i}`, '1-1', 'field', 'value'],
  ];
}

const KEY = [0, 'key', 'value'] as const;

const MODULE_ID = Buffer.from('816e6f0d3e7a3d8401', 'hex');
const MODULE_NAME = 'bm8NPno9h';
const [SINT, UINT, FLOAT, DOUBLE, STRING, END] = [1, 2, 3, 4, 5, 0] as const;
/** Two keys of ours among what only others can use: libraries of functions, in both forms, and data of a module. */
const FOREIGN: readonly (number | string | Buffer)[] = [
  ...[0xf5, '#!lua name=one'],
  ...[0xf6, 'two', 'LUA', 1, 'what it does', 'its code', 0xf6, 'three', 'LUA', 0, 'its code'],
  ...[0xf7, MODULE_ID, UINT, 2, SINT, 0x81, Buffer.alloc(8, 0xff), END],
  ...[0xfe, 3, 0, 'before', 'v'],
  ...[0xfc, Buffer.alloc(8, 0x7f), 7, 'graph', MODULE_ID],
  ...[UINT, 7, FLOAT, Buffer.alloc(4), DOUBLE, Buffer.alloc(8), STRING, 'text', STRING, 0xc0, 5, END],
  ...[0, 'after', 'v'],
];

function keysOf(files: MemoryFileSystem, options: LoadOptions = {}): { keys: number; expired: number; log: Log } {
  const log = new Log();
  const { keys, expired } = must(load(files, emptyStore(), { log, ...options }));
  return { keys, expired, log };
}

describe('an RDB file', () => {
  it('of so many keys that they are looked up ahead is read back as it was', () => {
    const source = filled(MANY);
    const files = new MemoryFileSystem();
    for (const compressing of [true, false]) {
      expect(save(files, source.server.store, { compressing })).toBe(true);
      for (const chunkBytes of [100, 4096]) {
        const target = new Harness();
        expect(must(load(files, target.server.store, { chunkBytes })).keys).toBe(source.server.store.databases[0].size);
        expect(digestOf(target)).toBe(digestOf(source));
      }
    }
  });

  for (const [name, commands] of [
    ['small', SMALL],
    ['large', LARGE],
  ] as const) {
    it(`of ${name} values of all types is read back as it was, in pieces of any size`, () => {
      const source = filled(commands);
      const files = new MemoryFileSystem();
      for (const compressing of [true, false]) {
        expect(save(files, source.server.store, { compressing })).toBe(true);
        for (const chunkBytes of [16, 61, 4096, 1024 * 1024]) {
          const target = new Harness();
          const loaded = must(load(files, target.server.store, { chunkBytes }));
          expect(loaded.endAt).toBe(bytesOf(files).length);
          expect(digestOf(target)).toBe(digestOf(source));
          target.server.store.verify();
        }
      }
      expect(files.openDescriptors).toBe(0);
    });
  }

  it('of an empty server holds nothing', () => {
    const files = new MemoryFileSystem();
    save(files, emptyStore());
    expect(keysOf(files)).toMatchObject({ keys: 0, expired: 0 });
  });

  it('tells how long keys were idle, or how often used, when the policy asks for it', () => {
    for (const [policy, bits, expected] of [
      ['allkeys-lru', Math.floor(NOW_MS / 1000) - 60, 60],
      ['volatile-lfu', (Math.floor(NOW_MS / 60000) << 8) | 33, 33],
      ['noeviction', 5, -1],
    ] as const) {
      const source = emptyStore();
      const key = Buffer.from('key');
      source.databases[0]?.setLru(source.databases[0].put(key, 0, 3, key, 0, 3, -1), bits & 0xffffff);
      const files = new MemoryFileSystem();
      save(files, source, { policy });
      const store = emptyStore();
      must(load(files, store, { isLfu: policy === 'volatile-lfu' }));
      const [db] = store.databases;
      expect(db?.getLru(db.find(key, 0, 3))).toBe(expected & 0xffffff);
    }
  });

  it('keeps expire times of any size', () => {
    const times = [1, 1700000000001, 9007199254740991, 9007199254740993n, 9223372036854775806n, 9223372036854775807n];
    for (const time of times) {
      const source = emptyStore();
      const key = Buffer.from('key');
      source.databases[0]?.put(key, 0, 3, key, 0, 3, time);
      const files = new MemoryFileSystem();
      save(files, source);
      const store = emptyStore();
      must(load(files, store, { isPreamble: true }));
      const [db] = store.databases;
      expect(db?.expireAtMs(db.find(key, 0, 3))).toBe(time);
    }
  });

  it('loses keys whose time is over, unless commands follow it', () => {
    const time = Buffer.alloc(8);
    time.writeBigInt64LE(BigInt(NOW_MS - 1));
    const files = fileOf(10, 0xfc, time, ...KEY, 0, 'other', 'v');
    expect(keysOf(files)).toMatchObject({ keys: 1, expired: 1 });
    expect(keysOf(files, { isPreamble: true })).toMatchObject({ keys: 2, expired: 0 });
    expect(keysOf(files, { isReplica: true })).toMatchObject({ keys: 2, expired: 0 });
  });

  it('of a master with replicas keeps keys whose time is over until they are removed for all, and counts them as expired', () => {
    const time = Buffer.alloc(8);
    time.writeBigInt64LE(BigInt(NOW_MS - 1));
    const files = fileOf(10, 0xfa, 'repl-id', 'a'.repeat(40), 0xfc, time, ...KEY, 0, 'other', 'v');
    const store = emptyStore();
    expect(must(load(files, store))).toMatchObject({ keys: 1, expired: 1 });
    expect(store.databases[0]?.size).toBe(2);
    expect(keysOf(files, { isReplica: true })).toMatchObject({ keys: 2, expired: 0 });
  });

  it('of every version from 1 to 12 is read, and of no other', () => {
    const seconds = Buffer.alloc(4);
    seconds.writeInt32LE(2_000_000_000);
    for (let version = 1; version <= 12; version++) {
      expect(keysOf(fileOf(version, 0xfe, 3, 0xfd, seconds, ...KEY, 0, 'b', 'w')).keys).toBe(2);
    }
    for (const version of [0, 13, 99]) {
      expect(refusalOf(load(fileOf(version, ...KEY), emptyStore()))).toContain("Can't handle RDB format version 00");
    }
    for (const header of ['REDIS001p', 'REDIS-001', 'REDIS 1  ']) {
      const files = new MemoryFileSystem();
      files.put(DUMP, Buffer.concat([Buffer.from(header), pieces(...KEY, 0xff)]));
      expect(refusalOf(load(files, emptyStore()))).toContain("Can't handle RDB format version");
    }
  });

  it('may hold facts about slots and unknown aux fields', () => {
    const files = fileOf(12, 0xfa, 'x', 'y', 0xfa, '%note', 'hello', 0xf4, 1, 2, 3, ...KEY);
    const { keys, log } = keysOf(files);
    expect(keys).toBe(1);
    expect(log.has("RDB '%note': hello")).toBe(true);
  });

  it('is loaded without its functions and what modules wrote; each is named, and the file kept', () => {
    const files = fileOf(12, ...FOREIGN);
    const { keys, log } = keysOf(files);
    expect(keys).toBe(2);
    for (const what of [
      'a library of functions',
      `the key 'graph' in database 3, which the module '${MODULE_NAME}' wrote`,
      `data beside the keys, which the module '${MODULE_NAME}' wrote`,
    ]) {
      expect(log.has(`Left out of what is loaded from ${DUMP}: ${what}`)).toBe(true);
    }
    expect(log.has(`Things left out of what was loaded, as told above: 5. The file stays as ${DUMP}.left-out`)).toBe(
      true,
    );
    expect(files.text(`${DUMP}.left-out`)).toBe(files.text(DUMP));
    // Again, as after a restart; and beside another file that was kept before.
    expect(keysOf(files).keys).toBe(2);
    files.put(DUMP, bytesOf(fileOf(12, ...FOREIGN, 0, 'more', 'v')));
    expect(refusalOf(load(files, emptyStore()))).toContain(
      `The file holds a library of functions, for this version has no functions yet. It is not left out, because the ` +
        `file cannot be kept as ${DUMP}.left-out: File exists`,
    );
  });

  it('without a checksum is read with a word', () => {
    const source = filled(SMALL);
    const files = new MemoryFileSystem();
    save(files, source.server.store, { summing: false });
    expect(bytesOf(files).subarray(-8)).toEqual(Buffer.alloc(8));
    expect(keysOf(files).log.has('RDB file was saved with checksum disabled: no check performed.')).toBe(true);
  });

  it('with a wrong checksum is read with rdbchecksum no', () => {
    const files = fileOf(10, ...KEY);
    const bytes = bytesOf(files);
    bytes[bytes.length - 1] ^= 1;
    files.put(DUMP, bytes);
    expect(refusalOf(load(files, emptyStore()))).toContain('RDB CRC error');
    expect(keysOf(files, { summing: false }).keys).toBe(1);
  });

  it('with a field that comes twice in a listpack is refused when payloads are sanitized', () => {
    const twice = Buffer.from('0d000000040081660201018166020101ff', 'hex');
    twice[0] = twice.length;
    const files = fileOf(10, 16, 'key', Buffer.concat([Buffer.from([twice.length]), twice]));
    expect(keysOf(files).keys).toBe(1);
    expect(refusalOf(load(files, emptyStore(), { sanitizing: true }))).toContain('in the value (hash) of the key');
  });

  it('that announces more keys than it holds, or fewer, is read; what is announced is believed within reason', () => {
    const keys = Array.from({ length: 200 }, (_, i) => [0, `key ${i}`, 'v']).flat();
    for (const announced of [1, 100, 200, 4000, 0xffffffff]) {
      const size = Buffer.from([0x80, 0, 0, 0, 0]);
      size.writeUInt32BE(announced, 1);
      const store = emptyStore();
      must(load(fileOf(10, 0xfe, 2, 0xfb, size, 0, ...keys), store));
      expect(store.databases[2]?.size).toBe(200);
      expect(store.usedBytes()).toBeLessThan(40_000);
      store.verify();
      // What was too large is given back in the background.
      while (store.step(100));
      store.verify();
      const db = store.databases[2];
      for (let i = 0; i < 200; i++) expect(db?.find(Buffer.from(`key ${i}`), 0, `key ${i}`.length)).not.toBe(0);
    }
  });

  it('with more behind its end is read with a warning', () => {
    const files = fileOf(10, ...KEY);
    files.put(DUMP, Buffer.concat([bytesOf(files), Buffer.from('*1\r\n')]));
    expect(keysOf(files).log.has('4 bytes behind the end of the data')).toBe(true);
    expect(must(load(files, emptyStore(), { isPreamble: true }))).toMatchObject({ endAt: bytesOf(files).length - 4 });
  });

  it('with a key that comes twice is refused, unless it is merged', () => {
    const files = fileOf(10, ...KEY, ...KEY);
    expect(refusalOf(load(files, emptyStore()))).toContain("RDB has duplicated key 'key' in DB 0");
    expect(keysOf(files, { merging: true }).keys).toBe(2);
  });

  it('of others is refused with the reason, the file and the byte', () => {
    const cases: [MemoryFileSystem, string][] = [
      [fileOf(10, 0xfe, 16, ...KEY), 'handle more than 16 databases: it has a database 16.'],
      [fileOf(10, 6, 'key', 'v'), "The key 'key' holds a value of a module in a form that only the module can read"],
      [fileOf(10, 7, 'key', MODULE_ID, 9, 0), "in the value (module) of the key 'key' in database 0"],
      [fileOf(10, 7, 'key', MODULE_ID, 4, 1, 2, 3), "in the value (module) of the key 'key' in database 0"],
      [fileOf(10, 0xf7, MODULE_ID, 1, 2, 0), 'Bad data format in RDB file, in data of a module'],
      [fileOf(12, 24, 'key', 'v'), "The key 'key' holds a hash whose fields expire"],
      [fileOf(10, 99, 'key', 'v'), 'Invalid object type: 99'],
      [fileOf(10, 4, 'key\n', 2, 'f', 'v', 'f', 'v'), "in the value (hash) of the key 'key\\x0a' in database 0"],
    ];
    for (const [files, reason] of cases) {
      const before = bytesOf(files);
      const refusal = refusalOf(load(files, emptyStore()));
      expect(refusal).toContain(reason);
      expect(refusal).toMatch(/\(file \/data\/dump\.rdb, byte \d+ of \d+\)/);
      expect(bytesOf(files)).toEqual(before);
      expect(files.openDescriptors).toBe(0);
    }
  });

  it('that is something else is refused', () => {
    for (const [text, reason] of [
      ['', 'Unexpected EOF reading RDB file, in the header'],
      ['REDIS00', 'Unexpected EOF reading RDB file, in the header'],
      ['*1\r\n$4\r\nPING\r\n', 'Wrong signature trying to load DB from file'],
    ]) {
      const files = new MemoryFileSystem();
      files.put(DUMP, text as string);
      expect(refusalOf(load(files, emptyStore()))).toContain(reason);
    }
  });

  it('is loaded in slices, with its progress', async () => {
    const source = filled(LARGE);
    const files = new MemoryFileSystem();
    save(files, source.server.store);
    const target = new Harness();
    const loader = openLoader(files, target.server.store);
    const seen: number[] = [];
    // The clock stands still: every slice but the last is over when it looks at it again.
    const outcome = await loader.load(async () => void seen.push(loader.loadedBytes));
    must(outcome);
    expect(loader.usedMemoryBytes).toBe(1234);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(digestOf(target)).toBe(digestOf(source));
  });
});

describe('a damaged RDB file', () => {
  const source = filled(SMALL);
  const whole = new MemoryFileSystem();
  save(whole, source.server.store);
  const bytes = bytesOf(whole);
  const store = emptyStore();

  function outcomeOf(damaged: Uint8Array, options: LoadOptions = {}): string {
    const files = new MemoryFileSystem();
    files.put(DUMP, damaged);
    store.clear();
    const outcome = load(files, store, options);
    expect(files.openDescriptors).toBe(0);
    return 'refused' in outcome ? outcome.refused : 'loaded';
  }

  it('cut at any byte is refused', () => {
    for (let length = 0; length < bytes.length; length++) {
      for (const chunkBytes of [16, 4096]) {
        const outcome = outcomeOf(bytes.subarray(0, length), { chunkBytes });
        expect(`${length}: ${outcome}`).toMatch(/Unexpected EOF reading RDB file/);
      }
    }
  });

  it('with one bit flipped anywhere is refused', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(`bit ${bit}: ${outcomeOf(damaged)}`).not.toContain('loaded');
    }
  });

  it('with one bit flipped anywhere and no checksum never harms the server', () => {
    const files = new MemoryFileSystem();
    save(files, source.server.store, { summing: false });
    const plain = bytesOf(files);
    for (let bit = 0; bit < plain.length * 8; bit++) {
      const damaged = Buffer.from(plain);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      outcomeOf(damaged);
      if (bit % 500 === 0) store.verify();
    }
  });

  it('leaves no memory behind when it was refused', () => {
    const large = new MemoryFileSystem();
    save(large, filled(LARGE).server.store);
    const much = bytesOf(large);
    const settle = (): number => {
      store.clear();
      while (store.step(1000)) {}
      for (let i = 0; i < 64; i++) store.step(1000);
      return store.usedBytes();
    };
    outcomeOf(much.subarray(0, much.length - 5000));
    const before = settle();
    for (let cut = 1; cut < 40; cut++) outcomeOf(much.subarray(0, Math.floor((much.length * cut) / 40)));
    expect(settle()).toBe(before);
    store.verify();
  });

  it('that cannot be read on is refused', () => {
    const files = new MemoryFileSystem();
    files.put(DUMP, bytes);
    files.faults.set('read', 'EIO');
    expect(refusalOf(load(files, store))).toContain('Unrecoverable error reading the RDB file: Input/output error');
    expect(files.openDescriptors).toBe(0);
  });
});

describe('saving', () => {
  const old = filled([['SET', 'old', '1']]).server.store;
  const next = filled(LARGE).server.store;

  function withOldFile(): MemoryFileSystem {
    const files = new MemoryFileSystem();
    save(files, old);
    return files;
  }

  it('that fails leaves the old file as it was and nothing else, and says why', () => {
    for (const [operation, line] of [
      [
        'open',
        'warning: Failed opening the temp RDB file temp-7.rdb (in server root dir /data) for saving: Permission denied',
      ],
      ['write', 'warning: Write error saving DB on disk(rdbSaveRio): Permission denied'],
      ['datasync', 'warning: Write error saving DB on disk(rdbSaveRio): Permission denied'],
      [
        'rename',
        'warning: Error moving temp DB file temp-7.rdb on the final destination dump.rdb (in server root dir /data): Permission denied',
      ],
    ] as const) {
      const files = withOldFile();
      const before = bytesOf(files);
      const log = new Log();
      files.faults.set(operation, 'EACCES');
      expect(save(files, next, {}, log)).toBe(false);
      expect(log.lines).toEqual([line]);
      files.faults.clear();
      expect(bytesOf(files)).toEqual(before);
      expect(files.list('/data')).toEqual(['dump.rdb']);
      expect(files.openDescriptors).toBe(0);
    }
  });

  it('on a full disk leaves the old file, and works again when there is room', () => {
    const files = withOldFile();
    const before = bytesOf(files);
    files.capacityBytes = files.usedBytes + 50_000;
    const log = new Log();
    expect(save(files, next, { compressing: false }, log)).toBe(false);
    expect(log.has('Write error saving DB on disk(rdbSaveRio): No space left on device')).toBe(true);
    expect(bytesOf(files)).toEqual(before);
    expect(files.usedBytes).toBe(before.length);
    files.capacityBytes = Number.POSITIVE_INFINITY;
    expect(save(files, next)).toBe(true);
  });

  it('takes writes that are short', () => {
    const files = new MemoryFileSystem();
    files.writeBytesMax = 1000;
    save(files, next);
    const same = new MemoryFileSystem();
    save(same, next);
    expect(bytesOf(files)).toEqual(bytesOf(same));
  });

  it('after a power cut at any step: the old file or the new one, whole', () => {
    const whole = new MemoryFileSystem();
    save(whole, next);
    const [before, after] = [bytesOf(withOldFile()), bytesOf(whole)];
    let finished = false;
    for (let steps = 0; !finished; steps++) {
      const files = withOldFile();
      files.operationsLeft = steps;
      try {
        finished = save(files, next);
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
      }
      const found = bytesOf(files.afterPowerCut());
      expect(found.equals(before) || found.equals(after)).toBe(true);
      if (finished) expect(found.equals(after)).toBe(true);
    }
  });

  it('syncs now and then when asked to', () => {
    const big = filled(Array.from({ length: 10 }, (_, i) => ['SET', `k${i}`, 'v'.repeat(1_000_000)])).server.store;
    const files = new MemoryFileSystem();
    save(files, big, { compressing: false });
    expect(files.calls.get('datasync')).toBe(3);
  });
});
