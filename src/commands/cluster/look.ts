/** CLUSTER subcommands that only look. */
import { keySlot, SLOT_COUNT } from '../../base/crc16.js';
import type { ClusterNode } from '../../cluster/core/node.js';
import {
  countFailureReports,
  infoText,
  nodeLine,
  nodesText,
  type ShardNode,
  shardId,
  shards,
  slotRanges,
} from '../../cluster/core/queries.js';
import { type ClusterPort, preferredHost } from '../clusterPort.js';
import { ADMIN, STALE } from '../command.js';
import type { CommandContext } from '../context.js';
import type { Command } from '../define.js';
import { replyFields, replyMap } from '../replyFields.js';
import { clusterSubcommand, LOOKS, NODE_ID, SLOT } from './declare.js';

const PER_NODE = 'O(N) where N is the total number of Cluster nodes';
const CHANGING = ['nondeterministic_output'];

function countFailures(ctx: CommandContext, cluster: ClusterPort): void {
  const id = ctx.argText(2);
  const count = countFailureReports(cluster.core, id, ctx.nowMs);
  if (count === undefined) ctx.reply.error(`ERR Unknown node ${id}`);
  else ctx.reply.integer(count);
}

function countKeysInSlot(ctx: CommandContext): void {
  const slot = ctx.argInt(2);
  if (Number.isNaN(slot)) return ctx.reply.error('ERR value is not an integer or out of range');
  if (slot < 0 || slot >= SLOT_COUNT) return ctx.reply.error('ERR Invalid slot');
  ctx.reply.integer(ctx.db.slotKeyCount(slot));
}

function getKeysInSlot(ctx: CommandContext): void {
  const slot = ctx.argInt(2);
  const wanted = ctx.argInt(3);
  if (Number.isNaN(slot) || Number.isNaN(wanted)) {
    return ctx.reply.error('ERR value is not an integer or out of range');
  }
  if (slot < 0 || slot >= SLOT_COUNT || wanted < 0) return ctx.reply.error('ERR Invalid slot or number of keys');
  const count = Math.min(wanted, ctx.db.slotKeyCount(slot));
  ctx.reply.array(count);
  let ref = ctx.db.slotFirst(slot);
  for (let i = 0; i < count; i++) {
    const key = ctx.db.readKey(ref);
    ctx.reply.view(key);
    ref = ctx.db.slotNext(ref);
  }
}

function links(ctx: CommandContext, cluster: ClusterPort): void {
  const found = cluster.links();
  ctx.reply.array(found.length);
  for (const link of found) {
    replyMap(ctx.reply, [
      ['direction', link.direction],
      ['node', link.nodeId],
      ['create-time', link.createdAtMs],
      ['events', link.events],
      ['send-buffer-allocated', link.sendBufferAllocated],
      ['send-buffer-used', link.sendBufferUsed],
    ]);
  }
}

function replicas(ctx: CommandContext, cluster: ClusterPort): void {
  const id = ctx.argText(2);
  const node = cluster.core.findNode(id);
  if (node === undefined) return ctx.reply.error(`ERR Unknown node ${id}`);
  if (node.isReplica) return ctx.reply.error('ERR The specified node is not a master');
  ctx.reply.array(node.replicas.length);
  for (const replica of node.replicas) ctx.reply.text(nodeLine(cluster.core, replica));
}

// ---------------------------------------------------------------- SLOTS

function slots(ctx: CommandContext, cluster: ClusterPort): void {
  const found = slotRanges(cluster.core);
  ctx.reply.array(found.length);
  for (const { start, end, nodes } of found) {
    ctx.reply.array(2 + nodes.length);
    ctx.reply.integer(start);
    ctx.reply.integer(end);
    for (const node of nodes) slotNode(ctx, node);
  }
}

/** The endpoint that clients shall use, its port, the id, and the other ways to name the node. */
function slotNode(ctx: CommandContext, node: ClusterNode): void {
  const preference = ctx.server.config.values['cluster-preferred-endpoint-type'];
  const others: [string, string][] = [];
  if (preference !== 'ip') others.push(['ip', node.ip]);
  if (preference !== 'hostname' && node.hostname !== '') others.push(['hostname', node.hostname]);
  ctx.reply.array(4);
  // SLOTS has no endpoint where SHARDS has an empty one.
  if (preference === 'unknown-endpoint') ctx.reply.nil();
  else ctx.reply.text(preferredHost(node, preference));
  ctx.reply.integer(node.port);
  ctx.reply.text(node.id);
  replyMap(ctx.reply, others);
}

// ---------------------------------------------------------------- SHARDS

function shardsReply(ctx: CommandContext, cluster: ClusterPort): void {
  const found = shards(cluster.core);
  ctx.reply.array(found.length);
  for (const shard of found) {
    ctx.reply.map(2);
    ctx.reply.text('slots');
    ctx.reply.array(shard.slots.length);
    for (const bound of shard.slots) ctx.reply.integer(bound);
    ctx.reply.text('nodes');
    ctx.reply.array(shard.nodes.length);
    for (const node of shard.nodes) shardMember(ctx, node);
  }
}

