import type { Address } from '../address.js';
import { loadCluster } from '../cluster.js';
import { printCheck, printSummary } from '../report.js';
import { type CommandContext, connectEntry } from './context.js';

/** `trib check`: the summary, and whether the whole cluster is as it should be. */
export async function check(context: CommandContext, address: Address): Promise<number> {
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const cluster = await loadCluster(entry, context.connector);
  await printSummary(context.terminal, cluster);
  return (await printCheck(context.terminal, cluster)) ? 0 : 1;
}
