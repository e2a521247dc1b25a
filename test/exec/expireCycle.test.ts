/** Keys whose time is over go without anybody's touch, in slices that leave time for others. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ExpireCycle } from '../../src/exec/expireCycle.js';
import { Cron } from '../../src/server/cron.js';
import { type FakeStream, Harness } from '../net/harness.js';

/** What the work between two looks at the clock takes here. */
const US_A_LOOK = 25;

class World {
  readonly harness: Harness;
  readonly stream: FakeStream;
  /** Time spent on work, as the clock was told. */
  busyUs = 0;

  constructor(directives: Readonly<Record<string, string>> = {}) {
    this.harness = new Harness(directives);
    this.stream = this.harness.connect();
    const { clock } = this.harness;
    const read = clock.monotonicUs.bind(clock);
    clock.monotonicUs = () => {
      this.busyUs += US_A_LOOK;
      return read() + this.busyUs;
    };
  }

  call(...args: string[]): unknown {
    const reply = this.harness.call(this.stream, ...args);
    return 'text' in reply ? reply.text : reply.type;
  }

  /** So many keys that all expire in a second. */
  fill(count: number): void {
    for (let i = 0; i < count; i++) this.call('SET', `key:${i}`, 'v', 'PX', '1000');
  }

  get keys(): number {
    return this.harness.server.store.databases[0].size;
  }

  stat(name: string): number {
    return Number(new RegExp(`^${name}:(\\S+)\r$`, 'm').exec(String(this.call('INFO', 'stats')))?.[1]);
  }
}

describe('a slice of the expiry cycle', () => {
  it('takes every key that is due, of every database, and no other', () => {
    const world = new World();
    world.fill(20);
    world.call('SET', 'later', 'v', 'PX', '1001');
    world.call('SET', 'ever', 'v');
    world.call('SELECT', '3');
    world.call('SET', 'there', 'v', 'PX', '500');
    const cycle = new ExpireCycle(world.harness.server.executor);
    world.harness.clock.advance(999);
    expect(cycle.run()).toBe(false);
    expect(world.keys).toBe(22);
    expect(world.harness.server.store.databases[3].size).toBe(0);
    world.harness.clock.advance(1);
    expect(cycle.run()).toBe(false);
    expect(world.keys).toBe(2);
    expect(world.stat('expired_keys')).toBe(21);
    expect(world.stat('expired_time_cap_reached_count')).toBe(0);
  });

  it('ends in time, and says that more is to be done', () => {
    const world = new World();
    world.fill(5000);
    world.harness.clock.advance(1000);
    const cycle = new ExpireCycle(world.harness.server.executor);
    for (let slices = 1; ; slices++) {
      const [before, busyBefore] = [world.keys, world.busyUs];
      const more = cycle.run();
      expect(world.busyUs - busyBefore).toBeLessThan(1500);
      if (!more) break;
      expect(world.keys).toBeLessThan(before);
      expect(world.keys).toBeGreaterThan(0);
      expect(world.harness.server.stats.expiredTimeCapReached).toBe(slices);
    }
    expect(world.keys).toBe(0);
  });
});

describe('the clock of expiry', () => {
  let cron: Cron | undefined;

  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    cron?.stop();
    vi.useRealTimers();
  });

  /** Milliseconds until the keys are gone, and the share that work has of those since it began. Time passes a millisecond at a time. */
  function reclaim(world: World, count: number): { ms: number; share: number } {
    world.fill(count);
    cron = new Cron(world.harness.server);
    cron.start();
    world.harness.clock.advance(1000);
    let ms = 0;
    let beganMs = 0;
    const busyBefore = world.busyUs;
    let owedUs = 0;
    while (world.keys > 0 && ms < 60_000) {
      const before = world.busyUs;
      if (world.keys === count) beganMs = ms;
      vi.advanceTimersByTime(1);
      world.harness.clock.advance(1);
      ms++;
      // Timers stand still while a slice works.
      owedUs += world.busyUs - before;
      for (; owedUs >= 1000; owedUs -= 1000) ms++;
    }
    return { ms, share: (world.busyUs - busyBefore) / 1000 / (ms - beganMs) };
  }

  it('leaves others at least two thirds of the time, and less with active-expire-effort', () => {
    const little = reclaim(new World(), 12_000);
    const much = reclaim(new World({ 'active-expire-effort': '10' }), 12_000);
    expect(little.share).toBeGreaterThan(0.2);
    expect(little.share).toBeLessThan(0.34);
    expect(much.share).toBeGreaterThan(little.share + 0.1);
    expect(much.share).toBeLessThan(0.55);
    expect(much.ms).toBeLessThan(little.ms);
  });

  it('ticks as often as hz says', () => {
    const often = reclaim(new World({ hz: '100' }), 3);
    const seldom = reclaim(new World({ hz: '2' }), 3);
    expect(often.ms).toBeLessThan(13);
    expect(seldom.ms).toBeGreaterThan(490);
    expect(seldom.ms).toBeLessThan(510);
  });

  it('rests when DEBUG SET-ACTIVE-EXPIRE switched it off, while readers are told the truth', () => {
    const world = new World();
    world.harness.server.activeExpire = false;
    expect(reclaim(world, 10).ms).toBe(60_000);
    expect(world.keys).toBe(10);
    expect(world.call('GET', 'key:0')).toBe('nil');
    expect(world.keys).toBe(9);
    world.harness.server.activeExpire = true;
    vi.advanceTimersByTime(200);
    expect(world.keys).toBe(0);
  });
});
