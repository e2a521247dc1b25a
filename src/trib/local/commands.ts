/** The commands of trib that run a local cluster, as its command line has them. */
import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { type ChangeFlags, type CommonFlags, type Runner, withCommon } from '../cli/options.js';
import type { CommandContext } from '../commands/context.js';
import type { TribIo } from '../terminal.js';
import { down, kill, restart, status } from './control.js';
import { DEFAULT_DIR } from './folder.js';
import { upHosts } from './hosts/up-hosts.js';
import { type LocalCluster, openCluster } from './local-cluster.js';
import { logs } from './logs.js';
import { linesWithoutPasswords, readUserConfig } from './node-config.js';
import { settleCluster, up } from './up.js';

interface DirFlags extends CommonFlags {
  readonly dir: string;
}

interface UpFlags extends ChangeFlags {
  readonly dir?: string;
  readonly nodes?: number;
  readonly replicas?: number;
  readonly port?: number;
  readonly config?: string;
  readonly detach: boolean;
  readonly hosts?: string;
  readonly server?: string;
  readonly systemd: boolean;
  readonly print: boolean;
}

const REMOTE_DIR = '/var/lib/shoal';
const UP_DIR = `where the cluster keeps its data (default: ${DEFAULT_DIR}, on other hosts ${REMOTE_DIR})`;
const DEFAULT_LOG_LINES = 10;

export function registerLocalCommands(program: Command, io: TribIo, run: Runner): void {
  const register = new Registration(program, io, run);
  register.up();
  register.down();
  register.status();
  register.logs();
  register.kill();
  register.restart();
}

class Registration {
  readonly #program: Command;
  readonly #io: TribIo;
  readonly #run: Runner;

  constructor(program: Command, io: TribIo, run: Runner) {
    this.#program = program;
    this.#io = io;
    this.#run = run;
  }

