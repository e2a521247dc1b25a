import { expect, it } from 'vitest';
import { testSeeds } from './seeds.js';
import { Simulation } from './simulation.js';

testSeeds(1, 100);

it('a seed tells the same story each time', () => {
  const tell = (): unknown => {
    const { counts, messages, acknowledged, faults } = new Simulation({ seed: 7, nodes: 7, minutes: 0.5 }).run();
    return { counts, messages, acknowledged, faults: [...faults] };
  };
  expect(tell()).toEqual(tell());
});
