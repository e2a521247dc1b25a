/**
 * Random histories of string, generic and transaction commands: our server and a real one must agree on every reply.
 * SHOAL_RANDOM_SEED and SHOAL_RANDOM_HISTORIES choose others and more; a failure names its seed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningServer } from '../support/process.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';
import { startShoal } from '../support/shoal.js';
import { compareHistory } from './random/history.js';

const FIRST_SEED = Number(process.env.SHOAL_RANDOM_SEED ?? 1);
const HISTORIES = Number(process.env.SHOAL_RANDOM_HISTORIES ?? 8);
const COMMANDS = 600;

const title = 'random histories on shoal-server and redis-server';

if (redisServerOnPath() === undefined) {
  skipLoudly(title);
  describe.skip(`${title} [no redis-server on PATH]`, () => it.skip('is skipped', () => {}));
} else {
  describe(title, () => {
    let ours: RunningServer;
    let theirs: RunningServer;
    beforeAll(async () => {
      // SHOAL_SPEC_TARGET=redis compares two real servers: a test of the test.
      const start = process.env.SHOAL_SPEC_TARGET === 'redis' ? startRedis : startShoal;
      [ours, theirs] = await Promise.all([start(), startRedis()]);
    });
    afterAll(() => Promise.all([ours?.stop(), theirs?.stop()]));
    for (let i = 0; i < HISTORIES; i++) {
      it(`agree on ${COMMANDS} commands of seed ${FIRST_SEED + i}`, async () => {
        expect(await compareHistory(FIRST_SEED + i, COMMANDS, [ours.port, theirs.port])).toBeUndefined();
      });
    }
  });
}
