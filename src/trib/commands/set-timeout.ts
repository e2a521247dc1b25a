/** `trib set-timeout`: the node timeout of every node. */
import type { Address } from '../address.js';
import { loadCluster } from '../cluster.js';
import { askConsent, type ChangeOptions } from '../consent.js';
import { NodeCallError } from '../node-client.js';
import { printUnreachable } from '../report.js';
import { type CommandContext, connectEntry } from './context.js';

const LEAST_TIMEOUT_MS = 100;
/** What a node says that was started without a file: there is none to write to, and nothing has failed. */
const NO_FILE = /running without a config file/i;

export async function setTimeoutEverywhere(
  context: CommandContext,
  address: Address,
  timeoutMs: number,
  options: ChangeOptions,
): Promise<number> {
  const { terminal, connector } = context;
  if (timeoutMs < LEAST_TIMEOUT_MS) {
    terminal.print(`[ERR] Setting a node timeout of less than ${LEAST_TIMEOUT_MS} milliseconds is a bad idea.`);
    return 1;
  }
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const cluster = await loadCluster(entry, connector);
  terminal.print('>>> Reconfiguring node timeout in every cluster node...');
  terminal.print(`${cluster.members.length} nodes will have cluster-node-timeout ${timeoutMs}, also after a restart`);
  terminal.report({ timeoutMs });
  const consent = await askConsent(terminal, "Can I set the above configuration? (type 'yes' to accept): ", options);
  if (consent !== 'go') return consent === 'dry run' ? 0 : 1;
  const nodes: Record<string, unknown>[] = [];
  let failed = 0;
  for (const { name, client, view } of cluster.members) {
    const error = await configure(() => client.call(['CONFIG', 'SET', 'cluster-node-timeout', String(timeoutMs)]));
    const rewriteError = error ?? (await configure(() => client.call(['CONFIG', 'REWRITE'])));
    const set = error === undefined;
    nodes.push({
      id: view.myself.id,
      address: name,
      set,
      saved: rewriteError === undefined,
      error: rewriteError ?? null,
    });
    if (rewriteError === undefined) terminal.print(`*** New timeout set for ${name}`);
    else terminal.print(`ERR setting node-timeout for ${name}: ${rewriteError}`);
    if (set && rewriteError !== undefined) terminal.print('    It is set, but only until this node is restarted.');
    if (!set || (rewriteError !== undefined && !NO_FILE.test(rewriteError))) failed++;
  }
  terminal.report({ nodes });
  const saved = nodes.filter((node) => node.saved).length;
  terminal.print(`>>> New node timeout set. ${saved} OK, ${nodes.length - saved} ERR.`);
  return (await printUnreachable(terminal, cluster)) && failed === 0 ? 0 : 1;
}

/** The error reply, if there is one. */
async function configure(call: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    if (error instanceof NodeCallError) return error.reply;
    throw error;
  }
}
