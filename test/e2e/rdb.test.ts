/** RDB files of whole servers: saving, loading at start, ending, faults, and files exchanged with Redis. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { BASIC_COMMANDS, CommandGenerator, type WeightedCommand } from '../spec/random/generator.js';
import { HASH_COMMANDS } from '../spec/random/hash.js';
import { LIST_COMMANDS } from '../spec/random/list.js';
import { SET_COMMANDS } from '../spec/random/set.js';
import { STREAM_COMMANDS } from '../spec/random/stream.js';
import { ZSET_COMMANDS } from '../spec/random/zset.js';
import { textOf } from '../support/notation.js';
import { freePort } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { encodeRequest, type Reply } from '../support/resp.js';
import { ask, type Daemon, launch, until } from './support/daemon.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('RDB files exchanged with Redis');
const SEED = Number(process.env.SHOAL_SEED ?? Date.now() % 1_000_000);
/** More: SHOAL_RANDOM_HISTORIES. */
const ROUNDS = Number(process.env.SHOAL_RANDOM_HISTORIES ?? 3);
const POINTS = '3600 100000';
/** `REDIS` and the version. */
const HEAD_BYTES = 9;

const started: Daemon[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((daemon) => daemon.end()));
});

interface Place {
  readonly dir: string;
  readonly port: number;
}

async function place(): Promise<Place> {
  return { dir: tempDir(), port: await freePort() };
}

function start({ dir, port }: Place, more: readonly string[] = [], program?: string): Daemon {
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--enable-debug-command', 'yes'];
  if (!more.includes('--save')) args.push('--save', '');
  const daemon = launch([...args, ...more], program === undefined ? {} : { program });
  started.push(daemon);
  return daemon;
}

async function serve(at: Place, more: readonly string[] = [], program?: string): Promise<Daemon> {
  const daemon = start(at, more, program);
  await daemon.ready();
  return daemon;
}

function dumpOf({ dir }: Place): string {
  return join(dir, 'dump.rdb');
}

async function info({ port }: Place, field: string): Promise<string | undefined> {
  return new RegExp(`^${field}:(.*)\r$`, 'm').exec(await ask(port, 'INFO', 'persistence'))?.[1];
}

function checkRdb(file: string): number | null {
  return spawnSync('redis-check-rdb', [file]).status;
}

const ALL_TYPES: readonly WeightedCommand[] = [
  ...BASIC_COMMANDS,
  ...HASH_COMMANDS,
  ...LIST_COMMANDS,
  ...SET_COMMANDS,
  ...STREAM_COMMANDS,
  ...ZSET_COMMANDS,
];

/** Expire times that a double would round. */
const FAR_TIMES = ['9007199254740993', '4611686018427387905', '9223372036854775806', '9223372036854775807'];

/** Large values and many keys beside what a random history leaves. */
function bulk(random: Prng): string[][] {
  const word = (): string => `${'ab'.repeat(random.below(40))}${random.below(10_000)}`;
  const words = (count: number): string[] => Array.from({ length: count }, word);
  return [
    ...Array.from({ length: 2000 }, (_, i) => ['SET', `bulk:${i}`, word(), 'PXAT', String(4e12 + i)]),
    ...FAR_TIMES.map((time) => ['SET', `bulk:until:${time}`, word(), 'PXAT', time]),
    ['SET', 'bulk:long', 'long '.repeat(100_000)],
    ['RPUSH', 'bulk:list', ...words(3000)],
    ['SADD', 'bulk:set', ...words(3000)],
    ['SADD', 'bulk:ints', ...Array.from({ length: 300 }, () => String(random.nextU32()))],
    ['HSET', 'bulk:hash', ...words(3000)],
    ['ZADD', 'bulk:zset', ...words(2000).flatMap((each) => [String(random.below(1000) / 7), each])],
    ...Array.from({ length: 400 }, (_, i) => ['XADD', 'bulk:stream', `${i + 1}-1`, 'f', word(), 'g', word()]),
    ['XGROUP', 'CREATE', 'bulk:stream', 'group', '0'],
    ['XREADGROUP', 'GROUP', 'group', 'one', 'COUNT', '50', 'STREAMS', 'bulk:stream', '>'],
    ['PFADD', 'bulk:hll', ...words(500)],
  ];
}

