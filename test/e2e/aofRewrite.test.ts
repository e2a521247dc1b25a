/** Rewrites of the append-only file by real processes: on full and read-only disks, and handed over to redis-server and back. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BITMAP_COMMANDS } from '../spec/random/bitmap.js';
import { BASIC_COMMANDS } from '../spec/random/generator.js';
import { HASH_COMMANDS } from '../spec/random/hash.js';
import { compareHistory } from '../spec/random/history.js';
import { LIST_COMMANDS } from '../spec/random/list.js';
import { SET_COMMANDS } from '../spec/random/set.js';
import { STREAM_COMMANDS } from '../spec/random/stream.js';
import { ZSET_COMMANDS } from '../spec/random/zset.js';
import { freePort } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { ask, type Daemon, launch, plainArgs, until } from './support/daemon.js';

const SEED = Number(process.env.SHOAL_SEED ?? Date.now() % 1_000_000);
const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('rewritten append-only files exchanged with Redis');

const started: Daemon[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((daemon) => daemon.end()));
});

async function serve(dir: string, port: number, more: readonly string[] = [], program?: string): Promise<Daemon> {
  const args = plainArgs(port, ['--dir', dir, '--appendonly', 'yes', '--enable-debug-command', 'yes', ...more]);
  const daemon = launch(args, program === undefined ? {} : { program });
  started.push(daemon);
  await daemon.ready();
  return daemon;
}

async function persistence(port: number): Promise<Map<string, string>> {
  const text = await ask(port, 'INFO', 'persistence');
  return new Map(text.split('\r\n').map((line) => line.split(':') as [string, string]));
}

async function rewritten(port: number): Promise<void> {
  await until('no rewrite is under way', async () => {
    const info = await persistence(port);
    return info.get('aof_rewrite_in_progress') === '0' && info.get('aof_rewrite_scheduled') === '0';
  });
}

/** The files of the folder but the lock. */
function filesOf(dir: string): string[] {
  return readdirSync(join(dir, 'appendonlydir'))
    .filter((name) => !name.endsWith('.lock'))
    .sort();
}

async function pipeline(port: number, requests: readonly (readonly string[])[]): Promise<(string | null)[]> {
  const client = await RawClient.connect(port);
  const replies = await client.pipeline(requests);
  client.close();
  return replies.map((reply) => ('text' in reply ? reply.text : null));
}

