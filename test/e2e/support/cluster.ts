/** Cluster nodes as processes: ours, and Redis's own. */

import { freePorts } from '../../support/ports.js';
import { tempDir } from '../../support/process.js';
import { ask, type Daemon, launch, until } from './daemon.js';

/** Short, because the tests wait it out; longer than a busy machine keeps a node waiting. */
const NODE_TIMEOUT_MS = 1200;

export interface NodeOptions {
  readonly port: number;
  readonly program?: string | undefined;
  /** Directives beside the usual ones. */
  readonly more?: readonly string[];
}

/** A node that can be ended and started again on the same folder. */
export class ClusterNode {
  readonly port: number;
  readonly dir: string = tempDir('shoal-node-');
  readonly #options: NodeOptions;
  #daemon: Daemon | undefined;

  constructor(options: NodeOptions) {
    this.port = options.port;
    this.#options = options;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get daemon(): Daemon {
    if (this.#daemon === undefined) throw new Error('the node has not been started');
    return this.#daemon;
  }

  launch(): Daemon {
    const { program, more = [] } = this.#options;
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--dir', this.dir];
    args.push('--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT_MS), ...more);
    this.#daemon = launch(args, program === undefined ? {} : { program });
    return this.#daemon;
  }

  async start(): Promise<this> {
    await this.launch().ready();
    return this;
  }

  ask(...args: string[]): Promise<string> {
    return ask(this.port, ...args);
  }

  id(): Promise<string> {
    return this.ask('CLUSTER', 'MYID');
  }

  /** Its view of the cluster, a line for each node it knows. */
  async view(): Promise<NodeLine[]> {
    return (await this.ask('CLUSTER', 'NODES')).trimEnd().split('\n').map(parseNodeLine);
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#daemon?.end(signal);
  }
}

/** One line of CLUSTER NODES. */
export interface NodeLine {
  readonly id: string;
  readonly port: number;
  readonly flags: readonly string[];
  readonly configEpoch: number;
  readonly link: string;
  readonly slots: readonly string[];
}

export function parseNodeLine(line: string): NodeLine {
  const [id = '', address = '', flags = '', , , , epoch = '', link = '', ...slots] = line.split(' ');
  const port = Number(/:(\d+)@/.exec(address)?.[1]);
  return { id, port, flags: flags.split(','), configEpoch: Number(epoch), link, slots };
}

export async function startNodes(count: number, options: Omit<NodeOptions, 'port'> = {}): Promise<ClusterNode[]> {
  const ports = await freePorts(count);
  return Promise.all(ports.map((port) => new ClusterNode({ ...options, port }).start()));
}

/** What `it` hands to a test that needs its nodes ended, however it goes. */
export interface TestContext {
  onTestFinished(action: () => Promise<void>): void;
}

/** Ends the nodes when the test is over. Those of tests that run at the same time stay. */
export function endAfter<T extends readonly ClusterNode[]>({ onTestFinished }: TestContext, nodes: T): T {
  onTestFinished(() => endNodes(nodes));
  return nodes;
}

export async function endNodes(nodes: readonly ClusterNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.end()));
}

/** Waits until all of the nodes say that the cluster is `state`. */
export async function untilState(nodes: readonly ClusterNode[], state: 'ok' | 'fail'): Promise<void> {
  await until(`all nodes see the cluster as ${state}`, async () => {
    const infos = await Promise.all(nodes.map((node) => node.ask('CLUSTER', 'INFO').catch(() => '')));
    return infos.every((info) => info.includes(`cluster_state:${state}\r\n`));
  });
}

/** Waits until `observer` sees the node with that id (not) flagged. */
export async function untilFlagged(observer: ClusterNode, id: string, flag: string, on = true): Promise<void> {
  await until(`${observer.port} sees ${id} ${on ? 'as' : 'no longer as'} ${flag}`, async () => {
    const line = (await observer.view()).find((each) => each.id === id);
    return line !== undefined && line.flags.includes(flag) === on;
  });
}

/** Joins nodes without a tool: splits the slots, sets epochs, meets, and waits until all agree. */
export async function join(nodes: readonly ClusterNode[]): Promise<void> {
  const [first] = nodes;
  await Promise.all(
    nodes.map(async (node, i) => {
      const from = Math.floor((16384 * i) / nodes.length);
      const to = Math.floor((16384 * (i + 1)) / nodes.length) - 1;
      await node.ask('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
      await node.ask('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1));
    }),
  );
  for (const node of nodes.slice(1)) await first?.ask('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
  await untilJoined(nodes);
}

/** Waits until every node knows all of them, connected, and the cluster is ok. */
export async function untilJoined(nodes: readonly ClusterNode[]): Promise<void> {
  await until('every node is connected to every other', async () => {
    const views = await Promise.all(nodes.map((node) => node.view()));
    return views.every(
      (view) =>
        view.length === nodes.length &&
        view.every((line) => line.link === 'connected' && !line.flags.some((flag) => /handshake|fail/.test(flag))),
    );
  });
  await untilState(nodes, 'ok');
}
