import { describe, expect, it } from 'vitest';
import { DefragCycle } from '../../src/exec/defragCycle.js';
import { Harness } from '../net/harness.js';

/** A server whose memory is mostly holes: of `keys` keys every tenth is left. */
function sparse(keys: number): Harness {
  const harness = new Harness({ 'active-defrag-ignore-bytes': '100kb' });
  const [db] = harness.server.store.databases;
  const key = (i: number): Buffer => Buffer.from(`key:${i}`);
  const value = Buffer.alloc(100, 'v');
  for (let i = 0; i < keys; i++) db.put(key(i), 0, key(i).length, value, 0, value.length, -1);
  for (let i = 0; i < keys; i++) if (i % 10 !== 0) db.deleteKey(key(i), 0, key(i).length);
  return harness;
}

function field(harness: Harness, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(harness.server.info(['everything']))?.[1]);
}

describe('activedefrag', () => {
  it('does nothing until it is switched on, and then moves what it must', () => {
    const harness = sparse(20_000);
    const stream = harness.connect();
    const cycle = new DefragCycle(harness.server, harness.server.executor.latency);
    expect(cycle.run()).toBe(false);
    expect(field(harness, 'active_defrag_hits')).toBe(0);
    expect(harness.call(stream, 'CONFIG', 'SET', 'activedefrag', 'yes')).toMatchObject({ text: 'OK' });
    const before = harness.server.store.defragmenter.wastedBytes;
    while (cycle.run());
    expect(harness.server.store.defragmenter.wastedBytes).toBeLessThan(before / 4);
    expect(field(harness, 'active_defrag_hits')).toBeGreaterThan(1000);
    expect(field(harness, 'active_defrag_running')).toBe(0);
    harness.server.store.verify();
  });

  it('leaves memory alone that is not worth it', () => {
    const harness = sparse(20_000);
    const stream = harness.connect();
    harness.call(stream, 'CONFIG', 'SET', 'activedefrag', 'yes', 'active-defrag-ignore-bytes', '100mb');
    expect(new DefragCycle(harness.server, harness.server.executor.latency).run()).toBe(false);
    expect(field(harness, 'active_defrag_misses')).toBe(0);
  });

  it('stops in the middle when it is switched off', () => {
    const harness = sparse(20_000);
    const stream = harness.connect();
    harness.call(stream, 'CONFIG', 'SET', 'activedefrag', 'yes');
    const { defragmenter } = harness.server.store;
    defragmenter.step(20);
    expect(defragmenter.isRunning).toBe(true);
    harness.call(stream, 'CONFIG', 'SET', 'activedefrag', 'no');
    new DefragCycle(harness.server, harness.server.executor.latency).run();
    expect(defragmenter.isRunning).toBe(false);
    harness.server.store.verify();
  });
});
