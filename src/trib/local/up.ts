/** `trib up`: starts the daemons of a local cluster, joins them, shows how to connect, and watches them. */
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandContext } from '../commands/context.js';
import type { TakeInterrupts, Terminal } from '../terminal.js';
import { join, type Member, planJoin } from './assemble.js';
import type { Daemon } from './daemon.js';
import { readShape, writeShape } from './folder.js';
import { clusterOf, type LocalCluster, namesOf } from './local-cluster.js';
import { recordOf, removeRecord, writeRecord } from './process-record.js';
import { type AskedShape, busPortAt, settleShape } from './shape.js';
import { allOk, type NodeStatus, Surveyor } from './survey.js';
import { clusterJson, clusterTable, stateWords } from './table.js';
import { Watch } from './watch.js';
import { runningWatcher, WATCHER_FILE } from './watcher.js';

export interface UpOptions extends AskedShape {
  /** Absolute. */
  readonly dir: string;
  /** Leave the nodes running in the background. */
  readonly detach: boolean;
  /** How the other commands are told which folder: empty, or `--dir D`. */
  readonly dirHint: string;
}

const START_TIMEOUT_MS = 30_000;
const POLL_MS = 25;
const TAIL_LINES = 8;

/** The cluster that is to run, or the reason why it cannot, printed. */
export function settleCluster(terminal: Terminal, options: UpOptions): LocalCluster | undefined {
  const kept = readShape(options.dir);
  const shape = settleShape(options.dir, options, kept);
  if (Array.isArray(shape)) {
    terminal.print(...shape);
    return undefined;
  }
  const cluster = clusterOf(options.dir, shape);
  const { user } = cluster;
  if (user !== undefined && user.overridden.length > 0) {
    terminal.print(`[WARNING] Each node gets its own of these lines of ${user.file}: ${user.overridden.join(', ')}.`);
  }
  return cluster;
}

/** Runs until it is told to end, unless the nodes are to be left in the background; answers the exit code. */
export async function up(
  context: CommandContext,
  cluster: LocalCluster,
  options: UpOptions,
  takeInterrupts: TakeInterrupts,
): Promise<number> {
  const { terminal } = context;
  const watcher = runningWatcher(cluster.dir);
  if (watcher !== undefined) {
    terminal.print(
      `[ERR] Another trib up (pid ${watcher.pid}) runs the cluster in ${cluster.dir}.`,
      `      Look at it with npx trib status${options.dirHint}, end it with npx trib down${options.dirHint}.`,
    );
    return 1;
  }
  const run = new Run(context, cluster, options);
  const giveBack = takeInterrupts(() => run.interrupt());
  try {
    return await run.go();
  } finally {
    giveBack();
  }
}

/** Ends the wait for something else. */
class Interrupted extends Error {}

