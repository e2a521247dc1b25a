/** Gathers what is to be known about a cluster, from outside: nothing here changes anything. */
import { formatAddress } from '../address.js';
import type { Cluster, LostMember, Member } from '../cluster.js';
import { findStrayKeys } from '../moving/holders.js';
import { type Connector, NodeClient } from '../node-client.js';
import { infoField } from '../node-state.js';
import type { KnownNode, NodeView } from '../node-view.js';
import { Stopwatch } from '../progress.js';
import { busPortOf } from '../steps.js';
import { acceptsConnections } from '../trouble.js';

const LINK_POLL_MS = 200;
/** A first synchronization with little data takes as long as a master waits for more replicas to join in. */
const LINK_PATIENCE_MS = 8_000;

/** A member that answers, and what it and its host say. */
export interface NodeEvidence {
  readonly id: string;
  readonly name: string;
  readonly ip: string;
  readonly port: number;
  readonly busPort: number;
  readonly view: NodeView;
  /** Whether the bus port accepts connections from here. */
  readonly busPortOpen: boolean;
  readonly stateOk: boolean;
  /** Name and version, as `Redis 7.0.15`. */
  readonly version: string;
  /** Its clock less ours, as far as a reply that takes a while can tell. */
  readonly clockOffsetMs: number;
  readonly clockUncertaintyMs: number;
  /** Of a replica: whether it hears from its master. */
  readonly masterLinkUp: boolean | undefined;
  readonly strayKeys: number;
  readonly straySlots: readonly number[];
}

/** A node that members know and that does not answer. */
export interface LostEvidence {
  readonly known: KnownNode;
  readonly name: string;
  readonly busPortOpen: boolean;
}

export interface Evidence {
  /** The address for commands that want any node. */
  readonly entry: string;
  readonly nodes: readonly NodeEvidence[];
  readonly lost: readonly LostEvidence[];
  /** The entry node, when the others know it under an address that does not lead to it from here. */
  readonly wrongAnnouncement: { readonly name: string; readonly announced: string } | undefined;
}

export async function gatherEvidence(cluster: Cluster, connector: Connector, nowMs: () => number): Promise<Evidence> {
  const strays = await findStrayKeys(cluster);
  const nodes = await Promise.all(
    cluster.members.map(async (member): Promise<NodeEvidence> => {
      const stray = strays.find((found) => found.member === member);
      return { ...(await examine(member, nowMs)), strayKeys: stray?.keys ?? 0, straySlots: stray?.slots ?? [] };
    }),
  );
  const lost = await Promise.all(cluster.lost.map(examineLost));
  return {
    entry: cluster.members[0].name,
    nodes,
    lost,
    wrongAnnouncement: await findWrongAnnouncement(cluster, connector),
  };
}

async function examine(
  { client, name, view }: Member,
  nowMs: () => number,
): Promise<Omit<NodeEvidence, 'strayKeys' | 'straySlots'>> {
  const busPort = busPortOf(client.named, view);
  const [busPortOpen, clusterInfo, info] = await Promise.all([
    acceptsConnections(client.ip, busPort),
    client.text('CLUSTER', 'INFO'),
    client.text('INFO'),
  ]);
  const watch = new Stopwatch();
  const [seconds, micros] = (await client.call(['TIME'])) as [string, string];
  const tookMs = watch.elapsedMs;
  return {
    id: view.myself.id,
    name,
    ip: client.ip,
    port: client.port,
    busPort,
    view,
    busPortOpen,
    stateOk: infoField(clusterInfo, 'cluster_state') === 'ok',
    version: versionIn(info),
    clockOffsetMs: Number(seconds) * 1000 + Math.floor(Number(micros) / 1000) - (nowMs() - tookMs / 2),
    clockUncertaintyMs: tookMs,
    masterLinkUp: await seeMasterLink(client, info),
  };
}

/** Others than Redis say the version of Redis that they are like as well: it stays while their own changes. */
function versionIn(info: string): string {
  for (const name of ['Shoal', 'Valkey', 'Redis']) {
    const version = infoField(info, `${name.toLowerCase()}_version`);
    if (version !== undefined) return `${name} ${version}`;
  }
  return 'unknown';
}

/** A replica that has just been made one takes a moment: only what lasts is trouble. */
async function seeMasterLink(client: NodeClient, firstInfo: string): Promise<boolean | undefined> {
  let info = firstInfo;
  for (let waitedMs = 0; ; waitedMs += LINK_POLL_MS) {
    const status = infoField(info, 'master_link_status');
    if (status === undefined) return undefined;
    if (status === 'up' || waitedMs >= LINK_PATIENCE_MS) return status === 'up';
    await new Promise((resolve) => setTimeout(resolve, LINK_POLL_MS));
    info = await client.text('INFO', 'replication');
  }
}

async function examineLost({ known, trouble }: LostMember): Promise<LostEvidence> {
  const name = formatAddress(known.host, known.port);
  const busPortOpen = trouble.ip !== undefined && (await acceptsConnections(trouble.ip, known.busPort));
  return { known, name, busPortOpen };
}

/**
 * All other nodes were reached where the cluster says they are. The entry node was reached where the operator says it is:
 * where clients will be sent to may be another place, behind NAT.
 */
async function findWrongAnnouncement(
  { members }: Cluster,
  connector: Connector,
): Promise<Evidence['wrongAnnouncement']> {
  const [{ client, name, view }, ...others] = members;
  const { id } = view.myself;
  const belief = others.flatMap((other) => other.view.others).find((node) => node.id === id && node.host !== '');
  if (belief === undefined || (belief.host === client.ip && belief.port === client.port)) return undefined;
  const announced = { host: belief.host, port: belief.port, busPort: belief.busPort };
  const there = await connector.connect(announced);
  const found = there instanceof NodeClient ? await there.text('CLUSTER', 'MYID').catch(() => '') : '';
  return found === id ? undefined : { name, announced: formatAddress(belief.host, belief.port) };
}