async function fill({ port }: Place, seed: number): Promise<void> {
  const random = new Prng(seed);
  const generator = new CommandGenerator(random, 1, ALL_TYPES);
  const client = await RawClient.connect(port);
  for (let i = 0; i < 1500; i++) {
    const { args } = generator.next();
    // Blocking commands would wait, and configurations are not data.
    const name = args[0]?.toUpperCase() ?? '';
    if (
      /^(BL|BR|BZ|CONFIG|MULTI|EXEC|WATCH|DISCARD|CLIENT|FLUSH)/.test(name) ||
      args.some((arg) => /^block$/i.test(arg))
    ) {
      continue;
    }
    await client.call(...args);
  }
  await client.call('SELECT', '4');
  await client.pipeline(bulk(random));
  client.close();
}

/** What the digest does not tell: expire times, and how often a key was used (an error where the policy does not count it). */
async function factsOf({ port }: Place): Promise<Reply[]> {
  const client = await RawClient.connect(port);
  const [, ...facts] = await client.pipeline([
    ['SELECT', '4'],
    ['OBJECT', 'FREQ', 'bulk:long'],
    ['PEXPIRETIME', 'bulk:1999'],
    ...FAR_TIMES.map((time) => ['PEXPIRETIME', `bulk:until:${time}`]),
  ]);
  client.close();
  expect(facts.slice(2).map(textOf)).toEqual(FAR_TIMES);
  return facts;
}