  up(): void {
    this.#command('up', false)
      .summary('run a cluster on this machine')
      .description('Starts the nodes of a cluster on this machine, joins them and watches them until Ctrl-C ends them.')
      .option('--nodes <n>', 'how many nodes (default: 6)', (text) => integer(text, 3, 1000))
      .option('--replicas <n>', 'replicas for each master (default: 1, with fewer than six nodes 0)', (text) =>
        integer(text, 0, 100),
      )
      .option('--port <port>', 'port of the first node, the others follow (default: 7000)', (text) =>
        integer(text, 1, 55535),
      )
      .option('--config <file>', 'redis.conf lines for every node; an empty name takes them back')
      .option('-d, --detach', 'leave the nodes running in the background', false)
      .option('--hosts <file>', 'make a cluster of the hosts named there instead, over ssh')
      .option('--print', 'with --hosts: show what each host needs, and run nothing', false)
      .option('--server <program>', 'with --hosts: the server there (default: shoal-server)')
      .option('--no-systemd', 'with --hosts: daemons instead of systemd units')
      .option('--yes', 'with --hosts: accept the plan without asking', false)
      .option('--dry-run', 'with --hosts: show the plan and stop', false)
      .addHelpText('after', UP_HELP)
      .action(async (flags: UpFlags) => {
        if (flags.hosts !== undefined) return await this.#upHosts({ ...flags, hosts: flags.hosts });
        await this.#run('up', flags, async (context) => {
          const dir = path.resolve(flags.dir ?? DEFAULT_DIR);
          const options = { ...flags, dir, dirHint: dirHint(dir) };
          const cluster = settleCluster(context.terminal, options);
          if (cluster === undefined) return 1;
          context.connector.assumePassword(cluster.user?.password);
          return await up(context, cluster, options, this.#takeInterrupts);
        });
      });
  }

  down(): void {
    this.#command('down')
      .summary('end the cluster on this machine')
      .description('Ends all nodes of the cluster on this machine cleanly. Their data stays.')
      .addHelpText('after', DOWN_HELP)
      .action(async (flags: DirFlags) => {
        await this.#inCluster('down', flags, (context, cluster) => down(context, cluster));
      });
  }

  status(): void {
    this.#command('status')
      .summary('show the cluster on this machine')
      .description('Shows every node of the cluster on this machine. The exit code is 0 when all is well.')
      .addHelpText('after', STATUS_HELP)
      .action(async (flags: DirFlags) => {
        await this.#inCluster('status', flags, (context, cluster) => status(context, cluster));
      });
  }

  logs(): void {
    this.#command('logs')
      .summary('show the logs of the cluster on this machine')
      .description('Shows the ends of the logs of all nodes, or of one.')
      .argument('[node]', NODE_ARGUMENT)
      .option('-f, --follow', 'go on with what is added', false)
      .option('-n, --lines <n>', 'how many lines of each', (text) => integer(text, 0, 1_000_000), DEFAULT_LOG_LINES)
      .addHelpText('after', LOGS_HELP)
      .action(async (node: string | undefined, flags: DirFlags & { follow: boolean; lines: number }) => {
        await this.#inCluster('logs', flags, (context, cluster) =>
          logs(context, cluster, { ...flags, node }, this.#takeInterrupts),
        );
      });
  }

  kill(): void {
    this.#command('kill')
      .summary('kill a node of the cluster on this machine, as a crash would')
      .description('Kills a node with SIGKILL, to see what the cluster makes of it.')
      .argument('<node>', NODE_ARGUMENT)
      .addHelpText('after', KILL_HELP)
      .action(async (node: string, flags: DirFlags) => {
        await this.#inCluster('kill', flags, (context, cluster) => kill(context, cluster, node));
      });
  }

  restart(): void {
    this.#command('restart')
      .summary('end a node of the cluster on this machine and start it again')
      .description('Ends a node cleanly, if it runs, and starts it again.')
      .argument('<node>', NODE_ARGUMENT)
      .addHelpText('after', RESTART_HELP)
      .action(async (node: string, flags: DirFlags) => {
        await this.#inCluster('restart', flags, (context, cluster) => restart(context, cluster, node));
      });
  }

  async #upHosts(flags: UpFlags & { readonly hosts: string }): Promise<void> {
    const { config, dir = REMOTE_DIR, server = 'shoal-server' } = flags;
    await this.#run('up', flags, async (context) => {
      const local = (['nodes', 'port', 'detach'] as const).filter((name) => flags[name]);
      if (local.length > 0) {
        const names = local.map((name) => `--${name}`).join(' and ');
        throw new Error(`${names} cannot be used with --hosts: its file names every node.`);
      }
      const user = config === undefined || config === '' ? undefined : readUserConfig(path.resolve(config));
      context.connector.assumePassword(user?.password);
      const lines = user === undefined ? '' : linesWithoutPasswords(user.file);
      const { password } = context.connector;
      return await upHosts(context, { ...flags, replicas: flags.replicas, dir, server, lines, password });
    });
  }

  #command(name: string, withDefaultDir = true): Command {
    const what = 'where the cluster keeps its data';
    return withCommon(this.#program.command(name)).option(
      '--dir <folder>',
      withDefaultDir ? what : UP_DIR,
      ...(withDefaultDir ? [DEFAULT_DIR] : []),
    );
  }

  /** Runs a command for the cluster in the folder, whose own configuration may have the password. */
  async #inCluster(
    name: string,
    flags: DirFlags,
    command: (context: CommandContext, cluster: LocalCluster) => Promise<number>,
  ): Promise<void> {
    await this.#run(name, flags, async (context) => {
      const cluster = openCluster(flags.dir);
      context.connector.assumePassword(cluster.user?.password);
      return await command(context, cluster);
    });
  }

  readonly #takeInterrupts = (handler: () => void): (() => void) => {
    return this.#io.takeInterrupts?.(handler) ?? (() => undefined);
  };
}

const NODE_ARGUMENT = 'its port, index, address or the beginning of its id';

const UP_HELP = `
Examples:
  trib up                            three masters and three replicas, ports 7000 to 7005, data in ./.data
  trib up --nodes 9 --replicas 2     three masters with two replicas each
  trib up --config my.conf --detach  with lines of your own, in the background; trib down ends it
  trib up --dir other --port 7100    one more cluster

The data stays when the nodes end, and the next start finds it. From another shell: trib status, trib logs -f,
trib kill 7000 (and see its replica take over), trib restart 7000, trib down.

Hosts: a file with a line for each node, host[:port] [replica-of host[:port]]. Each host must have the server installed.
  trib up --hosts hosts.txt --print  what each host needs: redis.conf, systemd unit, start, and how to join them
  SHOAL_AUTH=... trib up --hosts hosts.txt
                                     does all of it over your ssh, with that password for every node`;

const DOWN_HELP = `
Examples:
  trib down
  trib down --dir other`;

const STATUS_HELP = `
Examples:
  trib status
  trib status --json`;

const LOGS_HELP = `
Examples:
  trib logs -f       all nodes, and what is added
  trib logs 7000 -n 100`;

const KILL_HELP = `
Examples:
  trib kill 7000     the node on that port
  trib kill 0        the first one
  trib kill 3f8a     the one whose id begins like that`;

const RESTART_HELP = `
Examples:
  trib restart 7000`;

/** How to name the folder in other commands: not at all where it is the one they take anyway. */
function dirHint(dir: string): string {
  return dir === path.resolve(DEFAULT_DIR) ? '' : ` --dir ${/^[\w./-]+$/.test(dir) ? dir : `'${dir}'`}`;
}

function integer(text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
}
