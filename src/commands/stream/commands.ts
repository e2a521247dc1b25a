import type { Command } from '../define.js';
import { addCommands } from './add.js';
import { claimCommands } from './claim.js';
import { xgroup } from './group.js';
import { xinfo } from './info.js';
import { pendingCommands } from './pending.js';
import { rangeCommands } from './range.js';
import { readCommands } from './read.js';

/** Every command of the group `stream`. */
export const streamCommands: readonly Command[] = [
  ...addCommands,
  ...rangeCommands,
  ...readCommands,
  xgroup,
  ...pendingCommands,
  ...claimCommands,
  xinfo,
];
