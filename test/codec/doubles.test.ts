import { describe, expect, it } from 'vitest';
import { formatDouble, writeDouble } from '../../src/base/doubles.js';
import { Prng } from '../../src/base/prng.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('doubles against Redis');

/** Doubles whose 17 digits are their shortest text as well: all versions of Redis print them alike. */
const SHORT = [0, 1, -1, 1.5, -2.25, 0.125, 1024, 17179869184, 2 ** 53, -(2 ** 53), -1e21, 1e22, 2 ** -6];

/** What Redis 7.2 prints and 7.0 does not. */
const SINCE_7_2: readonly (readonly [number, string])[] = [
  [0.1, '0.1'],
  [-3.3, '-3.3'],
  [1e17, '100000000000000000'],
  [-(2 ** 62), '-4611686018427387904'],
  [2 ** 63, '9223372036854776000'],
  [2 ** 64, '18446744073709552000'],
  [1.5e19, '1.5e+19'],
  [123456789012345670000, '123456789012345670000'],
  [1e20, '1e+20'],
  [0.000001, '0.000001'],
  [1e-7, '1e-7'],
  [1.5e-6, '1.5e-6'],
  [0.001234567891, '0.001234567891'],
  [0.0001234567891, '1.234567891e-4'],
  [1234.5678901, '1234.5678901'],
  [12345.678901, '12345.678901'],
  [12345.6789012, '1.23456789012e+4'],
  [1.5e300, '1.5e+300'],
  [5e-324, '5e-324'],
];

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

  it('take the forms of Redis 7.2', () => {
    for (const [value, text] of SINCE_7_2) expect(formatDouble(value)).toBe(text);
  });

  it('are written without a string where that is easy, with the same outcome', () => {
    const random = new Prng(43);
    const buf = Buffer.alloc(32);
    const written = (value: number) => buf.toString('latin1', 2, writeDouble(buf, 2, value));
    for (const [value, text] of SINCE_7_2) expect(written(value)).toBe(text);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1e-300]) {
      expect(written(value)).toBe(formatDouble(value));
    }
    for (let i = 0; i < 20_000; i++) {
      const decimals = 10 ** random.below(9);
      const whole = random.below(10 ** (1 + random.below(9))) * (random.below(2) === 0 ? 1 : random.below(1e6));
      const value = ((random.below(2) === 0 ? 1 : -1) * whole) / decimals;
      expect(written(value)).toBe(formatDouble(value));
      expect(Number(written(value))).toBe(value);
    }
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
