/**
 * The servers that specs run against, started once and shared by all specs that ask for the same.
 *
 *     @server default          one server
 *     @server two              two servers that know nothing of each other
 *     @server --maxmemory 1mb  one server with these directives
 *     @server cluster          one cluster node without slots
 *     @server cluster-full     one cluster node with all slots
 *     @server cluster-two      two nodes, a with slots 0-8191 and b with the rest
 *     @server cluster-replica  two nodes, a with all slots and b as its replica
 *     @server cluster-moving   the same for specs that move slots, which changes epochs
 */
import { textOf } from '../../support/notation.js';
import type { RunningServer } from '../../support/process.js';
import { splitArgs } from '../../support/quoting.js';
import { RawClient } from '../../support/rawclient.js';

export type StartServer = (args: readonly string[]) => Promise<RunningServer>;

const COMMON = ['--appendonly', 'no', '--enable-debug-command', 'yes'];
const TWO_NODES = ['cluster-two', 'cluster-moving'];
const CLUSTER = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '5000'];

export class SpecNode {
  readonly server: RunningServer;
  #admin: RawClient | undefined;
  /** CONFIG GET * after the start, to put back what a case has changed. */
  #config = new Map<string, string>();

  readonly #isReplica: boolean;

  constructor(server: RunningServer, isReplica = false) {
    this.server = server;
    this.#isReplica = isReplica;
  }

  /**
   * A connection of the harness itself: the last one, unless a case has killed it. Protected from eviction: redis-server
   * counts the memory of protected connections towards the limit once its cron has seen them, and then ends the others.
   */
  async admin(): Promise<RawClient> {
    this.#admin?.send('PING');
    const answer = await this.#admin?.read();
    if (this.#admin === undefined || answer === undefined || answer.type === 'closed') {
      this.#admin = await RawClient.connect(this.server.port);
      await this.#admin.call('CLIENT', 'NO-EVICT', 'ON');
      if (this.#isReplica) await this.#admin.call('READONLY');
    }
    return this.#admin;
  }

  async remember(): Promise<void> {
    this.#config = await this.#readConfig();
  }

  /** A directive's value after the start. */
  directive(name: string): string | undefined {
    return this.#config.get(name);
  }

  /** Back to an empty server without other clients. */
  async reset(before: readonly (readonly string[])[]): Promise<void> {
    const admin = await this.admin();
    const standard = [
      'CLIENT UNPAUSE',
      'DEBUG SET-ACTIVE-EXPIRE 1',
      'FLUSHALL',
      'CONFIG RESETSTAT',
      'CLIENT KILL TYPE normal',
      'CLIENT KILL TYPE pubsub',
    ];
    await admin.pipeline([...standard.map((line) => line.split(' ')), ...before]);
  }

  async restoreConfig(): Promise<void> {
    const admin = await this.admin();
    for (const [name, value] of await this.#readConfig()) {
      const wanted = this.#config.get(name);
      if (wanted !== undefined && wanted !== value) await admin.call('CONFIG', 'SET', name, wanted);
    }
  }

  async #readConfig(): Promise<Map<string, string>> {
    const reply = await (await this.admin()).call('CONFIG', 'GET', '*');
    const config = new Map<string, string>();
    if (reply.type !== 'array') return config;
    for (let i = 0; i + 1 < reply.items.length; i += 2) {
      config.set(textOf(reply.items[i]), textOf(reply.items[i + 1]));
    }
    return config;
  }
}

export class Topology {
  readonly nodes: ReadonlyMap<string, SpecNode>;
  /** What specs may say in double braces: {{port}}, {{b.port}}, {{b.id}} ... */
  readonly variables: ReadonlyMap<string, string>;
  readonly databases: number;

  constructor(nodes: ReadonlyMap<string, SpecNode>, variables: ReadonlyMap<string, string>, databases: number) {
    this.nodes = nodes;
    this.variables = variables;
    this.databases = databases;
  }

  alive(): boolean {
    return [...this.nodes.values()].every((node) => node.server.alive());
  }

  async stop(): Promise<void> {
    await Promise.all([...this.nodes.values()].map((node) => node.server.stop()));
  }
}

export class TopologyPool {
  readonly #start: StartServer;
  readonly #running = new Map<string, Topology>();

  constructor(start: StartServer) {
    this.#start = start;
  }

