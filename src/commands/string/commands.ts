import type { Command } from '../define.js';
import { counterCommands } from './counter.js';
import { editCommands } from './edit.js';
import { getCommands } from './get.js';
import { lcsCommands } from './lcs.js';
import { setCommands } from './set.js';

/** Every command of the group `string`. */
export const stringCommands: readonly Command[] = [
  ...getCommands,
  ...setCommands,
  ...counterCommands,
  ...editCommands,
  ...lcsCommands,
];