describe('a rewrite', () => {
  it('begins by itself when the file has grown, and leaves one base and one incremental file', async () => {
    const dir = tempDir();
    const port = await freePort();
    const daemon = await serve(dir, port, [
      '--auto-aof-rewrite-min-size',
      '10kb',
      '--auto-aof-rewrite-percentage',
      '100',
    ]);
    const value = 'v'.repeat(1000);
    await pipeline(
      port,
      Array.from({ length: 30 }, () => ['SET', 'k', value]),
    );
    await until('it has begun', async () => (await persistence(port)).get('aof_rewrites') !== '0');
    await rewritten(port);
    await daemon.prints('Starting automatic rewriting of AOF on ');
    const [base, incr, manifest] = filesOf(dir);
    expect([base, incr, manifest]).toEqual([
      expect.stringMatching(/\.base\.rdb$/),
      expect.stringMatching(/\.incr\.aof$/),
      'appendonly.aof.manifest',
    ]);
    expect(Number((await persistence(port)).get('aof_current_size'))).toBeLessThan(5000);
    await daemon.end('SIGKILL');
    await serve(dir, port);
    expect(await ask(port, 'GET', 'k')).toBe(value);
  });

  it('stamps commands and base with their time when asked to', async () => {
    const dir = tempDir();
    const port = await freePort();
    await serve(dir, port, ['--aof-timestamp-enabled', 'yes', '--aof-use-rdb-preamble', 'no']);
    await ask(port, 'SET', 'k', 'v');
    await ask(port, 'BGREWRITEAOF');
    await rewritten(port);
    await ask(port, 'SET', 'k', 'w');
    for (const name of filesOf(dir).slice(0, 2)) {
      expect(readFileSync(join(dir, 'appendonlydir', name), 'latin1')).toMatch(
        /^#TS:\d{10}\r\n\*2\r\n\$6\r\nSELECT\r\n/,
      );
    }
  });

  it('makes a file that was turned on while serving: it survives the next kill', async () => {
    const dir = tempDir();
    const port = await freePort();
    const first = await serve(dir, port, ['--appendonly', 'no']);
    await ask(port, 'SET', 'before', '1');
    expect(await ask(port, 'CONFIG', 'SET', 'appendonly', 'yes')).toBe('OK');
    await ask(port, 'SET', 'behind', '2');
    await rewritten(port);
    await first.end('SIGKILL');
    const second = await serve(dir, port);
    expect(
      await pipeline(port, [
        ['GET', 'before'],
        ['GET', 'behind'],
      ]),
    ).toEqual(['1', '2']);
    expect(await ask(port, 'CONFIG', 'SET', 'appendonly', 'no')).toBe('OK');
    await ask(port, 'SET', 'off', '3');
    await second.end('SIGKILL');
    await serve(dir, port);
    expect(
      await pipeline(port, [
        ['GET', 'behind'],
        ['GET', 'off'],
      ]),
    ).toEqual(['2', null]);
  });

  it('of a folder that another server uses is refused, and so is turning it on', async () => {
    const dir = tempDir();
    const [port, otherPort] = [await freePort(), await freePort()];
    await serve(dir, port);
    await ask(port, 'SET', 'k', 'v');
    const other = await serve(dir, otherPort, ['--appendonly', 'no']);
    expect(await ask(otherPort, 'BGREWRITEAOF')).toMatch(/^ERR Can't execute an AOF background rewriting/);
    expect(await ask(otherPort, 'CONFIG', 'SET', 'appendonly', 'yes')).toBe(
      "ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs.",
    );
    await other.prints('is in use by the process with pid');
    expect((await persistence(otherPort)).get('aof_enabled')).toBe('0');
    await ask(port, 'BGREWRITEAOF');
    await rewritten(port);
    expect((await persistence(port)).get('aof_last_bgrewrite_status')).toBe('ok');
  });
});

describe.skipIf(!hasRedis)('Redis and we read each other’s rewritten folders', () => {
  const ALL = [
    ...BASIC_COMMANDS,
    ...BITMAP_COMMANDS,
    ...HASH_COMMANDS,
    ...LIST_COMMANDS,
    ...SET_COMMANDS,
    ...STREAM_COMMANDS,
    ...ZSET_COMMANDS,
  ];
  const BEHIND = [
    ['SET', 'behind', 'the rewrite'],
    ['RPUSH', 'behind:list', 'a', 'b'],
    ['MULTI'],
    ['INCR', 'behind:n'],
    ['INCR', 'behind:n'],
    ['EXEC'],
    ['SELECT', '2'],
    ['SADD', 'behind:set', 'x'],
  ];

  /** What would expire before the digests are compared stays. */
  async function persistAll(port: number, otherPort: number): Promise<void> {
    for (const db of ['0', '1', '2']) {
      const client = await RawClient.connect(port);
      await client.call('SELECT', db);
      const keys = await client.call('KEYS', '*');
      client.close();
      if (keys.type !== 'array') throw new Error('KEYS did not answer an array');
      const persist = keys.items.map((key) => ['PERSIST', 'text' in key ? key.text : '']);
      for (const each of [port, otherPort]) await pipeline(each, [['SELECT', db], ...persist]);
    }
  }

  for (const preamble of ['yes', 'no']) {
    it(`after random commands of all types (seed ${SEED}), with aof-use-rdb-preamble ${preamble}: the same digest`, async () => {
      const options = ['--aof-use-rdb-preamble', preamble];
      const [dir, theirDir] = [tempDir(), tempDir()];
      const [port, theirPort] = [await freePort(), await freePort()];
      const ours = await serve(dir, port, options);
      const theirs = await serve(theirDir, theirPort, options, 'redis-server');
      expect(await compareHistory(SEED, 600, [port, theirPort], ALL)).toBeUndefined();
      await persistAll(theirPort, port);
      for (const each of [port, theirPort]) {
        expect(await ask(each, 'BGREWRITEAOF')).toBe('Background append only file rewriting started');
        await rewritten(each);
        await pipeline(each, BEHIND);
      }
      const digest = await ask(port, 'DEBUG', 'DIGEST');
      expect(await ask(theirPort, 'DEBUG', 'DIGEST')).toBe(digest);
      await Promise.all([ours.end('SIGKILL'), theirs.end('SIGTERM')]);
      for (const each of [dir, theirDir]) {
        const check = spawnSync('redis-check-aof', [join(each, 'appendonlydir', 'appendonly.aof.manifest')]);
        expect(check.stdout.toString()).toContain('All AOF files and manifest are valid');
      }
      await serve(dir, port, options, 'redis-server');
      await serve(theirDir, theirPort, options);
      expect(await ask(port, 'DEBUG', 'DIGEST')).toBe(digest);
      expect(await ask(theirPort, 'DEBUG', 'DIGEST')).toBe(digest);
    }, 60_000);
  }
});

function mount(dir: string, options: string): string | undefined {
  const result = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir], { encoding: 'utf8' });
  return result.status === 0 ? undefined : (result.stderr || String(result.error)).trim();
}

