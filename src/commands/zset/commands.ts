import type { Command } from '../define.js';
import { addCommands } from './add.js';
import { combinationCommands } from './combine.js';
import { lookCommands } from './look.js';
import { popCommands } from './pop.js';
import { randomCommands } from './random.js';
import { rangeCommands } from './range.js';
import { removeCommands } from './remove.js';

/** Every command of the group `sorted-set`. */
export const zsetCommands: readonly Command[] = [
  ...addCommands,
  ...lookCommands,
  ...rangeCommands,
  ...removeCommands,
  ...popCommands,
  ...combinationCommands,
  ...randomCommands,
];
