import type { Command } from '../define.js';
import { config } from './config.js';
import { debug } from './debug.js';
import { dbSize, flushAll, flushDb, swapDb } from './flush.js';
import { lolwut } from './lolwut.js';
import { memory } from './memory.js';
import { info, lastSave, role, shutdown, time } from './status.js';

export const serverCommands: readonly Command[] = [
  config,
  dbSize,
  debug,
  flushAll,
  flushDb,
  info,
  lastSave,
  lolwut,
  memory,
  role,
  shutdown,
  swapDb,
  time,
];
