import type { Address } from '../address.js';
import { loadCluster } from '../cluster.js';
import { printSlotMap, printSummary, printUnreachable } from '../report.js';
import { type CommandContext, connectEntry } from './context.js';

/** `trib info`: keys, slots and replicas of each master; with `map` also a drawing of the slots. */
export async function info(context: CommandContext, address: Address, options: { map: boolean }): Promise<number> {
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const cluster = await loadCluster(entry, context.connector);
  await printSummary(context.terminal, cluster);
  if (options.map || context.terminal.isInteractive) printSlotMap(context.terminal, cluster);
  return (await printUnreachable(context.terminal, cluster)) ? 0 : 1;
}
