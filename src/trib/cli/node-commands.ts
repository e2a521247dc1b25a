/** The commands that change who belongs to a cluster, and in which role. */
import type { Command } from 'commander';
import type { Address } from '../address.js';
import { addNode } from '../commands/add-node.js';
import { delNode } from '../commands/del-node.js';
import { failover } from '../commands/failover.js';
import { forget } from '../commands/forget.js';
import { replicate } from '../commands/replicate.js';
import { setTimeoutEverywhere } from '../commands/set-timeout.js';
import {
  ANY_NODE,
  type ChangeFlags,
  changeOptions,
  type Runner,
  readAddress,
  readCount,
  withChanges,
} from './options.js';

const JOIN_TIMEOUT_MS = 60_000;
const FAILOVER_TIMEOUT_MS = 20_000;

interface AddNodeFlags extends ChangeFlags {
  readonly slave: boolean;
  readonly replica: boolean;
  readonly masterId?: string;
  readonly timeout: number;
}

interface FailoverFlags extends ChangeFlags {
  readonly force: boolean;
  readonly takeover: boolean;
  readonly timeout: number;
}

export function addNodeCommands(program: Command, run: Runner): void {
  withChanges(program.command('add-node'))
    .summary('take a new node into a cluster')
    .description('Takes an empty node into a cluster, as a master without slots or as a replica.')
    .argument('<new_host:new_port>', 'the new node', readAddress)
    .argument('<existing_host:existing_port>', ANY_NODE, readAddress)
    .option('--slave', 'as a replica', false)
    .option('--replica', 'the same', false)
    .option('--master-id <node>', 'of this master (default: the one with fewest replicas)')
    .option('--timeout <ms>', 'how long to wait for the node to join', readCount, JOIN_TIMEOUT_MS)
    .addHelpText('after', ADD_NODE_HELP)
    .action(async (added: Address, existing: Address, flags: AddNodeFlags) => {
      const { slave, replica, masterId, timeout } = flags;
      const isReplica = slave || replica || masterId !== undefined;
      const options = { ...changeOptions(flags), replica: isReplica, masterId, joinTimeoutMs: timeout };
      await run('add-node', flags, (context) => addNode(context, added, existing, options));
    });

  withChanges(program.command('del-node'))
    .summary('take a node out of a cluster')
    .description('Takes a node without slots out of a cluster. Its replicas get another master.')
    .argument('<host:port>', ANY_NODE, readAddress)
    .argument('<node_id>', 'id, start of it, or address of the node that leaves')
    .addHelpText('after', DEL_NODE_HELP)
    .action(async (address: Address, nodeId: string, flags: ChangeFlags) =>
      run('del-node', flags, (context) => delNode(context, address, nodeId, changeOptions(flags))),
    );

  withChanges(program.command('forget'))
    .summary('make all nodes forget one that is gone for good')
    .description('Makes all nodes forget one that cannot be reached and will not come back.')
    .argument('<host:port>', 'any node that is left', readAddress)
    .argument('<node_id>', 'id, start of it, or address of the node that is gone')
    .addHelpText('after', FORGET_HELP)
    .action(async (address: Address, nodeId: string, flags: ChangeFlags) =>
      run('forget', flags, (context) => forget(context, address, nodeId, changeOptions(flags))),
    );

  withChanges(program.command('replicate'))
    .summary('make a node the replica of a master')
    .description('Makes a replica, or a master without slots, the replica of a master.')
    .argument('<host:port>', 'the node that is to be a replica', readAddress)
    .argument('[master]', 'id, start of it, or address (default: the master with fewest replicas)')
    .option('--master-id <node>', 'the same as [master]')
    .addHelpText('after', REPLICATE_HELP)
    .action(async (address: Address, master: string | undefined, flags: ChangeFlags & { masterId?: string }) =>
      run('replicate', flags, (context) => replicate(context, address, master ?? flags.masterId, changeOptions(flags))),
    );

  withChanges(program.command('failover'))
    .summary('make a replica the master')
    .description('Makes a replica the master in place of its master, which becomes its replica.')
    .argument('<host:port>', 'the replica, or a master whose best replica is to take its place', readAddress)
    .option('--force', 'without the master, which is gone', false)
    .option('--takeover', 'without asking anybody, when most masters are gone', false)
    .option('--timeout <ms>', 'how long it may take', readCount, FAILOVER_TIMEOUT_MS)
    .addHelpText('after', FAILOVER_HELP)
    .action(async (address: Address, flags: FailoverFlags) => {
      const mode = flags.takeover ? 'takeover' : flags.force ? 'force' : 'agreed';
      const options = { ...changeOptions(flags), mode, timeoutMs: flags.timeout } as const;
      await run('failover', flags, (context) => failover(context, address, options));
    });

  withChanges(program.command('set-timeout'))
    .summary('set the node timeout of every node')
    .description('Sets cluster-node-timeout on every node, and writes it to their configuration files.')
    .argument('<host:port>', ANY_NODE, readAddress)
    .argument('<milliseconds>', 'the timeout', readCount)
    .addHelpText('after', '\nExample:\n  trib set-timeout 127.0.0.1:7000 5000')
    .action(async (address: Address, timeoutMs: number, flags: ChangeFlags) =>
      run('set-timeout', flags, (context) => setTimeoutEverywhere(context, address, timeoutMs, changeOptions(flags))),
    );
}

const ADD_NODE_HELP = `
Examples:
  trib add-node 10.0.0.7:6379 10.0.0.1:6379
  trib add-node 10.0.0.7:6379 10.0.0.1:6379 --slave
  trib add-node 10.0.0.7:6379 10.0.0.1:6379 --slave --master-id 3fc783611028b1707fd65345e763befb36454d73

A new master has no slots: give it some with trib reshard or trib rebalance --use-empty-masters. When add-node is
interrupted, run it again with the same arguments.`;

const DEL_NODE_HELP = `
Examples:
  trib del-node 10.0.0.1:6379 3fc783611028b1707fd65345e763befb36454d73
  trib rebalance 10.0.0.1:6379 --weight 10.0.0.7:6379=0 && trib del-node 10.0.0.1:6379 10.0.0.7:6379

When del-node is interrupted, run it again with the same arguments.`;

const FORGET_HELP = `
Example:
  trib forget 10.0.0.1:6379 3fc783611028b1707fd65345e763befb36454d73`;

const REPLICATE_HELP = `
Examples:
  trib replicate 10.0.0.7:6379
  trib replicate 10.0.0.7:6379 10.0.0.1:6379`;

const FAILOVER_HELP = `
Examples:
  trib failover 10.0.0.4:6379
  trib failover --force 10.0.0.4:6379`;
