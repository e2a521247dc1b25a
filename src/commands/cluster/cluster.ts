/** CLUSTER, and what clients say to cluster nodes: ASKING, READONLY, READWRITE. */
import * as errors from '../../resp/errors.js';
import { FAST, LOADING, STALE } from '../command.js';
import type { ClientPort } from '../context.js';
import { type Command, command } from '../define.js';
import { clusterAdminCommands } from './admin.js';
import { clusterLookCommands } from './look.js';
import { clusterMoveCommands } from './moves.js';

const HELP = [
  'CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'ADDSLOTS <slot> [<slot> ...]',
  '    Take hash slots that nobody serves.',
  'ADDSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]',
  '    Take ranges of hash slots that nobody serves.',
  'BUMPEPOCH',
  '    Give this node a new config epoch.',
  'CANCELSLOTMIGRATIONS [ALL]',
  '    End all moves that MIGRATESLOTS has begun here.',
  'COUNT-FAILURE-REPORTS <node-id>',
  '    Count the masters that report <node-id> as unreachable.',
  'COUNTKEYSINSLOT <slot>',
  '    Count the keys of <slot>.',
  'DELSLOTS <slot> [<slot> ...]',
  '    Forget who serves the given hash slots.',
  'DELSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]',
  '    Forget who serves the given ranges of hash slots.',
  'FAILOVER [FORCE|TAKEOVER]',
  "    Make this replica take its master's place.",
  'FORGET <node-id>',
  '    Drop a node from the list of known nodes.',
  'GETKEYSINSLOT <slot> <count>',
  '    Name up to <count> keys of <slot>.',
  'GETSLOTMIGRATIONS',
  '    List moves of slots from and to this node.',
  'FLUSHSLOTS',
  '    Give up all hash slots of this node.',
  'INFO',
  '    Describe the state of the cluster as this node sees it.',
  'KEYSLOT <key>',
  '    Name the hash slot of <key>.',
  'LINKS',
  '    List the connections of the cluster bus.',
  'MEET <ip> <port> [<bus-port>]',
  '    Join this node with another one, and so their clusters.',
  'MIGRATESLOTS SLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...] NODE <node-id> [SLOTSRANGE ...]',
  '    Move slots with their keys to other nodes, in the background and in one step.',
  'MYID',
  "    Name this node's id.",
  'MYSHARDID',
  "    Name the id of this node's shard.",
  'NODES',
  '    List all nodes. Each line:',
  '    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...',
  'REPLICAS <node-id>',
  '    List the replicas of <node-id>.',
  'REPLICATE <node-id>',
  '    Make this node a replica of the master <node-id>.',
  'RESET [HARD|SOFT]',
  '    Make this node leave its cluster (default: soft).',
  'SAVECONFIG',
  '    Write nodes.conf now.',
  'SET-CONFIG-EPOCH <epoch>',
  '    Set the config epoch of a new node.',
  'SETSLOT <slot> (IMPORTING <node-id>|MIGRATING <node-id>|STABLE|NODE <node-id>)',
  '    Open a hash slot for its move, close it, or give it an owner.',
  'SHARDS',
  '    List masters with their replicas and hash slots.',
  'SLOTS',
  '    Map ranges of hash slots to nodes. Each range is made of:',
  '    start, end, then address, port and id of master and replicas',
  'HELP',
  '    Print this help.',
];

const help = command({
  name: 'help',
  arity: 2,
  group: 'cluster',
  since: '5.0.0',
  flags: LOADING | STALE,
  complexity: 'O(1)',
  summary: 'Prints how to use CLUSTER.',
  run(ctx) {
    if (ctx.server.cluster === undefined) return ctx.reply.error(errors.CLUSTER_DISABLED);
    ctx.reply.array(HELP.length);
    for (const line of HELP) ctx.reply.simple(line);
  },
});

const cluster = command({
  name: 'cluster',
  arity: -2,
  group: 'cluster',
  since: '3.0.0',
  flags: 0,
  complexity: 'Depends on subcommand.',
  summary: 'Holds the commands of Redis Cluster.',
  subcommands: [...clusterAdminCommands, ...clusterLookCommands, ...clusterMoveCommands, help],
});

/** Declares a command that changes how this connection is treated. */
function connectionMode(name: string, summary: string, flags: number, apply: (client: ClientPort) => void): Command {
  return command({
    name,
    arity: 1,
    group: 'cluster',
    since: '3.0.0',
    flags,
    acl: ['connection'],
    complexity: 'O(1)',
    summary,
    run(ctx) {
      if (ctx.server.cluster === undefined) return ctx.reply.error(errors.CLUSTER_DISABLED);
      apply(ctx.client);
      ctx.reply.ok();
    },
  });
}

const READ_MODE = FAST | LOADING | STALE;

export const clusterCommands: readonly Command[] = [
  cluster,
  connectionMode('readonly', 'Lets this connection read from a replica.', READ_MODE, (client) => {
    client.readOnlyMode = true;
  }),
  connectionMode('readwrite', 'Ends READONLY.', READ_MODE, (client) => {
    client.readOnlyMode = false;
  }),
  connectionMode('asking', 'Lets the next command use a hash slot that is being imported.', FAST, (client) => {
    client.asking = true;
  }),
];
