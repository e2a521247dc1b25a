/** SCAN's promise over the wire: a key that is there from the first step to the last is returned. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.js';
import { formatReply } from '../support/notation.js';
import type { RunningServer } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';
import { startShoal } from '../support/shoal.js';

const only = process.env.SHOAL_SPEC_TARGET;
const KEYS = 4000;

if (only !== 'redis') describe('SCAN (shoal-server)', () => describeScan(startShoal));
if (only !== 'shoal') {
  if (redisServerOnPath() !== undefined) describe('SCAN (redis-server)', () => describeScan(startRedis));
  else {
    skipLoudly('SCAN against redis-server');
    describe.skip('SCAN (redis-server) [no redis-server on PATH]', () => it.skip('is skipped', () => {}));
  }
}

function describeScan(start: () => Promise<RunningServer>): void {
  let server: RunningServer;
  let client: RawClient;
  beforeAll(async () => {
    server = await start();
    client = await RawClient.connect(server.port);
  });
  afterAll(async () => {
    client?.close();
    await server?.stop();
  });

  const fill = async (): Promise<string[]> => {
    const keys = Array.from({ length: KEYS }, (_, i) => `stays:${i}`);
    await client.call('FLUSHALL');
    await client.pipeline(keys.map((key) => ['SET', key, '1']));
    return keys.sort();
  };

  it.each(['1', '10', '100', '100000'])('returns every key with COUNT %s', async (count) => {
    const keys = await fill();
    const found = await walk(client, ['COUNT', count]);
    expect([...new Set(found)].sort()).toEqual(keys);
  });

  it('returns every key that MATCH lets through', async () => {
    const keys = await fill();
    const found = await walk(client, ['MATCH', 'stays:*7', 'COUNT', '50']);
    expect([...new Set(found)].sort()).toEqual(keys.filter((key) => key.endsWith('7')));
  });

  it('returns every key that stays while thousands of others come and go', async () => {
    const keys = await fill();
    const random = new Prng(20);
    let made = 0;
    const found = await walk(client, ['COUNT', '20'], async () => {
      // Grows the table to several times its size, then lets it shrink.
      const name = () => `goes:${random.below(made + 1)}`;
      const requests = Array.from({ length: 60 }, () =>
        made < 12_000 ? ['SET', `goes:${made++}`, '1'] : ['DEL', name(), name()],
      );
      await client.pipeline(requests);
    });
    const stayed = new Set(found.filter((key) => key.startsWith('stays:')));
    expect([...stayed].sort()).toEqual(keys);
  });

  it('returns every key that stays while most of the table is deleted', async () => {
    const keys = await fill();
    const kept = keys.filter((_, i) => i % 40 === 0);
    const doomed = keys.filter((_, i) => i % 40 !== 0);
    const found = await walk(client, ['COUNT', '10'], async () => {
      if (doomed.length > 0) await client.call('DEL', ...doomed.splice(0, 100));
    });
    const seen = new Set(found);
    expect(kept.filter((key) => !seen.has(key))).toEqual([]);
  });
}

/** Follows the cursor to its end, `between` the steps doing something else. */
async function walk(client: RawClient, options: string[], between?: () => Promise<void>): Promise<string[]> {
  const found: string[] = [];
  let cursor = '0';
  do {
    const reply = await client.call('SCAN', cursor, ...options);
    if (reply.type !== 'array') throw new Error(`SCAN ${cursor}: ${formatReply(reply)}`);
    const [next, keys] = reply.items;
    if (next?.type !== 'bulk' || keys?.type !== 'array') throw new Error(`SCAN ${cursor}: ${formatReply(reply)}`);
    for (const key of keys.items) if (key.type === 'bulk') found.push(key.text);
    cursor = next.text;
    await between?.();
  } while (cursor !== '0');
  return found;
}
