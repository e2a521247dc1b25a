/** Waiting for nodes to become one cluster, and saying who has not seen whom when that takes long. */

import { formatAddress } from './address.js';
import type { Cluster, Member } from './cluster.js';
import { diagnose } from './diagnosis.js';
import type { NodeClient } from './node-client.js';
import { infoField, readView } from './node-state.js';
import { allNodes, isHandshake, isMaster, type NodeView, slotSignature } from './node-view.js';
import type { Terminal } from './terminal.js';
import { acceptsConnections } from './trouble.js';

/** A node that is to join. */
export interface Joiner {
  readonly name: string;
  readonly id: string;
  readonly client: NodeClient;
  readonly busPort: number;
}

/** A node that is to replicate another one. */
export interface Replica {
  readonly name: string;
  readonly id: string;
  readonly masterId: string;
}

/** What one node says at one moment. */
export interface Opinion {
  readonly name: string;
  readonly id: string;
  readonly view: NodeView;
  readonly stateOk: boolean;
}

const POLL_MS = 200;
const DOT_MS = 1000;
/** Meeting takes a second or two. */
const EXPLAIN_AFTER_MS = 3_000;
/** Nodes that have just met wait for up to five seconds before they serve (Redis's rejoin delay): that is no trouble. */
const EXPLAIN_DELAY_AFTER_MS = 10_000;

/** What keeps a wait from ending, a line each, and what may be done about it. */
interface Missing {
  readonly gaps: readonly string[];
  /** True when waiting longer than usual is to be expected. */
  readonly patient?: boolean;
  readonly advise?: () => Promise<string[]>;
}

/**
 * Waits until all nodes have seen each other and agree about every slot, and (unless it is enough that they have met) serve;
 * false when `timeoutMs` has passed.
 */
export async function waitForJoin(
  terminal: Terminal,
  joiners: readonly Joiner[],
  timeoutMs: number,
  until: 'serving' | 'met' = 'serving',
): Promise<boolean> {
  return await waitAloud(terminal, 'Waiting for the cluster to join', timeoutMs, async () => {
    const opinions = await Promise.all(joiners.map(askOpinion));
    const allMet = opinions.every((opinion) => unseenBy(opinion, opinions).length === 0);
    const judged = until === 'met' ? opinions.map((opinion) => ({ ...opinion, stateOk: true })) : opinions;
    return { gaps: joinGaps(judged), patient: allMet, advise: () => busPortAdvice(joiners, opinions) };
  });
}

/** Waits until every node has heard which nodes are replicas, and of whom; false when `timeoutMs` has passed. */
export async function waitForReplicas(
  terminal: Terminal,
  joiners: readonly Joiner[],
  replicas: readonly Replica[],
  timeoutMs: number,
): Promise<boolean> {
  return await waitAloud(terminal, undefined, timeoutMs, async () => {
    const opinions = await Promise.all(joiners.map(askOpinion));
    return { gaps: replicaGaps(opinions, replicas) };
  });
}

/** Waits until `replica` is a master in the eyes of all members; false when `timeoutMs` has passed. */
export async function waitForPromotion(
  terminal: Terminal,
  replica: Member,
  others: readonly Member[],
  timeoutMs: number,
): Promise<boolean> {
  const { id } = replica.view.myself;
  return await waitAloud(terminal, undefined, timeoutMs, async () => {
    const views = await Promise.all(
      [replica, ...others].map(async ({ name, client }) => [name, await readView(client)] as const),
    );
    const unaware = views.filter(([, view]) => !allNodes(view).some((node) => node.id === id && isMaster(node)));
    return { gaps: unaware.map(([name]) => `${name} does not take ${replica.name} for a master yet`) };
  });
}

/** Waits until all members that `load` finds agree about every slot; false when `timeoutMs` has passed. */
export async function waitForAgreement(
  terminal: Terminal,
  load: () => Promise<Cluster>,
  timeoutMs: number,
): Promise<boolean> {
  return await waitAloud(terminal, undefined, timeoutMs, async () => {
    return { gaps: diagnose((await load()).members).disagreements };
  });
}

/**
 * Polls until nothing is missing. With a title it prints that and a dot a second; after some seconds, and when it gives
 * up, it prints what is missing. Returns false when `timeoutMs` has passed.
 */