describe.skipIf(!hasRedis)(`files exchanged with Redis (seed ${SEED})`, () => {
  const POLICIES = ['noeviction', 'allkeys-lru', 'allkeys-lfu'];

  async function handedOver(first: string | undefined, second: string | undefined): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      const at = await place();
      // Counts do not decay: a minute might end between the two looks.
      const policy = POLICIES[round % POLICIES.length] as string;
      const more = ['--maxmemory-policy', policy, '--lfu-decay-time', '0'];
      const saver = await serve(at, more, first);
      await fill(at, SEED + round);
      const [digest, size] = [await ask(at.port, 'DEBUG', 'DIGEST'), await ask(at.port, 'DBSIZE')];
      const facts = await factsOf(at);
      expect(await ask(at.port, 'SAVE')).toBe('OK');
      await saver.end('SIGKILL');
      expect(checkRdb(dumpOf(at))).toBe(0);
      const loader = await serve(at, more, second);
      expect(await ask(at.port, 'DEBUG', 'DIGEST')).toBe(digest);
      expect(await ask(at.port, 'DBSIZE')).toBe(size);
      expect(await factsOf(at)).toEqual(facts);
      await loader.end('SIGKILL');
    }
  }

  it('ours is loaded by Redis', () => handedOver(undefined, 'redis-server'), 60_000);
  it('that of Redis is loaded by us', () => handedOver('redis-server', undefined), 60_000);
  it('ours is loaded by us', () => handedOver(undefined, undefined), 60_000);

  it('cut or with a flipped bit: we refuse what redis-check-rdb refuses', async () => {
    const at = await place();
    const saver = await serve(at);
    for (const command of [['SET', 'a', '1'], ['RPUSH', 'l', 'a', 'b'], ['HSET', 'h', 'f', 'v'], ['SAVE']]) {
      await ask(at.port, ...command);
    }
    await saver.end('SIGKILL');
    const whole = readFileSync(dumpOf(at));
    const random = new Prng(SEED);
    for (let round = 0; round < 12; round++) {
      const damaged = Buffer.from(whole);
      // Behind the version: with one flipped bit redis-check-rdb takes `REDIS001p` for a version without a checksum.
      const flippedAt = HEAD_BYTES + random.below(whole.length - HEAD_BYTES);
      damaged[flippedAt] = (damaged[flippedAt] as number) ^ (1 << random.below(8));
      const bytes = round % 2 === 0 ? damaged : whole.subarray(0, random.below(whole.length));
      writeFileSync(dumpOf(at), bytes);
      expect(checkRdb(dumpOf(at))).toBe(1);
      const daemon = start(at, ['--save', POINTS]);
      expect((await daemon.ending).code).toBe(1);
      expect(daemon.output).toContain(`(file ${dumpOf(at)}, byte `);
      expect(readFileSync(dumpOf(at))).toEqual(bytes);
    }
  }, 60_000);

  it('an append-only folder with a snapshot as its base is loaded, and written on', async () => {
    const at = await place();
    const aof = ['--appendonly', 'yes', '--aof-use-rdb-preamble', 'yes'];
    const redis = await serve(at, aof, 'redis-server');
    await fill(at, SEED);
    await ask(at.port, 'BGREWRITEAOF');
    await until('the rewrite is done', async () => (await info(at, 'aof_rewrite_in_progress')) === '0');
    await until('none is scheduled', async () => (await info(at, 'aof_rewrite_scheduled')) === '0');
    await ask(at.port, 'SET', 'behind', 'the snapshot');
    const digest = await ask(at.port, 'DEBUG', 'DIGEST');
    await redis.end('SIGTERM');
    const ours = await serve(at, aof);
    expect(await ask(at.port, 'DEBUG', 'DIGEST')).toBe(digest);
    expect(ours.output).toContain('RDB is base AOF');
    await ask(at.port, 'SET', 'more', 'x');
    await ours.end('SIGTERM');
    await serve(at, aof, 'redis-server');
    expect(await ask(at.port, 'GET', 'more')).toBe('x');
  }, 60_000);

  it('an old append-only file that begins with a snapshot is taken over with all that follows', async () => {
    const at = await place();
    const redis = await serve(at, [], 'redis-server');
    await fill(at, SEED);
    await ask(at.port, 'SAVE');
    await redis.end('SIGKILL');
    const tail = Buffer.concat(
      [
        ['SELECT', '0'],
        ['SET', 'tail', 'there'],
      ].map((args) => encodeRequest(args)),
    );
    writeFileSync(join(at.dir, 'appendonly.aof'), Buffer.concat([readFileSync(dumpOf(at)), tail]));
    rmSync(dumpOf(at));
    const ours = await serve(at, ['--appendonly', 'yes']);
    expect(ours.output).toContain('Reading the remaining AOF tail');
    expect(await ask(at.port, 'GET', 'tail')).toBe('there');
    const digest = await ask(at.port, 'DEBUG', 'DIGEST');
    await ours.end('SIGTERM');
    await serve(at, ['--appendonly', 'yes'], 'redis-server');
    expect(await ask(at.port, 'DEBUG', 'DIGEST')).toBe(digest);
  }, 60_000);
});

