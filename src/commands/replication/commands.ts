import type { Command } from '../define.js';
import { failover } from './failover.js';
import { replicaOf, role, slaveOf } from './replicaOf.js';
import { psync, replConf, sync } from './sync.js';
import { waitCommands } from './wait.js';

/** Every command about masters and replicas. */
export const replicationCommands: readonly Command[] = [
  failover,
  psync,
  replConf,
  replicaOf,
  role,
  slaveOf,
  sync,
  ...waitCommands,
];
