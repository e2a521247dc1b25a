/** A whole cluster as seen from one of its nodes: every member that can be reached, and why the others cannot. */
import { compareEndpoints } from './address.js';
import { type Connector, NodeClient } from './node-client.js';
import { readView } from './node-state.js';
import { isHandshake, type KnownNode, type NodeView } from './node-view.js';
import type { Trouble } from './trouble.js';

export interface Member {
  readonly client: NodeClient;
  readonly name: string;
  readonly view: NodeView;
}

export interface Cluster {
  /** The entry node first, the others by address. */
  readonly members: readonly Member[];
  readonly unreachable: readonly Trouble[];
}

/**
 * Connects to every node that `entry` knows. `connected` holds clients by node id that are to be used as they are.
 */
export async function loadCluster(
  entry: NodeClient,
  connector: Connector,
  connected: ReadonlyMap<string, NodeClient> = new Map(),
): Promise<Cluster> {
  const view = await readView(entry);
  const known = view.others.filter((node) => !isHandshake(node)).sort(compareEndpoints);
  const outcomes = await Promise.all(
    known.map(async (node) => connected.get(node.id) ?? connectKnown(node, connector)),
  );
  const clients = outcomes.filter((outcome) => outcome instanceof NodeClient);
  const others = await Promise.all(
    clients.map(async (client) => ({ client, name: client.name, view: await readView(client) })),
  );
  return {
    members: [{ client: entry, name: entry.name, view }, ...others],
    unreachable: outcomes.filter((outcome): outcome is Trouble => !(outcome instanceof NodeClient)),
  };
}

async function connectKnown(node: KnownNode, connector: Connector): Promise<NodeClient | Trouble> {
  const named = { host: node.host, port: node.port, busPort: node.busPort };
  if (node.host === '' || node.flags.includes('noaddr')) {
    return { named, ip: undefined, kind: 'other', detail: `nobody knows the address of node ${node.id}` };
  }
  return connector.connect(named);
}
