/** `trib backup`: an RDB file of every master, and what the cluster looks like. */
import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Address } from '../address.js';
import { idOf, loadCluster, type Member, mastersOf } from '../cluster.js';
import type { OpenSlot } from '../node-view.js';
import { formatRate, Stopwatch } from '../progress.js';
import { downloadRdb } from '../rdb-download.js';
import { printCheck } from '../report.js';
import { countSlots } from '../slots.js';
import { type CommandContext, connectEntry } from './context.js';

const MEGABYTE = 1_000_000;

export async function backup(context: CommandContext, address: Address, directory: string): Promise<number> {
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const { terminal, connector } = context;
  const cluster = await loadCluster(entry, connector);
  const healthy = await printCheck(terminal, cluster);
  await mkdir(directory, { recursive: true });
  const files: Record<string, unknown>[] = [];
  // All at once: the files are of nearly one moment, and masters that wait for more replicas before they send do so together.
  const outcomes = await Promise.all(
    mastersOf(cluster).map(async (member) => {
      terminal.print(`>>> Node ${member.name} -> Saving RDB...`);
      const path = join(directory, `redis-node-${member.client.ip}-${member.client.port}-${idOf(member)}.rdb`);
      try {
        const bytes = await saveRdb(context, member, path);
        terminal.print(`SYNC sent to master, wrote ${bytes} bytes to '${path}'`);
        files.push({ node: idOf(member), address: member.name, file: path, bytes });
        return true;
      } catch (error) {
        terminal.print(`[ERR] ${member.name}: ${(error as Error).message}`);
        return false;
      }
    }),
  );
  const complete = !outcomes.includes(false);
  const nodesPath = join(directory, 'nodes.json');
  terminal.print(`Saving cluster configuration to: ${nodesPath}`);
  const nodes = cluster.members.map((member) => describeNode(member, healthy ? 0 : 1));
  await writeWhole(nodesPath, `${JSON.stringify(nodes, undefined, 2)}\n`);
  terminal.report({ directory, nodesFile: nodesPath, files, complete: complete && cluster.lost.length === 0 });
  if (!complete) {
    terminal.print('[ERR] Failed to back cluster!');
    return 1;
  }
  if (!healthy) {
    terminal.print(
      "*** Cluster seems to have some problems, please be aware of it if you're going to restore this backup.",
    );
  }
  terminal.print(`[OK] Backup created into: ${directory}`);
  return healthy ? 0 : 1;
}

async function saveRdb({ terminal, connector }: CommandContext, { client }: Member, path: string): Promise<number> {
  const watch = new Stopwatch();
  const source = { ip: client.ip, port: client.port, auth: client.migrateAuth.slice(1), tls: connector.tls };
  return await downloadRdb(source, path, (total) => {
    const megabytes = total / MEGABYTE;
    const rate = (megabytes * 1000) / Math.max(watch.elapsedMs, 1);
    terminal.showStatus(`${client.name}: ${megabytes.toFixed(1)} MB, ${formatRate(rate)} MB/s`);
  });
}

async function writeWhole(path: string, text: string): Promise<void> {
  const file = await open(`${path}.part`, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.part`, path);
}

/** A node as redis-cli's nodes.json has it. */
function describeNode({ client, view }: Member, clusterErrors: number): Record<string, unknown> {
  const { myself } = view;
  return {
    name: myself.id,
    host: client.ip,
    port: client.port,
    replicate: myself.masterId ?? null,
    slots: myself.slots.map(({ first, last }) => (first === last ? [first] : [first, last])),
    slots_count: countSlots(myself.slots),
    flags: myself.flags.filter((flag) => flag !== 'myself').join(','),
    current_epoch: myself.configEpoch,
    ...(clusterErrors > 0 && { cluster_errors: clusterErrors }),
    ...(myself.migrating.length > 0 && { migrating: openSlots(myself.migrating) }),
    ...(myself.importing.length > 0 && { importing: openSlots(myself.importing) }),
  };
}

function openSlots(open: readonly OpenSlot[]): Record<string, string> {
  return Object.fromEntries(open.map(({ slot, peerId }) => [String(slot), peerId]));
}
