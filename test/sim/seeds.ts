/** Short runs of the simulator as tests. `npm run sim` has long ones, and says what a failing seed did. */
import { describe, expect, it } from 'vitest';
import { Simulation } from './simulation.js';

const SEEDS_A_TEST = 10;
const MINUTES = 0.25;
const LIMIT_MS = 300_000;

/** `count` seeds from `first` on. */
export function testSeeds(first: number, count: number): void {
  const firsts = Array.from({ length: count / SEEDS_A_TEST }, (_, i) => first + i * SEEDS_A_TEST);
  describe('a simulated cluster keeps its promises', () => {
    it.each(firsts)('ten seeds from %d', runSeeds, LIMIT_MS);
  });
}

function runSeeds(first: number): void {
  for (let seed = first; seed < first + SEEDS_A_TEST; seed++) {
    const { violation, acknowledged } = new Simulation({ seed, nodes: 6, minutes: MINUTES }).run();
    const replay = `npm run sim -- --seed ${seed} --nodes 6 --minutes ${MINUTES}`;
    expect(violation?.text, `${replay} tells what happened`).toBeUndefined();
    expect(acknowledged, `acknowledged writes of seed ${seed}`).toBeGreaterThan(20);
  }
}