async function waitAloud(
  terminal: Terminal,
  title: string | undefined,
  timeoutMs: number,
  look: () => Promise<Missing>,
): Promise<boolean> {
  if (title !== undefined) terminal.write(title);
  let explained = false;
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const { gaps, patient, advise } = await look();
    if (gaps.length === 0) {
      terminal.endLine();
      return true;
    }
    const late = waitedMs >= timeoutMs;
    const due: boolean = !explained && waitedMs >= (patient ? EXPLAIN_DELAY_AFTER_MS : EXPLAIN_AFTER_MS);
    if (late || due) terminal.print(...[...gaps, ...((await advise?.()) ?? [])].map(indent));
    if (late) return false;
    explained ||= due;
    if (title !== undefined) {
      if (due) terminal.write(title);
      if (waitedMs % DOT_MS === 0) terminal.write('.');
    }
    await sleep(POLL_MS);
  }
}

/** Which replicas nodes have not heard of yet, a line for each node that misses some. */
export function replicaGaps(opinions: readonly Opinion[], replicas: readonly Replica[]): string[] {
  const gaps: string[] = [];
  for (const { name, view } of opinions) {
    const known = new Map(allNodes(view).map((node) => [node.id, node]));
    const unheard = replicas.filter(({ id, masterId }) => {
      const node = known.get(id);
      return node?.masterId !== masterId || !node.flags.includes('slave');
    });
    if (unheard.length > 0)
      gaps.push(`${name} has not heard which master is replicated by ${unheard.map((node) => node.name).join(', ')}`);
  }
  return gaps;
}

/** What is missing for the nodes to be one serving cluster, a line for each node that misses something. */
export function joinGaps(opinions: readonly Opinion[]): string[] {
  const gaps: string[] = [];
  for (const opinion of opinions) {
    const unseen = unseenBy(opinion, opinions).map(({ name }) => name);
    if (unseen.length > 0) gaps.push(`${opinion.name} has not seen ${unseen.join(', ')}`);
  }
  if (gaps.length > 0) return gaps;
  const [first, ...rest] = opinions;
  const signature = slotSignature(first.view);
  for (const { name, view } of rest) {
    if (slotSignature(view) !== signature) gaps.push(`${name} and ${first.name} do not agree about the slots yet`);
  }
  const byEpoch = new Map<number, string>();
  for (const { name, view } of opinions) {
    if (!isMaster(view.myself)) continue;
    const twin = byEpoch.get(view.myself.configEpoch);
    if (twin !== undefined) gaps.push(`${name} and ${twin} have the same config epoch ${view.myself.configEpoch}`);
    byEpoch.set(view.myself.configEpoch, name);
  }
  for (const { name, stateOk } of opinions) if (!stateOk) gaps.push(`${name} reports cluster_state:fail`);
  return gaps;
}

/** The nodes to which `opinion`'s node has no working link. */
function unseenBy({ id, view }: Opinion, all: readonly Opinion[]): Opinion[] {
  const linked = new Set(view.others.filter((node) => node.linked && !isHandshake(node)).map((node) => node.id));
  return all.filter((other) => other.id !== id && !linked.has(other.id));
}

async function askOpinion({ name, id, client }: Joiner): Promise<Opinion> {
  const view = await readView(client);
  const stateOk = infoField(await client.text('CLUSTER', 'INFO'), 'cluster_state') === 'ok';
  return { name, id, view, stateOk };
}

/** Nodes talk on a second port that operators forget to open: tries it where a node has not been seen. */
async function busPortAdvice(joiners: readonly Joiner[], opinions: readonly Opinion[]): Promise<string[]> {
  const unseen = new Set(opinions.flatMap((opinion) => unseenBy(opinion, opinions).map(({ id }) => id)));
  if (unseen.size === 0) return [];
  const advice: string[] = [];
  for (const { id, client, busPort } of joiners) {
    if (!unseen.has(id) || (await acceptsConnections(client.ip, busPort))) continue;
    const bus = formatAddress(client.ip, busPort);
    advice.push(`The cluster bus port ${bus} of node ${client.name} does not accept connections.`);
  }
  return [
    ...advice,
    'Nodes talk to each other on the cluster bus port: the client port + 10000, unless `cluster-port` says otherwise.',
    'It must be open in both directions between all nodes: look at the firewalls, and at cluster-announce-* behind NAT.',
  ];
}

function indent(line: string): string {
  return `   ${line}`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
