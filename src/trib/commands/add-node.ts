/**
 * `trib add-node`: a new node joins, as a master without slots or as a replica. Run again after an interruption, it sees
 * how far the node has come and goes on from there.
 */
import { type Address, formatAddress } from '../address.js';
import { type Cluster, findMember, idOf, loadCluster, type Member } from '../cluster.js';
import { askConsent, type ChangeOptions } from '../consent.js';
import { waitForJoin } from '../join.js';
import { joinerOf, makeReplica, masterWithFewestReplicas, meetingPoints } from '../membership.js';
import { NodeCallError } from '../node-client.js';
import { metIds, type NodeState, readNodeState, reasonsNotEmpty } from '../node-state.js';
import { allNodes, isHandshake, isMaster, type NodeView } from '../node-view.js';
import { printCheck, printNotEmpty } from '../report.js';
import { busPortOf } from '../steps.js';
import type { Terminal } from '../terminal.js';
import { type CommandContext, connectEntry } from './context.js';

export interface AddNodeOptions extends ChangeOptions {
  readonly replica: boolean;
  /** The master to replicate; chosen when undefined. */
  readonly masterId: string | undefined;
  readonly joinTimeoutMs: number;
}

/** How far the new node has come. */
type Progress = 'new' | 'joining' | 'member';

export async function addNode(
  context: CommandContext,
  newAddress: Address,
  existing: Address,
  options: AddNodeOptions,
): Promise<number> {
  const { terminal, connector } = context;
  const [newName, oldName] = [newAddress, existing].map(({ host, port }) => formatAddress(host, port));
  terminal.print(`>>> Adding node ${newName} to cluster ${oldName}`);
  const entry = await connectEntry(context, existing);
  const client = entry && (await connectEntry(context, newAddress));
  if (entry === undefined || client === undefined) return 1;
  const state = await readNodeState(client);
  if (Array.isArray(state)) {
    terminal.print(...state);
    return 1;
  }
  const all = await loadCluster(entry, connector);
  const node: Member = { client, name: client.name, view: state.view };
  // A node that is on its way in is none of those that have to be in order.
  const cluster = { ...all, members: all.members.filter((member) => idOf(member) !== idOf(node)) };
  if (cluster.members.length === 0) {
    terminal.print('[ERR] The new node and the existing one are the same node.');
    return 1;
  }
  if (!(await printCheck(terminal, cluster))) return 1;
  const progress = progressOf(state, cluster);
  if (progress === undefined) {
    printNotEmpty(terminal, state);
    return 1;
  }
  const master = options.replica ? chooseMaster(terminal, cluster, node, options.masterId) : undefined;
  if (options.replica && master === undefined) return 1;
  return await join(context, cluster, { node, state, progress, master }, options);
}

interface Newcomer {
  readonly node: Member;
  readonly state: NodeState;
  readonly progress: Progress;
  /** Undefined for a node that is to be a master. */
  readonly master: Member | undefined;
}

/** Undefined when the node belongs to something else. */
function progressOf(state: NodeState, { members }: Cluster): Progress | undefined {
  if (reasonsNotEmpty(state).length === 0) {
    const begun = members.some(({ view }) => metIds(view).has(state.view.myself.id));
    return begun ? 'joining' : 'new';
  }
  const ids = new Set(members.flatMap(({ view }) => [...metIds(view)]));
  const addresses = new Set(members.flatMap(({ view }) => allNodes(view)).map(({ host, port }) => `${host}:${port}`));
  const belongs = state.view.others.every((node) =>
    isHandshake(node) ? addresses.has(`${node.host}:${node.port}`) : ids.has(node.id),
  );
  if (!belongs || state.view.others.length === 0) return undefined;
  return knowEachOther(state.view, members) ? 'member' : 'joining';
}

function knowEachOther(view: NodeView, members: readonly Member[]): boolean {
  const known = metIds(view);
  return members.every((member) => known.has(idOf(member)) && metIds(member.view).has(view.myself.id));
}

function chooseMaster(
  terminal: Terminal,
  cluster: Cluster,
  node: Member,
  masterId: string | undefined,
): Member | undefined {
  const already = node.view.myself.masterId;
  if (masterId === undefined && already !== undefined) return findMember(cluster.members, already);
  if (masterId === undefined) {
    const chosen = masterWithFewestReplicas(cluster, node.client.ip);
    if (chosen !== undefined) terminal.print(`Automatically selected master ${chosen.name}`);
    return chosen;
  }
  const named = findMember(cluster.members, masterId);
  if (named !== undefined && isMaster(named.view.myself)) return named;
  terminal.print(`[ERR] No such master ID ${masterId}`);
  return undefined;
}

