/** `trib reshard`: moves slots, and the keys in them, from some masters to another one. */
import { SLOT_COUNT } from '../../base/crc16.js';
import type { Address } from '../address.js';
import { type Cluster, findMember, idOf, type Member, mastersOf } from '../cluster.js';
import { askConsent, type ChangeOptions } from '../consent.js';
import { loadSettledCluster } from '../moving/migrations.js';
import type { MoveOptions, SlotBatch } from '../moving/mover.js';
import { reshardTable, type SlotMove, type SlotOwner } from '../moving/reshard-plan.js';
import { isMaster } from '../node-view.js';
import { memberBlock, printCheck } from '../report.js';
import { listSlots } from '../slots.js';
import type { Terminal } from '../terminal.js';
import { type CommandContext, connectEntry } from './context.js';
import { moveSlots } from './move-slots.js';

export interface ReshardOptions extends ChangeOptions, MoveOptions {
  /** Ids or addresses, separated by commas, or `all`; asked for when undefined. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly slots: number | undefined;
  readonly keyByKey: boolean;
}

/** What is to be done, once everything has been asked. */
interface Order {
  readonly slots: number;
  readonly target: Member;
  readonly sources: readonly Member[];
}

interface Source extends SlotOwner {
  readonly member: Member;
}

export async function reshard(context: CommandContext, address: Address, options: ReshardOptions): Promise<number> {
  const entry = await connectEntry(context, address);
  if (entry === undefined) return 1;
  const { terminal, connector } = context;
  const cluster = await loadSettledCluster(terminal, entry, connector);
  if (!(await printCheck(terminal, cluster))) {
    terminal.print('*** Please fix your cluster problems before resharding', `    trib fix ${entry.name}`);
    return 1;
  }
  const order = await askOrder(terminal, cluster, options);
  if (order === undefined) return 1;
  const sources = order.sources.map((member) => {
    return { id: idOf(member), slots: listSlots(member.view.myself.slots), member };
  });
  const table = reshardTable(sources, order.slots);
  printPlan(terminal, cluster, order, table);
  if (table.length === 0) {
    terminal.print('[ERR] The source nodes have no slots: there is nothing to move.');
    return 1;
  }
  const question = 'Do you want to proceed with the proposed reshard plan (yes/no)? ';
  const consent = await askConsent(terminal, question, options);
  if (consent !== 'go') return consent === 'dry run' ? 0 : 1;
  return await moveSlots(terminal, cluster, batchesOf(table, order.target), { options, address, style: 'lines' });
}

/** Consecutive slots of one source make one batch. */
function batchesOf(table: readonly SlotMove<Source>[], target: Member): SlotBatch[] {
  const bySource = new Map<Source, number[]>();
  for (const { slot, source } of table) bySource.set(source, [...(bySource.get(source) ?? []), slot]);
  return [...bySource].map(([{ member }, slots]) => ({ source: member, target, slots }));
}

function printPlan(terminal: Terminal, cluster: Cluster, order: Order, table: readonly SlotMove<Source>[]): void {
  const block = (member: Member): string[] => memberBlock(cluster, member).map((line) => `    ${line}`);
  terminal.print('', `Ready to move ${order.slots} slots.`);
  terminal.print('  Source nodes:', ...order.sources.flatMap(block));
  terminal.print('  Destination node:', ...block(order.target), '  Resharding plan:');
  for (const { slot, source } of table) terminal.print(`    Moving slot ${slot} from ${source.id}`);
  const plan = table.map(({ slot, source }) => ({ slot, from: source.id, to: idOf(order.target) }));
  terminal.report({ plan });
}

// ------------------------------------------------------------------------------------------------ what is to move

async function askOrder(terminal: Terminal, cluster: Cluster, options: ReshardOptions): Promise<Order | undefined> {
  const slots = options.slots ?? (await askSlots(terminal));
  if (slots === undefined) return undefined;
  if (slots < 1 || slots > SLOT_COUNT) {
    terminal.print(`[ERR] The number of slots must be from 1 to ${SLOT_COUNT}.`);
    return undefined;
  }
  const to = options.to ?? (await askOrGiveUp(terminal, 'What is the receiving node ID? ', '--to'));
  const target = to === undefined ? undefined : findMaster(terminal, cluster, to);
  if (target === undefined) return undefined;
  const sources = await chooseSources(terminal, cluster, target, options.from);
  if (sources === undefined) return undefined;
  if (sources.length === 0) {
    terminal.print('*** No source nodes given, operation aborted.');
    return undefined;
  }
  return { slots, target, sources };
}

async function askSlots(terminal: Terminal): Promise<number | undefined> {
  const question = `How many slots do you want to move (from 1 to ${SLOT_COUNT})? `;
  for (;;) {
    const answer = await askOrGiveUp(terminal, question, '--slots');
    if (answer === undefined) return undefined;
    if (/^\d{1,5}$/.test(answer) && Number(answer) >= 1 && Number(answer) <= SLOT_COUNT) return Number(answer);
  }
}

async function askOrGiveUp(terminal: Terminal, question: string, option: string): Promise<string | undefined> {
  for (;;) {
    const answer = await terminal.ask(question);
    if (answer === undefined) {
      terminal.print(`[ERR] There is nobody to answer on standard input: give ${option}.`);
    }
    if (answer !== '') return answer;
  }
}

/** The sources; undefined when one of them cannot be one. */
async function chooseSources(
  terminal: Terminal,
  cluster: Cluster,
  target: Member,
  from: string | undefined,
): Promise<Member[] | undefined> {
  const everybody = mastersOf(cluster).filter((master) => master !== target && master.view.myself.slots.length > 0);
  const chosen = new Set<Member>();
  /** False when the name is no master's. The target cannot be a source: that is said, and it is left out. */
  const choose = (name: string): boolean => {
    const member = findMaster(terminal, cluster, name);
    if (member === target) terminal.print('*** It is not possible to use the target node as source node.');
    else if (member !== undefined) chosen.add(member);
    return member !== undefined;
  };
  if (from !== undefined) {
    const names = from.split(',').filter(Boolean);
    if (names.includes('all')) return everybody;
    return names.every(choose) ? [...chosen] : undefined;
  }
  terminal.print(
    'Please enter all the source node IDs.',
    "  Type 'all' to use all the nodes as source nodes for the hash slots.",
    "  Type 'done' once you entered all the source nodes IDs.",
  );
  for (;;) {
    const answer = await askOrGiveUp(terminal, `Source node #${chosen.size + 1}: `, '--from');
    if (answer === 'all') return everybody;
    if (answer === 'done') return [...chosen];
    if (answer === undefined || !choose(answer)) return undefined;
  }
}

function findMaster(terminal: Terminal, cluster: Cluster, name: string): Member | undefined {
  const member = findMember(cluster.members, name);
  if (member !== undefined && isMaster(member.view.myself)) return member;
  terminal.print(`*** The specified node (${name}) is not known or not a master, please retry.`);
  return undefined;
}