class Run {
  readonly #context: CommandContext;
  readonly #cluster: LocalCluster;
  readonly #options: UpOptions;
  readonly #surveyor: Surveyor;
  /** The nodes that this run has started: those that it ends when it fails. */
  readonly #started: Daemon[] = [];
  #interrupts = 0;
  #onInterrupt: () => void = () => undefined;
  readonly #interrupted = new Promise<void>((resolve) => {
    this.#onInterrupt = resolve;
  });

  constructor(context: CommandContext, cluster: LocalCluster, options: UpOptions) {
    this.#context = context;
    this.#cluster = cluster;
    this.#options = options;
    this.#surveyor = new Surveyor(cluster.daemons, context.connector);
  }

  /** Ctrl-C: the first one ends the nodes cleanly, the next one by force. */
  interrupt(): void {
    this.#interrupts++;
    this.#onInterrupt();
    if (this.#interrupts > 1) for (const daemon of this.#cluster.daemons) void daemon.kill('trib up');
  }

  async go(): Promise<number> {
    const { terminal } = this.#context;
    const { dir, daemons, shape } = this.#cluster;
    const before = await this.#surveyor.look();
    const idle = daemons.filter((_, i) => before[i]?.pid === undefined);
    const taken = await takenPorts(idle);
    if (taken.length > 0) {
      terminal.print(
        `[ERR] In use on ${daemons[0].host} already: ${taken.join(', ')}.`,
        `      End what listens there, or choose other ports and another folder: --port 7100 --dir FOLDER`,
      );
      return 1;
    }
    writeShape(dir, shape);
    if (!this.#options.detach) writeRecord(dir, WATCHER_FILE, recordOf(process.pid, Date.now()));
    try {
      return await this.#serve(idle);
    } finally {
      if (!this.#options.detach) removeRecord(dir, WATCHER_FILE);
    }
  }

  async #serve(idle: readonly Daemon[]): Promise<number> {
    const { terminal } = this.#context;
    try {
      this.#start(idle);
      const nodes = await this.#assemble();
      this.#describe(nodes);
      const watcher = this.#options.detach ? undefined : process.pid;
      terminal.report({ ...clusterJson(this.#cluster.dir, watcher, nodes) });
      if (this.#options.detach) return 0;
      const watch = new Watch(terminal, this.#cluster, this.#surveyor, nodes);
      const code = await Promise.race([watch.untilAllEnded(), this.#interrupted]);
      if (code !== undefined) return code;
      watch.end();
      await this.#end(this.#cluster.daemons);
      return 0;
    } catch (error) {
      if (!(error instanceof Interrupted)) terminal.print(`[ERR] ${(error as Error).message}`);
      await this.#end(this.#started);
      return error instanceof Interrupted ? 0 : 1;
    }
  }

  #start(idle: readonly Daemon[]): void {
    const { terminal } = this.#context;
    const { daemons } = this.#cluster;
    const adopted = daemons.filter((daemon) => !idle.includes(daemon));
    if (adopted.length > 0) {
      terminal.print(`Running already, and taken over as they are: ${namesOf(adopted)}.`);
    }
    if (idle.length === 0) return;
    terminal.print(adopted.length === 0 ? `Starting ${idle.length} nodes ...` : `Starting ${namesOf(idle)} ...`);
    for (const daemon of idle) {
      const kept = daemon.start(Date.now());
      this.#started.push(daemon);
      if (kept) terminal.print(`[WARNING] ${daemon.place.dir}/redis.conf is as CONFIG REWRITE left it.`);
    }
  }

  /** Joins the nodes unless they are a cluster; answers when all of them say that it is ok. */
  async #assemble(): Promise<NodeStatus[]> {
    const answering = await this.#until('answer', ({ answer }) => answer !== undefined);
    const members = await Promise.all(answering.map((node, i) => this.#member(node, this.#cluster.daemons[i])));
    const plan = planJoin(members, this.#cluster.shape.replicas);
    if (plan !== undefined) {
      this.#context.terminal.print('Joining them into a cluster ...');
      await Promise.race([join(plan, members), this.#interrupted]);
    }
    return await this.#until('see the cluster as ok', ({ answer }) => answer?.stateOk === true);
  }

  async #member(node: NodeStatus, daemon: Daemon): Promise<Member> {
    const { answer, name, port } = node;
    if (answer === undefined) throw new Error(`${name} does not answer: ${node.trouble}`);
    const client = await this.#surveyor.connect(daemon);
    return { name, host: daemon.host, port, keyCount: answer.keys, view: answer.view, client };
  }

  /** Looks until all nodes please. Throws when one ends, when time is up, and when the user has had enough. */
  async #until(what: string, pleases: (node: NodeStatus) => boolean): Promise<NodeStatus[]> {
    const deadlineMs = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const nodes = await this.#surveyor.look();
      if (this.#interrupts > 0) throw new Interrupted();
      const ended = this.#cluster.daemons.filter((_, i) => nodes[i]?.pid === undefined);
      if (ended.length > 0) throw new Error(`These nodes ended:\n${this.#tails(ended)}`);
      if (nodes.every(pleases)) return nodes;
      if (Date.now() > deadlineMs) {
        const late = nodes.filter((node) => !pleases(node));
        const words = late.map((node) => `${node.name} (${stateWords(node)})`).join(', ');
        const tails = this.#tails(late.map(({ index }) => this.#cluster.daemons[index]));
        throw new Error(`These nodes do not ${what} within ${START_TIMEOUT_MS / 1000} s: ${words}\n${tails}`);
      }
      await Promise.race([sleep(POLL_MS), this.#interrupted]);
    }
  }

  #tails(daemons: readonly Daemon[]): string {
    return daemons
      .map((daemon) => [`${daemon.name} (${daemon.place.logFile}):`, ...daemon.logTail(TAIL_LINES)].join('\n'))
      .join('\n');
  }

  #describe(nodes: readonly NodeStatus[]): void {
    const { terminal } = this.#context;
    const { detach, dirHint } = this.#options;
    const [{ host, place }] = this.#cluster.daemons;
    const ok = allOk(nodes);
    const password = this.#cluster.user?.password === undefined ? '' : '   (and the password of your redis.conf)';
    terminal.print(
      '',
      ...clusterTable(nodes),
      '',
      `The cluster is up${ok ? '' : ', but not ok'}. Connect with${password}`,
      '',
      `  redis-cli -c -p ${place.port}${host === '127.0.0.1' ? '' : ` -h ${host}`}`,
      `  new Redis.Cluster([{ host: '${host}', port: ${place.port} }])        (ioredis)`,
      '',
      `Data and logs: ${this.#cluster.dir}/<port>/`,
      `From ${detach ? 'any' : 'another'} shell: npx trib status | logs | kill NODE | restart NODE | down${dirHint}`,
      detach ? 'The nodes run in the background. npx trib down ends them.' : 'Press Ctrl-C to end it.',
    );
  }

  async #end(daemons: readonly Daemon[]): Promise<void> {
    const { terminal } = this.#context;
    if (daemons.length === 0) return;
    terminal.print('', 'Ending the nodes ...');
    await Promise.all(daemons.map((daemon) => daemon.stop('trib up')));
    terminal.print(`All nodes ended. Their data stays in ${this.#cluster.dir}; the next start finds it again.`);
  }
}

/** The ports of these nodes on which somebody listens, in words. */
async function takenPorts(daemons: readonly Daemon[]): Promise<string[]> {
  const words = await Promise.all(
    daemons.map(async ({ host, place: { port } }) => {
      const [client, bus] = await Promise.all([portTaken(host, port), portTaken(host, busPortAt(port))]);
      return [
        ...(client ? [`port ${port}`] : []),
        ...(bus ? [`port ${busPortAt(port)} (the cluster bus of ${port})`] : []),
      ];
    }),
  );
  return words.flat();
}

function portTaken(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(true));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(false)));
  });
}