describe('saving', () => {
  it('is told by LASTSAVE and INFO, and by the file', async () => {
    const at = await place();
    await serve(at);
    await ask(at.port, 'MSET', 'a', '1', 'b', '2');
    expect(await info(at, 'rdb_changes_since_last_save')).toBe('2');
    const before = Number(await ask(at.port, 'LASTSAVE'));
    expect(await ask(at.port, 'SAVE')).toBe('OK');
    expect(Number(await ask(at.port, 'LASTSAVE'))).toBeGreaterThanOrEqual(before);
    expect(await info(at, 'rdb_changes_since_last_save')).toBe('0');
    expect(await info(at, 'rdb_saves')).toBe('1');
    const client = await RawClient.connect(at.port);
    const replies = await client.pipeline([['BGSAVE'], ['BGSAVE'], ['SAVE'], ['INFO', 'persistence']]);
    const texts = replies.map((reply) => ('text' in reply ? reply.text : ''));
    expect(texts[0]).toBe('Background saving started');
    expect(texts.slice(1, 3)).toEqual(Array(2).fill('ERR Background save already in progress'));
    expect(texts[3]).toContain('rdb_bgsave_in_progress:1\r\n');
    client.close();
    await until('it is done', async () => (await info(at, 'rdb_bgsave_in_progress')) === '0');
    expect(await info(at, 'rdb_last_bgsave_time_sec')).toBe('0');
    expect(readdirSync(at.dir)).toEqual(['dump.rdb']);
  });

  it('happens at save points', async () => {
    const at = await place();
    const daemon = await serve(at, ['--save', '1 3']);
    await ask(at.port, 'MSET', 'a', '1', 'b', '2', 'c', '3');
    await daemon.prints('3 changes in 1 seconds. Saving...');
    await daemon.prints('Background saving terminated with success');
    expect(existsSync(dumpOf(at))).toBe(true);
    expect(await info(at, 'rdb_changes_since_last_save')).toBe('0');
  });

  it('is not put into the append-only file', async () => {
    const at = await place();
    const daemon = await serve(at, ['--appendonly', 'yes']);
    await ask(at.port, 'SET', 'a', '1');
    for (const command of ['SAVE', 'BGSAVE']) await ask(at.port, command);
    await ask(at.port, 'DEBUG', 'RELOAD', 'NOSAVE');
    await daemon.end('SIGTERM');
    expect(readFileSync(join(at.dir, 'appendonlydir/appendonly.aof.1.incr.aof'), 'latin1')).not.toMatch(/save|debug/i);
  });

  it('is done by FLUSHALL where there are save points', async () => {
    const at = await place();
    const first = await serve(at, ['--save', POINTS, '--appendonly', 'yes']);
    await ask(at.port, 'SET', 'a', '1');
    await ask(at.port, 'SAVE');
    await ask(at.port, 'FLUSHALL');
    await first.end('SIGKILL');
    const second = await serve(at);
    expect(await ask(at.port, 'DBSIZE')).toBe('0');
    await second.end();
    await serve(at, ['--appendonly', 'yes']);
    expect(await ask(at.port, 'DBSIZE')).toBe('0');
  });
});

describe('a server that ends', () => {
  const endings: [string, (at: Place, daemon: Daemon) => Promise<unknown>][] = [
    ['SIGTERM', (_, daemon) => daemon.end('SIGTERM')],
    ['SIGINT', (_, daemon) => daemon.end('SIGINT')],
    ['SHUTDOWN', ({ port }) => ask(port, 'SHUTDOWN').catch(() => undefined)],
  ];
  for (const [name, end] of endings) {
    it(`by ${name} saves where there are save points, and only there`, async () => {
      for (const [points, size] of [
        [POINTS, '1'],
        ['', '0'],
      ] as const) {
        const at = await place();
        const daemon = await serve(at, ['--save', points]);
        await ask(at.port, 'SET', 'a', '1');
        await end(at, daemon);
        expect((await daemon.ending).code).toBe(0);
        await serve(at, ['--save', points]);
        expect(await ask(at.port, 'DBSIZE')).toBe(size);
      }
    });
  }

  it('by SHUTDOWN SAVE or NOSAVE does as it is told', async () => {
    for (const [points, word, size] of [
      [POINTS, 'NOSAVE', '0'],
      ['', 'SAVE', '1'],
    ] as const) {
      const at = await place();
      const daemon = await serve(at, ['--save', points]);
      await ask(at.port, 'SET', 'a', '1');
      await ask(at.port, 'SHUTDOWN', word).catch(() => undefined);
      expect((await daemon.ending).code).toBe(0);
      await serve(at);
      expect(await ask(at.port, 'DBSIZE')).toBe(size);
    }
  });

  it('does not when it cannot save, unless it must', async () => {
    const at = await place();
    const daemon = await serve(at, ['--save', POINTS]);
    await ask(at.port, 'SET', 'a', '1');
    mkdirSync(dumpOf(at));
    expect(await ask(at.port, 'SHUTDOWN')).toBe('ERR Errors trying to SHUTDOWN. Check logs.');
    daemon.signal('SIGTERM');
    await daemon.prints('SIGTERM received but errors trying to shut down the server');
    await daemon.prints("Error trying to save the DB, can't exit.");
    expect(await ask(at.port, 'GET', 'a')).toBe('1');
    expect(readdirSync(at.dir)).toEqual(['dump.rdb']);
    await ask(at.port, 'SHUTDOWN', 'FORCE').catch(() => undefined);
    expect((await daemon.ending).code).toBe(0);
    expect(daemon.output).toContain('Error trying to save the DB. Exit anyway.');
  });
});

