/** The append-only file after restarts, cut tails, on full disks and with other servers. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { encodeRequest } from '../support/resp.js';
import { ask, type Daemon, type LaunchOptions, launch, ONLY_REDIS, plainArgs, until } from './support/daemon.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('append-only files exchanged with Redis');

const started: Daemon[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((daemon) => daemon.end()));
});

function start(dir: string, port: number, more: readonly string[] = [], options?: LaunchOptions): Daemon {
  const daemon = launch(plainArgs(port, ['--dir', dir, '--appendonly', 'yes', ...more]), options);
  started.push(daemon);
  return daemon;
}

async function serve(dir: string, port: number, ...more: string[]): Promise<Daemon> {
  const daemon = start(dir, port, more);
  await daemon.ready();
  return daemon;
}

function incrFile(dir: string): string {
  const folder = join(dir, 'appendonlydir');
  const name = readdirSync(folder).find((file) => file.endsWith('.incr.aof'));
  return join(folder, name ?? 'missing');
}

/** Runs requests in one pipeline; answers the texts of the replies, null for nil. */
async function pipeline(port: number, requests: readonly (readonly string[])[]): Promise<(string | null)[]> {
  const client = await RawClient.connect(port);
  const replies = await client.pipeline(requests);
  client.close();
  return replies.map((reply) => ('text' in reply ? reply.text : null));
}

describe('a restart', () => {
  it('finds every database, every time to live and what was deleted', async () => {
    const dir = tempDir();
    const port = await freePort();
    const first = await serve(dir, port);
    await pipeline(port, [
      ['SET', 'k', 'zero'],
      ['SELECT', '3'],
      ['SET', 'k', 'three'],
      ['SET', 'short', 'x', 'PX', '1'],
      ['SET', 'long', 'x', 'EX', '1000'],
      ['SET', 'gone', 'x'],
      ['DEL', 'gone'],
      ['APPEND', 'k', '\0\r\n\xff'],
      ['INCRBYFLOAT', 'f', '0.1'],
      ['INCRBYFLOAT', 'f', '0.2'],
    ]);
    await first.end('SIGTERM');
    await serve(dir, port);
    const replies = await pipeline(port, [
      ['GET', 'k'],
      ['SELECT', '3'],
      ['GET', 'k'],
      ['EXISTS', 'short', 'gone'],
      ['TTL', 'long'],
      ['GET', 'f'],
      ['DBSIZE'],
    ]);
    expect(replies.slice(0, 4)).toEqual(['zero', 'OK', 'three\0\r\n\xff', '0']);
    expect(Number(replies[4])).toBeGreaterThan(900);
    expect(replies.slice(5)).toEqual(['0.3', '3']);
  });

  it('without the AOF leaves its folder alone', async () => {
    const dir = tempDir();
    const port = await freePort();
    const first = await serve(dir, port);
    await ask(port, 'SET', 'k', 'v');
    await first.end('SIGTERM');
    const second = launch(plainArgs(port, ['--dir', dir]));
    started.push(second);
    await second.ready();
    expect(await ask(port, 'DBSIZE')).toBe('0');
    await second.end('SIGTERM');
    await serve(dir, port);
    expect(await ask(port, 'GET', 'k')).toBe('v');
  });
});

