/**
 * `trib create`: survey, plan, ask, do, wait, check. Nothing is changed before the plan is accepted. Every step is one
 * that can be taken again or is seen to be done, so that the same command finishes what an interrupted one began.
 */
import { type Address, formatAddress, isLoopback } from '../address.js';
import { loadCluster } from '../cluster.js';
import { askConsent, type ChangeOptions } from '../consent.js';
import { waitForJoin, waitForReplicas } from '../join.js';
import { NodeClient } from '../node-client.js';
import { type NodeState, readNodeState, reasonsNotEmpty } from '../node-state.js';
import { type Plan, planCluster, shapeError } from '../plan.js';
import { printCheck, printNotEmpty } from '../report.js';
import { countSlots, formatRanges, listSlots } from '../slots.js';
import { busPortOf, type Candidate, isUnfinished, nothingLeft, remainingSteps, type Steps } from '../steps.js';
import type { Terminal } from '../terminal.js';
import { explainTrouble } from '../trouble.js';
import type { CommandContext } from './context.js';

export interface CreateOptions extends ChangeOptions {
  readonly replicas: number;
  /** How long the nodes may take to join. */
  readonly joinTimeoutMs: number;
  /** Another plan than the planner's, for the nodes in the operator's order. */
  readonly plan?: <N extends Candidate>(nodes: readonly N[]) => Plan<N>;
}

/** A surveyed node in the role of a candidate. */
interface Node extends Candidate {
  readonly id: string;
  readonly name: string;
  readonly state: NodeState;
}

const UNTOUCHED = 'No node was changed.';

export async function create(
  context: CommandContext,
  addresses: readonly Address[],
  options: CreateOptions,
): Promise<number> {
  const { terminal } = context;
  terminal.print('>>> Creating cluster');
  const misshapen = shapeError(addresses.length, options.replicas);
  if (misshapen !== undefined) {
    terminal.print(...misshapen, UNTOUCHED);
    return 1;
  }
  const clients = await connectAll(context, addresses);
  const nodes = clients && (await survey(terminal, clients, options.replicas));
  if (nodes === undefined) {
    terminal.print(UNTOUCHED);
    return 1;
  }
  return await createFrom(context, nodes, options);
}

/** Connects to every node; prints what is wrong with each that cannot be talked to, and returns undefined then. */
async function connectAll(
  { terminal, connector }: CommandContext,
  addresses: readonly Address[],
): Promise<NodeClient[] | undefined> {
  const outcomes = await Promise.all(addresses.map((address) => connector.connect(address)));
  const clients: NodeClient[] = [];
  for (const outcome of outcomes) {
    if (outcome instanceof NodeClient) clients.push(outcome);
    else terminal.print(...(await explainTrouble(outcome)));
  }
  return clients.length === outcomes.length ? clients : undefined;
}

/** Reads every node and refuses what cannot become part of any new cluster; prints why and returns undefined then. */
async function survey(terminal: Terminal, clients: NodeClient[], replicas: number): Promise<Node[] | undefined> {
  const states = await Promise.all(clients.map(readNodeState));
  const objections = states.filter((state) => Array.isArray(state)).flat();
  const found = states.filter((state): state is NodeState => !Array.isArray(state));
  objections.push(...findDuplicates(found));
  if (objections.length === 0 && replicas > 0) objections.push(...(await withoutReplication(clients)));
  if (objections.length > 0) {
    terminal.print(...objections);
    return undefined;
  }
  return found.map((state) => ({
    id: state.view.myself.id,
    name: state.client.name,
    host: state.client.ip,
    port: state.client.port,
    keyCount: [...state.keysByDb.values()].reduce((sum, keys) => sum + keys, 0),
    view: state.view,
    state,
  }));
}

/** One node given twice, or two nodes with one id. */
function findDuplicates(states: readonly NodeState[]): string[] {
  const lines: string[] = [];
  const seen = new Map<string, NodeState>();
  for (const state of states) {
    const { id } = state.view.myself;
    const twin = seen.get(id);
    seen.set(id, state);
    if (twin === undefined) continue;
    const [a, b] = [twin, state].map(({ client }) => formatAddress(client.named.host, client.named.port));
    if (twin.runId === state.runId) {
      lines.push(`[ERR] Node ${state.client.name} is given twice: ${a} and ${b} are the same node.`);
    } else {
      lines.push(
        `[ERR] Nodes ${twin.client.name} and ${state.client.name} have the same node id ${id}.`,
        '      Was a host cloned, or nodes.conf copied? Give one of them a new id:',
        `      redis-cli -h ${state.client.ip} -p ${state.client.port} cluster reset hard`,
      );
    }
  }
  return lines;
}

/** The nodes whose server has no CLUSTER REPLICATE. A server that does not list subcommands is given the benefit. */
async function withoutReplication(clients: readonly NodeClient[]): Promise<string[]> {
  const lines: string[] = [];
  for (const client of clients) {
    const known = await client.call(['COMMAND', 'INFO', 'cluster|meet', 'cluster|replicate']).catch(() => null);
    if (!Array.isArray(known) || known[0] === null || known[1] !== null) continue;
    lines.push(
      `[ERR] Node ${client.name} runs a server version that has no CLUSTER REPLICATE: create without --replicas.`,
    );
  }
  return lines;
}