describe('loading', () => {
  it('tells clients meanwhile, and INFO how far it is', async () => {
    const at = await place();
    const first = await serve(at);
    await ask(at.port, 'DEBUG', 'POPULATE', '3000', 'k', '32');
    await ask(at.port, 'SET', 'gone', 'x', 'PX', '1');
    await ask(at.port, 'SAVE');
    await first.end();
    const second = start(at, ['--key-load-delay', '500']);
    let refused = 0;
    let percent = '';
    await until('it serves', async () => {
      const size = await ask(at.port, 'DBSIZE').catch(() => '');
      if (size.startsWith('LOADING ')) {
        refused++;
        percent = (await info(at, 'loading_loaded_perc')) ?? percent;
      }
      return size === '3000';
    });
    expect(refused).toBeGreaterThan(0);
    expect(percent).not.toBe('');
    expect(second.output).toContain('Done loading RDB, keys loaded: 3000, keys expired: 1.');
    expect(second.output).toContain('DB loaded from disk: ');
    expect(await info(at, 'rdb_last_load_keys_loaded')).toBe('3000');
    expect(await info(at, 'rdb_last_load_keys_expired')).toBe('1');
    expect(await info(at, 'rdb_changes_since_last_save')).toBe('0');
  }, 60_000);

  it('is not done with an append-only file, which says how to take the data over', async () => {
    const at = await place();
    const first = await serve(at);
    await ask(at.port, 'SET', 'a', '1');
    await ask(at.port, 'SAVE');
    await first.end();
    const second = await serve(at, ['--appendonly', 'yes', '--save', POINTS]);
    expect(second.output).toMatch(
      /is not loaded. To take its data over: SHUTDOWN NOSAVE, remove the folder appendonlydir, and/,
    );
    await ask(at.port, 'SHUTDOWN', 'NOSAVE').catch(() => undefined);
    await second.ending;
    rmSync(join(at.dir, 'appendonlydir'), { recursive: true });
    renameSync(dumpOf(at), join(at.dir, 'appendonly.aof'));
    await serve(at, ['--appendonly', 'yes']);
    expect(await ask(at.port, 'GET', 'a')).toBe('1');
  });

  it('gives a cluster node the slots of its keys', async () => {
    const at = await place();
    const first = await serve(at);
    await ask(at.port, 'SET', '{06S}', 'v');
    await ask(at.port, 'SAVE');
    await first.end();
    const [port] = [await freePort()];
    const second = await serve({ dir: at.dir, port }, ['--cluster-enabled', 'yes']);
    expect(second.output).toContain('I have keys for unassigned slot 0. Taking responsibility for it.');
    expect(await ask(port, 'CLUSTER', 'COUNTKEYSINSLOT', '0')).toBe('1');
  });

  it('is done by DEBUG RELOAD, with all its options', async () => {
    const at = await place();
    const daemon = await serve(at);
    const { port } = at;
    await ask(port, 'MSET', 'a', '1', 'b', '2');
    const digest = await ask(port, 'DEBUG', 'DIGEST');
    expect(await ask(port, 'DEBUG', 'RELOAD')).toBe('OK');
    expect(await ask(port, 'DEBUG', 'DIGEST')).toBe(digest);
    await ask(port, 'MSET', 'a', 'changed', 'c', '3');
    expect(await ask(port, 'DEBUG', 'RELOAD', 'NOSAVE', 'NOFLUSH', 'MERGE')).toBe('OK');
    expect(await ask(port, 'GET', 'a')).toBe('1');
    expect(await ask(port, 'GET', 'c')).toBe('3');
    expect(await ask(port, 'DEBUG', 'RELOAD', 'nosave')).toBe('OK');
    expect(await ask(port, 'DEBUG', 'DIGEST')).toBe(digest);
    const client = await RawClient.connect(port);
    const replies = await client.pipeline([
      ['WATCH', 'a'],
      ['DEBUG', 'RELOAD'],
      ['MULTI'],
      ['DEBUG', 'RELOAD'],
      ['EXEC'],
    ]);
    expect(replies.map(({ type }) => type)).toEqual(['simple', 'simple', 'simple', 'simple', 'nil-array']);
    expect(await client.pipeline([['MULTI'], ['DEBUG', 'RELOAD'], ['GET', 'a'], ['EXEC']])).toMatchObject([
      {},
      {},
      {},
      { items: [{ text: 'OK' }, { text: '1' }] },
    ]);
    client.close();
    expect(await ask(port, 'DEBUG', 'RELOAD', 'FOO')).toContain('only supports the MERGE, NOFLUSH and NOSAVE options.');
    writeFileSync(dumpOf(at), 'REDIS0010');
    expect(await ask(port, 'DEBUG', 'RELOAD', 'NOSAVE')).toContain('Error trying to load the RDB dump');
    expect(daemon.running).toBe(true);
  });
});

