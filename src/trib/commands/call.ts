import type { Address } from '../address.js';
import { loadCluster } from '../cluster.js';
import { NodeCallError, type Reply } from '../node-client.js';
import { printUnreachable } from '../report.js';
import { type CommandContext, connectEntry } from './context.js';

/** `trib call`: one command on every node of the cluster. An error reply of any node makes the exit code 1. */
export async function call(context: CommandContext, address: Address, args: readonly string[]): Promise<number> {
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const { terminal } = context;
  const cluster = await loadCluster(entry, context.connector);
  terminal.print(`>>> Calling ${args.join(' ')}`);
  let failed = false;
  for (const { name, client } of cluster.members) {
    try {
      // The operator's command may take as long as it likes.
      terminal.print(`${name}: ${formatReply(await client.call(args, Number.POSITIVE_INFINITY))}`);
    } catch (error) {
      if (!(error instanceof NodeCallError)) throw error;
      failed = true;
      terminal.print(`${name}: ${error.reply}`);
    }
  }
  const complete = await printUnreachable(terminal, cluster);
  return complete && !failed ? 0 : 1;
}

/** As redis-cli prints a reply to a script: an element a line, nothing for nil. */
function formatReply(reply: Reply): string {
  if (Array.isArray(reply)) return reply.map(formatReply).join('\n');
  return reply === null ? '' : String(reply);
}
