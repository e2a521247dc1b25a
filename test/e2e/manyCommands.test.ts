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
import { freePort } from '../support/ports.js';
import { tempDir } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly } from '../support/redis.js';
import { AnyCommands } from './support/anyCommands.js';
import { ask, type Daemon, launch, plainArgs, until } from './support/daemon.js';

const SEED = Number(process.env.SHOAL_SEED ?? 1000);
const COMMANDS = Number(process.env.SHOAL_COMMANDS ?? 20_000);
const BATCH = 500;
const REWRITES = 5;
const AOF = ['--appendonly', 'yes'];

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

async function run({ port }: Place, random: Prng): Promise<void> {
  const client = await RawClient.connect(port);
  const writer = new AnyCommands(client, random);
  const rewriteEvery = Math.ceil(COMMANDS / BATCH / REWRITES) * BATCH;
  for (let done = 0; done < COMMANDS; done += BATCH) {
    await writer.send(BATCH);
    if (done % rewriteEvery === 0) await client.call('BGREWRITEAOF');
  }
  await writer.persistAll();
  client.close();
  const isOver = async (): Promise<boolean> =>
    /aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0/.test(await ask(port, 'INFO', 'persistence'));
  await until('no rewrite is under way', isOver);
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
