/** The blocks of the transcript that several commands print, as lines. */
import { type Cluster, type Member, mastersOf, replicasOf } from './cluster.js';
import { diagnose } from './diagnosis.js';
import { type NodeState, reasonsNotEmpty } from './node-state.js';
import { isMaster, type KnownNode } from './node-view.js';
import { drawSlotMap } from './slot-map.js';
import { countSlots, formatRanges } from './slots.js';
import type { Terminal } from './terminal.js';
import { explainTrouble } from './trouble.js';

/** The `M:` or `S:` block of one node in a running cluster. */
export function nodeBlock(name: string, node: KnownNode, replicaCount: number): string[] {
  const flags = node.flags.filter((flag) => flag !== 'myself').join(',');
  const role = isMaster(node) ? 'M' : 'S';
  return [
    `${role}: ${node.id} ${name}`,
    `   slots:${formatRanges(node.slots)} (${countSlots(node.slots)} slots) ${flags}`,
    isMaster(node) ? `   ${replicaCount} additional replica(s)` : `   replicates ${node.masterId ?? '-'}`,
  ];
}

export function memberBlock(cluster: Cluster, member: Member): string[] {
  return nodeBlock(member.name, member.view.myself, replicasOf(cluster, member).length);
}

/** Prints a line for each master with its keys, and the sum. */
export async function printSummary(terminal: Terminal, cluster: Cluster): Promise<void> {
  const masters = mastersOf(cluster);
  const rows: Record<string, unknown>[] = [];
  let total = 0;
  for (const master of masters) {
    const { id, slots } = master.view.myself;
    const keys = Number(await master.client.call(['DBSIZE']));
    total += keys;
    const replicas = replicasOf(cluster, master).length;
    rows.push({ id, address: master.name, keys, slots: countSlots(slots), replicas });
    const counts = `${keys} keys | ${countSlots(slots)} slots | ${replicas} slaves.`;
    terminal.print(`${master.name} (${id.slice(0, 8)}...) -> ${counts}`);
  }
  terminal.print(`[OK] ${total} keys in ${masters.length} masters.`);
  terminal.print(`${(total / 16384).toFixed(2)} keys per slot on average.`);
  terminal.report({ keys: total, masters: rows });
}

/** Draws who has which slots. */
export function printSlotMap(terminal: Terminal, cluster: Cluster): void {
  const owners = mastersOf(cluster).map(({ name, view }) => ({ name, slots: view.myself.slots }));
  terminal.print(...drawSlotMap(owners, diagnose(cluster.members).openSlots, terminal.coloured));
}

/** Prints why members cannot be reached; true when all can. */
export async function printUnreachable(terminal: Terminal, { lost }: Cluster): Promise<boolean> {
  for (const { trouble } of lost) terminal.print(...(await explainTrouble(trouble)));
  return lost.length === 0;
}

/** Prints the cluster check, ending with the slots' coverage; true when nothing is wrong. */
export async function printCheck(
  terminal: Terminal,
  cluster: Cluster,
  detail: 'with nodes' | 'without nodes' = 'with nodes',
): Promise<boolean> {
  terminal.print(`>>> Performing Cluster Check (using node ${cluster.members[0].name})`);
  for (const member of detail === 'with nodes' ? cluster.members : []) {
    terminal.print(...memberBlock(cluster, member));
  }
  const reachable = await printUnreachable(terminal, cluster);
  const { disagreements, migrating, importing, openSlots, uncovered, suspected } = diagnose(cluster.members);
  if (disagreements.length === 0) {
    terminal.print('[OK] All nodes agree about slots configuration.');
  } else {
    terminal.print("[ERR] Nodes don't agree about configuration!", ...disagreements.map((line) => `      ${line}`));
  }
  terminal.print(...suspected.map((line) => `[WARNING] ${line}`));
  terminal.print('>>> Check for open slots...');
  for (const { name, slots } of migrating) {
    terminal.print(`[WARNING] Node ${name} has slots in migrating state (${slots.join(',')}).`);
  }
  for (const { name, slots } of importing) {
    terminal.print(`[WARNING] Node ${name} has slots in importing state (${slots.join(',')}).`);
  }
  if (openSlots.length > 0) terminal.print(`[WARNING] The following slots are open: ${openSlots.join(',')}.`);
  terminal.print('>>> Check slots coverage...');
  if (uncovered.length === 0) {
    terminal.print('[OK] All 16384 slots covered.');
  } else {
    terminal.print('[ERR] Not all 16384 slots are covered by nodes.');
    terminal.print(`      Missing: ${formatRanges(uncovered)} (${countSlots(uncovered)} slots)`);
  }
  const findings = disagreements.length + suspected.length + openSlots.length + uncovered.length;
  return reachable && findings === 0;
}

/** Says why a node cannot be taken, and the two commands that clear it. */
export function printNotEmpty(terminal: Terminal, state: NodeState): void {
  const { ip, port, name } = state.client;
  const redisCli = `redis-cli -h ${ip} -p ${port}`;
  terminal.print(
    `[ERR] Node ${name} is not empty: ${reasonsNotEmpty(state).join(', ')}.`,
    '      To clear it (this deletes its data):',
  );
  // A replica refuses FLUSHALL; the reset alone empties it.
  if (state.view.myself.masterId === undefined) terminal.print(`      ${redisCli} flushall`);
  terminal.print(`      ${redisCli} cluster reset soft`);
}
