/** The recorded specs are what a real redis-server does. `SPEC_RECORD=1` records them anew. */
import { describe, it } from 'vitest';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';
import { describeSpecs } from './harness/suite.js';

const version = redisServerOnPath();
const only = process.env.SHOAL_SPEC_TARGET;

if (only !== undefined && only !== 'redis') {
  describe.skip('specs against redis-server [SHOAL_SPEC_TARGET asks for the other half]', () =>
    it.skip('is skipped', () => {}));
} else if (version === undefined) {
  skipLoudly('specs against redis-server');
  describe.skip('specs against redis-server [no redis-server on PATH]', () => it.skip('is skipped', () => {}));
} else if (!version.startsWith('7.0.')) {
  process.stderr.write(`\nSKIPPED: specs against redis-server: they are recorded from 7.0, this one is ${version}\n`);
  describe.skip(`specs against redis-server [recorded from 7.0, not ${version}]`, () =>
    it.skip('is skipped', () => {}));
} else {
  describeSpecs({
    name: `redis-server ${version}`,
    start: startRedis,
    version,
    record: process.env.SPEC_RECORD === '1',
  });
}
