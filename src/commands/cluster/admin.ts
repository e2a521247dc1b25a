/** CLUSTER subcommands that change the node's view of the cluster. The pure core decides and words the errors. */
import type { AdminCommand } from '../../cluster/core/admin.js';
import * as errors from '../../resp/errors.js';
import type { ClusterPort } from '../clusterPort.js';
import { ADMIN, type ArgumentDoc, NOSCRIPT, STALE } from '../command.js';
import { argTexts } from '../connection/arguments.js';
import type { CommandContext } from '../context.js';
import type { Command } from '../define.js';
import { unknownSubcommandOrArity } from '../introspection/help.js';
import { CHANGES, clusterSubcommand, NODE_ID, SLOT } from './declare.js';

const PER_SLOT = 'O(N) where N is the total number of hash slot arguments';
const PER_RANGE = 'O(N) where N is the total number of the slots between the start slot and end slot arguments.';

const SLOT_LIST: readonly ArgumentDoc[] = [{ ...SLOT, flags: ['multiple'] }];
const RANGES: readonly ArgumentDoc[] = [
  {
    name: 'start-slot_end-slot',
    type: 'block',
    flags: ['multiple'],
    arguments: [
      { name: 'start-slot', type: 'integer' },
      { name: 'end-slot', type: 'integer' },
    ],
  },
];

function run(ctx: CommandContext, cluster: ClusterPort, command: AdminCommand): void {
  const reply = cluster.admin(command);
  if ('error' in reply) ctx.reply.error(reply.error);
  else ctx.reply.simple(reply.ok);
}

function ranges(ctx: CommandContext, cluster: ClusterPort, kind: 'addSlotsRange' | 'delSlotsRange'): void {
  if (ctx.argc % 2 !== 0) return ctx.reply.error(errors.wrongArity(ctx.command.fullName));
  run(ctx, cluster, { kind, bounds: argTexts(ctx, 2) });
}

