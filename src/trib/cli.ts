/** The command line of trib. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { type Address, parseAddress } from './address.js';
import { call } from './commands/call.js';
import { check } from './commands/check.js';
import type { CommandContext } from './commands/context.js';
import { create } from './commands/create.js';
import { info } from './commands/info.js';
import { Connector } from './node-client.js';
import { Terminal, type TribIo } from './terminal.js';

const CONNECT_TIMEOUT_MS = 5000;
const JOIN_TIMEOUT_MS = 60_000;

interface AuthOptions {
  readonly password?: string;
  readonly user?: string;
}

interface CreateFlags extends AuthOptions {
  readonly replicas: number;
  readonly yes: boolean;
  readonly timeout: number;
}

/** Runs trib with the arguments behind the program's name; returns the exit code: 0 when all went well, else 1. */
export async function runTrib(argv: readonly string[], io: TribIo): Promise<number> {
  let exitCode = 0;
  const program = buildProgram(io, async (auth, command) => {
    const { user, password } = auth;
    const connector = new Connector({
      username: user,
      password: password ?? io.env.SHOAL_AUTH ?? io.env.REDISCLI_AUTH,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      onCommand: io.onCommand,
    });
    try {
      exitCode = await command({ terminal: new Terminal(io), connector });
    } finally {
      connector.closeAll();
    }
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    new Terminal(io).print(`[ERR] ${(error as Error).message}`);
    return 1;
  }
}

/** Runs one command with the password options that were given to it. */
type Runner = (auth: AuthOptions, command: (context: CommandContext) => Promise<number>) => Promise<void>;

function buildProgram(io: TribIo, runWith: Runner): Command {
  const program = new Command('trib')
    .description('Makes and looks after Redis clusters: Shoal, Redis and Valkey nodes alike.')
    .version(`trib ${packageVersion()}`, '--version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .enablePositionalOptions()
    .showHelpAfterError('(trib help COMMAND tells more)')
    .addHelpText('after', ENVIRONMENT_HELP);
  withAuth(program);

  /** A command's own options win over those in front of it. */
  const run: Runner = (own, command) => runWith({ ...program.opts<AuthOptions>(), ...own }, command);

  withAuth(program.command('create'))
    .summary('make a cluster of empty nodes')
    .description('Makes a cluster of empty nodes: divides the slots, shows the plan, asks, and joins the nodes.')
    .argument('<host:port...>', 'the nodes; host:port@busport where the bus port is not port + 10000', collectAddresses)
    .option('--replicas <n>', 'replicas for each master', parseCount, 0)
    .option('--yes', 'accept the plan without asking', false)
    .option('--timeout <ms>', 'how long to wait for the nodes to join', parseCount, JOIN_TIMEOUT_MS)
    .addHelpText('after', CREATE_HELP)
    .action(async (addresses: Address[], flags: CreateFlags) => {
      const { replicas, yes, timeout } = flags;
      await run(flags, (context) => create(context, addresses, { replicas, yes, joinTimeoutMs: timeout }));
    });

  withAuth(program.command('check'))
    .summary('tell whether a cluster is as it should be')
    .description('Checks that all nodes agree, that no slot is open and that every slot is served.')
    .argument('<host:port>', 'any node of the cluster', readAddress)
    .action(async (address: Address, flags: AuthOptions) => run(flags, (context) => check(context, address)));

  withAuth(program.command('info'))
    .summary('show keys, slots and replicas of each master')
    .description('Shows how many keys, slots and replicas each master of the cluster has.')
    .argument('<host:port>', 'any node of the cluster', readAddress)
    .action(async (address: Address, flags: AuthOptions) => run(flags, (context) => info(context, address)));

  withAuth(program.command('call'))
    .summary('run a command on every node')
    .description('Runs one command on every node of the cluster and prints each reply.')
    .argument('<host:port>', 'any node of the cluster', readAddress)
    .argument('<command...>', 'the command and its arguments')
    .passThroughOptions()
    .addHelpText('after', '\nExample:\n  trib call 127.0.0.1:7000 config get maxmemory')
    .action(async (address: Address, args: string[], flags: AuthOptions) =>
      run(flags, (context) => call(context, address, args)),
    );

  return program;
}

const ENVIRONMENT_HELP = `
Environment:
  REDISCLI_AUTH, SHOAL_AUTH  the password; unlike -a, other users of this machine do not see it
  NO_COLOR                   no colours`;

const CREATE_HELP = `
Examples:
  trib create 10.0.0.1:6379 10.0.0.2:6379 10.0.0.3:6379
  trib create --replicas 1 --yes node1:6379 node2:6379 node3:6379 node4:6379 node5:6379 node6:6379

Nothing is changed before the plan is accepted. When create is interrupted or fails half way, run it again with the same
arguments: it goes on from where it was.`;

/** trib comes with the server and has its version. */
function packageVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function withAuth(command: Command): Command {
  return command
    .option('-a, --password <password>', 'password of the nodes (default: $SHOAL_AUTH or $REDISCLI_AUTH)')
    .option('--user <name>', 'ACL user of the password');
}

function readAddress(text: string): Address {
  const address = parseAddress(text);
  if (typeof address === 'string') throw new InvalidArgumentError(address);
  return address;
}

function collectAddresses(text: string, before: Address[] | undefined): Address[] {
  return [...(before ?? []), readAddress(text)];
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
