import { describe, expect, it } from 'vitest';
import { PauseState } from '../../src/exec/pause.js';

describe('PauseState', () => {
  it('is over at its end', () => {
    const pause = new PauseState();
    expect(pause.activeAt(0)).toBe(false);
    pause.start(100, false, 0);
    expect([pause.activeAt(99), pause.activeAt(100)]).toEqual([true, false]);
  });

  it('ends when told', () => {
    const pause = new PauseState();
    pause.start(100, false, 0);
    pause.end();
    expect(pause.activeAt(1)).toBe(false);
  });

  it('is not made shorter by a second one', () => {
    const pause = new PauseState();
    pause.start(100, false, 0);
    pause.start(50, false, 10);
    expect(pause.activeAt(99)).toBe(true);
    pause.start(200, false, 20);
    expect(pause.activeAt(199)).toBe(true);
  });

  it('of everything is not made one of writes only, and the other way round it is', () => {
    const pause = new PauseState();
    pause.start(100, false, 0);
    pause.start(200, true, 10);
    expect(pause.writesOnly).toBe(false);
    const writes = new PauseState();
    writes.start(100, true, 0);
    expect(writes.writesOnly).toBe(true);
    writes.start(200, false, 10);
    expect(writes.writesOnly).toBe(false);
  });

  it('that is over has no say in the next one', () => {
    const pause = new PauseState();
    pause.start(100, false, 0);
    pause.start(250, true, 200);
    expect([pause.writesOnly, pause.untilMs]).toEqual([true, 250]);
  });
});
