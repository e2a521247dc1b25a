import type { Command } from '../define.js';
import { addCommands } from './add.js';
import { countCommands } from './count.js';
import { debugCommands } from './debug.js';

/** Every command of the group `hyperloglog`. */
export const hyperloglogCommands: readonly Command[] = [...addCommands, ...countCommands, ...debugCommands];
