import { describe, expect, it } from 'vitest';
import { formatDouble } from '../../src/base/doubles.js';
import { Prng } from '../../src/base/prng.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('doubles against Redis');

/** Doubles whose 17 digits are their shortest text as well: all versions of Redis print them alike. */
const SHORT = [0, 1, -1, 1.5, -2.25, 0.125, 1024, 17179869184, 2 ** 53, -(2 ** 53), 1e17, 1e20, -1e21, 1e22, 2 ** -10];

describe('doubles in replies', () => {
  it('read back as the same number', () => {
    const random = new Prng(42);
    const view = new DataView(new ArrayBuffer(8));
    for (let i = 0; i < 20_000; i++) {
      view.setUint32(0, random.nextU32());
      view.setUint32(4, random.nextU32());
      const value = view.getFloat64(0);
      if (Number.isFinite(value)) expect(Number(formatDouble(value))).toBe(value);
    }
  });

  it('have two digits of exponent at least', () => {
    expect(formatDouble(1e-7)).toBe('1e-07');
    expect(formatDouble(1.5e300)).toBe('1.5e+300');
  });

  it.skipIf(!hasRedis)('are those of redis-server where 17 digits are the shortest text', async () => {
    const redis = await startRedis();
    const client = await RawClient.connect(redis.port);
    for (const value of [...SHORT, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      await client.call('ZADD', 'z', String(value).replace('Infinity', 'inf'), 'm');
      expect(await client.call('ZSCORE', 'z', 'm')).toEqual({ type: 'bulk', text: formatDouble(value) });
    }
    await client.call('HELLO', '3');
    for (const value of SHORT) {
      await client.call('ZADD', 'z', String(value), 'm');
      expect(await client.call('ZSCORE', 'z', 'm')).toEqual({ type: 'double', text: formatDouble(value) });
    }
    client.close();
    await redis.stop();
  });
});
