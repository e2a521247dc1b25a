/**
 * Random commands on all types, thousands of them, on a master whose replica loses its link again and again, and once its history: the
 * same digest on both.
 *
 * SHOAL_COMMANDS=1000000 runs so many; SHOAL_SEED gives others.
 */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';
import { startShoal } from '../support/shoal.js';
import { AnyCommands } from './support/anyCommands.js';
import { expectSame, type Kind, Node } from './support/replicationNode.js';

const SEED = Number(process.env.SHOAL_SEED ?? 1000);
const COMMANDS = Number(process.env.SHOAL_COMMANDS ?? 8000);
const BATCH = 500;
const CUTS = 8;
const ARGS = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--repl-backlog-size', '64mb'];

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('thousands of commands, replicated to Redis and from it');

const PAIRS: readonly (readonly [Kind, Kind])[] = [
  ['shoal', 'shoal'],
  ['shoal', 'redis'],
  ['redis', 'shoal'],
];

describe(`${COMMANDS} random commands (seed ${SEED})`, { concurrent: true }, () => {
  for (const pair of PAIRS) {
    const skipped = !hasRedis && pair.includes('redis');
    it.skipIf(skipped)(`on ${pair.join(', replicated by ')}`, { timeout: 60_000 + 5 * COMMANDS }, async (test) => {
      const [master, replica] = (await Promise.all(
        pair.map(async (kind) => {
          const server = await (kind === 'shoal' ? startShoal : startRedis)(ARGS);
          const node = await Node.connect(server);
          test.onTestFinished(async () => {
            node.client.close();
            await server.stop();
          });
          return node;
        }),
      )) as [Node, Node];
      await replica.follow(master.server.port);
      const writer = new AnyCommands(master.client, new Prng(SEED));
      const cutEvery = Math.ceil(COMMANDS / BATCH / CUTS) * BATCH;
      for (let done = 0; done < COMMANDS; done += BATCH) {
        // Nobody listens there.
        if (done % cutEvery === 0) await replica.call('REPLICAOF', '127.0.0.1', '1');
        if (done === cutEvery * 3) await master.call('DEBUG', 'CHANGE-REPL-ID');
        await writer.send(BATCH);
        // Writes go on while it catches up, or gets everything.
        if (done % cutEvery === 0) await replica.call('REPLICAOF', '127.0.0.1', String(master.server.port));
      }
      await writer.persistAll();
      await expectSame(master, replica);
      expect(await master.digest()).not.toMatch(/^0*$/);
      // At least the first time and once more; how often it comes back in time is chance.
      const syncs = [await master.info('sync_full'), await master.info('sync_partial_ok')].map(Number);
      expect((syncs[0] ?? 0) + (syncs[1] ?? 0)).toBeGreaterThan(1);
    });
  }
});
