/**
 * Random histories of string, generic and transaction commands, alone and mixed with those of one type each, and of all types
 * together: our server and a real one must agree on every reply. All use the same few keys, so that types meet.
 * SHOAL_RANDOM_SEED and SHOAL_RANDOM_HISTORIES choose others and more, SHOAL_RANDOM_MIX (`list`) one mix; a failure names its
 * seed.
 */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningServer } from '../support/process.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';
import { startShoal } from '../support/shoal.js';
import { BASIC_COMMANDS, type WeightedCommand } from './random/generator.js';
import { compareHistory } from './random/history.js';

const FIRST_SEED = Number(process.env.SHOAL_RANDOM_SEED ?? 1);
const HISTORIES = Number(process.env.SHOAL_RANDOM_HISTORIES ?? 4);
const COMMANDS = 600;
const NOT_A_MIX: readonly string[] = ['generator', 'history'];

const title = 'random histories on shoal-server and redis-server';

/** Each file of random/ that exports commands is a mix of its own name: those commands with the basic ones. */
async function readMixes(): Promise<Map<string, readonly WeightedCommand[]>> {
  const mixes = new Map<string, readonly WeightedCommand[]>([['basic', BASIC_COMMANDS]]);
  const all: WeightedCommand[] = [...BASIC_COMMANDS];
  for (const file of readdirSync(new URL('random', import.meta.url)).sort()) {
    const name = file.replace(/\.ts$/, '');
    if (NOT_A_MIX.includes(name)) continue;
    const path = new URL(`random/${file}`, import.meta.url).href;
    const exported: Record<string, unknown> = await import(path);
    const lists = Object.keys(exported).filter((key) => key.endsWith('_COMMANDS'));
    const commands = lists.flatMap((key) => exported[key] as readonly WeightedCommand[]);
    if (commands.length === 0) continue;
    mixes.set(name, [...BASIC_COMMANDS, ...commands]);
    all.push(...commands);
  }
  return mixes.set('all', all);
}

const chosen = process.env.SHOAL_RANDOM_MIX;
const mixes = [...(await readMixes())].filter(([name]) => chosen === undefined || name === chosen);

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
    for (const [name, mix] of mixes) {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed++) {
        it(`agree on ${COMMANDS} commands of the mix ${name}, seed ${seed}`, async () => {
          expect(await compareHistory(seed, COMMANDS, [ours.port, theirs.port], mix)).toBeUndefined();
        }, 30_000);
      }
    }
  });
}
