/** `trib replicate`: a member becomes the replica of a master. */
import type { Address } from '../address.js';
import { type Cluster, findMember, idOf, loadCluster, type Member, replicasOf } from '../cluster.js';
import { askConsent, type ChangeOptions } from '../consent.js';
import { makeReplica, masterWithFewestReplicas } from '../membership.js';
import { isMaster } from '../node-view.js';
import { countSlots } from '../slots.js';
import type { Terminal } from '../terminal.js';
import { type CommandContext, connectEntry } from './context.js';

export async function replicate(
  context: CommandContext,
  address: Address,
  masterId: string | undefined,
  options: ChangeOptions,
): Promise<number> {
  const { terminal, connector } = context;
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const cluster = await loadCluster(entry, connector);
  const [node] = cluster.members;
  const master = chooseMaster(terminal, cluster, node, masterId);
  if (master === undefined) return 1;
  terminal.report({ node: idOf(node), address: node.name, master: idOf(master) });
  if (node.view.myself.masterId === idOf(master)) {
    terminal.print(`[OK] ${node.name} replicates ${master.name} already.`);
    terminal.report({ changed: false });
    return 0;
  }
  const objection = await objectionTo(cluster, node);
  if (objection.length > 0) {
    terminal.print(...objection);
    return 1;
  }
  terminal.print(`Making ${node.name} a replica of ${master.name}`);
  if (node.client.ip === master.client.ip) {
    terminal.print('[WARNING] Both are on one host: when it fails, both are gone.');
  }
  const consent = await askConsent(terminal, "Can I set the above configuration? (type 'yes' to accept): ", options);
  if (consent !== 'go') return consent === 'dry run' ? 0 : 1;
  if (!(await makeReplica(terminal, cluster, node, master))) return 1;
  terminal.print(`[OK] ${node.name} replicates ${master.name}.`);
  return 0;
}

function chooseMaster(
  terminal: Terminal,
  cluster: Cluster,
  node: Member,
  masterId: string | undefined,
): Member | undefined {
  if (masterId === undefined) {
    const chosen = masterWithFewestReplicas(cluster, node.client.ip, node);
    if (chosen === undefined) terminal.print('[ERR] There is no other master.');
    else terminal.print(`Automatically selected master ${chosen.name}`);
    return chosen;
  }
  const master = findMember(cluster.members, masterId);
  if (master === node) {
    terminal.print('[ERR] A node cannot replicate itself.');
    return undefined;
  }
  if (master !== undefined && isMaster(master.view.myself)) return master;
  terminal.print(`[ERR] No such master ID ${masterId}`);
  return undefined;
}

/** A master gives up what it has before it replicates another one. */
async function objectionTo(cluster: Cluster, node: Member): Promise<string[]> {
  const { myself } = node.view;
  if (!isMaster(myself)) return [];
  if (countSlots(myself.slots) > 0) {
    return [
      `[ERR] Node ${node.name} serves ${countSlots(myself.slots)} slots. Move them away first:`,
      `      trib rebalance ${node.name} --weight ${node.name}=0`,
    ];
  }
  const keys = Number(await node.client.call(['DBSIZE']));
  if (keys > 0) {
    return [
      `[ERR] Node ${node.name} holds ${keys} keys, which a replica would throw away. Bring them home first:`,
      `      trib fix ${node.name}`,
    ];
  }
  const [replica] = replicasOf(cluster, node);
  return replica === undefined
    ? []
    : [
        `[ERR] Node ${replica.name} is a replica of ${node.name}. Give it another master first:`,
        `      trib replicate ${replica.name}`,
      ];
}
