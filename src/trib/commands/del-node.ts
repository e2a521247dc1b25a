/**
 * `trib del-node`: a node leaves. Its replicas get another master, the others forget it, and it forgets them. The entry
 * node forgets it last, so that the same command, run again after an interruption, still finds whom it is about.
 */
import { type Address, formatAddress } from '../address.js';
import { type Cluster, findMember, idOf, loadCluster, type Member, replicasOf } from '../cluster.js';
import { askConsent, type ChangeOptions } from '../consent.js';
import { forgetNode, masterWithFewestReplicas } from '../membership.js';
import { isMaster } from '../node-view.js';
import { countSlots } from '../slots.js';
import type { Terminal } from '../terminal.js';
import { type CommandContext, connectEntry } from './context.js';

export async function delNode(
  context: CommandContext,
  address: Address,
  nodeId: string,
  options: ChangeOptions,
): Promise<number> {
  const { terminal, connector } = context;
  terminal.print(`>>> Removing node ${nodeId} from cluster ${formatAddress(address.host, address.port)}`);
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const cluster = await loadCluster(entry, connector);
  const node = findMember(cluster.members, nodeId);
  if (node === undefined) {
    terminal.print(`[ERR] No such node ID ${nodeId}`);
    const lost = cluster.lost.find(({ known }) => known.id.startsWith(nodeId.toLowerCase()));
    if (lost !== undefined) {
      terminal.print(
        '      The cluster knows it, but it cannot be reached. To have it forgotten without asking it:',
        `      trib forget ${entry.name} ${lost.known.id}`,
      );
    }
    return 1;
  }
  const objections = await objectionsTo(node, cluster);
  if (objections.length > 0) {
    terminal.print(...objections);
    return 1;
  }
  const moves = planReplicas(cluster, node);
  if (moves === undefined) {
    terminal.print('[ERR] The node has replicas, and there is no other master for them: delete them first.');
    return 1;
  }
  printPlan(terminal, node, moves);
  const consent = await askConsent(terminal, "Remove this node from the cluster? (type 'yes' to accept): ", options);
  if (consent !== 'go') return consent === 'dry run' ? 0 : 1;
  await remove(terminal, cluster, node, moves);
  return 0;
}

interface ReplicaMove {
  readonly replica: Member;
  readonly master: Member;
}

async function objectionsTo(node: Member, cluster: Cluster): Promise<string[]> {
  const { myself } = node.view;
  if (countSlots(myself.slots) > 0) {
    return [
      `[ERR] Node ${node.name} is not empty! Reshard data away and try again.`,
      `      trib rebalance ${node.name} --weight ${node.name}=0`,
    ];
  }
  if (isMaster(myself)) {
    const keys = Number(await node.client.call(['DBSIZE']));
    if (keys > 0) {
      return [
        `[ERR] Node ${node.name} is not empty! It holds ${keys} keys of slots that are not its own.`,
        `      trib fix ${node.name}  brings them home.`,
      ];
    }
  }
  if (cluster.members.length === 1 && node.view.others.length > 0) {
    return ['[ERR] No other node of the cluster can be reached: there is nobody to forget the node.'];
  }
  return [];
}

/** New masters for the replicas of the node that leaves; undefined when there are none. */
function planReplicas(cluster: Cluster, node: Member): ReplicaMove[] | undefined {
  const moves: ReplicaMove[] = [];
  for (const replica of replicasOf(cluster, node)) {
    const master = masterWithFewestReplicas(cluster, replica.client.ip, node);
    if (master === undefined) return undefined;
    moves.push({ replica, master });
  }
  return moves;
}

function printPlan(terminal: Terminal, node: Member, moves: readonly ReplicaMove[]): void {
  const role = isMaster(node.view.myself) ? 'master without slots' : `replica of ${node.view.myself.masterId}`;
  terminal.print(`Removing ${node.name} (${idOf(node)}), a ${role}`);
  for (const { replica, master } of moves) terminal.print(`Its replica ${replica.name} will replicate ${master.name}`);
  terminal.report({
    node: idOf(node),
    address: node.name,
    replicas: moves.map(({ replica, master }) => ({ id: idOf(replica), master: idOf(master) })),
  });
}

async function remove(
  terminal: Terminal,
  { members }: Cluster,
  node: Member,
  moves: readonly ReplicaMove[],
): Promise<void> {
  const others = members.filter((member) => member !== node);
  // Where the node that leaves is itself the entry, it knows all others until it is reset.
  const last = others.filter((member) => member === members[0]);
  terminal.print('>>> Sending CLUSTER FORGET messages to the cluster...');
  for (const { replica, master } of moves) {
    terminal.print(`>>> ${replica.name} as replica of ${master.name}`);
    await replica.client.call(['CLUSTER', 'REPLICATE', idOf(master)]);
  }
  await forgetNode(
    others.filter((member) => !last.includes(member)),
    idOf(node),
  );
  terminal.print('>>> Sending CLUSTER RESET SOFT to the deleted node.');
  if (node.view.others.length > 0) await node.client.call(['CLUSTER', 'RESET', 'SOFT']);
  await forgetNode(last, idOf(node));
}
