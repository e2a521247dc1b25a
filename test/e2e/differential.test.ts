/** Random commands to Redis and to us, cut into random pieces: the replies are the same, byte for byte, and so is the data. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { freePort } from '../support/ports.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { encodeRequest } from '../support/resp.js';
import { type Daemon, launch, plainArgs } from './support/daemon.js';
import { ReplySplitter } from './support/replySplitter.js';

const SEED = Number(process.env.SHOAL_SEED ?? 1000);
const RUNS = Number(process.env.SHOAL_RUNS ?? 12);
const COMMANDS = 2000;

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('random commands compared with Redis');

type Maker = (random: Prng) => string[];

const KEYS = ['a', 'b', 'c', 'd', '{x}1', '{x}2', '', 'k\xff\0', 'long-key-'.repeat(12)];
const VALUES = [
  '',
  '0',
  '-0',
  '1',
  '-1',
  '10',
  '007',
  ' 1',
  '1 ',
  '3.0',
  '1e3',
  '0x10',
  'inf',
  '-inf',
  'nan',
  'abc',
  '\0\r\n\xff',
]
  .concat(['9223372036854775807', '-9223372036854775808', '9223372036854775808', '12345678901234567890123'])
  .concat(['0.1', '-1.5', '5.0e-3', '1.7976931348623157e308', 'v'.repeat(44), 'v'.repeat(45), 'w'.repeat(300)]);
const INTEGERS = [
  '0',
  '1',
  '-1',
  '2',
  '5',
  '-3',
  '100',
  '-100',
  '9223372036854775807',
  '-9223372036854775808',
  'x',
  '',
  '1.0',
];
const OFFSETS = ['0', '1', '-1', '3', '-4', '10', '-100', '1000', '536870912', '-9223372036854775808', 'x'];
/** Far in the future, gone by, or nonsense: nothing that ends while the test runs. */
const TIMES_S = [
  '33177117420',
  '33177117421',
  '1',
  '0',
  '-1',
  '9223372036854775807',
  '9223372036854775',
  'x',
  '40000000000',
];
const TIMES_MS = ['33177117420000', '33177117420001', '1', '0', '-1', '9223372036854775807', 'x', '40000000000000'];

const pick = (random: Prng, from: readonly string[]): string => from[random.below(from.length)] as string;
const key: (random: Prng) => string = (random) => pick(random, KEYS);
const some = (random: Prng, make: (random: Prng) => string, max = 3): string[] =>
  Array.from({ length: 1 + random.below(max) }, () => make(random));
const maybe = (random: Prng, ...words: string[]): string[] => (random.below(2) === 0 ? words : []);
const oneOf = (random: Prng, ...choices: string[][]): string[] => choices[random.below(choices.length)] as string[];
const value = (random: Prng): string => pick(random, VALUES);
const anyCase = (random: Prng, word: string): string => (random.below(3) === 0 ? word.toLowerCase() : word);

function expiry(random: Prng): string[] {
  return oneOf(
    random,
    [],
    [],
    ['KEEPTTL'],
    ['EXAT', pick(random, TIMES_S)],
    [anyCase(random, 'PXAT'), pick(random, TIMES_MS)],
    ['EX', oneOf(random, ['0'], ['-1'], ['x'], ['9223372036854775807'])[0] as string],
    ['PX', oneOf(random, ['0'], ['-5'], ['1.5'])[0] as string],
    ['EXAT'],
    ['KEEPTTL', 'PXAT', '33177117420000'],
  );
}

