/** Moves of slots that servers make themselves, as CLUSTER GETSLOTMIGRATIONS tells of them (Shoal, Valkey 9). */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, findMember, loadCluster, type Member, mastersOf } from '../cluster.js';
import { waitForAgreement } from '../join.js';
import { type Connector, NodeCallError, type NodeClient } from '../node-client.js';
import { infoField } from '../node-state.js';
import { formatRanges, type SlotRange } from '../slots.js';
import type { Terminal } from '../terminal.js';

export const MIGRATION_POLL_MS = 100;
const AGREEMENT_TIMEOUT_MS = 30_000;

/** One move. */
export interface Migration {
  readonly name: string;
  /** Whether the node that tells of it is the source. */
  readonly isExport: boolean;
  readonly slots: readonly SlotRange[];
  readonly targetId: string;
  readonly state: string;
  readonly message: string;
  readonly sentKeys: number;
}

export function isOver({ state }: Migration): boolean {
  return state === 'success' || state === 'failed' || state === 'cancelled';
}

/** The beginning of a command on one node: moves are a matter of their source alone. */
export function redisCli({ client }: Member): string {
  return `redis-cli -h ${client.ip} -p ${client.port}`;
}

/** What a node tells of moves, those that are over as well; undefined when it is none that can make them. */
export async function readMigrations({ client }: Member): Promise<Migration[] | undefined> {
  try {
    return ((await client.call(['CLUSTER', 'GETSLOTMIGRATIONS'])) as (string | number)[][]).map(readMigration);
  } catch (error) {
    if (error instanceof NodeCallError && error.isReply) return undefined;
    throw error;
  }
}

/** Names and values in turn. */
function readMigration(fields: readonly (string | number)[]): Migration {
  const values = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) values.set(String(fields[i]), String(fields[i + 1]));
  const text = (name: string): string => values.get(name) ?? '';
  return {
    name: text('name'),
    isExport: text('operation') === 'EXPORT',
    slots: readRanges(text('slot_ranges')),
    targetId: text('target_node'),
    state: text('state'),
    message: text('message'),
    sentKeys: Number(text('sent_keys')),
  };
}

/** `0-99 200-299` */
function readRanges(text: string): SlotRange[] {
  return text
    .split(' ')
    .filter(Boolean)
    .map((range) => range.split('-').map(Number))
    .map(([first, last = first]) => ({ first, last }));
}

/** Whether two nodes can move slots between them: what they say to each other is every server's own. */
export async function canMigrate(source: Member, target: Member): Promise<boolean> {
  const both = await Promise.all([source, target].map(readMigrations));
  if (both.includes(undefined)) return false;
  const [first, second] = await Promise.all(
    [source, target].map(async ({ client }) => infoField(await client.text('INFO', 'server'), 'server_name')),
  );
  return first === second;
}

/**
 * The cluster after the moves that an earlier run has begun and not seen to their end: they go on without it. Where there
 * have been moves, it is read again, for they may have ended while it was read.
 */
export async function loadSettledCluster(
  terminal: Terminal,
  entry: NodeClient,
  connector: Connector,
): Promise<Cluster> {
  const cluster = await loadCluster(entry, connector);
  let moved = false;
  for (const source of mastersOf(cluster)) {
    for (const move of (await readMigrations(source)) ?? []) {
      moved = true;
      if (move.isExport && !isOver(move)) await awaitEnd(terminal, cluster, source, move);
    }
  }
  if (!moved) return cluster;
  await waitForAgreement(terminal, () => loadCluster(entry, connector), AGREEMENT_TIMEOUT_MS);
  return await loadCluster(entry, connector);
}

async function awaitEnd(terminal: Terminal, cluster: Cluster, source: Member, begun: Migration): Promise<void> {
  const target = findMember(cluster.members, begun.targetId)?.name ?? begun.targetId;
  const what = `slots ${formatRanges(begun.slots)} from ${source.name} to ${target}`;
  terminal.print(
    `>>> The servers are moving ${what}: an earlier run began that. Waiting for the end of it.`,
    `    To end it at once instead:  ${redisCli(source)} cluster cancelslotmigrations`,
  );
  let move: Migration | undefined = begun;
  while (move !== undefined && !isOver(move)) {
    terminal.showStatus(`${move.state}, ${move.sentKeys} keys sent`);
    await sleep(MIGRATION_POLL_MS);
    move = (await readMigrations(source))?.find(({ name }) => name === begun.name);
  }
  if (move?.state === 'success') terminal.print(`>>> Moved: ${what}.`);
  else terminal.print(`>>> Not moved: ${what}. ${move?.message ?? 'The source has forgotten it.'}`);
}
