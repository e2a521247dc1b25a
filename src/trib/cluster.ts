/** A whole cluster as its nodes see it: every member that can be reached, and why the others cannot. */
import { compareEndpoints } from './address.js';
import { type Connector, NodeClient } from './node-client.js';
import { readView } from './node-state.js';
import { isHandshake, isMaster, type KnownNode, type NodeView } from './node-view.js';
import type { Trouble } from './trouble.js';

export interface Member {
  readonly client: NodeClient;
  readonly name: string;
  readonly view: NodeView;
}

/** A node that members know and that cannot be talked to. */
export interface LostMember {
  /** As the first member that knows it has it in its table. */
  readonly known: KnownNode;
  readonly trouble: Trouble;
}

export interface Cluster {
  /** The entry node first, the others by address. */
  readonly members: readonly Member[];
  readonly lost: readonly LostMember[];
}

/**
 * Connects to every node that `entry` knows, and to those that only others know (a node half forgotten, or half met).
 * `connected` holds clients by node id that are to be used as they are.
 */
export async function loadCluster(
  entry: NodeClient,
  connector: Connector,
  connected: ReadonlyMap<string, NodeClient> = new Map(),
): Promise<Cluster> {
  const first: Member = { client: entry, name: entry.name, view: await readView(entry) };
  const members: Member[] = [];
  const lost: LostMember[] = [];
  const seen = new Set([first.view.myself.id]);
  for (let news = [first]; news.length > 0; ) {
    const strangers = strangersOf(news, seen);
    news = [];
    for (const outcome of await Promise.all(strangers.map((node) => meetMember(node, connector, connected)))) {
      if ('trouble' in outcome) lost.push(outcome);
      else news.push(outcome);
    }
    members.push(...news);
  }
  members.sort((a, b) => compareEndpoints(endpointOf(a), endpointOf(b)));
  return { members: [first, ...members], lost };
}

/** What `members` know and nobody has asked yet; marks it as `seen`. */
function strangersOf(members: readonly Member[], seen: Set<string>): KnownNode[] {
  const strangers: KnownNode[] = [];
  for (const { view } of members) {
    for (const node of view.others) {
      if (isHandshake(node) || seen.has(node.id)) continue;
      seen.add(node.id);
      strangers.push(node);
    }
  }
  return strangers.sort(compareEndpoints);
}

async function meetMember(
  known: KnownNode,
  connector: Connector,
  connected: ReadonlyMap<string, NodeClient>,
): Promise<Member | LostMember> {
  const client = connected.get(known.id) ?? (await connectKnown(known, connector));
  if (!(client instanceof NodeClient)) return { known, trouble: client };
  return { client, name: client.name, view: await readView(client) };
}

async function connectKnown(node: KnownNode, connector: Connector): Promise<NodeClient | Trouble> {
  const named = { host: node.host, port: node.port, busPort: node.busPort };
  if (node.host === '' || node.flags.includes('noaddr')) {
    return { named, ip: undefined, kind: 'other', detail: `nobody knows the address of node ${node.id}` };
  }
  return connector.connect(named);
}

function endpointOf({ client }: Member): { host: string; port: number } {
  return { host: client.ip, port: client.port };
}

export function idOf(member: Member): string {
  return member.view.myself.id;
}

export function mastersOf({ members }: Cluster): Member[] {
  return members.filter(({ view }) => isMaster(view.myself));
}

/** Nodes that hold slots, as far as anybody knows, and cannot be talked to. */
export function lostMasters({ lost }: Cluster): LostMember[] {
  return lost.filter(({ known }) => isMaster(known));
}

/** The members that replicate `master`. */
export function replicasOf({ members }: Cluster, master: Member): Member[] {
  return members.filter(({ view }) => view.myself.masterId === idOf(master));
}

/** The one member whose id is `text` or begins with it, or whose address it is; undefined when none or several are. */
export function findMember(members: readonly Member[], text: string): Member | undefined {
  const lower = text.toLowerCase();
  const exact = members.find((member) => idOf(member) === lower || member.name === lower);
  if (exact !== undefined || !/^[0-9a-f]{4,}$/.test(lower)) return exact;
  const matching = members.filter((member) => idOf(member).startsWith(lower));
  return matching.length === 1 ? matching[0] : undefined;
}
