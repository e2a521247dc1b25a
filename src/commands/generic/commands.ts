import type { Command } from '../define.js';
import { dumpCommands } from './dump.js';
import { expireCommands } from './expire.js';
import { keyCommands } from './keys.js';
import { migrateCommands } from './migrate.js';
import { objectCommands } from './object.js';
import { relocateCommands } from './relocate.js';
import { restoreCommands } from './restore.js';
import { sortCommands } from './sort.js';
import { ttlCommands } from './ttl.js';
import { walkCommands } from './walk.js';

/** Every command of the group `generic`. */
export const genericCommands: readonly Command[] = [
  ...keyCommands,
  ...expireCommands,
  ...ttlCommands,
  ...relocateCommands,
  ...walkCommands,
  ...objectCommands,
  ...sortCommands,
  ...dumpCommands,
  ...restoreCommands,
  ...migrateCommands,
];