function shardMember(ctx: CommandContext, { node, role, replicationOffset, health }: ShardNode): void {
  const preference = ctx.server.config.values['cluster-preferred-endpoint-type'];
  ctx.reply.map(node.hostname === '' ? 7 : 8);
  replyFields(ctx.reply, [
    ['id', node.id],
    ['port', node.port],
    ['ip', node.ip],
    ['endpoint', preferredHost(node, preference)],
  ]);
  if (node.hostname !== '') replyFields(ctx.reply, [['hostname', node.hostname]]);
  replyFields(ctx.reply, [
    ['role', role],
    ['replication-offset', replicationOffset],
    ['health', health],
  ]);
}

export const clusterLookCommands: readonly Command[] = [
  clusterSubcommand(
    'count-failure-reports',
    3,
    '3.0.0',
    ADMIN | STALE,
    {
      summary: 'Counts the masters that report a node as unreachable.',
      complexity: 'O(N) where N is the number of failure reports',
      arguments: [NODE_ID],
      tips: CHANGING,
    },
    countFailures,
  ),
  clusterSubcommand(
    'countkeysinslot',
    3,
    '3.0.0',
    LOOKS,
    { summary: 'Counts the keys of a hash slot.', complexity: 'O(1)', arguments: [SLOT] },
    countKeysInSlot,
  ),
  clusterSubcommand(
    'getkeysinslot',
    4,
    '3.0.0',
    LOOKS,
    {
      summary: 'Names keys of a hash slot.',
      complexity: 'O(log(N)) where N is the number of requested keys',
      arguments: [SLOT, { name: 'count', type: 'integer' }],
      tips: CHANGING,
    },
    getKeysInSlot,
  ),
  clusterSubcommand(
    'info',
    2,
    '3.0.0',
    LOOKS,
    { summary: 'Describes the state of the cluster as this node sees it.', complexity: 'O(1)', tips: CHANGING },
    (ctx, cluster) => ctx.reply.verbatim('txt', infoText(cluster.core, cluster.linksDropped)),
  ),
  clusterSubcommand(
    'keyslot',
    3,
    '3.0.0',
    LOOKS,
    {
      summary: 'Names the hash slot of a key.',
      complexity: 'O(N) where N is the number of bytes in the key',
      arguments: [{ name: 'key', type: 'string' }],
    },
    (ctx) => ctx.reply.integer(keySlot(ctx.buf, ctx.start[2], ctx.end[2])),
  ),
  clusterSubcommand(
    'links',
    2,
    '7.0.0',
    LOOKS,
    { summary: 'Lists the connections of the cluster bus.', complexity: PER_NODE, tips: CHANGING },
    links,
  ),
  clusterSubcommand(
    'myid',
    2,
    '3.0.0',
    LOOKS,
    { summary: "Names this node's id.", complexity: 'O(1)' },
    (ctx, cluster) => ctx.reply.text(cluster.core.myself.id),
  ),
  clusterSubcommand(
    'myshardid',
    2,
    '7.2.0',
    LOOKS,
    { summary: "Names the id of this node's shard.", complexity: 'O(1)', tips: CHANGING },
    (ctx, cluster) => ctx.reply.text(shardId(cluster.core.myself)),
  ),
  clusterSubcommand(
    'nodes',
    2,
    '3.0.0',
    LOOKS,
    { summary: 'Lists all nodes in the text form of nodes.conf.', complexity: PER_NODE, tips: CHANGING },
    (ctx, cluster) => ctx.reply.verbatim('txt', nodesText(cluster.core)),
  ),
  clusterSubcommand(
    'replicas',
    3,
    '5.0.0',
    ADMIN | STALE,
    { summary: 'Lists the replicas of a master.', complexity: 'O(1)', arguments: [NODE_ID], tips: CHANGING },
    replicas,
  ),
  clusterSubcommand(
    'shards',
    2,
    '7.0.0',
    LOOKS,
    {
      summary: 'Lists masters with their replicas and hash slots.',
      complexity: 'O(N) where N is the total number of cluster nodes',
      tips: CHANGING,
    },
    shardsReply,
  ),
  clusterSubcommand(
    'slaves',
    3,
    '3.0.0',
    ADMIN | STALE,
    {
      summary: 'Lists the replicas of a master.',
      complexity: 'O(1)',
      arguments: [NODE_ID],
      tips: CHANGING,
      docFlags: ['deprecated'],
      deprecatedSince: '5.0.0',
      replacedBy: '`CLUSTER REPLICAS`',
    },
    replicas,
  ),
  clusterSubcommand(
    'slots',
    2,
    '3.0.0',
    LOOKS,
    {
      summary: 'Maps ranges of hash slots to nodes.',
      complexity: PER_NODE,
      history: [
        ['4.0.0', 'Added node IDs.'],
        ['7.0.0', 'Added additional networking metadata field.'],
      ],
      tips: CHANGING,
      docFlags: ['deprecated'],
      deprecatedSince: '7.0.0',
      replacedBy: '`CLUSTER SHARDS`',
    },
    slots,
  ),
];
