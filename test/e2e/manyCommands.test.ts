/**
 * Random commands on all types, thousands of them, and what they leave handed over to redis-server and back, as an RDB file and as an
 * append-only folder: the same digest on both sides.
 *
 * SHOAL_COMMANDS=1000000 runs so many; SHOAL_SEED gives others.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { BITMAP_COMMANDS } from '../spec/random/bitmap.js';
import { BASIC_COMMANDS, CommandGenerator } from '../spec/random/generator.js';
import { GEO_COMMANDS } from '../spec/random/geo.js';
import { HASH_COMMANDS } from '../spec/random/hash.js';
import { HYPERLOGLOG_COMMANDS } from '../spec/random/hyperloglog.js';
import { LIST_COMMANDS } from '../spec/random/list.js';
import { SET_COMMANDS } from '../spec/random/set.js';
import { STREAM_COMMANDS } from '../spec/random/stream.js';
import { ZSET_COMMANDS } from '../spec/random/zset.js';
import { freePort } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { ask, type Daemon, launch, plainArgs, until } from './support/daemon.js';
import { randomWrites } from './support/randomWrites.js';

const SEED = Number(process.env.SHOAL_SEED ?? 1000);
const COMMANDS = Number(process.env.SHOAL_COMMANDS ?? 20_000);
const BATCH = 500;
const REWRITES = 5;
const AOF = ['--appendonly', 'yes'];
const ALL = [
  ...BASIC_COMMANDS,
  ...BITMAP_COMMANDS,
  ...GEO_COMMANDS,
  ...HASH_COMMANDS,
  ...HYPERLOGLOG_COMMANDS,
  ...LIST_COMMANDS,
  ...SET_COMMANDS,
  ...STREAM_COMMANDS,
  ...ZSET_COMMANDS,
];

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('thousands of commands, handed over to Redis and back');

const started: Daemon[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((daemon) => daemon.end()));
});

interface Place {
  readonly dir: string;
  readonly port: number;
}

async function serve({ dir, port }: Place, program: string | undefined, more: readonly string[]): Promise<Daemon> {
  const args = plainArgs(port, ['--dir', dir, '--enable-debug-command', 'yes', '--appendfsync', 'no', ...more]);
  const daemon = launch(args, program === undefined ? {} : { program });
  started.push(daemon);
  await daemon.ready();
  return daemon;
}

/** Commands that would wait, that leave the connection in another state, or that empty everything too often. */
const UNFIT_NAMES = /^(BL|BR|BZ|CONFIG|MULTI|EXEC|WATCH|DISCARD|CLIENT|FLUSH|PFCOUNT)/i;
/**
 * After these a restart of redis-server alone has another digest: PFCOUNT notes in a value what it has counted, and BITFIELD makes a key
 * before it finds that all would overflow, both without a word in the append-only file; and distances are computed again, with
 * the last digit of another library.
 */
const UNFIT_WORDS = /^(block|fail|storedist)$/i;

function isUnfit(args: readonly string[]): boolean {
  return UNFIT_NAMES.test(args[0] ?? '') || args.some((arg) => UNFIT_WORDS.test(arg));
}

async function run({ port }: Place, random: Prng): Promise<void> {
  const generator = new CommandGenerator(random, 1, ALL);
  const client = await RawClient.connect(port);
  const rewriteEvery = Math.ceil(COMMANDS / BATCH / REWRITES) * BATCH;
  for (let done = 0; done < COMMANDS; done += BATCH) {
    const half = Array.from({ length: BATCH / 2 }, () => generator.next().args).filter((args) => !isUnfit(args));
    await client.pipeline(half);
    await client.pipeline(randomWrites(random, BATCH - half.length));
    if (done % rewriteEvery === 0) await client.call('BGREWRITEAOF');
  }
  await persistAll(client);
  client.close();
  const isOver = async (): Promise<boolean> =>
    /aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0/.test(await ask(port, 'INFO', 'persistence'));
  await until('no rewrite is under way', isOver);
}

/** What would expire before the digests are compared stays. */
async function persistAll(client: RawClient): Promise<void> {
  for (const db of ['0', '1', '2']) {
    await client.call('SELECT', db);
    const keys = await client.call('KEYS', '*');
    if (keys.type !== 'array') throw new Error('KEYS did not answer an array');
    await client.pipeline(keys.items.map((key) => ['PERSIST', 'text' in key ? key.text : '']));
  }
}

describe.skipIf(!hasRedis)(`${COMMANDS} random commands (seed ${SEED})`, () => {
  for (const [what, first, second] of [
    ['by us are there in Redis', undefined, 'redis-server'],
    ['by Redis are there here', 'redis-server', undefined],
  ] as const) {
    it(`${what}, from the RDB file and from the append-only folder`, { timeout: 60_000 + COMMANDS }, async () => {
      const at: Place = { dir: tempDir(), port: await freePort() };
      const writer = await serve(at, first, AOF);
      await run(at, new Prng(SEED));
      const digest = await ask(at.port, 'DEBUG', 'DIGEST');
      expect(digest).not.toMatch(/^0*$/);
      expect(await ask(at.port, 'SAVE')).toBe('OK');
      await writer.end('SIGKILL');
      expect(spawnSync('redis-check-rdb', [join(at.dir, 'dump.rdb')]).status).toBe(0);
      expect(spawnSync('redis-check-aof', [join(at.dir, 'appendonlydir/appendonly.aof.manifest')]).status).toBe(0);
      for (const files of [['--appendonly', 'no'], AOF]) {
        const reader = await serve(at, second, files);
        expect(await ask(at.port, 'DEBUG', 'DIGEST')).toBe(digest);
        await reader.end('SIGKILL');
      }
    });
  }
});