export const clusterAdminCommands: readonly Command[] = [
  clusterSubcommand(
    'addslots',
    -3,
    '3.0.0',
    CHANGES,
    { summary: 'Takes hash slots that nobody serves.', complexity: PER_SLOT, arguments: SLOT_LIST },
    (ctx, cluster) => run(ctx, cluster, { kind: 'addSlots', slots: argTexts(ctx, 2) }),
  ),
  clusterSubcommand(
    'addslotsrange',
    -4,
    '7.0.0',
    CHANGES,
    { summary: 'Takes ranges of hash slots that nobody serves.', complexity: PER_RANGE, arguments: RANGES },
    (ctx, cluster) => ranges(ctx, cluster, 'addSlotsRange'),
  ),
  clusterSubcommand(
    'bumpepoch',
    2,
    '3.0.0',
    CHANGES,
    { summary: 'Gives the node a new config epoch.', complexity: 'O(1)', tips: ['nondeterministic_output'] },
    (ctx, cluster) => run(ctx, cluster, { kind: 'bumpEpoch' }),
  ),
  clusterSubcommand(
    'delslots',
    -3,
    '3.0.0',
    CHANGES,
    { summary: 'Forgets who serves the given hash slots.', complexity: PER_SLOT, arguments: SLOT_LIST },
    (ctx, cluster) => run(ctx, cluster, { kind: 'delSlots', slots: argTexts(ctx, 2) }),
  ),
  clusterSubcommand(
    'delslotsrange',
    -4,
    '7.0.0',
    CHANGES,
    { summary: 'Forgets who serves the given ranges of hash slots.', complexity: PER_RANGE, arguments: RANGES },
    (ctx, cluster) => ranges(ctx, cluster, 'delSlotsRange'),
  ),
  clusterSubcommand(
    'failover',
    -2,
    '3.0.0',
    CHANGES,
    {
      summary: "Makes this replica take its master's place.",
      complexity: 'O(1)',
      arguments: [
        {
          name: 'options',
          type: 'oneof',
          flags: ['optional'],
          arguments: [
            { name: 'force', type: 'pure-token', token: 'FORCE' },
            { name: 'takeover', type: 'pure-token', token: 'TAKEOVER' },
          ],
        },
      ],
    },
    (ctx, cluster) => {
      if (ctx.argc > 3) return ctx.reply.error(unknownSubcommandOrArity(ctx));
      run(ctx, cluster, { kind: 'failover', mode: ctx.argc === 3 ? ctx.argText(2) : undefined });
    },
  ),
  clusterSubcommand(
    'flushslots',
    2,
    '3.0.0',
    CHANGES,
    { summary: 'Gives up all hash slots of this node.', complexity: 'O(1)' },
    (ctx, cluster) => run(ctx, cluster, { kind: 'flushSlots' }),
  ),
  clusterSubcommand(
    'forget',
    3,
    '3.0.0',
    CHANGES,
    { summary: 'Drops a node from the list of known nodes.', complexity: 'O(1)', arguments: [NODE_ID] },
    (ctx, cluster) => run(ctx, cluster, { kind: 'forget', id: ctx.argText(2) }),
  ),
  clusterSubcommand(
    'meet',
    -4,
    '3.0.0',
    CHANGES,
    {
      summary: 'Joins this node with another one, and so their clusters.',
      complexity: 'O(1)',
      history: [['4.0.0', 'Added the optional `cluster_bus_port` argument.']],
      arguments: [
        { name: 'ip', type: 'string' },
        { name: 'port', type: 'integer' },
        { name: 'cluster_bus_port', type: 'integer', since: '4.0.0', flags: ['optional'] },
      ],
    },
    (ctx, cluster) => {
      if (ctx.argc > 5) return ctx.reply.error(unknownSubcommandOrArity(ctx));
      const busPort = ctx.argc === 5 ? ctx.argText(4) : undefined;
      run(ctx, cluster, { kind: 'meet', ip: ctx.argText(2), port: ctx.argText(3), busPort });
    },
  ),
  clusterSubcommand(
    'replicate',
    3,
    '3.0.0',
    CHANGES,
    { summary: 'Makes this node a replica of a master.', complexity: 'O(1)', arguments: [NODE_ID] },
    (ctx, cluster) => run(ctx, cluster, { kind: 'replicate', id: ctx.argText(2) }),
  ),
  clusterSubcommand(
    'reset',
    -2,
    '3.0.0',
    ADMIN | STALE | NOSCRIPT,
    {
      summary: 'Makes the node leave its cluster.',
      complexity: 'O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.',
      arguments: [
        {
          name: 'hard_soft',
          type: 'oneof',
          flags: ['optional'],
          arguments: [
            { name: 'hard', type: 'pure-token', token: 'HARD' },
            { name: 'soft', type: 'pure-token', token: 'SOFT' },
          ],
        },
      ],
    },
    (ctx, cluster) => {
      if (ctx.argc > 3) return ctx.reply.error(unknownSubcommandOrArity(ctx));
      const hard = ctx.argc === 3 && ctx.argIs(2, 'hard');
      if (ctx.argc === 3 && !hard && !ctx.argIs(2, 'soft')) return ctx.reply.error(errors.SYNTAX);
      run(ctx, cluster, { kind: 'reset', hard });
    },
  ),
  clusterSubcommand(
    'saveconfig',
    2,
    '3.0.0',
    CHANGES,
    { summary: 'Writes nodes.conf now.', complexity: 'O(1)' },
    (ctx, cluster) => run(ctx, cluster, { kind: 'saveConfig' }),
  ),
  clusterSubcommand(
    'set-config-epoch',
    3,
    '3.0.0',
    CHANGES,
    {
      summary: 'Sets the config epoch of a new node.',
      complexity: 'O(1)',
      arguments: [{ name: 'config-epoch', type: 'integer' }],
    },
    (ctx, cluster) => run(ctx, cluster, { kind: 'setConfigEpoch', epoch: ctx.argText(2) }),
  ),
  clusterSubcommand(
    'setslot',
    -4,
    '3.0.0',
    CHANGES,
    {
      summary: 'Opens a hash slot for its move to another node, closes it, or gives it an owner.',
      complexity: 'O(1)',
      arguments: [
        SLOT,
        {
          name: 'subcommand',
          type: 'oneof',
          arguments: [
            { ...NODE_ID, token: 'IMPORTING' },
            { ...NODE_ID, token: 'MIGRATING' },
            { ...NODE_ID, token: 'NODE' },
            { name: 'stable', type: 'pure-token', token: 'STABLE' },
          ],
        },
      ],
    },
    (ctx, cluster) => run(ctx, cluster, { kind: 'setSlot', args: argTexts(ctx, 2) }),
  ),
];
