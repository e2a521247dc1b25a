/** The commands that bring data into a cluster and out of it. */
import type { Command } from 'commander';
import type { Address } from '../address.js';
import { backup } from '../commands/backup.js';
import { importKeys } from '../commands/import.js';
import {
  ANY_NODE,
  type CommonFlags,
  type MoveFlags,
  moveOptions,
  type Runner,
  readAddress,
  withCommon,
  withMoves,
} from './options.js';

interface ImportFlags extends MoveFlags {
  readonly from: Address;
  readonly fromUser?: string;
  readonly fromPass?: string;
  readonly fromAskpass: boolean;
  readonly copy: boolean;
}

export function addDataCommands(
  program: Command,
  run: Runner,
  env: Readonly<Record<string, string | undefined>>,
): void {
  withMoves(program.command('import'))
    .summary('bring the keys of a standalone server into the cluster')
    .description('Moves (or copies) the keys of database 0 of a standalone server into the cluster.')
    .argument('<host:port>', ANY_NODE, readAddress)
    .requiredOption('--from <host:port>', 'the standalone server', readAddress)
    .option('--from-user <name>', 'its ACL user')
    .option('--from-pass <password>', 'its password (default: $TRIB_FROM_AUTH)')
    .option('--from-askpass', 'ask for its password', false)
    .option('--copy', 'leave the keys at the source as well', false)
    .addHelpText('after', IMPORT_HELP)
    .action(async (address: Address, flags: ImportFlags) => {
      const { from, fromUser, fromPass, fromAskpass, copy } = flags;
      const source = { from, fromUser, fromPassword: fromPass ?? env.TRIB_FROM_AUTH, askPassword: fromAskpass };
      const options = { ...moveOptions(flags), ...source, copy };
      await run('import', flags, (context) => importKeys(context, address, options));
    });

  withCommon(program.command('backup'))
    .summary('save the data of every master')
    .description('Saves an RDB file of every master, and what the cluster looks like, in a folder.')
    .argument('<host:port>', ANY_NODE, readAddress)
    .argument('<backup_directory>', 'the folder; it is made if it is not there')
    .addHelpText('after', BACKUP_HELP)
    .action(async (address: Address, directory: string, flags: CommonFlags) =>
      run('backup', flags, (context) => backup(context, address, directory)),
    );
}

const IMPORT_HELP = `
Examples:
  trib import 10.0.0.1:6379 --from 10.0.0.9:6379
  TRIB_FROM_AUTH=secret trib import 10.0.0.1:6379 --from 10.0.0.9:6379 --copy --replace --yes

An interrupted import is finished by the same command.`;

const BACKUP_HELP = `
Example:
  trib backup 10.0.0.1:6379 /var/backups/cluster-$(date +%F)

Files that are not whole end in .part. nodes.json tells which slots each of the RDB files holds.`;
