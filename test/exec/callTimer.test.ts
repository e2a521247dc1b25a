import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/base/clock.js';
import type { ResolvedCommand } from '../../src/commands/context.js';
import { Config } from '../../src/config/config.js';
import { CallTimer } from '../../src/exec/callTimer.js';
import { CommandTable } from '../../src/exec/commandTable.js';
import { ALL_COMMANDS } from '../../src/server/commandList.js';

interface SlowCalls {
  readonly name: string;
  readonly us: number;
  readonly calls: number;
  readonly exact: boolean;
}

/** A timer whose clock moves as its calls take, and what it has told of. */
class Timed {
  readonly slow: SlowCalls[] = [];
  readonly timer: CallTimer;
  readings = 0;
  readonly #clock = new ManualClock(0);
  readonly #table = new CommandTable(ALL_COMMANDS);

  constructor(directives: Readonly<Record<string, string>> = {}) {
    const config = new Config({ directory: '/', changeDirectory: (_, path) => ({ ok: true, path }) });
    config.set(Object.entries(directives), { isLocal: true, isLoading: false });
    const clock = {
      nowMs: () => this.#clock.nowMs(),
      monotonicUs: () => {
        this.readings++;
        return this.#clock.monotonicUs();
      },
    };
    this.timer = new CallTimer(clock, config, ({ fullName }, us, calls, exact) =>
      this.slow.push({ name: fullName, us: Math.round(us), calls, exact }),
    );
  }

  command(name: string): ResolvedCommand {
    const found = this.#table.byFullName(name);
    if (found === undefined) throw new Error(name);
    return found;
  }

  /** What the executor does for a call; `inner` runs while it is under way. */
  call(name: string, us: number, inner?: () => void): void {
    const command = this.command(name);
    if (command !== this.timer.running) this.timer.open(command);
    if (inner !== undefined) {
      const startUs = this.timer.suspend();
      inner();
      this.timer.resume(command, startUs);
    }
    this.#clock.advance(us / 1000);
    command.calls++;
    if (--this.timer.callsLeft === 0) this.timer.read(false);
  }

  /** A batch of calls. */
  batch(...calls: readonly (readonly [name: string, us: number])[]): void {
    for (const [name, us] of calls) this.call(name, us);
    this.timer.close();
  }
}

const quick = (times: number): ['get', number][] => Array.from({ length: times }, () => ['get', 0.5]);

describe('the timing of calls', () => {
  it('reads the clock three times for a pipeline of quick calls, and twice for one call', () => {
    const timed = new Timed();
    timed.batch(['get', 0.5]);
    expect(timed.readings).toBe(2);
    timed.readings = 0;
    timed.batch(...quick(16));
    expect(timed.readings).toBe(3);
    expect(timed.command('get').microseconds).toBeCloseTo(8.5);
    expect(timed.command('get').latency?.total).toBe(17);
  });

  it('reads it once for each of calls that differ', () => {
    const timed = new Timed();
    timed.batch(['get', 1], ['set', 1], ['get', 1], ['set', 1]);
    expect(timed.readings).toBe(5);
    expect([timed.command('get').microseconds, timed.command('set').microseconds].map(Math.round)).toEqual([2, 2]);
  });

  it('knows a slow call exactly when another command was before it', () => {
    const timed = new Timed();
    timed.batch(...quick(20), ['keys', 12_000], ...quick(20));
    expect(timed.slow).toEqual([{ name: 'keys', us: 12_000, calls: 1, exact: true }]);
  });

  it('knows every call exactly of a command that is usually not quick', () => {
    const timed = new Timed();
    timed.batch(['keys', 100], ['keys', 100], ['keys', 15_000], ['keys', 100]);
    expect(timed.slow).toEqual([{ name: 'keys', us: 15_000, calls: 1, exact: true }]);
  });

  it('notices a slow call among quick ones of its kind, and then looks at each of them', () => {
    const timed = new Timed();
    timed.batch(...quick(10), ['get', 20_000], ...quick(10));
    expect(timed.slow).toHaveLength(1);
    const [noticed] = timed.slow as [SlowCalls];
    expect(noticed).toMatchObject({ name: 'get', exact: false });
    expect(noticed.us - 20_000).toBeLessThan(17);
    timed.slow.length = 0;
    timed.batch(...quick(10), ['get', 20_000], ...quick(10));
    expect(timed.slow).toEqual([{ name: 'get', us: 20_000, calls: 1, exact: true }]);
  });

  it('forgets its suspicion after a thousand calls', () => {
    const timed = new Timed();
    timed.batch(...quick(30_000));
    timed.batch(...quick(10), ['get', 10_000], ...quick(10));
    timed.batch(...quick(1001));
    timed.readings = 0;
    timed.batch(...quick(16));
    expect(timed.readings).toBe(3);
  });

  it('is exact for every call while the threshold is small', () => {
    const timed = new Timed({ 'slowlog-log-slower-than': '0' });
    timed.batch(['get', 1], ['get', 2], ['get', 3]);
    expect(timed.slow.map(({ us, exact }) => [us, exact])).toEqual([
      [1, true],
      [2, true],
      [3, true],
    ]);
  });

  it('goes by the smaller of both thresholds', () => {
    const timed = new Timed({ 'slowlog-log-slower-than': '-1', 'latency-monitor-threshold': '2' });
    timed.batch(['get', 1999], ['set', 2000]);
    expect(timed.slow.map(({ name }) => name)).toEqual(['set']);
    expect(new Timed({ 'slowlog-log-slower-than': '-1' }).slow).toEqual([]);
  });

  it('counts what a transaction runs as a part of EXEC', () => {
    const timed = new Timed();
    timed.call('exec', 5, () => {
      timed.call('set', 20_000);
      timed.call('get', 10);
    });
    timed.timer.close();
    expect(Math.round(timed.command('exec').microseconds)).toBe(20_015);
    expect(timed.slow.map(({ name, us }) => [name, us])).toEqual([
      ['set', 20_000],
      ['exec', 20_015],
    ]);
  });

  it('does not count a call whose client waits', () => {
    const timed = new Timed({ 'slowlog-log-slower-than': '0' });
    const wait = timed.command('wait');
    timed.timer.open(wait);
    timed.timer.callsLeft--;
    timed.timer.read(true);
    timed.timer.close();
    expect(timed.slow).toEqual([]);
    expect(wait.latency).toBeUndefined();
  });
});
