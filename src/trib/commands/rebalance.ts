/** `trib rebalance`: moves slots until every master has its share. */
import type { Address } from '../address.js';
import { type Cluster, findMember, idOf, type Member, mastersOf } from '../cluster.js';
import { askConsent, type ChangeOptions } from '../consent.js';
import { loadSettledCluster } from '../moving/migrations.js';
import type { MoveOptions, SlotBatch } from '../moving/mover.js';
import { planRebalance, type WeightedOwner } from '../moving/rebalance-plan.js';
import { infoField } from '../node-state.js';
import { isMaster } from '../node-view.js';
import { printCheck } from '../report.js';
import { listSlots } from '../slots.js';
import type { Terminal } from '../terminal.js';
import { type CommandContext, connectEntry } from './context.js';
import { moveSlots } from './move-slots.js';

export interface RebalanceOptions extends ChangeOptions, MoveOptions {
  /** `node=weight` each. */
  readonly weights: readonly string[];
  /** Weights from what memory each master may use. */
  readonly autoWeights: boolean;
  readonly useEmptyMasters: boolean;
  readonly simulate: boolean;
  readonly thresholdPercent: number;
  readonly keyByKey: boolean;
}

interface Owner extends WeightedOwner {
  readonly member: Member;
}

export async function rebalance(context: CommandContext, address: Address, options: RebalanceOptions): Promise<number> {
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const { terminal, connector } = context;
  const cluster = await loadSettledCluster(terminal, entry, connector);
  const weights = await readWeights(terminal, cluster, options);
  if (weights === undefined) return 1;
  if (!(await printCheck(terminal, cluster, 'without nodes'))) {
    terminal.print('*** Please fix your cluster problems before rebalancing', `    trib fix ${entry.name}`);
    return 1;
  }
  const owners = mastersOf(cluster)
    .filter(({ view }) => options.useEmptyMasters || view.myself.slots.length > 0)
    .map((member): Owner => {
      return { id: idOf(member), member, slots: listSlots(member.view.myself.slots), weight: weights.get(member) ?? 1 };
    });
  const plan = planRebalance(owners, options.thresholdPercent);
  if (plan.totalWeight <= 0) {
    terminal.print('[ERR] The weights of all masters are zero: nobody would be left to serve the slots.');
    return 1;
  }
  terminal.report({
    plan: plan.transfers.map(({ source, target, slots }) => ({ from: source.id, to: target.id, slots })),
  });
  if (!plan.needed || plan.transfers.length === 0) {
    const threshold = options.thresholdPercent.toFixed(2);
    terminal.print(`*** No rebalancing needed! All nodes are within the ${threshold}% threshold.`);
    terminal.report({ changed: false });
    return 0;
  }
  terminal.print(
    `>>> Rebalancing across ${owners.length} nodes. Total weight = ${plan.totalWeight.toFixed(2)}`,
    ...plan.balances.map(({ owner, balance }) => `${owner.member.name} balance is ${balance} slots`),
  );
  const batches = plan.transfers.map(({ source, target, slots }) => {
    return { source: source.member, target: target.member, slots };
  });
  return options.simulate ? simulate(terminal, batches) : await carryOut(terminal, cluster, batches, options, address);
}

function title({ source, target, slots }: SlotBatch): string {
  return `Moving ${slots.length} slots from ${source.name} to ${target.name}`;
}

function simulate(terminal: Terminal, batches: readonly SlotBatch[]): number {
  for (const batch of batches) terminal.print(title(batch), '#'.repeat(batch.slots.length));
  terminal.report({ changed: false });
  return 0;
}

async function carryOut(
  terminal: Terminal,
  cluster: Cluster,
  batches: readonly SlotBatch[],
  options: RebalanceOptions,
  address: Address,
): Promise<number> {
  if (options.dryRun || !options.yes) terminal.print(...batches.map((batch) => `    ${title(batch)}`));
  const question = "Do you want to proceed with the proposed plan? (type 'yes' to accept): ";
  const consent = await askConsent(terminal, question, options);
  if (consent !== 'go') return consent === 'dry run' ? 0 : 1;
  const afterFailure = ['Then run the same command again for the rest.'];
  return await moveSlots(terminal, cluster, batches, { options, address, style: 'hashes', title, afterFailure });
}

// ------------------------------------------------------------------------------------------------------- weights

/** The weight of each master that has one of its own; undefined, and the reason printed, when one makes no sense. */
async function readWeights(
  terminal: Terminal,
  cluster: Cluster,
  options: RebalanceOptions,
): Promise<Map<Member, number> | undefined> {
  const weights = options.autoWeights ? await memoryWeights(terminal, cluster) : new Map<Member, number>();
  if (weights === undefined) return undefined;
  for (const text of options.weights) {
    const [name, number] = text.split('=');
    const weight = Number(number);
    if (number === undefined || number === '' || !Number.isFinite(weight) || weight < 0) {
      terminal.print(
        `*** invalid input ${text}`,
        '    A weight is NODE=NUMBER, the node by its id, the start of it or its address.',
      );
      return undefined;
    }
    const member = findMember(cluster.members, name);
    if (member === undefined || !isMaster(member.view.myself)) {
      terminal.print(`*** No such master node ${name}`);
      return undefined;
    }
    weights.set(member, weight);
  }
  return weights;
}

/** In proportion to `maxmemory`: the smallest master has weight 1. */
async function memoryWeights(terminal: Terminal, cluster: Cluster): Promise<Map<Member, number> | undefined> {
  const limits = new Map<Member, number>();
  for (const master of mastersOf(cluster)) {
    const limit = Number(infoField(await master.client.text('INFO', 'memory'), 'maxmemory') ?? 0);
    if (limit === 0) {
      terminal.print(
        `[ERR] Node ${master.name} has no maxmemory, from which --auto-weights takes the weights.`,
        '      Set it on every master, or give weights with --weight.',
      );
      return undefined;
    }
    limits.set(master, limit);
  }
  const least = Math.min(...limits.values());
  return new Map([...limits].map(([master, limit]) => [master, limit / least]));
}