describe('a disk that fails', () => {
  it('makes a background save fail, writes are refused, and taken again when it works', async () => {
    const at = await place();
    const daemon = await serve(at, ['--save', POINTS]);
    await ask(at.port, 'SET', 'a', '1');
    mkdirSync(dumpOf(at));
    expect(await ask(at.port, 'SAVE')).toBe('ERR');
    // SAVE has told its client; nobody else is bothered.
    expect(await ask(at.port, 'SET', 'b', '1')).toBe('OK');
    await ask(at.port, 'BGSAVE');
    await daemon.prints('Background saving error');
    expect(await info(at, 'rdb_last_bgsave_status')).toBe('err');
    expect(await ask(at.port, 'SET', 'a', '2')).toMatch(/^MISCONF Redis is configured to save RDB snapshots/);
    expect(await ask(at.port, 'PING')).toMatch(/^MISCONF/);
    expect(await ask(at.port, 'GET', 'a')).toBe('1');
    await ask(at.port, 'CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no');
    expect(await ask(at.port, 'SET', 'a', '2')).toBe('OK');
    await ask(at.port, 'CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'yes');
    rmSync(dumpOf(at), { recursive: true });
    await ask(at.port, 'BGSAVE');
    await until('writes are taken', async () => (await ask(at.port, 'SET', 'a', '3')) === 'OK');
    expect(await info(at, 'rdb_last_bgsave_status')).toBe('ok');
  });

  const probe = tempDir();
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe]).status === 0;
  if (mounted) execFileSync('umount', [probe]);
  else process.stderr.write('\nSKIPPED: full disks: a small file system cannot be mounted\n');

  it.skipIf(!mounted)('that is full, or read-only, leaves the old file as it was', async () => {
    const at = await place();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at.dir]);
    try {
      await serve(at, ['--rdbcompression', 'no']);
      await ask(at.port, 'SET', 'a', '1');
      expect(await ask(at.port, 'SAVE')).toBe('OK');
      const copy = join(tempDir(), 'copy');
      copyFileSync(dumpOf(at), copy);
      await ask(at.port, 'SETRANGE', 'big', '2000000', 'x');
      const untouched = async (): Promise<void> => {
        expect(await ask(at.port, 'SAVE')).toBe('ERR');
        expect(readFileSync(dumpOf(at))).toEqual(readFileSync(copy));
        expect(readdirSync(at.dir)).toEqual(['dump.rdb']);
      };
      await untouched();
      await ask(at.port, 'DEL', 'big');
      execFileSync('mount', ['-o', 'remount,ro', at.dir]);
      await untouched();
      execFileSync('mount', ['-o', 'remount,rw', at.dir]);
      expect(await ask(at.port, 'SAVE')).toBe('OK');
    } finally {
      await Promise.all(started.splice(0).map((daemon) => daemon.end()));
      execFileSync('umount', [at.dir]);
    }
  });
});
