import type { Command } from '../define.js';
import { config } from './config.js';
import { debug } from './debug.js';
import { dbSize, flushAll, flushDb, swapDb } from './flush.js';
import { latency } from './latency.js';
import { lolwut } from './lolwut.js';
import { memory } from './memory.js';
import { monitor } from './monitor.js';
import { bgRewriteAof, bgSave, save } from './save.js';
import { slowlog } from './slowlog.js';
import { info, lastSave, shutdown, time } from './status.js';

export const serverCommands: readonly Command[] = [
  bgRewriteAof,
  bgSave,
  config,
  dbSize,
  debug,
  flushAll,
  flushDb,
  info,
  lastSave,
  latency,
  lolwut,
  memory,
  monitor,
  save,
  shutdown,
  slowlog,
  swapDb,
  time,
];
