/** `trib failover`: a replica and its master change places. */
import type { Address } from '../address.js';
import { type Cluster, findMember, idOf, loadCluster, type Member, replicasOf } from '../cluster.js';
import { askConsent, type ChangeOptions } from '../consent.js';
import { waitForPromotion } from '../join.js';
import { infoField } from '../node-state.js';
import { isMaster } from '../node-view.js';
import type { Terminal } from '../terminal.js';
import { type CommandContext, connectEntry } from './context.js';

export interface FailoverOptions extends ChangeOptions {
  /** Without the master's help, or without anybody's. */
  readonly mode: 'agreed' | 'force' | 'takeover';
  readonly timeoutMs: number;
}

const EXPLANATION: Readonly<Record<FailoverOptions['mode'], string>> = {
  agreed: 'The master stops writes until the replica has everything: nothing is lost.',
  force: 'The master is not asked: what it has not sent to the replica yet is lost. A majority of masters must agree.',
  takeover: 'Nobody is asked: what the master has not sent yet is lost, and of two that took over the newer one wins.',
};

export async function failover(context: CommandContext, address: Address, options: FailoverOptions): Promise<number> {
  const { terminal, connector } = context;
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const cluster = await loadCluster(entry, connector);
  const replica = await chooseReplica(terminal, cluster);
  if (replica === undefined) return 1;
  const masterId = replica.view.myself.masterId ?? '';
  const master = findMember(cluster.members, masterId);
  terminal.print(`>>> Promoting ${replica.name} in place of ${master?.name ?? masterId}`, EXPLANATION[options.mode]);
  terminal.report({ promoted: idOf(replica), address: replica.name, replaces: masterId });
  if (master === undefined && options.mode === 'agreed') {
    terminal.print(
      '[ERR] The master cannot be reached, so it cannot take part.',
      `      With the consent of the other masters:  trib failover --force ${replica.name}`,
      `      Without, when most masters are gone:    trib failover --takeover ${replica.name}`,
    );
    return 1;
  }
  const consent = await askConsent(terminal, "Do this failover? (type 'yes' to accept): ", options);
  if (consent !== 'go') return consent === 'dry run' ? 0 : 1;
  const word = options.mode === 'agreed' ? [] : [options.mode.toUpperCase()];
  await replica.client.call(['CLUSTER', 'FAILOVER', ...word]);
  const others = cluster.members.filter((member) => member !== replica);
  if (!(await waitForPromotion(terminal, replica, others, options.timeoutMs))) {
    terminal.print(
      `[ERR] ${replica.name} has not become a master that everybody knows.`,
      '      Its log says why; a replica that is too far behind its master is not elected.',
      `      To promote it all the same:  trib failover --takeover ${replica.name}`,
    );
    return 1;
  }
  terminal.print(`[OK] ${replica.name} is the master now.`);
  return 0;
}

/** The entry node, or of a master its replica that has most of its data. */
async function chooseReplica(terminal: Terminal, cluster: Cluster): Promise<Member | undefined> {
  const [node] = cluster.members;
  if (!isMaster(node.view.myself)) return node;
  const replicas = replicasOf(cluster, node);
  if (replicas.length === 0) {
    terminal.print(`[ERR] ${node.name} is a master and has no replica that could take its place.`);
    return undefined;
  }
  const offsets = await Promise.all(
    replicas.map(async ({ client }) =>
      Number(infoField(await client.text('INFO', 'replication'), 'slave_repl_offset') ?? 0),
    ),
  );
  return replicas[offsets.indexOf(Math.max(...offsets))];
}
