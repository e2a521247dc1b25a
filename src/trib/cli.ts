/** The command line of trib. */
import { readFileSync } from 'node:fs';
import { Argument, Command, CommanderError } from 'commander';
import { addBasicCommands } from './cli/basic-commands.js';
import { completionScript, SHELLS, type Shell } from './cli/completion.js';
import { addDataCommands } from './cli/data-commands.js';
import { addNodeCommands } from './cli/node-commands.js';
import { type CommonFlags, type Runner, tlsOptions, withCommon } from './cli/options.js';
import { plainNames } from './cli/redis-cli-names.js';
import { addSlotCommands } from './cli/slot-commands.js';
import { nodesToComplete } from './commands/complete-nodes.js';
import { registerLocalCommands } from './local/commands.js';
import { Connector } from './node-client.js';
import { Terminal, type TribIo } from './terminal.js';

const CONNECT_TIMEOUT_MS = 5000;

/** Runs trib with the arguments behind the program's name; returns the exit code: 0 when all went well, else 1. */
export async function runTrib(argv: readonly string[], io: TribIo): Promise<number> {
  let exitCode = 0;
  const program = buildProgram(io, async (name, own, command) => {
    // A command's own options win over those in front of it.
    const flags = { ...program.opts<CommonFlags>(), ...own };
    const terminal = new Terminal(io, flags.json);
    exitCode = await runCommand(io, terminal, flags, command);
    terminal.finish(name, exitCode);
  });
  try {
    await program.parseAsync(plainNames(argv), { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    throw error;
  }
}

async function runCommand(
  io: TribIo,
  terminal: Terminal,
  flags: CommonFlags,
  command: Parameters<Runner>[2],
): Promise<number> {
  let connector: Connector | undefined;
  try {
    const asked = flags.askpass ? await terminal.askSecret('Please input password: ') : undefined;
    connector = new Connector({
      username: flags.user,
      password: flags.password ?? asked ?? io.env.SHOAL_AUTH ?? io.env.REDISCLI_AUTH,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      tls: tlsOptions(flags),
      onCommand: io.onCommand,
    });
    return await command({ terminal, connector });
  } catch (error) {
    terminal.print(`[ERR] ${(error as Error).message}`);
    return 1;
  } finally {
    connector?.closeAll();
  }
}

function buildProgram(io: TribIo, run: Runner): Command {
  const program = new Command('trib')
    .description('Makes and looks after Redis clusters: Shoal, Redis and Valkey nodes alike.')
    .version(`trib ${packageVersion()}`, '--version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .enablePositionalOptions()
    .showHelpAfterError('(trib help COMMAND tells more)')
    .addHelpText('after', ENVIRONMENT_HELP);
  withCommon(program);
  addBasicCommands(program, run);
  addSlotCommands(program, run);
  addNodeCommands(program, run);
  addDataCommands(program, run, io.env);
  registerLocalCommands(program, io, run);
  program
    .command('completion')
    .summary('print a script with which a shell completes commands, options and nodes')
    .description(
      'Prints a script for bash, zsh or fish that completes commands, options and nodes: those of the cluster named on the line, else of the one that trib up runs here.',
    )
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', '\nExamples:\n  source <(trib completion bash)\n  trib completion fish | source')
    .action((shell: Shell) => {
      io.stdout.write(completionScript(program, shell));
    });
  program
    .command('complete-nodes', { hidden: true })
    .argument('[host:port]')
    .action(async (entry: string | undefined) =>
      run('complete-nodes', {}, async ({ connector }) => {
        for (const node of await nodesToComplete(connector, entry)) io.stdout.write(`${node}\n`);
        return 0;
      }),
    );
  return program;
}

const ENVIRONMENT_HELP = `
Environment:
  REDISCLI_AUTH, SHOAL_AUTH  the password; unlike -a, other users of this machine do not see it
  TRIB_FROM_AUTH             the password of the server that import takes its keys from
  NO_COLOR                   no colours

Exit code: 0 when all went well (of check: when nothing is wrong), 1 otherwise. Options of redis-cli --cluster are taken
under its names as well (--cluster-yes for --yes).`;

/** trib comes with the server and has its version. */
function packageVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
