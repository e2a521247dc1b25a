/** create, check, info, call. */
import type { Command } from 'commander';
import type { Address } from '../address.js';
import { call } from '../commands/call.js';
import { check } from '../commands/check.js';
import { create } from '../commands/create.js';
import { info } from '../commands/info.js';
import {
  ANY_NODE,
  ANY_NODE_IN_WORDS,
  type ChangeFlags,
  type CommonFlags,
  changeOptions,
  collectAddresses,
  type Runner,
  readAddress,
  readCount,
  withChanges,
  withCommon,
} from './options.js';

const JOIN_TIMEOUT_MS = 60_000;

interface CreateFlags extends ChangeFlags {
  readonly replicas: number;
  readonly timeout: number;
}

interface InfoFlags extends CommonFlags {
  readonly map: boolean;
}

interface CheckFlags extends InfoFlags {
  readonly searchMultipleOwners: boolean;
}

interface CallFlags extends CommonFlags {
  readonly onlyMasters: boolean;
  readonly onlyReplicas: boolean;
}

export function addBasicCommands(program: Command, run: Runner): void {
  withChanges(program.command('create'))
    .summary('make a cluster of empty nodes')
    .description('Makes a cluster of empty nodes: divides the slots, shows the plan, asks, and joins the nodes.')
    .argument('<host:port...>', 'the nodes; host:port@busport where the bus port is not port + 10000', collectAddresses)
    .option('--replicas <n>', 'replicas for each master', readCount, 0)
    .option('--timeout <ms>', 'how long to wait for the nodes to join', readCount, JOIN_TIMEOUT_MS)
    .addHelpText('after', CREATE_HELP)
    .action(async (addresses: Address[], flags: CreateFlags) => {
      const options = { ...changeOptions(flags), replicas: flags.replicas, joinTimeoutMs: flags.timeout };
      await run('create', flags, (context) => create(context, addresses, options));
    });

  withCommon(program.command('check'))
    .summary('tell whether a cluster is as it should be')
    .description(
      'Checks that all nodes agree, that no slot is open and that every slot is served; says what is wrong and what mends it.',
    )
    .argument('<host:port>', ANY_NODE_IN_WORDS, readAddress)
    .option('--search-multiple-owners', 'name the nodes that hold keys of slots that are not theirs', false)
    .option('--map', 'draw who has which slots (on a terminal: always)', false)
    .addHelpText('after', CHECK_HELP)
    .action(async (address: Address, flags: CheckFlags) => {
      const { searchMultipleOwners, map } = flags;
      await run('check', flags, (context) => check(context, address, { searchMultipleOwners, map }));
    });

  withCommon(program.command('info'))
    .summary('show keys, slots and replicas of each master')
    .description('Shows how many keys, slots and replicas each master of the cluster has.')
    .argument('<host:port>', ANY_NODE_IN_WORDS, readAddress)
    .option('--map', 'draw who has which slots (on a terminal: always)', false)
    .addHelpText('after', '\nExample:\n  trib info 127.0.0.1:7000 --map')
    .action(async (address: Address, flags: InfoFlags) =>
      run('info', flags, (context) => info(context, address, { map: flags.map })),
    );

  withCommon(program.command('call'))
    .summary('run a command on every node')
    .description('Runs one command on every node of the cluster and prints each reply.')
    .argument('<host:port>', ANY_NODE, readAddress)
    .argument('<command...>', 'the command and its arguments')
    .option('--only-masters', 'leave replicas out', false)
    .option('--only-replicas', 'leave masters out', false)
    .passThroughOptions()
    .addHelpText('after', CALL_HELP)
    .action(async (address: Address, args: string[], flags: CallFlags) => {
      const { onlyMasters, onlyReplicas } = flags;
      await run('call', flags, (context) => call(context, address, args, { onlyMasters, onlyReplicas }));
    });
}

const CREATE_HELP = `
Examples:
  trib create 10.0.0.1:6379 10.0.0.2:6379 10.0.0.3:6379
  trib create --replicas 1 --yes node1:6379 node2:6379 node3:6379 node4:6379 node5:6379 node6:6379

Nothing is changed before the plan is accepted. When create is interrupted or fails half way, run it again with the same
arguments: it goes on from where it was.`;

const CHECK_HELP = `
Examples:
  trib check 127.0.0.1:7000
  trib check 127.0.0.1:7000 --json | jq .result.findings

The exit code is 0 when nothing is wrong; warnings leave it alone.`;

const CALL_HELP = `
Examples:
  trib call 127.0.0.1:7000 config get maxmemory
  trib call --only-replicas 127.0.0.1:7000 info replication`;