describe('while a large file is loaded', () => {
  const keys = 800_000;

  it('clients are told to wait, and INFO tells how far it is', async () => {
    const dir = tempDir();
    const port = await freePort();
    await writeLargeAof(dir, keys);
    const daemon = start(dir, port);
    const client = await connectWhenItListens(port);
    const seen = new Set<string>();
    while (!daemon.output.includes('Ready to accept')) {
      const reply = await client.call('GET', 'k1');
      if (reply.type === 'error') seen.add(reply.text);
      if (seen.size === 1 && !seen.has('info')) {
        const info = await client.call('INFO', 'persistence');
        if (
          'text' in info &&
          /loading:1\r\n[^$]*loading_rdb_used_mem:0\r\n.*\r\nloading_loaded_perc:\d+\.\d\d\r\n/.test(info.text)
        )
          seen.add('info');
      }
    }
    expect([...seen]).toEqual(['LOADING Redis is loading the dataset in memory', 'info']);
    client.close();
    expect(await ask(port, 'DBSIZE')).toBe(String(keys));
    expect(daemon.output).toMatch(/DB loaded from append only file: \d+\.\d+ seconds/);
    expect(await ask(port, 'INFO', 'persistence')).toContain('loading:0\r\n');
  });

  it('SIGTERM ends the server, and the file stays as it is', async () => {
    const dir = tempDir();
    const port = await freePort();
    await writeLargeAof(dir, keys);
    const before = statSync(incrFile(dir)).size;
    const daemon = start(dir, port);
    const client = await connectWhenItListens(port);
    expect(await client.call('GET', 'k')).toMatchObject({ type: 'error' });
    expect(await daemon.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(daemon.output).not.toContain('Ready to accept');
    expect(statSync(incrFile(dir)).size).toBe(before);
  });
});

/** A folder with a file of `SET k<i> v<i>`, larger than is loaded at once. */
async function writeLargeAof(dir: string, keys: number): Promise<void> {
  const folder = join(dir, 'appendonlydir');
  await mkdir(folder);
  const commands: string[] = ['*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n'];
  for (let i = 0; i < keys; i++) {
    const key = `k${i}`;
    commands.push(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$5\r\nvalue\r\n`);
  }
  writeFileSync(join(folder, 'appendonly.aof.1.incr.aof'), commands.join(''));
  writeFileSync(join(folder, 'appendonly.aof.manifest'), 'file appendonly.aof.1.incr.aof seq 1 type i\n');
}

async function connectWhenItListens(port: number): Promise<RawClient> {
  let client: RawClient | undefined;
  await until('it listens', async () => {
    client = await RawClient.connect(port).catch(() => undefined);
    return client !== undefined;
  });
  return client as RawClient;
}

describe('a file whose end is missing', () => {
  async function withCutTail(port: number): Promise<{ dir: string; wholeBytes: number }> {
    const dir = tempDir();
    const daemon = await serve(dir, port);
    await ask(port, 'SET', 'first', 'one');
    const wholeBytes = statSync(incrFile(dir)).size;
    await ask(port, 'SET', 'second', 'two');
    await daemon.end('SIGKILL');
    truncateSync(incrFile(dir), statSync(incrFile(dir)).size - 3);
    return { dir, wholeBytes };
  }

  it('is cut behind the last whole command, which the log names by its byte', async () => {
    const port = await freePort();
    const { dir, wholeBytes } = await withCutTail(port);
    const daemon = await serve(dir, port);
    expect(daemon.output).toMatch(new RegExp(`Truncating the AOF \\S+ at offset ${wholeBytes} `));
    expect(statSync(incrFile(dir)).size).toBe(wholeBytes);
    expect(
      await pipeline(port, [
        ['GET', 'first'],
        ['GET', 'second'],
      ]),
    ).toEqual(['one', null]);
    await ask(port, 'SET', 'third', '3');
    await daemon.end('SIGKILL');
    await serve(dir, port);
    expect(
      await pipeline(port, [
        ['GET', 'first'],
        ['GET', 'third'],
      ]),
    ).toEqual(['one', '3']);
  });

  it('stops the start with aof-load-truncated no, and stays as it is', async () => {
    const port = await freePort();
    const { dir } = await withCutTail(port);
    const before = readFileSync(incrFile(dir));
    const daemon = start(dir, port, ['--aof-load-truncated', 'no']);
    expect(await daemon.ending).toEqual({ code: 1, signal: null });
    expect(daemon.output).toContain('Unexpected end of file reading the append only file');
    expect(readFileSync(incrFile(dir))).toEqual(before);
  });

  it('stops the start when it is broken in the middle', async () => {
    const port = await freePort();
    const { dir, wholeBytes } = await withCutTail(port);
    const broken = readFileSync(incrFile(dir));
    broken[wholeBytes - 8] = 0x58;
    writeFileSync(incrFile(dir), broken);
    const daemon = start(dir, port);
    expect(await daemon.ending).toEqual({ code: 1, signal: null });
    expect(daemon.output).toContain('Bad file format reading the append only file');
  });
});

describe('two servers on one folder', () => {
  it.skipIf(ONLY_REDIS)('are one too many: the second does not start and touches nothing', async () => {
    const dir = tempDir();
    const [port, otherPort] = [await freePort(), await freePort()];
    const first = await serve(dir, port);
    await ask(port, 'SET', 'k', 'v');
    const second = start(dir, otherPort);
    expect(await second.ending).toEqual({ code: 1, signal: null });
    expect(second.output).not.toContain('Ready to accept');
    expect(await ask(port, 'SET', 'k', 'w')).toBe('OK');
    await first.end('SIGKILL');
    await serve(dir, otherPort);
    expect(await ask(otherPort, 'GET', 'k')).toBe('w');
  });
});

describe.skipIf(!hasRedis)('Redis and we read each other’s folders', () => {
  const requests = [
    ['SET', 'plain', 'value'],
    ['SET', 'bytes', '\0\xff\r\n'],
    ['SET', 'ttl', 'x', 'EX', '5000'],
    ['SET', 'far', 'x', 'PXAT', '9007199254740993'],
    ['SET', 'farther', 'x'],
    ['PEXPIREAT', 'farther', '9223372036854775806'],
    ['RENAME', 'farther', 'farthest'],
    ['MSET', 'a', '1', 'b', '2'],
    ['INCRBY', 'a', '41'],
    ['SELECT', '9'],
    ['SET', 'other', 'database'],
    ['MULTI'],
    ['SETRANGE', 'r', '5', 'x'],
    ['RENAME', 'r', 'range'],
    ['EXEC'],
    ['COPY', 'range', 'copied', 'DB', '0'],
  ];
  const questions = [
    ['GET', 'plain'],
    ['GET', 'bytes'],
    ['PEXPIRETIME', 'ttl'],
    ['PEXPIRETIME', 'far'],
    ['PEXPIRETIME', 'farthest'],
    ['MGET', 'a', 'b'],
    ['GET', 'copied'],
    ['SELECT', '9'],
    ['GET', 'other'],
    ['GET', 'range'],
    ['DBSIZE'],
  ];

  async function handedOver(firstProgram: string | undefined, secondProgram: string | undefined): Promise<void> {
    const dir = tempDir();
    const port = await freePort();
    const withoutPreamble = ['--aof-use-rdb-preamble', 'no'];
    const first = start(dir, port, withoutPreamble, firstProgram === undefined ? {} : { program: firstProgram });
    await first.ready();
    await pipeline(port, requests);
    const before = await pipeline(port, questions);
    await first.end('SIGTERM');
    const second = start(dir, port, withoutPreamble, secondProgram === undefined ? {} : { program: secondProgram });
    await second.ready();
    expect(await pipeline(port, questions)).toEqual(before);
    await second.end('SIGTERM');
    expect(spawnSync('redis-check-aof', [join(dir, 'appendonlydir', 'appendonly.aof.manifest')]).status).toBe(0);
  }

  it('ours is loaded by Redis', () => handedOver(undefined, 'redis-server'));
  it('that of Redis is loaded by us', () => handedOver('redis-server', undefined));

  it('also after Redis rewrote its own', async () => {
    const dir = tempDir();
    const port = await freePort();
    const first = start(dir, port, ['--aof-use-rdb-preamble', 'no'], { program: 'redis-server' });
    await first.ready();
    await pipeline(port, requests);
    await ask(port, 'BGREWRITEAOF');
    await until('the rewrite is done', async () =>
      /aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\n/.test(await ask(port, 'INFO', 'persistence')),
    );
    await ask(port, 'SET', 'behind', 'the rewrite');
    const before = await pipeline(port, [...questions.slice(0, 7), ['GET', 'behind']]);
    await first.end('SIGTERM');
    await serve(dir, port);
    expect(await pipeline(port, [...questions.slice(0, 7), ['GET', 'behind']])).toEqual(before);
  });
});

/** A file system of a megabyte, or the reason why there is none. */
function mountSmallDisk(dir: string): string | undefined {
  const result = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir], { encoding: 'utf8' });
  return result.status === 0 ? undefined : (result.stderr || String(result.error)).trim();
}

describe('a full disk', () => {
  const probe = tempDir();
  const unmountable = mountSmallDisk(probe);
  if (unmountable === undefined) execFileSync('umount', [probe]);
  else process.stderr.write(`\nSKIPPED: full disks: a small file system cannot be mounted: ${unmountable}\n`);

  async function onSmallDisk(
    policy: string,
    test: (daemon: Daemon, port: number, dir: string) => Promise<void>,
  ): Promise<void> {
    const dir = tempDir();
    expect(mountSmallDisk(dir)).toBeUndefined();
    try {
      const port = await freePort();
      const daemon = await serve(dir, port, '--appendfsync', policy);
      writeFileSync(join(dir, 'ballast'), Buffer.alloc(512 * 1024));
      await test(daemon, port, dir);
    } finally {
      await Promise.all(started.splice(0).map((daemon) => daemon.end()));
      execFileSync('umount', [dir]);
    }
  }

  /** Writes until the server refuses; answers its words and how many writes it took. */
  async function fill(port: number): Promise<{ refusal: string; taken: number }> {
    const client = await RawClient.connect(port);
    const value = 'v'.repeat(10_000);
    for (let i = 0; i < 500; i++) {
      client.write(encodeRequest(['SET', `k${i}`, value]));
      const reply = await client.read();
      if (reply.type === 'simple') continue;
      client.close();
      return { refusal: reply.type === 'error' ? reply.text : reply.type, taken: i };
    }
    throw new Error('the disk did not become full');
  }

  it.skipIf(unmountable !== undefined)(
    'with everysec refuses writes, serves reads, and takes writes again when there is room',
    async () => {
      await onSmallDisk('everysec', async (daemon, port, dir) => {
        const { refusal, taken } = await fill(port);
        expect(refusal).toMatch(/^MISCONF Errors writing to the AOF file: No space left on device/);
        expect(taken).toBeGreaterThan(20);
        expect(await ask(port, 'STRLEN', 'k1')).toBe('10000');
        expect(await ask(port, 'INFO', 'persistence')).toContain('aof_last_write_status:err\r\n');
        await rm(join(dir, 'ballast'));
        await until('writes are taken again', async () => (await ask(port, 'SET', 'after', 'x')) === 'OK');
        expect(await ask(port, 'INFO', 'persistence')).toContain('aof_last_write_status:ok\r\n');
        await daemon.prints('AOF write error looks solved');
        const size = await ask(port, 'DBSIZE');
        await daemon.end('SIGKILL');
        await serve(dir, port);
        expect(await ask(port, 'DBSIZE')).toBe(size);
        expect(await ask(port, 'GET', 'after')).toBe('x');
      });
    },
  );

  it.skipIf(unmountable !== undefined)(
    'with always ends the server before it acknowledges what it could not write',
    async () => {
      await onSmallDisk('always', async (daemon, port, dir) => {
        const { refusal, taken } = await fill(port);
        expect(refusal).toBe('closed');
        expect((await daemon.ending).code).toBe(1);
        expect(daemon.output).toContain("Can't recover from AOF write error when the AOF fsync policy is 'always'");
        await rm(join(dir, 'ballast'));
        await serve(dir, port);
        const found = Number(await ask(port, 'DBSIZE'));
        expect(found).toBeGreaterThanOrEqual(taken);
      });
    },
  );
});
