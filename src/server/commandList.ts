/** Every command that a server has. */

import { bitmapCommands } from '../commands/bitmap/commands.js';
import { clusterCommands } from '../commands/cluster/cluster.js';
import { connectionCommands } from '../commands/connection/connection.js';
import type { Command } from '../commands/define.js';
import { genericCommands } from '../commands/generic/commands.js';
import { geoCommands } from '../commands/geo/commands.js';
import { hashCommands } from '../commands/hash/commands.js';
import { hyperloglogCommands } from '../commands/hyperloglog/commands.js';
import { introspectionCommands } from '../commands/introspection/introspection.js';
import { listCommands } from '../commands/list/commands.js';
import { pubsubCommands } from '../commands/pubsub/commands.js';
import { replicationCommands } from '../commands/replication/commands.js';
import { serverCommands } from '../commands/server/server.js';
import { setCommands } from '../commands/set/commands.js';
import { streamCommands } from '../commands/stream/commands.js';
import { stringCommands } from '../commands/string/commands.js';
import { transactionCommands } from '../commands/transactions.js';
import { zsetCommands } from '../commands/zset/commands.js';

export const ALL_COMMANDS: readonly Command[] = [
  ...stringCommands,
  ...listCommands,
  ...hashCommands,
  ...setCommands,
  ...zsetCommands,
  ...geoCommands,
  ...streamCommands,
  ...bitmapCommands,
  ...hyperloglogCommands,
  ...genericCommands,
  ...connectionCommands,
  ...serverCommands,
  ...replicationCommands,
  ...introspectionCommands,
  ...pubsubCommands,
  ...transactionCommands,
  ...clusterCommands,
];
