/** The commands that move slots. */
import type { Command } from 'commander';
import type { Address } from '../address.js';
import { fix } from '../commands/fix.js';
import { rebalance } from '../commands/rebalance.js';
import { reshard } from '../commands/reshard.js';
import {
  ANY_NODE_IN_WORDS,
  collectTexts,
  type MoveFlags,
  moveOptions,
  type Runner,
  readAddress,
  readCount,
  readPercent,
  withMoves,
} from './options.js';

interface ReshardFlags extends MoveFlags {
  readonly from?: string;
  readonly to?: string;
  readonly slots?: number;
  readonly keyByKey: boolean;
}

interface RebalanceFlags extends MoveFlags {
  readonly weight?: readonly string[];
  readonly autoWeights: boolean;
  readonly useEmptyMasters: boolean;
  readonly simulate: boolean;
  readonly threshold: number;
  readonly keyByKey: boolean;
}

interface FixFlags extends MoveFlags {
  readonly searchMultipleOwners: boolean;
  readonly fixWithUnreachableMasters: boolean;
}

const KEY_BY_KEY = [
  '--key-by-key',
  'move keys with MIGRATE, also where the servers can move whole slots in one step',
  false,
] as const;

export function addSlotCommands(program: Command, run: Runner): void {
  withMoves(program.command('reshard'))
    .summary('move slots to a master')
    .description('Moves slots, with the keys in them, from some masters to another one, while clients go on.')
    .argument('<host:port>', ANY_NODE_IN_WORDS, readAddress)
    .option('--from <nodes>', 'ids or addresses of masters that give slots, divided by commas, or all')
    .option('--to <node>', 'id or address of the master that gets them')
    .option('--slots <n>', 'how many', readCount)
    .option(...KEY_BY_KEY)
    .addHelpText('after', RESHARD_HELP)
    .action(async (address: Address, flags: ReshardFlags) => {
      const { from, to, slots, keyByKey } = flags;
      const options = { ...moveOptions(flags), from, to, slots, keyByKey };
      await run('reshard', flags, (context) => reshard(context, address, options));
    });

  withMoves(program.command('rebalance'))
    .summary('give every master its share of the slots')
    .description('Moves slots until every master has its share.')
    .argument('<host:port>', ANY_NODE_IN_WORDS, readAddress)
    .option('--weight <node=number>', 'weight of a master (default 1); may be given more than once', collectTexts)
    .option('--auto-weights', 'weights in proportion to the maxmemory of each master', false)
    .option('--use-empty-masters', 'give slots to masters that have none', false)
    .option('--simulate', 'show what would move, and move nothing', false)
    .option('--threshold <percent>', 'how far from its share a master may be', readPercent, 2)
    .option(...KEY_BY_KEY)
    .addHelpText('after', REBALANCE_HELP)
    .action(async (address: Address, flags: RebalanceFlags) => {
      const { weight, autoWeights, useEmptyMasters, simulate, threshold, keyByKey } = flags;
      const own = {
        keyByKey,
        weights: weight ?? [],
        autoWeights,
        useEmptyMasters,
        simulate,
        thresholdPercent: threshold,
      };
      await run('rebalance', flags, (context) => rebalance(context, address, { ...moveOptions(flags), ...own }));
    });

  withMoves(program.command('fix'))
    .summary('mend open, uncovered and shared slots')
    .description('Finishes moves that were interrupted, covers slots that nobody serves, brings stray keys home.')
    .argument('<host:port>', ANY_NODE_IN_WORDS, readAddress)
    .option('--search-multiple-owners', 'say so when no slot has several owners', false)
    .option('--fix-with-unreachable-masters', 'go on although masters cannot be reached; may lose their data', false)
    .addHelpText('after', FIX_HELP)
    .action(async (address: Address, flags: FixFlags) => {
      const { searchMultipleOwners, fixWithUnreachableMasters } = flags;
      const options = { ...moveOptions(flags), searchMultipleOwners, fixWithUnreachableMasters };
      await run('fix', flags, (context) => fix(context, address, options));
    });
}

const RESHARD_HELP = `
Examples:
  trib reshard 10.0.0.1:6379
  trib reshard 10.0.0.1:6379 --from all --to 10.0.0.4:6379 --slots 1000 --yes
  trib reshard 10.0.0.1:6379 --from 3fc783611028b1707fd65345e763befb36454d73 --to 9cf7 --slots 100 --dry-run

Where both servers can (CLUSTER MIGRATESLOTS: Shoal, Valkey 9), they move the slots themselves, all of one source in one step; else,
and with --key-by-key, keys go over with MIGRATE, for which --timeout, --pipeline and --replace are.
An interrupted reshard loses nothing: what the servers move goes on without it, and the next reshard or fix waits for that; a slot
that was open is finished by trib fix.`;

const REBALANCE_HELP = `
Examples:
  trib rebalance 10.0.0.1:6379 --use-empty-masters
  trib rebalance 10.0.0.1:6379 --weight 10.0.0.1:6379=2 --weight 3fc78361=0.5 --yes

A master with weight 0 gives all its slots away. After an interruption run trib fix, then the same command again.`;

const FIX_HELP = `
Examples:
  trib fix 10.0.0.1:6379
  trib fix 10.0.0.1:6379 --dry-run

Keys are never thrown away. Of a key that two nodes hold with different values, neither copy is touched without --replace.`;
