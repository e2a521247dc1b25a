/** `trib forget`: all nodes forget one that is gone for good. */
import type { Address } from '../address.js';
import { findMember, type LostMember, loadCluster } from '../cluster.js';
import { askConsent, type ChangeOptions } from '../consent.js';
import { forgetNode } from '../membership.js';
import { isMaster } from '../node-view.js';
import { countSlots, formatRanges } from '../slots.js';
import { type CommandContext, connectEntry } from './context.js';

export async function forget(
  context: CommandContext,
  address: Address,
  nodeId: string,
  options: ChangeOptions,
): Promise<number> {
  const { terminal, connector } = context;
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const cluster = await loadCluster(entry, connector);
  const { members } = cluster;
  const alive = findMember(members, nodeId);
  if (alive !== undefined) {
    terminal.print(
      `[ERR] Node ${alive.name} is there and answers; those that know it would soon tell the others about it again.`,
      `      To take it out of the cluster:  trib del-node ${entry.name} ${alive.view.myself.id}`,
    );
    return 1;
  }
  const lost = findLost(cluster.lost, nodeId);
  if (lost === undefined) {
    terminal.print(`[ERR] No such node ID ${nodeId}`);
    return 1;
  }
  const { id, slots } = lost.known;
  const replica = members.find(({ view }) => view.myself.masterId === id);
  if (replica !== undefined) {
    terminal.print(
      `[ERR] Node ${replica.name} is a replica of it, and would be without a master. Promote it first:`,
      `      trib failover --takeover ${replica.name}`,
    );
    return 1;
  }
  terminal.print(
    `>>> ${members.length} nodes will forget ${id} (${lost.trouble.named.host}:${lost.trouble.named.port})`,
  );
  if (isMaster(lost.known) && countSlots(slots) > 0) {
    terminal.print(
      `[WARNING] It is the owner of slots ${formatRanges(slots)}: nobody will serve them, and keys that only it has are lost.`,
      `      Afterwards  trib fix ${entry.name}  gives these slots, without keys, to other masters.`,
    );
  }
  terminal.report({ node: id });
  const consent = await askConsent(terminal, "Forget this node? (type 'yes' to accept): ", options);
  if (consent !== 'go') return consent === 'dry run' ? 0 : 1;
  terminal.print('>>> Sending CLUSTER FORGET messages to the cluster...');
  // The entry node last: it is whom the same command asks when it is run again.
  await forgetNode([...members.slice(1), members[0]], id);
  terminal.print('[OK] All nodes that can be reached have forgotten it.');
  const others = cluster.lost.length - 1;
  if (others > 0) {
    terminal.print(
      `[WARNING] ${others} more nodes cannot be reached: when they come back, they bring it to mind again.`,
      '      Run the same command within a minute after that.',
    );
  }
  return 0;
}

function findLost(lost: readonly LostMember[], nodeId: string): LostMember | undefined {
  const text = nodeId.toLowerCase();
  const matching = lost.filter(({ known }) => known.id.startsWith(text) || `${known.host}:${known.port}` === text);
  return matching.length === 1 ? matching[0] : undefined;
}
