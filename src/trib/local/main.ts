/** A cluster on this machine in one command: starts the daemons, joins them, shows how to connect, ends them on Ctrl-C. */
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { Redis } from 'ioredis';
import { runTrib } from '../cli.js';
import { LocalNode, portTaken } from './node.js';

const HOST = '127.0.0.1';
const BUS_OFFSET = 10000;
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

interface Flags {
  readonly nodes: number;
  readonly port: number;
  readonly dir: string;
}

/** Runs until it is told to end; answers the exit code. `root` is the folder of the package. */
export async function runLocalCluster(argv: readonly string[], { root }: { root: string }): Promise<number> {
  let flags: Flags;
  try {
    flags = parseFlags(argv, root);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    throw error;
  }
  const cluster = new LocalCluster(flags, path.join(root, 'bin', 'shoal-server'));
  return await cluster.run();
}

function parseFlags(argv: readonly string[], root: string): Flags {
  const program = new Command('npm start --')
    .description('Runs a Shoal cluster on this machine. Ctrl-C ends it; its data stays.')
    .option('--nodes <n>', 'how many nodes, all of them masters', (text) => integer(text, 3, 1000), 6)
    .option('--port <port>', 'port of the first node; the others follow', (text) => integer(text, 1, 55535), 7000)
    .option('--dir <folder>', 'where the nodes keep their data', path.join(root, '.data'))
    .exitOverride();
  program.parse([...argv], { from: 'user' });
  return program.opts<Flags>();
}

function integer(text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
}

class LocalCluster {
  readonly #flags: Flags;
  readonly #nodes: LocalNode[];
  #ending = false;
  #endRequested!: (code: number) => void;
  readonly #end = new Promise<number>((resolve) => {
    this.#endRequested = resolve;
  });

  constructor(flags: Flags, program: string) {
    this.#flags = flags;
    this.#nodes = Array.from({ length: flags.nodes }, (_, i) => {
      const port = flags.port + i;
      return new LocalNode({ program, host: HOST, port, dir: path.resolve(flags.dir, String(port)) });
    });
  }

  async run(): Promise<number> {
    const taken = await this.#takenPorts();
    if (taken.length > 0) {
      print(`[ERR] In use on ${HOST} already: port ${taken.join(', ')}.`);
      print('      End what listens there, or choose others: npm start -- --port 7100');
      return 1;
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#endRequested(0));
    print(`Starting ${this.#nodes.length} nodes ...`);
    for (const node of this.#nodes) node.start((ended, code) => this.#nodeEnded(ended, code));
    const code = await Promise.race([this.#serve(), this.#end]);
    this.#ending = true;
    print('\nEnding the nodes ...');
    await Promise.all(this.#nodes.map((node) => node.stop()));
    print(`All nodes ended. Their data stays in ${path.resolve(this.#flags.dir)}; npm start finds it again.`);
    return code;
  }

  async #takenPorts(): Promise<number[]> {
    const ports = this.#nodes.flatMap(({ options }) => [options.port, options.port + BUS_OFFSET]);
    const taken = await Promise.all(ports.map((port) => portTaken(HOST, port)));
    return ports.filter((_, i) => taken[i]);
  }

  /** Joins the nodes and waits for the end; answers early only when something failed. */
  async #serve(): Promise<number> {
    try {
      const infos = await this.#whenAll((info) => info !== '', 'answer');
      if (infos.every((info) => /^cluster_known_nodes:1\r?$/m.test(info))) await this.#join();
      await this.#whenAll((info) => info.includes('cluster_state:ok'), 'see the cluster as ok');
      await this.#describe();
      return await this.#end;
    } catch (error) {
      print(`[ERR] ${(error as Error).message}`);
      return 1;
    }
  }

  async #join(): Promise<void> {
    print('Joining them into a cluster ...');
    let transcript = '';
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        transcript += chunk.toString();
        done();
      },
    });
    const io = { stdin: new PassThrough(), stdout: sink, stderr: sink, env: process.env, isTty: false };
    const code = await runTrib(['create', '--yes', ...this.#nodes.map((node) => node.address)], io);
    if (code !== 0) throw new Error(`The nodes could not be joined:\n${transcript}`);
  }

  /** Asks every node for CLUSTER INFO until all answers please; '' stands for no answer. */
  async #whenAll(pleases: (info: string) => boolean, what: string): Promise<string[]> {
    const deadlineMs = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const infos = await Promise.all(this.#nodes.map((node) => clusterInfo(node)));
      if (infos.every(pleases)) return infos;
      if (Date.now() > deadlineMs) {
        const late = this.#nodes.filter((_, i) => !pleases(infos[i]));
        const logs = late.map((node) => `${node.address} (${node.logFile}):\n${node.logTail(5)}`);
        throw new Error(`These nodes do not ${what} within ${START_TIMEOUT_MS / 1000} s:\n${logs.join('\n')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #describe(): Promise<void> {
    const client = connect(this.#nodes[0]);
    const slots = (await client.cluster('SLOTS')) as unknown as [number, number, [string, number, string]][];
    client.disconnect();
    print('\n  node              slots                        id');
    for (const [start, end, [host, port, id]] of slots.sort((a, b) => a[0] - b[0])) {
      const range = `${start}-${end}`;
      print(
        `  ${`${host}:${port}`.padEnd(16)}  ${range.padEnd(14)}  ${String(end - start + 1).padStart(5)} slots  ${id}`,
      );
    }
    const { port } = this.#nodes[0].options;
    print(`
The cluster is up. Connect with

  redis-cli -c -p ${port}
  new Redis.Cluster([{ host: '${HOST}', port: ${port} }])        (ioredis)

Data and logs: ${path.resolve(this.#flags.dir)}/<port>/
Press Ctrl-C to end it.`);
  }

  #nodeEnded(node: LocalNode, code: number): void {
    if (this.#ending) return;
    print(`[ERR] The node ${node.address} ended with exit code ${code}. Its log (${node.logFile}) ends with:`);
    print(node.logTail(8));
    if (this.#nodes.every((each) => !each.running)) this.#endRequested(1);
  }
}

function connect(node: LocalNode): Redis {
  const { host, port } = node.options;
  const client = new Redis({ host, port, lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  // Every failure also rejects the command that met it.
  client.on('error', () => undefined);
  return client;
}

async function clusterInfo(node: LocalNode): Promise<string> {
  const client = connect(node);
  try {
    await client.connect();
    return await client.cluster('INFO');
  } catch {
    return '';
  } finally {
    client.disconnect();
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
