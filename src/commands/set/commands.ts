import type { Command } from '../define.js';
import { algebraCommands } from './algebra.js';
import { memberCommands } from './members.js';
import { randomCommands } from './random.js';

/** Every command of the group `set`. */
export const setCommands: readonly Command[] = [...memberCommands, ...randomCommands, ...algebraCommands];
