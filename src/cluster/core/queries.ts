/** What CLUSTER NODES, SLOTS, SHARDS, INFO, LINKS ... show. Nothing here changes what the node knows. */
import { SLOT_COUNT } from '../../base/crc16.js';
import type { ClusterCore } from './core.js';
import { liveReports } from './failure.js';
import type { ClusterNode, Link } from './node.js';
import { forEachRange, printNode, printNodes } from './nodesConf.js';
import { MESSAGE_NAMES } from './protocol.js';

/** CLUSTER NODES. */
export function nodesText(core: ClusterCore): string {
  return printNodes(core.state, 0);
}

/** One line of CLUSTER NODES without newline, as CLUSTER REPLICAS lists them. */
export function nodeLine(core: ClusterCore, node: ClusterNode): string {
  return printNode(core.state, node);
}

// ---------------------------------------------------------------------------------------------------- SLOTS

/** One entry of CLUSTER SLOTS, both ends inclusive. `nodes`: the owner, then its replicas that can serve. */
export interface SlotRange {
  readonly start: number;
  readonly end: number;
  readonly nodes: readonly ClusterNode[];
}

export function slotRanges(core: ClusterCore): SlotRange[] {
  const { owners } = core.state;
  const ranges: SlotRange[] = [];
  for (let start = 0; start < SLOT_COUNT; ) {
    const owner = owners[start];
    let end = start;
    while (end + 1 < SLOT_COUNT && owners[end + 1] === owner) end++;
    if (owner !== undefined) {
      ranges.push({
        start,
        end,
        nodes: [owner, ...owner.replicas.filter((replica) => shardNode(core, replica).health === 'online')],
      });
    }
    start = end + 1;
  }
  return ranges;
}

// ---------------------------------------------------------------------------------------------------- SHARDS

/** One element of CLUSTER SHARDS. `slots` is start, end, start, end ... as printed. */
export interface Shard {
  readonly slots: readonly number[];
  readonly nodes: readonly ShardNode[];
}

export interface ShardNode {
  readonly node: ClusterNode;
  readonly role: 'master' | 'replica';
  readonly replicationOffset: number;
  readonly health: 'online' | 'fail' | 'loading';
}

/** A master with its replicas is a shard; a replica whose master we do not know is one by itself. */
export function shards(core: ClusterCore): Shard[] {
  const result: Shard[] = [];
  for (const master of core.state.list) {
    if (master.isReplica && master.master !== undefined) continue;
    const slots: number[] = [];
    forEachRange(master, (start, end) => slots.push(start, end));
    result.push({ slots, nodes: [master, ...master.replicas].map((node) => shardNode(core, node)) });
  }
  return result;
}

function shardNode(core: ClusterCore, node: ClusterNode): ShardNode {
  const offset = node.isMyself ? core.context.dependencies.replicationOffset() : node.replicationOffset;
  const health = node.isFailed ? 'fail' : node.isReplica && offset === 0 ? 'loading' : 'online';
  return { node, role: node.isReplica ? 'replica' : 'master', replicationOffset: offset, health };
}

/**
 * The shard a node belongs to, 40 hex characters. Nodes before 7.2 tell none: then it follows from the master's id, so
 * that all nodes of our kind name the same one.
 */
export function shardId(node: ClusterNode): string {
  const master = node.master ?? node;
  return master.announcedShardId === '' ? mixId(master.id) : master.announcedShardId;
}

/** Another 40 hex characters for each 40. Not a secret, only different from the id itself. */
function mixId(id: string): string {
  let text = '';
  for (let i = 0; i < id.length; i++) {
    const digit = Number.parseInt(id[id.length - 1 - i], 16);
    text += ((digit ^ (i * 7 + 5)) & 15).toString(16);
  }
  return text;
}

// ---------------------------------------------------------------------------------------------------- INFO

/** CLUSTER INFO. `linksOverLimit`: links the shell has closed because their send queue was full. */
export function infoText(core: ClusterCore, linksOverLimit: number): string {
  const { state, context } = core;
  let pfailSlots = 0;
  let failSlots = 0;
  for (const node of state.list) {
    if (node.isFailed) failSlots += node.slotCount;
    else if (node.isPfail) pfailSlots += node.slotCount;
  }
  const lines = [
    `cluster_state:${core.stateOk ? 'ok' : 'fail'}`,
    `cluster_slots_assigned:${state.slotsAssigned}`,
    `cluster_slots_ok:${state.slotsAssigned - pfailSlots - failSlots}`,
    `cluster_slots_pfail:${pfailSlots}`,
    `cluster_slots_fail:${failSlots}`,
    `cluster_known_nodes:${state.nodes.size}`,
    `cluster_size:${context.size}`,
    `cluster_current_epoch:${state.currentEpoch}`,
    `cluster_my_epoch:${(state.myself.master ?? state.myself).configEpoch}`,
    ...messageLines(context.framesSent, 'sent'),
    ...messageLines(context.framesReceived, 'received'),
    `total_cluster_links_buffer_limit_exceeded:${linksOverLimit}`,
  ];
  return `${lines.join('\r\n')}\r\n`;
}

function messageLines(counts: Float64Array, direction: string): string[] {
  const lines: string[] = [];
  let total = 0;
  for (let type = 0; type < MESSAGE_NAMES.length; type++) {
    total += counts[type];
    if (counts[type] > 0) lines.push(`cluster_stats_messages_${MESSAGE_NAMES[type]}_${direction}:${counts[type]}`);
  }
  lines.push(`cluster_stats_messages_${direction}:${total}`);
  return lines;
}

// ---------------------------------------------------------------------------------------------------- LINKS, reports

/** One connection of the cluster bus, as CLUSTER LINKS shows it. */
export interface BusLinkInfo {
  readonly direction: 'to' | 'from';
  readonly nodeId: string;
  readonly createdAtMs: number;
  /** 'r', or 'rw' while something waits to be sent. */
  readonly events: string;
  readonly sendBufferAllocated: number;
  readonly sendBufferUsed: number;
}

/** The links of CLUSTER LINKS: those whose node is known. Queue sizes are the shell's to add. */
export function knownLinks(core: ClusterCore): Link[] {
  const links: Link[] = [];
  for (const link of core.context.links.values()) if (link.node !== undefined) links.push(link);
  return links;
}

/** How many masters report that node as unreachable now; undefined for an id we do not know. */
export function countFailureReports(core: ClusterCore, id: string, nowMs: number): number | undefined {
  const node = core.state.nodes.get(id);
  if (node === undefined) return undefined;
  core.context.nowMs = nowMs;
  return liveReports(core.context, node);
}