const MAKERS: readonly Maker[] = [
  (r) => [
    'SET',
    key(r),
    value(r),
    ...maybe(r, ...oneOf(r, ['NX'], ['XX'], ['nx', 'xx'], ['GET'], ['NX', 'GET'])),
    ...expiry(r),
  ],
  (r) => ['SET', key(r), value(r)],
  (r) => ['GET', key(r)],
  (r) => ['GETSET', key(r), value(r)],
  (r) => ['GETDEL', key(r)],
  (r) => [
    'GETEX',
    key(r),
    ...oneOf(r, [], ['PERSIST'], ['EXAT', pick(r, TIMES_S)], ['PXAT', pick(r, TIMES_MS)], ['KEEPTTL']),
  ],
  (r) => ['SETNX', key(r), value(r)],
  (r) => ['SETEX', key(r), oneOf(r, ['0'], ['-1'], ['x'], ['9223372036854775807'])[0] as string, value(r)],
  (r) => ['MGET', ...some(r, key, 5)],
  (r) => ['MSET', ...some(r, (q) => (q.below(2) === 0 ? key(q) : value(q)), 5)],
  (r) => ['MSETNX', key(r), value(r), ...maybe(r, key(r), value(r))],
  (r) => ['APPEND', key(r), value(r)],
  (r) => ['STRLEN', key(r)],
  (r) => ['SETRANGE', key(r), pick(r, OFFSETS), value(r)],
  (r) => ['GETRANGE', key(r), pick(r, OFFSETS), pick(r, OFFSETS)],
  (r) => ['SUBSTR', key(r), pick(r, OFFSETS), pick(r, OFFSETS)],
  (r) => [oneOf(r, ['INCR'], ['DECR'])[0] as string, key(r)],
  (r) => [oneOf(r, ['INCRBY'], ['DECRBY'])[0] as string, key(r), pick(r, INTEGERS)],
  (r) => [
    'INCRBYFLOAT',
    key(r),
    oneOf(r, ['0.1'], ['-1.5'], ['3'], ['1e2'], ['x'], ['inf'], ['nan'], [''], ['5e-5'])[0] as string,
  ],
  // Seldom: its cost is the product of two lengths.
  (r) =>
    r.below(20) > 0
      ? ['STRLEN', key(r)]
      : [
          'LCS',
          key(r),
          key(r),
          ...oneOf(r, [], ['LEN'], ['IDX'], ['IDX', 'MINMATCHLEN', '2', 'WITHMATCHLEN'], ['LEN', 'IDX']),
        ],
  (r) => ['DEL', ...some(r, key)],
  (r) => ['UNLINK', ...some(r, key)],
  (r) => ['EXISTS', ...some(r, key)],
  (r) => ['TOUCH', ...some(r, key)],
  (r) => ['TYPE', key(r)],
  (r) => ['OBJECT', 'ENCODING', key(r)],
  (r) => ['OBJECT', 'REFCOUNT', `no such ${key(r)}`],
  (r) => ['RENAME', key(r), key(r)],
  (r) => ['RENAMENX', key(r), key(r)],
  (r) => [
    'COPY',
    key(r),
    key(r),
    ...maybe(r, ...oneOf(r, ['REPLACE'], ['DB', '1'], ['DB', '99'], ['DB', 'x'], ['DB', '1', 'REPLACE'])),
  ],
  (r) => ['MOVE', key(r), oneOf(r, ['0'], ['1'], ['2'], ['99'], ['x'], ['-1'])[0] as string],
  (r) => ['SELECT', oneOf(r, ['0'], ['0'], ['1'], ['2'], ['16'], ['x'], ['-1'])[0] as string],
  (r) => ['SWAPDB', oneOf(r, ['0'], ['1'], ['x'])[0] as string, oneOf(r, ['1'], ['2'], ['99'])[0] as string],
  (r) => [
    'EXPIREAT',
    key(r),
    pick(r, TIMES_S),
    ...maybe(r, ...oneOf(r, ['NX'], ['XX'], ['GT'], ['LT'], ['NX', 'GT'], ['GT', 'LT'], ['YY'])),
  ],
  (r) => [
    'PEXPIREAT',
    key(r),
    pick(r, TIMES_MS),
    ...maybe(r, ...oneOf(r, ['NX'], ['XX'], ['gt'], ['LT'], ['XX', 'GT'])),
  ],
  (r) => ['EXPIRE', key(r), oneOf(r, ['-1'], ['x'], ['9223372036854775807'], ['-9223372036854775808'])[0] as string],
  (r) => ['PERSIST', key(r)],
  (r) => ['EXPIRETIME', key(r)],
  (r) => ['PEXPIRETIME', key(r)],
  (r) => ['DBSIZE', ...maybe(r)],
  (r) => ['KEYS', oneOf(r, ['a'], ['{x}1'], ['?'.repeat(40)], ['[^a-z{l]*'])[0] as string],
  (r) => ['ECHO', value(r)],
  (r) => ['PING', ...maybe(r, value(r))],
  (r) => ['MULTI', ...maybe(r)],
  () => ['EXEC'],
  () => ['EXEC'],
  () => ['DISCARD'],
  (r) => ['WATCH', ...some(r, key)],
  () => ['UNWATCH'],
  (r) => (r.below(10) === 0 ? [oneOf(r, ['FLUSHDB'], ['FLUSHALL'])[0] as string, ...maybe(r, 'SYNC')] : ['DBSIZE']),
  (r) => (r.below(4) === 0 ? ['HELLO', oneOf(r, ['2'], ['3'], ['4'], ['x'])[0] as string, 'SETNAME'] : ['GET', key(r)]),
  (r) => (r.below(4) === 0 ? ['RESET'] : ['GET', key(r)]),
  (r) => ['CLIENT', oneOf(r, ['GETNAME'], ['SETNAME'], ['NONSENSE'])[0] as string, ...maybe(r, 'name')],
  (r) => ['CLIENT', 'SETNAME', oneOf(r, ['name'], ['a b'], [''])[0] as string],
  (r) => ['CONFIG', oneOf(r, ['GET'], ['NONSENSE'])[0] as string, 'maxmemory'],
  (r) => [
    'COMMAND',
    'GETKEYS',
    ...oneOf(r, ['GET', 'k'], ['MSET', 'a', '1', 'b'], ['PING'], ['nonsense'], ['COPY', 'a', 'b']),
  ],
  () => ['OBJECT', 'NONSENSE'],
  (r) => [value(r) || 'x', ...some(r, value)],
];

