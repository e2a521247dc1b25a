import type { Command } from '../define.js';
import { bitCommands } from './bit.js';
import { fieldCommands } from './field.js';
import { operateCommands } from './operate.js';
import { searchCommands } from './search.js';

/** Every command of the group `bitmap`. */
export const bitmapCommands: readonly Command[] = [
  ...bitCommands,
  ...searchCommands,
  ...operateCommands,
  ...fieldCommands,
];
