/** Every way in which Redis has ever written a value to a file, made from the description of the format, and what must come of it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Crc64 } from '../../src/base/crc64.js';
import { Harness } from '../net/harness.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import type { Reply } from '../support/resp.js';
import { MemoryFileSystem } from './memoryFileSystem.js';
import { DUMP, load } from './rdbFileSupport.js';
import { must } from './support.js';

/** Pieces of a file: numbers are bytes, words are strings with their length before them. */
type Piece = number | string | Buffer;

function pieces(...parts: readonly Piece[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'number') return Buffer.from([part]);
      return typeof part === 'string' ? Buffer.concat([Buffer.from([part.length]), Buffer.from(part, 'latin1')]) : part;
    }),
  );
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** A string that holds these bytes. */
const blob = (text: string): Buffer => Buffer.concat([Buffer.from([hex(text).length]), hex(text)]);
const double = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
};
const time = (ms: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(ms));
  return bytes;
};

// a, 1, b in each form.
const ZIPLIST = blob('13000000 0f000000 0300 00 01 61 03 f2 02 01 62 ff');
const LISTPACK = blob('0f000000 0300 81 61 02 01 01 81 62 02 ff');
const INTSET_16 = blob('02000000 03000000 0100 0200 e803');
const INTSET_64 = blob('08000000 02000000 ffffffffffffffff 0000000001000000');
const PAIRS_ZIPLIST = blob('15000000 12000000 0400 00 01 66 03 f2 02 01 67 03 f3 ff');
const PAIRS_LISTPACK = blob('11000000 0400 81 66 02 01 01 81 67 02 02 01 ff');
const ZIPMAP = blob('02 01 66 01 00 31 01 67 01 02 32 78 00 ff');
/** Entry 1-0 with field f of value v, in a node whose master entry has that field. */
const STREAM_ID = '00000000000000010000000000000000';
const STREAM_NODE = blob('1d000000 0a00 01 01 00 01 01 01 81 66 02 00 01 02 01 00 01 00 01 81 76 02 04 01 ff');
const stream = (type: number, more: readonly Piece[], group: readonly Piece[], consumer: readonly Piece[]): Piece[] => [
  ...[type, 'k', 1, blob(STREAM_ID), STREAM_NODE],
  ...[1, 1, 0, ...more],
  ...[1, 'g', 1, 0, ...group, 1, hex(STREAM_ID), time(1_600_000_000_000), 3],
  ...[1, 'c', time(1_600_000_000_000), ...consumer, 1, hex(STREAM_ID)],
];

const LIST = ['LRANGE k 0 -1', '[a 1 b]'] as const;
const HASH = ['HGETALL k', '[f 1 g 2]'] as const;
const ZSET = ['ZRANGE k 0 -1 WITHSCORES', '[f 1 g 2]'] as const;
const STREAM = ['XRANGE k - +', '[[1-0 [f v]]]'] as const;

