/** What the nodes of a local cluster are doing at one moment, asked of the nodes themselves. */
import { type Connector, NodeCallError, NodeClient } from '../node-client.js';
import { infoField, parseKeyspace, readView } from '../node-state.js';
import type { NodeView } from '../node-view.js';
import type { SlotRange } from '../slots.js';
import { acceptsConnections, type TroubleKind } from '../trouble.js';
import type { Daemon } from './daemon.js';
import { keptId } from './folder.js';

export interface NodeStatus {
  readonly index: number;
  readonly port: number;
  readonly name: string;
  readonly dir: string;
  readonly logFile: string;
  /** Undefined when no process runs as this node. */
  readonly pid: number | undefined;
  readonly startedAtMs: number | undefined;
  /** Known from its files when it does not run. */
  readonly id: string | undefined;
  /** Undefined when the node does not answer. */
  readonly answer: NodeAnswer | undefined;
  /** Why it does not answer. */
  readonly trouble: string | undefined;
}

export interface NodeAnswer {
  readonly view: NodeView;
  readonly stateOk: boolean;
  readonly keys: number;
  /** Undefined for masters. */
  readonly inSync: boolean | undefined;
}

/** How long a node may take for an answer before the survey goes on without it. */
const ANSWER_TIMEOUT_MS = 2000;

/** Asks the daemons again and again over connections that it keeps. */
export class Surveyor {
  readonly #daemons: readonly Daemon[];
  readonly #connector: Connector;
  readonly #clients = new Map<Daemon, NodeClient>();

  constructor(daemons: readonly Daemon[], connector: Connector) {
    this.#daemons = daemons;
    this.#connector = connector;
  }

  async look(): Promise<NodeStatus[]> {
    return await Promise.all(this.#daemons.map((daemon) => this.#ask(daemon)));
  }

  /** The connection to a node; what keeps it from being made is thrown. */
  async connect(daemon: Daemon): Promise<NodeClient> {
    const known = this.#clients.get(daemon);
    if (known !== undefined) return known;
    const { host, place } = daemon;
    // Cheap, where a node that starts is asked every moment and each client costs it and us time.
    if (!(await acceptsConnections(host, place.port))) throw new Error('it does not listen');
    const outcome = await this.#connector.connect({ host, port: place.port, busPort: undefined });
    if (!(outcome instanceof NodeClient)) throw new Error(wordsFor(outcome.kind, outcome.detail));
    this.#clients.set(daemon, outcome);
    return outcome;
  }

  async #ask(daemon: Daemon): Promise<NodeStatus> {
    const { index, port, dir, logFile } = daemon.place;
    const place = { index, port, dir, logFile, name: daemon.name };
    let answer: NodeAnswer | undefined;
    let trouble: string | undefined;
    try {
      if (daemon.mayRun) answer = await this.#answer(daemon);
      else this.#forget(daemon);
    } catch (error) {
      this.#forget(daemon);
      // The table and the watch name the node themselves.
      trouble = error instanceof NodeCallError && !error.isReply ? error.reply : (error as Error).message;
    }
    // Asked last: on a system that does not tell processes apart the server has vouched for itself by now.
    const process = daemon.running;
    return {
      ...place,
      pid: process?.pid,
      startedAtMs: process?.startedAtMs,
      // Somebody else's server on that port is not this node.
      answer: process === undefined ? undefined : answer,
      trouble: process === undefined ? 'it does not run' : trouble,
      id: answer?.view.myself.id ?? keptId(daemon.place),
    };
  }

  async #answer(daemon: Daemon): Promise<NodeAnswer> {
    const client = await this.connect(daemon);
    const info = String(await client.call(['INFO'], ANSWER_TIMEOUT_MS));
    const pid = Number(infoField(info, 'process_id'));
    if (daemon.record?.pid !== pid) throw new Error('another server listens on its port');
    daemon.vouch(pid);
    const view = await readView(client);
    const state = infoField(await client.text('CLUSTER', 'INFO'), 'cluster_state');
    const link = infoField(info, 'master_link_status');
    return {
      view,
      stateOk: state === 'ok',
      keys: parseKeyspace(info).get(0) ?? 0,
      inSync: link === undefined ? undefined : link === 'up',
    };
  }

  #forget(daemon: Daemon): void {
    this.#clients.get(daemon)?.close();
    this.#clients.delete(daemon);
  }
}

function wordsFor(kind: TroubleKind, detail: string): string {
  switch (kind) {
    case 'loading':
      return 'it is loading its data';
    case 'password needed':
      return 'it asks for a password: set SHOAL_AUTH';
    case 'wrong password':
      return 'it does not take the password';
    default:
      return detail;
  }
}

// ------------------------------------------------------------------------------------------- what follows from it

export type Role = 'master' | 'replica';

export function roleOf(node: NodeStatus): Role | undefined {
  if (node.answer === undefined) return undefined;
  return node.answer.view.myself.masterId === undefined ? 'master' : 'replica';
}

export function slotsOf(node: NodeStatus): readonly SlotRange[] {
  return node.answer?.view.myself.slots ?? [];
}

/** The local node that a replica says it replicates. */
export function masterOf(node: NodeStatus, nodes: readonly NodeStatus[]): NodeStatus | undefined {
  const masterId = node.answer?.view.myself.masterId;
  return masterId === undefined ? undefined : nodes.find(({ id }) => id === masterId);
}

/** Whether every node answers and says that the cluster is as it should be. */
export function allOk(nodes: readonly NodeStatus[]): boolean {
  return nodes.every(({ answer }) => answer?.stateOk === true);
}
