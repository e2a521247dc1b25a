/**
 * `trib import`: the keys of a standalone server go to the cluster's nodes. Run again after an interruption it goes on: what
 * has gone over is no longer at the source or, with --copy, is the same on both sides.
 */
import { keySlot, SLOT_COUNT } from '../../base/crc16.js';
import { type Address, formatAddress } from '../address.js';
import { type Cluster, loadCluster, type Member, mastersOf } from '../cluster.js';
import { askConsent, type ChangeOptions } from '../consent.js';
import { keysThatDiffer } from '../moving/compare.js';
import { NodeCallError, NodeClient } from '../node-client.js';
import { infoField, parseKeyspace, plural } from '../node-state.js';
import { progressText, Stopwatch } from '../progress.js';
import { printCheck } from '../report.js';
import { listSlots } from '../slots.js';
import type { Terminal } from '../terminal.js';
import { explainTrouble } from '../trouble.js';
import { type CommandContext, connectEntry } from './context.js';

export interface ImportOptions extends ChangeOptions {
  readonly from: Address;
  readonly fromUser: string | undefined;
  readonly fromPassword: string | undefined;
  readonly askPassword: boolean;
  readonly copy: boolean;
  readonly replace: boolean;
  readonly timeoutMs: number;
  readonly pipeline: number;
}

const SCAN_COUNT = 1000;
const LONGEST_MIGRATE_MS = 600_000;

export async function importKeys(context: CommandContext, address: Address, options: ImportOptions): Promise<number> {
  const { terminal, connector } = context;
  const [from, to] = [options.from, address].map(({ host, port }) => formatAddress(host, port));
  terminal.print(`>>> Importing data from ${from} to cluster ${to}`);
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const cluster = await loadCluster(entry, connector);
  if (!(await printCheck(terminal, cluster))) return 1;
  const source = await connectSource(context, options);
  if (source === undefined) return 1;
  const total = Number(await source.call(['DBSIZE']));
  terminal.print(`*** Importing ${total} keys from DB 0`);
  terminal.report({ keys: total });
  const question = `${options.copy ? 'Copy' : 'Move'} these keys to the cluster? (type 'yes' to accept): `;
  const consent = await askConsent(terminal, question, options);
  if (consent !== 'go') return consent === 'dry run' ? 0 : 1;
  const importer = new Importer(terminal, source, cluster, total, options);
  try {
    await importer.run();
    return 0;
  } catch (error) {
    if (!(error instanceof NodeCallError)) throw error;
    if (!error.isReply) terminal.print(error.message);
    terminal.print(
      `[ERR] The import broke off: ${importer.done} of ${total} keys are in the cluster.`,
      ...importer.whenBrokenOff.map((line) => `      ${line}`),
      '      No key is lost. Mend the cause and run the same command again: it goes on from here.',
    );
    return 1;
  } finally {
    terminal.endLine();
    terminal.report({ imported: importer.done });
  }
}

async function connectSource(
  { terminal, connector }: CommandContext,
  options: ImportOptions,
): Promise<NodeClient | undefined> {
  const asked = options.askPassword ? await terminal.askSecret('Please input source password: ') : undefined;
  const credentials = { username: options.fromUser, password: asked ?? options.fromPassword };
  const source = await connector.connect(options.from, credentials);
  if (!(source instanceof NodeClient)) {
    terminal.print(...(await explainTrouble(source)));
    return undefined;
  }
  const info = await source.text('INFO');
  if (infoField(info, 'cluster_enabled') === '1') {
    terminal.print('[ERR] The source node should not be a cluster node.');
    return undefined;
  }
  for (const [db, keys] of parseKeyspace(info)) {
    if (db === 0) continue;
    terminal.print(
      `[WARNING] ${plural(keys, 'key')} in database ${db} stay where they are: a cluster has database 0 only.`,
    );
  }
  return source;
}

class Importer {
  readonly #terminal: Terminal;
  readonly #source: NodeClient;
  readonly #owners: readonly Member[];
  readonly #total: number;
  readonly #options: ImportOptions;
  readonly #watch = new Stopwatch();
  done = 0;
  /** What is to be said besides, when an error has ended the run. */
  readonly whenBrokenOff: string[] = [];