describe('a rewrite on a bad disk', () => {
  const probe = tempDir();
  const unmountable = mount(probe, 'size=1m');
  if (unmountable === undefined) execFileSync('umount', [probe]);
  else
    process.stderr.write(`\nSKIPPED: rewrites on bad disks: a small file system cannot be mounted: ${unmountable}\n`);

  async function onSmallDisk(test: (dir: string, port: number, daemon: Daemon) => Promise<void>): Promise<void> {
    const dir = tempDir();
    expect(mount(dir, 'size=2m')).toBeUndefined();
    try {
      const port = await freePort();
      await test(dir, port, await serve(dir, port, ['--rdbcompression', 'no']));
    } finally {
      await Promise.all(started.splice(0).map((daemon) => daemon.end()));
      execFileSync('umount', [dir]);
    }
  }

  it.skipIf(unmountable !== undefined)(
    'that is full fails, leaves nothing behind, and succeeds when there is room',
    async () => {
      await onSmallDisk(async (dir, port, daemon) => {
        for (let i = 0; i < 50; i++) await ask(port, 'SET', `k${i}`, 'v'.repeat(10_000));
        writeFileSync(join(dir, 'ballast'), Buffer.alloc(1_300_000));
        await ask(port, 'BGREWRITEAOF');
        await until('it has failed', async () => (await persistence(port)).get('aof_last_bgrewrite_status') === 'err');
        await daemon.prints('Write error writing append only file on disk: No space left on device');
        expect(filesOf(dir).filter((name) => name.startsWith('temp-'))).toEqual([]);
        expect(await ask(port, 'SET', 'after', 'x')).toBe('OK');
        await rm(join(dir, 'ballast'));
        await ask(port, 'BGREWRITEAOF');
        await until('it is done', async () => (await persistence(port)).get('aof_last_bgrewrite_status') === 'ok');
        expect(filesOf(dir)).toHaveLength(3);
        await daemon.end('SIGKILL');
        await serve(dir, port);
        expect(await ask(port, 'DBSIZE')).toBe('51');
      });
    },
  );

  it.skipIf(unmountable !== undefined)('that is read-only is refused, and done when it is not', async () => {
    await onSmallDisk(async (dir, port, daemon) => {
      await ask(port, 'SET', 'a', '1');
      // What is open for writing keeps a file system from becoming read-only: a bind mount does not ask.
      const folder = join(dir, 'appendonlydir');
      execFileSync('mount', ['--bind', folder, folder]);
      execFileSync('mount', ['-o', 'remount,ro,bind', folder]);
      try {
        expect(await ask(port, 'BGREWRITEAOF')).toMatch(/^ERR Can't execute an AOF background rewriting/);
        await daemon.prints('Read-only file system');
        expect((await persistence(port)).get('aof_last_bgrewrite_status')).toBe('err');
      } finally {
        execFileSync('umount', [folder]);
      }
      expect(await ask(port, 'SET', 'b', '2')).toBe('OK');
      expect(await ask(port, 'BGREWRITEAOF')).toBe('Background append only file rewriting started');
      await until('it is done', async () => (await persistence(port)).get('aof_last_bgrewrite_status') === 'ok');
      await daemon.end('SIGKILL');
      await serve(dir, port);
      expect(
        await pipeline(port, [
          ['GET', 'a'],
          ['GET', 'b'],
        ]),
      ).toEqual(['1', '2']);
    });
  });
});