/** The bytes of the key k, a command that looks at it, and its reply. */
const ENCODINGS: Readonly<Record<string, readonly [bytes: readonly Piece[], command: string, reply: string]>> = {
  'a string': [[0, 'k', 'text'], 'GET k', 'text'],
  'integers of each width': [
    [2, 'k', 3, 0xc0, 0xff, 0xc1, hex('0080'), 0xc2, hex('01000080')],
    'SORT k',
    '[-2147483647 -32768 -1]',
  ],
  'a compressed string': [[0, 'k', 0xc3, 5, 11, hex('00 61 e0 01 00')], 'GET k', 'a'.repeat(11)],
  'a string whose length takes 14 bits': [[0, 'k', 0x40, 4, hex('61626364')], 'GET k', 'abcd'],
  'a string whose length takes 32 bits': [[0, 'k', 0x80, hex('00000004 61626364')], 'GET k', 'abcd'],
  'a string whose length takes 64 bits': [[0, 'k', 0x81, hex('0000000000000004 61626364')], 'GET k', 'abcd'],
  'a linked list': [[1, 'k', 3, 'a', '1', 'b'], ...LIST],
  'a list in a ziplist': [[10, 'k', ZIPLIST], ...LIST],
  'a quicklist of ziplists': [[14, 'k', 2, ZIPLIST, ZIPLIST], 'LRANGE k 0 -1', '[a 1 b a 1 b]'],
  'a quicklist of listpacks and of a single element': [
    [18, 'k', 3, 2, LISTPACK, 1, 'alone', 2, LISTPACK],
    'LRANGE k 0 -1',
    '[a 1 b alone a 1 b]',
  ],
  'a quicklist of one listpack': [[18, 'k', 1, 2, LISTPACK], ...LIST],
  'a set of strings': [[2, 'k', 1, 'a'], 'SMEMBERS k', '[a]'],
  'a set of small integers': [[11, 'k', INTSET_16], 'SMEMBERS k', '[1 2 1000]'],
  'a set of large integers': [[11, 'k', INTSET_64], 'SMEMBERS k', '[-1 4294967296]'],
  'a set in a listpack': [[20, 'k', LISTPACK], 'SORT k ALPHA', '[1 a b]'],
  'a sorted set with finite scores as text': [[3, 'k', 2, 'f', '1', 'g', '2e0'], ...ZSET],
  'a sorted set with infinite scores as text': [
    [3, 'k', 2, 'a', 254, 'b', 255],
    'ZRANGE k 0 -1 WITHSCORES',
    '[b -inf a inf]',
  ],
  'a sorted set with scores as doubles': [
    [5, 'k', 3, 'g', double(2.5), 'f', double(-1), 'h', double(Number.POSITIVE_INFINITY)],
    'ZRANGE k 0 -1 WITHSCORES',
    '[f -1 g 2.5 h inf]',
  ],
  'a sorted set in a ziplist': [[12, 'k', PAIRS_ZIPLIST], ...ZSET],
  'a sorted set in a listpack': [[17, 'k', PAIRS_LISTPACK], ...ZSET],
  'a hash of strings': [[4, 'k', 1, 'f', '1'], 'HGETALL k', '[f 1]'],
  'a hash in a zipmap, with room behind a value': [[9, 'k', ZIPMAP], ...HASH],
  'a hash in a ziplist': [[13, 'k', PAIRS_ZIPLIST], ...HASH],
  'a hash in a listpack': [[16, 'k', PAIRS_LISTPACK], ...HASH],
  'a stream of version 1': [stream(15, [], [], []), ...STREAM],
  'a stream of version 2': [stream(19, [1, 0, 0, 0, 1], [1], []), ...STREAM],
  'a stream of version 3': [stream(21, [1, 0, 0, 0, 1], [1], [time(1_600_000_000_000)]), ...STREAM],
};

/** The latest type that redis-server 7.0 knows. */
const REDIS_7_0_TYPE_MAX = 19;
const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('files of every encoding are not shown to redis-check-rdb');

function fileOf(version: number, bytes: readonly Piece[]): Buffer {
  const body = pieces(Buffer.from(`REDIS${String(version).padStart(4, '0')}`), 0xfe, 0, ...bytes, 0xff);
  const sum = Buffer.alloc(8);
  new Crc64().update(body, 0, body.length).write(sum, 0);
  return Buffer.concat([body, sum]);
}

function shortly(reply: Reply): string {
  if (reply.type === 'array') return `[${reply.items.map(shortly).join(' ')}]`;
  return 'text' in reply ? reply.text : reply.type;
}

describe.each(Object.entries(ENCODINGS))('%s', (_name, [bytes, command, reply]) => {
  const file = fileOf(12, bytes);

  it('is read as what it stands for, in pieces of any size', () => {
    for (const chunkBytes of [16, 1024]) {
      const harness = new Harness();
      const files = new MemoryFileSystem();
      files.put(DUMP, file);
      expect(must(load(files, harness.server.store, { chunkBytes })).keys).toBe(1);
      expect(shortly(harness.call(harness.connect(), ...command.split(' ')))).toBe(reply);
      harness.server.store.verify();
    }
  });

  it('is refused with its key and the byte wherever it is cut', () => {
    const valueAt = file.indexOf('k') + 1;
    for (let end = valueAt; end < file.length - 9; end++) {
      const files = new MemoryFileSystem();
      files.put(DUMP, file.subarray(0, end));
      const outcome = load(files, new Harness().server.store);
      expect('refused' in outcome && outcome.refused).toMatch(
        /^Unexpected EOF reading RDB file, in the value \([a-z ]+\) of the key 'k' in database 0 \(file \/data\/dump.rdb, byte \d+ of \d+\).*'shoal-check rdb \/data\/dump.rdb'/,
      );
    }
  });

  it.skipIf(!hasRedis || (bytes[0] as number) > REDIS_7_0_TYPE_MAX)('is sound to redis-check-rdb', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'rdb-')), 'file');
    writeFileSync(path, fileOf(10, bytes));
    expect(spawnSync('redis-check-rdb', [path], { encoding: 'latin1' })).toMatchObject({ status: 0 });
  });
});
