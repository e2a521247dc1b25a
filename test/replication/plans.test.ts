import { describe, expect, it } from 'vitest';
import { Failover } from '../../src/replication/core/failover.js';
import { isDiskless, nextToSync, type WaitingReplica } from '../../src/replication/core/syncQueue.js';

const replica = (waitingSinceMs: number, change: Partial<WaitingReplica> = {}): WaitingReplica => ({
  waitingSinceMs,
  takesMark: true,
  withoutData: false,
  ...change,
});
const settings = { diskless: true, delaySeconds: 5, enoughReplicas: 0 };

describe('the next snapshot for replicas', () => {
  it('waits for more of them when it is diskless', () => {
    const waiting = [replica(1000), replica(3000)];
    expect(nextToSync([], settings, 9000)).toEqual([]);
    expect(nextToSync(waiting, settings, 5999)).toEqual([]);
    expect(nextToSync(waiting, settings, 6000)).toEqual(waiting);
    expect(nextToSync(waiting, { ...settings, enoughReplicas: 2 }, 3000)).toEqual(waiting);
    expect(nextToSync(waiting, { ...settings, diskless: false }, 3000)).toEqual(waiting);
  });

  it('is shared by those that want the same', () => {
    const [plain, empty] = [replica(0), replica(0, { withoutData: true })];
    expect(nextToSync([plain, empty], settings, 9000)).toEqual([plain]);
    expect(nextToSync([empty, plain], settings, 9000)).toEqual([empty]);
  });

  it('goes by way of a file when one of them has to know the length', () => {
    expect(isDiskless([replica(0), replica(0)], settings)).toBe(true);
    expect(isDiskless([replica(0), replica(0, { takesMark: false })], settings)).toBe(false);
    expect(isDiskless([replica(0)], { ...settings, diskless: false })).toBe(false);
    expect(isDiskless([replica(0, { withoutData: true })], { ...settings, diskless: false })).toBe(true);
  });
});

describe('a failover', () => {
  const a = { host: '10.0.0.1', port: 1, ackedOffset: 90 };
  const b = { host: '10.0.0.2', port: 2, ackedOffset: 100 };
  const target = { host: '10.0.0.1', port: 1 };

  it('moves to whichever replica has everything', () => {
    const failover = new Failover();
    failover.start({ target: undefined, force: false, timeoutMs: 0 }, 0);
    expect(failover.look([a], 100, 1e9)).toEqual({ kind: 'wait' });
    expect(failover.look([a, b], 100, 1e9)).toEqual({
      kind: 'move',
      target: { host: '10.0.0.2', port: 2 },
      forced: false,
    });
    expect(failover.state).toBe('failover-in-progress');
    expect(failover.look([a, b], 100, 1e9)).toEqual({ kind: 'wait' });
  });

  it('waits for the one it was told, until its time is over', () => {
    const failover = new Failover();
    failover.start({ target, force: false, timeoutMs: 50 }, 1000);
    expect(failover.look([a, b], 100, 1049).kind).toBe('wait');
    expect(failover.look([a, b], 100, 1050).kind).toBe('abort');
  });

  it('goes on by force when its time is over', () => {
    const failover = new Failover();
    failover.start({ target, force: true, timeoutMs: 50 }, 1000);
    expect(failover.look([b], 100, 1050)).toEqual({ kind: 'move', target, forced: true });
    failover.end();
    expect([failover.state, failover.target]).toEqual(['no-failover', undefined]);
  });
});
