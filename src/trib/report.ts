/** The blocks of the transcript that several commands print, as lines. */
import type { Cluster, Member } from './cluster.js';
import { diagnose } from './diagnosis.js';
import { isMaster, type KnownNode } from './node-view.js';
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

/** How many members replicate `master`. */
export function replicaCount(cluster: Cluster, master: Member): number {
  return cluster.members.filter(({ view }) => view.myself.masterId === master.view.myself.id).length;
}

/** Prints a line for each master with its keys, and the sum. */
export async function printSummary(terminal: Terminal, cluster: Cluster): Promise<void> {
  const masters = cluster.members.filter(({ view }) => isMaster(view.myself));
  let total = 0;
  for (const master of masters) {
    const { id, slots } = master.view.myself;
    const keys = Number(await master.client.call(['DBSIZE']));
    total += keys;
    const replicas = replicaCount(cluster, master);
    const counts = `${keys} keys | ${countSlots(slots)} slots | ${replicas} slaves.`;
    terminal.print(`${master.name} (${id.slice(0, 8)}...) -> ${counts}`);
  }
  terminal.print(`[OK] ${total} keys in ${masters.length} masters.`);
  terminal.print(`${(total / 16384).toFixed(2)} keys per slot on average.`);
}

/** Prints why members cannot be reached; true when all can. */
export async function printUnreachable(terminal: Terminal, { unreachable }: Cluster): Promise<boolean> {
  for (const trouble of unreachable) terminal.print(...(await explainTrouble(trouble)));
  return unreachable.length === 0;
}

/** Prints the cluster check, ending with the slots' coverage; true when nothing is wrong. */
export async function printCheck(terminal: Terminal, cluster: Cluster): Promise<boolean> {
  terminal.print(`>>> Performing Cluster Check (using node ${cluster.members[0].name})`);
  for (const member of cluster.members) {
    terminal.print(...nodeBlock(member.name, member.view.myself, replicaCount(cluster, member)));
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
