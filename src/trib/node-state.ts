/** What a node is and holds, read in one go; nothing here changes anything. */
import { compareEndpoints, formatAddress } from './address.js';
import type { NodeClient } from './node-client.js';
import { allNodes, isHandshake, type NodeView, parseNodeView } from './node-view.js';
import { countSlots } from './slots.js';

export interface NodeState {
  readonly client: NodeClient;
  /** New at every start of the process: tells two nodes from one node with two addresses. */
  readonly runId: string;
  readonly keysByDb: ReadonlyMap<number, number>;
  readonly view: NodeView;
}

/** Reads a node's state; lines of the transcript instead when the node is no cluster node. */
export async function readNodeState(client: NodeClient): Promise<NodeState | string[]> {
  const info = await client.text('INFO');
  if (infoField(info, 'cluster_enabled') !== '1') {
    return [`[ERR] ${notClustered(client)}`, '      Set `cluster-enabled yes` in its redis.conf and restart it.'];
  }
  const view = await readView(client);
  return { client, view, runId: infoField(info, 'run_id') ?? '', keysByDb: parseKeyspace(info) };
}

/** What the node believes about the cluster right now. Throws when the call fails or the node is no cluster node. */
export async function readView(client: NodeClient): Promise<NodeView> {
  const text = await client.text('CLUSTER', 'NODES').catch((error: Error) => {
    throw error.message.includes('cluster support disabled') ? new Error(notClustered(client)) : error;
  });
  const view = parseNodeView(text);
  if (view === undefined) throw new Error(`${client.name} answered CLUSTER NODES without a line about itself`);
  return view;
}

function notClustered(client: NodeClient): string {
  return `Node ${client.name} is not configured as a cluster node.`;
}

/** The value of `name:value` in the text of INFO or CLUSTER INFO. */
export function infoField(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
}

/** `db0:keys=3,expires=0,...` for each database that is not empty. */
export function parseKeyspace(info: string): Map<number, number> {
  const dbs = info.matchAll(/^db(\d+):keys=(\d+)/gm);
  return new Map([...dbs].map(([, db, keys]) => [Number(db), Number(keys)]));
}

/** What keeps a node from being taken into a new cluster, in words; empty when nothing does. */
export function reasonsNotEmpty({ keysByDb, view }: NodeState): string[] {
  const reasons: string[] = [];
  const { myself, others } = view;
  for (const [db, keys] of keysByDb) if (keys > 0) reasons.push(`it holds ${plural(keys, 'key')} in database ${db}`);
  if (others.length > 0) {
    const sorted = [...others].sort(compareEndpoints);
    const names = sorted.slice(0, 5).map((node) => formatAddress(node.host, node.port));
    const more = others.length > names.length ? ', ...' : '';
    reasons.push(`it knows ${plural(others.length, 'other node')} (${names.join(', ')}${more})`);
  }
  const slots = countSlots(myself.slots);
  if (slots > 0) reasons.push(`it has ${plural(slots, 'slot')} assigned`);
  const open = myself.migrating.length + myself.importing.length;
  if (open > 0) reasons.push(`it has ${plural(open, 'open slot')}`);
  if (myself.masterId !== undefined) reasons.push(`it is a replica of ${myself.masterId}`);
  return reasons;
}

/** The ids a node knows for certain: itself and every node it has met. */
export function metIds(view: NodeView): Set<string> {
  return new Set(
    allNodes(view)
      .filter((node) => !isHandshake(node))
      .map((node) => node.id),
  );
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
