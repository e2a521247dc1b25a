/** What replication takes of memory, as both servers tell it, and what of that maxmemory limits. */
import { describe, expect, it } from 'vitest';
import type { RunningServer } from '../support/process.js';
import { RawClient } from '../support/rawclient.js';
import { redisServerOnPath, skipLoudly, startRedis } from '../support/redis.js';
import { startShoal } from '../support/shoal.js';
import { until } from './support/daemon.js';

const hasRedis = redisServerOnPath() !== undefined;
if (!hasRedis) skipLoudly('memory of replication');

const MIB = 1 << 20;
const ARGS = ['--repl-diskless-sync-delay', '0', '--repl-backlog-size', '1mb', '--repl-timeout', '600'];
const servers: [string, (args: readonly string[]) => Promise<RunningServer>][] = [['shoal', startShoal]];
if (hasRedis) servers.push(['redis', startRedis]);

describe.concurrent.each(servers)('memory of replication on %s', (_, start) => {
  it('is the backlog, and what a slow replica has not taken yet, which evicts nothing', async ({ onTestFinished }) => {
    const server = await start(ARGS);
    const client = await RawClient.connect(server.port);
    const replica = await RawClient.connect(server.port);
    onTestFinished(async () => {
      client.close();
      replica.close();
      await server.stop();
    });
    const figures = async (): Promise<Record<string, number>> => {
      const reply = await client.call('INFO', 'everything');
      const text = 'text' in reply ? reply.text : '';
      return Object.fromEntries(
        [...text.matchAll(/^(\w+):(\d+)\r$/gm)].map(([, name, value]) => [name, Number(value)]),
      );
    };
    const value = 'x'.repeat(MIB);
    for (let i = 0; i < 16; i++) await client.call('SET', `key:${i}`, value);
    replica.pause();
    replica.send('PSYNC', '?', '-1');
    await until('it is a replica', async () => (await figures()).connected_slaves === 1);
    const before = await figures();
    expect(before.mem_clients_slaves).toBe(0);
    await client.call(
      'CONFIG',
      'SET',
      'maxmemory',
      String(before.used_memory + 4 * MIB),
      'maxmemory-policy',
      'allkeys-lru',
    );
    // The kernel takes some MiB of it for the replica.
    for (let i = 0; i < 32; i++) await client.call('SET', `key:${i % 16}`, value);

    const after = await figures();
    expect(after.mem_clients_slaves).toBeGreaterThan(16 * MIB);
    expect(after.mem_clients_slaves).toBeLessThan(34 * MIB);
    expect(after.mem_replication_backlog).toBeGreaterThanOrEqual(MIB);
    expect(after.mem_replication_backlog).toBeLessThan(1.2 * MIB);
    expect(after.mem_total_replication_buffers).toBeGreaterThanOrEqual(after.mem_clients_slaves + MIB);
    expect(Math.abs(after.mem_not_counted_for_evict - after.mem_clients_slaves)).toBeLessThan(0.3 * MIB);
    // It is over the limit, but not by what the limit is about.
    expect(after.used_memory).toBeGreaterThan(before.used_memory + 4 * MIB);
    expect(after.evicted_keys).toBe(0);

    // The data is: with a limit that it does not fit in, keys go.
    await client.call('CONFIG', 'SET', 'maxmemory', String(14 * MIB));
    await until('keys are evicted', async () => {
      await client.call('SET', 'another', 'x');
      return (await figures()).evicted_keys > 0;
    });
  });
});
