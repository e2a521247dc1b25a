import type { Address } from '../address.js';
import { loadCluster } from '../cluster.js';
import { NodeCallError, type Reply } from '../node-client.js';
import { isMaster } from '../node-view.js';
import { printUnreachable } from '../report.js';
import { type CommandContext, connectEntry } from './context.js';

export interface CallOptions {
  readonly onlyMasters: boolean;
  readonly onlyReplicas: boolean;
}

/** `trib call`: one command on every node of the cluster. An error reply of any node makes the exit code 1. */
export async function call(
  context: CommandContext,
  address: Address,
  args: readonly string[],
  { onlyMasters, onlyReplicas }: CallOptions,
): Promise<number> {
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const { terminal } = context;
  const cluster = await loadCluster(entry, context.connector);
  terminal.print(`>>> Calling ${args.join(' ')}`);
  const replies: Record<string, unknown>[] = [];
  for (const { name, client, view } of cluster.members) {
    if (isMaster(view.myself) ? onlyReplicas : onlyMasters) continue;
    const { id } = view.myself;
    try {
      // The operator's command may take as long as it likes.
      const reply = await client.call(args, Number.POSITIVE_INFINITY);
      replies.push({ id, address: name, reply });
      terminal.print(`${name}: ${formatReply(reply)}`);
    } catch (error) {
      if (!(error instanceof NodeCallError)) throw error;
      replies.push({ id, address: name, error: error.reply });
      terminal.print(`${name}: ${error.reply}`);
    }
  }
  terminal.report({ replies });
  const complete = await printUnreachable(terminal, cluster);
  return complete && replies.every((reply) => !('error' in reply)) ? 0 : 1;
}

/** As redis-cli prints a reply to a script: an element a line, nothing for nil. */
function formatReply(reply: Reply): string {
  if (Array.isArray(reply)) return reply.map(formatReply).join('\n');
  return reply === null ? '' : String(reply);
}
