/** Every command that a server has. */

import { clusterCommands } from '../commands/cluster/cluster.js';
import { connectionCommands } from '../commands/connection/connection.js';
import type { Command } from '../commands/define.js';
import { genericCommands } from '../commands/generic/commands.js';
import { introspectionCommands } from '../commands/introspection/introspection.js';
import { serverCommands } from '../commands/server/server.js';
import { stringCommands } from '../commands/string/commands.js';
import { transactionCommands } from '../commands/transactions.js';

export const ALL_COMMANDS: readonly Command[] = [
  ...stringCommands,
  ...genericCommands,
  ...connectionCommands,
  ...serverCommands,
  ...introspectionCommands,
  ...transactionCommands,
  ...clusterCommands,
];
