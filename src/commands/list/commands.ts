import type { Command } from '../define.js';
import { moveCommands } from './move.js';
import { popCommands } from './pop.js';
import { pushCommands } from './push.js';
import { readCommands } from './read.js';

/** Every command of the group `list`. */
export const listCommands: readonly Command[] = [...pushCommands, ...popCommands, ...readCommands, ...moveCommands];