/** A command; now and then with an argument too few or too many. */
function command(random: Prng): string[] {
  const words = (MAKERS[random.below(MAKERS.length)] as Maker)(random);
  if (random.below(25) === 0) words.pop();
  if (random.below(25) === 0) words.push(value(random));
  if (words.length === 0) return ['PING'];
  return [anyCase(random, words[0] as string), ...words.slice(1)];
}

/** What a server answers to the bytes, in as many pieces as there are replies. */
function replies(port: number, pieces: readonly Buffer[], count: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const splitter = new ReplySplitter();
    const found: string[] = [];
    const socket = connect(port, '127.0.0.1', () => {
      for (const piece of pieces) socket.write(piece);
    });
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      found.push(...splitter.push(data));
      if (found.length >= count) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(found));
  });
}

describe.skipIf(!hasRedis)('random commands', () => {
  let ours: Daemon;
  let theirs: Daemon;
  let [ourPort, theirPort] = [0, 0];

  beforeAll(async () => {
    ourPort = await freePort();
    theirPort = await freePort();
    ours = launch(plainArgs(ourPort));
    theirs = launch(plainArgs(theirPort), { program: 'redis-server' });
    await Promise.all([ours.ready(), theirs.ready()]);
  });

  afterAll(() => Promise.all([ours?.end(), theirs?.end()]));

  it.each(Array.from({ length: RUNS }, (_, i) => SEED + i))('of seed %i', async (seed) => {
    const random = new Prng(seed);
    const requests = [['FLUSHALL'], ...Array.from({ length: COMMANDS }, () => command(random))];
    // What the data has come to, through the commands that tell it exactly.
    for (const each of KEYS) requests.push(['GET', each], ['PEXPIRETIME', each], ['OBJECT', 'ENCODING', each]);
    const bytes = Buffer.concat(requests.map((request) => encodeRequest(request)));
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random.below(random.below(4) === 0 ? 5 : 4000);
      pieces.push(bytes.subarray(at, at + length));
      at += length;
    }
    const [mine, redis] = await Promise.all([
      replies(ourPort, pieces, requests.length),
      replies(theirPort, pieces, requests.length),
    ]);
    expect([mine.length, redis.length]).toEqual([requests.length, requests.length]);
    for (const [i, request] of requests.entries()) {
      const what = `${i}: ${JSON.stringify(request)}`;
      expect({ what, reply: normal(request, mine[i]) }).toEqual({ what, reply: normal(request, redis[i]) });
    }
  });
});

/** Replies that name the server (HELLO), or that come in no order (KEYS), are compared as far as they can be. */
function normal([name = '']: readonly string[], reply: string | undefined): string | undefined {
  if (reply === undefined) return undefined;
  const told = /^(hello|exec)$/i.test(name) && reply.includes('\r\nproto\r\n');
  if (told) return reply.slice(0, reply.indexOf('\r\n'));
  return /^(keys|exec)$/i.test(name) ? reply.split('\r\n').sort().join('\r\n') : reply;
}