  constructor(terminal: Terminal, source: NodeClient, cluster: Cluster, total: number, options: ImportOptions) {
    this.#terminal = terminal;
    this.#source = source;
    this.#owners = ownersBySlot(cluster);
    this.#total = total;
    this.#options = options;
  }

  async run(): Promise<void> {
    for (let cursor = '0'; ; ) {
      const reply = await this.#source.callRaw(['SCAN', cursor, 'COUNT', String(SCAN_COUNT)]);
      const [next, keys] = reply as [Buffer, Buffer[]];
      for (const [target, theirs] of this.#byTarget(keys)) {
        for (let i = 0; i < theirs.length; i += this.#options.pipeline) {
          await this.#send(target, theirs.slice(i, i + this.#options.pipeline));
        }
      }
      cursor = next.toString();
      if (cursor === '0') return;
    }
  }

  #byTarget(keys: readonly Buffer[]): Map<Member, Buffer[]> {
    const groups = new Map<Member, Buffer[]>();
    for (const key of keys) {
      const target = this.#owners[keySlot(key, 0, key.length)];
      groups.set(target, [...(groups.get(target) ?? []), key]);
    }
    return groups;
  }

  async #send(target: Member, keys: readonly Buffer[]): Promise<void> {
    try {
      await this.#migrate(target.client, keys, this.#options.replace);
    } catch (error) {
      if (!(error instanceof NodeCallError) || !error.isReply) throw error;
      if (!error.reply.includes('BUSYKEY')) this.#refuse(target, keys, error);
      await this.#settleTwins(target, keys, error);
    }
    this.#count(target, keys);
  }

  #count(target: Member, keys: readonly Buffer[]): void {
    this.done += keys.length;
    if (this.#terminal.isInteractive) {
      const [elapsedMs, width] = [this.#watch.elapsedMs, this.#terminal.columns - 1];
      const state = { done: this.done, total: this.#total, unit: 'keys', keys: undefined, elapsedMs, width };
      this.#terminal.showStatus(progressText(state));
    } else {
      this.#terminal.print(...keys.map((key) => `Migrating ${key} to ${target.name}: OK`));
    }
  }

  /** Some keys are in the cluster already. Where they are the same, an earlier run has brought them. */
  async #settleTwins(target: Member, keys: readonly Buffer[], error: NodeCallError): Promise<void> {
    const differing = await keysThatDiffer(this.#source, target.client, keys);
    const others = keys.filter((key) => !differing.includes(key));
    if (!this.#options.copy && others.length > 0) await this.#migrate(target.client, others, true);
    if (differing.length === 0) return;
    this.#count(target, others);
    this.whenBrokenOff.push(
      'The cluster has keys of these names with other values already:',
      ...differing.map((key) => `- ${key}`),
      'With --replace they are overwritten.',
    );
    this.#refuse(target, differing, error);
  }

  /** Says so as redis-cli does, which sends one key at a time. */
  #refuse(target: Member, [key]: readonly Buffer[], error: NodeCallError): never {
    this.#terminal.print(
      `Migrating ${key} to ${target.name}: Source ${this.#source.name} replied with error:`,
      error.reply,
    );
    throw error;
  }

  async #migrate(target: NodeClient, keys: readonly Buffer[], replace: boolean): Promise<void> {
    const { timeoutMs, copy } = this.#options;
    const args: (string | Buffer)[] = ['MIGRATE', target.ip, String(target.port), '', '0', String(timeoutMs)];
    if (copy) args.push('COPY');
    if (replace) args.push('REPLACE');
    args.push(...target.migrateAuth, 'KEYS', ...keys);
    await this.#source.callRaw(args, Math.max(LONGEST_MIGRATE_MS, 2 * timeoutMs));
  }
}

function ownersBySlot(cluster: Cluster): Member[] {
  const owners = new Array<Member>(SLOT_COUNT);
  for (const master of mastersOf(cluster))
    for (const slot of listSlots(master.view.myself.slots)) owners[slot] = master;
  return owners;
}