  /** The topology of that name: a running one, or a new one when there is none or one of its servers has died. */
  async get(name: string): Promise<Topology> {
    const running = this.#running.get(name);
    if (running?.alive()) return running;
    await running?.stop();
    const fresh = await this.#build(name);
    this.#running.set(name, fresh);
    return fresh;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((topology) => topology.stop()));
  }

  async #build(name: string): Promise<Topology> {
    const clustered = name.startsWith('cluster');
    const replicated = name === 'cluster-replica';
    const args = clustered ? CLUSTER : ['default', 'two'].includes(name) ? [] : splitArgs(name);
    const count = replicated || ['two', ...TWO_NODES].includes(name) ? 2 : 1;
    const starts = Array.from({ length: count }, () => this.#start([...COMMON, ...args]));
    const nodes = new Map<string, SpecNode>();
    for (const [i, started] of starts.entries()) {
      nodes.set('abcd'[i] as string, new SpecNode(await started, replicated && i === 1));
    }
    if (name === 'cluster-full') await assignSlots(nodes, [['a', '0', '16383']]);
    if (replicated) await joinReplica(nodes);
    if (TWO_NODES.includes(name)) await joinTwo(nodes);
    for (const node of nodes.values()) await node.remember();
    const databases = clustered ? 1 : Number(nodes.get('a')?.directive('databases') ?? 16);
    return new Topology(nodes, await variablesOf(nodes, clustered), databases);
  }
}

async function assignSlots(nodes: ReadonlyMap<string, SpecNode>, ranges: readonly [string, string, string][]) {
  for (const [name, from, to] of ranges) {
    await expectOk(await adminOf(nodes, name), ['CLUSTER', 'ADDSLOTSRANGE', from, to]);
  }
  for (const node of nodes.values()) await untilClusterOk(node);
}

async function joinTwo(nodes: ReadonlyMap<string, SpecNode>): Promise<void> {
  const a = await adminOf(nodes, 'a');
  await expectOk(a, ['CLUSTER', 'SET-CONFIG-EPOCH', '1']);
  await expectOk(await adminOf(nodes, 'b'), ['CLUSTER', 'SET-CONFIG-EPOCH', '2']);
  await expectOk(a, ['CLUSTER', 'MEET', '127.0.0.1', String(nodes.get('b')?.server.port)]);
  await assignSlots(nodes, [
    ['a', '0', '8191'],
    ['b', '8192', '16383'],
  ]);
}

async function joinReplica(nodes: ReadonlyMap<string, SpecNode>): Promise<void> {
  const a = await adminOf(nodes, 'a');
  const b = await adminOf(nodes, 'b');
  await expectOk(a, ['CONFIG', 'SET', 'repl-diskless-sync-delay', '0']);
  await expectOk(b, ['CONFIG', 'SET', 'repl-diskless-sync-delay', '0']);
  await expectOk(b, ['CLUSTER', 'SET-CONFIG-EPOCH', '2']);
  await expectOk(a, ['CLUSTER', 'MEET', '127.0.0.1', String(nodes.get('b')?.server.port)]);
  await assignSlots(nodes, [['a', '0', '16383']]);
  await expectOk(b, ['CLUSTER', 'REPLICATE', textOf(await a.call('CLUSTER', 'MYID'))]);
  await until(async () => textOf(await b.call('INFO', 'replication')).includes('master_link_status:up'));
  await until(async () => / slave /.test(textOf(await a.call('CLUSTER', 'NODES'))));
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the cluster of the specs did not come up');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function untilClusterOk(node: SpecNode): Promise<void> {
  const admin = await node.admin();
  const deadline = Date.now() + 20_000;
  for (;;) {
    const info = textOf(await admin.call('CLUSTER', 'INFO'));
    if (/cluster_state:ok/.test(info) && /cluster_slots_ok:16384/.test(info)) return;
    if (Date.now() > deadline) throw new Error(`the cluster of the specs did not come up:\n${info}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function variablesOf(nodes: ReadonlyMap<string, SpecNode>, clustered: boolean): Promise<Map<string, string>> {
  const variables = new Map<string, string>();
  for (const [name, node] of nodes) {
    const port = String(node.server.port);
    variables.set(`${name}.port`, port);
    if (clustered) variables.set(`${name}.id`, textOf(await (await node.admin()).call('CLUSTER', 'MYID')));
  }
  return variables;
}

async function adminOf(nodes: ReadonlyMap<string, SpecNode>, name: string): Promise<RawClient> {
  const node = nodes.get(name);
  if (node === undefined) throw new Error(`this spec has no node ${name}`);
  return node.admin();
}

async function expectOk(client: RawClient, request: string[]): Promise<void> {
  const reply = await client.call(...request);
  if (textOf(reply) !== 'OK') throw new Error(`${request.join(' ')}: ${textOf(reply)}`);
}
