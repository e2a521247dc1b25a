import type { Command } from '../define.js';
import { counterCommands } from './counter.js';
import { randomCommands } from './random.js';
import { readCommands } from './read.js';
import { writeCommands } from './write.js';

/** Every command of the group `hash`. */
export const hashCommands: readonly Command[] = [
  ...readCommands,
  ...writeCommands,
  ...counterCommands,
  ...randomCommands,
];
