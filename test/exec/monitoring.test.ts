import { describe, expect, it } from 'vitest';
import { latencyGraph, latencyReport } from '../../src/commands/server/latencyReport.js';
import type { LatencySample } from '../../src/commands/server/monitoringPorts.js';
import { shortened } from '../../src/exec/slowlog.js';
import { ArgVector } from '../../src/resp/argVector.js';
import { Harness } from '../net/harness.js';

const texts = (args: readonly Uint8Array[]): string[] => args.map((arg) => Buffer.from(arg).toString('latin1'));

describe('the arguments in the slow log', () => {
  it('are 32 at the most, the last of them a note of how many are left out', () => {
    const words = (count: number): string[] => Array.from({ length: count }, (_, i) => `w${i}`);
    expect(texts(shortened(ArgVector.from(words(32)), []))).toEqual(words(32));
    expect(texts(shortened(ArgVector.from(words(33)), []))).toEqual([...words(31), '... (2 more arguments)']);
  });

  it('are 128 bytes long at the most', () => {
    const args = ArgVector.from(['x'.repeat(128), 'y'.repeat(130)]);
    expect(texts(shortened(args, []))).toEqual(['x'.repeat(128), `${'y'.repeat(128)}... (2 more bytes)`]);
  });

  it('keep secrets', () => {
    expect(texts(shortened(ArgVector.from(['auth', 'user', 'password']), [1, 2]))).toEqual([
      'auth',
      '(redacted)',
      '(redacted)',
    ]);
  });
});

describe('the latency monitor', () => {
  function monitored(): Harness {
    const harness = new Harness({ 'latency-monitor-threshold': '10' });
    return harness;
  }

  it('keeps the worst of each second, and of those the last 160', () => {
    const { clock, server } = monitored();
    const { latency } = server.executor;
    for (const ms of [12, 40, 20, 9]) latency.add('event', ms * 1000);
    expect(latency.series.get('event')).toMatchObject({ samples: [{ latencyMs: 40 }], worstMs: 40 });
    for (let i = 0; i < 200; i++) {
      clock.advance(1000);
      latency.add('event', (11 + i) * 1000);
    }
    const { samples, worstMs } = latency.series.get('event') ?? { samples: [], worstMs: 0 };
    expect([samples.length, samples[0]?.latencyMs, samples[159]?.latencyMs, worstMs]).toEqual([160, 51, 210, 210]);
  });

  it('reads no clock while it is off', () => {
    const harness = new Harness();
    const { latency } = harness.server.executor;
    const began = latency.begin();
    harness.clock.advance(1_000_000);
    latency.end('event', began);
    latency.add('event', 1e9);
    expect(latency.series.size).toBe(0);
  });

  it('is told of keys that take long to expire', () => {
    const { clock, server } = monitored();
    const { executor } = server;
    const [db] = server.store.databases;
    const key = Buffer.from('k');
    db.put(key, 0, 1, key, 0, 1, clock.nowMs() + 1);
    const remove = db.delete.bind(db);
    db.delete = (ref) => {
      clock.advance(50);
      return remove(ref);
    };
    executor.expire(db, db.find(key, 0, 1), key, 0, 1);
    expect([...executor.latency.series.keys()]).toEqual(['expire-del']);
  });
});

describe('LATENCY GRAPH', () => {
  const graph = (latencies: readonly number[]): string[] => {
    const samples: LatencySample[] = latencies.map((latencyMs, i) => ({ atSeconds: i * 30, latencyMs }));
    const now = (latencies.length - 1) * 30;
    return latencyGraph('e', { samples, worstMs: Math.max(...latencies) }, now).split('\n');
  };

  it('draws a column of up to four rows for each sample, its age below', () => {
    expect(graph([10, 20, 30, 40])).toEqual([
      'e - high 40 ms, low 10 ms (all time high 40 ms)',
      '-'.repeat(80),
      '   #',
      '  #|',
      ' o||',
      '_|||',
      '    ',
      '1130',
      'mm0s',
      '  s ',
      '',
    ]);
  });

  it('goes on below after 80 samples', () => {
    const lines = graph(Array.from({ length: 81 }, (_, i) => 10 + i));
    expect(lines.filter((line) => line.length === 80).length).toBeGreaterThan(5);
    expect(lines.slice(-8)).toEqual(['', '#', '|', '|', '|', ' ', '0', 's', ''].slice(1));
  });
});

describe('LATENCY DOCTOR', () => {
  const settings = { 'latency-monitor-threshold': 10, 'slowlog-log-slower-than': 50_000 };
  const series = { samples: [{ atSeconds: 1, latencyMs: 20 }], worstMs: 20 };

  it('says how to switch the monitor on', () => {
    expect(latencyReport(new Map(), { ...settings, 'latency-monitor-threshold': 0 })).toContain(
      'latency-monitor-threshold',
    );
  });

  it('gives each advice once, and tells when the slow log misses calls', () => {
    const events = ['command', 'aof-write', 'aof-write-alone', 'other'].map((event) => [event, series] as const);
    const report = latencyReport(new Map(events), settings);
    expect(report.match(/keep other programs away/g)).toHaveLength(1);
    expect(report).toContain('lower slowlog-log-slower-than');
    expect(report).toContain('4. other: 1 samples, mean 20 ms');
  });
});
