/** The nodes of a soak as processes, and what one sees of them. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** @typedef {ReturnType<typeof import('./network.mjs').makeNetwork>} Network */

export class Node {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  #network;
  #options;

  /**
   * @param {Network} network
   * @param {{ index: number, program: string[], dir: string, timeoutMs: number, fsync: string }} options
   */
  constructor(network, options) {
    this.#network = network;
    this.#options = options;
    this.index = options.index;
    this.host = network.host(options.index);
    this.port = network.port(options.index);
  }

  get address() {
    return `${this.host}:${this.port}`;
  }

  get running() {
    return this.#child !== undefined;
  }

  start() {
    const { index, program, dir, timeoutMs, fsync } = this.#options;
    const home = path.join(dir, String(index));
    mkdirSync(home, { recursive: true });
    const directives = ['--port', String(this.port), '--bind', this.host, '--dir', home, '--save', ''];
    directives.push('--protected-mode', 'no', '--appendonly', 'yes', '--appendfsync', fsync);
    directives.push('--cluster-enabled', 'yes', '--cluster-node-timeout', String(timeoutMs));
    directives.push('--repl-diskless-sync-delay', '0');
    const [command, ...args] = this.#network.on(index, [...program, ...directives]);
    const log = openSync(path.join(home, 'log'), 'a');
    const child = spawn(command, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
  }

  /** @param {NodeJS.Signals} signal */
  signal(signal) {
    this.#child?.kill(signal);
  }

  /** @param {NodeJS.Signals} signal */
  async end(signal) {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Sends one command on a connection of its own; rejects when it is not answered. @param {string[]} args */
  async ask(...args) {
    const [name, ...rest] = args;
    const client = new Redis(this.port, this.host, {
      lazyConnect: true,
      connectTimeout: 1000,
      commandTimeout: 2000,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
      enableReadyCheck: false,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return String(await client.call(name, ...rest));
    } finally {
      client.disconnect();
    }
  }
}

/** @typedef {{ id: string, flags: string[], master: string, slots: string[], self: boolean }} Member */

/** CLUSTER NODES as a node has it; undefined when it does not answer. @param {Node} node @returns {Promise<Member[] | undefined>} */
export async function viewOf(node) {
  try {
    const text = await node.ask('CLUSTER', 'NODES');
    return text
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [id, , flags, master, , , , , ...slots] = line.split(' ');
        const words = flags.split(',');
        return { id, flags: words.filter((word) => word !== 'myself'), master, slots, self: words.includes('myself') };
      });
  } catch {
    return undefined;
  }
}

/**
 * Waits until all nodes answer, agree about everybody's part and slots, see nobody as failed and the cluster as ok, and all replicas have
 * what their masters had at the beginning (a link that was cut comes back with TCP's patience). Answers how long that took.
 * @param {Node[]} nodes @param {number} patienceMs
 */
export async function untilHealed(nodes, patienceMs) {
  const startMs = performance.now();
  /** @type {Map<string, number>} */
  const wanted = new Map();
  for (;;) {
    const problem = (await disagreement(nodes)) ?? (await lag(nodes, wanted));
    if (problem === undefined) return performance.now() - startMs;
    if (performance.now() - startMs > patienceMs) throw new Error(`not healed within ${patienceMs} ms: ${problem}`);
    await sleep(100);
  }
}

/** `wanted`: the offset of each master when it was first asked. @param {Node[]} nodes @param {Map<string, number>} wanted */
async function lag(nodes, wanted) {
  const infos = await Promise.all(nodes.map((node) => node.ask('INFO', 'replication')));
  const field = (/** @type {string} */ info, /** @type {string} */ name) =>
    new RegExp(`^${name}:(.*)\r$`, 'm').exec(info)?.[1] ?? '';
  for (const [i, info] of infos.entries()) {
    const { address } = nodes[i];
    if (field(info, 'role') === 'master' && !wanted.has(address))
      wanted.set(address, Number(field(info, 'master_repl_offset')));
  }
  for (const [i, info] of infos.entries()) {
    if (field(info, 'role') === 'master') continue;
    const offset = wanted.get(`${field(info, 'master_host')}:${field(info, 'master_port')}`) ?? 0;
    if (Number(field(info, 'slave_repl_offset')) < offset) return `${nodes[i].address} lags behind its master`;
  }
  return undefined;
}

/** @param {Node[]} nodes */
async function disagreement(nodes) {
  const views = await Promise.all(nodes.map((node) => viewOf(node)));
  let first = '';
  for (const [i, view] of views.entries()) {
    const { address } = nodes[i];
    if (view === undefined) return `${address} does not answer`;
    if (view.some(({ flags }) => flags.some((flag) => /fail|handshake|noaddr/.test(flag))))
      return `${address} sees a failure`;
    const text = view
      .map(({ id, flags, master, slots }) => `${id} ${flags} ${master} ${slots.join(' ')}`)
      .sort()
      .join('\n');
    if (i === 0) first = text;
    else if (text !== first) return `${address} and ${nodes[0].address} disagree:\n${first}\n\n${text}`;
  }
  const infos = await Promise.all(
    nodes.map(async (node) => {
      try {
        return (await node.ask('CLUSTER', 'INFO')) + (await node.ask('INFO', 'replication'));
      } catch {
        return '';
      }
    }),
  );
  const late = infos.findIndex(
    (info) => !info.includes('cluster_state:ok') || info.includes('master_link_status:down'),
  );
  return late < 0 ? undefined : `${nodes[late].address} is not ok:\n${infos[late]}`;
}