async function join(
  { terminal }: CommandContext,
  cluster: Cluster,
  newcomer: Newcomer,
  options: AddNodeOptions,
): Promise<number> {
  const { node, state, progress, master } = newcomer;
  const role = node.view.myself.masterId;
  terminal.report({ node: idOf(node), address: node.name, master: master === undefined ? null : idOf(master) });
  if (progress === 'member' && role === (master && idOf(master))) {
    terminal.print(
      '>>> The node already is a member of this cluster: there is nothing to change',
      '[OK] New node added correctly.',
    );
    terminal.report({ changed: false });
    return 0;
  }
  if (progress !== 'new' && (role !== undefined || (master !== undefined && node.view.myself.slots.length > 0))) {
    terminal.print(
      `[ERR] The node already belongs to this cluster as a ${role === undefined ? 'master with slots' : `replica of ${role}`}.`,
    );
    terminal.print(`      To give it another role:  trib replicate ${node.name} MASTER`);
    return 1;
  }
  if (progress !== 'new')
    terminal.print('>>> An earlier run of this very command was not finished: going on from there');
  terminal.print(
    `Adding ${node.name} as ${master === undefined ? 'a master without slots' : `a replica of ${master.name}`}`,
  );
  const consent = await askConsent(terminal, "Add this node to the cluster? (type 'yes' to accept): ", options);
  if (consent !== 'go') return consent === 'dry run' ? 0 : 1;
  if (progress !== 'member' && !(await meet(terminal, cluster, node, state, master, options))) return 1;
  if (master !== undefined && !(await makeReplica(terminal, cluster, node, master))) return 1;
  terminal.print('[OK] New node added correctly.');
  return 0;
}

async function meet(
  terminal: Terminal,
  cluster: Cluster,
  node: Member,
  state: NodeState,
  master: Member | undefined,
  options: AddNodeOptions,
): Promise<boolean> {
  if (master === undefined && !(await copyFunctions(terminal, cluster.members[0], node, state))) return false;
  terminal.print(`>>> Send CLUSTER MEET to node ${node.name} to make it join the cluster.`);
  for (const { client, view } of meetingPoints(cluster)) {
    const busPort = busPortOf(client.named, view);
    // Servers before 4.0 do not know the third argument.
    const bus = busPort === client.port + 10000 ? [] : [String(busPort)];
    await node.client.call(['CLUSTER', 'MEET', client.ip, String(client.port), ...bus]);
  }
  // A master serves only some seconds after it has joined; for one that is to be a replica nobody needs to wait for that.
  const until = master === undefined ? 'serving' : 'met';
  return await waitForJoin(terminal, [...cluster.members, node].map(joinerOf), options.joinTimeoutMs, until);
}

/** A new master needs the cluster's functions; a replica has them from its master. */
async function copyFunctions(terminal: Terminal, from: Member, to: Member, state: NodeState): Promise<boolean> {
  terminal.print('>>> Getting functions from cluster');
  const dump = await from.client.callRaw(['FUNCTION', 'DUMP']).catch((error: NodeCallError) => error);
  if (dump instanceof NodeCallError) {
    if (!dump.isReply) throw dump;
    terminal.print(
      '>>> Failed retrieving Functions from the cluster, skip this step as Redis version do not support function command ' +
        `(error = '${dump.reply}')`,
    );
    return true;
  }
  terminal.print(`>>> Send FUNCTION LIST to ${to.name} to verify there is no functions in it`);
  const present = (await to.client.call(['FUNCTION', 'LIST']).catch(() => [])) as unknown[];
  if (present.length > 0) {
    const own = await to.client.callRaw(['FUNCTION', 'DUMP']);
    // What an earlier run has copied is in order.
    if ((own as Buffer).equals(dump as Buffer)) return true;
    terminal.print(
      '[ERR] New node already contains functions and can not be added to the cluster. Use FUNCTION FLUSH and try again.',
      `      redis-cli -h ${state.client.ip} -p ${state.client.port} function flush`,
    );
    return false;
  }
  terminal.print(`>>> Send FUNCTION RESTORE to ${to.name}`);
  await to.client.callRaw(['FUNCTION', 'RESTORE', dump as Buffer]).catch((error: NodeCallError) => {
    // A server without functions can be in one cluster with servers that have none to give.
    if (!error.isReply || !/unknown command/.test(error.reply)) throw error;
    terminal.print(`>>> ${to.name} has no functions (${error.reply})`);
  });
  return true;
}