async function createFrom(context: CommandContext, nodes: readonly Node[], options: CreateOptions): Promise<number> {
  const { terminal } = context;
  const plan = options.plan?.(nodes) ?? planCluster(nodes, options.replicas);
  const busy = nodes.filter(({ state }) => reasonsNotEmpty(state).length > 0);
  if (!isUnfinished(plan, nodes)) {
    for (const { state } of busy) printNotEmpty(terminal, state);
    // Someone who runs create twice must not be talked into deleting what their cluster has stored since.
    if (isUnfinished(plan, withoutKeys(nodes)) && nothingLeft(remainingSteps(plan, nodes))) {
      terminal.print(
        'These nodes already are this very cluster. To keep it, do not clear them: look at it with trib check.',
      );
    }
    terminal.print(UNTOUCHED);
    return 1;
  }
  const steps = remainingSteps(plan, nodes);
  const finished = nothingLeft(steps);
  if (finished) {
    terminal.print('>>> These nodes already are this very cluster: there is nothing to change');
    terminal.report({ changed: false });
  } else if (busy.length > 0) {
    terminal.print('>>> An earlier run of this very command was not finished: going on from there');
  }
  printPlan(terminal, plan, nodes);
  if (!finished) {
    const question = "Can I set the above configuration? (type 'yes' to accept): ";
    const consent = await askConsent(terminal, question, options);
    if (consent === 'refused') terminal.print(UNTOUCHED);
    if (consent !== 'go') return consent === 'dry run' ? 0 : 1;
  }
  try {
    if (!finished) await changeNodes(terminal, steps);
    if (await finish(context, plan, steps, nodes, options.joinTimeoutMs)) return 0;
  } catch (error) {
    terminal.print(`[ERR] ${(error as Error).message}`);
  }
  terminal.print(
    '*** The cluster is not finished. Mend the cause and run the same command again: it goes on from here.',
  );
  return 1;
}

function withoutKeys(nodes: readonly Node[]): Node[] {
  return nodes.map((node) => ({ ...node, keyCount: 0 }));
}

function printPlan(terminal: Terminal, plan: Plan<Node>, nodes: readonly Node[]): void {
  terminal.report({
    masters: plan.masters.map(({ node, range }) => ({
      id: node.id,
      address: node.name,
      slots: [range.first, range.last],
    })),
    replicas: plan.replicas.map(({ node, master }) => ({ id: node.id, address: node.name, master: master.id })),
  });
  terminal.print(`>>> Performing hash slots allocation on ${nodes.length} nodes...`);
  terminal.print(`Using ${plan.masters.length} masters:`, ...plan.masters.map(({ node }) => node.name));
  for (const { node, master } of plan.replicas) terminal.print(`Adding replica ${node.name} to ${master.name}`);
  if (plan.replicasOnMasterHost > 0) terminal.print('[WARNING] Some slaves are in the same host as their master');
  const remote = nodes.some(({ host }) => !isLoopback(host));
  for (const { host, name } of nodes) {
    if (!remote || !isLoopback(host)) continue;
    terminal.print(`[WARNING] Other hosts cannot reach ${name}: they take the address from which it calls them.`);
  }
  for (const node of nodes) {
    const range = plan.masters.find((master) => master.node === node)?.range;
    const master = plan.replicas.find((replica) => replica.node === node)?.master;
    if (range !== undefined) {
      terminal.print(`M: ${node.id} ${node.name}`);
      terminal.print(`   slots:${formatRanges([range])} (${countSlots([range])} slots) master`);
    } else {
      terminal.print(`S: ${node.id} ${node.name}`, `   replicates ${master?.id}`);
    }
  }
}

/** Takes every step but replication, for which the nodes must have met. */
async function changeNodes(terminal: Terminal, steps: Steps<Node>): Promise<void> {
  for (const { node, ranges } of steps.addSlots) {
    await node.state.client.call(['CLUSTER', 'ADDSLOTS', ...listSlots(ranges).map(String)]);
  }
  terminal.print('>>> Nodes configuration updated', '>>> Assign a different config epoch to each node');
  for (const { node, epoch } of steps.setEpoch) {
    await node.state.client.call(['CLUSTER', 'SET-CONFIG-EPOCH', String(epoch)]);
  }
  terminal.print('>>> Sending CLUSTER MEET messages to join the cluster');
  const { host, port, state, view } = steps.meetingPoint;
  const busPort = busPortOf(state.client.named, view);
  for (const node of steps.meet) {
    // Servers before 4.0 do not know the third argument.
    const bus = busPort === port + 10000 ? [] : [String(busPort)];
    await node.state.client.call(['CLUSTER', 'MEET', host, String(port), ...bus]);
  }
}

/** Waits until the nodes are one cluster, makes the replicas replicate, and checks the result. */
async function finish(
  { terminal, connector }: CommandContext,
  plan: Plan<Node>,
  steps: Steps<Node>,
  nodes: readonly Node[],
  joinTimeoutMs: number,
): Promise<boolean> {
  const joiners = nodes.map(({ name, id, state: { client, view } }) => {
    return { name, id, client, busPort: busPortOf(client.named, view) };
  });
  if (!(await waitForJoin(terminal, joiners, joinTimeoutMs))) return false;
  for (const { node, master } of steps.replicate) {
    await node.state.client.call(['CLUSTER', 'REPLICATE', master.id]);
  }
  const replicas = plan.replicas.map(({ node, master }) => ({ name: node.name, id: node.id, masterId: master.id }));
  if (!(await waitForReplicas(terminal, joiners, replicas, joinTimeoutMs))) return false;
  // Over the connections that exist; a node that joined on its own account is connected anew.
  const connected = new Map(nodes.map(({ id, state }) => [id, state.client]));
  return await printCheck(terminal, await loadCluster(nodes[0].state.client, connector, connected));
}
