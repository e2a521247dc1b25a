import type { Address } from '../address.js';
import { type Connector, NodeClient } from '../node-client.js';
import type { Terminal } from '../terminal.js';
import { explainTrouble } from '../trouble.js';

/** What every command gets. A command prints its transcript and returns the exit code: 0 when all went well, else 1. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly connector: Connector;
}

/** Connects to the one node that the operator named; prints why not, and returns undefined, when that fails. */
export async function connectEntry(context: CommandContext, address: Address): Promise<NodeClient | undefined> {
  const outcome = await context.connector.connect(address);
  if (outcome instanceof NodeClient) return outcome;
  context.terminal.print(...(await explainTrouble(outcome)));
  return undefined;
}
